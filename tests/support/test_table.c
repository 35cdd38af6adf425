#include <stdlib.h>

#include "support/test_table.h"

#include "base/alloc.h"

enum { PASS_COUNT_MAX = 1000 };

static enum kv_status
append_bytes(void *owner, struct slice bytes)
{
    struct test_table *table = owner;

    buffer_append_slice(&table->bytes, bytes);
    return KV_OK;
}

struct table_build_options
test_table_options(uint64_t file_number, enum compression compression, uint32_t block_bytes)
{
    return (struct table_build_options){
        .file_number = file_number,
        .cf_name = "default",
        .db_identity = "",
        .session_identity = "",
        .merge_operator = "nullptr",
        .compression = compression,
        .block_bytes = block_bytes,
        .bloom_bits_per_key = 10,
    };
}

void
test_table_begin(struct test_table *table, const struct table_build_options *options)
{
    const struct table_build_options small = test_table_options(7, COMPRESSION_NONE, 128);

    *table = (struct test_table){0};
    table->builder = table_builder_new(options != NULL ? options : &small, append_bytes, table);
}

void
test_table_add(struct test_table *table, const char *user_key, uint64_t seq, enum value_type type,
               const char *value)
{
    struct buffer key = {0};
    enum kv_status st;

    buffer_append_slice(&key, slice_from_text(user_key));
    buffer_put_fixed64(&key, footer_pack(seq, type));
    st = table_builder_add(table->builder, buffer_slice(&key), slice_from_text(value));
    KV_ASSERT(st == KV_OK);
    buffer_deinit(&key);
}

void
test_table_finish(struct test_table *table)
{
    struct table_reader_options options = {.path = "in memory"};
    const enum kv_status st = table_builder_finish(table->builder, &table->summary);

    KV_ASSERT(st == KV_OK);
    table_builder_free(table->builder);
    table->builder = NULL;
    options.file_number = table->summary.file_number;
    options.file_bytes = table->summary.file_bytes;
    options.smallest = buffer_slice(&table->summary.smallest);
    options.largest = buffer_slice(&table->summary.largest);
    options.seq_largest = table->summary.seq_largest;
    KV_ASSERT(options.file_bytes == table->bytes.size);
    table->reader = table_reader_new(&options);
}

void
test_table_from_bytes(struct test_table *table, uint64_t number, struct slice bytes)
{
    const struct table_reader_options options = {
        .path = "in memory", .file_number = number, .file_bytes = bytes.size};

    *table = (struct test_table){0};
    buffer_append_slice(&table->bytes, bytes);
    table->reader = table_reader_new(&options);
}

void
test_table_free(struct test_table *table)
{
    table_builder_free(table->builder);
    table_reader_unref(table->reader);
    table_summary_deinit(&table->summary);
    buffer_deinit(&table->bytes);
}

enum kv_status
test_table_fetch(struct test_table *tables, size_t table_count, struct read_ctx *ctx)
{
    enum kv_status st = KV_OK;

    KV_ASSERT(ctx->want_count > 0);
    for (uint32_t i = 0; i < ctx->want_count && st == KV_OK; i++) {
        const struct read_want *want = &ctx->wants[i];
        size_t at = 0;
        uint8_t *exact;

        while (at < table_count && tables[at].reader != want->table)
            at++;
        KV_ASSERT(at < table_count);
        KV_ASSERT(want->offset + want->size <= tables[at].bytes.size);
        exact = kv_alloc(want->size); /* so that the sanitizer sees a step over its end */
        memcpy(exact, tables[at].bytes.data + want->offset, want->size);
        st = table_reader_feed(want->table, ctx->cache, ctx, want->offset,
                               slice_of(exact, want->size));
        free(exact);
    }
    read_ctx_clear_wants(ctx);
    return st;
}

enum kv_status
test_table_get(struct test_table *table, struct read_ctx *ctx, enum test_temperature temperature,
               struct slice key, uint64_t seq_max, struct lookup *found)
{
    enum kv_status st;

    if (temperature == TEST_COLD)
        block_cache_drop_unpinned(ctx->cache);
    for (size_t pass = 0; pass < PASS_COUNT_MAX; pass++) {
        if (temperature == TEST_EVICTED)
            block_cache_drop_unpinned(ctx->cache);
        st = table_reader_get(table->reader, ctx, key, seq_max, found);
        KV_ASSERT((st == KV_WANT_BLOCK) == (ctx->want_count > 0));
        if (st != KV_WANT_BLOCK)
            return st;
        st = test_table_fetch(table, 1, ctx);
        if (st != KV_OK)
            return st;
    }
    KV_ASSERT(false);
    return KV_INVALID;
}
