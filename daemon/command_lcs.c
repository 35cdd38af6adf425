/* command_lcs.c - LCS: the longest common subsequence of two values.
 *
 * Its time grows with the product of their sizes, so it is made in pieces between which the other
 * clients run; it is of the values as the first piece has found them.  Inside of EXEC, which is one
 * piece, it is made at once, and refused if that took long.
 */
#include "base/alloc.h"
#include "base/limits.h"
#include "daemon/command_handlers.h"
#include "daemon/command_value.h"
#include "daemon/common_subsequence.h"
#include "daemon/server.h"

enum {
    CELLS_A_PIECE = 1000 * 1000, /* 2 ms */
    CELLS_A_TRANSACTION_MAX =
        16 * 1000 * 1000, /* of all LCS in it, as nobody else runs meanwhile */
};

struct lcs_options {
    bool wants_length, wants_runs, wants_sizes;
    int64_t size_min;
};

struct lcs_work {
    struct command_work base;
    struct common_subsequence table;
    uint64_t seq_wait; /* of the values */
};

/* False: the error reply has been written. */
static bool
parse_options(struct command_call *call, struct lcs_options *options)
{
    *options = (struct lcs_options){0};
    for (uint32_t i = 3; i < call->arg_count; i++) {
        const struct slice word = call->args[i];

        if (argument_is(word, "idx")) {
            options->wants_runs = true;
        } else if (argument_is(word, "len")) {
            options->wants_length = true;
        } else if (argument_is(word, "withmatchlen")) {
            options->wants_sizes = true;
        } else if (argument_is(word, "minmatchlen") && i + 1 < call->arg_count) {
            if (!value_parse_int64(call, call->args[++i], &options->size_min))
                return false;
        } else {
            resp_error(&call->reply, "ERR syntax error");
            return false;
        }
    }
    if (!options->wants_runs || !options->wants_length)
        return true;
    resp_error(&call->reply, "ERR If you want both the length and indexes, please just use IDX.");
    return false;
}

/* Redis's limit, which is one on time as well; false: the error reply has been written. */
static bool
check_size(struct command_call *call, struct slice a, struct slice b)
{
    const uint64_t cells = ((uint64_t)a.size + 1) * ((uint64_t)b.size + 1);

    if (cells <= call->server->config.bulk_bytes_max / sizeof(uint32_t))
        return true;
    resp_error(&call->reply, "ERR Insufficient memory, transient memory for LCS exceeds "
                             "proto-max-bulk-len");
    return false;
}

/* *done: the error reply has been written. */
static enum kv_status
begin(struct command_call *call, struct common_subsequence *table, bool *done)
{
    struct buffer first = {0};
    struct slice a, b;
    bool exists;
    enum kv_status st, second_st;

    *done = false;
    st = value_read(call, call->args[1], &exists, &a);
    if (st != KV_OK && st != KV_WANT_BLOCK)
        return st;
    if (st == KV_OK)
        buffer_append_slice(&first, a);
    /* Also when the first is not there yet: their blocks come together. */
    second_st = value_read(call, call->args[2], &exists, &b);
    if (st == KV_OK)
        st = second_st;
    if (st == KV_OK) {
        *done = !check_size(call, buffer_slice(&first), b);
        if (!*done)
            common_subsequence_init(table, buffer_slice(&first), b);
    }
    buffer_deinit(&first);
    return st;
}

static void
reply_run(struct command_call *call, const struct common_run *run, bool with_size)
{
    struct resp_writer *reply = &call->reply;

    KV_ASSERT(run->size > 0);
    resp_array(reply, with_size ? 3 : 2);
    resp_array(reply, 2);
    resp_integer(reply, run->a_first);
    resp_integer(reply, (int64_t)run->a_first + run->size - 1);
    resp_array(reply, 2);
    resp_integer(reply, run->b_first);
    resp_integer(reply, (int64_t)run->b_first + run->size - 1);
    if (with_size)
        resp_integer(reply, run->size);
}

