/* command_set.c - SET in all its forms, GETSET, SETNX, SETEX, PSETEX and GETEX.
 *
 * The options are Redis's, also in which of them may stand together and which error comes first.
 * A plain SET reads nothing; a deadline is part of the value that is written, so it is never
 * there without the value, nor the value without it.
 */
#include "daemon/command_handlers.h"
#include "daemon/command_value.h"
#include "daemon/server.h"
#include "daemon/value_condition.h"
#include "daemon/value_deadline.h"

struct set_options {
    bool if_absent, if_present, returns_old, keeps_deadline;
    bool persists; /* GETEX only */
    struct value_condition condition;
    const struct deadline_word *at; /* how `time` is meant; NULL: none is given */
    struct slice time;
};

static const struct deadline_word {
    const char *word;
    struct deadline_form form;
} deadline_words[] = {
    {"ex", {.is_seconds = true, .is_relative = true}},
    {"px", {.is_relative = true}},
    {"exat", {.is_seconds = true}},
    {"pxat", {0}},
};

/* Redis takes the same word again, and then the last one counts. */
static const struct deadline_word *
find_deadline_word(struct slice argument, const struct set_options *options)
{
    for (size_t i = 0; i < sizeof(deadline_words) / sizeof(deadline_words[0]); i++) {
        const struct deadline_word *row = &deadline_words[i];

        if (argument_is(argument, row->word))
            return options->at == NULL || options->at == row ? row : NULL;
    }
    return NULL;
}

/* An option without a value, of SET or of GETEX.  False: it is none, or may not stand here. */
static bool
take_flag(struct slice argument, bool is_set, struct set_options *options)
{
    const bool has_condition = options->condition.kind != CONDITION_NONE;

    if (is_set && argument_is(argument, "nx") && !options->if_present && !has_condition)
        options->if_absent = true;
    else if (is_set && argument_is(argument, "xx") && !options->if_absent && !has_condition)
        options->if_present = true;
    else if (is_set && argument_is(argument, "get"))
        options->returns_old = true;
    else if (is_set && argument_is(argument, "keepttl") && options->at == NULL)
        options->keeps_deadline = true;
    else if (!is_set && argument_is(argument, "persist") && options->at == NULL)
        options->persists = true;
    else
        return false;
    return true;
}

/* "EX seconds" and its like at args[i]; false: it is none, or may not stand here. */
static bool
take_time(const struct command_call *call, uint32_t i, struct set_options *options)
{
    const struct deadline_word *at = find_deadline_word(call->args[i], options);

    if (at == NULL || options->keeps_deadline || options->persists || i + 1 == call->arg_count)
        return false;
    options->at = at;
    options->time = call->args[i + 1];
    return true;
}

/* "IFEQ value" and its like at args[i]; false: it is none, or may not stand here. */
static bool
take_condition(const struct command_call *call, uint32_t i, struct set_options *options)
{
    struct value_condition *condition = &options->condition;
    const enum value_condition_kind kind = value_condition_kind_of(call->args[i]);

    if (kind == CONDITION_NONE || i + 1 == call->arg_count || condition->kind != CONDITION_NONE ||
        options->if_absent || options->if_present)
        return false;
    *condition = (struct value_condition){.kind = kind, .operand = call->args[i + 1]};
    return true;
}

/* args[first] and on.  False: the error reply has been written. */
static bool
parse_options(struct command_call *call, uint32_t first, bool is_set, struct set_options *options)
{
    *options = (struct set_options){0};
    for (uint32_t i = first; i < call->arg_count; i++) {
        if (take_flag(call->args[i], is_set, options))
            continue;
        if (is_set && take_condition(call, i, options)) {
            i++;
            if (value_condition_is_valid(&options->condition))
                continue;
            resp_error(&call->reply, DIGEST_ERROR);
            return false;
        }
        if (!take_time(call, i++, options)) {
            resp_error(&call->reply, "ERR syntax error");
            return false;
        }
    }
    return true;
}

static void
reply_old(struct command_call *call, const struct lookup *old)
{
    if (old->kind == LOOKUP_VALUE)
        resp_bulk(&call->reply, old->value);
    else
        resp_null(&call->reply);
}

