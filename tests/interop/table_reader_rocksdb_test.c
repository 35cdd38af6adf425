/* Goal: every table that RocksDB 7.8.3 can write, in formats 2 to 5, is read exactly.
 *
 * Method: librocksdb gets a list of operations with a snapshot after each, so that a flush keeps
 * every version, and the table must show just these operations: walked, and looked up at
 * various sequences.  All versions x index types x compressions; the other options go round
 * with them.  Then the table is compacted without snapshots, which zeroes sequences and folds
 * merges, and must answer as RocksDB does.
 */
#include <CUnit/Basic.h>
#include <glob.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"
#include "io/file.h"
#include "io/io_blocking.h"
#include "sst/table_reader.h"
#include "support/scratch_dir.h"
#include "support/unit.h"

enum { OP_COUNT = 700, KEY_COUNT = 160, TOMBSTONE_COUNT = 3, CACHE_BYTES = 1 << 20 };

struct op {
    char key[24];
    char value[96];
    size_t value_size;
    uint64_t seq;
    enum value_type type;
};

struct range {
    char begin[24], end[24];
    uint64_t seq;
};

struct config {
    int format_version, checksum, index_type, compression;
    int filter; /* 0 none, 1 bloom, 2 ribbon, 3 bloom in partitions, 4 bloom of prefixes only */
    int restart_interval, index_restart_interval, block_bytes, data_block_index;
    bool dictionary;
};

static struct op ops[OP_COUNT];
static struct range ranges[TOMBSTONE_COUNT];
static const rocksdb_snapshot_t *snapshots[OP_COUNT + TOMBSTONE_COUNT];
static size_t snapshot_count;
static struct random random_state;
static struct io *io;
static char directory[SCRATCH_PATH_BYTES];

static unsigned
below(unsigned bound)
{
    return (unsigned)random_below(&random_state, bound);
}

static void
must(char *error)
{
    if (error != NULL) {
        fprintf(stderr, "librocksdb: %s\n", error);
        abort();
    }
}

