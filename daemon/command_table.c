/* command_table.c - every command, by group and name, and finding one by its name.
 *
 * The index is made at the first look-up: an open hash of row numbers, four slots a row at least,
 * so a look-up is one hash, about one compare and no allocation.
 */
#include "daemon/command_table.h"

#include "base/assert.h"
#include "daemon/command_handlers.h"

#define STRANGER                                                                                   \
    (COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST | COMMAND_NO_AUTH |         \
     COMMAND_ALLOW_BUSY)
#define ADMIN (COMMAND_ADMIN | COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE)

static const struct command rows[] = {
    /* connection */
    {.name = "auth",
     .run = command_auth,
     .arity = -2,
     .flags = STRANGER,
     .group = "connection",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Authenticates the connection."},
    {.name = "client",
     .run = command_client,
     .arity = -2,
     .group = "connection",
     .since = "2.4.0",
     .complexity = "O(N) with the number of clients",
     .summary = "Shows, names and ends connections."},
    {.name = "echo",
     .run = command_echo,
     .arity = 2,
     .flags = COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST,
     .group = "connection",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Returns the given string."},
    {.name = "hello",
     .run = command_hello,
     .arity = -1,
     .flags = STRANGER,
     .group = "connection",
     .since = "6.0.0",
     .complexity = "O(1)",
     .summary = "Agrees on the protocol version and describes the server."},
    {.name = "ping",
     .run = command_ping,
     .arity = -1,
     .flags = COMMAND_FAST,
     .group = "connection",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Returns PONG or the given string."},
    {.name = "quit",
     .run = command_quit,
     .arity = -1,
     .flags = STRANGER,
     .group = "connection",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Closes the connection."},
    {.name = "reset",
     .run = command_reset,
     .arity = 1,
     .flags = STRANGER,
     .group = "connection",
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Makes the connection as it was when it began."},
    {.name = "select",
     .run = command_select,
     .arity = 2,
     .flags = COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST,
     .group = "connection",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Changes to another numbered database."},

    /* generic */
    {.name = "del",
     .run = command_del,
     .arity = -2,
     .flags = COMMAND_WRITE,
     .key_first = 1,
     .key_last = -1,
     .key_step = 1,
     .group = "generic",
     .since = "1.0.0",
     .complexity = "O(N) with the number of keys",
     .summary = "Deletes keys and returns how many there were."},
    {.name = "exists",
     .run = command_exists,
     .arity = -2,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .key_first = 1,
     .key_last = -1,
     .key_step = 1,
     .group = "generic",
     .since = "1.0.0",
     .complexity = "O(N) with the number of keys",
     .summary = "Counts the given keys that exist."},
    {.name = "type",
     .run = command_type,
     .arity = 2,
     .reads_key = true,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .key_first = 1,
     .key_last = 1,
     .key_step = 1,
     .group = "generic",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Returns the type of the value of a key."},
    {.name = "unlink",
     .run = command_del,
     .arity = -2,
     .flags = COMMAND_WRITE | COMMAND_FAST,
     .key_first = 1,
     .key_last = -1,
     .key_step = 1,
     .group = "generic",
     .since = "4.0.0",
     .complexity = "O(N) with the number of keys",
     .summary = "Deletes keys and returns how many there were."},

    /* server */
    {.name = "command",
     .run = command_command,
     .arity = -1,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .group = "server",
     .since = "2.8.13",
     .complexity = "O(N) with the number of commands",
     .summary = "Describes the commands."},
    {.name = "config",
     .run = command_config,
     .arity = -2,
     .group = "server",
     .since = "2.0.0",
     .complexity = "O(N) with the number of settings",
     .summary = "Shows, changes and stores settings."},
    {.name = "dbsize",
     .run = command_dbsize,
     .arity = 1,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .group = "server",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Estimates the number of keys."},
    {.name = "info",
     .run = command_info,
     .arity = -1,
     .flags = COMMAND_LOADING | COMMAND_STALE,
     .group = "server",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Returns the numbers and states of the server."},
    {.name = "kv.compact",
     .run = command_kv_compact,
     .arity = -1,
     .flags = COMMAND_ADMIN,
     .group = "server",
     .since = "0.1.0",
     .complexity = "O(N) with the size of the tables",
     .summary = "Compacts all keys or those from..to down to the last level."},
    {.name = "kv.flush",
     .run = command_kv_flush,
     .arity = -1,
     .flags = COMMAND_ADMIN,
     .group = "server",
     .since = "0.1.0",
     .complexity = "O(N) with the size of the memtables",
     .summary = "Turns all that is in memory into tables; waits for it, or not with ASYNC."},
    {.name = "kv.jobs",
     .run = command_kv_jobs,
     .arity = -1,
     .flags = COMMAND_ADMIN,
     .group = "server",
     .since = "0.1.0",
     .complexity = "O(N) with the number of jobs",
     .summary = "Lists, cancels, pauses and resumes flushes and compactions."},
    {.name = "kv.merge",
     .run = command_kv_merge,
     .arity = -3,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .key_first = 1,
     .key_last = 1,
     .key_step = 1,
     .group = "string",
     .since = "0.1.0",
     .complexity = "O(1)",
     .summary = "Merges an operand into a value by the database's merge operator."},
    {.name = "kv.stats",
     .run = command_kv_stats,
     .arity = 1,
     .flags = COMMAND_READONLY,
     .group = "server",
     .since = "0.1.0",
     .complexity = "O(1)",
     .summary = "Returns the numbers of the storage engine."},
    {.name = "kv.workers",
     .run = command_kv_workers,
     .arity = 1,
     .flags = COMMAND_READONLY,
     .group = "server",
     .since = "0.1.0",
     .complexity = "O(N) with the number of workers",
     .summary = "Lists the worker processes and what they do."},
    {.name = "shutdown",
     .run = command_shutdown,
     .arity = -1,
     .flags = ADMIN | COMMAND_NO_MULTI | COMMAND_ALLOW_BUSY,
     .group = "server",
     .since = "1.0.0",
     .complexity = "O(N) with the number of clients",
     .summary = "Makes everything durable and stops the server."},
    {.name = "time",
     .run = command_time,
     .arity = 1,
     .flags = COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST,
     .group = "server",
     .since = "2.6.0",
     .complexity = "O(1)",
     .summary = "Returns the server's clock: seconds since 1970, and microseconds."},

    /* string */
    {.name = "append",
     .run = command_append,
     .arity = 3,
     .reads_key = true,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .key_first = 1,
     .key_last = 1,
     .key_step = 1,
     .group = "string",
     .since = "2.0.0",
     .complexity = "O(N) with the size of the value",
     .summary = "Adds to the end of a value."},
    {.name = "decr",
     .run = command_decr,
     .arity = 2,
     .reads_key = true,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .key_first = 1,
     .key_last = 1,
     .key_step = 1,
     .group = "string",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Takes one from a number."},
    {.name = "decrby",
     .run = command_decrby,
     .arity = 3,
     .reads_key = true,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .key_first = 1,
     .key_last = 1,
     .key_step = 1,
     .group = "string",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Takes an integer from a number."},
    {.name = "get",
     .run = command_get_value,
     .arity = 2,
     .reads_key = true,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .key_first = 1,
     .key_last = 1,
     .key_step = 1,
     .group = "string",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Returns the value of a key."},
    {.name = "getdel",
     .run = command_getdel,
     .arity = 2,
     .reads_key = true,
     .flags = COMMAND_WRITE | COMMAND_FAST,
     .key_first = 1,
     .key_last = 1,
     .key_step = 1,
     .group = "string",
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Returns the value of a key and deletes it."},
    {.name = "getrange",
     .run = command_getrange,
     .arity = 4,
     .reads_key = true,
     .flags = COMMAND_READONLY,
     .key_first = 1,
     .key_last = 1,
     .key_step = 1,
     .group = "string",
     .since = "2.4.0",
     .complexity = "O(N) with the size of the value",
     .summary = "Returns a part of a value."},
    {.name = "getset",
     .run = command_getset,
     .arity = 3,
     .reads_key = true,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .key_first = 1,
     .key_last = 1,
     .key_step = 1,
     .group = "string",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Sets a value and returns the one before."},
    {.name = "incr",
     .run = command_incr,
     .arity = 2,
     .reads_key = true,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .key_first = 1,
     .key_last = 1,
     .key_step = 1,
     .group = "string",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Adds one to a number."},
    {.name = "incrby",
     .run = command_incrby,
     .arity = 3,
     .reads_key = true,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .key_first = 1,
     .key_last = 1,
     .key_step = 1,
     .group = "string",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Adds an integer to a number."},
    {.name = "incrbyfloat",
     .run = command_incrbyfloat,
     .arity = 3,
     .reads_key = true,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .key_first = 1,
     .key_last = 1,
     .key_step = 1,
     .group = "string",
     .since = "2.6.0",
     .complexity = "O(1)",
     .summary = "Adds a decimal to a number."},
    {.name = "mget",
     .run = command_mget,
     .arity = -2,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .key_first = 1,
     .key_last = -1,
     .key_step = 1,
     .group = "string",
     .since = "1.0.0",
     .complexity = "O(N) with the number of keys",
     .summary = "Returns the values of several keys."},
    {.name = "mset",
     .run = command_mset,
     .arity = -3,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .key_first = 1,
     .key_last = -1,
     .key_step = 2,
     .group = "string",
     .since = "1.0.1",
     .complexity = "O(N) with the number of keys",
     .summary = "Sets several keys at once, all or none."},
    {.name = "msetnx",
     .run = command_msetnx,
     .arity = -3,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .key_first = 1,
     .key_last = -1,
     .key_step = 2,
     .group = "string",
     .since = "1.0.1",
     .complexity = "O(N) with the number of keys",
     .summary = "Sets several keys at once, if none of them exists."},
    {.name = "set",
     .run = command_set,
     .arity = -3,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .key_first = 1,
     .key_last = 1,
     .key_step = 1,
     .group = "string",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Sets the value of a key, perhaps on a condition."},
    {.name = "setnx",
     .run = command_setnx,
     .arity = 3,
     .reads_key = true,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .key_first = 1,
     .key_last = 1,
     .key_step = 1,
     .group = "string",
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Sets the value of a key that does not exist."},
    {.name = "setrange",
     .run = command_setrange,
     .arity = 4,
     .reads_key = true,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .key_first = 1,
     .key_last = 1,
     .key_step = 1,
     .group = "string",
     .since = "2.2.0",
     .complexity = "O(N) with the size of the value",
     .summary = "Overwrites a part of a value."},
    {.name = "strlen",
     .run = command_strlen,
     .arity = 2,
     .reads_key = true,
     .flags = COMMAND_READONLY | COMMAND_FAST,
     .key_first = 1,
     .key_last = 1,
     .key_step = 1,
     .group = "string",
     .since = "2.2.0",
     .complexity = "O(1)",
     .summary = "Returns the size of a value."},
};

enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]), SLOT_COUNT = 4 * COMMAND_COUNT_MAX };
static_assert((int)ROW_COUNT <= (int)COMMAND_COUNT_MAX, "the statistics have room for each row");
static_assert((SLOT_COUNT & (SLOT_COUNT - 1)) == 0, "a slot is found by a mask");

static uint16_t slots[SLOT_COUNT]; /* a row's number + 1; 0: empty */

static uint8_t
lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
}

static uint32_t
hash(const uint8_t *name, size_t size)
{
    uint32_t value = 2166136261u;

    for (size_t i = 0; i < size; i++)
        value = (value ^ lower(name[i])) * 16777619u;
    return value ^ value >> 15;
}

static bool
is_name(const char *name, struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if ((uint8_t)name[i] != lower(text.data[i]) || name[i] == '\0')
            return false;
    }
    return name[text.size] == '\0';
}

static void
build_index(void)
{
    for (uint16_t i = 0; i < ROW_COUNT; i++) {
        const size_t size = strlen(rows[i].name);
        uint32_t slot = hash((const uint8_t *)rows[i].name, size);

        KV_ASSERT(size <= COMMAND_NAME_BYTES_MAX);
        KV_ASSERT(rows[i].run != NULL && rows[i].arity != 0 && rows[i].summary != NULL);
        while (slots[slot & (SLOT_COUNT - 1)] != 0)
            slot++;
        slots[slot & (SLOT_COUNT - 1)] = (uint16_t)(i + 1);
    }
}

const struct command *
command_find(struct slice name)
{
    static bool is_built;
    uint32_t slot;

    if (!is_built) {
        build_index();
        is_built = true;
    }
    if (name.size == 0 || name.size > COMMAND_NAME_BYTES_MAX)
        return NULL;
    for (slot = hash(name.data, name.size); slots[slot & (SLOT_COUNT - 1)] != 0; slot++) {
        const struct command *row = &rows[slots[slot & (SLOT_COUNT - 1)] - 1];

        if (is_name(row->name, name))
            return row;
    }
    return NULL;
}

const struct command *
command_at(uint32_t index)
{
    return index < ROW_COUNT ? &rows[index] : NULL;
}

uint32_t
command_count(void)
{
    return ROW_COUNT;
}

uint32_t
command_index(const struct command *command)
{
    KV_ASSERT(command >= rows && command < rows + ROW_COUNT);
    return (uint32_t)(command - rows);
}
