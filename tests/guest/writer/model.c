#include "model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* An entry: whether zeroes are allowed too (the sector was trimmed), what kind of content it has,
 * and the number of the operation that wrote it or a digest of the bytes that were seen. */
enum { UNKNOWN = 0u << 29, DATA = 1u << 29, ZEROES = 2u << 29, SEEN = 3u << 29 };
enum { KIND_MASK = 3u << 29, VALUE_MASK = (1u << 29) - 1 };
static const uint32_t OR_ZERO = 1u << 31;

static uint32_t digest(const uint8_t *bytes)
{
    return SEEN | (crc32_of(bytes, SECTOR) & VALUE_MASK);
}

void model_init(struct model *model, const struct content *content, uint64_t sectors)
{
    model->content = content;
    model->sectors = sectors;
    model->known = calloc(sectors, sizeof *model->known);
    if (model->known == NULL) {
        perror("model");
        exit(1);
    }
}

static uint32_t after(uint32_t before, enum kind kind, uint64_t number)
{
    switch (kind) {
    case WRITE:
    case DURABLE_WRITE:
        return DATA | (uint32_t)(number & VALUE_MASK);
    case ZERO:
        return ZEROES;
    case TRIM:
        return before | OR_ZERO;
    case FLUSH:
    case READ:
        break;
    }
    return before;
}

void model_apply(struct model *model, struct operation operation, uint64_t number)
{
    if (operation.kind == FLUSH || operation.kind == READ)
        return;
    for (uint64_t i = operation.sector; i < operation.sector + operation.count; i++)
        model->known[i] = after(model->known[i], operation.kind, number);
}

void model_forget(struct model *model, struct operation operation)
{
    for (uint64_t i = operation.sector; i < operation.sector + operation.count; i++)
        model->known[i] = UNKNOWN;
}

static bool matches(const struct model *model, uint32_t expected, const uint8_t *bytes,
                    uint64_t sector)
{
    if ((expected & OR_ZERO || (expected & KIND_MASK) == ZEROES) && all_zero(bytes, SECTOR))
        return true;
    switch (expected & KIND_MASK) {
    case DATA:
        return content_is(model->content, bytes, expected & VALUE_MASK, sector);
    case SEEN:
        return digest(bytes) == (expected & ~OR_ZERO);
    default:
        return false;
    }
}

/* Content of an earlier boot says where it belongs. */
static bool plausible(const struct stamp *found, uint64_t sector)
{
    return found->zero || (found->whole && found->sector == sector);
}

static bool check_one(struct model *model, const uint8_t *bytes, uint64_t sector,
                      struct stamp *found)
{
    uint32_t *known = &model->known[sector];

    if (matches(model, *known, bytes, sector))
        return true;
    *found = content_read(model->content, bytes);
    if ((*known & KIND_MASK) != UNKNOWN || !plausible(found, sector))
        return false;
    *known = found->zero ? ZEROES : digest(bytes) | (*known & OR_ZERO);
    return true;
}

uint64_t model_check(struct model *model, const uint8_t *bytes, uint64_t sector, uint64_t count,
                     struct mismatch *told, uint64_t limit)
{
    uint64_t wrong = 0;

    for (uint64_t i = 0; i < count; i++) {
        struct mismatch one = {.sector = sector + i, .expected = model->known[sector + i]};
        if (check_one(model, bytes + i * SECTOR, sector + i, &one.found))
            continue;
        if (wrong < limit)
            told[wrong] = one;
        wrong++;
    }
    return wrong;
}

void model_describe(uint32_t expected, char *text, uint64_t size)
{
    static const char *const KINDS[] = {"anything", "operation", "zeroes", "digest"};
    const char *trimmed = expected & OR_ZERO ? "-or-zeroes" : "";

    snprintf(text, size, "%s%s:%" PRIu32, KINDS[(expected & KIND_MASK) >> 29], trimmed,
             expected & VALUE_MASK);
}
