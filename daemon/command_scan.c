/* command_scan.c - Redis's commands over all keys: SCAN, KEYS, RANDOMKEY, FLUSHDB, FLUSHALL.
 *
 * SCAN goes in key order, so every key that is there throughout is returned exactly once, and
 * MATCH with a literal beginning reads only the keys that begin with it.  How a cursor is a number,
 * and when it can be lost: scan_cursors.h.
 */
#include <stdio.h>

#include "base/limits.h"
#include "daemon/command_handlers.h"
#include "daemon/command_value.h"
#include "daemon/glob.h"
#include "daemon/key_bounds.h"
#include "daemon/scan_cursors.h"
#include "daemon/scan_work.h"
#include "daemon/server.h"
#include "db/db_survey.h"

enum {
    SCAN_COUNT_DEFAULT = 10,
    SCAN_PAGE_BYTES_MAX = 16 * 1024 * 1024,
    SCAN_BUDGET_US = 50 * 1000,
    RANDOM_TRIES = 32,
};

/* --- patterns --- */

/* The part before the first byte that means something else than itself. */
static struct slice
literal_beginning(struct slice pattern)
{
    size_t size = 0;

    while (size < pattern.size && memchr("*?[\\", pattern.data[size], 4) == NULL)
        size++;
    return slice_of(pattern.data, size);
}

static bool
matches(const struct scan_work *work, struct slice key)
{
    const struct slice pattern = work->pattern;

    return (pattern.size == 1 && pattern.data[0] == '*') || glob_match(pattern, key, false);
}

/* --- SCAN --- */

struct scan_options {
    uint64_t cursor;
    struct slice pattern;
    uint64_t count;
    bool no_type_matches; /* TYPE names one that no key has */
};

static enum scan_verdict
visit_scan(struct scan_work *work, struct slice key, struct slice value)
{
    struct resp_writer writer = {.target = &work->items, .protocol = 2};

    (void)value;
    if (work->count == work->request.count_max ||
        (work->count > 0 && work->items.size + key.size > work->request.bytes_max))
        return SCAN_STOP_BEFORE;
    work->count++;
    if (matches(work, key)) {
        resp_bulk(&writer, key);
        work->item_count++;
    }
    return SCAN_GO_ON;
}

/* As Redis reads it: digits of an unsigned number, nothing around them. */
static bool
parse_cursor(struct command_call *call, uint64_t *cursor_out)
{
    const struct slice text = call->args[1];
    uint64_t cursor = 0;
    bool is_valid = true; /* no digits at all are 0 */

    for (size_t i = 0; i < text.size && is_valid; i++) {
        is_valid = text.data[i] >= '0' && text.data[i] <= '9' &&
                   !__builtin_mul_overflow(cursor, 10, &cursor) &&
                   !__builtin_add_overflow(cursor, (uint64_t)(text.data[i] - '0'), &cursor);
    }
    if (!is_valid)
        resp_error(&call->reply, "ERR invalid cursor");
    *cursor_out = cursor;
    return is_valid;
}

static bool
parse_count(struct command_call *call, struct slice text, uint64_t *count_out)
{
    int64_t count;

    if (!value_parse_int64(call, text, &count))
        return false;
    if (count < 1) {
        resp_error(&call->reply, "ERR syntax error");
        return false;
    }
    *count_out = (uint64_t)count;
    return true;
}

static bool
parse_scan(struct command_call *call, struct scan_options *options)
{
    *options = (struct scan_options){.pattern = slice_from_text("*"), .count = SCAN_COUNT_DEFAULT};
    if (!parse_cursor(call, &options->cursor))
        return false;
    for (uint32_t i = 2; i < call->arg_count; i += 2) {
        const struct slice word = call->args[i];
        const bool has_value = i + 1 < call->arg_count;

        if (argument_is(word, "count") && has_value) {
            if (!parse_count(call, call->args[i + 1], &options->count))
                return false;
        } else if (argument_is(word, "match") && has_value) {
            options->pattern = call->args[i + 1];
        } else if (argument_is(word, "type") && has_value) {
            options->no_type_matches = !argument_is(call->args[i + 1], "string");
        } else {
            resp_error(&call->reply, "ERR syntax error");
            return false;
        }
    }
    return true;
}

static void
reply_scan(struct command_call *call, uint64_t cursor, uint64_t count, struct slice items)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)cursor);
    resp_array(&call->reply, 2);
    resp_bulk_text(&call->reply, text);
    resp_array(&call->reply, count);
    buffer_append_slice(call->reply.target, items);
}

