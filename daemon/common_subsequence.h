/* common_subsequence.h - the longest common subsequence of two strings, a piece at a time.
 *
 * The table of the textbook is made line by line along the longer string; of each cell only the
 * direction is kept in which the way back goes, a bit, and of the lengths only the last line.  So
 * two strings of 10 kB take 12 MB, not 400, and whoever has other things to do can do them between
 * two pieces.
 */
#ifndef KV_DAEMON_COMMON_SUBSEQUENCE_H
#define KV_DAEMON_COMMON_SUBSEQUENCE_H

#include <stdbool.h>

#include "base/buffer.h"

struct common_subsequence {
    struct slice a, b; /* owned */
    uint32_t *line;    /* owned: lengths, for each beginning of the shorter string */
    uint8_t *goes_to_a;
    /* owned, a bit a cell: unequal bytes there, and the way back shortens a */
    uint64_t lines_done; /* of the longer string */
};

/* Copies both; their sizes are below UINT32_MAX. */
void common_subsequence_init(struct common_subsequence *work, struct slice a, struct slice b);
void common_subsequence_deinit(struct common_subsequence *work);
/* Makes about so many cells of the table; true: it is complete. */
bool common_subsequence_advance(struct common_subsequence *work, uint64_t cell_count);
/* Of the complete one. */
uint32_t common_subsequence_length(const struct common_subsequence *work);

/* A run of bytes that are the same in both, as large as the way back makes it. */
struct common_run {
    uint32_t a_first, b_first, size;
};

/* The way back through the table; runs come last to first.  Zeroed but for the sizes. */
struct common_path {
    const struct common_subsequence *work;
    uint32_t a_size, b_size; /* of what is before the place */
};

struct common_path common_subsequence_path(const struct common_subsequence *work);
/* The next run; false: there is none. */
bool common_path_next(struct common_path *path, struct common_run *run);

#endif
