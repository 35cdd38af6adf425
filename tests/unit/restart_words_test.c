/* Goal: the first step of an index search never leads past the key that it is for. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/random.h"
#include "sst/restart_words.h"
#include "support/unit.h"

enum { KEY_COUNT_MAX = 600, KEY_BYTES_MAX = 24, ROUND_COUNT = 200, PROBE_COUNT = 40 };

static const struct block_form plain_form = {0};

/* Few different bytes and a long common prefix, so that words tie often. */
static size_t
random_key(struct random *random, uint8_t *key)
{
    static const uint8_t bytes[] = {0x00, 'a', 'b', 0xff};
    const size_t prefix = random_below(random, 4) == 0 ? random_below(random, 6) : 6;
    const size_t size = prefix + random_below(random, KEY_BYTES_MAX - 6);

    for (size_t i = 0; i < size; i++)
        key[i] = i < prefix ? 'p' : bytes[random_below(random, i < 14 ? 2 : 4)];
    return size;
}

static int
by_key(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

/* entry* | restarts, an entry with an empty value at each restart point. */
static void
build_block(struct buffer *block, const struct slice *keys, size_t count)
{
    struct buffer restarts = {0};

    for (size_t i = 0; i < count; i++) {
        buffer_put_fixed32(&restarts, (uint32_t)block->size);
        buffer_append_byte(block, 0);
        buffer_append_byte(block, (uint8_t)keys[i].size);
        buffer_append_byte(block, 0);
        buffer_append_slice(block, keys[i]);
    }
    buffer_append_slice(block, buffer_slice(&restarts));
    buffer_put_fixed32(block, (uint32_t)count);
    buffer_deinit(&restarts);
}

static void
check_probe(struct block_iter *iter, const struct restart_words *words, struct slice target,
            const struct slice *keys, size_t count)
{
    const struct restart_range range = restart_words_find(words, target);
    struct restart_search search;
    size_t expected = 0;
    uint32_t located;

    while (expected < count && slice_compare(keys[expected], target) < 0)
        expected++;
    CU_ASSERT(range.low <= range.high && range.high < count);
    if (restart_search_begin(words, target, &search) &&
        restart_search_end(words, &search, &located))
        CU_ASSERT(located == expected && !slice_equal(keys[expected], target));
    CU_ASSERT_FATAL(block_iter_seek_within(iter, target, 0, range.low, range.high));
    CU_ASSERT_EQUAL(iter->valid, expected < count);
    if (iter->valid && expected < count)
        CU_ASSERT(slice_equal(iter->key, keys[expected]));
}

/* Goal: a search that begins with the words ends where a search of the block does.
 * Method: random sorted keys that tie often; targets are keys, their neighbours and others; the
 * expectation is a linear search. */
static void
words_lead_to_the_first_key_not_below(void)
{
    static uint8_t bytes[KEY_COUNT_MAX][KEY_BYTES_MAX];
    struct slice keys[KEY_COUNT_MAX];
    struct random random;

    random_init(&random, unit_seed());
    for (unsigned round = 0; round < ROUND_COUNT; round++) {
        const size_t count = 1 + random_below(&random, KEY_COUNT_MAX);
        struct buffer block = {0};
        struct restart_words words;
        struct block_iter iter;

        for (size_t i = 0; i < count; i++)
            keys[i] = slice_of(bytes[i], random_key(&random, bytes[i]));
        qsort(keys, count, sizeof(keys[0]), by_key);
        build_block(&block, keys, count);
        block_iter_init(&iter);
        CU_ASSERT_FATAL(block_iter_open(&iter, buffer_slice(&block), plain_form));
        CU_ASSERT_FATAL(restart_words_init(&words, &iter));
        for (unsigned i = 0; i < PROBE_COUNT; i++) {
            uint8_t target[KEY_BYTES_MAX];

            check_probe(&iter, &words, slice_of(target, random_key(&random, target)), keys, count);
            check_probe(&iter, &words, keys[random_below(&random, count)], keys, count);
        }
        check_probe(&iter, &words, slice_of(NULL, 0), keys, count);
        restart_words_deinit(&words);
        block_iter_deinit(&iter);
        buffer_deinit(&block);
    }
}

/* Goal: so it is in indexes of every height.
 * Method: ascending numbers, as many as fill the tree's levels, and one more or less. */
static void
trees_of_all_heights_find_each_key(void)
{
    static const unsigned counts[] = {1, 7, 8, 9, 63, 64, 65, 511, 512, 513, 4095, 4096, 4097};
    static char texts[4097][12];
    static struct slice keys[4097];

    for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
        struct buffer block = {0};
        struct restart_words words;
        struct block_iter iter;

        for (unsigned i = 0; i < counts[c]; i++)
            keys[i] = slice_of(texts[i], (size_t)snprintf(texts[i], 12, "%06u", 2 * i + 1));
        build_block(&block, keys, counts[c]);
        block_iter_init(&iter);
        CU_ASSERT_FATAL(block_iter_open(&iter, buffer_slice(&block), plain_form));
        CU_ASSERT_FATAL(restart_words_init(&words, &iter));
        for (unsigned i = 0; i <= 2 * counts[c] + 1; i += 1 + counts[c] / 100) {
            char target[12];

            check_probe(&iter, &words,
                        slice_of(target, (size_t)snprintf(target, sizeof(target), "%06u", i)), keys,
                        counts[c]);
        }
        restart_words_deinit(&words);
        block_iter_deinit(&iter);
        buffer_deinit(&block);
    }
}

/* Goal: a block whose restart points do not ascend is refused, an empty one has no words. */
static void
damaged_restart_points_are_refused(void)
{
    const struct slice keys[] = {slice_from_text("key7"), slice_from_text("key3"),
                                 slice_from_text("key9")};
    static const uint8_t empty[] = {0, 0, 0, 0, 1, 0, 0, 0};
    struct buffer block = {0};
    struct restart_words words;
    struct block_iter iter;

    build_block(&block, keys, 3);
    block_iter_init(&iter);
    CU_ASSERT_FATAL(block_iter_open(&iter, buffer_slice(&block), plain_form));
    CU_ASSERT(!restart_words_init(&words, &iter));
    CU_ASSERT_PTR_NOT_NULL(iter.fault);
    CU_ASSERT_FATAL(block_iter_open(&iter, slice_of(empty, sizeof(empty)), plain_form));
    CU_ASSERT(restart_words_init(&words, &iter));
    CU_ASSERT_EQUAL(words.count, 0);
    block_iter_deinit(&iter);
    buffer_deinit(&block);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(words_lead_to_the_first_key_not_below),
        UNIT_TEST(trees_of_all_heights_find_each_key),
        UNIT_TEST(damaged_restart_points_are_refused),
        UNIT_TEST_END,
    };

    return unit_main("restart_words", tests, argc, argv);
}