static void
reply_runs(struct command_call *call, const struct common_subsequence *table,
           const struct lcs_options *options)
{
    struct common_path path = common_subsequence_path(table);
    struct common_run run;
    size_t count = 0;

    while (common_path_next(&path, &run))
        count += (int64_t)run.size >= options->size_min;
    resp_map(&call->reply, 2);
    resp_bulk_text(&call->reply, "matches");
    resp_array(&call->reply, count);
    path = common_subsequence_path(table);
    while (common_path_next(&path, &run)) {
        if ((int64_t)run.size >= options->size_min)
            reply_run(call, &run, options->wants_sizes);
    }
    resp_bulk_text(&call->reply, "len");
    resp_integer(&call->reply, common_subsequence_length(table));
}

static void
reply_text(struct command_call *call, const struct common_subsequence *table)
{
    struct common_path path = common_subsequence_path(table);
    struct common_run run;
    size_t at = common_subsequence_length(table);
    const size_t size = at;
    uint8_t *text = kv_alloc(size + 1);

    while (common_path_next(&path, &run)) {
        KV_ASSERT(at >= run.size);
        at -= run.size;
        memcpy(text + at, table->a.data + run.a_first, run.size);
    }
    KV_ASSERT(at == 0);
    resp_bulk(&call->reply, slice_of(text, size));
    free(text);
}

static void
reply_table(struct command_call *call, const struct common_subsequence *table,
            const struct lcs_options *options)
{
    if (options->wants_runs)
        reply_runs(call, table, options);
    else if (options->wants_length)
        resp_integer(&call->reply, common_subsequence_length(table));
    else
        reply_text(call, table);
}

static void
work_free(struct command_work *base)
{
    struct lcs_work *work = KV_CONTAINER_OF(base, struct lcs_work, base);

    common_subsequence_deinit(&work->table);
    free(work);
}

/* False: the error reply has been written. */
static bool
take_cells(struct command_call *call, const struct common_subsequence *table)
{
    uint64_t *taken = &call->client->transaction.lcs_cell_count;
    const uint64_t cells = ((uint64_t)table->a.size + 1) * ((uint64_t)table->b.size + 1);

    KV_ASSERT(*taken <= CELLS_A_TRANSACTION_MAX);
    if (cells > CELLS_A_TRANSACTION_MAX - *taken) {
        resp_error_format(&call->reply,
                          "ERR LCS of values this long would hold up all clients inside of MULTI: "
                          "the products of their sizes may be %d there",
                          CELLS_A_TRANSACTION_MAX);
        return false;
    }
    *taken += cells;
    return true;
}

static enum kv_status
run_at_once(struct command_call *call, const struct lcs_options *options)
{
    struct common_subsequence table;
    bool done;
    const enum kv_status st = begin(call, &table, &done);

    if (st != KV_OK || done)
        return st;
    if (take_cells(call, &table)) {
        (void)common_subsequence_advance(&table, UINT64_MAX);
        reply_table(call, &table, options);
    }
    common_subsequence_deinit(&table);
    return KV_OK;
}

/* The client's work, made if there is none. */
static enum kv_status
find_work(struct command_call *call, struct lcs_work **work_out, bool *done)
{
    struct lcs_work *work;
    struct common_subsequence table;
    enum kv_status st;

    *done = false;
    *work_out = NULL;
    if (call->client->work != NULL) {
        *work_out = KV_CONTAINER_OF(call->client->work, struct lcs_work, base);
        return KV_OK;
    }
    st = begin(call, &table, done);
    if (st != KV_OK || *done)
        return st;
    work = kv_alloc_zero(sizeof(*work));
    work->base.free = work_free;
    work->table = table;
    work->seq_wait = call->seq_wait;
    call->client->work = &work->base;
    *work_out = work;
    return KV_OK;
}

enum kv_status
command_lcs(struct command_call *call)
{
    struct lcs_options options;
    struct lcs_work *work;
    bool done;
    enum kv_status st;

    if (!parse_options(call, &options))
        return KV_OK;
    if (call->is_in_transaction)
        return run_at_once(call, &options);
    st = find_work(call, &work, &done);
    if (st != KV_OK || done)
        return st;
    if (!common_subsequence_advance(&work->table, CELLS_A_PIECE)) {
        work->base.has_yielded = true;
        return KV_BUSY;
    }
    call->seq_wait = work->seq_wait;
    reply_table(call, &work->table, &options);
    return KV_OK;
}
