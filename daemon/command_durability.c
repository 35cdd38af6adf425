/* command_durability.c - KV.WRITE, KV.SEQ, KV.WAITSEQ, WAIT: how sure a reply is to be.
 *
 * What a reply waits for is the reply queue's part (reply_queue.h); KV.WRITE only says which level
 * the command's has.  KV.WAITSEQ and WAIT wait themselves, by a ticket (command_flush.h) that their
 * timer ends, or the log's progress:
 *
 *     first try: a wait is made, KV_BUSY
 *         --time is over, or the sequence is on stable storage, or is taken back-->
 *     second try: the reply
 */
#include "daemon/command_durability.h"

#include "base/alloc.h"
#include "daemon/client.h"
#include "daemon/command_family.h"
#include "daemon/command_flush.h"
#include "daemon/command_handlers.h"
#include "daemon/command_inner.h"
#include "daemon/command_value.h"
#include "daemon/server.h"
#include "resp/resp_number.h"

/* --- KV.WRITE SYNC none|os|disk command ... --- */

static bool
parse_level(struct command_call *call)
{
    const struct slice word = call->args[2];

    call->leaves_at_once = argument_is(word, "none");
    if (argument_is(call->args[1], "sync") && argument_is(word, "disk"))
        call->level = REPLY_SYNCED;
    else if (argument_is(call->args[1], "sync") && argument_is(word, "os"))
        call->level = REPLY_SUBMITTED;
    else if (!argument_is(call->args[1], "sync") || !call->leaves_at_once)
        goto fail;
    return true;
fail:
    call->leaves_at_once = false;
    resp_error(&call->reply, "ERR syntax error: KV.WRITE SYNC none|os|disk command ...");
    return false;
}

enum kv_status
command_kv_write(struct command_call *call)
{
    const struct command *inner;

    if (!parse_level(call))
        return KV_OK;
    inner = command_find_inner(call, 3);
    if (inner == NULL)
        return KV_OK;
    if (!(inner->flags & COMMAND_WRITE) && inner->run != command_kv_in) {
        resp_error_format(&call->reply, "ERR KV.WRITE runs commands that write: '%s' is none",
                          inner->name);
        return KV_OK;
    }
    call->command = inner;
    if (inner->run != command_kv_in && call->client->flush == NULL && !command_has_family(call))
        return KV_OK;
    return command_run_inner(call, inner, 3);
}

/* --- waiting --- */

struct durability_wait {
    struct command_work base;
    struct list link;      /* in server.seq_waits, or in none */
    struct client *client; /* borrowed: the work is the client's */
    struct io_timer timer;
    uint64_t seq;
    bool is_over;
};

static void
wait_free(struct command_work *base)
{
    struct durability_wait *wait = KV_CONTAINER_OF(base, struct durability_wait, base);

    list_remove(&wait->link);
    io_timer_stop(wait->client->server->io, &wait->timer);
    if (!wait->is_over)
        flush_ticket_forget(wait->client);
    free(wait);
}

static void
wait_end(struct durability_wait *wait)
{
    if (wait->is_over)
        return;
    wait->is_over = true;
    list_remove(&wait->link);
    io_timer_stop(wait->client->server->io, &wait->timer);
    flush_ticket_done(wait->client->flush, KV_OK);
}

static void
on_timer(struct io_timer *timer)
{
    wait_end(KV_CONTAINER_OF(timer, struct durability_wait, timer));
}

/* timeout_ms 0: for ever. */
static struct durability_wait *
wait_begin(struct command_call *call, uint64_t timeout_ms)
{
    struct durability_wait *wait = kv_alloc_zero(sizeof(*wait));
    struct io *io = call->server->io;

    KV_ASSERT(call->client->work == NULL && call->client->flush == NULL);
    wait->base.free = wait_free;
    wait->base.is_idle = true;
    wait->client = call->client;
    wait->timer.on_expire = on_timer;
    list_init(&wait->link);
    call->client->work = &wait->base;
    (void)flush_ticket_new(call, true);
    if (timeout_ms > 0)
        io_timer_start(io, &wait->timer, io_now_us(io) + timeout_ms * 1000);
    return wait;
}

void
command_wake_seq_waits(struct server *server)
{
    const uint64_t synced = db_synced_seq(server->db);

    for (struct list *node = server->seq_waits.next, *next; node != &server->seq_waits;
         node = next) {
        struct durability_wait *wait = LIST_ENTRY(node, struct durability_wait, link);

        next = node->next;
        if (wait->seq <= synced)
            wait_end(wait);
    }
}

void
command_fail_seq_waits(struct server *server, uint64_t seq_durable)
{
    const uint64_t last = db_last_seq(server->db);

    if (last > seq_durable)
        lost_sequences_add(&server->lost_seqs, seq_durable + 1, last);
    for (struct list *node = server->seq_waits.next, *next; node != &server->seq_waits;
         node = next) {
        struct durability_wait *wait = LIST_ENTRY(node, struct durability_wait, link);

        next = node->next;
        if (wait->seq > seq_durable)
            wait_end(wait);
    }
}

