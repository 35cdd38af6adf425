/* key_event.c - from batches to messages.
 *
 * A handler need not know of notifications: what it writes is in its batch, and what Redis calls
 * that follows from the command.  Deletions are "del", but where a key only goes elsewhere.  A
 * range deletion tells nothing, as FLUSHDB in Redis.
 */
#include "daemon/key_event.h"

#include <stdio.h>

#include "base/alloc.h"
#include "daemon/command_handlers.h"
#include "daemon/command_value.h"
#include "daemon/key_expiry.h"
#include "db/db_family.h"
#include "resp/resp_number.h"

/* What a command's puts are called, and its deletions if not "del". */
struct write_names {
    const char *command;
    enum key_event_class class;
    const char *put, *deletion;
    bool is_anew; /* what was there before goes first, so the key is always new */
};

static const struct write_names names_of_commands[] = {
    {"append", NOTIFY_STRING, "append", NULL, false},
    {"bitfield", NOTIFY_STRING, "setbit", NULL, false},
    {"copy", NOTIFY_GENERIC, "copy_to", NULL, true},
    {"decr", NOTIFY_STRING, "incrby", NULL, false},
    {"decrby", NOTIFY_STRING, "incrby", NULL, false},
    {"expire", NOTIFY_GENERIC, "expire", NULL, false},
    {"expireat", NOTIFY_GENERIC, "expire", NULL, false},
    {"getex", NOTIFY_GENERIC, "expire", NULL, false}, /* or "persist" */
    {"incr", NOTIFY_STRING, "incrby", NULL, false},
    {"incrby", NOTIFY_STRING, "incrby", NULL, false},
    {"incrbyfloat", NOTIFY_STRING, "incrbyfloat", NULL, false},
    {"kv.merge", NOTIFY_STRING, "merge", NULL, false},
    {"move", NOTIFY_GENERIC, "move_to", "move_from", true},
    {"persist", NOTIFY_GENERIC, "persist", NULL, false},
    {"pexpire", NOTIFY_GENERIC, "expire", NULL, false},
    {"pexpireat", NOTIFY_GENERIC, "expire", NULL, false},
    {"rename", NOTIFY_GENERIC, "rename_to", "rename_from", true},
    {"renamenx", NOTIFY_GENERIC, "rename_to", "rename_from", true},
    {"restore", NOTIFY_GENERIC, "restore", NULL, true},
    {"setbit", NOTIFY_STRING, "setbit", NULL, false},
    {"setrange", NOTIFY_STRING, "setrange", NULL, false},
};

static const struct write_names *
find_names(const struct command *command)
{
    static const struct write_names others = {"", NOTIFY_STRING, "set", NULL, false};

    for (size_t i = 0; i < sizeof(names_of_commands) / sizeof(names_of_commands[0]); i++) {
        if (strcmp(names_of_commands[i].command, command->name) == 0)
            return &names_of_commands[i];
    }
    return &others;
}

/* Whether one of the words is among the arguments behind the key. */
static bool
has_option(const struct command_call *call, uint32_t first, const char *const *words)
{
    for (uint32_t i = first; i < call->arg_count; i++) {
        for (const char *const *word = words; *word != NULL; word++) {
            if (argument_is(call->args[i], *word))
                return true;
        }
    }
    return false;
}

/* SET with a deadline is two events. */
static bool
sets_deadline(const struct command_call *call)
{
    static const char *const words[] = {"ex", "px", "exat", "pxat", NULL};

    if (strcmp(call->command->name, "set") == 0)
        return has_option(call, 3, words);
    return strcmp(call->command->name, "setex") == 0 || strcmp(call->command->name, "psetex") == 0;
}

/* --- staging --- */

/* The number of a database, or the name of a family that is none; not terminated. */
static struct slice
name_database(struct server *server, uint32_t cf_id, char text[32])
{
    struct slice name;
    int64_t number;

    if (cf_id == CF_DEFAULT)
        return slice_from_text("0");
    if (cf_id >= CF_NONE_MIN) {
        (void)snprintf(text, 32, "%u", CF_NONE - cf_id);
        return slice_from_text(text);
    }
    name = slice_from_text(db_family_name(server->db, cf_id));
    if (name.size > 2 && memcmp(name.data, "db", 2) == 0 &&
        resp_parse_int64(slice_of(name.data + 2, name.size - 2), &number) && number > 0)
        return slice_of(name.data + 2, name.size - 2);
    return name;
}

static void
stage_message(struct server *server, const char *form, struct slice database, struct slice subject,
              struct slice message)
{
    struct buffer channel = {0};

    buffer_append_format(&channel, "__%s@", form);
    buffer_append_slice(&channel, database);
    buffer_append(&channel, "__:", 3);
    buffer_append_slice(&channel, subject);
    pubsub_stage(server, TOPIC_CHANNEL, buffer_slice(&channel), message);
    buffer_deinit(&channel);
}

void
key_event_stage(struct server *server, const char *event, struct slice key, uint32_t cf_id)
{
    const struct slice event_name = slice_from_text(event);
    char text[32];
    struct slice database;

    if (!pubsub_has_listeners(&server->pubsub))
        return;
    database = name_database(server, cf_id, text);
    if (server->config.notify_events & NOTIFY_KEYSPACE)
        stage_message(server, "keyspace", database, key, event_name);
    if (server->config.notify_events & NOTIFY_KEYEVENT)
        stage_message(server, "keyevent", database, event_name, key);
}

