/* command_range.c - what Redis has no words for: keys in order, and ranges of them.
 *
 * Reads come in pages, each bounded by entries, bytes and time, whose end says where to go on; the
 * server remembers nothing between them.  Reads without pages (KV.COUNT) run in slices.
 */
#include "base/limits.h"
#include "daemon/command_handlers.h"
#include "daemon/command_snapshot_at.h"
#include "daemon/command_value.h"
#include "daemon/key_bounds.h"
#include "daemon/scan_work.h"
#include "daemon/server.h"
#include "db/db_survey.h"

enum {
    PAGE_COUNT_DEFAULT = 1000,
    PAGE_COUNT_MAX = 1000000,
    PAGE_BYTES_DEFAULT = 1024 * 1024,
    PAGE_BYTES_MAX = 64 * 1024 * 1024,
    PAGE_BUDGET_MS_DEFAULT = 80,
    PAGE_BUDGET_MS_MAX = 60 * 1000,
};

enum page_kind { PAGE_PAIRS, PAGE_KEYS, PAGE_COUNT };

struct page_options {
    enum page_kind kind;
    bool is_reverse;
    bool has_limit;
    uint64_t count_max, bytes_max, budget_us;
    bool has_from; /* KV.PREFIX: */
    struct slice from;
};

/* --- options --- */

/* The number behind an option's word, from 1 to max.  False: the error reply has been written. */
static bool
parse_number(struct command_call *call, uint32_t *at, const char *word, uint64_t max,
             uint64_t *number_out)
{
    int64_t number;

    if (++*at >= call->arg_count) {
        resp_error(&call->reply, "ERR syntax error");
        return false;
    }
    if (!value_parse_int64(call, call->args[*at], &number))
        return false;
    if (number < 1 || (uint64_t)number > max) {
        resp_error_format(&call->reply, "ERR %s must be from 1 to %llu", word,
                          (unsigned long long)max);
        return false;
    }
    *number_out = (uint64_t)number;
    return true;
}

static bool
parse_option(struct command_call *call, uint32_t *at, bool takes_from, struct page_options *options)
{
    const struct slice word = call->args[*at];
    uint64_t budget_ms;

    if (argument_is(word, "rev")) {
        options->is_reverse = true;
    } else if (argument_is(word, "keys") && options->kind != PAGE_COUNT) {
        options->kind = PAGE_KEYS;
    } else if (argument_is(word, "count") && options->kind != PAGE_KEYS) {
        options->kind = PAGE_COUNT;
    } else if (argument_is(word, "limit")) {
        options->has_limit = true;
        return parse_number(call, at, "LIMIT", PAGE_COUNT_MAX, &options->count_max);
    } else if (argument_is(word, "maxbytes")) {
        return parse_number(call, at, "MAXBYTES", PAGE_BYTES_MAX, &options->bytes_max);
    } else if (argument_is(word, "budget")) {
        if (!parse_number(call, at, "BUDGET", PAGE_BUDGET_MS_MAX, &budget_ms))
            return false;
        options->budget_us = budget_ms * 1000;
    } else if (argument_is(word, "at") && *at + 1 < call->arg_count) {
        return command_read_at(call, call->args[++*at]);
    } else if (argument_is(word, "from") && takes_from && *at + 1 < call->arg_count) {
        options->has_from = true;
        options->from = call->args[++*at];
    } else {
        resp_error(&call->reply, "ERR syntax error");
        return false;
    }
    return true;
}

static bool
parse_options(struct command_call *call, uint32_t first, bool takes_from,
              struct page_options *options)
{
    *options = (struct page_options){
        .count_max = PAGE_COUNT_DEFAULT,
        .bytes_max = PAGE_BYTES_DEFAULT,
        .budget_us = PAGE_BUDGET_MS_DEFAULT * 1000,
    };
    for (uint32_t at = first; at < call->arg_count; at++) {
        if (!parse_option(call, &at, takes_from, options))
            return false;
    }
    if (options->kind == PAGE_COUNT && !options->has_limit)
        options->count_max = UINT64_MAX;
    return true;
}

