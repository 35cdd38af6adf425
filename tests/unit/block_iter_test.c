/* Goal: a block's entries come out as they went in, are found by seeking, and no bytes make the
 * iterator read outside the block (run under the sanitizers). */
#include <CUnit/Basic.h>

#include "base/alloc.h"
#include "base/coding.h"
#include "base/random.h"
#include "key/internal_key.h"
#include "sst/block_iter.h"
#include "support/unit.h"

static const struct block_form plain = {.check_order = true};
static const struct block_form delta = {
    .check_order = true, .values_handles = true, .values_delta = true};

static void
put_entry(struct buffer *block, uint32_t shared, const char *rest, const char *value)
{
    buffer_put_varint32(block, shared);
    buffer_put_varint32(block, (uint32_t)strlen(rest));
    buffer_put_varint32(block, (uint32_t)strlen(value));
    buffer_append_slice(block, slice_from_text(rest));
    buffer_append_slice(block, slice_from_text(value));
}

/* Five entries, a restart at the first and the fourth. */
static void
make_plain(struct buffer *block)
{
    uint32_t second;

    put_entry(block, 0, "apple", "1");
    put_entry(block, 2, "ricot", "2");
    put_entry(block, 7, "s", "3");
    second = (uint32_t)block->size;
    put_entry(block, 0, "banana", "4");
    put_entry(block, 1, "lueberry", "5");
    buffer_put_fixed32(block, 0);
    buffer_put_fixed32(block, second);
    buffer_put_fixed32(block, 2);
}

static void
entries_are_walked_and_found(void)
{
    static const char *const keys[] = {"apple", "apricot", "apricots", "banana", "blueberry"};
    struct buffer block = {0};
    struct block_iter iter;

    make_plain(&block);
    block_iter_init(&iter);
    CU_ASSERT_TRUE_FATAL(block_iter_open(&iter, buffer_slice(&block), plain));
    CU_ASSERT_TRUE_FATAL(block_iter_seek_first(&iter));
    for (size_t i = 0; i < 5; i++) {
        CU_ASSERT(slice_equal(iter.key, slice_from_text(keys[i])));
        CU_ASSERT_EQUAL(iter.value.data[0], '1' + (int)i);
        CU_ASSERT_EQUAL(block_iter_is_last(&iter), i == 4);
        CU_ASSERT(i == 4 || block_iter_next(&iter));
    }
    for (size_t i = 0; i < 5; i++) {
        CU_ASSERT_TRUE(block_iter_seek(&iter, slice_from_text(keys[i]), 0));
        CU_ASSERT(iter.valid && slice_equal(iter.key, slice_from_text(keys[i])));
    }
    CU_ASSERT_TRUE(block_iter_seek(&iter, slice_from_text("apz"), 0));
    CU_ASSERT(iter.valid && slice_equal(iter.key, slice_from_text("banana")));
    CU_ASSERT_TRUE(block_iter_seek(&iter, slice_from_text("c"), 0));
    CU_ASSERT_FALSE(iter.valid);
    block_iter_deinit(&iter);
    buffer_deinit(&block);
}

/* Method: full handle, then a delta keyed on `shared`, then a full one that is no restart. */
static void
delta_handles_add_up(void)
{
    struct buffer block = {0};
    struct block_iter iter;

    buffer_append(&block,
                  "\x00\x02"
                  "aa"
                  "\x64\x32",
                  6); /* 100, 50 */
    buffer_append(&block,
                  "\x01\x01"
                  "b"
                  "\x03",
                  4); /* 155, 48 */
    buffer_append(&block,
                  "\x00\x01"
                  "b"
                  "\x07\x09",
                  5); /* 7, 9 */
    buffer_put_fixed32(&block, 0);
    buffer_put_fixed32(&block, 1);
    block_iter_init(&iter);
    CU_ASSERT_TRUE_FATAL(block_iter_open(&iter, buffer_slice(&block), delta));
    CU_ASSERT_TRUE_FATAL(block_iter_seek_first(&iter));
    CU_ASSERT(iter.handle.offset == 100 && iter.handle.size == 50);
    CU_ASSERT_TRUE_FATAL(block_iter_next(&iter));
    CU_ASSERT(iter.handle.offset == 155 && iter.handle.size == 48);
    CU_ASSERT_TRUE_FATAL(block_iter_next(&iter));
    CU_ASSERT(iter.handle.offset == 7 && iter.handle.size == 9);
    CU_ASSERT_TRUE(block_iter_is_last(&iter));
    block_iter_deinit(&iter);
    buffer_deinit(&block);
}

