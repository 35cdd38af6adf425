/* key_lines.c - built once, searched by every read.
 *
 * Invariant: words ascend, and a key with a lower word than another is lower.  A short key is
 * filled up with zeros, which keeps that.
 */
#include "key/key_lines.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "key/key_words.h"

/* False: too many in a row are the same. */
static bool
fill(struct key_lines *lines)
{
    int64_t *words = lines->words.words;
    size_t same_count = 1;

    for (size_t i = 0; i < lines->words.count; i++) {
        words[i] = word_load(lines->keys[i], lines->prefix_size);
        KV_ASSERT(i == 0 || words[i] >= words[i - 1]);
        same_count = i > 0 && words[i] == words[i - 1] ? same_count + 1 : 1;
        if (same_count > KEY_LINES_SAME_COUNT_MAX)
            return false;
    }
    return true;
}

bool
key_lines_init(struct key_lines *lines, const struct slice *keys, size_t count)
{
    KV_ASSERT(count > 0);
    *lines = (struct key_lines){
        .keys = keys,
        .prefix_size = key_common_size(keys[0], keys[count - 1]),
    };
    word_lines_init(&lines->words, count);
    if (!fill(lines)) {
        key_lines_deinit(lines);
        return false;
    }
    word_lines_finish(&lines->words);
    return true;
}

void
key_lines_deinit(struct key_lines *lines)
{
    word_lines_deinit(&lines->words);
    *lines = (struct key_lines){0};
}

/* Of keys that begin with the prefix and have equal words.  Where these have all of both keys, the
 * longer one has more of the zeros that a word is filled up with. */
static int
compare_same(const struct key_lines *lines, struct slice a, struct slice b)
{
    const size_t seen = lines->prefix_size + sizeof(int64_t);

    if (a.size <= seen && b.size <= seen)
        return (a.size > b.size) - (a.size < b.size);
    return slice_compare(a, b);
}

bool
key_lines_begin(const struct key_lines *lines, struct slice key, struct word_search *search)
{
    const size_t shared = key.size < lines->prefix_size ? key.size : lines->prefix_size;
    const int order = shared == 0 ? 0 : memcmp(key.data, lines->keys[0].data, shared);

    KV_ASSERT(lines->words.count > 0);
    *search = (struct word_search){.lines = &lines->words};
    if (order != 0 || shared < lines->prefix_size) {
        search->below = order > 0 ? lines->words.count : 0;
        return false;
    }
    search->word = word_load(key, lines->prefix_size);
    return true;
}

size_t
key_lines_end(const struct key_lines *lines, struct slice key, const struct word_search *search)
{
    const struct word_lines *words = &lines->words;
    size_t at = search->below;

    KV_ASSERT(at <= words->count);
    while (at < words->count && words->words[at] == search->word &&
           compare_same(lines, lines->keys[at], key) <= 0)
        at++;
    return at;
}

size_t
key_lines_up_to(const struct key_lines *lines, struct slice key)
{
    struct word_search search;

    if (!key_lines_begin(lines, key, &search))
        return search.below;
    search.below = word_lines_below(&lines->words, search.word);
    return key_lines_end(lines, key, &search);
}