static rocksdb_block_based_table_options_t *
make_table_options(const struct config *config)
{
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();

    rocksdb_block_based_options_set_format_version(table, config->format_version);
    rocksdb_block_based_options_set_checksum(table, (char)config->checksum);
    rocksdb_block_based_options_set_index_type(table, config->index_type);
    rocksdb_block_based_options_set_block_size(table, (size_t)config->block_bytes);
    rocksdb_block_based_options_set_block_restart_interval(table, config->restart_interval);
    rocksdb_block_based_options_set_index_block_restart_interval(table,
                                                                 config->index_restart_interval);
    rocksdb_block_based_options_set_data_block_index_type(table, config->data_block_index);
    rocksdb_block_based_options_set_metadata_block_size(table, 300);
    if (config->filter == 2)
        rocksdb_block_based_options_set_filter_policy(table,
                                                      rocksdb_filterpolicy_create_ribbon(10));
    else if (config->filter > 0)
        rocksdb_block_based_options_set_filter_policy(table,
                                                      rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_block_based_options_set_partition_filters(table, config->filter == 3);
    rocksdb_block_based_options_set_whole_key_filtering(table, config->filter != 4);
    return table;
}

static rocksdb_options_t *
make_options(const struct config *config)
{
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_block_based_table_options_t *table = make_table_options(config);

    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_compression(options, config->compression);
    rocksdb_options_set_uint64add_merge_operator(options);
    if (config->dictionary)
        rocksdb_options_set_compression_options(options, -14, 32767, 0, 4096);
    if (config->index_type == 1 || config->filter == 4)
        rocksdb_options_set_prefix_extractor(options,
                                             rocksdb_slicetransform_create_fixed_prefix(5));
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_block_based_options_destroy(table);
    return options;
}

static void
choose_op(struct op *op)
{
    static const enum value_type types[] = {TYPE_VALUE,    TYPE_VALUE, TYPE_VALUE,
                                            TYPE_DELETION, TYPE_MERGE, TYPE_SINGLE_DELETION};
    /* A tenth of the operations on one key: its versions fill several blocks. */
    const unsigned key = below(10) == 0 ? 77 : below(KEY_COUNT);

    snprintf(op->key, sizeof(op->key), "key-%04u%s", key * 2, key % 7 == 0 ? "-longer" : "");
    op->type = types[below(6)];
    /* On a key of its own: 7.8.3 refuses to compact a single deletion of anything but a put. */
    if (op->type == TYPE_SINGLE_DELETION)
        snprintf(op->key, sizeof(op->key), "single-%08u", below(100000000));
    op->value_size = 0;
    if (op->type == TYPE_MERGE) {
        op->value_size = 8;
        put_fixed64((uint8_t *)op->value, below(1000000));
    } else if (op->type == TYPE_VALUE) {
        op->value_size = 8 + below(80);
        snprintf(op->value, sizeof(op->value), "%08u%080u", below(100000000), below(1000));
    }
}

static void
write_op(rocksdb_t *db, rocksdb_writeoptions_t *write, const struct op *op)
{
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    const size_t key_size = strlen(op->key);
    char *error = NULL;

    switch (op->type) {
    case TYPE_VALUE:
        rocksdb_writebatch_put(batch, op->key, key_size, op->value, op->value_size);
        break;
    case TYPE_MERGE:
        rocksdb_writebatch_merge(batch, op->key, key_size, op->value, op->value_size);
        break;
    case TYPE_SINGLE_DELETION:
        rocksdb_writebatch_singledelete(batch, op->key, key_size);
        break;
    default:
        rocksdb_writebatch_delete(batch, op->key, key_size);
        break;
    }
    rocksdb_write(db, write, batch, &error);
    must(error);
    rocksdb_writebatch_destroy(batch);
    snapshots[snapshot_count++] = rocksdb_create_snapshot(db);
}

static void
write_range(rocksdb_t *db, rocksdb_writeoptions_t *write, struct range *range)
{
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    const unsigned begin = below(2 * KEY_COUNT);
    char *error = NULL;

    snprintf(range->begin, sizeof(range->begin), "key-%04u", begin);
    snprintf(range->end, sizeof(range->end), "key-%04u", begin + 1 + below(80));
    rocksdb_writebatch_delete_range(batch, range->begin, strlen(range->begin), range->end,
                                    strlen(range->end));
    rocksdb_write(db, write, batch, &error);
    must(error);
    rocksdb_writebatch_destroy(batch);
    snapshots[snapshot_count++] = rocksdb_create_snapshot(db);
}

static int
by_internal_key(const void *a, const void *b)
{
    const struct op *left = a, *right = b;
    const int order = strcmp(left->key, right->key);

    return order != 0 ? order : (left->seq < right->seq) - (left->seq > right->seq);
}

static void
write_all(rocksdb_t *db)
{
    rocksdb_writeoptions_t *write = rocksdb_writeoptions_create();
    rocksdb_flushoptions_t *flush = rocksdb_flushoptions_create();
    uint64_t seq = 0;
    size_t range = 0;
    char *error = NULL;

    snapshot_count = 0;
    rocksdb_writeoptions_disable_WAL(write, 1);
    for (size_t i = 0; i < OP_COUNT; i++) {
        choose_op(&ops[i]);
        ops[i].seq = ++seq;
        write_op(db, write, &ops[i]);
        if (range < TOMBSTONE_COUNT && i == (range + 1) * OP_COUNT / (TOMBSTONE_COUNT + 1)) {
            ranges[range].seq = ++seq;
            write_range(db, write, &ranges[range++]);
        }
    }
    rocksdb_flush(db, flush, &error);
    must(error);
    rocksdb_flushoptions_destroy(flush);
    rocksdb_writeoptions_destroy(write);
    qsort(ops, OP_COUNT, sizeof(ops[0]), by_internal_key);
}

/* A reader of the directory's only table. */
static struct table_reader *
open_only_table(const char *path, bool must_contain_dictionary)
{
    struct table_reader_options options = {.file_number = 1};
    struct buffer content = {0};
    struct table_reader *table;
    char pattern[300];
    glob_t found;

    snprintf(pattern, sizeof(pattern), "%s/*.sst", path);
    if (glob(pattern, 0, NULL, &found) != 0 || found.gl_pathc != 1) {
        fprintf(stderr, "%s: not one table\n", path);
        abort();
    }
    if (file_read_all(io, found.gl_pathv[0], 1 << 30, &content) != KV_OK)
        abort();
    if (must_contain_dictionary)
        CU_ASSERT_PTR_NOT_NULL(memmem(content.data, content.size, "rocksdb.compression_dict", 24));
    options.path = found.gl_pathv[0];
    options.file_bytes = content.size;
    table = table_reader_new(&options);
    buffer_deinit(&content);
    globfree(&found);
    return table;
}

static enum kv_status
step(struct iter *iter, struct read_ctx *ctx, bool first)
{
    enum kv_status st;

    while ((st = first ? iter_seek_first(iter) : iter_next(iter)) == KV_WANT_BLOCK) {
        st = table_fetch_blocking(io, ctx);
        if (st != KV_OK)
            break;
    }
    return st;
}

static bool
walk_shows_all_ops(struct table_reader *table, struct block_cache *cache)
{
    struct read_ctx ctx;
    struct iter *iter = table_iter_new(table, (read_ctx_init(&ctx, cache), &ctx));
    enum kv_status st = step(iter, &ctx, true);
    size_t at = 0;

    for (; st == KV_OK && iter->valid && at < OP_COUNT; at++) {
        if (!slice_equal(internal_key_user(iter->key), slice_from_text(ops[at].key)) ||
            internal_key_footer(iter->key) != footer_pack(ops[at].seq, ops[at].type) ||
            !slice_equal(iter->value, slice_of(ops[at].value, ops[at].value_size)))
            break;
        st = step(iter, &ctx, false);
    }
    if (st != KV_OK || iter->valid || at != OP_COUNT) {
        printf("the walk ends at %zu, %s\n", at, kv_status_text(st));
        st = KV_INVALID;
    }
    iter_free(iter);
    read_ctx_deinit(&ctx);
    return st == KV_OK;
}

static enum kv_status
get(struct table_reader *table, struct read_ctx *ctx, const char *key, uint64_t seq_max,
    struct lookup *found)
{
    enum kv_status st;

    while ((st = table_reader_get(table, ctx, slice_from_text(key), seq_max, found)) ==
           KV_WANT_BLOCK) {
        st = table_fetch_blocking(io, ctx);
        if (st != KV_OK)
            break;
    }
    return st;
}

static bool
get_is_right(struct table_reader *table, struct block_cache *cache, const char *key,
             uint64_t seq_max)
{
    const struct op *newest = NULL;
    const struct range *cover = NULL;
    struct lookup found;
    struct read_ctx ctx;
    bool right;

    for (size_t i = 0; i < OP_COUNT; i++) {
        if (strcmp(ops[i].key, key) == 0 && ops[i].seq <= seq_max &&
            (newest == NULL || ops[i].seq > newest->seq))
            newest = &ops[i];
    }
    for (size_t i = 0; i < TOMBSTONE_COUNT; i++) {
        if (strcmp(ranges[i].begin, key) <= 0 && strcmp(key, ranges[i].end) < 0 &&
            ranges[i].seq <= seq_max && (cover == NULL || ranges[i].seq > cover->seq))
            cover = &ranges[i];
    }
    read_ctx_init(&ctx, cache);
    if (get(table, &ctx, key, seq_max, &found) != KV_OK)
        right = false;
    else if (cover != NULL && (newest == NULL || cover->seq > newest->seq))
        right = found.kind == LOOKUP_TOMBSTONE && found.type == TYPE_RANGE_DELETION &&
                found.seq == cover->seq;
    else if (newest == NULL)
        right = found.kind == LOOKUP_ABSENT;
    else
        right = found.kind != LOOKUP_ABSENT && found.type == newest->type &&
                found.seq == newest->seq &&
                slice_equal(found.value, slice_of(newest->value, newest->value_size));
    read_ctx_deinit(&ctx);
    return right;
}

static bool
gets_are_right(struct table_reader *table, struct block_cache *cache)
{
    for (unsigned i = 0; i < 2 * KEY_COUNT + 20; i++) {
        char key[24];
        const uint64_t seq_max = below(4) == 0 ? SEQUENCE_MAX : below(OP_COUNT + 10);

        snprintf(key, sizeof(key), "key-%04u%s", i, i % 14 == 0 && below(4) > 0 ? "-longer" : "");
        if (!get_is_right(table, cache, key, seq_max)) {
            printf("get %s at %llu is wrong\n", key, (unsigned long long)seq_max);
            return false;
        }
    }
    return true;
}

static bool
properties_are_right(struct table_reader *table, struct block_cache *cache,
                     const struct config *config)
{
    struct table_properties properties;
    struct read_ctx ctx;
    enum kv_status st;

    read_ctx_init(&ctx, cache);
    st = table_reader_properties(table, &ctx, &properties);
    read_ctx_deinit(&ctx);
    return st == KV_OK && properties.entry_count - properties.range_tombstone_count == OP_COUNT &&
           properties.format_version == (uint32_t)config->format_version &&
           properties.checksum_kind == (uint32_t)config->checksum &&
           properties.index_type == (uint32_t)config->index_type;
}

/* After a compaction to the bottom: sequences are zero, merges folded. */
static bool
answers_as_rocksdb_does(rocksdb_t *db, struct table_reader *table, struct block_cache *cache)
{
    rocksdb_readoptions_t *read = rocksdb_readoptions_create();
    bool right = true;

    for (size_t i = 0; i < OP_COUNT && right; i++) {
        char *error = NULL, *value;
        struct lookup found;
        struct read_ctx ctx;
        size_t value_size;

        value = rocksdb_get(db, read, ops[i].key, strlen(ops[i].key), &value_size, &error);
        must(error);
        read_ctx_init(&ctx, cache);
        right = get(table, &ctx, ops[i].key, SEQUENCE_MAX, &found) == KV_OK &&
                (value == NULL ? found.kind == LOOKUP_ABSENT
                               : found.kind == LOOKUP_VALUE &&
                                     slice_equal(found.value, slice_of(value, value_size)));
        read_ctx_deinit(&ctx);
        if (!right)
            printf("%s after the compaction: RocksDB %s, found %d\n", ops[i].key,
                   value == NULL ? "has none" : "has a value", (int)found.kind);
        free(value);
    }
    rocksdb_readoptions_destroy(read);
    return right;
}

static bool
check_compacted(rocksdb_t *db, const rocksdb_options_t *options, const char *path)
{
    struct block_cache *cache = block_cache_new(CACHE_BYTES);
    rocksdb_compactoptions_t *force = rocksdb_compactoptions_create();
    struct table_reader *table;
    char *error = NULL;
    bool right;

    while (snapshot_count > 0)
        rocksdb_release_snapshot(db, snapshots[--snapshot_count]);
    rocksdb_compactoptions_set_bottommost_level_compaction(force, 2); /* never just a move */
    rocksdb_compact_range_opt(db, force, NULL, 0, NULL, 0);
    rocksdb_compactoptions_destroy(force);
    rocksdb_close(db); /* which also removes the old table */
    db = rocksdb_open_for_read_only(options, path, 0, &error);
    must(error);
    table = open_only_table(path, false);
    right = answers_as_rocksdb_does(db, table, cache);
    table_reader_unref(table);
    rocksdb_close(db);
    block_cache_free(cache);
    return right;
}

static bool
check_config(const struct config *config)
{
    struct block_cache *cache = block_cache_new(CACHE_BYTES);
    rocksdb_options_t *options = make_options(config);
    struct table_reader *table;
    char path[200], *error = NULL;
    rocksdb_t *db;
    bool right;

    snprintf(path, sizeof(path), "%s/db", directory);
    db = rocksdb_open(options, path, &error);
    must(error);
    write_all(db);
    table = open_only_table(path, config->dictionary && config->compression > 1);
    right = walk_shows_all_ops(table, cache) && gets_are_right(table, cache) &&
            properties_are_right(table, cache, config);
    block_cache_drop_unpinned(cache);
    right = right && gets_are_right(table, cache);
    table_reader_unref(table);
    right = check_compacted(db, options, path) && right;
    rocksdb_options_destroy(options);
    scratch_dir_remove(path);
    block_cache_free(cache);
    return right;
}

static void
choose_others(struct config *config, unsigned number)
{
    static const int restart_intervals[] = {1, 2, 16, 64};

    config->checksum = (int)(number % 5);
    config->filter = (int)((number / 2) % 5);
    if (config->filter == 3 && config->index_type != 2)
        config->filter = 1;
    config->restart_interval = restart_intervals[number % 4];
    config->index_restart_interval = restart_intervals[(number / 3) % 4];
    if (config->index_type == 1)
        config->index_restart_interval = 1; /* RocksDB insists */
    config->block_bytes = (int)(200 + below(3000));
    config->data_block_index = (int)((number / 3) % 2);
    config->dictionary = number % 3 == 0;
}

static void
every_kind_of_table_is_read(void)
{
    static const int compressions[] = {0, 1, 2, 3, 4, 5, 7};
    unsigned number = 0;

    for (int version = 2; version <= 5; version++) {
        for (int index_type = 0; index_type <= 3; index_type++) {
            for (size_t c = 0; c < 7; c++, number++) {
                struct config config = {.format_version = version,
                                        .index_type = index_type,
                                        .compression = compressions[c]};

                choose_others(&config, number);
                if (check_config(&config))
                    continue;
                printf("wrong: format %d checksum %d index %d compression %d filter %d "
                       "restarts %d/%d block %d hashed %d dictionary %d\n",
                       config.format_version, config.checksum, config.index_type,
                       config.compression, config.filter, config.restart_interval,
                       config.index_restart_interval, config.block_bytes, config.data_block_index,
                       config.dictionary);
                CU_FAIL("a table was read wrongly");
            }
        }
    }
}

/* What the ingested table of `count` keys must show, all with sequence `seq`. */
static void
check_ingested(const char *path, uint64_t seq, unsigned count, bool bounded)
{
    struct block_cache *cache = block_cache_new(CACHE_BYTES);
    struct table_reader *first = open_only_table(path, false), *table;
    struct table_reader_options options = {.path = table_reader_path(first), .file_number = 2};
    struct buffer smallest = {0}, largest = {0};
    struct lookup found;
    struct read_ctx ctx;
    struct iter *iter;
    uint64_t size;
    unsigned walked = 0;
    int fd;

    CU_ASSERT_EQUAL(file_open(io, options.path, 0, &fd), KV_OK);
    CU_ASSERT_EQUAL(file_size(io, fd, &size), KV_OK);
    file_close(io, fd);
    options.file_bytes = size;
    if (bounded) {
        buffer_append(&smallest, "in-0000", 7);
        buffer_put_fixed64(&smallest, footer_pack(seq, TYPE_VALUE));
        buffer_append(&largest, "zz", 2);
        buffer_put_fixed64(&largest, footer_pack(SEQUENCE_MAX, TYPE_RANGE_DELETION));
        options.smallest = buffer_slice(&smallest);
        options.largest = buffer_slice(&largest);
        options.seq_largest = seq;
    }
    table = table_reader_new(&options);
    table_reader_unref(first);
    read_ctx_init(&ctx, cache);
    CU_ASSERT_EQUAL(get(table, &ctx, "in-0007", seq, &found), KV_OK);
    CU_ASSERT(found.kind == LOOKUP_VALUE && found.seq == seq);
    CU_ASSERT_EQUAL(get(table, &ctx, "in-0007", seq - 1, &found), KV_OK);
    CU_ASSERT_EQUAL(found.kind, LOOKUP_ABSENT);
    CU_ASSERT_EQUAL(get(table, &ctx, "zy", seq, &found), KV_OK);
    CU_ASSERT(found.kind == LOOKUP_TOMBSTONE && found.seq == seq);
    iter = table_iter_new(table, &ctx);
    CU_ASSERT_EQUAL(step(iter, &ctx, true), KV_OK);
    for (; iter->valid && walked <= count; walked++) {
        CU_ASSERT_EQUAL(internal_key_footer(iter->key), footer_pack(seq, TYPE_VALUE));
        if (step(iter, &ctx, false) != KV_OK)
            break;
    }
    CU_ASSERT_EQUAL(walked, count);
    iter_free(iter);
    read_ctx_deinit(&ctx);
    table_reader_unref(table);
    buffer_deinit(&smallest);
    buffer_deinit(&largest);
    block_cache_free(cache);
}

/* Method: a table made by RocksDB's SST writer is ingested into a database that already has a
 * higher sequence, with the global sequence written into the file or only into the MANIFEST. */
static void
ingested_tables_have_their_global_sequence(void)
{
    const struct config config = {.format_version = 5,
                                  .checksum = 4,
                                  .filter = 1,
                                  .restart_interval = 16,
                                  .index_restart_interval = 1,
                                  .block_bytes = 300};
    rocksdb_options_t *options = make_options(&config);
    rocksdb_envoptions_t *env = rocksdb_envoptions_create();
    rocksdb_sstfilewriter_t *writer = rocksdb_sstfilewriter_create(env, options);
    rocksdb_ingestexternalfileoptions_t *ingest = rocksdb_ingestexternalfileoptions_create();
    rocksdb_writeoptions_t *write = rocksdb_writeoptions_create();
    const rocksdb_snapshot_t *snapshot;
    char path[200], file[200], key[16], *error = NULL;
    const char *files[] = {file};
    uint64_t seq;
    rocksdb_t *db;

    snprintf(path, sizeof(path), "%s/db", directory);
    snprintf(file, sizeof(file), "%s/external", directory);
    rocksdb_sstfilewriter_open(writer, file, &error);
    must(error);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(key, sizeof(key), "in-%04u", i);
        rocksdb_sstfilewriter_put(writer, key, strlen(key), "some value", 10, &error);
        must(error);
    }
    rocksdb_sstfilewriter_delete_range(writer, "zx", 2, "zz", 2, &error);
    must(error);
    rocksdb_sstfilewriter_finish(writer, &error);
    must(error);
    db = rocksdb_open(options, path, &error);
    must(error);
    rocksdb_put(db, write, "in-0001", 7, "x", 1, &error);
    must(error);
    snapshot = rocksdb_create_snapshot(db);
    rocksdb_ingest_external_file(db, files, 1, ingest, &error);
    must(error);
    rocksdb_release_snapshot(db, snapshot);
    seq = rocksdb_get_latest_sequence_number(db);
    rocksdb_close(db);
    CU_ASSERT_EQUAL(seq, 2);
    /* The overlapping memtable was flushed first: that table is not the one to look at. */
    {
        char command[700];

        snprintf(command, sizeof(command),
                 "cd '%s' && for f in *.sst; do grep -aq external_sst_file $f || rm $f; done",
                 path);
        CU_ASSERT_EQUAL(system(command), 0);
    }
    check_ingested(path, seq, 100, true);
    rocksdb_sstfilewriter_destroy(writer);
    rocksdb_envoptions_destroy(env);
    rocksdb_ingestexternalfileoptions_destroy(ingest);
    rocksdb_writeoptions_destroy(write);
    rocksdb_options_destroy(options);
    scratch_dir_remove(path);
}

