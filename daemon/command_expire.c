/* command_expire.c - EXPIRE and its relatives, which set, tell and take away deadlines.
 *
 * A deadline is a part of the value, so setting one writes the value again.  One that has passed
 * already deletes the key, as in Redis.
 */
#include "daemon/command_handlers.h"
#include "daemon/command_value.h"
#include "daemon/server.h"
#include "daemon/value_deadline.h"

/* --- setting --- */

struct expire_options {
    bool nx, xx, gt, lt;
};

/* False: the error reply has been written. */
static bool
parse_options(struct command_call *call, struct expire_options *options)
{
    *options = (struct expire_options){0};
    for (uint32_t i = 3; i < call->arg_count; i++) {
        const struct slice word = call->args[i];

        if (argument_is(word, "nx")) {
            options->nx = true;
        } else if (argument_is(word, "xx")) {
            options->xx = true;
        } else if (argument_is(word, "gt")) {
            options->gt = true;
        } else if (argument_is(word, "lt")) {
            options->lt = true;
        } else {
            const size_t shown = strnlen((const char *)word.data, word.size);

            resp_error_format(&call->reply, "ERR Unsupported option %.*s",
                              (int)(shown < 128 ? shown : 128), (const char *)word.data);
            return false;
        }
    }
    if (options->nx && (options->xx || options->gt || options->lt)) {
        resp_error(&call->reply,
                   "ERR NX and XX, GT or LT options at the same time are not compatible");
        return false;
    }
    if (options->gt && options->lt) {
        resp_error(&call->reply, "ERR GT and LT options at the same time are not compatible");
        return false;
    }
    return true;
}

/* EXPIRE takes what deadline_parse does not: the past.  False: the error reply has been written. */
static bool
parse_time(struct command_call *call, struct deadline_form form, int64_t *time_ms_out)
{
    const int64_t base = form.is_relative ? (int64_t)db_now_ms(call->server->db) : 0;

    if (!value_parse_int64(call, call->args[2], time_ms_out))
        return false;
    if ((form.is_seconds && __builtin_mul_overflow(*time_ms_out, 1000, time_ms_out)) ||
        __builtin_add_overflow(*time_ms_out, base, time_ms_out)) {
        resp_error_format(&call->reply, "ERR invalid expire time in '%s' command",
                          call->command->name);
        return false;
    }
    return true;
}

/* No deadline is later than all others. */
static bool
may_replace(const struct expire_options *options, uint64_t old_ms, int64_t time_ms)
{
    const bool is_past = time_ms < 0;
    const uint64_t new_ms = is_past ? 0 : (uint64_t)time_ms;

    if (options->nx && old_ms != DEADLINE_NONE)
        return false;
    if (options->xx && old_ms == DEADLINE_NONE)
        return false;
    if (options->gt && (is_past || new_ms <= old_ms))
        return false;
    return !options->lt || is_past || new_ms < old_ms;
}

static enum kv_status
expire_at(struct command_call *call, const struct lookup *found, int64_t time_ms)
{
    const struct slice key = call->args[1];
    enum kv_status st;

    if (time_ms <= (int64_t)db_now_ms(call->server->db))
        write_batch_delete(call->batch, call->cf_id, key);
    else if (!value_put_deadline(call, key, found, (uint64_t)time_ms))
        return KV_OK;
    st = command_write(call);
    if (st == KV_OK)
        resp_integer(&call->reply, 1);
    return st;
}

static enum kv_status
expire(struct command_call *call, struct deadline_form form)
{
    struct expire_options options;
    struct lookup found;
    int64_t time_ms;
    enum kv_status st;

    if (!parse_options(call, &options) || !parse_time(call, form, &time_ms))
        return KV_OK;
    st = value_find(call, call->args[1], &found);
    if (st != KV_OK)
        return st;
    if (found.kind != LOOKUP_VALUE || !may_replace(&options, value_deadline(&found), time_ms)) {
        resp_integer(&call->reply, 0);
        return KV_OK;
    }
    return expire_at(call, &found, time_ms);
}

enum kv_status
command_expire(struct command_call *call)
{
    return expire(call, (struct deadline_form){.is_seconds = true, .is_relative = true});
}

enum kv_status
command_pexpire(struct command_call *call)
{
    return expire(call, (struct deadline_form){.is_relative = true});
}

enum kv_status
command_expireat(struct command_call *call)
{
    return expire(call, (struct deadline_form){.is_seconds = true});
}

enum kv_status
command_pexpireat(struct command_call *call)
{
    return expire(call, (struct deadline_form){0});
}

enum kv_status
command_persist(struct command_call *call)
{
    struct lookup found;
    bool had_deadline;
    enum kv_status st = value_find(call, call->args[1], &found);

    if (st != KV_OK)
        return st;
    had_deadline = value_deadline(&found) != DEADLINE_NONE;
    if (had_deadline) {
        if (!value_put_deadline(call, call->args[1], &found, DEADLINE_NONE))
            return KV_OK;
        st = command_write(call);
    }
    if (st == KV_OK)
        resp_integer(&call->reply, had_deadline);
    return st;
}

/* --- telling --- */

static int64_t
rounded(uint64_t time_ms, bool is_seconds)
{
    if (time_ms > INT64_MAX)
        time_ms = INT64_MAX; /* not of kvd's making */
    return (int64_t)(is_seconds ? (time_ms + 500) / 1000 : time_ms);
}

static enum kv_status
tell(struct command_call *call, struct deadline_form form)
{
    enum { TELLS_NO_KEY = -2, TELLS_NO_DEADLINE = -1 };
    struct lookup found;
    uint64_t deadline_ms, now_ms;
    int64_t answer;
    const enum kv_status st = value_find(call, call->args[1], &found);

    if (st != KV_OK)
        return st;
    deadline_ms = value_deadline(&found);
    if (found.kind != LOOKUP_VALUE) {
        answer = TELLS_NO_KEY;
    } else if (deadline_ms == DEADLINE_NONE) {
        answer = TELLS_NO_DEADLINE;
    } else {
        now_ms = form.is_relative ? db_time_at(call->server->db, call->seq_max) : 0;
        KV_ASSERT(now_ms <= deadline_ms);
        answer = rounded(deadline_ms - now_ms, form.is_seconds);
    }
    resp_integer(&call->reply, answer);
    return KV_OK;
}

enum kv_status
command_ttl(struct command_call *call)
{
    return tell(call, (struct deadline_form){.is_seconds = true, .is_relative = true});
}

enum kv_status
command_pttl(struct command_call *call)
{
    return tell(call, (struct deadline_form){.is_relative = true});
}

enum kv_status
command_expiretime(struct command_call *call)
{
    return tell(call, (struct deadline_form){.is_seconds = true});
}

enum kv_status
command_pexpiretime(struct command_call *call)
{
    return tell(call, (struct deadline_form){0});
}
