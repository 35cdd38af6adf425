/* key_lines.h - finds a key among many sorted ones by one word of each.
 *
 * What all keys share is left out, and the eight bytes behind it are a word (words.h); the words
 * are the leaves of a tree whose nodes are cache lines, so a search of twenty thousand keys reads
 * five lines.  It is of no use where many keys have the same word: they share a beginning, but not
 * all of them the same one.  key_tree is for those.
 */
#ifndef KV_KEY_KEY_LINES_H
#define KV_KEY_KEY_LINES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum {
    KEY_LINES_LEVEL_COUNT_MAX = 16, /* 8 ^ 16 keys do not fit in memory */
    KEY_LINES_SAME_COUNT_MAX = 8,   /* keys with the same word */
};

/* Zero-initialised: of no use. */
struct key_lines {
    const struct slice *keys; /* borrowed */
    size_t count;
    size_t prefix_size; /* of the first key: what all keys begin with */
    int64_t *words;     /* owned: all levels */
    size_t line_count;
    /* levels[0] has the keys' words, and each word above is the last one of a line below. */
    const int64_t *levels[KEY_LINES_LEVEL_COUNT_MAX];
    unsigned level_count;
};

/* Of ascending keys, one at least, which outlive the lines.  False: too many have the same word,
 * and nothing is to be deinited. */
bool key_lines_init(struct key_lines *lines, const struct slice *keys, size_t count);
void key_lines_deinit(struct key_lines *lines); /* zero-initialised is fine */
/* How many of the keys are <= key. */
size_t key_lines_up_to(const struct key_lines *lines, struct slice key);

static inline size_t
key_lines_bytes(const struct key_lines *lines)
{
    return lines->line_count * 64;
}

#endif
