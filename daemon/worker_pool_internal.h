/* worker_pool_internal.h - the structs that the worker_*.c files share; nobody else includes it.
 *
 *     worker_pool.c   opening, closing, the listening socket, the watch
 *     worker_peer.c   one worker: its process, its socket
 *     worker_peer_message.c    what it says
 *     worker_peer_job.c        what it has to do, and how urgent that is
 *     worker_job.c    one job: parts, checks, cleaning up, trying again
 *     worker_job_flush.c, worker_job_compact.c    the two kinds of job
 */
#ifndef KV_DAEMON_WORKER_POOL_INTERNAL_H
#define KV_DAEMON_WORKER_POOL_INTERNAL_H

#include "base/list.h"
#include "daemon/worker_pool.h"
#include "daemon/worker_priority.h"
#include "daemon/worker_process.h"
#include "daemon/worker_result.h"
#include "io/file.h"
#include "ipc/worker_channel.h"

enum {
    EXTERNAL_WORKER_COUNT_MAX = 64,
    RETRY_US_MIN = 100 * 1000,      /* of a job and of a worker's start */
    RETRY_US_MAX = 2 * 1000 * 1000, /* far below the patience of writers */
    HEALTHY_US = 10 * 1000 * 1000,  /* a worker that lived so long had no bad start */
    JOB_ATTEMPT_COUNT_MAX = 5,      /* then the engine gives the job new file numbers */
    TIMEOUT_DOUBLING_MAX = 4,       /* a job may be honestly slow: 16 times the timeout */
    /* A job that after this time, and a second for so many bytes of its inputs, is not done
     * has been starved, and gets its share of the cores. */
    STARVED_US = 2 * 1000 * 1000,
    STARVED_BYTES_PER_US = 32,
    STARVED_LEAVING_BYTES_PER_US = 8, /* of one that leaves its core when it is waited for */
};

enum worker_state {
    WORKER_DOWN,     /* no process; restart_timer runs */
    WORKER_STARTING, /* process or connection, no HELLO yet */
    WORKER_GREETED,  /* WELCOME sent; it is entering its jail */
    WORKER_IDLE,
    WORKER_BUSY,  /* has a job, until its result has been checked */
    WORKER_DYING, /* killed or closed; waiting for the end */
};

struct worker {
    struct worker_pool *pool;
    struct list link;
    uint32_t id;
    bool external;
    enum worker_state state;
    struct worker_process process; /* external: no pidfd */
    struct worker_job *job;        /* borrowed; set if and only if BUSY, or DYING with one */
    /* A compaction that goes on behind `job`, a flush; NULL: none. */
    struct worker_job *set_aside;
    enum worker_priority priority;
    struct ring_event socket_event, exit_event;
    bool socket_armed, exit_armed;
    struct io_timer restart_timer;
    uint32_t bad_start_count;
    uint64_t started_us, heard_us;
    struct worker_progress progress; /* of the job, as last reported */
    uint64_t bytes_per_s;            /* of the last job */
    uint64_t jobs_done, jobs_failed, bytes_written, restart_count;
};

enum job_state {
    JOB_WAITING,  /* in its list of the pool */
    JOB_RUNNING,  /* with a worker */
    JOB_CHECKING, /* the worker says it is done: its files are looked at */
    JOB_CLEANING, /* outputs of a failed try are being removed */
    JOB_PAUSING,  /* retry_timer runs */
};

struct worker_job;

struct worker_job_kind {
    const char *name;
    bool part_is_open; /* one part, of as many outputs as the worker says */
    bool tried_once;
    uint64_t (*id)(const struct worker_job *job);
    /* Into `msg`, which the caller deinits: the next part. */
    void (*describe)(struct worker_job *job, struct worker_msg *msg);
    int (*descriptor)(const struct worker_job *job); /* that goes along; -1: none */
    /* KV_CORRUPT: it cannot be the next table.  Afterwards there is room for it. */
    enum kv_status (*check_table)(struct worker_job *job, const struct worker_table *table);
    uint64_t (*number)(const struct worker_job *job, uint32_t index); /* of an output */
    void (*report)(struct worker_job *job, enum kv_status st);
};

