#include "compact/flush_build.h"

#include <fcntl.h>

#include "base/assert.h"
#include "compact/dead_value.h"
#include "compact/merge_run.h"
#include "compact/version_filter.h"
#include "io/file.h"

enum { PROGRESS_ENTRY_COUNT = 4096 };

/* A flush while it runs. */
struct flush {
    const struct flush_build *build;
    struct table_builder *builder;
    struct version_filter filter;
    struct merge_run run;
    struct range_tombstones tombstones; /* of the family; bounds borrowed from the memtable */
    struct buffer buried;               /* owned: the key of a deletion that was a dead value */
    uint64_t expired_count;
};

static enum kv_status
write_entry(void *owner, struct slice key, struct slice value)
{
    return table_builder_add(owner, key, value);
}

/* Right behind a single deletion stands the put that it waits for: dead or not. */
static bool
is_dead(const struct flush *flush, const struct iter *iter)
{
    return flush->filter.stripe == flush->build->snapshot_count && !flush->filter.meets_single &&
           dead_value_is(iter->key, iter->value, flush->build->now_ms);
}

static enum kv_status
add_point(struct flush *flush, const struct internal_key *key, const struct iter *iter)
{
    struct slice encoded = iter->key, value = iter->value;
    struct internal_key entry = *key;
    bool stripe_ended;
    enum kv_status st;

    if (!version_filter_keep(&flush->filter, key))
        return KV_OK;
    if (is_dead(flush, iter)) {
        encoded = dead_value_bury(iter->key, &flush->buried);
        value = slice_of(NULL, 0);
        entry.type = TYPE_DELETION;
        flush->expired_count++;
    }
    st = merge_run_add(&flush->run, &entry, encoded, value, flush->filter.stripe, &stripe_ended);
    if (st == KV_OK && stripe_ended)
        version_filter_end_stripe(&flush->filter);
    return st;
}

static enum kv_status
add_points(struct flush *flush, struct iter *iter)
{
    const struct flush_build *build = flush->build;
    enum kv_status st = iter_seek_first(iter);
    uint64_t entry_count = 0;

    while (st == KV_OK && iter->valid) {
        struct internal_key key;

        if (!internal_key_parse(iter->key, &key))
            return KV_FAIL(KV_CORRUPT, "memtable: entry %llu has no valid key",
                           (unsigned long long)entry_count);
        st = add_point(flush, &key, iter);
        if (st == KV_OK && ++entry_count % PROGRESS_ENTRY_COUNT == 0 && build->on_progress != NULL)
            st = build->on_progress(build->progress_owner, entry_count);
        if (st == KV_OK)
            st = iter_next(iter);
    }
    return st == KV_OK ? merge_run_finish(&flush->run, false) : st;
}

static bool
parse_tombstone(const struct iter *iter, struct internal_key *key_out)
{
    return internal_key_parse(iter->key, key_out) &&
           slice_compare(key_out->user_key, iter->value) < 0;
}

/* An operator must not reach through a tombstone.  Both ends lie in the memtable and live as long
 * as it does. */
static enum kv_status
index_tombstones(struct flush *flush, struct iter *iter)
{
    enum kv_status st = iter_seek_first(iter);
    struct internal_key key;

    while (st == KV_OK && iter->valid) {
        if (!parse_tombstone(iter, &key))
            return KV_FAIL(KV_CORRUPT, "memtable: a range tombstone is malformed");
        range_tombstones_add(&flush->tombstones, key.user_key, iter->value, key.seq);
        st = iter_next(iter);
    }
    if (flush->tombstones.count > 0)
        range_tombstones_index(&flush->tombstones);
    return st;
}