/* Takes "AT snapshot" from the end of a command that has at least `count_min` words without it; how
 * many are left goes into *count_out.  False: the error reply has been written. */
static bool
take_snapshot(struct command_call *call, uint32_t count_min, uint32_t *count_out)
{
    const uint32_t count = call->arg_count;

    *count_out = count;
    if (count < count_min + 2 || !argument_is(call->args[count - 2], "at"))
        return true;
    *count_out = count - 2;
    return command_read_at(call, call->args[count - 1]);
}

/* --- pages --- */

static enum scan_verdict
visit_pair(struct scan_work *work, struct slice key, struct slice value)
{
    struct resp_writer writer = {.target = &work->items, .protocol = 2};

    if (work->count == work->request.count_max ||
        (work->count > 0 && work->items.size + key.size + value.size > work->request.bytes_max))
        return SCAN_STOP_BEFORE;
    work->count++;
    if (!work->request.keys_only)
        resp_array(&writer, 2);
    resp_bulk(&writer, key);
    if (!work->request.keys_only)
        resp_bulk(&writer, value);
    return SCAN_GO_ON;
}

static enum scan_verdict
visit_count(struct scan_work *work, struct slice key, struct slice value)
{
    (void)key;
    (void)value;
    if (work->count == work->request.count_max)
        return SCAN_STOP_BEFORE;
    work->count++;
    return SCAN_GO_ON;
}

/* What to give as <from> for the next page.  A key that was shown serves better than the one before
 * which the page has ended, since others may have come in between. */
static void
reply_next(struct command_call *call, const struct scan_work *work)
{
    const bool from_last = work->has_last && !work->next_is_open;
    struct buffer text = {0};

    if (work->is_at_end) {
        resp_null(&call->reply);
        return;
    }
    buffer_append_byte(&text, from_last || work->next_is_open ? '(' : '[');
    buffer_append_slice(&text, buffer_slice(from_last ? &work->last : &work->next));
    resp_bulk(&call->reply, buffer_slice(&text));
    buffer_deinit(&text);
}

static void
reply_page(struct command_call *call, const struct scan_work *work, enum page_kind kind)
{
    resp_array(&call->reply, 2);
    reply_next(call, work);
    if (kind == PAGE_COUNT) {
        resp_integer(&call->reply, (int64_t)work->count);
        return;
    }
    resp_array(&call->reply, work->count);
    buffer_append_slice(call->reply.target, buffer_slice(&work->items));
}

static void
reply_empty_page(struct command_call *call, enum page_kind kind)
{
    resp_array(&call->reply, 2);
    resp_null(&call->reply);
    if (kind == PAGE_COUNT)
        resp_integer(&call->reply, 0);
    else
        resp_array(&call->reply, 0);
}

static enum kv_status
run_page(struct command_call *call, const struct page_options *options,
         const struct key_bounds *bounds)
{
    const struct scan_request request = {
        .lower = buffer_slice(&bounds->lower),
        .upper = buffer_slice(&bounds->upper),
        .has_upper = bounds->has_upper,
        .is_reverse = options->is_reverse,
        .keys_only = options->kind != PAGE_PAIRS,
        .budget_us = options->budget_us,
        .visit = options->kind == PAGE_COUNT ? visit_count : visit_pair,
        .count_max = options->count_max,
        .bytes_max = options->bytes_max,
    };
    struct scan_work *work;
    enum kv_status st;

    if (key_bounds_are_empty(bounds)) {
        reply_empty_page(call, options->kind);
        return KV_OK;
    }
    st = scan_run(call, &request, &work);
    if (st == KV_OK)
        reply_page(call, work, options->kind);
    return st;
}

enum kv_status
command_kv_range(struct command_call *call)
{
    const struct slice from = call->args[1], to = call->args[2];
    struct key_bounds bounds = {0};
    struct page_options options;
    enum kv_status st = KV_OK;

    /* Going backward, <from> is the upper end. */
    if (parse_options(call, 3, false, &options) &&
        key_bounds_parse(call, options.is_reverse ? to : from, options.is_reverse ? from : to,
                         &bounds))
        st = run_page(call, &options, &bounds);
    key_bounds_deinit(&bounds);
    return st;
}

