/* worker_pool.h - kvd's workers: started, watched, given jobs, replaced.
 *
 * The pool is the engine's job port.  It starts `worker_count` processes, and lets others that
 * were started outside connect to `socket_path`.  A job goes to an idle worker; if the worker
 * dies, falls silent or lies, it is killed and the job is given out again with the same file
 * numbers, but only when the old process is gone for certain and its files are removed.  Of a
 * worker from outside that cannot be known, so its job ends with an error and the engine gives it
 * out anew under new numbers.
 *
 * A compaction is given out once, and only while another worker is left for flushes, unless there
 * is but one at all.  A flush for which none is left is done in between by one that compacts.
 *
 * kvd sets how its workers share the cores with it: compactions get what nobody else wants, until
 * they press or starve (where the system permits to take that back: daemon/worker_priority.h).
 *
 * No worker, or no program to start: jobs wait, and kvd serves on.
 */
#ifndef KV_DAEMON_WORKER_POOL_H
#define KV_DAEMON_WORKER_POOL_H

#include <sys/types.h>

#include "db/job_port.h"
#include "io/ring.h"

struct worker_pool;

struct worker_pool_options {
    struct ring *ring;            /* borrowed until closed */
    const char *dir;              /* of the database; copied */
    const char *session_identity; /* for the tables' properties; copied; may be NULL */
    const char *binary_path;      /* worker-path; copied; NULL or empty: beside this program */
    uint32_t worker_count;        /* processes to start; 0: only external ones */
    const char *socket_path;      /* worker-socket; copied; NULL or empty: none */
    uint64_t timeout_us;          /* of a silent worker; 0: 10 s */
    bool no_jail;
    const char *merge_library; /* copied; NULL: none */
    bool journal;              /* the workers' log lines are for the journal */
};

/* KV_IO, KV_LOCKED: the listening socket cannot be made (logged; its folder must exist).  `dir`
 * need not exist until the ring turns.  Workers that cannot be started are no error here, they
 * are tried again. */
MUST_CHECK enum kv_status worker_pool_open(const struct worker_pool_options *options,
                                           struct worker_pool **pool_out);
/* Kills the workers and turns the ring until they are gone.  Jobs that are left end with
 * KV_CANCELLED, from inside this call.  NULL is fine. */
void worker_pool_close(struct worker_pool *pool);

/* Lives as long as the pool.  Names in a job's outputs and its db_identity must be at most
 * WORKER_TEXT_BYTES_MAX long, else the job ends with KV_LIMIT. */
struct job_port *worker_pool_port(struct worker_pool *pool);

/* For KV.WORKERS and INFO. */
struct worker_info {
    uint32_t id;
    pid_t pid;         /* 0: no process now */
    const char *state; /* "down", "starting", "greeted", "idle", "busy", "dying" */
    bool external;
    uint64_t job_id; /* 0: none */
    uint64_t job_bytes_done;
    uint64_t bytes_per_s; /* as last reported */
    uint64_t jobs_done, jobs_failed;
    uint64_t bytes_written;
    uint64_t restart_count;
    uint64_t heartbeat_age_us; /* since it was last heard of */
};
/* Returns how many there are; writes at most `max` of them. */
uint32_t worker_pool_info(const struct worker_pool *pool, struct worker_info *infos, uint32_t max);
/* Jobs that no worker has now. */
uint32_t worker_pool_waiting_count(const struct worker_pool *pool);

#endif
