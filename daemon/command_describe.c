/* command_describe.c - COMMAND INFO's and DOCS's elements.
 *
 * Flags, categories and words come in Redis's order, so that a row is the same byte for byte; only
 * second words are in the order of their table, where Redis has them in that of a hash.
 */
#include "daemon/command_describe.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "daemon/command_arguments.h"
#include "daemon/command_syntax.h"

static const struct {
    uint32_t flag;
    const char *name;
} flag_names[] = {
    {COMMAND_WRITE, "write"},
    {COMMAND_READONLY, "readonly"},
    {COMMAND_DENYOOM, "denyoom"},
    {COMMAND_ADMIN, "admin"},
    {COMMAND_PUBSUB, "pubsub"},
    {COMMAND_NOSCRIPT, "noscript"},
    {COMMAND_LOADING, "loading"},
    {COMMAND_STALE, "stale"},
    {COMMAND_SKIP_SLOWLOG, "skip_slowlog"},
    {COMMAND_FAST, "fast"},
    {COMMAND_NO_AUTH, "no_auth"},
    {COMMAND_NO_ASYNC_LOADING, "no_async_loading"},
    {COMMAND_NO_MULTI, "no_multi"},
    {COMMAND_ALLOW_BUSY, "allow_busy"},
};

enum { FLAG_NAME_COUNT = sizeof(flag_names) / sizeof(flag_names[0]), WORD_BYTES_MAX = 63 };

static void
describe_flags(struct resp_writer *reply, uint32_t flags)
{
    resp_set(reply, (size_t)__builtin_popcount(flags & ~(uint32_t)COMMAND_HIDDEN_FLAGS));
    for (size_t i = 0; i < FLAG_NAME_COUNT; i++) {
        if (flags & flag_names[i].flag)
            resp_simple(reply, flag_names[i].name);
    }
}

static void
describe_categories(struct resp_writer *reply, const struct command_entry *entry)
{
    const uint32_t bits = command_entry_categories(entry);

    resp_set(reply, (size_t)__builtin_popcount(bits));
    for (uint32_t i = 0; command_category_at(i) != NULL; i++) {
        char name[WORD_BYTES_MAX + 1];

        if ((bits >> i & 1) == 0)
            continue;
        (void)snprintf(name, sizeof(name), "@%s", command_category_at(i));
        resp_simple(reply, name);
    }
}

static size_t
count_words(const char *words)
{
    size_t count = *words != '\0';

    for (; *words != '\0'; words++)
        count += *words == ' ';
    return count;
}

void
command_describe_words(struct resp_writer *reply, const char *words, bool is_simple)
{
    resp_set(reply, count_words(words));
    while (*words != '\0') {
        const size_t size = strcspn(words, " ");
        char word[WORD_BYTES_MAX + 1];

        KV_ASSERT(size > 0 && size <= WORD_BYTES_MAX);
        (void)snprintf(word, sizeof(word), "%.*s", (int)size, words);
        if (is_simple)
            resp_simple(reply, word);
        else
            resp_bulk_text(reply, word);
        words += size + (words[size] == ' ');
    }
}

static void
begin_part(struct resp_writer *reply, const char *name, const char *type, size_t pair_count)
{
    resp_bulk_text(reply, name);
    resp_map(reply, 2);
    resp_bulk_text(reply, "type");
    resp_bulk_text(reply, type);
    resp_bulk_text(reply, "spec");
    resp_map(reply, pair_count);
}

static void
number(struct resp_writer *reply, const char *name, int64_t value)
{
    resp_bulk_text(reply, name);
    resp_integer(reply, value);
}