void
lost_sequences_add(struct lost_sequences *lost, uint64_t first, uint64_t last)
{
    struct lost_range *newest = lost->count > 0 ? &lost->ranges[lost->count - 1] : NULL;

    KV_ASSERT(first <= last);
    KV_ASSERT(newest == NULL || newest->first <= first);
    /* Nothing has become durable since the last failure. */
    if (newest != NULL && first <= newest->last + 1) {
        newest->last = last > newest->last ? last : newest->last;
        return;
    }
    if (lost->count == LOST_RANGE_COUNT_MAX) {
        lost->ranges[1].first = lost->ranges[0].first;
        lost->count--;
        memmove(lost->ranges, lost->ranges + 1, lost->count * sizeof(lost->ranges[0]));
    }
    lost->ranges[lost->count++] = (struct lost_range){.first = first, .last = last};
}

bool
lost_sequences_has(const struct lost_sequences *lost, uint64_t seq)
{
    for (uint32_t i = 0; i < lost->count; i++) {
        if (seq >= lost->ranges[i].first && seq <= lost->ranges[i].last)
            return true;
    }
    return false;
}

/* As Redis reads it.  False: the error reply has been written. */
static bool
parse_timeout(struct command_call *call, struct slice text, uint64_t *timeout_ms_out)
{
    int64_t timeout_ms;

    if (!resp_parse_int64(text, &timeout_ms) || timeout_ms > INT64_MAX / 1000000) {
        resp_error(&call->reply, "ERR timeout is not an integer or out of range");
        return false;
    }
    if (timeout_ms < 0) {
        resp_error(&call->reply, "ERR timeout is negative");
        return false;
    }
    *timeout_ms_out = (uint64_t)timeout_ms;
    return true;
}

/* --- WAIT replicas timeout --- */

enum kv_status
command_wait(struct command_call *call)
{
    int64_t replica_count;
    uint64_t timeout_ms;

    if (call->client->work != NULL) {
        const enum kv_status st = flush_ticket_take(call);

        if (st == KV_OK)
            resp_integer(&call->reply, 0);
        return st;
    }
    if (!value_parse_int64(call, call->args[1], &replica_count) ||
        !parse_timeout(call, call->args[2], &timeout_ms))
        return KV_OK;
    if (replica_count <= 0 || call->is_in_transaction) {
        resp_integer(&call->reply, 0);
        return KV_OK;
    }
    (void)wait_begin(call, timeout_ms);
    return KV_BUSY;
}

/* --- KV.SEQ, KV.WAITSEQ sequence timeout --- */

enum kv_status
command_kv_seq(struct command_call *call)
{
    const struct db *db = call->server->db;
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"last", db_last_seq(db)},
        {"durable", db_durable_seq(db)},
        {"synced", db_synced_seq(db)},
    };

    resp_map(&call->reply, 3);
    for (size_t i = 0; i < 3; i++) {
        resp_bulk_text(&call->reply, numbers[i].name);
        resp_integer(&call->reply, (int64_t)numbers[i].value);
    }
    return KV_OK;
}

/* Numbers are not used again, so the log passes lost ones in time; what they stood for is gone. */
static void
reply_synced(struct command_call *call, uint64_t seq)
{
    if (lost_sequences_has(&call->server->lost_seqs, seq))
        resp_error(&call->reply, "MISCONF Errors writing to the write-ahead log: what was written "
                                 "with this sequence number was taken back");
    else
        resp_integer(&call->reply, (int64_t)db_synced_seq(call->server->db));
}

static enum kv_status
begin_waitseq(struct command_call *call)
{
    struct db *db = call->server->db;
    struct durability_wait *wait;
    uint64_t timeout_ms;
    int64_t seq;

    if (!value_parse_int64(call, call->args[1], &seq) ||
        !parse_timeout(call, call->args[2], &timeout_ms))
        return KV_OK;
    if (seq < 0 || (uint64_t)seq > db_last_seq(db)) {
        resp_error_format(&call->reply,
                          "ERR no write has this sequence number yet: the last is %llu",
                          (unsigned long long)db_last_seq(db));
        return KV_OK;
    }
    if ((uint64_t)seq <= db_synced_seq(db) || call->is_in_transaction ||
        lost_sequences_has(&call->server->lost_seqs, (uint64_t)seq)) {
        reply_synced(call, (uint64_t)seq);
        return KV_OK;
    }
    db_sync_to(db, (uint64_t)seq);
    wait = wait_begin(call, timeout_ms);
    wait->seq = (uint64_t)seq;
    list_push_back(&call->server->seq_waits, &wait->link);
    return KV_BUSY;
}

enum kv_status
command_kv_waitseq(struct command_call *call)
{
    struct command_work *work = call->client->work;
    enum kv_status st;

    if (work == NULL)
        return begin_waitseq(call);
    st = flush_ticket_take(call);
    if (st == KV_OK)
        reply_synced(call, KV_CONTAINER_OF(work, struct durability_wait, base)->seq);
    return st;
}
