/* worker_msg.h - the messages between kvd and kvd-worker, as our own structs.
 *
 * The only includers of the generated worker.pb-c.h are the worker_msg*.c.
 * One message is one packet of a SOCK_SEQPACKET Unix socket, at most WORKER_MSG_BYTES_MAX long,
 * with at most one file descriptor; a longer COMPACT goes through a file (worker_channel.h).  Who
 * sends what in which state: proto/README.md.  Decoding takes untrusted bytes.
 *
 * Text in a decoded message has no NUL in it and one behind it, so `data` is a C string.
 */
#ifndef KV_IPC_WORKER_MSG_H
#define KV_IPC_WORKER_MSG_H

#include "base/buffer.h"
#include "base/status.h"
#include "compact/compaction_spec.h"
#include "key/deadlines.h"

enum {
    WORKER_MSG_BYTES_MAX = 192 * 1024, /* two of the longest keys; the largest flush */
    WORKER_LARGE_BYTES_MAX = 256 * 1024 * 1024,
    WORKER_PROTOCOL_VERSION = 4,
    WORKER_JOB_OUTPUT_COUNT_MAX = 256, /* a larger job is given out in parts */
    WORKER_JOB_SNAPSHOT_COUNT_MAX = COMPACT_SNAPSHOT_COUNT_MAX,
    WORKER_TEXT_BYTES_MAX = 255,    /* names and identities */
    WORKER_REASON_BYTES_MAX = 1000, /* as a line of the log */
};

enum worker_msg_kind {
    WORKER_MSG_NONE,
    WORKER_MSG_HELLO,    /* worker -> kvd, first */
    WORKER_MSG_WELCOME,  /* kvd -> worker: accepted */
    WORKER_MSG_FLUSH,    /* kvd -> worker, with the memtable's descriptor; also amid a COMPACT */
    WORKER_MSG_PROGRESS, /* worker -> kvd: alive, and how far */
    WORKER_MSG_TABLE,    /* worker -> kvd: one finished output, in the job's order */
    WORKER_MSG_DONE,     /* worker -> kvd, after all tables */
    WORKER_MSG_FAILED,   /* worker -> kvd */
    WORKER_MSG_SHUTDOWN, /* kvd -> worker: finish nothing, exit 0 */
    WORKER_MSG_COMPACT,  /* kvd -> worker */
    WORKER_MSG_CANCEL,   /* kvd -> worker: end this compaction */
    WORKER_MSG_LARGE,    /* the channel's own */
};

struct worker_hello {
    uint32_t protocol_version;
    uint32_t pid; /* as the worker sees itself */
    char build[64];
};
struct worker_welcome {
    uint32_t worker_id;
    uint32_t heartbeat_ms; /* PROGRESS at least this often, busy or idle */
    struct buffer dir;     /* text: of the database, absolute */
};
struct worker_flush_output {
    uint32_t cf_id;
    uint64_t file_number;
    struct buffer cf_name, merge_operator; /* text */
    uint32_t compression, block_bytes, bloom_bits_per_key;
};
struct worker_flush {
    uint64_t job_id;                             /* never 0 */
    struct buffer db_identity, session_identity; /* text */
    uint64_t creation_time_s;
    uint64_t now_ms;
    uint64_t seq_first, seq_last; /* of the memtable: checked by the worker */
    uint64_t *snapshots;          /* owned array, ascending: what must stay readable */
    uint32_t snapshot_count;
    struct worker_flush_output *outputs; /* owned array, at least one, ascending by family */
    uint32_t output_count;
};
struct worker_progress {
    uint64_t job_id; /* 0: idle */
    uint64_t bytes_done, bytes_per_s;
};
struct worker_table {
    uint64_t job_id;
    uint64_t file_number, file_bytes, seq_smallest, seq_largest;
    uint64_t entry_count, deletion_count, range_tombstone_count, superseded_count;
    struct deadlines deadlines;
    uint32_t checksum_crc32c;
    struct buffer smallest, largest; /* internal keys: a footer at least */
};
struct worker_done {
    uint64_t job_id, bytes_written, cpu_us, wall_us;
    uint32_t table_count;   /* TABLE messages sent for this job */
    uint64_t entries_read;  /* of a compaction's inputs: points, without range tombstones */
    uint64_t expired_count; /* newest values of their keys that were dead */
};
struct worker_failed {
    uint64_t job_id;
    enum kv_status status;     /* one that is a failure */
    struct buffer reason;      /* text */
    uint64_t bad_input_number; /* of a compaction; 0: not known, or none */
};
struct worker_compact_memory;
struct worker_compact {
    uint64_t job_id; /* never 0 */
    const char *session_identity;
    struct compaction_spec spec;
    struct worker_compact_memory *memory; /* owned: all that a decoded one points to; else NULL */
};
struct worker_cancel {
    uint64_t job_id; /* never 0; of a compaction that may have ended */
};
struct worker_large {
    uint64_t bytes; /* WORKER_MSG_BYTES_MAX < bytes <= WORKER_LARGE_BYTES_MAX */
};

/* Zeroed is WORKER_MSG_NONE. */
struct worker_msg {
    enum worker_msg_kind kind;
    union {
        struct worker_hello hello;
        struct worker_welcome welcome;
        struct worker_flush flush;
        struct worker_progress progress;
        struct worker_table table;
        struct worker_done done;
        struct worker_failed failed;
        struct worker_compact compact;
        struct worker_cancel cancel;
        struct worker_large large;
    };
};

/* Back to WORKER_MSG_NONE. */
void worker_msg_deinit(struct worker_msg *msg);
/* Appends.  The message must keep the limits above; a COMPACT may be as long as
 * WORKER_LARGE_BYTES_MAX. */
void worker_msg_encode(const struct worker_msg *msg, struct buffer *target);
/* KV_CORRUPT: not one of ours, or outside the limits above; *msg_out is WORKER_MSG_NONE then.
 * Otherwise the caller deinits it. */
MUST_CHECK enum kv_status worker_msg_decode(struct slice encoded, struct worker_msg *msg_out);

/* The same for the contents of the file that a LARGE stands for. */
MUST_CHECK enum kv_status worker_msg_decode_large(struct slice encoded, struct worker_msg *msg_out);
/* Whether the description keeps all limits of the message: counts, lengths of texts and keys. */
bool worker_compact_fits(const struct compaction_spec *spec);

const char *worker_msg_name(enum worker_msg_kind kind);

/* The path of an output, "dir/NNNNNN.sst", into `target` of `size` bytes.  False: no room. */
bool worker_output_path(char *target, size_t size, const char *dir, uint64_t file_number);

#endif
