/* test_table.h - a table file in memory, and the part of the disk in reading it. */
#ifndef KV_TESTS_SUPPORT_TEST_TABLE_H
#define KV_TESTS_SUPPORT_TEST_TABLE_H

#include "sst/table_builder.h"
#include "sst/table_reader.h"

struct test_table {
    struct buffer bytes;
    struct table_builder *builder; /* until test_table_finish */
    struct table_summary summary;
    struct table_reader *reader; /* from test_table_finish or test_table_from_bytes on */
};

/* How the cache is treated between the passes of a read. */
enum test_temperature {
    TEST_WARM,    /* left alone */
    TEST_COLD,    /* emptied before the read: every block is missing once */
    TEST_EVICTED, /* everything unpinned is evicted before every pass */
    TEST_TEMPERATURE_COUNT,
};

/* Of the default family, with a filter, by nobody; block_bytes 0: as the builder likes it. */
struct table_build_options test_table_options(uint64_t file_number, enum compression compression,
                                              uint32_t block_bytes);
/* `options` may be NULL: small blocks, a filter, no compression. */
void test_table_begin(struct test_table *table, const struct table_build_options *options);
void test_table_add(struct test_table *table, const char *user_key, uint64_t seq,
                    enum value_type type, const char *value);
void test_table_finish(struct test_table *table);
/* A table of any bytes, with no bounds known. */
void test_table_from_bytes(struct test_table *table, uint64_t number, struct slice bytes);
void test_table_free(struct test_table *table);

/* Feeds what ctx wants, from the tables' bytes; ends with ctx wanting nothing. */
MUST_CHECK enum kv_status test_table_fetch(struct test_table *tables, size_t table_count,
                                           struct read_ctx *ctx);
/* One lookup, in as many passes as it takes. */
MUST_CHECK enum kv_status test_table_get(struct test_table *table, struct read_ctx *ctx,
                                         enum test_temperature temperature, struct slice key,
                                         uint64_t seq_max, struct lookup *found);

#endif