/* Takes the end that a page before has named. */
static bool
cut_prefix(struct command_call *call, const struct page_options *options, struct key_bounds *bounds)
{
    struct key_bounds rest = {0};
    const bool reverse = options->is_reverse;
    bool is_valid;

    if (!options->has_from)
        return true;
    is_valid = reverse ? key_bounds_parse_upper(call, options->from, &rest)
                       : key_bounds_parse_lower(call, options->from, &rest);
    if (is_valid && !reverse && rest.has_upper) { /* it was "+" */
        bounds->has_upper = true;
        buffer_clear(&bounds->upper);
    }
    if (is_valid && !reverse &&
        slice_compare(buffer_slice(&rest.lower), buffer_slice(&bounds->lower)) > 0) {
        buffer_clear(&bounds->lower);
        buffer_append_slice(&bounds->lower, buffer_slice(&rest.lower));
    }
    if (is_valid && reverse && rest.has_upper &&
        (!bounds->has_upper ||
         slice_compare(buffer_slice(&rest.upper), buffer_slice(&bounds->upper)) < 0)) {
        buffer_clear(&bounds->upper);
        buffer_append_slice(&bounds->upper, buffer_slice(&rest.upper));
        bounds->has_upper = true;
    }
    key_bounds_deinit(&rest);
    return is_valid;
}

enum kv_status
command_kv_prefix(struct command_call *call)
{
    struct key_bounds bounds = {0};
    struct page_options options;
    enum kv_status st = KV_OK;

    if (parse_options(call, 2, true, &options)) {
        key_bounds_of_prefix(call->args[1], &bounds);
        if (cut_prefix(call, &options, &bounds))
            st = run_page(call, &options, &bounds);
    }
    key_bounds_deinit(&bounds);
    return st;
}

/* --- one key --- */

static enum scan_verdict
visit_one(struct scan_work *work, struct slice key, struct slice value)
{
    (void)visit_pair(work, key, value);
    return SCAN_STOP_AFTER;
}

enum kv_status
command_kv_seek(struct command_call *call)
{
    struct scan_request request = {.visit = visit_one, .count_max = 1};
    struct slice how = slice_from_text("ge");
    struct buffer bound = {0};
    struct scan_work *work;
    bool reverse, open;
    uint32_t count;
    enum kv_status st;

    if (!take_snapshot(call, 2, &count))
        return KV_OK;
    if (count == 3)
        how = call->args[2];
    reverse = argument_is(how, "le") || argument_is(how, "lt");
    open = argument_is(how, "gt") || argument_is(how, "lt");
    if (count > 3 || (!reverse && !open && !argument_is(how, "ge"))) {
        resp_error(&call->reply, "ERR syntax error");
        return KV_OK;
    }
    buffer_append_slice(&bound, call->args[1]);
    if (reverse != open)
        buffer_append_byte(&bound, 0); /* the next possible key */
    if (reverse)
        request.upper = buffer_slice(&bound);
    else
        request.lower = buffer_slice(&bound);
    request.has_upper = request.is_reverse = reverse;
    st = scan_run(call, &request, &work);
    if (st == KV_OK && work->count == 0)
        resp_null(&call->reply);
    else if (st == KV_OK)
        buffer_append_slice(call->reply.target, buffer_slice(&work->items));
    buffer_deinit(&bound);
    return st;
}

/* --- how many, how large --- */

static enum kv_status
count_exactly(struct command_call *call, const struct key_bounds *bounds)
{
    const struct scan_request request = {
        .lower = buffer_slice(&bounds->lower),
        .upper = buffer_slice(&bounds->upper),
        .has_upper = bounds->has_upper,
        .keys_only = true,
        .visit = visit_count,
        .count_max = UINT64_MAX,
    };
    struct scan_work *work;
    enum kv_status st = scan_run(call, &request, &work);

    if (st == KV_OK)
        resp_integer(&call->reply, (int64_t)work->count);
    return st;
}

