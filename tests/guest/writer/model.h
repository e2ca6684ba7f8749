/* What this boot knows of each sector: what a read may return, in four bytes. */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "content.h"
#include "operations.h"

struct model {
    const struct content *content;
    uint64_t sectors;
    uint32_t *known;
};

struct mismatch {
    uint64_t sector;
    uint32_t expected; /* the packed entry: model.c */
    struct stamp found;
};

void model_init(struct model *model, const struct content *content, uint64_t sectors);

/* The operation was answered with success. */
void model_apply(struct model *model, struct operation operation, uint64_t number);

/* The operation was answered with an error: its sectors may hold anything. */
void model_forget(struct model *model, struct operation operation);

/* Compares what was read; returns the number of mismatches, of which the first `limit` are told.
 * A sector not written in this boot is remembered as it was seen first. */
uint64_t model_check(struct model *model, const uint8_t *bytes, uint64_t sector, uint64_t count,
                     struct mismatch *told, uint64_t limit);

/* What was expected, for the log; `size` bytes of `text`. */
void model_describe(uint32_t expected, char *text, uint64_t size);

#endif
