/* slowlog.c - a list of entries, the newest first.
 *
 * Passwords are not kept: of commands that may have one only the name is. */
#include "daemon/slowlog.h"

#include <stdio.h>

#include "base/alloc.h"
#include "daemon/client.h"
#include "daemon/server.h"

static void
entry_free(struct slowlog_entry *entry)
{
    buffer_deinit(&entry->args);
    buffer_deinit(&entry->client);
    free(entry);
}

/* One argument, with its end told rather than shown if it is long. */
static void
keep_argument(struct resp_writer *writer, struct slice argument)
{
    char text[SLOWLOG_ARG_BYTES_MAX + 64];
    int size;

    if (argument.size <= SLOWLOG_ARG_BYTES_MAX) {
        resp_bulk(writer, argument);
        return;
    }
    memcpy(text, argument.data, SLOWLOG_ARG_BYTES_MAX);
    size = snprintf(text + SLOWLOG_ARG_BYTES_MAX, 64, "... (%zu more bytes)",
                    argument.size - SLOWLOG_ARG_BYTES_MAX);
    resp_bulk(writer, slice_of(text, SLOWLOG_ARG_BYTES_MAX + (size_t)size));
}

static bool
may_have_a_secret(const struct command *command)
{
    static const char *const names[] = {"acl", "auth", "config", "hello"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(command->name, names[i]) == 0)
            return true;
    }
    return false;
}

static void
keep_arguments(struct slowlog_entry *entry, const struct command_call *call)
{
    struct resp_writer writer = {.target = &entry->args, .protocol = 2};
    const bool is_cut = call->arg_count > SLOWLOG_ARG_COUNT_MAX;
    const uint32_t shown = is_cut ? SLOWLOG_ARG_COUNT_MAX - 1 : call->arg_count;

    if (may_have_a_secret(call->command) && call->arg_count > 1) {
        resp_array(&writer, 2);
        keep_argument(&writer, call->args[0]);
        resp_bulk_text(&writer, "(redacted)");
        return;
    }
    resp_array(&writer, shown + is_cut);
    for (uint32_t i = 0; i < shown; i++)
        keep_argument(&writer, call->args[i]);
    if (is_cut) {
        char text[64];

        (void)snprintf(text, sizeof(text), "... (%u more arguments)", call->arg_count - shown);
        resp_bulk_text(&writer, text);
    }
}

static void
cut(struct slowlog *log, uint64_t length_max)
{
    struct slowlog_entry **place = &log->newest;

    for (uint64_t i = 0; i < length_max && *place != NULL; i++)
        place = &(*place)->older;
    while (*place != NULL) {
        struct slowlog_entry *entry = *place;

        *place = entry->older;
        entry_free(entry);
        log->length--;
    }
}

void
slowlog_add(struct slowlog *log, const struct command_call *call, uint64_t run_us, uint64_t wait_us,
            uint64_t length_max)
{
    struct slowlog_entry *entry = kv_alloc_zero(sizeof(*entry));

    entry->id = log->id_next++;
    entry->begun_wall_us = io_wall_us(call->server->io) - run_us - wait_us;
    entry->run_us = run_us;
    entry->wait_us = wait_us;
    keep_arguments(entry, call);
    buffer_append(&entry->client, call->client->address, strlen(call->client->address) + 1);
    buffer_append(&entry->client, call->client->name, strlen(call->client->name) + 1);
    entry->older = log->newest;
    log->newest = entry;
    log->length++;
    if (log->length > length_max)
        cut(log, length_max);
}

void
slowlog_reset(struct slowlog *log)
{
    cut(log, 0);
    KV_ASSERT(log->length == 0);
}
