/* command_command.c - COMMAND: the table of commands as clients and redis-cli want it.
 *
 * Shapes are Redis 7.0's: COMMAND INFO is an array of ten elements with key specifications,
 * COMMAND DOCS a map.
 */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "daemon/command_handlers.h"
#include "daemon/command_table.h"
#include "daemon/command_value.h"
#include "daemon/glob.h"

static const struct {
    uint32_t flag;
    const char *name;
} flag_names[] = {
    {COMMAND_WRITE, "write"},
    {COMMAND_READONLY, "readonly"},
    {COMMAND_DENYOOM, "denyoom"},
    {COMMAND_ADMIN, "admin"},
    {COMMAND_NOSCRIPT, "noscript"},
    {COMMAND_LOADING, "loading"},
    {COMMAND_STALE, "stale"},
    {COMMAND_FAST, "fast"},
    {COMMAND_NO_AUTH, "no_auth"},
    {COMMAND_ALLOW_BUSY, "allow_busy"},
    {COMMAND_NO_MULTI, "no_multi"},
    {COMMAND_SKIP_SLOWLOG, "skip_slowlog"},
    {COMMAND_NO_ASYNC_LOADING, "no_async_loading"},
};

enum { FLAG_NAME_COUNT = sizeof(flag_names) / sizeof(flag_names[0]) };

static void
reply_flags(struct resp_writer *reply, const struct command *command)
{
    resp_set(reply, (size_t)__builtin_popcount(command->flags & ~(uint32_t)COMMAND_HIDDEN_FLAGS));
    for (size_t i = 0; i < FLAG_NAME_COUNT; i++) {
        if (command->flags & flag_names[i].flag)
            resp_simple(reply, flag_names[i].name);
    }
}

enum { CATEGORY_COUNT_MAX = 6 };

/* Where Redis's category is not what the group says. */
static const struct {
    const char *command, *category;
    bool is_in;
} category_exceptions[] = {
    {"client", "connection", false},  {"cluster", "cluster", false},
    {"readonly", "connection", true}, {"readwrite", "connection", true},
    {"role", "admin", true},          {"command", "connection", true},
    {"dbsize", "keyspace", true},     {"flushall", "keyspace", true},
    {"flushdb", "keyspace", true},    {"info", "dangerous", true},
    {"object", "keyspace", false},    {"wait", "connection", true},
    {"lastsave", "admin", true},
};

/* The category that follows from the group; NULL: none. */
static const char *
group_category(const struct command *command)
{
    const size_t count = sizeof(category_exceptions) / sizeof(category_exceptions[0]);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(command->name, category_exceptions[i].command) == 0)
            return category_exceptions[i].is_in ? category_exceptions[i].category : NULL;
    }
    if (strcmp(command->group, "generic") == 0)
        return "keyspace";
    if (strcmp(command->group, "transactions") == 0)
        return "transaction";
    return strcmp(command->group, "server") == 0 ? NULL : command->group;
}

/* Redis derives the categories from the flags and the group.  Returns how many. */
static size_t
list_categories(const struct command *command, const char *names[CATEGORY_COUNT_MAX])
{
    const char *group = group_category(command);
    size_t count = 0;

    if (command->flags & COMMAND_WRITE)
        names[count++] = "write";
    if (command->flags & COMMAND_READONLY)
        names[count++] = "read";
    if (group != NULL)
        names[count++] = group;
    if (command->flags & COMMAND_ADMIN)
        names[count++] = "admin";
    if (command->flags & (COMMAND_ADMIN | COMMAND_DANGEROUS))
        names[count++] = "dangerous";
    names[count++] = command->flags & COMMAND_FAST ? "fast" : "slow";
    KV_ASSERT(count <= CATEGORY_COUNT_MAX);
    return count;
}

static void
reply_categories(struct resp_writer *reply, const struct command *command)
{
    const char *names[CATEGORY_COUNT_MAX];
    const size_t count = list_categories(command, names);

    resp_set(reply, count);
    for (size_t i = 0; i < count; i++) {
        char name[40];

        snprintf(name, sizeof(name), "@%s", names[i]);
        resp_simple(reply, name);
    }
}

