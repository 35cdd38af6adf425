/* session.c - the worker's side of proto/README.md.
 *
 *     HELLO ->  <- WELCOME  [jail]  PROGRESS(0) ->  { <- FLUSH | COMPACT  TABLE... DONE | FAILED ->
 * }*
 *
 * The first PROGRESS says that the jail stands; only then does kvd hand over work.  A failed job
 * is reported and the worker goes on; anything unexpected from kvd ends it, because a process
 * that no longer understands its parent is better replaced than repaired.
 */
#include "worker/session.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "io/io_blocking.h"
#include "ipc/worker_channel.h"
#include "worker/compact_job.h"
#include "worker/flush_job.h"
#include "worker/give_way.h"
#include "worker/jail.h"

enum {
    NICE = 5,            /* behind kvd, before bulk work: a late flush stops writers */
    IOPRIO_WHO_SELF = 1, /* IOPRIO_WHO_PROCESS, for which glibc has no header */
    IOPRIO_BE_LOW = 5,   /* of best effort's 0..7; 4 is what everyone starts with */
    IOPRIO_BE_LOWEST = 7,
    IOPRIO_CLASS_BE = 2,
    IOPRIO_CLASS_SHIFT = 13,
};

struct session {
    struct io *io; /* owned */
    int socket;    /* borrowed */
    struct buffer dir;
    struct heartbeat heartbeat;
    uint64_t compact_job_id; /* 0: none runs */
    bool compact_cancelled;  /* by kvd, which wants to hear so */
};

static int
exit_code(enum kv_status st)
{
    switch (st) {
    case KV_OK:
    case KV_CANCELLED: /* kvd is gone */
        return 0;
    case KV_CORRUPT:
        return EX_PROTOCOL;
    case KV_UNSUPPORTED:
        return EX_CONFIG;
    default:
        return EX_IOERR;
    }
}

static void
set_io_priority(int level)
{
    const int ioprio = (IOPRIO_CLASS_BE << IOPRIO_CLASS_SHIFT) | level;

    if (syscall(SYS_ioprio_set, IOPRIO_WHO_SELF, 0, ioprio) != 0)
        kv_log(LOG_LEVEL_VERBOSE, "ioprio_set: %s", strerror(errno));
}

static void
lower_priority(void)
{
    if (setpriority(PRIO_PROCESS, 0, NICE) != 0)
        kv_log(LOG_LEVEL_VERBOSE, "setpriority: %s", strerror(errno));
    set_io_priority(IOPRIO_BE_LOW);
}

static enum kv_status
greet(struct session *session)
{
    struct worker_msg msg = {.kind = WORKER_MSG_HELLO};
    enum kv_status st;

    msg.hello.protocol_version = WORKER_PROTOCOL_VERSION;
    msg.hello.pid = (uint32_t)getpid();
    memcpy(msg.hello.build, KV_VERSION, sizeof(KV_VERSION));
    st = worker_channel_send(session->socket, CHANNEL_WAIT, &msg, -1);
    if (st != KV_OK)
        return st;
    st = worker_channel_receive(session->socket, CHANNEL_WAIT, &msg, NULL);
    if (st != KV_OK)
        return st;
    if (msg.kind == WORKER_MSG_WELCOME) {
        session->dir = msg.welcome.dir; /* taken over */
        session->heartbeat.interval_us = msg.welcome.heartbeat_ms * UINT64_C(1000) / 2;
        kv_log(LOG_LEVEL_VERBOSE, "worker %u for %s", msg.welcome.worker_id,
               (const char *)session->dir.data);
        return KV_OK;
    }
    st = msg.kind == WORKER_MSG_SHUTDOWN
             ? KV_CANCELLED
             : KV_FAIL(KV_CORRUPT, "%s instead of WELCOME", worker_msg_name(msg.kind));
    worker_msg_deinit(&msg);
    return st;
}

static enum kv_status
send_table(struct session *session, uint64_t job_id, const struct table_summary *table)
{
    struct worker_msg msg = {.kind = WORKER_MSG_TABLE};

    msg.table.job_id = job_id;
    msg.table.file_number = table->file_number;
    msg.table.file_bytes = table->file_bytes;
    msg.table.seq_smallest = table->seq_smallest;
    msg.table.seq_largest = table->seq_largest;
    msg.table.entry_count = table->entry_count;
    msg.table.deletion_count = table->deletion_count;
    msg.table.range_tombstone_count = table->range_tombstone_count;
    msg.table.superseded_count = table->superseded_count;
    msg.table.deadlines = table->deadlines;
    msg.table.checksum_crc32c = table->checksum_crc32c;
    msg.table.smallest = table->smallest; /* borrowed for the call */
    msg.table.largest = table->largest;
    return worker_channel_send(session->socket, CHANNEL_WAIT, &msg, -1);
}

