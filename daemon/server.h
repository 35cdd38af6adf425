/* server.h - the daemon as one object: owns the ring, the engine, the sockets and the clients.
 *
 * One thread, one loop:   ring_turn (completions run commands) -> clients that may go on ->
 *                         db_turn (starts the WAL write) -> sends.
 */
#ifndef KV_DAEMON_SERVER_H
#define KV_DAEMON_SERVER_H

#include "base/list.h"
#include "daemon/checkpoint_keeper.h"
#include "daemon/client.h"
#include "daemon/command_durability.h"
#include "daemon/command_table.h"
#include "daemon/config.h"
#include "daemon/key_expiry.h"
#include "daemon/latency.h"
#include "daemon/pubsub.h"
#include "daemon/read_ahead.h"
#include "daemon/slowlog.h"
#include "daemon/snapshot_leases.h"
#include "daemon/turn_watch.h"
#include "db/db.h"
#include "io/ring.h"

/* Which Redis kvd claims to be towards clients (HELLO, INFO). */
#define REDIS_VERSION "7.0.15"

struct listener_set;
struct receive_buffers;
struct scan_cursors;
struct signal_watch;
struct worker_pool;

enum {
    RUN_ID_CHARS = 40,
    ERROR_PREFIX_COUNT_MAX = 64, /* further ones are counted together */
    ERROR_PREFIX_BYTES = 24,
    SERVER_RESERVED_DESCRIPTORS = 128, /* for files and workers, beyond maxclients */
};

struct command_stats {
    uint64_t call_count;
    uint64_t time_us;
    uint64_t rejected_count; /* before it ran: wrong arguments, no authentication */
    uint64_t failed_count;   /* ran and replied with an error */
};

struct error_stats {
    char prefix[ERROR_PREFIX_BYTES]; /* "ERR", "NOAUTH", ... */
    uint64_t count;
};

/* All since start or CONFIG RESETSTAT. */
struct server_stats {
    uint64_t connection_count;
    uint64_t rejected_connection_count;
    uint64_t accept_failure_count;
    uint64_t command_count;
    uint64_t net_in_bytes, net_out_bytes;
    uint64_t keyspace_hit_count, keyspace_miss_count; /* command_get counts */
    uint64_t expired_count;                           /* deleted by who met them (key_expiry.h) */
    uint64_t expired_count_before; /* the engine's, when the counters were set to zero */
    uint64_t error_count;
    uint64_t fetch_count;         /* tries that had to wait for a block */
    uint64_t busy_count;          /* tries that had to wait for memtable room */
    uint64_t write_failure_count; /* replies that were turned into errors by a WAL fault */
    uint64_t output_limit_close_count, query_limit_close_count, timeout_close_count;
    uint64_t memory_close_count; /* clients closed for the memory of all */
    uint64_t turn_count;
    struct turn_watch turn_watch;
    uint64_t peak_memory_bytes;                       /* of clients */
    struct command_stats commands[COMMAND_COUNT_MAX]; /* by command_index */
    struct error_stats errors[ERROR_PREFIX_COUNT_MAX];
    uint32_t error_prefix_count;
    /* Operations a second, over the last 16 ticks of 100 ms. */
    uint64_t ops_samples[16];
    uint32_t ops_sample_index;
    uint64_t ops_sampled_count, ops_sampled_us;
};

/* Why more than usual is done before or after a command: one test when there is nothing. */
enum server_gate {
    GATE_PAUSES_WRITES = 1 << 0, /* CLIENT PAUSE; see pause.h */
    GATE_PAUSES_ALL = 1 << 1,
    GATE_MONITORS = 1 << 2,   /* there are some */
    GATE_STAGED = 1 << 3,     /* the command that runs has staged messages; see pubsub.h */
    GATE_OWN_PUSHES = 1 << 4, /* or there are some for its own client; see client_push.h */
    GATE_EXPIRED = 1 << 5,    /* it has met a dead key that is to be told of; see key_expiry.h */
};

enum shutdown_state {
    SHUTDOWN_NONE,
    SHUTDOWN_DRAINING, /* no new connection; replies under way are waited for */
    SHUTDOWN_NOW,      /* leaves the loop */
};

struct server {
    struct config config;            /* owned */
    struct ring *ring;               /* owned */
    struct io *io;                   /* the ring's */
    struct db *db;                   /* owned; NULL while recovering */
    struct worker_pool *pool;        /* owned */
    struct listener_set *listeners;  /* owned */
    struct receive_buffers *buffers; /* owned */
    struct signal_watch *signals;    /* owned */
    struct write_batch batch;        /* owned: of the command that runs now */
    struct scan_cursors *cursors;    /* owned: of SCAN */
    struct read_ahead ahead;         /* of the client that runs now */
    struct snapshot_leases leases;   /* of KV.SNAPSHOT */
    struct checkpoint_keeper keeper; /* of SAVE */

