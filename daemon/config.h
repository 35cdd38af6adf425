/* config.h - every setting of kvd, in one table and one struct.
 *
 * A value comes from the table's default, the file, the command line or CONFIG SET, the later
 * ones overriding the earlier ones; config_source says which.  Everything is checked when it is
 * set, so a struct config is always valid by itself; what depends on two settings is checked by
 * config_check.  Text forms are redis.conf's: sizes "64mb" "1gb" "512" (k m g: powers of 1,000;
 * kb mb gb: of 1,024), times "30s" "100ms" "5m" or a bare number in the unit that the table
 * gives, booleans "yes" and "no".
 */
#ifndef KV_DAEMON_CONFIG_H
#define KV_DAEMON_CONFIG_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "base/status.h"

enum {
    CONFIG_WORKERS_EXTERNAL = 0, /* `workers external` */
    CONFIG_OPTION_COUNT_MAX = 64,
    CONFIG_ERROR_BYTES = 256,
    SLOWLOG_LENGTH_MAX = 100000,
};

enum config_source {
    CONFIG_FROM_DEFAULT,
    CONFIG_FROM_FILE,
    CONFIG_FROM_COMMAND_LINE,
    CONFIG_FROM_RUNTIME,
};

/* Texts are owned; numbers are in the unit of their name.  Change through config_set only. */
struct config {
    char *dir;
    uint64_t port;    /* 0: no TCP */
    char *bind;       /* addresses, separated by spaces; a leading '-' forgives a missing one */
    char *unixsocket; /* "": none */
    uint64_t unixsocketperm;
    char *requirepass; /* "": none */
    uint64_t protected_mode;
    uint64_t maxclients;
    uint64_t timeout_us; /* an idle client is closed after this; 0: never */
    uint64_t tcp_keepalive_us;
    uint64_t tcp_backlog;

    uint64_t memory_limit_bytes;
    uint64_t memtable_bytes;
    uint64_t wal_sync; /* enum wal_sync */
    uint64_t wal_sync_interval_us;
    uint64_t wal_max_bytes;
    uint64_t wal_recovery_mode; /* enum wal_recovery_mode */
    uint64_t compression;       /* enum compression */
    uint64_t block_bytes;
    uint64_t bloom_bits; /* a key; 0: no filters */
    uint64_t direct_reads;
    uint64_t busy_poll_us;
    char *merge_library;  /* "": none */
    char *merge_operator; /* of database 0; "": what is stored */

    uint64_t compaction_style; /* 0: as OPTIONS says; 1 + enum compaction_style */
    uint64_t compaction_jobs;  /* 0: one fewer than workers */
    uint64_t compaction_rate_bytes_per_s;
    uint64_t bottommost_compression; /* 0: as OPTIONS says; 1 + enum compression */
    uint64_t level_compressions;     /* 0: as OPTIONS says; level_compressions.h */
    uint64_t compaction_trigger;     /* tables in level 0; 0: as OPTIONS says */
    uint64_t fifo_bytes_max;         /* 0: as OPTIONS says */
    uint64_t table_ttl_us;           /* 0: as OPTIONS says */

    uint64_t workers; /* CONFIG_WORKERS_EXTERNAL or how many kvd starts */
    char *worker_socket;
    char *worker_path; /* "": kvd-worker beside kvd */
    uint64_t worker_jail;

    uint64_t loglevel; /* enum log_level */
    uint64_t query_buffer_bytes_max;
    uint64_t output_buffer_bytes_max;
    uint64_t push_buffer_bytes_max; /* of clients that are pushed to; see client_push.h */
    uint64_t push_buffer_soft_bytes;
    uint64_t push_buffer_soft_us;
    uint64_t bulk_bytes_max; /* proto-max-bulk-len */
    uint64_t databases;
    uint64_t keys_max_results;
    uint64_t slowlog_us; /* UINT64_MAX: never */
    uint64_t slowlog_length_max;
    uint64_t notify_events;        /* enum key_event_class */
    uint64_t latency_threshold_us; /* 0: LATENCY keeps nothing */
    uint64_t latency_tracking;
    uint64_t snapshots_max, snapshot_age_max_us; /* of KV.SNAPSHOT */
    uint64_t checkpoints_kept;                   /* of SAVE and BGSAVE */

    enum config_source source[CONFIG_OPTION_COUNT_MAX]; /* by the table's index */
    char *file;                                         /* absolute; NULL: none was given */
};

/* One setting as the table has it, for --help, the man page and CONFIG. */
struct config_option {
    const char *name;
    const char *default_text;
    const char *help;
    bool is_mutable; /* CONFIG SET and a reload may change it */
    bool is_secret;  /* not in --print-config and logs */
};

/* NULL past the end. */
const struct config_option *config_option_at(uint32_t index);
/* Any case; -1: unknown. */
int config_option_find(struct slice name);

void config_init(struct config *config); /* all defaults */
void config_deinit(struct config *config);
/* `target` must be zeroed or initialised; becomes an independent equal. */
void config_copy(struct config *target, const struct config *source);

/* Sets one value from its text.  False: unchanged, and `error` (CONFIG_ERROR_BYTES) says why in
 * words for the user. */
bool config_set(struct config *config, uint32_t index, struct slice text, enum config_source source,
                char *error);
/* The value as CONFIG GET shows it: sizes in bytes, times in the unit of a bare number. */
void config_format(const struct config *config, uint32_t index, struct buffer *target);
/* Whether the two configs differ in this setting. */
bool config_differs(const struct config *a, const struct config *b, uint32_t index);
/* What the single values cannot show: memtables that do not fit the memory limit, an open
 * address without a password, nothing to listen on. */
bool config_check(const struct config *config, char *error);
const char *config_source_name(enum config_source source);

#endif
