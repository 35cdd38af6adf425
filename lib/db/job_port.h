/* job_port.h - how the engine asks for background work, without knowing who does it.
 *
 * The daemon answers with worker processes; a test answers in place.  A job that cannot run now
 * (no worker) waits inside the port; there is no refusal.
 */
#ifndef KV_DB_JOB_PORT_H
#define KV_DB_JOB_PORT_H

#include "base/status.h"
#include "compact/compaction_spec.h"
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
 * what is said to be its own. */
struct flush_job {
    uint64_t job_id;           /* unique in this run of the engine */
    struct memtable *memtable; /* frozen; the engine's reference lasts until done */
    const char *dir;           /* where outputs go, as NNNNNN.sst */
    const char *db_identity;
    uint64_t creation_time_s;
    uint64_t now_ms; /* flush_build's */
    /* Those that live when it starts, ascending, at most COMPACT_SNAPSHOT_COUNT_MAX; borrowed until
     * the job is done. */
    const uint64_t *snapshots;
    uint32_t snapshot_count;
    struct flush_output *outputs; /* owned array, ascending by family */
    uint32_t output_count;
    uint64_t expired_count; /* the port's, after KV_OK: values that were dead */
    void *port_private;

    /* Called exactly once, from the loop, never from inside start.  KV_OK: `tables` has one
     * summary for each output, in order, borrowed for the call; the files are complete, synced
     * and their directory entries are durable.  Otherwise no output remains on disk under the
     * given numbers, or it will be purged at the next open; a new job takes new numbers. */
    void (*on_done)(struct flush_job *job, enum kv_status st, const struct table_summary *tables);
    void *owner;
};

/* Tables -> tables.  Owned by the engine; untouched by the port but for what is said to be the
 * port's.  What `spec` points to must last until on_done has been called: the engine keeps a
 * reference to each input, whose file stays as it is. */
struct compact_job {
    uint64_t job_id; /* unique in this run of the engine, among flushes too */
    const char *dir; /* of inputs and outputs, as NNNNNN.sst */
    struct compaction_spec spec;

    /* The port's. */
    uint64_t bytes_done, bytes_per_s; /* of the inputs; as last heard */
    uint64_t entries_read;            /* after KV_OK: points of the inputs */
    uint64_t expired_count;           /* after KV_OK: newest values of their keys that were dead */
    uint64_t bad_input_number;        /* after KV_CORRUPT: the input at fault; 0: unknown */
    bool has_made_way;                /* after KV_CANCELLED: on purpose; no worker was lost */
    bool is_abandoned;                /* likewise: who had it may live and read the inputs */
    void *port_private;

    /* Called exactly once, from the loop, never from inside start or cancel.  KV_OK: `tables`
     * are the outputs, ascending, disjoint, with numbers ascending from output_number_first,
     * borrowed for the call; count 0: nothing is left of the inputs.  The files are complete,
     * synced, and their directory entries durable.  Otherwise no output remains on disk, or it
     * will be purged at the next open, and the numbers may not be used again.  Nothing is
     * retried inside the port. */
    void (*on_done)(struct compact_job *job, enum kv_status st, const struct table_summary *tables,
                    uint32_t table_count);
    void *owner;
};

/* How much it matters that jobs get on. */
enum job_urgency {
    JOB_CALM,     /* they may take what nobody else wants */
    JOB_PRESSING, /* writers will have to be slowed soon, or somebody waits for the job */
};

/* start_compact may be NULL: then nothing is compacted. */
struct job_port {
    void (*start_flush)(struct job_port *port, struct flush_job *job);
    void (*start_compact)(struct job_port *port, struct compact_job *job);
    /* The job ends as soon as it can, with KV_CANCELLED if its result is not there yet. */
    void (*cancel_compact)(struct job_port *port, struct compact_job *job);
    /* Of all compactions from now on, those that run among them; at first JOB_CALM.  NULL: it is
     * all the same to the port. */
    void (*set_urgency)(struct job_port *port, enum job_urgency urgency);
    /* The same of all flushes; at first JOB_PRESSING. */
    void (*set_flush_urgency)(struct job_port *port, enum job_urgency urgency);
};

#endif