static enum kv_status
add_tombstones(struct table_builder *builder, struct iter *iter)
{
    enum kv_status st = iter_seek_first(iter);
    struct internal_key key;

    while (st == KV_OK && iter->valid) {
        if (!parse_tombstone(iter, &key))
            return KV_FAIL(KV_CORRUPT, "memtable: a range tombstone is malformed");
        table_builder_add_tombstone(builder, key.user_key, iter->value, key.seq);
        st = iter_next(iter);
    }
    return st;
}

static void
flush_init(struct flush *flush, const struct flush_build *build,
           const struct table_build_options *options)
{
    *flush = (struct flush){.build = build};
    flush->builder = table_builder_new(options, build->sink, build->sink_owner);
    table_builder_set_snapshots(flush->builder, build->snapshots, build->snapshot_count);
    version_filter_init(&flush->filter, build->snapshots, build->snapshot_count);
}

static void
flush_deinit(struct flush *flush)
{
    merge_run_deinit(&flush->run);
    range_tombstones_deinit(&flush->tombstones);
    version_filter_deinit(&flush->filter);
    buffer_deinit(&flush->buried);
    table_builder_free(flush->builder);
}

enum kv_status
flush_build_run(const struct flush_build *build, struct table_summary *summary_out)
{
    struct table_build_options options = *build->options;
    struct iter *points = memtable_iter_new(build->memtable, options.cf_id);
    struct iter *tombstones = memtable_tombstone_iter_new(build->memtable, options.cf_id);
    struct merge_operator op;
    struct flush flush;
    enum kv_status st;

    st = merge_operator_parse(slice_from_text(options.merge_operator), &op);
    if (st != KV_OK)
        st = KV_FAIL(KV_UNSUPPORTED,
                     "merge operator %s: kvd has it, this worker has not; see merge-library",
                     options.merge_operator);
    options.merge_operator = merge_operator_class(&op);
    flush_init(&flush, build, &options);
    merge_run_init(&flush.run, &op, write_entry, flush.builder);
    if (st == KV_OK && op.kind != NULL)
        st = index_tombstones(&flush, tombstones);
    flush.run.tombstones = &flush.tombstones;
    if (st == KV_OK)
        st = add_points(&flush, points);
    if (st == KV_OK)
        st = add_tombstones(flush.builder, tombstones);
    if (st == KV_OK)
        st = table_builder_finish(flush.builder, summary_out);
    KV_ASSERT(st != KV_WANT_BLOCK);
    if (st == KV_OK)
        summary_out->expired_count = flush.expired_count;

    flush_deinit(&flush);
    iter_free(points);
    iter_free(tombstones);
    return st;
}

struct file_sink {
    struct io *io;
    int fd;
    uint64_t offset;
};

static enum kv_status
write_to_file(void *owner, struct slice bytes)
{
    struct file_sink *sink = owner;
    const enum kv_status st = file_write(sink->io, sink->fd, sink->offset, bytes.data, bytes.size);

    sink->offset += bytes.size;
    return st;
}

enum kv_status
flush_build_write(const struct flush_build *build, struct io *io, const char *path, int *fd_out,
                  struct table_summary *summary_out)
{
    struct file_sink sink = {.io = io, .fd = -1};
    struct flush_build into_file = *build;
    enum kv_status st;

    KV_ASSERT(build->sink == NULL);
    into_file.sink = write_to_file;
    into_file.sink_owner = &sink;
    st = file_open(io, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, &sink.fd);
    if (st == KV_OK)
        st = flush_build_run(&into_file, summary_out);
    if (st != KV_OK) {
        file_close(io, sink.fd);
        sink.fd = -1;
    }
    *fd_out = sink.fd;
    return st;
}

enum kv_status
flush_build_file(const struct flush_build *build, struct io *io, const char *path,
                 struct table_summary *summary_out)
{
    int fd;
    enum kv_status st = flush_build_write(build, io, path, &fd, summary_out);

    if (st == KV_OK) {
        st = file_sync(io, fd);
        if (st != KV_OK)
            table_summary_deinit(summary_out);
    }
    file_close(io, fd);
    return st;
}