/* The shortest position that is above the last key of the page and not above the next one. */
static uint64_t
next_cursor(struct command_call *call, const struct scan_work *work)
{
    const struct slice next = buffer_slice(&work->next), last = buffer_slice(&work->last);
    struct buffer position = {0};
    size_t size = next.size;
    uint64_t cursor;

    if (work->is_at_end)
        return 0;
    if (!work->next_is_open && work->has_last) {
        for (size = 0; size < last.size && last.data[size] == next.data[size];)
            size++;
        size++; /* the byte by which they differ, or the first one that `last` has not */
        KV_ASSERT(size <= next.size);
    }
    buffer_append(&position, next.data, size);
    if (work->next_is_open || size == 0)
        buffer_append_byte(&position, 0); /* the next possible key */
    cursor = scan_cursors_encode(call->server->cursors, buffer_slice(&position));
    buffer_deinit(&position);
    return cursor;
}

/* From the cursor's position on, and within what the pattern's beginning leaves. */
static bool
bounds_of_scan(struct command_call *call, const struct scan_options *options,
               struct key_bounds *bounds)
{
    struct buffer position = {0};
    const enum cursor_answer answer =
        scan_cursors_decode(call->server->cursors, options->cursor, &position);

    if (answer == CURSOR_INVALID)
        resp_error(&call->reply, "ERR invalid cursor");
    else if (answer == CURSOR_LOST)
        resp_error(&call->reply, "ERR the cursor is not known any more, since the server has "
                                 "restarted or too many other scans went on: begin with 0");
    key_bounds_of_prefix(literal_beginning(options->pattern), bounds);
    if (slice_compare(buffer_slice(&position), buffer_slice(&bounds->lower)) > 0) {
        buffer_clear(&bounds->lower);
        buffer_append_slice(&bounds->lower, buffer_slice(&position));
    }
    buffer_deinit(&position);
    return answer == CURSOR_FOUND;
}

static enum kv_status
run_scan(struct command_call *call, const struct scan_options *options,
         const struct key_bounds *bounds)
{
    const struct scan_request request = {
        .lower = buffer_slice(&bounds->lower),
        .upper = buffer_slice(&bounds->upper),
        .has_upper = bounds->has_upper,
        .keys_only = true,
        .budget_us = SCAN_BUDGET_US,
        .visit = visit_scan,
        .pattern = options->pattern,
        .count_max = options->count,
        .bytes_max = SCAN_PAGE_BYTES_MAX,
    };
    struct scan_work *work;
    enum kv_status st;

    if (options->no_type_matches || key_bounds_are_empty(bounds)) {
        reply_scan(call, 0, 0, slice_of(NULL, 0));
        return KV_OK;
    }
    st = scan_run(call, &request, &work);
    if (st == KV_OK)
        reply_scan(call, next_cursor(call, work), work->item_count, buffer_slice(&work->items));
    return st;
}

enum kv_status
command_scan(struct command_call *call)
{
    struct key_bounds bounds = {0};
    struct scan_options options;
    enum kv_status st = KV_OK;

    /* A try that goes on has its place in the work: the cursor may have been forgotten since. */
    if (parse_scan(call, &options) &&
        (call->client->work != NULL || bounds_of_scan(call, &options, &bounds)))
        st = run_scan(call, &options, &bounds);
    key_bounds_deinit(&bounds);
    return st;
}

/* --- KEYS --- */

static enum scan_verdict
visit_keys(struct scan_work *work, struct slice key, struct slice value)
{
    struct resp_writer writer = {.target = &work->items, .protocol = 2};

    (void)value;
    if (!matches(work, key))
        return SCAN_GO_ON;
    if (work->item_count == work->request.count_max ||
        work->items.size + key.size > work->request.bytes_max)
        return SCAN_STOP_BEFORE;
    resp_bulk(&writer, key);
    work->item_count++;
    return SCAN_GO_ON;
}

enum kv_status
command_keys(struct command_call *call)
{
    const struct config *config = &call->server->config;
    struct key_bounds bounds = {0};
    struct scan_request request = {
        .keys_only = true,
        .visit = visit_keys,
        .pattern = call->args[1],
        .count_max = config->keys_max_results,
        .bytes_max = config->output_buffer_bytes_max / 2,
    };
    struct scan_work *work;
    enum kv_status st;

    key_bounds_of_prefix(literal_beginning(call->args[1]), &bounds);
    request.lower = buffer_slice(&bounds.lower);
    request.upper = buffer_slice(&bounds.upper);
    request.has_upper = bounds.has_upper;
    st = scan_run(call, &request, &work);
    if (st == KV_OK && !work->is_at_end) {
        resp_error_format(&call->reply,
                          "ERR more keys match than keys-max-results (%llu) or the output limit "
                          "allows: use SCAN",
                          (unsigned long long)config->keys_max_results);
    } else if (st == KV_OK) {
        resp_array(&call->reply, work->item_count);
        buffer_append_slice(call->reply.target, buffer_slice(&work->items));
    }
    key_bounds_deinit(&bounds);
    return st;
}

