/* command_cf.c - KV.CF: column families are made, dropped, listed, described and set.
 *
 * A change waits as KV.FLUSH does: the engine has the ticket, and the command is run again to reply
 * when the change is durable.
 */
#include <string.h>

#include "daemon/command_family.h"
#include "daemon/command_flush.h"
#include "daemon/command_handlers.h"
#include "daemon/command_table.h"
#include "daemon/family_options.h"
#include "daemon/glob.h"
#include "daemon/server.h"
#include "db/db_survey.h"

/* "name value ..." from args[first]; false: the error reply has been written. */
static bool
parse_options(struct command_call *call, uint32_t first, struct family_settings *settings)
{
    char error[CONFIG_ERROR_BYTES];

    if ((call->arg_count - first) % 2 != 0) {
        resp_error(&call->reply, "ERR syntax error");
        return false;
    }
    for (uint32_t i = first; i < call->arg_count; i += 2) {
        const struct slice name = call->args[i];
        const int index = family_option_find(name);
        const int size = (int)(name.size < 128 ? name.size : 128);

        if (index < 0) {
            resp_error_format(&call->reply, "ERR a column family has no setting '%.*s'", size,
                              (const char *)name.data);
            return false;
        }
        if (!family_option_set(settings, (uint32_t)index, call->args[i + 1], error)) {
            resp_error_format(&call->reply, "ERR '%.*s': %s", size, (const char *)name.data, error);
            return false;
        }
    }
    return true;
}

/* The change that was asked for with this status: waits for it, or takes the ticket back. */
static enum kv_status
await(struct command_call *call, enum kv_status asked)
{
    if (asked == KV_OK)
        return flush_ticket_take(call);
    flush_ticket_refused(call);
    return asked;
}

/* Names stand in lists and paths of settings: no spaces, no control bytes. */
static bool
is_good_name(struct slice name)
{
    if (name.size == 0 || name.size > COLUMN_FAMILY_NAME_BYTES_MAX)
        return false;
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] < '!' || name.data[i] > '~')
            return false;
    }
    return true;
}

static enum kv_status
run_create(struct command_call *call)
{
    struct db *db = call->server->db;
    struct family_settings settings = {0};
    uint32_t cf_id;
    enum kv_status st;

    if (call->client->flush == NULL) {
        if (!is_good_name(call->args[2])) {
            resp_error(&call->reply, "ERR a column family's name is 1 to 255 printable characters "
                                     "without a space");
            return KV_OK;
        }
        if (!parse_options(call, 3, &settings))
            return KV_OK;
        if (db_find_family(db, call->args[2], &cf_id)) {
            resp_error(&call->reply, "ERR the column family is there already");
            return KV_OK;
        }
        st = await(call, db_family_create(db, call->args[2], &settings, flush_ticket_done,
                                          flush_ticket_new(call, true)));
    } else {
        st = flush_ticket_take(call);
    }
    if (st == KV_INVALID)
        resp_error(&call->reply, "ERR the column family is there already");
    else if (st == KV_OK)
        resp_simple(&call->reply, "OK");
    return st == KV_INVALID ? KV_OK : st;
}

static enum kv_status
run_drop(struct command_call *call)
{
    struct db *db = call->server->db;
    uint32_t cf_id;
    enum kv_status st;

    if (call->client->flush == NULL) {
        if (!command_find_family(call, call->args[2], &cf_id))
            return KV_OK;
        if (cf_id == CF_DEFAULT) {
            resp_error(&call->reply, "ERR the default column family cannot be dropped");
            return KV_OK;
        }
        st =
            await(call, db_family_drop(db, cf_id, flush_ticket_done, flush_ticket_new(call, true)));
    } else {
        st = flush_ticket_take(call);
    }
    if (st == KV_NO_FILE)
        resp_error(&call->reply, "NOFAMILY somebody else has dropped the column family meanwhile");
    else if (st == KV_OK)
        resp_simple(&call->reply, "OK");
    return st == KV_NO_FILE ? KV_OK : st;
}

static enum kv_status
run_list(struct command_call *call)
{
    struct db *db = call->server->db;
    uint32_t count = 0, cf_id;

    while (db_family_at(db, count, &cf_id))
        count++;
    resp_array(&call->reply, count);
    for (uint32_t i = 0; db_family_at(db, i, &cf_id); i++)
        resp_bulk_text(&call->reply, db_family_name(db, cf_id));
    return KV_OK;
}

