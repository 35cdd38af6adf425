#include "daemon/value_deadline.h"

#include "daemon/command_value.h"
#include "daemon/server.h"

bool
deadline_parse(struct command_call *call, struct slice text, struct deadline_form form,
               uint64_t *deadline_ms_out)
{
    int64_t time;

    if (!value_parse_int64(call, text, &time))
        return false;
    if (time <= 0 || (form.is_seconds && __builtin_mul_overflow(time, 1000, &time)) ||
        (form.is_relative &&
         __builtin_add_overflow(time, (int64_t)db_now_ms(call->server->db), &time))) {
        resp_error_format(&call->reply, "ERR invalid expire time in '%s' command",
                          call->command->name);
        return false;
    }
    KV_ASSERT(time > 0);
    *deadline_ms_out = (uint64_t)time;
    return true;
}

/* `from` as of entity_rewrite. */
static bool
put_entity(struct command_call *call, struct slice key, struct slice from, const struct entity *to)
{
    struct buffer encoded = {0};
    enum kv_status st;

    if (!value_check_key(call, key) || !value_check_size(call, to->value.size))
        return false;
    st = entity_rewrite(from, to, &encoded);
    if (st == KV_OK)
        write_batch_put_entity(call->batch, call->cf_id, key, buffer_slice(&encoded));
    else
        (void)value_check_size(call, UINT64_MAX);
    buffer_deinit(&encoded);
    KV_ASSERT(st == KV_OK || st == KV_LIMIT); /* a read has accepted `from` */
    return st == KV_OK;
}

bool
value_put_until(struct command_call *call, struct slice key, struct slice value,
                uint64_t deadline_ms)
{
    const struct entity to = {.value = value, .deadline_ms = deadline_ms};

    if (deadline_ms == DEADLINE_NONE)
        return value_put(call, key, value);
    return put_entity(call, key, slice_of(NULL, 0), &to);
}

/* What is left without a deadline and without others' columns is a plain value. */
static bool
put_changed(struct command_call *call, struct slice key, struct slice from, const struct entity *to)
{
    if (to->deadline_ms == DEADLINE_NONE && !to->has_others)
        return value_put(call, key, to->value);
    return put_entity(call, key, from, to);
}

/* A read has accepted the bytes. */
static void
parse_old(const struct lookup *old, struct entity *entity_out)
{
    enum kv_status st = KV_OK;

    *entity_out = (struct entity){.value = old->value, .deadline_ms = DEADLINE_NONE};
    if (old->entity.size > 0)
        st = entity_parse(old->entity, entity_out);
    KV_ASSERT(st == KV_OK);
}

bool
value_put_over(struct command_call *call, struct slice key, const struct lookup *old,
               struct slice value)
{
    struct entity to;

    if (old->entity.size == 0)
        return value_put(call, key, value);
    parse_old(old, &to);
    to.value = value;
    return put_changed(call, key, old->entity, &to);
}

bool
value_put_deadline(struct command_call *call, struct slice key, const struct lookup *old,
                   uint64_t deadline_ms)
{
    struct entity to;

    parse_old(old, &to);
    to.deadline_ms = deadline_ms;
    return put_changed(call, key, old->entity, &to);
}

bool
value_put_copy(struct command_call *call, struct slice key, const struct lookup *found)
{
    if (found->entity.size == 0)
        return value_put(call, key, found->value);
    if (!value_check_key(call, key))
        return false;
    write_batch_put_entity(call->batch, call->cf_id, key, found->entity);
    return true;
}