static bool
is_in_category(const struct command *command, struct slice category)
{
    const char *names[CATEGORY_COUNT_MAX];
    const size_t count = list_categories(command, names);

    for (size_t i = 0; i < count; i++) {
        if (argument_is(category, names[i]))
            return true;
    }
    return false;
}

/* One specification: keys from key_first on, every key_step, up to key_last. */
static void
reply_key_specs(struct resp_writer *reply, const struct command *command)
{
    const bool is_write = command->flags & COMMAND_WRITE;

    if (command->key_first == 0) {
        resp_set(reply, 0);
        return;
    }
    resp_set(reply, 1);
    resp_map(reply, 3);
    resp_bulk_text(reply, "flags");
    resp_set(reply, 1);
    resp_simple(reply, is_write ? "RW" : "RO");
    resp_bulk_text(reply, "begin_search");
    resp_map(reply, 2);
    resp_bulk_text(reply, "type");
    resp_bulk_text(reply, "index");
    resp_bulk_text(reply, "spec");
    resp_map(reply, 1);
    resp_bulk_text(reply, "index");
    resp_integer(reply, command->key_first);
    resp_bulk_text(reply, "find_keys");
    resp_map(reply, 2);
    resp_bulk_text(reply, "type");
    resp_bulk_text(reply, "range");
    resp_bulk_text(reply, "spec");
    resp_map(reply, 3);
    resp_bulk_text(reply, "lastkey");
    resp_integer(reply, command->key_last < 0 ? command->key_last
                                              : command->key_last - command->key_first);
    resp_bulk_text(reply, "keystep");
    resp_integer(reply, command->key_step);
    resp_bulk_text(reply, "limit");
    resp_integer(reply, 0);
}

static void
reply_info(struct resp_writer *reply, const struct command *command)
{
    resp_array(reply, 10);
    resp_bulk_text(reply, command->name);
    resp_integer(reply, command->arity);
    reply_flags(reply, command);
    resp_integer(reply, command->key_first);
    resp_integer(reply, command->key_last);
    resp_integer(reply, command->key_step);
    reply_categories(reply, command);
    resp_set(reply, 0); /* tips */
    reply_key_specs(reply, command);
    resp_array(reply, 0); /* subcommands */
}

static void
reply_docs(struct resp_writer *reply, const struct command *command)
{
    resp_bulk_text(reply, command->name);
    resp_map(reply, 4);
    resp_bulk_text(reply, "summary");
    resp_bulk_text(reply, command->summary);
    resp_bulk_text(reply, "since");
    resp_bulk_text(reply, command->since);
    resp_bulk_text(reply, "group");
    resp_bulk_text(reply, command->group);
    resp_bulk_text(reply, "complexity");
    resp_bulk_text(reply, command->complexity);
}

static enum kv_status
info_all(struct command_call *call)
{
    resp_array(&call->reply, command_count());
    for (uint32_t i = 0; i < command_count(); i++)
        reply_info(&call->reply, command_at(i));
    return KV_OK;
}

static enum kv_status
command_command_count(struct command_call *call)
{
    resp_integer(&call->reply, command_count());
    return KV_OK;
}

static enum kv_status
command_command_info(struct command_call *call)
{
    if (call->arg_count == 2)
        return info_all(call);
    resp_array(&call->reply, call->arg_count - 2);
    for (uint32_t i = 2; i < call->arg_count; i++) {
        const struct command *command = command_find(call->args[i]);

        if (command != NULL)
            reply_info(&call->reply, command);
        else
            resp_null_array(&call->reply);
    }
    return KV_OK;
}

static enum kv_status
command_command_docs(struct command_call *call)
{
    size_t known = 0;

    if (call->arg_count == 2) {
        resp_map(&call->reply, command_count());
        for (uint32_t i = 0; i < command_count(); i++)
            reply_docs(&call->reply, command_at(i));
        return KV_OK;
    }
    for (uint32_t i = 2; i < call->arg_count; i++)
        known += command_find(call->args[i]) != NULL;
    resp_map(&call->reply, known);
    for (uint32_t i = 2; i < call->arg_count; i++) {
        const struct command *command = command_find(call->args[i]);

        if (command != NULL)
            reply_docs(&call->reply, command);
    }
    return KV_OK;
}

