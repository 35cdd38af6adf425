/* inline_port.h - a job port that does the job in this process, over the engine's own io.
 *
 * For tests and test tools; the same flush_build and compaction_run that the worker runs.  The
 * answer comes from a timer, so from the loop.  Knobs let a test hold jobs back or make them fail.
 */
#ifndef KV_TESTS_SUPPORT_INLINE_PORT_H
#define KV_TESTS_SUPPORT_INLINE_PORT_H

#include "base/list.h"
#include "db/job_port.h"
#include "io/io.h"

struct inline_port {
    struct job_port port;
    struct io *io;
    uint64_t delay_us_max;       /* a job takes up to this long, by io_random */
    uint32_t fail_count;         /* that many flushes fail next, after half of their work */
    uint32_t compact_fail_count; /* that many compactions fail next, after all of it */
    enum kv_status refusal;      /* of compactions that start now; KV_OK: they are done */
    bool hold;                   /* jobs wait until inline_port_release */
    bool hold_compact;           /* compactions do */
    struct list jobs;            /* of struct inline_job */
    uint64_t done_count;         /* of flushes */
    uint64_t compact_done_count;
    bool is_compacting; /* its files are being read and written just now */
    /* After a compaction that went well, before the engine knows; may be NULL. */
    void (*on_compacted)(void *owner, const struct compact_job *job);
    void *owner;
};

void inline_port_init(struct inline_port *port, struct io *io);
/* Forgets all jobs that have not been answered: a crash, or before db_close. */
void inline_port_deinit(struct inline_port *port);
void inline_port_release(struct inline_port *port);

#endif
