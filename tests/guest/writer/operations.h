/* Which operation has which number. It follows from the parameters in the log's header alone,
 * and tests/guest/operations.py says the same in Python. */
#ifndef OPERATIONS_H
#define OPERATIONS_H

#include <stdint.h>

enum kind {
    WRITE = 'W',
    DURABLE_WRITE = 'D',
    ZERO = 'Z',
    TRIM = 'T',
    FLUSH = 'F',
    READ = 'R',
};

struct work {
    uint64_t key;
    uint64_t sectors;
    uint64_t largest;      /* sectors of the largest random operation */
    uint64_t fill_sectors; /* sectors that the first boot fills with data */
    uint64_t fill_ops;     /* 0 unless this boot fills the disk */
    uint64_t granule;      /* sectors that the disk writes at once: 1, or 8 where it has 4 KiB */
};

struct operation {
    enum kind kind;
    uint64_t sector;
    uint64_t count;
};

enum { LARGEST_WRITE = 512, LARGEST_ZERO = 32768 }; /* sectors: 256 KiB, 16 MiB */

/* Widened to whole granules. */
struct operation whole(struct operation operation, uint64_t granule);

uint64_t fill_operations(uint64_t sectors, uint64_t fill_sectors);

/* Numbers start at 1: the fill, then the superblock (sector 0), then random work for ever, which
 * never comes to the superblock's granule. */
struct operation operation_of(const struct work *work, uint64_t number);

#endif
