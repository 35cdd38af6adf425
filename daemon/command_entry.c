/* command_entry.c - rows, second words and their metadata put together. */
#include "daemon/command_entry.h"

#include <stdio.h>

#include "base/assert.h"
#include "daemon/command_value.h"

/* Every command with second words has this one; see subcommand_run. */
static const struct subcommand help_row = {"help", subcommand_run, 2, NULL};

/* Where the keys are that the row of the table only says what is done with. */
static void
resolve_keys(struct command_entry *entry, const struct command_metadata *metadata)
{
    const struct command *command = entry->command;

    for (uint32_t i = 0; i < KEY_SPEC_COUNT_MAX && metadata->keys[i].flags != NULL; i++) {
        struct key_spec *spec = &entry->keys[entry->key_spec_count++];

        *spec = metadata->keys[i];
        if (spec->first > 0)
            continue;
        KV_ASSERT(command->key_first > 0 && entry->second == NULL);
        spec->first = command->key_first;
        spec->last =
            (command->key_last < 0 ? command->key_last : command->key_last - command->key_first);
        spec->step = command->key_step;
    }
}

/* A command of which the table says nothing. */
static void
guess_keys(struct command_entry *entry)
{
    static const struct command_metadata reading = {.keys = {{.flags = "RO"}}};
    static const struct command_metadata writing = {.keys = {{.flags = "RW"}}};

    if (entry->second == NULL && entry->command->key_first > 0)
        resolve_keys(entry, entry->flags & COMMAND_WRITE ? &writing : &reading);
}

static void
fill(struct command_entry *entry)
{
    const struct command_metadata *metadata = command_metadata_find(entry->name);

    entry->tips = metadata->tips != NULL ? metadata->tips : "";
    entry->flags |= metadata->flags;
    if (metadata->since != NULL)
        entry->since = metadata->since;
    resolve_keys(entry, metadata);
    if (entry->key_spec_count == 0)
        guess_keys(entry);
}

void
command_entry_of(const struct command *command, struct command_entry *entry)
{
    KV_ASSERT(command != NULL && strlen(command->name) <= COMMAND_NAME_BYTES_MAX);
    *entry =
        (struct command_entry){.command = command,
                               .arity = command->arity,
                               .flags = command->flags & ~(uint32_t)(COMMAND_WALKS | COMMAND_ACTS),
                               .since = command->since};
    memcpy(entry->name, command->name, strlen(command->name));
    fill(entry);
}

static void
entry_of_second(const struct command *command, const struct subcommand *second,
                struct command_entry *entry)
{
    *entry = (struct command_entry){
        .command = command, .second = second, .arity = second->arity, .since = command->since};
    (void)snprintf(entry->name, sizeof(entry->name), "%s|%s", command->name, second->name);
    if (second == &help_row)
        entry->flags = COMMAND_LOADING | COMMAND_STALE;
    else if (strncmp(command->name, "kv.", 3) == 0)
        entry->flags = command->flags & ~(uint32_t)COMMAND_HIDDEN_FLAGS;
    fill(entry);
}

uint32_t
command_entry_second_count(const struct command *command)
{
    uint32_t count = 0;

    if (command->subcommands == NULL)
        return 0;
    while (command->subcommands[count].name != NULL)
        count++;
    return count + 1;
}

bool
command_entry_second(const struct command *command, uint32_t index, struct command_entry *entry)
{
    const uint32_t count = command_entry_second_count(command);

    if (index >= count)
        return false;
    entry_of_second(command, index + 1 < count ? &command->subcommands[index] : &help_row, entry);
    return true;
}

static bool
find_second(const struct command *command, struct slice word, struct command_entry *entry)
{
    for (uint32_t i = 0; command_entry_second(command, i, entry); i++) {
        if (argument_is(word, entry->second->name))
            return true;
    }
    return false;
}

bool
command_entry_find(struct slice name, struct command_entry *entry)
{
    const uint8_t *bar = name.size > 0 ? memchr(name.data, '|', name.size) : NULL;
    const size_t size = bar != NULL ? (size_t)(bar - name.data) : name.size;
    const struct command *command = command_find(slice_of(name.data, size));

    if (command == NULL)
        return false;
    if (bar != NULL)
        return find_second(command, slice_of(bar + 1, name.size - size - 1), entry);
    command_entry_of(command, entry);
    return true;
}

