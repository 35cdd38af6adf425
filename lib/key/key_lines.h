/* key_lines.h - finds a key among many sorted ones by one word of each.
 *
 * What all keys share is left out, and the eight bytes behind it are a word (words.h), to be found
 * among the others' (word_lines.h).  That is of no use where many keys have the same word: they
 * share a beginning, but not all of them the same one.  key_tree is for those.
 */
#ifndef KV_KEY_KEY_LINES_H
#define KV_KEY_KEY_LINES_H

#include <stdbool.h>

#include "base/slice.h"
#include "key/word_lines.h"

enum { KEY_LINES_SAME_COUNT_MAX = 8 /* keys with the same word */ };

/* Zero-initialised: of no use. */
struct key_lines {
    const struct slice *keys; /* borrowed */
    size_t prefix_size;       /* of the first key: what all keys begin with */
    struct word_lines words;
};

/* Of ascending keys, one at least, which outlive the lines.  False: too many have the same word,
 * and nothing is to be deinited. */
bool key_lines_init(struct key_lines *lines, const struct slice *keys, size_t count);
void key_lines_deinit(struct key_lines *lines); /* zero-initialised is fine */
/* How many of the keys are <= key. */
size_t key_lines_up_to(const struct key_lines *lines, struct slice key);

/* The same in two steps for one of many keys: word_lines_search comes between them.  False: the
 * prefix decides alone, and search->below is how many. */
bool key_lines_begin(const struct key_lines *lines, struct slice key, struct word_search *search);
size_t key_lines_end(const struct key_lines *lines, struct slice key,
                     const struct word_search *search);

#endif
