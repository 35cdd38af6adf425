#include "compact/flush_build.h"

#include <fcntl.h>

#include "base/assert.h"
#include "compact/version_filter.h"
#include "io/file.h"

enum { PROGRESS_ENTRY_COUNT = 4096 };

static enum kv_status
add_points(const struct flush_build *build, struct table_builder *builder, struct iter *iter,
           struct version_filter *filter)
{
    enum kv_status st = iter_seek_first(iter);
    uint64_t entry_count = 0;

    while (st == KV_OK && iter->valid) {
        struct internal_key key;

        if (!internal_key_parse(iter->key, &key))
            return KV_FAIL(KV_CORRUPT, "memtable: entry %llu has no valid key",
                           (unsigned long long)entry_count);
        if (version_filter_keep(filter, &key)) {
            st = table_builder_add(builder, iter->key, iter->value);
            if (st != KV_OK)
                return st;
        }
        if (++entry_count % PROGRESS_ENTRY_COUNT == 0 && build->on_progress != NULL) {
            st = build->on_progress(build->progress_owner, entry_count);
            if (st != KV_OK)
                return st;
        }
        st = iter_next(iter);
    }
    return st;
}

static enum kv_status
add_tombstones(struct table_builder *builder, struct iter *iter)
{
    enum kv_status st = iter_seek_first(iter);

    while (st == KV_OK && iter->valid) {
        struct internal_key key;

        if (!internal_key_parse(iter->key, &key) || slice_compare(key.user_key, iter->value) >= 0)
            return KV_FAIL(KV_CORRUPT, "memtable: a range tombstone is malformed");
        table_builder_add_tombstone(builder, key.user_key, iter->value, key.seq);
        st = iter_next(iter);
    }
    return st;
}

enum kv_status
flush_build_run(const struct flush_build *build, struct table_summary *summary_out)
{
    struct table_builder *builder =
        table_builder_new(build->options, build->sink, build->sink_owner);
    struct iter *points = memtable_iter_new(build->memtable, build->options->cf_id);
    struct iter *tombstones = memtable_tombstone_iter_new(build->memtable, build->options->cf_id);
    struct version_filter filter;
    enum kv_status st;

    version_filter_init(&filter, build->snapshots, build->snapshot_count);
    table_builder_set_snapshots(builder, build->snapshots, build->snapshot_count);
    st = add_points(build, builder, points, &filter);
    if (st == KV_OK)
        st = add_tombstones(builder, tombstones);
    if (st == KV_OK)
        st = table_builder_finish(builder, summary_out);
    KV_ASSERT(st != KV_WANT_BLOCK);

    version_filter_deinit(&filter);
    iter_free(points);
    iter_free(tombstones);
    table_builder_free(builder);
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
flush_build_file(const struct flush_build *build, struct io *io, const char *path,
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
    if (st == KV_OK) {
        st = file_sync(io, sink.fd);
        if (st != KV_OK)
            table_summary_deinit(summary_out);
    }
    file_close(io, sink.fd);
    return st;
}
