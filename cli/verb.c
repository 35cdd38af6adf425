/* verb.c - the table of subcommands.  Everything that is special about one is here. */
#include "cli/verb.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"

enum { READ_BYTES = 64 * 1024 };

static const struct verb verbs[] = {
    {"get", "KEY", "print the value of a key", "GET", 1, 1, OUTCOME_VALUE, false},
    {"set", "KEY VALUE|- [OPTION]...", "set a key; -: to what is on standard input", "SET", 2,
     UINT32_MAX, OUTCOME_CONDITION, false},
    {"delete", "KEY...", "remove keys; prints how many there were", "DEL", 1, UINT32_MAX,
     OUTCOME_ANY, true},
    {"exists", "KEY...", "print how many of the keys exist; exit 1: none", "EXISTS", 1, UINT32_MAX,
     OUTCOME_COUNT, false},
    {"mget", "KEY...", "print the values of keys; exit 1: none exists", "MGET", 1, UINT32_MAX,
     OUTCOME_VALUES, false},
    {"mset", "KEY VALUE [KEY VALUE]...", "set keys, all at once", "MSET", 2, UINT32_MAX,
     OUTCOME_ANY, false},
    {"incr", "KEY [BY]", "add a number to a value; prints the sum", "INCR", 1, 2, OUTCOME_ANY,
     false},
    {"count", "FROM TO [approx]", "print how many keys a range has", "KV.COUNT", 2, 3, OUTCOME_ANY,
     true},
    {"seek", "KEY [ge|gt|le|lt]", "print the key next to KEY, and its value", "KV.SEEK", 1, 2,
     OUTCOME_VALUE, true},
    {"delrange", "FROM TO", "remove all keys of a range", "KV.DELRANGE", 2, 2, OUTCOME_ANY, true},
    {"ping", "[TEXT]", "ask whether the server answers", "PING", 0, 1, OUTCOME_ANY, false},
    {"info", "[SECTION]...", "print what the server tells of itself", "INFO", 0, UINT32_MAX,
     OUTCOME_ANY, false},
    {"config", "get PATTERN... | set NAME VALUE...", "show and change settings", "CONFIG", 1,
     UINT32_MAX, OUTCOME_ANY, false},
    {"flush", "", "write what is in memory to tables", "KV.FLUSH", 0, 0, OUTCOME_ANY, true},
    {"cf", "list | create NAME [SETTING VALUE]... | drop|info|get NAME | set NAME SETTING VALUE...",
     "list, make, drop and describe column families, show and change their settings", "KV.CF", 1,
     UINT32_MAX, OUTCOME_ANY, true},
    {"checkpoint", "NAME", "make a copy of the database that shares its tables; prints where",
     "KV.CHECKPOINT", 1, 1, OUTCOME_ANY, true},
    {"compact", "[FROM TO] [FORCE] [ASYNC]",
     "compact all keys, or those FROM..TO, to the last level", "KV.COMPACT", 0, 4, OUTCOME_ANY,
     true},
    {"jobs", "[ID | CANCEL ID | PAUSE [ID] | RESUME [ID]]", "print and manage background work",
     "KV.JOBS", 0, 2, OUTCOME_ANY, true},
    {"snapshot", "create [NAME NAME] TTL SECONDS | list | extend ID SECONDS | drop ID",
     "keep moments readable for a time, for --at", "KV.SNAPSHOT", 1, 5, OUTCOME_ANY, true},
    {"stats", "", "print the engine's numbers", "KV.STATS", 0, 0, OUTCOME_ANY, true},
    {"workers", "", "print the state of the worker processes", "KV.WORKERS", 0, 0, OUTCOME_ANY,
     true},
    {"command", "NAME [ARGUMENT]...", "send any command", "", 1, UINT32_MAX, OUTCOME_ANY, false},
};

enum { VERB_COUNT = sizeof(verbs) / sizeof(verbs[0]) };

const struct verb *
verb_at(size_t index)
{
    return index < VERB_COUNT ? &verbs[index] : NULL;
}

const struct verb *
verb_find(const char *name)
{
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    }
    return NULL;
}

static bool
verb_is(const struct verb *verb, const char *name)
{
    return strcmp(verb->name, name) == 0;
}

/* All of standard input, as one word. */
static enum exit_code
take_input(struct request *request)
{
    struct buffer value = {0};
    ssize_t got;

    do {
        got = read(STDIN_FILENO, buffer_reserve(&value, READ_BYTES), READ_BYTES);
        if (got > 0)
            value.size += (size_t)got;
    } while ((got > 0 && value.size <= VALUE_BYTES_MAX) || (got < 0 && errno == EINTR));
    if (got < 0 || value.size > VALUE_BYTES_MAX) {
        if (got < 0)
            complain("cannot read standard input: %s", strerror(errno));
        else
            complain("standard input is longer than a value may be (%d bytes)", VALUE_BYTES_MAX);
        buffer_deinit(&value);
        return got < 0 ? EXIT_IO : EXIT_USAGE;
    }
    request_take(request, &value);
    return EXIT_OK;
}