    struct list clients;          /* by their last activity, the longest idle first */
    struct list closing_clients;  /* closed, but perhaps with something in flight */
    struct list client_pool;      /* retired ones, for reuse */
    struct list held_clients;     /* with replies that wait for durability */
    struct list busy_clients;     /* with a write that waits for on_writable, in their order */
    struct list paused_clients;   /* with a command that waits for the end of CLIENT PAUSE */
    struct list runnable_clients; /* with input that this turn had no time for */
    struct list sending_clients;  /* with replies to send at the end of the turn */
    struct list flush_tickets;    /* of KV.FLUSHes under way; command_flush.c */
    struct list monitors;         /* clients that have said MONITOR */
    uint32_t client_count;        /* connected */
    uint32_t pool_count;
    uint64_t next_client_id;
    struct list seq_waits; /* of KV.WAITSEQ; command_durability.c */
    struct lost_sequences lost_seqs;
    bool has_submit_waiter;       /* a reply may wait until the log's write is submitted */
    bool is_full;                 /* a write got KV_BUSY; on_writable is owed */
    size_t client_soft_bytes;     /* one client's share in this turn */
    uint64_t client_buffer_bytes; /* of all connected clients; see client_memory.c */

    struct client *current_client; /* whose command runs; NULL between commands */
    uint32_t gate;                 /* enum server_gate */
    struct pubsub pubsub;          /* owned */
    struct key_expiry expiry;      /* owned: of the command that runs */
    struct buffer own_pushes;      /* owned: for the client whose command runs */
    uint64_t own_pushes_seq;       /* they wait for this one */
    uint64_t pause_end_us;         /* of CLIENT PAUSE, while there is one */
    struct io_timer pause_timer;   /* the end of CLIENT PAUSE */
    enum shutdown_state shutdown;
    uint64_t shutdown_deadline_us;
    char run_id[RUN_ID_CHARS + 1];
    uint64_t started_us;      /* io_now_us */
    uint64_t started_wall_us; /* io_wall_us */
    uint64_t now_us;          /* cached: of this turn */
    uint64_t turn_began_at;   /* stats.command_count then */
    struct io_timer tick_timer;
    uint64_t tick_count;
    uint64_t watchdog_us; /* the service manager wants a sign of life this often; 0: it does not */
    uint64_t watchdog_told_us;
    uint32_t client_count_max; /* maxclients, or what the descriptor limit allows */
    struct server_stats stats;
    struct slowlog slowlog;
    uint64_t
        slow_us; /* what takes so long is looked at by SLOWLOG or LATENCY; see server_config.c */
    struct latency_monitor latency;
    struct latency_histogram *histograms[COMMAND_COUNT_MAX]; /* owned; NULL: it was not run yet */
};

/* Everything but the engine: ring, listening sockets, signals.  `server` is zeroed.  Returns the
 * exit code, 0: fine, as do the next ones. */
int server_open(struct server *server, const struct config *config);
/* Starts the workers and recovers the data.  In server_data.c. */
int server_open_data(struct server *server);
/* Until a signal or SHUTDOWN. */
int server_run(struct server *server);
/* Stops cleanly, whatever of the two opens has worked. */
int server_close(struct server *server);
/* The engine's options as far as the settings say them, `dir` borrowed; io, port, owner and events
 * are the caller's.  In server_data.c. */
struct db_options server_db_options(const struct config *config);
/* What the settings say about compactions.  In server_config.c. */
struct db_compaction_settings server_compaction_settings(const struct config *config);
/* The engine's and the workers' part of it.  In server_data.c. */
int server_close_data(struct server *server);

/* First call: drain, then stop; second, or `is_now`: stop at the end of this turn. */
void server_begin_shutdown(struct server *server, bool is_now);
/* SHUTDOWN ABORT; false: none was under way. */
bool server_abort_shutdown(struct server *server);
/* USR1: the numbers that help when a client cannot be used. */
void server_log_stats(struct server *server);
/* For the engine: struct db_options's events. */
void server_on_durable(void *owner, uint64_t seq);
void server_on_synced(void *owner, uint64_t seq);
void server_on_write_failed(void *owner, uint64_t seq_durable);
void server_on_writable(void *owner);
/* How far the log is, as a reply of this level has to know it: the other levels are left at 0
 * where that costs less. */
struct reply_progress server_reply_progress(const struct server *server, enum reply_level level);
/* Takes over the mutable values of `config` and makes them work.  False: `error`
 * (CONFIG_ERROR_BYTES), and nothing has changed. */
bool server_apply_config(struct server *server, const struct config *config, char *error);
/* Sets client_count_max from maxclients, and the descriptor limit as far as it lets itself. */
void server_raise_client_limit(struct server *server);
/* HUP: reads the file again, logs what changes and what would need a restart. */
void server_reload_config(struct server *server);
/* Sets slow_us. */
void server_find_slow(struct server *server);
void server_free_histograms(struct server *server);
void server_reset_stats(struct server *server);
/* After a client's commands: when many have been run in this turn the others' wait for the next,
 * so that the log and the replies of these get under way. */
void server_end_long_turn(struct server *server);
/* Counts an error reply by its first word; `reply` starts behind the '-'. */
void server_count_error(struct server *server, struct slice reply);
uint64_t server_ops_per_second(const struct server *server);
/* All connected clients' buffers; also keeps the peak. */
uint64_t server_client_memory_bytes(struct server *server);
/* Sets client_soft_bytes, by how many clients there are.  In client_memory.c. */
void server_share_client_memory(struct server *server);
/* NULL: no client has it. */
struct client *server_find_client(struct server *server, uint64_t id);

/* The family that SELECT `database` means, CF_NONE - database if nobody has written to it; false:
 * the number is too large. */
bool server_find_database(struct server *server, uint64_t database, uint32_t *cf_id_out);

#endif
