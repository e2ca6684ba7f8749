/* What a sector holds: enough to tell who wrote it, when and for which place. */
#ifndef CONTENT_H
#define CONTENT_H

#include <stdbool.h>
#include <stdint.h>

enum { SECTOR = 512, BODY = 464, TABLE = 65536 + BODY };

struct content {
    uint64_t epoch;
    uint8_t table[TABLE];
};

/* What can be said of a sector that was read. */
struct stamp {
    bool zero;
    bool whole; /* written by us for some place, and not torn */
    uint64_t epoch;
    uint64_t operation;
    uint64_t sector;
};

uint64_t mix(uint64_t value);
uint64_t hash(uint64_t key, uint64_t number, uint64_t lane);
uint32_t crc32_of(const void *bytes, uint64_t length);

/* The bodies of all sectors of one epoch are windows of one pseudo-random table. */
void content_init(struct content *content, uint64_t epoch);
void content_write(const struct content *content, uint8_t *sector_bytes, uint64_t operation,
                   uint64_t sector);
bool content_is(const struct content *content, const uint8_t *sector_bytes, uint64_t operation,
                uint64_t sector);
bool all_zero(const uint8_t *bytes, uint64_t length);

/* The body is looked at only if its epoch is that of `content`. */
struct stamp content_read(const struct content *content, const uint8_t *sector_bytes);

#endif
