/* worker_msg.h - the messages between kvd and kvd-worker, as our own structs.
 *
 * The only includer of the generated worker.pb-c.h is worker_msg.c.  One message is one packet
 * of a SOCK_SEQPACKET Unix socket, at most WORKER_MSG_BYTES_MAX long, with at most one file
 * descriptor.  Who sends what in which state: proto/README.md.  Decoding takes untrusted bytes.
 */
#ifndef KV_IPC_WORKER_MSG_H
#define KV_IPC_WORKER_MSG_H

#include "base/buffer.h"
#include "base/status.h"

enum {
    WORKER_MSG_BYTES_MAX = 128 * 1024,
    WORKER_PROTOCOL_VERSION = 1,
    WORKER_JOB_OUTPUT_COUNT_MAX = 512,
};

enum worker_msg_kind {
    WORKER_MSG_NONE,
    WORKER_MSG_HELLO,    /* worker -> kvd, first */
    WORKER_MSG_WELCOME,  /* kvd -> worker: accepted */
    WORKER_MSG_FLUSH,    /* kvd -> worker, with the memtable's descriptor */
    WORKER_MSG_PROGRESS, /* worker -> kvd: alive, and how far */
    WORKER_MSG_DONE,     /* worker -> kvd */
    WORKER_MSG_FAILED,   /* worker -> kvd */
    WORKER_MSG_SHUTDOWN, /* kvd -> worker: finish nothing, exit 0 */
};

struct worker_hello {
    uint32_t protocol_version;
    uint32_t pid;
    char build[64];
};
struct worker_welcome {
    uint32_t worker_id;
    uint32_t heartbeat_ms; /* PROGRESS at least this often while a job runs */
    struct buffer dir;     /* of the database, absolute, NUL-terminated */
};
struct worker_flush_output {
    uint32_t cf_id;
    uint64_t file_number;
    struct buffer cf_name, merge_operator;
    uint32_t compression, block_bytes, bloom_bits_per_key;
};
struct worker_flush {
    uint64_t job_id;
    struct buffer db_identity, session_identity;
    uint64_t creation_time_s;
    uint64_t seq_first, seq_last;        /* of the memtable: checked by the worker */
    struct worker_flush_output *outputs; /* owned array */
    uint32_t output_count;
};
struct worker_progress {
    uint64_t job_id, bytes_done, bytes_per_s;
};
struct worker_table {
    uint64_t file_number, file_bytes, seq_smallest, seq_largest;
    uint64_t entry_count, deletion_count, range_tombstone_count;
    uint32_t checksum_crc32c;
    struct buffer smallest, largest;
};
struct worker_done {
    uint64_t job_id, bytes_written, cpu_us, wall_us;
    struct worker_table *tables; /* owned array */
    uint32_t table_count;
};
struct worker_failed {
    uint64_t job_id;
    enum kv_status status;
    struct buffer reason; /* text */
};

/* Zeroed is WORKER_MSG_NONE. */
struct worker_msg {
    enum worker_msg_kind kind;
    union {
        struct worker_hello hello;
        struct worker_welcome welcome;
        struct worker_flush flush;
        struct worker_progress progress;
        struct worker_done done;
        struct worker_failed failed;
    };
};

void worker_msg_deinit(struct worker_msg *msg);
void worker_msg_encode(const struct worker_msg *msg, struct buffer *target);
/* KV_CORRUPT: not one of ours, or outside the limits above. */
MUST_CHECK enum kv_status worker_msg_decode(struct slice encoded, struct worker_msg *msg_out);

#endif
