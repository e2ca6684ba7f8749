#include "content.h"

#include <string.h>

static const char MAGIC[8] = {'D', 'E', 'T', 'O', 'U', 'R', '0', '1'};
static const uint64_t GAMMA = 0x9E3779B97F4A7C15u;

struct header {
    char magic[8];
    uint64_t epoch;
    uint64_t operation;
    uint64_t sector;
};

struct trailer {
    uint64_t operation;
    uint64_t sector;
};

_Static_assert(sizeof(struct header) + BODY + sizeof(struct trailer) == SECTOR, "sector layout");

/* The finaliser of splitmix64. */
uint64_t mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
    return value ^ (value >> 31);
}

uint64_t hash(uint64_t key, uint64_t number, uint64_t lane)
{
    return mix(mix(key + number * GAMMA) + lane * 0xD1B54A32D192ED03u);
}

uint32_t crc32_of(const void *bytes, uint64_t length)
{
    static uint32_t table[256];
    const uint8_t *at = bytes;
    uint32_t crc = 0xFFFFFFFFu;

    if (table[1] == 0)
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t row = i;
            for (int bit = 0; bit < 8; bit++)
                row = (row >> 1) ^ (row & 1 ? 0xEDB88320u : 0);
            table[i] = row;
        }
    while (length--)
        crc = (crc >> 8) ^ table[(crc ^ *at++) & 0xFF];
    return ~crc;
}

void content_init(struct content *content, uint64_t epoch)
{
    content->epoch = epoch;
    for (uint64_t i = 0; i < TABLE / 8; i++) {
        uint64_t word = mix(epoch + (i + 1) * GAMMA);
        memcpy(content->table + i * 8, &word, 8);
    }
}

static const uint8_t *body_of(const struct content *content, uint64_t operation, uint64_t sector)
{
    uint32_t spread = (uint32_t)(operation * 0x9E3779B1u + sector * 0x85EBCA77u);
    return content->table + (spread >> 16);
}

void content_write(const struct content *content, uint8_t *sector_bytes, uint64_t operation,
                   uint64_t sector)
{
    struct header header = {.epoch = content->epoch, .operation = operation, .sector = sector};
    struct trailer trailer = {.operation = operation, .sector = sector};

    memcpy(header.magic, MAGIC, sizeof MAGIC);
    memcpy(sector_bytes, &header, sizeof header);
    memcpy(sector_bytes + sizeof header, body_of(content, operation, sector), BODY);
    memcpy(sector_bytes + sizeof header + BODY, &trailer, sizeof trailer);
}

bool content_is(const struct content *content, const uint8_t *sector_bytes, uint64_t operation,
                uint64_t sector)
{
    uint8_t expected[SECTOR];

    content_write(content, expected, operation, sector);
    return memcmp(expected, sector_bytes, SECTOR) == 0;
}

bool all_zero(const uint8_t *bytes, uint64_t length)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0;
}

struct stamp content_read(const struct content *content, const uint8_t *sector_bytes)
{
    struct header header;
    struct trailer trailer;
    struct stamp stamp = {.zero = all_zero(sector_bytes, SECTOR)};

    memcpy(&header, sector_bytes, sizeof header);
    memcpy(&trailer, sector_bytes + sizeof header + BODY, sizeof trailer);
    stamp.epoch = header.epoch;
    stamp.operation = header.operation;
    stamp.sector = header.sector;
    stamp.whole = memcmp(header.magic, MAGIC, sizeof MAGIC) == 0 &&
                  trailer.operation == header.operation && trailer.sector == header.sector;
    if (stamp.whole && header.epoch == content->epoch)
        stamp.whole = content_is(content, sector_bytes, header.operation, header.sector);
    return stamp;
}
