/* flush_build.h - one family of a frozen memtable becomes one L0 table.
 *
 * The whole of a flush but for the file: bytes leave through the table builder's sink.  Used by
 * the worker, and by recovery in kvd, which has no worker yet.
 */
#ifndef KV_COMPACT_FLUSH_BUILD_H
#define KV_COMPACT_FLUSH_BUILD_H

#include "base/status.h"
#include "mem/memtable.h"
#include "sst/table_builder.h"

struct io;

struct flush_build {
    const struct memtable *memtable;
    /* cf_id says which family; merge_operator as OPTIONS has it: operands are folded by it, and
     * one that this process does not have is KV_UNSUPPORTED. */
    const struct table_build_options *options;
    const uint64_t *snapshots; /* ascending; may be empty */
    uint32_t snapshot_count;
    uint64_t now_ms; /* what has died by then becomes a deletion, if no snapshot sees it */
    table_sink_fn *sink;
    void *sink_owner;
    /* Called now and then with the entries done; KV_CANCELLED from it ends the build.  May be
     * NULL. */
    enum kv_status (*on_progress)(void *owner, uint64_t entry_count);
    void *progress_owner;
};

/* The family must have entries or tombstones.  The caller deinits *summary_out after KV_OK. */
MUST_CHECK enum kv_status flush_build_run(const struct flush_build *build,
                                          struct table_summary *summary_out);
/* The same into the new file `path`, durable but for its directory entry; `sink` is not used.  The
 * file may not be there before: a worker of a killed kvd may still be writing to one of its name.
 * After a failure what was written stays; nothing names it. */
MUST_CHECK enum kv_status flush_build_file(const struct flush_build *build, struct io *io,
                                           const char *path, struct table_summary *summary_out);
/* The same, but nothing of it is durable: the caller syncs *fd_out and closes it; -1 on failure. */
MUST_CHECK enum kv_status flush_build_write(const struct flush_build *build, struct io *io,
                                            const char *path, int *fd_out,
                                            struct table_summary *summary_out);

#endif
