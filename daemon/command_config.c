/* command_config.c - CONFIG, and the commands about the server as a whole that need no data.
 *
 * Clients and tools ask for settings of Redis's that kvd does not have; those have a fixed answer
 * and cannot be set.
 */
#include <stdio.h>
#include <strings.h>

#include "daemon/command_handlers.h"
#include "daemon/config_file.h"
#include "daemon/glob.h"
#include "daemon/server.h"

struct fixed_setting {
    const char *name, *value;
};

static const struct fixed_setting fixed_settings[] = {
    {"appendonly", "no"},
    {"cluster-enabled", "no"},
    {"latency-tracking-info-percentiles", "50 99 99.9"},
    {"maxmemory", "0"},
    {"maxmemory-policy", "noeviction"},
    {"replica-read-only", "yes"},
    {"save", ""},
    {"slave-read-only", "yes"},
};

enum { FIXED_COUNT = sizeof(fixed_settings) / sizeof(fixed_settings[0]) };

static bool
is_word(struct slice text, const char *word)
{
    return strlen(word) == text.size && strncasecmp(word, (const char *)text.data, text.size) == 0;
}

/* Replies the setting if an argument asks for it; a plain name comes back as it was spelled. */
static bool
reply_if_asked(const struct command_call *call, struct resp_writer *reply, const char *name,
               struct slice value)
{
    for (uint32_t i = 2; i < call->arg_count; i++) {
        const struct slice pattern = call->args[i];

        if (!glob_match(pattern, slice_from_text(name), true))
            continue;
        if (is_word(pattern, name))
            resp_bulk(reply, pattern);
        else
            resp_bulk_text(reply, name);
        resp_bulk(reply, value);
        return true;
    }
    return false;
}

static enum kv_status
config_get(struct command_call *call)
{
    struct buffer pairs = {0}, value = {0};
    struct resp_writer writer = {.target = &pairs, .protocol = call->reply.protocol};
    size_t count = 0;

    for (uint32_t i = 0; config_option_at(i) != NULL; i++) {
        buffer_clear(&value);
        config_format(&call->server->config, i, &value);
        count += reply_if_asked(call, &writer, config_option_at(i)->name, buffer_slice(&value));
    }
    for (uint32_t i = 0; i < FIXED_COUNT; i++)
        count += reply_if_asked(call, &writer, fixed_settings[i].name,
                                slice_from_text(fixed_settings[i].value));
    resp_map(&call->reply, count);
    buffer_append_slice(call->reply.target, buffer_slice(&pairs));
    buffer_deinit(&pairs);
    buffer_deinit(&value);
    return KV_OK;
}

static bool
is_fixed(struct slice name)
{
    for (uint32_t i = 0; i < FIXED_COUNT; i++) {
        if (is_word(name, fixed_settings[i].name))
            return true;
    }
    return false;
}

static bool
refuse_setting(struct command_call *call, struct slice name, const char *reason)
{
    resp_error_format(&call->reply,
                      "ERR CONFIG SET failed (possibly related to argument '%.*s') - %s",
                      (int)(name.size < 64 ? name.size : 64), (const char *)name.data, reason);
    return false;
}

/* The names: known, mutable, and each one once.  False: replied. */
static bool
check_names(struct command_call *call)
{
    bool is_seen[CONFIG_OPTION_COUNT_MAX] = {false};

    for (uint32_t i = 2; i < call->arg_count; i += 2) {
        const struct slice name = call->args[i];
        const int index = config_option_find(name);

        if (index < 0 && !is_fixed(name)) {
            resp_error_format(&call->reply,
                              "ERR Unknown option or number of arguments for CONFIG SET - '%.*s'",
                              (int)(name.size < 128 ? name.size : 128), (const char *)name.data);
            return false;
        }
        if (index < 0 || !config_option_at((uint32_t)index)->is_mutable)
            return refuse_setting(call, name, "can't set immutable config");
        if (is_seen[index])
            return refuse_setting(call, name, "duplicate parameter");
        is_seen[index] = true;
    }
    return true;
}

/* All settings or none: they are made in a copy first. */
static enum kv_status
config_set_pairs(struct command_call *call)
{
    struct config changed = {0};
    char error[CONFIG_ERROR_BYTES];
    bool is_fine = true;

    if (call->arg_count % 2 != 0) {
        resp_error(&call->reply, "ERR syntax error");
        return KV_OK;
    }
    if (!check_names(call))
        return KV_OK;
    config_copy(&changed, &call->server->config);
    for (uint32_t i = 2; is_fine && i < call->arg_count; i += 2) {
        const uint32_t index = (uint32_t)config_option_find(call->args[i]);

        if (!config_set(&changed, index, call->args[i + 1], CONFIG_FROM_RUNTIME, error))
            is_fine = refuse_setting(call, call->args[i], error);
    }
    if (is_fine && !server_apply_config(call->server, &changed, error)) {
        resp_error_format(&call->reply, "ERR CONFIG SET failed - %s", error);
        is_fine = false;
    }
    if (is_fine)
        resp_simple(&call->reply, "OK");
    config_deinit(&changed);
    return KV_OK;
}

static enum kv_status
config_resetstat(struct command_call *call)
{
    server_reset_stats(call->server);
    resp_simple(&call->reply, "OK");
    return KV_OK;
}

static enum kv_status
config_rewrite(struct command_call *call)
{
    char error[CONFIG_ERROR_BYTES];

    if (config_file_rewrite(&call->server->config, error))
        resp_simple(&call->reply, "OK");
    else
        resp_error_format(&call->reply, "ERR %s", error);
    return KV_OK;
}

const struct subcommand config_subcommands[] = {
    {"get", config_get, -3, "GET <pattern> ...\nReturn the settings whose names match."},
    {"resetstat", config_resetstat, 2, "RESETSTAT\nSet the counters of INFO to zero."},
    {"rewrite", config_rewrite, 2, "REWRITE\nStore changed settings in the file."},
    {"set", config_set_pairs, -4, "SET <name> <value> ...\nChange settings, all or none."},
    {NULL, NULL, 0, NULL},
};

enum kv_status
command_shutdown(struct command_call *call)
{
    bool saves = false, saves_not = false, is_now = false, forces = false, aborts = false;

    for (uint32_t i = 1; i < call->arg_count; i++) {
        if (is_word(call->args[i], "save"))
            saves = true;
        else if (is_word(call->args[i], "nosave"))
            saves_not = true;
        else if (is_word(call->args[i], "now"))
            is_now = true;
        else if (is_word(call->args[i], "force"))
            forces = true;
        else if (is_word(call->args[i], "abort"))
            aborts = true;
        else
            aborts = saves = saves_not = true;
    }
    if ((saves && saves_not) || (aborts && (saves || saves_not || is_now || forces))) {
        resp_error(&call->reply, "ERR syntax error");
    } else if (aborts) {
        if (server_abort_shutdown(call->server))
            resp_simple(&call->reply, "OK");
        else
            resp_error(&call->reply, "ERR No shutdown in progress.");
    } else {
        /* Everything acknowledged is durable already, so there is nothing to save or not to.  A
         * client that asked for a stop learns of it by the end of the connection. */
        server_begin_shutdown(call->server, is_now);
    }
    return KV_OK;
}

enum kv_status
command_time(struct command_call *call)
{
    const uint64_t now_us = io_wall_us(call->server->io);
    char text[24];

    resp_array(&call->reply, 2);
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)(now_us / 1000000));
    resp_bulk_text(&call->reply, text);
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)(now_us % 1000000));
    resp_bulk_text(&call->reply, text);
    return KV_OK;
}