/* Method: two versions whose footers share bytes come in order; the other way round they do not;
 * a failed step leaves the entry as it was. */
static void
order_is_that_of_internal_keys(void)
{
    const struct block_form form = {
        .check_order = true, .check_types = true, .keys_internal = true};

    for (uint64_t newer = 4; newer <= 6; newer += 2) {
        struct buffer block = {0};
        struct block_iter iter;

        buffer_append(&block,
                      "\x00\x09\x00"
                      "k",
                      4);
        buffer_put_fixed64(&block, footer_pack(newer, TYPE_VALUE));
        buffer_append(&block, "\x02\x07\x00", 3);
        buffer_append(&block, "\x05\x00\x00\x00\x00\x00\x00", 7); /* k@5, type shared */
        buffer_put_fixed32(&block, 0);
        buffer_put_fixed32(&block, 1);
        block_iter_init(&iter);
        CU_ASSERT_TRUE_FATAL(block_iter_open(&iter, buffer_slice(&block), form));
        CU_ASSERT_TRUE_FATAL(block_iter_seek_first(&iter));
        CU_ASSERT_EQUAL(block_iter_next(&iter), newer == 6);
        CU_ASSERT_EQUAL(internal_key_footer(iter.key) >> 8, newer == 6 ? 5 : newer);
        CU_ASSERT_TRUE(iter.valid);
        block_iter_deinit(&iter);
        buffer_deinit(&block);
    }
}

static void
empty_blocks_are_empty(void)
{
    const uint8_t bytes[8] = {0, 0, 0, 0, 1, 0, 0, 0};
    struct block_iter iter;

    block_iter_init(&iter);
    CU_ASSERT_TRUE_FATAL(block_iter_open(&iter, slice_of(bytes, 8), plain));
    CU_ASSERT(block_iter_seek_first(&iter) && !iter.valid);
    CU_ASSERT(block_iter_seek(&iter, slice_from_text("a"), 0) && !iter.valid);
    for (size_t size = 0; size < 8; size++)
        CU_ASSERT_FALSE(block_iter_open(&iter, slice_of(bytes + 8 - size, size), plain));
    block_iter_deinit(&iter);
}

/* Method: random damage to a block in memory of exactly its size, in all forms. */
static void
damaged_blocks_end_cleanly(void)
{
    struct buffer block = {0};
    struct random random;

    random_init(&random, unit_seed());
    make_plain(&block);
    for (int i = 0; i < 20000; i++) {
        const uint64_t bits = random_next(&random);
        const struct block_form form = {.check_order = (bits & 1) != 0,
                                        .keys_internal = (bits & 2) != 0,
                                        .values_handles = (bits & 4) != 0,
                                        .values_delta = (bits & 12) == 12,
                                        .has_first_keys = (bits & 20) == 20};
        uint8_t *copy = kv_alloc(block.size);
        struct block_iter iter;
        size_t steps = 0;

        memcpy(copy, block.data, block.size);
        for (int edit = 0; edit < 3; edit++)
            copy[random_below(&random, block.size)] = (uint8_t)random_next(&random);
        block_iter_init(&iter);
        if (block_iter_open(&iter, slice_of(copy, block.size), form)) {
            if (!block_iter_seek(&iter, slice_from_text("b"), 5))
                CU_ASSERT_PTR_NOT_NULL(iter.fault);
            if (block_iter_seek_first(&iter) && iter.valid) {
                while (!block_iter_is_last(&iter) && block_iter_next(&iter))
                    steps++;
            }
        }
        CU_ASSERT(steps < block.size);
        block_iter_deinit(&iter);
        free(copy);
    }
    buffer_deinit(&block);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(entries_are_walked_and_found),   UNIT_TEST(delta_handles_add_up),
        UNIT_TEST(order_is_that_of_internal_keys), UNIT_TEST(empty_blocks_are_empty),
        UNIT_TEST(damaged_blocks_end_cleanly),     UNIT_TEST_END,
    };

    return unit_main("block_iter", tests, argc, argv);
}