static enum kv_status
run_info(struct command_call *call)
{
    struct resp_writer *reply = &call->reply;
    struct db_family_stats stats;
    uint32_t cf_id;

    if (!command_find_family(call, call->args[2], &cf_id) ||
        !db_family_get_stats(call->server->db, cf_id, &stats))
        return KV_OK;
    {
        const struct {
            const char *name;
            uint64_t value;
        } numbers[] = {
            {"id", cf_id},
            {"keys", stats.key_count_estimate},
            {"memtable-entries", stats.memtable_entry_count},
            {"tables", stats.table_count},
            {"table-bytes", stats.table_bytes},
            {"log-number", stats.log_number},
        };
        const size_t count = sizeof(numbers) / sizeof(numbers[0]);

        resp_map(reply, count + 3);
        resp_bulk_text(reply, "name");
        resp_bulk_text(reply, db_family_name(call->server->db, cf_id));
        for (size_t i = 0; i < count; i++) {
            resp_bulk_text(reply, numbers[i].name);
            resp_integer(reply, (int64_t)numbers[i].value);
        }
    }
    resp_bulk_text(reply, "level-tables");
    resp_array(reply, LEVEL_COUNT);
    for (uint32_t level = 0; level < LEVEL_COUNT; level++)
        resp_integer(reply, (int64_t)stats.level_table_count[level]);
    resp_bulk_text(reply, "level-bytes");
    resp_array(reply, LEVEL_COUNT);
    for (uint32_t level = 0; level < LEVEL_COUNT; level++)
        resp_integer(reply, (int64_t)stats.level_bytes[level]);
    return KV_OK;
}

static enum kv_status
run_get(struct command_call *call)
{
    const struct slice pattern = call->arg_count > 3 ? call->args[3] : slice_from_text("*");
    struct family_options effective;
    uint32_t cf_id, count = 0;

    if (!command_find_family(call, call->args[2], &cf_id))
        return KV_OK;
    effective = db_family_effective(call->server->db, cf_id);
    for (uint32_t i = 0; family_option_name(i) != NULL; i++)
        count += glob_match(pattern, slice_from_text(family_option_name(i)), true);
    resp_map(&call->reply, count);
    for (uint32_t i = 0; family_option_name(i) != NULL; i++) {
        struct buffer text = {0};

        if (!glob_match(pattern, slice_from_text(family_option_name(i)), true))
            continue;
        family_option_format(&effective, i, &text);
        resp_bulk_text(&call->reply, family_option_name(i));
        resp_bulk(&call->reply, buffer_slice(&text));
        buffer_deinit(&text);
    }
    return KV_OK;
}

static enum kv_status
run_set(struct command_call *call)
{
    struct db *db = call->server->db;
    struct family_settings settings;
    uint32_t cf_id;
    enum kv_status st;

    if (call->client->flush == NULL) {
        if (!command_find_family(call, call->args[2], &cf_id))
            return KV_OK;
        settings = *db_family_own_settings(db, cf_id);
        if (!parse_options(call, 3, &settings))
            return KV_OK;
        st = await(call, db_family_set(db, cf_id, &settings, flush_ticket_done,
                                       flush_ticket_new(call, true)));
    } else {
        st = flush_ticket_take(call);
    }
    if (st == KV_INVALID)
        resp_error(&call->reply, "ERR the merge operator cannot be changed: operands that are "
                                 "stored would change their meaning");
    else if (st == KV_NO_FILE)
        resp_error(&call->reply, "NOFAMILY the column family was dropped meanwhile");
    else if (st == KV_OK)
        resp_simple(&call->reply, "OK");
    return st == KV_INVALID || st == KV_NO_FILE ? KV_OK : st;
}

const struct subcommand family_subcommands[] = {
    {"create", run_create, -3,
     "CREATE name [setting value ...]\nMakes a column family, with settings of its own."},
    {"drop", run_drop, 3, "DROP name\nDrops a column family with all its keys."},
    {"list", run_list, 2, "LIST\nNames all column families."},
    {"info", run_info, 3, "INFO name\nReturns the numbers of a column family."},
    {"get", run_get, -3, "GET name [pattern]\nReturns the settings that hold for it."},
    {"set", run_set, -5,
     "SET name setting value [setting value ...]\nSets them for it alone; auto: as for all."},
    {0},
};