static enum kv_status
measure(struct command_call *call, const struct key_bounds *bounds, struct db_range_size *size)
{
    const struct key_stretch keys = key_bounds_stretch(bounds);

    return db_range_size(call->server->db, call->ctx, call->cf_id, &keys, size);
}

enum kv_status
command_kv_count(struct command_call *call)
{
    struct key_bounds bounds = {0};
    struct db_range_size size;
    enum kv_status st = KV_OK;
    bool approximate;
    uint32_t count;

    if (!take_snapshot(call, 3, &count))
        return KV_OK;
    approximate = count == 4 && argument_is(call->args[3], "approx");
    if (count > 4 || (count == 4 && !approximate && !argument_is(call->args[3], "exact"))) {
        resp_error(&call->reply, "ERR syntax error");
        return KV_OK;
    }
    if (approximate && command_is_at_snapshot(call)) {
        resp_error(&call->reply, "ERR APPROX counts what is there now: at a snapshot, count EXACT");
        return KV_OK;
    }
    if (!key_bounds_parse(call, call->args[1], call->args[2], &bounds)) {
        st = KV_OK;
    } else if (key_bounds_are_empty(&bounds)) {
        resp_integer(&call->reply, 0);
    } else if (approximate) {
        st = measure(call, &bounds, &size);
        if (st == KV_OK)
            resp_integer(&call->reply, (int64_t)size.entry_count);
    } else {
        st = count_exactly(call, &bounds);
    }
    key_bounds_deinit(&bounds);
    return st;
}

enum kv_status
command_kv_size(struct command_call *call)
{
    struct key_bounds bounds = {0};
    struct db_range_size size = {0};
    enum kv_status st = KV_OK;

    if (key_bounds_parse(call, call->args[1], call->args[2], &bounds)) {
        if (!key_bounds_are_empty(&bounds))
            st = measure(call, &bounds, &size);
        if (st == KV_OK) {
            resp_map(&call->reply, 2);
            resp_bulk_text(&call->reply, "disk");
            resp_integer(&call->reply, (int64_t)size.table_bytes);
            resp_bulk_text(&call->reply, "memory");
            resp_integer(&call->reply, (int64_t)size.memtable_bytes);
        }
    }
    key_bounds_deinit(&bounds);
    return st;
}

/* --- deleting --- */

/* The upper end of the deletion, now that it must have one.  *deletes: there may be something. */
static enum kv_status
close_bounds(struct command_call *call, struct key_bounds *bounds, bool *deletes)
{
    enum kv_status st = KV_OK;

    if (!bounds->has_upper)
        st = db_key_bound(call->server->db, call->cf_id, &bounds->upper, &bounds->has_upper);
    *deletes = st == KV_OK && bounds->has_upper && !key_bounds_are_empty(bounds);
    return st;
}

enum kv_status
command_kv_delrange(struct command_call *call)
{
    struct key_bounds bounds = {0};
    enum kv_status st = KV_OK;
    bool deletes;

    if (!key_bounds_parse(call, call->args[1], call->args[2], &bounds))
        goto done;
    st = close_bounds(call, &bounds, &deletes);
    if (deletes) {
        if (bounds.lower.size > KEY_BYTES_MAX) {
            resp_error(&call->reply, "ERR key is too long to begin behind");
            goto done;
        }
        write_batch_delete_range(call->batch, call->cf_id, buffer_slice(&bounds.lower),
                                 buffer_slice(&bounds.upper));
        st = command_write(call);
    }
    if (st == KV_OK)
        resp_simple(&call->reply, "OK");
done:
    key_bounds_deinit(&bounds);
    return st;
}

enum kv_status
command_kv_singledel(struct command_call *call)
{
    const struct slice key = call->args[1];
    enum kv_status st = KV_OK;

    if (key.size <= KEY_BYTES_MAX) {
        /* Always a single one, though it may meet the deletion that a dead value has become:
         * that one hides more and stays.  A plain one instead would be hidden by the next SET, and
         * gone when that vanished with the next single one; what it had deleted would be back. */
        write_batch_single_delete(call->batch, call->cf_id, key);
        st = command_write(call);
    }
    if (st == KV_OK)
        resp_simple(&call->reply, "OK");
    return st;
}
