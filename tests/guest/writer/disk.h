/* The disk: a block device, or a regular file in its place for tests on the host. */
#ifndef DISK_H
#define DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "operations.h"

struct disk {
    int fd;
    bool device;
    uint64_t sectors;
    uint64_t granule; /* sectors that it reads and writes at once */
    uint8_t *buffer;  /* aligned for O_DIRECT; LARGEST_WRITE sectors and a granule on each side */
};

/* `path` NULL: the first virtio or SCSI disk, waited for. Returns false when there is none. */
bool disk_open(struct disk *disk, const char *path);

/* Writes from and reads into `buffer`. Returns 0 or an errno. */
int disk_do(struct disk *disk, struct operation operation);

#endif
