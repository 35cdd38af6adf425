/* command.c - what handlers share: reading and writing under the durable-sequence rule, and
 * second words.
 *
 * A command's reply tells something about every version that it saw or wrote, so it may leave
 * when the newest of them is durable: seq_wait only rises here.
 */
#include "daemon/command_family.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "daemon/command_table.h"
#include "daemon/key_event.h"
#include "daemon/key_expiry.h"
#include "daemon/server.h"
#include "db/db_txn.h"

static void
wait_for_seq(struct command_call *call, uint64_t seq)
{
    if (seq > call->seq_wait)
        call->seq_wait = seq;
}

static void
count_miss(struct command_call *call, struct slice key, const struct lookup *found)
{
    call->server->stats.keyspace_miss_count++;
    if (call->server->config.notify_events & NOTIFY_EXPIRED && lookup_is_dead(found) &&
        call->seq_max == SEQUENCE_MAX)
        key_expiry_note(call, key, call->cf_id);
    if (call->server->config.notify_events & NOTIFY_KEY_MISS)
        key_event_stage_miss(call, key);
}

enum kv_status
command_get(struct command_call *call, struct slice key, struct lookup *found)
{
    struct server *server = call->server;
    const struct version_probe *probe = NULL;
    enum kv_status st;

    KV_ASSERT(call->ctx != NULL);
    if (call->seq_max == SEQUENCE_MAX)
        probe = read_ahead_take(&server->ahead, call->cf_id, key);
    if (probe != NULL)
        st = db_get_probed(server->db, call->ctx, call->cf_id, probe, found);
    else
        st = db_get(server->db, call->ctx, call->cf_id, key, call->seq_max, found);
    if (st != KV_OK)
        return st;
    wait_for_seq(call, found->seq);
    if (found->kind == LOOKUP_VALUE)
        server->stats.keyspace_hit_count++;
    else
        count_miss(call, key, found);
    return KV_OK;
}

static enum kv_status
write_batch_of(struct command_call *call)
{
    uint64_t seq_last = 0;
    enum kv_status st;

    if (call->cf_id >= CF_NONE_MIN || call->client->flush != NULL) {
        st = command_need_family(call, call->cf_id);
        if (st != KV_OK)
            return st;
    }
    if (call->is_in_transaction)
        return db_txn_write(call->server->db, call->batch);
    st = db_write(call->server->db, call->batch, &seq_last);
    if (st == KV_OK)
        wait_for_seq(call, seq_last);
    return st;
}

/* Events first, since to find some of them keys have to be read. */
static enum kv_status
write_and_tell(struct command_call *call)
{
    struct pubsub *pubsub = &call->server->pubsub;
    const size_t staged_bytes = pubsub_staged_bytes(pubsub);
    enum kv_status st = key_event_stage_batch(call);

    if (st == KV_OK) {
        key_expiry_lead(call);
        st = write_batch_of(call);
    }
    if (st != KV_OK)
        pubsub_unstage(pubsub, staged_bytes);
    return st;
}

enum kv_status
command_write(struct command_call *call)
{
    KV_ASSERT(write_batch_count(call->batch) > 0);
    if (call->server->config.notify_events != 0)
        return write_and_tell(call);
    return write_batch_of(call);
}

/* "CLIENT <subcommand> ..." and the rows' help, as simple strings. */
static void
reply_help(struct command_call *call, const struct subcommand *table)
{
    char head[COMMAND_NAME_BYTES_MAX + 80];
    size_t line_count = 3;

    for (const struct subcommand *row = table; row->name != NULL; row++)
        line_count += row->help != NULL ? 2 : 0;
    resp_array(&call->reply, line_count);
    (void)snprintf(
        head, sizeof(head),
        "%s <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", call->command->name);
    for (char *letter = head; *letter != ' ' && *letter != '\0'; letter++)
        *letter = (char)toupper((unsigned char)*letter);
    resp_simple(&call->reply, head);
    for (const struct subcommand *row = table; row->name != NULL; row++) {
        const char *what = row->help == NULL ? NULL : strchr(row->help, '\n');
        char line[200];

        if (what == NULL)
            continue;
        (void)snprintf(line, sizeof(line), "%.*s", (int)(what - row->help), row->help);
        resp_simple(&call->reply, line);
        (void)snprintf(line, sizeof(line), "    %s", what + 1);
        resp_simple(&call->reply, line);
    }
    resp_simple(&call->reply, "HELP");
    resp_simple(&call->reply, "    Prints this help.");
}

static bool
is_word(struct slice text, const char *word)
{
    return strlen(word) == text.size && strncasecmp(word, (const char *)text.data, text.size) == 0;
}

static const struct subcommand *
find_subcommand(const struct command_call *call)
{
    for (const struct subcommand *row = call->command->subcommands; row->name != NULL; row++) {
        if (is_word(call->args[1], row->name))
            return row;
    }
    return NULL;
}

static void
reply_arity(struct command_call *call, const char *second)
{
    resp_error_format(&call->reply, "ERR wrong number of arguments for '%s|%s' command",
                      call->command->name, second);
}

static void
reply_unknown(struct command_call *call)
{
    const struct slice word = call->args[1];
    char name[COMMAND_NAME_BYTES_MAX + 1];
    size_t i = 0;

    for (; call->command->name[i] != '\0'; i++)
        name[i] = (char)toupper((unsigned char)call->command->name[i]);
    name[i] = '\0';
    resp_error_format(&call->reply, "ERR unknown subcommand '%.*s'. Try %s HELP.",
                      (int)(word.size < 128 ? word.size : 128), (const char *)word.data, name);
}

bool
subcommand_check(struct command_call *call)
{
    const struct subcommand *row = find_subcommand(call);
    const bool is_help = row == NULL && is_word(call->args[1], "help");
    const int64_t count = call->arg_count;
    const int32_t arity = is_help ? 2 : row == NULL ? 0 : row->arity;

    if (row == NULL && !is_help) {
        reply_unknown(call);
        return false;
    }
    if ((arity > 0 && count != arity) || count < -(int64_t)arity) {
        reply_arity(call, is_help ? "help" : row->name);
        return false;
    }
    return true;
}

enum kv_status
subcommand_run(struct command_call *call)
{
    const struct subcommand *row = find_subcommand(call);

    if (row != NULL)
        return row->run(call);
    reply_help(call, call->command->subcommands);
    return KV_OK;
}
