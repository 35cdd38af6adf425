/* command_command.c - COMMAND: the table of commands as clients and redis-cli want it. */
#include <string.h>

#include "base/assert.h"
#include "daemon/command_describe.h"
#include "daemon/command_handlers.h"
#include "daemon/command_value.h"
#include "daemon/glob.h"

static enum kv_status
info_all(struct command_call *call)
{
    struct command_entry entry;

    resp_array(&call->reply, command_count());
    for (uint32_t i = 0; i < command_count(); i++) {
        command_entry_of(command_at(i), &entry);
        command_describe_info(&call->reply, &entry);
    }
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
    struct command_entry entry;

    if (call->arg_count == 2)
        return info_all(call);
    resp_array(&call->reply, call->arg_count - 2);
    for (uint32_t i = 2; i < call->arg_count; i++) {
        if (command_entry_find(call->args[i], &entry))
            command_describe_info(&call->reply, &entry);
        else
            resp_null(&call->reply);
    }
    return KV_OK;
}

static enum kv_status
command_command_docs(struct command_call *call)
{
    struct command_entry entry;
    size_t known = 0;

    if (call->arg_count == 2) {
        resp_map(&call->reply, command_count());
        for (uint32_t i = 0; i < command_count(); i++) {
            command_entry_of(command_at(i), &entry);
            command_describe_docs(&call->reply, &entry);
        }
        return KV_OK;
    }
    for (uint32_t i = 2; i < call->arg_count; i++)
        known += command_entry_find(call->args[i], &entry);
    resp_map(&call->reply, known);
    for (uint32_t i = 2; i < call->arg_count; i++) {
        if (command_entry_find(call->args[i], &entry))
            command_describe_docs(&call->reply, &entry);
    }
    return KV_OK;
}

/* --- LIST [FILTERBY (MODULE name | ACLCAT category | PATTERN glob)] --- */

static bool
list_wants(const struct command_call *call, const struct command_entry *entry)
{
    if (call->arg_count == 2)
        return true;
    if (argument_is(call->args[3], "pattern"))
        return glob_match(call->args[4], slice_from_text(entry->name), true);
    if (argument_is(call->args[3], "aclcat"))
        return command_entry_is_in(entry, call->args[4]);
    return false; /* a module: there are none */
}

/* Counts what is wanted, and with `replies` lists it. */
static size_t
list(struct command_call *call, bool replies)
{
    struct command_entry entry;
    size_t count = 0;

    for (uint32_t i = 0; i < command_count(); i++) {
        const struct command *command = command_at(i);

        command_entry_of(command, &entry);
        for (uint32_t second = 0;; second++) {
            if (list_wants(call, &entry)) {
                count++;
                if (replies)
                    resp_bulk_text(&call->reply, entry.name);
            }
            if (!command_entry_second(command, second, &entry))
                break;
        }
    }
    return count;
}

static enum kv_status
command_command_list(struct command_call *call)
{
    const bool is_filter =
        call->arg_count == 5 && argument_is(call->args[2], "filterby") &&
        (argument_is(call->args[3], "pattern") || argument_is(call->args[3], "aclcat") ||
         argument_is(call->args[3], "module"));

    if (call->arg_count != 2 && !is_filter) {
        resp_error(&call->reply, "ERR syntax error");
        return KV_OK;
    }
    resp_array(&call->reply, list(call, false));
    (void)list(call, true);
    return KV_OK;
}

/* --- GETKEYS and GETKEYSANDFLAGS --- */

struct command_line {
    const struct slice *words;
    uint32_t count;
    struct command_entry entry;
};

/* The positions of a run's keys; false: the line does not reach that far. */
static bool
find_run(const struct command_line *line, const struct key_spec *spec, uint32_t *last_out)
{
    const int64_t last =
        spec->last < 0 ? (int64_t)line->count + spec->last : (int64_t)spec->first + spec->last;

    KV_ASSERT(spec->first > 0 && spec->step > 0);
    *last_out = (uint32_t)last;
    return last >= spec->first && last < (int64_t)line->count;
}