static uint64_t
cpu_us(void)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* `done` as far as only the job can tell. */
static enum kv_status
send_result(struct session *session, uint64_t job_id, const struct table_summary *tables,
            uint32_t table_count, struct worker_done done)
{
    struct worker_msg msg = {.kind = WORKER_MSG_DONE, .done = done};
    enum kv_status st = KV_OK;

    for (uint32_t i = 0; i < table_count && st == KV_OK; i++) {
        st = send_table(session, job_id, &tables[i]);
        msg.done.bytes_written += tables[i].file_bytes;
    }
    if (st != KV_OK)
        return st;
    msg.done.job_id = job_id;
    msg.done.table_count = table_count;
    msg.done.wall_us = io_now_us(session->io) - session->heartbeat.job_started_us;
    return worker_channel_send(session->socket, CHANNEL_WAIT, &msg, -1);
}

static enum kv_status
send_failure(struct session *session, uint64_t job_id, enum kv_status failure,
             uint64_t bad_input_number)
{
    struct worker_msg msg = {.kind = WORKER_MSG_FAILED};
    enum kv_status st;

    msg.failed.job_id = job_id;
    msg.failed.status = failure;
    msg.failed.bad_input_number = bad_input_number;
    if (bad_input_number > 0)
        buffer_append_format(&msg.failed.reason, "table %" PRIu64 ": ", bad_input_number);
    buffer_append_format(&msg.failed.reason, "%s (the log of process %d has the particulars)",
                         kv_status_text(failure), (int)getpid());
    st = worker_channel_send(session->socket, CHANNEL_WAIT, &msg, -1);
    worker_msg_deinit(&msg);
    return st;
}

static uint64_t
count_expired(const struct flush_job_result *result)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < result->table_count; i++)
        count += result->tables[i].expired_count;
    return count;
}

static enum kv_status
serve_flush(struct session *session, const struct worker_flush *flush, int memtable_fd)
{
    const uint64_t cpu_before_us = cpu_us();
    struct flush_job_result result = {0};
    enum kv_status st;

    if (memtable_fd < 0)
        return KV_FAIL(KV_CORRUPT, "FLUSH came without a memtable");
    heartbeat_set_job(&session->heartbeat, flush->job_id);
    st = flush_job_run(flush, memtable_fd, (const char *)session->dir.data, &session->heartbeat,
                       &result);
    if (st == KV_OK)
        st = send_result(session, flush->job_id, result.tables, result.table_count,
                         (struct worker_done){.cpu_us = cpu_us() - cpu_before_us,
                                              .expired_count = count_expired(&result)});
    else if (st != KV_CANCELLED)
        st = send_failure(session, flush->job_id, st, 0);
    heartbeat_set_job(&session->heartbeat, 0);
    flush_job_result_deinit(&result);
    return st;
}

/* A flush waits for no compaction: it is done between two blocks of one. */
static enum kv_status
serve_flush_between(struct session *session, const struct worker_flush *flush, int memtable_fd)
{
    const struct heartbeat set_aside = session->heartbeat;
    enum kv_status st;

    session->heartbeat.listen = NULL;
    set_io_priority(IOPRIO_BE_LOW);
    st = serve_flush(session, flush, memtable_fd);
    set_io_priority(IOPRIO_BE_LOWEST);
    session->heartbeat = set_aside;
    return st;
}

/* What kvd may say to a worker that compacts: flush this first, stop that, or go. */
static enum kv_status
take_word(struct session *session, const struct worker_msg *msg, int fd)
{
    if (msg->kind == WORKER_MSG_SHUTDOWN)
        return KV_CANCELLED;
    if (msg->kind == WORKER_MSG_FLUSH)
        return serve_flush_between(session, &msg->flush, fd);
    if (msg->kind != WORKER_MSG_CANCEL)
        return KV_FAIL(KV_CORRUPT, "kvd sent %s to a busy worker", worker_msg_name(msg->kind));
    if (msg->cancel.job_id != session->compact_job_id)
        return KV_OK; /* of one that was over when it was sent */
    session->compact_cancelled = true;
    return KV_CANCELLED;
}