/* LIST [FILTERBY (MODULE name | ACLCAT category | PATTERN glob)] */
static bool
list_wants(const struct command_call *call, const struct command *command)
{
    if (call->arg_count == 2)
        return true;
    if (argument_is(call->args[3], "pattern"))
        return glob_match(call->args[4], slice_from_text(command->name), true);
    if (argument_is(call->args[3], "aclcat"))
        return is_in_category(command, call->args[4]);
    return false; /* a module: there are none */
}

static enum kv_status
command_command_list(struct command_call *call)
{
    const bool is_filter =
        call->arg_count == 5 && argument_is(call->args[2], "filterby") &&
        (argument_is(call->args[3], "pattern") || argument_is(call->args[3], "aclcat") ||
         argument_is(call->args[3], "module"));
    size_t count = 0;

    if (call->arg_count != 2 && !is_filter) {
        resp_error(&call->reply, "ERR syntax error");
        return KV_OK;
    }
    for (uint32_t i = 0; i < command_count(); i++)
        count += list_wants(call, command_at(i));
    resp_array(&call->reply, count);
    for (uint32_t i = 0; i < command_count(); i++) {
        if (list_wants(call, command_at(i)))
            resp_bulk_text(&call->reply, command_at(i)->name);
    }
    return KV_OK;
}

/* The positions of the keys of a whole command line; 0: it has none or is malformed. */
static uint32_t
find_keys(const struct command *command, uint32_t arg_count, uint32_t *last_out)
{
    const int32_t last =
        command->key_last < 0 ? (int32_t)arg_count + command->key_last : command->key_last;

    if (command->key_first == 0 || last < command->key_first)
        return 0;
    *last_out = (uint32_t)last;
    return (uint32_t)command->key_first;
}

static enum kv_status
command_command_getkeys(struct command_call *call)
{
    const struct slice *line = call->args + 2;
    const uint32_t line_count = call->arg_count - 2;
    const struct command *command = command_find(line[0]);
    uint32_t first, last = 0;

    if (command == NULL) {
        resp_error(&call->reply, "ERR Invalid command specified");
        return KV_OK;
    }
    if (command->key_first == 0) {
        resp_error(&call->reply, "ERR The command has no key arguments");
        return KV_OK;
    }
    if ((command->arity > 0 && (uint32_t)command->arity != line_count) ||
        line_count < (uint32_t)(command->arity < 0 ? -command->arity : command->arity)) {
        resp_error(&call->reply, "ERR Invalid number of arguments specified for command");
        return KV_OK;
    }
    first = find_keys(command, line_count, &last);
    if (first == 0 || last >= line_count) {
        resp_error(&call->reply, "ERR Invalid arguments specified for command");
        return KV_OK;
    }
    resp_array(&call->reply, (last - first) / (uint32_t)command->key_step + 1);
    for (uint32_t i = first; i <= last; i += (uint32_t)command->key_step)
        resp_bulk(&call->reply, line[i]);
    return KV_OK;
}

const struct subcommand command_subcommands[] = {
    {"count", command_command_count, 2, "\nReturn the number of commands."},
    {"docs", command_command_docs, -2,
     "[<command-name> ...]\nReturn what each command does, or of all of them."},
    {"getkeys", command_command_getkeys, -4, "<full-command>\nReturn the keys of a command line."},
    {"info", command_command_info, -2,
     "[<command-name> ...]\nReturn details about each command, or all of them."},
    {"list", command_command_list, -2,
     "[FILTERBY (MODULE <name> | ACLCAT <cat> | PATTERN <pat>)]\n"
     "Return the names of all commands, or of some."},
    {NULL, NULL, 0, NULL},
};

enum kv_status
command_command(struct command_call *call)
{
    return call->arg_count == 1 ? info_all(call) : subcommand_run(call);
}