/* What a BITFIELD does with its key depends on its operations. */
static bool
is_bitfield_reading(const struct command_line *line)
{
    for (uint32_t i = 2; i < line->count; i++) {
        const uint32_t more = line->count - i - 1;

        if (argument_is(line->words[i], "get") && more >= 2)
            i += 2;
        else if (argument_is(line->words[i], "overflow") && more >= 1)
            i++;
        else
            return false;
    }
    return true;
}

/* And a SET on its options: whether it looks at what was there. */
static bool
is_set_looking(const struct command_line *line)
{
    static const char *const words[] = {"get", "ifeq", "ifne", "ifdeq", "ifdne"};

    for (uint32_t i = 3; i < line->count; i++) {
        for (size_t j = 0; j < sizeof(words) / sizeof(words[0]); j++) {
            if (argument_is(line->words[i], words[j]))
                return true;
        }
    }
    return false;
}

static const char *
flags_in_line(const struct command_line *line, const struct key_spec *spec)
{
    const char *name = line->entry.name;

    if (strcmp(name, "bitfield") == 0)
        return is_bitfield_reading(line) ? "RO access" : "RW access update";
    if (strcmp(name, "set") == 0)
        return is_set_looking(line) ? "RW access update" : "OW update";
    if (strcmp(name, "delex") == 0)
        return line->count > 2 ? "RW delete" : "RM delete";
    return spec->flags;
}

static void
reply_keys(struct command_call *call, const struct command_line *line, bool has_flags)
{
    uint32_t last, count = 0;

    for (uint32_t i = 0; i < line->entry.key_spec_count; i++) {
        const struct key_spec *spec = &line->entry.keys[i];

        if (!find_run(line, spec, &last)) {
            resp_error(&call->reply, "ERR Invalid arguments specified for command");
            return;
        }
        count += (last - (uint32_t)spec->first) / (uint32_t)spec->step + 1;
    }
    resp_array(&call->reply, count);
    for (uint32_t i = 0; i < line->entry.key_spec_count; i++) {
        const struct key_spec *spec = &line->entry.keys[i];

        (void)find_run(line, spec, &last);
        for (uint32_t at = (uint32_t)spec->first; at <= last; at += (uint32_t)spec->step) {
            if (has_flags)
                resp_array(&call->reply, 2);
            resp_bulk(&call->reply, line->words[at]);
            if (has_flags)
                command_describe_words(&call->reply, flags_in_line(line, spec), true);
        }
    }
}

static enum kv_status
find_keys(struct command_call *call, bool has_flags)
{
    struct command_line line = {.words = call->args + 2, .count = call->arg_count - 2};

    if (!command_entry_find_line(line.words, line.count, &line.entry))
        resp_error(&call->reply, "ERR Invalid command specified");
    else if (line.entry.key_spec_count == 0 || strcmp(line.entry.keys[0].flags, "not_key") == 0)
        resp_error(&call->reply, "ERR The command has no key arguments");
    else if (!command_entry_takes(&line.entry, line.count))
        resp_error(&call->reply, "ERR Invalid number of arguments specified for command");
    else
        reply_keys(call, &line, has_flags);
    return KV_OK;
}

static enum kv_status
command_command_getkeys(struct command_call *call)
{
    return find_keys(call, false);
}

static enum kv_status
command_command_getkeysandflags(struct command_call *call)
{
    return find_keys(call, true);
}

const struct subcommand command_subcommands[] = {
    {"count", command_command_count, 2, "COUNT\nReturn the number of commands."},
    {"docs", command_command_docs, -2,
     "DOCS [<command-name> ...]\nReturn what each command does, or of all of them."},
    {"getkeys", command_command_getkeys, -4,
     "GETKEYS <full-command>\nReturn the keys of a command line."},
    {"getkeysandflags", command_command_getkeysandflags, -4,
     "GETKEYSANDFLAGS <full-command>\nReturn the keys of a command line, and what becomes of "
     "them."},
    {"info", command_command_info, -2,
     "INFO [<command-name> ...]\nReturn details about each command, or all of them."},
    {"list", command_command_list, -2,
     "LIST [FILTERBY (MODULE <name> | ACLCAT <cat> | PATTERN <pat>)]\n"
     "Return the names of all commands, or of some."},
    {NULL, NULL, 0, NULL},
};

enum kv_status
command_command(struct command_call *call)
{
    return call->arg_count == 1 ? info_all(call) : subcommand_run(call);
}