/* --- RANDOMKEY --- */

static enum scan_verdict
visit_first(struct scan_work *work, struct slice key, struct slice value)
{
    (void)value;
    buffer_append_slice(&work->items, key);
    work->item_count++;
    return SCAN_STOP_AFTER;
}

/* The same in each try of one command. */
static uint64_t
random_of(const struct command_call *call, uint32_t try)
{
    return call->client->id * UINT64_C(0x9e3779b97f4a7c15) + call->client->begun_us +
           call->client->command_count * UINT64_C(0xd6e8feb86659fd93) + try;
}

/* Keys that were written some time, until one is live.  *found false: none was in so many tries. */
static enum kv_status
pick_live_key(struct command_call *call, struct buffer *key, bool *found)
{
    struct db *db = call->server->db;
    enum kv_status st = KV_OK;

    *found = false;
    for (uint32_t i = 0; i < RANDOM_TRIES && st == KV_OK && !*found; i++) {
        struct lookup lookup;

        st = db_pick_key(db, call->ctx, call->cf_id, random_of(call, i), key, found);
        if (st != KV_OK || !*found)
            return st;
        st = db_get(db, call->ctx, call->cf_id, buffer_slice(key), call->seq_max, &lookup);
        if (st != KV_OK)
            return st;
        *found = lookup.kind == LOOKUP_VALUE;
        if (lookup.seq > call->seq_wait)
            call->seq_wait = lookup.seq;
    }
    return st;
}

/* Nearly everything is deleted: the first live key behind the last one tried, or else the first of
 * all. */
static enum kv_status
find_live_key(struct command_call *call, struct buffer *key)
{
    struct scan_request request = {.keys_only = true, .visit = visit_first};
    struct scan_work *work;
    enum kv_status st;

    request.lower = buffer_slice(key);
    st = scan_run(call, &request, &work);
    if (st == KV_OK && work->item_count == 0 && !work->is_from_first) {
        scan_forget(call);
        request.lower = slice_of(NULL, 0);
        st = scan_run(call, &request, &work);
    }
    if (st != KV_OK)
        return st;
    if (work->item_count > 0)
        resp_bulk(&call->reply, buffer_slice(&work->items));
    else
        resp_null(&call->reply);
    return KV_OK;
}

enum kv_status
command_randomkey(struct command_call *call)
{
    struct buffer key = {0};
    enum kv_status st = KV_OK;
    bool found = false;

    if (call->client->work == NULL)
        st = pick_live_key(call, &key, &found);
    if (st == KV_OK && found)
        resp_bulk(&call->reply, buffer_slice(&key));
    else if (st == KV_OK)
        st = find_live_key(call, &key);
    buffer_deinit(&key);
    return st;
}

/* --- FLUSHDB, FLUSHALL --- */

/* One range tombstone over all keys that the family has: durable and atomic like any write, and as
 * cheap.  Reads leap over what it covers, and compactions drop it. */
static enum kv_status
add_deletion_of_all(struct command_call *call, uint32_t cf_id)
{
    struct buffer end = {0};
    bool found;
    const enum kv_status st = db_key_bound(call->server->db, cf_id, &end, &found);

    if (st == KV_OK && found)
        write_batch_delete_range(call->batch, cf_id, slice_of(NULL, 0), buffer_slice(&end));
    buffer_deinit(&end);
    return st;
}

static enum kv_status
write_deletions(struct command_call *call, enum kv_status st)
{
    if (st == KV_OK && write_batch_count(call->batch) > 0)
        st = command_write(call);
    if (st == KV_OK)
        resp_simple(&call->reply, "OK");
    return st;
}

static bool
has_flush_options(struct command_call *call)
{
    if (call->arg_count == 1 || (call->arg_count == 2 && (argument_is(call->args[1], "sync") ||
                                                          argument_is(call->args[1], "async"))))
        return true;
    resp_error(&call->reply, "ERR syntax error");
    return false;
}

enum kv_status
command_flushdb(struct command_call *call)
{
    if (!has_flush_options(call))
        return KV_OK;
    return write_deletions(call, add_deletion_of_all(call, call->cf_id));
}

enum kv_status
command_flushall(struct command_call *call)
{
    enum kv_status st = KV_OK;
    uint32_t cf_id;

    if (!has_flush_options(call))
        return KV_OK;
    call->cf_id = CF_DEFAULT; /* one that is there */
    for (uint32_t i = 0; st == KV_OK && db_family_at(call->server->db, i, &cf_id); i++)
        st = add_deletion_of_all(call, cf_id);
    return write_deletions(call, st);
}