/* The words of verb->command; `incr` with a second argument becomes another command. */
static void
add_command(const struct verb *verb, int argument_count, char **arguments, struct request *request)
{
    if (verb_is(verb, "incr") && argument_count == 2) {
        const bool is_fraction = strpbrk(arguments[1], ".eE") != NULL;

        request_add_text(request, is_fraction ? "INCRBYFLOAT" : "INCRBY");
        return;
    }
    if (!request_split(request, slice_from_text(verb->command)))
        KV_ASSERT(false);
}

enum exit_code
verb_build(const struct verb *verb, int argument_count, char **arguments, struct request *request)
{
    const uint32_t count = (uint32_t)argument_count;
    enum exit_code code = EXIT_OK;

    KV_ASSERT(argument_count >= 0);
    KV_ASSERT(request->count == 0);
    if (count < verb->argument_count_min || count > verb->argument_count_max ||
        (verb_is(verb, "mset") && count % 2 != 0)) {
        complain("usage: kvctl %s %s", verb->name, verb->arguments);
        return EXIT_USAGE;
    }
    add_command(verb, argument_count, arguments, request);
    for (int i = 0; i < argument_count && code == EXIT_OK; i++) {
        if (i == 1 && verb_is(verb, "set") && strcmp(arguments[i], "-") == 0)
            code = take_input(request);
        else
            request_add_text(request, arguments[i]);
    }
    return code;
}

static bool
lists_jobs(const struct request *request)
{
    return request_word_is(request, 0, "KV.JOBS") && !request_word_is(request, 1, "CANCEL") &&
           !request_word_is(request, 1, "PAUSE") && !request_word_is(request, 1, "RESUME");
}

enum reply_shape
verb_shape(const struct request *request)
{
    if (request_word_is(request, 0, "MGET"))
        return SHAPE_BY_KEY;
    if (request_word_is(request, 0, "KV.CHECKPOINT"))
        return SHAPE_PAIRS;
    if (request_word_is(request, 1, "GET") &&
        (request_word_is(request, 0, "CONFIG") || request_word_is(request, 0, "KV.CF")))
        return SHAPE_PAIRS;
    if (request_word_is(request, 0, "INFO") || request_word_is(request, 0, "KV.STATS"))
        return SHAPE_INFO;
    if (request_word_is(request, 0, "KV.WORKERS") ||
        (request_word_is(request, 0, "KV.SNAPSHOT") && request_word_is(request, 1, "LIST")) ||
        lists_jobs(request))
        return SHAPE_RECORDS;
    return SHAPE_PLAIN;
}

/* Without GET, null is a refusal.  With GET the old value comes back in any case, so whether the
 * write was done follows from the condition. */
static enum exit_code
judge_set(const struct request *request, const redisReply *reply)
{
    bool has_get = false, has_nx = false, has_xx = false;
    const bool is_null = reply->type == REDIS_REPLY_NIL;
    bool was_refused;

    for (uint32_t i = 3; i < request->count; i++) {
        has_get |= request_word_is(request, i, "GET");
        has_nx |= request_word_is(request, i, "NX");
        has_xx |= request_word_is(request, i, "XX");
    }
    was_refused = has_get ? (has_nx && !is_null) || (has_xx && is_null) : is_null;
    return was_refused ? EXIT_CONDITION_FAILED : EXIT_OK;
}

static bool
is_all_null(const redisReply *reply)
{
    for (size_t i = 0; i < reply->elements; i++) {
        if (reply->element[i]->type != REDIS_REPLY_NIL)
            return false;
    }
    return true;
}

enum exit_code
verb_judge(const struct verb *verb, const struct request *request, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR)
        return EXIT_SERVER_ERROR;
    switch (verb == NULL ? OUTCOME_ANY : verb->outcome) {
    case OUTCOME_VALUE:
        return reply->type == REDIS_REPLY_NIL ? EXIT_NOT_FOUND : EXIT_OK;
    case OUTCOME_VALUES:
        return is_all_null(reply) ? EXIT_NOT_FOUND : EXIT_OK;
    case OUTCOME_COUNT:
        return reply->type == REDIS_REPLY_INTEGER && reply->integer == 0 ? EXIT_NOT_FOUND : EXIT_OK;
    case OUTCOME_CONDITION:
        return judge_set(request, reply);
    case OUTCOME_ANY:
        break;
    }
    return EXIT_OK;
}
