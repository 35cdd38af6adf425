/* Goal: key_words and key_tree place every key as a search of the keys themselves does. */
#include <CUnit/Basic.h>
#include <stdlib.h>

#include "base/random.h"
#include "key/key_words.h"
#include "support/unit.h"

enum { KEY_COUNT_MAX = 9000, KEY_BYTES_MAX = 80, ROUND_COUNT = 60, PROBE_COUNT = 2000 };

static uint8_t texts[KEY_COUNT_MAX + 1][KEY_BYTES_MAX];
static struct slice keys[KEY_COUNT_MAX];
static size_t key_count;

/* What makes words hard: keys that begin alike for longer than a node has room for, that differ
 * behind the first word or only in length, and zeros, which words are filled up with. */
static struct slice
random_key(struct random *random, uint8_t text[KEY_BYTES_MAX], unsigned hardness)
{
    static const size_t shared_bytes[] = {0, 3, 20, KEY_WORDS_PREFIX_INLINE_BYTES, 60};
    const uint64_t letter_count = 1 + random_below(random, 4);
    size_t size = random_below(random, shared_bytes[hardness % 5] + 1);

    if (random_below(random, 8) != 0)
        size = shared_bytes[hardness % 5];
    memset(text, 'p', KEY_BYTES_MAX);
    for (uint64_t left = random_below(random, 20); left > 0; left--)
        text[size++] =
            (uint8_t)(random_below(random, 16) == 0 ? 0xff : random_below(random, letter_count));
    return slice_of(text, size);
}

static int
by_bytes(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static void
make_keys(struct random *random, unsigned hardness, size_t count)
{
    size_t distinct = 0;

    for (size_t i = 0; i < count; i++)
        keys[i] = random_key(random, texts[i], hardness);
    qsort(keys, count, sizeof(keys[0]), by_bytes);
    for (size_t i = 0; i < count; i++) {
        if (distinct == 0 || !slice_equal(keys[distinct - 1], keys[i]))
            keys[distinct++] = keys[i];
    }
    key_count = distinct;
}

static size_t
count_up_to(const struct slice *sorted, size_t count, struct slice key)
{
    size_t up_to = 0;

    while (up_to < count && slice_compare(sorted[up_to], key) <= 0)
        up_to++;
    return up_to;
}

/* Method: random keys, asked for each of them and for random ones between. */
static void
a_tree_places_keys_like_a_search(void)
{
    struct random random;

    random_init(&random, unit_seed());
    for (unsigned round = 0; round < ROUND_COUNT; round++) {
        const size_t most = round % 10 == 9 ? KEY_COUNT_MAX : 300;
        struct key_tree tree;

        make_keys(&random, round, 1 + random_below(&random, most));
        key_tree_init(&tree, keys, key_count);
        for (size_t i = 0; i < key_count; i++)
            CU_ASSERT_EQUAL(key_tree_up_to(&tree, keys[i]), i + 1);
        for (unsigned i = 0; i < PROBE_COUNT; i++) {
            const struct slice key =
                random_key(&random, texts[KEY_COUNT_MAX], round + (i % 8 == 0));

            CU_ASSERT_EQUAL(key_tree_up_to(&tree, key), count_up_to(keys, key_count, key));
        }
        key_tree_deinit(&tree);
    }
}

/* Method: keys come one by one in random order, until the node is full; each is asked for. */
static void
words_follow_what_is_inserted(void)
{
    struct random random;

    random_init(&random, unit_seed());
    for (unsigned round = 0; round < 10 * ROUND_COUNT; round++) {
        struct slice added[KEY_WORDS_COUNT_MAX];
        struct key_words words = {.count = 0};
        size_t count = 0;

        while (count < KEY_WORDS_COUNT_MAX) {
            const struct slice key = random_key(&random, texts[count], round);
            const size_t at = key_words_up_to(&words, added, 1, key);

            CU_ASSERT_EQUAL(at, count_up_to(added, count, key));
            memmove(&added[at + 1], &added[at], (count - at) * sizeof(added[0]));
            added[at] = key;
            key_words_insert(&words, added, at);
            count++;
        }
        for (size_t i = 0; i < count; i++)
            CU_ASSERT_EQUAL(key_words_up_to(&words, added, 1, added[i]),
                            count_up_to(added, count, added[i]));
    }
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(a_tree_places_keys_like_a_search),
        UNIT_TEST(words_follow_what_is_inserted),
        UNIT_TEST_END,
    };

    return unit_main("key_words", tests, argc, argv);
}