/* RocksDB itself makes all n * n / 2 fragments in memory before it thins them. */
enum { NESTED_COUNT = 3000, NESTED_STEP = 100, NESTED_INGESTED_COUNT = 20000 };

/* RocksDB keeps of [a, i) at sequence i, over key k, what the present and each snapshot sees. */
static void
check_nested(const char *path)
{
    struct block_cache *cache = block_cache_new(CACHE_BYTES);
    struct table_reader *table = open_only_table(path, false);
    struct read_ctx ctx;

    read_ctx_init(&ctx, cache);
    for (unsigned round = 0; round < 20000; round++) {
        const unsigned k = below(NESTED_COUNT + 2);
        const unsigned seq_max = NESTED_STEP * (1 + below(NESTED_COUNT / NESTED_STEP));
        struct lookup found;
        char key[16];

        snprintf(key, sizeof(key), "key%06u", k);
        if (get(table, &ctx, key, seq_max, &found) != KV_OK ||
            found.kind != (seq_max > k ? LOOKUP_TOMBSTONE : LOOKUP_ABSENT) ||
            (seq_max > k && found.seq != seq_max)) {
            CU_FAIL("a nested tombstone is not seen");
            break;
        }
    }
    read_ctx_deinit(&ctx);
    table_reader_unref(table);
    block_cache_free(cache);
}

