#include "operations.h"

#include "content.h"

enum { RUN = 64, NEAR = 2048 }; /* operations of one style; sectors of a busy region: 1 MiB */

/* W 38, D 6, Z 8, T 4, F 2, R 6 of 64. */
static const char KINDS[] = "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWDDDDDDZZZZZZZZTTTTFFRRRRRR";
/* In sectors, of 32: 512 B 7, 1 KiB 7, 4 KiB 12, 64 KiB 3, 128 KiB 2, 256 KiB 1. */
static const uint16_t SIZES[] = {1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2,   2,   2,   2,   8,   8,
                                 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 128, 128, 128, 256, 256, 512};

_Static_assert(sizeof KINDS == 64 + 1, "64 kinds");
_Static_assert(sizeof SIZES == 32 * sizeof(uint16_t), "32 sizes");

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t pieces(uint64_t sectors, uint64_t piece)
{
    return (sectors + piece - 1) / piece;
}

uint64_t fill_operations(uint64_t sectors, uint64_t fill_sectors)
{
    return pieces(fill_sectors, LARGEST_WRITE) +
           pieces(sectors - 1 - fill_sectors, LARGEST_ZERO);
}

static struct operation piece(enum kind kind, uint64_t first, uint64_t end, uint64_t index,
                              uint64_t size)
{
    uint64_t sector = first + index * size;
    return (struct operation){kind, sector, least(size, end - sector)};
}

static struct operation fill_operation(const struct work *work, uint64_t index)
{
    uint64_t filled = 1 + work->fill_sectors;
    uint64_t writes = pieces(work->fill_sectors, LARGEST_WRITE);

    if (index < writes)
        return piece(WRITE, 1, filled, index, LARGEST_WRITE);
    return piece(ZERO, filled, work->sectors, index - writes, LARGEST_ZERO);
}

static struct operation random_operation(const struct work *work, uint64_t number)
{
    uint64_t run = hash(work->key, number / RUN, 1);
    uint64_t what = hash(work->key, number, 2);
    uint64_t where = hash(work->key, number, 3);
    uint64_t area = work->sectors - 1;
    uint64_t style = run % 10;
    uint64_t limit = least(work->largest, area);
    uint64_t size = least(SIZES[(what >> 8) & 31], limit);
    bool aligned = (what >> 16) & 1;
    uint64_t sector;

    if (style < 5) {
        sector = 1 + where % area;
    } else if (style < 8) {
        uint64_t window = least(NEAR, area);
        sector = 1 + (run >> 8) % (area - window + 1) + where % window;
    } else {
        size = least(SIZES[(run >> 8) & 31], limit);
        sector = 1 + ((run >> 16) + number % RUN * size) % area;
        aligned = true;
    }
    if (aligned && sector >= size)
        sector -= sector % size;
    return (struct operation){(enum kind)KINDS[what & 63], sector,
                              least(size, work->sectors - sector)};
}

struct operation whole(struct operation operation, uint64_t granule)
{
    uint64_t end = pieces(operation.sector + operation.count, granule) * granule;

    operation.sector -= operation.sector % granule;
    operation.count = end - operation.sector;
    return operation;
}

/* What would begin in the superblock's granule is moved behind it. */
static struct operation behind(struct operation operation, uint64_t granule)
{
    if (operation.sector < granule) {
        uint64_t end = operation.sector + operation.count;
        operation.count = end > 2 * granule ? end - granule : granule;
        operation.sector = granule;
    }
    return whole(operation, granule);
}

struct operation operation_of(const struct work *work, uint64_t number)
{
    if (number == work->fill_ops + 1)
        return whole((struct operation){WRITE, 0, 1}, work->granule);
    return behind(number <= work->fill_ops ? fill_operation(work, number - 1)
                                           : random_operation(work, number),
                  work->granule);
}