static enum kv_status
set_if(struct command_call *call, const struct set_options *options, uint64_t deadline_ms)
{
    struct lookup old;
    bool exists;
    enum kv_status st = value_find(call, call->args[1], &old);

    if (st != KV_OK)
        return st;
    exists = old.kind == LOOKUP_VALUE;
    if ((exists ? options->if_absent : options->if_present) ||
        !value_condition_holds(&options->condition, exists, old.value)) {
        if (options->returns_old)
            reply_old(call, &old);
        else
            resp_null(&call->reply);
        return KV_OK;
    }
    if (options->keeps_deadline)
        deadline_ms = value_deadline(&old);
    if (!value_put_until(call, call->args[1], call->args[2], deadline_ms))
        return KV_OK;
    /* The old value is borrowed only until the write, so its reply is written before. */
    if (options->returns_old)
        reply_old(call, &old);
    st = command_write(call);
    if (st == KV_OK && !options->returns_old)
        resp_simple(&call->reply, "OK");
    return st;
}

static enum kv_status
set_always(struct command_call *call, struct slice value, uint64_t deadline_ms)
{
    enum kv_status st;

    if (!value_put_until(call, call->args[1], value, deadline_ms))
        return KV_OK;
    st = command_write(call);
    if (st == KV_OK)
        resp_simple(&call->reply, "OK");
    return st;
}

enum kv_status
command_set(struct command_call *call)
{
    uint64_t deadline_ms = DEADLINE_NONE;
    struct set_options options;

    if (!parse_options(call, 3, true, &options) ||
        (options.at != NULL && !deadline_parse(call, options.time, options.at->form, &deadline_ms)))
        return KV_OK;
    if (options.if_absent || options.if_present || options.returns_old || options.keeps_deadline ||
        options.condition.kind != CONDITION_NONE)
        return set_if(call, &options, deadline_ms);
    return set_always(call, call->args[2], deadline_ms);
}

static enum kv_status
set_until(struct command_call *call, struct deadline_form form)
{
    uint64_t deadline_ms;

    if (!deadline_parse(call, call->args[2], form, &deadline_ms))
        return KV_OK;
    return set_always(call, call->args[3], deadline_ms);
}

enum kv_status
command_setex(struct command_call *call)
{
    return set_until(call, (struct deadline_form){.is_seconds = true, .is_relative = true});
}

enum kv_status
command_psetex(struct command_call *call)
{
    return set_until(call, (struct deadline_form){.is_relative = true});
}

enum kv_status
command_setnx(struct command_call *call)
{
    struct slice old;
    bool exists;
    enum kv_status st = value_read(call, call->args[1], &exists, &old);

    if (st != KV_OK)
        return st;
    if (!exists) {
        if (!value_put(call, call->args[1], call->args[2]))
            return KV_OK;
        st = command_write(call);
    }
    if (st == KV_OK)
        resp_integer(&call->reply, !exists);
    return st;
}

enum kv_status
command_getset(struct command_call *call)
{
    const struct set_options options = {.returns_old = true};

    return set_if(call, &options, DEADLINE_NONE);
}

/* What GETEX writes into the batch, if anything.  False: the error reply has been written. */
static bool
put_getex(struct command_call *call, const struct set_options *options, const struct lookup *old,
          uint64_t deadline_ms)
{
    const struct slice key = call->args[1];

    if (options->at == NULL && (!options->persists || value_deadline(old) == DEADLINE_NONE))
        return true;
    if (options->at != NULL && !options->at->form.is_relative &&
        deadline_ms <= db_now_ms(call->server->db)) {
        write_batch_delete(call->batch, call->cf_id, key);
        return true;
    }
    return value_put_deadline(call, key, old, deadline_ms);
}

enum kv_status
command_getex(struct command_call *call)
{
    uint64_t deadline_ms = DEADLINE_NONE;
    struct set_options options;
    struct lookup old;
    enum kv_status st;

    if (!parse_options(call, 2, false, &options))
        return KV_OK;
    st = value_find(call, call->args[1], &old);
    if (st != KV_OK)
        return st;
    if (old.kind == LOOKUP_VALUE &&
        ((options.at != NULL &&
          !deadline_parse(call, options.time, options.at->form, &deadline_ms)) ||
         !put_getex(call, &options, &old, deadline_ms)))
        return KV_OK;
    reply_old(call, &old);
    return write_batch_count(call->batch) > 0 ? command_write(call) : KV_OK;
}
