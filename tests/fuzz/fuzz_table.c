/* Goal: no bytes make a table reader crash, leak or loop for ever.
 *
 * Method: the input is a whole table file, read through want and feed: opened, walked, and each
 * of the first keys looked up.  Checksums would stop every mutation, so the footer's checksum kind
 * is set to "none" first.  An input too short to be a table is a list of edits of a built one, so
 * the fuzzer gets everywhere without a corpus.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sst/block_checksum.h"
#include "sst/sst_format.h"
#include "support/quiet_log.h"
#include "support/test_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CACHE_BYTES = 1 << 20, PASS_COUNT_MAX = 100000, EDIT_BYTES = 3, EDIT_INPUT_BYTES_MAX = 60 };

static void
build_seed(struct buffer *seed, enum compression compression)
{
    const struct table_build_options options = test_table_options(1, compression, 100);
    struct test_table table;

    test_table_begin(&table, &options);
    table_builder_add_tombstone(table.builder, slice_from_text("key005"), slice_from_text("key009"),
                                4);
    table_builder_add_tombstone(table.builder, slice_from_text("key007"), slice_from_text("key011"),
                                9);
    for (unsigned i = 0; i < 40; i++) {
        char key[16];

        snprintf(key, sizeof(key), "key%03u", i / 3);
        test_table_add(&table, key, 100 - i, i % 5 == 0 ? TYPE_MERGE : TYPE_VALUE,
                       "value value value");
    }
    test_table_finish(&table);
    buffer_append_slice(seed, buffer_slice(&table.bytes));
    test_table_free(&table);
}

/* Short inputs are edits of a built table: (offset, byte) triples. */
static void
make_file(struct buffer *file, const uint8_t *data, size_t size)
{
    if (size > EDIT_INPUT_BYTES_MAX) {
        buffer_append(file, data, size);
    } else {
        build_seed(file, size % 2 == 0 ? COMPRESSION_NONE : COMPRESSION_LZ4);
        for (size_t i = 0; i + EDIT_BYTES <= size; i += EDIT_BYTES)
            file->data[(data[i] | (size_t)data[i + 1] << 8) % file->size] ^= data[i + 2];
    }
    if (file->size >= FOOTER_BYTES)
        file->data[file->size - FOOTER_BYTES] = CHECKSUM_NONE;
}

static bool
fetch(struct test_table *table, struct read_ctx *ctx, size_t *passes)
{
    if (++*passes > PASS_COUNT_MAX)
        abort();
    return test_table_fetch(table, 1, ctx) == KV_OK;
}

static void
look_up(struct test_table *table, struct block_cache *cache, struct slice key)
{
    struct lookup found;
    struct read_ctx ctx;
    size_t passes = 0;

    read_ctx_init(&ctx, cache);
    while (table_reader_get(table->reader, &ctx, key, 95, &found) == KV_WANT_BLOCK) {
        if (!fetch(table, &ctx, &passes))
            break;
    }
    read_ctx_deinit(&ctx);
}

static void
walk(struct test_table *table, struct block_cache *cache)
{
    struct buffer last = {0};
    struct read_ctx ctx;
    struct iter *iter;
    size_t passes = 0, count = 0;
    enum kv_status st;

    read_ctx_init(&ctx, cache);
    iter = table_iter_new(table->reader, &ctx);
    st = iter_seek_first(iter);
    for (;;) {
        if (st == KV_WANT_BLOCK) {
            if (!fetch(table, &ctx, &passes))
                break;
        } else if (st != KV_OK || !iter->valid) {
            break;
        } else {
            if (last.size > 0 && internal_key_compare(buffer_slice(&last), iter->key) >= 0)
                abort();
            buffer_clear(&last);
            buffer_append_slice(&last, iter->key);
            if (count++ < 8)
                look_up(table, cache, internal_key_user(buffer_slice(&last)));
        }
        st = last.size == 0 ? iter_seek_first(iter) : iter_next(iter);
    }
    iter_free(iter);
    read_ctx_deinit(&ctx);
    buffer_deinit(&last);
}

/* From the end towards the beginning, with steps forward in between: each one must lead to where
 * its direction says. */
static void
wander(struct test_table *table, struct block_cache *cache, const uint8_t *ways, size_t way_count)
{
    struct iter_scope scope = {.lower = slice_from_text("key001"), .ahead_bytes_max = 4096};
    struct buffer last = {0};
    struct read_ctx ctx;
    struct iter *iter;
    size_t passes = 0, at = 0;
    bool forward = false;
    enum kv_status st;

    read_ctx_init(&ctx, cache);
    iter = table_iter_new_in(table->reader, &ctx, &scope);
    st = iter_seek_last(iter);
    for (;;) {
        if (st == KV_WANT_BLOCK) {
            if (!fetch(table, &ctx, &passes))
                break;
        } else if (st != KV_OK || !iter->valid) {
            break;
        } else {
            const int order =
                last.size == 0 ? 0 : internal_key_compare(buffer_slice(&last), iter->key);

            if (last.size > 0 && (forward ? order >= 0 : order <= 0))
                abort();
            buffer_clear(&last);
            buffer_append_slice(&last, iter->key);
            forward = way_count > 0 && ways[at++ % way_count] % 3 == 0;
            if (at > 1000)
                break;
        }
        if (last.size == 0)
            st = iter_seek_last(iter);
        else
            st = forward ? iter_next(iter) : iter_prev(iter);
    }
    iter_free(iter);
    read_ctx_deinit(&ctx);
    buffer_deinit(&last);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct block_cache *cache = block_cache_new(CACHE_BYTES);
    struct buffer file = {0};
    struct test_table table;

    quiet_log();
    make_file(&file, data, size);
    test_table_from_bytes(&table, 1, buffer_slice(&file));
    walk(&table, cache);
    wander(&table, cache, data, size < 64 ? size : 64);
    look_up(&table, cache, slice_from_text("key007"));
    test_table_free(&table);
    buffer_deinit(&file);
    block_cache_free(cache);
    return 0;
}