struct worker_job {
    const struct worker_job_kind *kind;
    struct worker_pool *pool;
    struct list link; /* in pool->jobs */
    struct list wait_link;
    struct list *waiting;        /* where it waits; borrowed from the pool */
    struct flush_job *flush;     /* the engine's; one of the two is set */
    struct compact_job *compact; /* likewise */
    enum job_state state;
    struct worker *worker;               /* borrowed; NULL while nobody has it */
    struct memtable_family *families;    /* owned; what each output of a flush may hold */
    struct worker_compact_bounds bounds; /* what the next output of a compaction may hold */
    struct table_summary *tables;        /* owned; one for each output, filled up to received */
    uint32_t table_capacity;             /* of a compaction */
    uint32_t output_count;               /* file numbers that it has */
    bool cancelled;                      /* the worker has been told to stop */
    uint32_t done_count;                 /* outputs of the parts that are finished */
    uint32_t part_count;                 /* outputs in the part that is given out */
    uint32_t received_count;             /* tables of this part so far */
    uint64_t expired_count;              /* of this part, as the worker says */
    uint32_t attempt_count, timeout_count;
    uint64_t given_us;     /* to its worker */
    bool is_starved;       /* it gets on too slowly */
    bool given_outside;    /* to an external worker, of whose end nothing is certain */
    enum kv_status ending; /* what on_done gets after cleaning; KV_OK: try again */
    struct io_timer retry_timer;
    struct io_request request;
    bool request_in_flight;
    uint32_t file_index; /* the output that is being checked or removed */
    int fd;
    uint8_t footer[TABLE_FOOTER_BYTES];
    char path[PATH_BYTES_MAX];
};

struct worker_pool {
    struct job_port port; /* first: the engine's pointer is ours */
    struct ring *ring;
    struct io *io;
    char *dir, *session_identity, *binary_path, *socket_path; /* owned */
    char *merge_library;                                      /* owned */
    uint64_t timeout_us;
    struct worker_process_options spawn;
    struct list workers, jobs;
    struct list waiting;     /* flushes */
    struct list compactions; /* that wait */
    uint32_t worker_id_next, external_count;
    struct io_timer watch_timer;
    struct ring_event listen_event;
    int listen_fd;
    bool listen_armed, closing;
    bool said_no_worker; /* the line about waiting jobs has been logged */
    enum job_urgency urgency, flush_urgency;
};

/* --- worker_peer.c --- */

struct worker *worker_new(struct worker_pool *pool, bool external);
/* Starts the process of a worker that is DOWN, or sets the timer for another try. */
void worker_start(struct worker *worker);
/* Takes over a connection from outside. */
void worker_adopt(struct worker *worker, int socket, pid_t pid);
/* Ends it, however it goes on; its job comes back when it is gone. */
void worker_kill(struct worker *worker);
/* The same when kvd stops: one from outside is told first. */
void worker_dismiss(struct worker *worker);
/* Kills it if it has been silent for too long; reads first what has arrived. */
void worker_watch(struct worker *worker);
const char *worker_state_name(enum worker_state state);

/* --- worker_peer_message.c --- */

/* Reads and handles what has arrived.  A worker that breaks the rules is killed here. */
void worker_read_messages(struct worker *worker);

/* --- worker_peer_job.c --- */

/* The worker can do a flush between two blocks of its compaction. */
bool worker_may_be_interrupted(const struct worker *worker);
/* To an idle worker, or a flush to one that may be interrupted.  KV_OK: the job's next part is with
 * it.  Otherwise the worker is being killed and the job is untouched. */
MUST_CHECK enum kv_status worker_give(struct worker *worker, struct worker_job *job);
/* The job has left its worker, which goes on with what was set aside, or is free for the next. */
void worker_release_job(struct worker_job *job, bool done);
/* All that a worker had comes back: it is gone. */
void worker_return_jobs(struct worker *worker);
/* As its job is worth now. */
void worker_update_priority(struct worker *worker);

/* --- worker_job.c --- */

/* For the two kinds: the job is known to the pool, and waits at the end of its list. */
void worker_job_begin(struct worker_job *job, struct worker_pool *pool, struct list *waiting);
/* A waiting job ends at the next turn. */
void worker_job_end_soon(struct worker_job *job, enum kv_status ending);
/* KV_CORRUPT: the worker lies. */
MUST_CHECK enum kv_status worker_job_take_table(struct worker_job *job, struct worker_table *table);
MUST_CHECK enum kv_status worker_job_take_done(struct worker_job *job,
                                               const struct worker_done *done);
/* The try is over, and its writer gone if it was our child.  `ending` KV_OK: try again, if that
 * is safe. */
void worker_job_fail(struct worker_job *job, enum kv_status ending);
/* The same without an answer from its worker: one from outside may live on. */
void worker_job_lose(struct worker_job *job);
/* Calls on_done and frees the job. */
void worker_job_end(struct worker_job *job, enum kv_status st);

/* --- worker_job_flush.c, worker_job_compact.c --- */

void worker_job_new_flush(struct worker_pool *pool, struct flush_job *flush);
void worker_job_new_compact(struct worker_pool *pool, struct compact_job *compact);
/* A compaction, in any state: it ends soon, one way or the other. */
void worker_job_cancel(struct worker_job *job);
/* After so long, with nothing but what nobody else wanted of the cores, a compaction should be
 * done. */
uint64_t worker_job_patience_us(const struct worker_job *job);
bool worker_job_is_compaction(const struct worker_job *job);

/* --- worker_pool.c --- */

/* Gives waiting jobs to idle workers. */
void worker_pool_dispatch(struct worker_pool *pool);

#endif