static void
describe_keys(struct resp_writer *reply, const struct key_spec *spec)
{
    resp_map(reply, spec->notes != NULL ? 4 : 3);
    if (spec->notes != NULL) {
        resp_bulk_text(reply, "notes");
        resp_bulk_text(reply, spec->notes);
    }
    resp_bulk_text(reply, "flags");
    command_describe_words(reply, spec->flags, true);
    begin_part(reply, "begin_search", "index", 1);
    number(reply, "index", spec->first);
    begin_part(reply, "find_keys", "range", 3);
    number(reply, "lastkey", spec->last);
    number(reply, "keystep", spec->step);
    number(reply, "limit", 0);
}

/* What Redis before 7.0 said of all keys together: first, last, step. */
static void
describe_positions(struct resp_writer *reply, const struct command_entry *entry)
{
    const struct key_spec *first = &entry->keys[0];
    const struct key_spec *last =
        &entry->keys[entry->key_spec_count > 0 ? entry->key_spec_count - 1 : 0];

    if (entry->key_spec_count == 0) {
        for (int i = 0; i < 3; i++)
            resp_integer(reply, 0);
        return;
    }
    resp_integer(reply, first->first);
    resp_integer(reply, last->last < 0 ? last->last : last->first + last->last);
    resp_integer(reply, first->step);
}

/* All but the second words. */
static void
describe_row(struct resp_writer *reply, const struct command_entry *entry)
{
    resp_array(reply, 10);
    resp_bulk_text(reply, entry->name);
    resp_integer(reply, entry->arity);
    describe_flags(reply, entry->flags);
    describe_positions(reply, entry);
    describe_categories(reply, entry);
    command_describe_words(reply, entry->tips, false);
    resp_set(reply, entry->key_spec_count);
    for (uint32_t i = 0; i < entry->key_spec_count; i++)
        describe_keys(reply, &entry->keys[i]);
}

void
command_describe_info(struct resp_writer *reply, const struct command_entry *entry)
{
    const uint32_t count = entry->second == NULL ? command_entry_second_count(entry->command) : 0;
    struct command_entry second;

    describe_row(reply, entry);
    resp_set(reply, count);
    for (uint32_t i = 0; i < count && command_entry_second(entry->command, i, &second); i++) {
        describe_row(reply, &second);
        resp_set(reply, 0);
    }
}

/* A second word's sentence is behind the line end of its help; HELP's is nowhere. */
static const char *
summary_of(const struct command_entry *entry)
{
    const char *help;

    if (entry->second == NULL)
        return entry->command->summary;
    help = entry->second->help != NULL ? strchr(entry->second->help, '\n') : NULL;
    if (help != NULL)
        return help + 1;
    return strcmp(entry->second->name, "help") == 0 ? "Returns what the second words do." : "";
}

static void
text(struct resp_writer *reply, const char *name, const char *value)
{
    resp_bulk_text(reply, name);
    resp_bulk_text(reply, value);
}

/* Of the command or second word alone; its pairs, with `more_count` that the caller adds. */
static void
describe_doc(struct resp_writer *reply, const struct command_entry *entry, size_t more_count)
{
    const char *arguments = command_arguments_find(entry->name);
    struct syntax syntax;

    resp_bulk_text(reply, entry->name);
    resp_map(reply, 4 + (size_t)(arguments != NULL) + more_count);
    text(reply, "summary", summary_of(entry));
    text(reply, "since", entry->since);
    text(reply, "group", entry->command->group);
    text(reply, "complexity", entry->command->complexity);
    if (arguments == NULL)
        return;
    syntax_parse(arguments, &syntax);
    resp_bulk_text(reply, "arguments");
    syntax_describe(&syntax, reply);
}

void
command_describe_docs(struct resp_writer *reply, const struct command_entry *entry)
{
    const uint32_t count = entry->second == NULL ? command_entry_second_count(entry->command) : 0;
    struct command_entry second;

    describe_doc(reply, entry, count > 0);
    if (count == 0)
        return;
    resp_bulk_text(reply, "subcommands");
    resp_map(reply, count);
    for (uint32_t i = 0; i < count && command_entry_second(entry->command, i, &second); i++)
        describe_doc(reply, &second, 0);
}