/* Method: a queue that is trimmed again and again, flushed by RocksDB with a snapshot now and
 * then.  Tens of thousands of fragments. */
static void
deeply_nested_tombstones_are_read(void)
{
    const struct config config = {
        .format_version = 5, .checksum = 4, .restart_interval = 16, .index_restart_interval = 1};
    rocksdb_options_t *options = make_options(&config);
    rocksdb_writeoptions_t *write = rocksdb_writeoptions_create();
    rocksdb_flushoptions_t *flush = rocksdb_flushoptions_create();
    char path[200], key[16], *error = NULL;
    const rocksdb_snapshot_t *kept[NESTED_COUNT / NESTED_STEP];
    rocksdb_t *db;

    snprintf(path, sizeof(path), "%s/db", directory);
    db = rocksdb_open(options, path, &error);
    must(error);
    for (unsigned i = 1; i <= NESTED_COUNT; i++) {
        rocksdb_writebatch_t *batch = rocksdb_writebatch_create();

        snprintf(key, sizeof(key), "key%06u", i);
        rocksdb_writebatch_delete_range(batch, "a", 1, key, strlen(key));
        rocksdb_write(db, write, batch, &error);
        must(error);
        rocksdb_writebatch_destroy(batch);
        if (i % NESTED_STEP == 0)
            kept[i / NESTED_STEP - 1] = rocksdb_create_snapshot(db);
    }
    rocksdb_flush(db, flush, &error);
    must(error);
    for (unsigned i = 0; i < NESTED_COUNT / NESTED_STEP; i++)
        rocksdb_release_snapshot(db, kept[i]);
    rocksdb_close(db);
    check_nested(path);
    rocksdb_flushoptions_destroy(flush);
    rocksdb_writeoptions_destroy(write);
    rocksdb_options_destroy(options);
    scratch_dir_remove(path);
}

