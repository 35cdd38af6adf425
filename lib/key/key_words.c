/* key_words.c - searching sorted keys by words.
 *
 * Keys that differ in their first eight bytes are rare: they are numbers, names of tenants and of
 * tables.  What neighbours share says nothing, so it is left out before the words are made.
 *
 * Invariant: all keys begin with the prefix, and a key with a lower word than another is lower.
 */
#include "key/key_words.h"

#include "base/alloc.h"
#include "base/assert.h"

size_t
key_common_size(struct slice a, struct slice b)
{
    const size_t size_max = a.size < b.size ? a.size : b.size;
    size_t size = 0;

    while (size + 8 <= size_max) {
        const uint64_t differing = load_fixed64(a.data + size) ^ load_fixed64(b.data + size);

        if (differing != 0)
            return size + (size_t)__builtin_ctzll(differing) / 8;
        size += 8;
    }
    while (size < size_max && a.data[size] == b.data[size])
        size++;
    return size;
}

void
key_words_build(struct key_words *words, const struct slice *keys, size_t stride, size_t count)
{
    const struct slice first = keys[0];
    const size_t shared = key_common_size(first, keys[(count - 1) * stride]);

    KV_ASSERT(count > 0 && count <= KEY_WORDS_COUNT_MAX);
    KV_ASSERT(shared <= UINT32_MAX);
    words->count = (uint32_t)count;
    words->prefix_size = (uint32_t)shared;
    if (shared > 0)
        memcpy(words->prefix, first.data,
               shared < sizeof(words->prefix) ? shared : sizeof(words->prefix));
    for (size_t i = 0; i < count; i++)
        words->words[i] = word_load(keys[i * stride], shared);
    for (size_t i = count; i < KEY_WORDS_COUNT_MAX; i++)
        words->words[i] = WORD_UNUSED;
    words_make_steps(words->words, words->steps);
}

/* How the key's first bytes compare to the prefix; 0: it begins with it. */
static int
compare_prefix(const struct key_words *words, struct slice first, struct slice key)
{
    const size_t size = words->prefix_size;
    const uint8_t *prefix = size <= sizeof(words->prefix) ? words->prefix : first.data;

    if (key.size >= size)
        return slice_compare(slice_of(key.data, size), slice_of(prefix, size));
    return slice_compare(key, slice_of(prefix, size));
}

/* For keys that begin with the prefix and have equal words.  Where these have all of both keys, the
 * longer one has more of the zeros that a word is filled up with. */
static int
compare_tie(const struct key_words *words, struct slice a, struct slice b)
{
    const size_t seen = (size_t)words->prefix_size + sizeof(words->words[0]);

    if (a.size <= seen && b.size <= seen)
        return (a.size > b.size) - (a.size < b.size);
    return slice_compare(a, b);
}

void
key_words_insert(struct key_words *words, const struct slice *keys, size_t index)
{
    const size_t count = words->count;

    KV_ASSERT(count < KEY_WORDS_COUNT_MAX);
    KV_ASSERT(index <= count);
    if (count == 0 || compare_prefix(words, keys[index == 0], keys[index]) != 0) {
        key_words_build(words, keys, 1, count + 1);
        return;
    }
    memmove(&words->words[index + 1], &words->words[index],
            (count - index) * sizeof(words->words[0]));
    words->words[index] = word_load(keys[index], words->prefix_size);
    words->count++;
    words_make_steps(words->words, words->steps);
}

size_t
key_words_up_to(const struct key_words *words, const struct slice *keys, size_t stride,
                struct slice key)
{
    const size_t count = words->count;
    const int order = count == 0 ? -1 : compare_prefix(words, keys[0], key);
    size_t low, high;
    int64_t word;

    if (order != 0)
        return order < 0 ? 0 : count;
    word = word_load(key, words->prefix_size);
    low = words_find(words->words, words->steps, word);
    low = low < count ? low : count;
    for (high = low; high < count && words->words[high] == word;)
        high++;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (compare_tie(words, keys[middle * stride], key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t
node_count_over(size_t count)
{
    return count / KEY_WORDS_COUNT_MAX + (count % KEY_WORDS_COUNT_MAX != 0);
}

static void
build_level(struct key_tree *tree, unsigned level, size_t stride)
{
    const size_t there = (tree->count - 1) / stride + 1; /* keys that the level has words of */
    struct key_words *node = tree->nodes + tree->level_starts[level];

    for (size_t at = 0; at < there; at += KEY_WORDS_COUNT_MAX, node++) {
        const size_t left = there - at;

        key_words_build(node, tree->keys + at * stride, stride,
                        left < KEY_WORDS_COUNT_MAX ? left : KEY_WORDS_COUNT_MAX);
    }
}

void
key_tree_init(struct key_tree *tree, const struct slice *keys, size_t count)
{
    size_t stride = 1;

    KV_ASSERT(count > 0);
    *tree = (struct key_tree){.keys = keys, .count = count};
    if (key_lines_init(&tree->lines, keys, count))
        return;
    do {
        KV_ASSERT(tree->level_count < KEY_TREE_LEVEL_COUNT_MAX);
        count = node_count_over(count);
        tree->level_starts[tree->level_count++] = tree->node_count;
        tree->node_count += count;
    } while (count > 1);
    tree->nodes = kv_alloc_aligned(64, tree->node_count * sizeof(struct key_words));
    for (unsigned level = 0; level < tree->level_count; level++) {
        build_level(tree, level, stride);
        stride *= KEY_WORDS_COUNT_MAX;
    }
}

void
key_tree_deinit(struct key_tree *tree)
{
    key_lines_deinit(&tree->lines);
    free(tree->nodes);
    *tree = (struct key_tree){0};
}

size_t
key_tree_up_to(const struct key_tree *tree, struct slice key)
{
    size_t at = 0; /* in the level: a node, then a key or a node below */
    unsigned level = tree->level_count;

    if (key_tree_has_lines(tree))
        return key_lines_up_to(&tree->lines, key);
    KV_ASSERT(level > 0);
    for (;;) {
        const struct key_words *node = &tree->nodes[tree->level_starts[--level] + at];
        const unsigned shift = 6 * level;
        const size_t first = at * KEY_WORDS_COUNT_MAX;
        const size_t up_to =
            key_words_up_to(node, tree->keys + (first << shift), (size_t)1 << shift, key);

        if (level == 0)
            return first + up_to;
        if (up_to == 0)
            return 0;
        at = first + up_to - 1;
        key_words_prefetch(&tree->nodes[tree->level_starts[level - 1] + at]);
    }
}
