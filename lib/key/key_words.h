/* key_words.h - finds a key among sorted ones without looking at them.
 *
 * Up to 64 keys are a prefix that all of them share and, for each, the eight bytes behind it as a
 * word (words.h).  A key's own bytes are only read where words are equal and say not all.  Keys are
 * borrowed: the caller has them in an array and passes that to each call, with the distance between
 * two.
 */
#ifndef KV_KEY_KEY_WORDS_H
#define KV_KEY_KEY_WORDS_H

#include "key/key_lines.h"
#include "key/words.h"

enum {
    KEY_WORDS_COUNT_MAX = WORDS_COUNT,
    KEY_WORDS_PREFIX_INLINE_BYTES = 40,
    KEY_TREE_LEVEL_COUNT_MAX = 8, /* 64 ^ 8 keys do not fit in memory */
};

struct key_words {
    uint32_t count;
    uint32_t prefix_size;
    uint8_t prefix[KEY_WORDS_PREFIX_INLINE_BYTES]; /* as much of it as fits */
    uint8_t padding[16];
    int64_t steps[WORDS_STEP_COUNT];    /* words_find's */
    int64_t words[KEY_WORDS_COUNT_MAX]; /* WORD_UNUSED from `count` on */
};

_Static_assert(offsetof(struct key_words, steps) == 64, "a search reads three cache lines");

/* How many bytes the two have in common at their beginning. */
size_t key_common_size(struct slice a, struct slice b);

/* Of `count` <= KEY_WORDS_COUNT_MAX ascending keys: keys[0], keys[stride], and so on. */
void key_words_build(struct key_words *words, const struct slice *keys, size_t stride,
                     size_t count);
/* keys[index], at a stride of 1, is new; there was room for it. */
void key_words_insert(struct key_words *words, const struct slice *keys, size_t index);
/* How many of the keys are <= key. */
size_t key_words_up_to(const struct key_words *words, const struct slice *keys, size_t stride,
                       struct slice key);
/* Begins to load what a search reads first. */
static inline void
key_words_prefetch(const struct key_words *words)
{
    __builtin_prefetch(words);
    __builtin_prefetch(words->steps);
}

/* Any number of ascending keys.  As lines; or if these do not serve, the words of each 64 of them,
 * then of the first ones of those, up to a single root. */
struct key_tree {
    const struct slice *keys; /* borrowed */
    size_t count;
    struct key_lines lines;
    struct key_words *nodes; /* owned: level 0 and up */
    size_t node_count;
    size_t level_starts[KEY_TREE_LEVEL_COUNT_MAX]; /* level -> its first node */
    unsigned level_count;
};

/* The keys outlive the tree, and there is one at least. */
void key_tree_init(struct key_tree *tree, const struct slice *keys, size_t count);
void key_tree_deinit(struct key_tree *tree); /* zero-initialised is fine */
/* How many of the keys are <= key. */
size_t key_tree_up_to(const struct key_tree *tree, struct slice key);

/* Whether many keys can be sought together: key_lines_begin of tree->lines. */
static inline bool
key_tree_has_lines(const struct key_tree *tree)
{
    return tree->lines.words.count > 0;
}

static inline size_t
key_tree_bytes(const struct key_tree *tree)
{
    return tree->node_count * sizeof(struct key_words) + word_lines_bytes(&tree->lines.words);
}

#endif