/* The same, ingested as it is: all overlap and have one sequence. */
static void
nested_tombstones_of_an_sst_writer_are_read(void)
{
    const struct config config = {
        .format_version = 5, .checksum = 4, .restart_interval = 16, .index_restart_interval = 1};
    rocksdb_options_t *options = make_options(&config);
    rocksdb_envoptions_t *env = rocksdb_envoptions_create();
    rocksdb_sstfilewriter_t *writer = rocksdb_sstfilewriter_create(env, options);
    struct block_cache *cache = block_cache_new(CACHE_BYTES);
    char path[200], file[220], key[16], *error = NULL;
    struct table_reader *table;
    struct lookup found;
    struct read_ctx ctx;

    snprintf(path, sizeof(path), "%s/db", directory);
    snprintf(file, sizeof(file), "%s/000001.sst", path);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    rocksdb_sstfilewriter_open(writer, file, &error);
    must(error);
    for (unsigned i = 1; i <= NESTED_INGESTED_COUNT; i++) {
        snprintf(key, sizeof(key), "key%06u", i);
        rocksdb_sstfilewriter_delete_range(writer, "a", 1, key, strlen(key), &error);
        must(error);
    }
    rocksdb_sstfilewriter_finish(writer, &error);
    must(error);
    table = open_only_table(path, false);
    read_ctx_init(&ctx, cache);
    CU_ASSERT_EQUAL(get(table, &ctx, "key019999", SEQUENCE_MAX, &found), KV_OK);
    CU_ASSERT_EQUAL(found.kind, LOOKUP_TOMBSTONE);
    CU_ASSERT_EQUAL(get(table, &ctx, "key020000", SEQUENCE_MAX, &found), KV_OK);
    CU_ASSERT_EQUAL(found.kind, LOOKUP_ABSENT);
    read_ctx_deinit(&ctx);
    table_reader_unref(table);
    rocksdb_sstfilewriter_destroy(writer);
    rocksdb_envoptions_destroy(env);
    rocksdb_options_destroy(options);
    scratch_dir_remove(path);
    block_cache_free(cache);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(every_kind_of_table_is_read),
        UNIT_TEST(ingested_tables_have_their_global_sequence),
        UNIT_TEST(deeply_nested_tombstones_are_read),
        UNIT_TEST(nested_tombstones_of_an_sst_writer_are_read),
        UNIT_TEST_END,
    };
    int failed;

    scratch_dir_make(directory, NULL);
    io = io_blocking_new();
    random_init(&random_state, 7);
    failed = unit_main("table_reader_rocksdb", tests, argc, argv);
    io_blocking_free(io);
    scratch_dir_remove(directory);
    return failed;
}