/* --- what is written --- */

static void
stage_put(struct command_call *call, const struct write_names *names,
          const struct batch_record *record)
{
    static const char *const persist[] = {"persist", NULL};
    const bool persists = strcmp(names->command, "getex") == 0 && has_option(call, 2, persist);

    notify_key_event(call, names->class, persists ? "persist" : names->put, record->key,
                     record->cf_id);
    if (sets_deadline(call))
        notify_key_event(call, NOTIFY_GENERIC, "expire", record->key, record->cf_id);
}

static enum kv_status
stage_if_new(struct command_call *call, const struct write_names *names,
             const struct batch_record *record)
{
    struct lookup found = {.kind = LOOKUP_ABSENT};
    enum kv_status st = KV_OK;

    if (!names->is_anew && record->cf_id < CF_NONE_MIN)
        st = db_get(call->server->db, call->ctx, record->cf_id, record->key, SEQUENCE_MAX, &found);
    if (st == KV_OK && found.kind != LOOKUP_VALUE)
        notify_key_event(call, NOTIFY_NEW, "new", record->key, record->cf_id);
    return st;
}

static bool
is_put(const struct batch_record *record)
{
    return record->type == TYPE_VALUE || record->type == TYPE_ENTITY || record->type == TYPE_MERGE;
}

static void
stage_record(struct command_call *call, const struct write_names *names,
             const struct batch_record *record)
{
    if (is_put(record))
        stage_put(call, names, record);
    else if (record->type == TYPE_DELETION || record->type == TYPE_SINGLE_DELETION)
        notify_key_event(call, NOTIFY_GENERIC, names->deletion != NULL ? names->deletion : "del",
                         record->key, record->cf_id);
}

/* Which of the events of a batch are staged in one go over it. */
enum stage_pass { STAGE_ALL, STAGE_NEW, STAGE_OTHERS };

/* Which puts of MSET and MSETNX are not of a key that another one before them is of; NULL: all,
 * since other commands put a key once.  Owned by the caller. */
static bool *
find_first(const struct command_call *call)
{
    const uint32_t count = write_batch_count(call->batch);
    struct slice *keys;
    bool *is_first;

    if (call->command->run != command_mset && call->command->run != command_msetnx)
        return NULL;
    KV_ASSERT(2 * count + 1 == call->arg_count);
    keys = kv_alloc(count * sizeof(keys[0]));
    is_first = kv_alloc(count * sizeof(is_first[0]));
    for (uint32_t i = 0; i < count; i++)
        keys[i] = call->args[2 * i + 1];
    value_find_first_keys(keys, count, is_first);
    free(keys);
    return is_first;
}

static enum kv_status
stage_records(struct command_call *call, const struct write_names *names, const bool *is_first,
              enum stage_pass pass)
{
    const uint64_t events = pass != STAGE_OTHERS ? call->server->config.notify_events : 0;
    struct write_batch_reader reader;
    struct batch_record record;
    enum kv_status st = KV_OK;

    write_batch_walk_init(&reader, buffer_slice(&call->batch->bytes));
    for (uint32_t i = 0; st == KV_OK && write_batch_walk_next(&reader, &record); i++) {
        if (events & NOTIFY_EXPIRED && is_put(&record))
            st = key_expiry_note_put(call, &record);
        if (st == KV_OK && events & NOTIFY_NEW && is_put(&record) &&
            (is_first == NULL || is_first[i]))
            st = stage_if_new(call, names, &record);
        if (st == KV_OK && pass != STAGE_NEW)
            stage_record(call, names, &record);
    }
    return st;
}

/* Where a key comes from elsewhere, it is new before it has gone there. */
enum kv_status
key_event_stage_batch(struct command_call *call)
{
    const struct write_names *names = find_names(call->command);
    bool *is_first = NULL;
    enum kv_status st = KV_OK;

    if (call->server->config.notify_events & NOTIFY_NEW)
        is_first = find_first(call);
    if (names->deletion != NULL)
        st = stage_records(call, names, is_first, STAGE_NEW);
    if (st == KV_OK)
        st = stage_records(call, names, is_first,
                           names->deletion != NULL ? STAGE_OTHERS : STAGE_ALL);
    free(is_first);
    return st;
}

/* Commands that write do not tell of what they do not find, but for those that first read as GET
 * does. */
void
key_event_stage_miss(struct command_call *call, struct slice key)
{
    static const char *const get[] = {"get", NULL};
    command_fn *run = call->command->run;
    bool is_read = call->command->flags & COMMAND_READONLY && call->command->subcommands == NULL;

    if (run == command_getset || run == command_getdel ||
        (run == command_set && has_option(call, 3, get)) ||
        strcmp(call->command->name, "getex") == 0)
        is_read = true;
    else if (run == command_copy)
        is_read = key.data == call->args[1].data;
    else if (run == command_bitop)
        is_read = key.data != call->args[2].data;
    if (is_read)
        notify_key_event(call, NOTIFY_KEY_MISS, "keymiss", key, call->cf_id);
}