bool
command_entry_find_line(const struct slice *args, uint32_t arg_count, struct command_entry *entry)
{
    const struct command *command = arg_count > 0 ? command_find(args[0]) : NULL;

    if (command == NULL)
        return false;
    if (command->subcommands != NULL && arg_count > 1)
        return find_second(command, args[1], entry);
    command_entry_of(command, entry);
    return true;
}

bool
command_entry_takes(const struct command_entry *entry, uint32_t arg_count)
{
    const int64_t count = arg_count;

    return entry->arity > 0 ? count == entry->arity : count >= -(int64_t)entry->arity;
}

/* --- categories --- */

/* Where Redis's category is not what the group says. */
static const struct {
    const char *command, *category;
} category_exceptions[] = {
    {"client", NULL},           {"cluster", NULL},
    {"readonly", "connection"}, {"readwrite", "connection"},
    {"role", "admin"},          {"command", "connection"},
    {"dbsize", "keyspace"},     {"flushall", "keyspace"},
    {"flushdb", "keyspace"},    {"info", "dangerous"},
    {"object", NULL},           {"lastsave", "admin"},
    {"pubsub", NULL},           {"swapdb", "keyspace"},
    {"wait", "connection"},
};

/* The category that follows from the group; NULL: none. */
static const char *
group_category(const struct command *command)
{
    const size_t count = sizeof(category_exceptions) / sizeof(category_exceptions[0]);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(command->name, category_exceptions[i].command) == 0)
            return category_exceptions[i].category;
    }
    if (strcmp(command->group, "generic") == 0)
        return "keyspace";
    if (strcmp(command->group, "transactions") == 0)
        return "transaction";
    /* Publishing has a flag that says so. */
    if (strcmp(command->group, "server") == 0 || strcmp(command->group, "pubsub") == 0)
        return NULL;
    return command->group;
}

/* Second words are in a category of their own more often than not. */
static const char *
second_category(const struct command *command)
{
    if (strcmp(command->name, "client") == 0 || strcmp(command->name, "command") == 0)
        return "connection";
    return strcmp(command->name, "object") == 0 ? "keyspace" : NULL;
}

const char *
command_category_at(uint32_t index)
{
    static const char *const names[] = {
        "keyspace", "read",   "write",       "set",       "sortedset",  "list",        "hash",
        "string",   "bitmap", "hyperloglog", "geo",       "stream",     "pubsub",      "admin",
        "fast",     "slow",   "blocking",    "dangerous", "connection", "transaction", "scripting",
    };

    return index < sizeof(names) / sizeof(names[0]) ? names[index] : NULL;
}

static uint32_t
category_bit(const char *name)
{
    for (uint32_t i = 0; command_category_at(i) != NULL; i++) {
        if (strcmp(name, command_category_at(i)) == 0)
            return 1u << i;
    }
    return 0; /* a group of kvd's own */
}

/* Redis derives them from the flags and the group. */
uint32_t
command_entry_categories(const struct command_entry *entry)
{
    const char *group =
        entry->second != NULL ? second_category(entry->command) : group_category(entry->command);
    uint32_t bits = category_bit(entry->flags & COMMAND_FAST ? "fast" : "slow");

    if (group != NULL)
        bits |= category_bit(group);
    if (entry->flags & COMMAND_WRITE)
        bits |= category_bit("write");
    if (entry->flags & COMMAND_READONLY)
        bits |= category_bit("read");
    if (entry->flags & COMMAND_PUBSUB)
        bits |= category_bit("pubsub");
    if (entry->flags & COMMAND_ADMIN)
        bits |= category_bit("admin");
    if (entry->flags & (COMMAND_ADMIN | COMMAND_DANGEROUS))
        bits |= category_bit("dangerous");
    return bits;
}

bool
command_entry_is_in(const struct command_entry *entry, struct slice category)
{
    const uint32_t bits = command_entry_categories(entry);

    for (uint32_t i = 0; command_category_at(i) != NULL; i++) {
        if (argument_is(category, command_category_at(i)))
            return (bits >> i & 1) != 0;
    }
    return false;
}
