#define _GNU_SOURCE
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "content.h"

enum { PATIENCE = 300 }; /* tenths of a second that a disk may take to appear */
enum { LARGEST_GRANULE = 8 };

static const char *const CANDIDATES[] = {"/dev/vda", "/dev/sda", NULL};

static int open_path(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_DIRECT);
    if (fd < 0 && errno == EINVAL)
        fd = open(path, O_RDWR | O_CLOEXEC); /* tmpfs: only under tests */
    return fd;
}

static int wait_for_disk(const char *path)
{
    for (int tries = 0; tries < PATIENCE; tries++) {
        const char *const one[] = {path, NULL};
        for (const char *const *name = path ? one : CANDIDATES; *name != NULL; name++) {
            int fd = open_path(*name);
            if (fd >= 0)
                return fd;
        }
        usleep(100000);
    }
    return -1;
}

bool disk_open(struct disk *disk, const char *path)
{
    struct stat status;
    uint64_t bytes;
    int sector = SECTOR;

    disk->fd = wait_for_disk(path);
    if (disk->fd < 0 || fstat(disk->fd, &status) != 0)
        return false;
    disk->device = S_ISBLK(status.st_mode);
    bytes = (uint64_t)status.st_size;
    if (disk->device && (ioctl(disk->fd, BLKGETSIZE64, &bytes) != 0 ||
                         ioctl(disk->fd, BLKSSZGET, &sector) != 0))
        return false;
    disk->sectors = bytes / SECTOR;
    disk->granule = (uint64_t)sector / SECTOR;
    disk->buffer = aligned_alloc(4096, (LARGEST_WRITE + 3 * LARGEST_GRANULE) * SECTOR);
    return disk->buffer != NULL && disk->sectors > disk->granule &&
           disk->granule <= LARGEST_GRANULE;
}

static int put(const struct disk *disk, struct operation operation)
{
    uint64_t done = 0, bytes = operation.count * SECTOR;

    while (done < bytes) {
        struct iovec part = {disk->buffer + done, bytes - done};
        ssize_t put = pwritev2(disk->fd, &part, 1, (off_t)(operation.sector * SECTOR + done),
                               operation.kind == DURABLE_WRITE ? RWF_DSYNC : 0);
        if (put <= 0)
            return put < 0 ? errno : EIO;
        done += (uint64_t)put;
    }
    return 0;
}

static int get(const struct disk *disk, struct operation operation)
{
    uint64_t done = 0, bytes = operation.count * SECTOR;

    while (done < bytes) {
        ssize_t got = pread(disk->fd, disk->buffer + done, bytes - done,
                            (off_t)(operation.sector * SECTOR + done));
        if (got <= 0)
            return got < 0 ? errno : EIO;
        done += (uint64_t)got;
    }
    return 0;
}

static int clear(const struct disk *disk, struct operation operation)
{
    uint64_t range[2] = {operation.sector * SECTOR, operation.count * SECTOR};
    int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    int result;

    if (disk->device)
        result = ioctl(disk->fd, operation.kind == ZERO ? BLKZEROOUT : BLKDISCARD, range);
    else
        result = fallocate(disk->fd, punch, (off_t)range[0], (off_t)range[1]);
    return result == 0 ? 0 : errno;
}

int disk_do(struct disk *disk, struct operation operation)
{
    switch (operation.kind) {
    case WRITE:
    case DURABLE_WRITE:
        return put(disk, operation);
    case READ:
        return get(disk, operation);
    case ZERO:
    case TRIM:
        return clear(disk, operation);
    case FLUSH:
        return fdatasync(disk->fd) == 0 ? 0 : errno;
    }
    return EINVAL;
}