static enum kv_status
listen_to_kvd(void *owner)
{
    struct session *session = owner;
    struct pollfd waiting = {.fd = session->socket, .events = POLLIN};
    struct worker_msg msg;
    enum kv_status st;
    int fd;

    if (poll(&waiting, 1, 0) <= 0)
        return KV_OK;
    st = worker_channel_receive(session->socket, CHANNEL_NOWAIT, &msg, &fd);
    if (st == KV_OK)
        st = take_word(session, &msg, fd);
    worker_msg_deinit(&msg);
    if (fd >= 0)
        close(fd);
    return st == KV_BUSY ? KV_OK : st;
}

static enum kv_status
run_compact(struct session *session, const struct worker_compact *compact,
            struct compaction_result *result)
{
    struct heartbeat *heartbeat = &session->heartbeat;
    enum kv_status st;

    session->compact_job_id = compact->job_id;
    session->compact_cancelled = false;
    heartbeat_set_job(heartbeat, compact->job_id);
    heartbeat->listen = listen_to_kvd;
    heartbeat->listen_owner = session;
    set_io_priority(IOPRIO_BE_LOWEST); /* of the cores kvd has its own idea */
    st = compact_job_run(compact, (const char *)session->dir.data, heartbeat, result);
    set_io_priority(IOPRIO_BE_LOW);
    heartbeat->listen = NULL;
    session->compact_job_id = 0;
    return st;
}

static enum kv_status
serve_compact(struct session *session, const struct worker_compact *compact)
{
    const uint64_t cpu_before_us = cpu_us();
    struct compaction_result result;
    enum kv_status st = run_compact(session, compact, &result);

    if (st == KV_OK)
        st = send_result(session, compact->job_id, result.tables, result.table_count,
                         (struct worker_done){.cpu_us = cpu_us() - cpu_before_us,
                                              .entries_read = result.entries_read,
                                              .expired_count = result.expired_count});
    else if (st != KV_CANCELLED || session->compact_cancelled)
        st = send_failure(session, compact->job_id, st, result.bad_input_number);
    heartbeat_set_job(&session->heartbeat, 0);
    compaction_result_deinit(&result);
    return st;
}

static enum kv_status
serve_message(struct session *session)
{
    struct worker_msg msg;
    int fd;
    enum kv_status st = worker_channel_receive(session->socket, CHANNEL_WAIT, &msg, &fd);

    if (st != KV_OK)
        return st;
    if (msg.kind == WORKER_MSG_FLUSH)
        st = serve_flush(session, &msg.flush, fd);
    else if (msg.kind == WORKER_MSG_COMPACT)
        st = serve_compact(session, &msg.compact);
    else if (msg.kind == WORKER_MSG_CANCEL)
        st = KV_OK; /* the compaction was over before it came */
    else if (msg.kind == WORKER_MSG_SHUTDOWN)
        st = KV_CANCELLED;
    else
        st = KV_FAIL(KV_CORRUPT, "kvd sent %s to an idle worker", worker_msg_name(msg.kind));
    worker_msg_deinit(&msg);
    if (fd >= 0)
        close(fd);
    return st;
}

/* Waits for the next message, with a heartbeat now and then, and serves it. */
static enum kv_status
serve_one(struct session *session)
{
    struct pollfd waiting = {.fd = session->socket, .events = POLLIN};
    const int timeout_ms = (int)(session->heartbeat.interval_us / 1000) + 1;
    const int ready = poll(&waiting, 1, timeout_ms);

    if (ready > 0)
        return serve_message(session);
    if (ready < 0 && errno != EINTR)
        return KV_FAIL(KV_IO, "poll: %s", strerror(errno));
    return heartbeat_beat(&session->heartbeat);
}

int
session_run(int socket, bool with_jail)
{
    struct session session = {.socket = socket};
    enum kv_status st;

    KV_ASSERT(socket >= 0);
    session.io = io_blocking_new();
    session.heartbeat.io = session.io;
    session.heartbeat.socket = socket;
    worker_channel_prepare(socket);
    lower_priority();
    st = greet(&session);
    if (st == KV_OK && with_jail)
        st = jail_close_others(socket);
    give_way_prepare();
    if (st == KV_OK && with_jail)
        st = jail_enter((const char *)session.dir.data);
    if (st == KV_OK)
        st = heartbeat_send(&session.heartbeat);
    while (st == KV_OK)
        st = serve_one(&session);
    buffer_deinit(&session.dir);
    io_blocking_free(session.io);
    return exit_code(st);
}
