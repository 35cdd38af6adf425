/* job_port.h - how the engine asks for background work, without knowing who does it.
 *
 * The daemon answers with worker processes; a test answers in place.  A job that cannot run now
 * (no worker) waits inside the port; there is no refusal.
 */
#ifndef KV_DB_JOB_PORT_H
#define KV_DB_JOB_PORT_H

#include "base/status.h"
#include "sst/table_builder.h"

struct memtable;
struct job_port;

/* One table to build: all entries of one family in the memtable. */
struct flush_output {
    uint32_t cf_id;
    uint64_t file_number;
    const char *cf_name;        /* borrowed until the job is done */
    const char *merge_operator; /* as OPTIONS has it (merge_operator_parse), or "nullptr" */
    enum compression compression;
    uint32_t block_bytes;
    uint32_t bloom_bits_per_key;
};

/* Memtable -> one L0 table a family.  Owned by the engine; untouched by the port but for
 * `port_private`. */
struct flush_job {
    uint64_t job_id;           /* unique in this run of the engine */
    struct memtable *memtable; /* frozen; the engine's reference lasts until done */
    const char *dir;           /* where outputs go, as NNNNNN.sst */
    const char *db_identity;
    uint64_t creation_time_s;
    /* Live ones, ascending, at most WORKER_JOB_SNAPSHOT_COUNT_MAX (ipc/worker_msg.h); borrowed
     * until the job is done. */
    const uint64_t *snapshots;
    uint32_t snapshot_count;
    struct flush_output *outputs; /* owned array, ascending by family */
    uint32_t output_count;
    void *port_private;

    /* Called exactly once, from the loop, never from inside start.  KV_OK: `tables` has one
     * summary for each output, in order, borrowed for the call; the files are complete, synced
     * and their directory entries are durable.  Otherwise no output remains on disk under the
     * given numbers, or it will be purged at the next open; a new job takes new numbers. */
    void (*on_done)(struct flush_job *job, enum kv_status st, const struct table_summary *tables);
    void *owner;
};

struct job_port {
    void (*start_flush)(struct job_port *port, struct flush_job *job);
};

#endif
