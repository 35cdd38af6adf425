/* run.c - what is due, and what came of it.
 *
 * A run is WARMING, then MEASURING, then ENDING.  An operation belongs to the phase in which it
 * was to start; those of the first phase are not counted.
 *
 * In the open loop the times of arrival are a sequence that nothing can hold up: they are made one
 * by one as operations are started, so a backlog needs no memory, and every operation that was due
 * before the end is started, however late.
 */
#include "cli/kvbench/run.h"

#include <math.h>
#include <time.h>

#include "base/alloc.h"
#include "cli/kvbench/report.h"
#include "cli/kvbench/session.h"

enum {
    QUIET_TRY_COUNT_MAX = 10000,
    TOLD_FAULT_COUNT_MAX = 10,
    YCSB_RANGE_COUNT_MAX = 100,
    /* One operation of so many may be late by more than the bound: the 99.9th percentile. */
    LATE_SHARE = 1000,
};

struct run {
    struct session *session;
    const struct bench_options *options;
    const struct workload *workload;
    struct result_run *result; /* the session's */
    struct key_chooser chooser;
    uint32_t rows[WORKLOAD_ROW_COUNT_MAX]; /* the result's */
    uint64_t shares[WORKLOAD_ROW_COUNT_MAX];
    uint64_t share_sum;

    bool has_begun;
    bool has_stopped;
    bool is_count_known; /* by operations, not by time */
    uint64_t left_count;
    uint64_t begin_ns; /* of what is measured */
    uint64_t end_ns;   /* no operation starts then or later; UINT64_MAX: known by count */
    uint64_t last_ns;  /* the last that ended */
    uint64_t seconds_done;

    double due_ns; /* open loop: of the next operation, since the very start */
    uint64_t first_ns;
    double interval_ns; /* 0: closed loop */
    uint64_t late_count;
    uint64_t late_ns_max;
    uint64_t started_count;

    uint64_t delayed_count; /* by the server */
    bool is_delay_known;
    size_t filler_at; /* in the filler's pool */
    uint32_t prefix_bytes;
};

static uint64_t
wall_clock_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void
init_rows(struct run *run)
{
    const struct workload *workload = run->workload;

    for (uint32_t i = 0; i < workload->row_count; i++) {
        run->rows[i] = result_run_operation(run->result, workload->rows[i].name);
        run->shares[i] = workload->rows[i].share;
    }
    if (workload == workload_find("mixed")) {
        run->shares[0] = run->options->ratio_get;
        run->shares[1] = run->options->ratio_set;
    }
    for (uint32_t i = 0; i < workload->row_count; i++)
        run->share_sum += run->shares[i];
    KV_ASSERT(run->share_sum > 0);
}

struct run *
run_new(struct session *session, const struct workload *workload)
{
    const struct bench_options *options = session->options;
    struct key_chooser_options keys = options->keys;
    struct run *run;

    KV_ASSERT(workload->row_count > 0 && workload->row_count <= WORKLOAD_ROW_COUNT_MAX);
    run = kv_alloc_zero(sizeof(*run));
    run->session = session;
    run->options = options;
    run->workload = workload;
    run->result = result_add_run(&session->result, workload->name, wall_clock_us());
    KV_ASSERT(run->result != NULL);
    run->result->target_rate = options->rate;
    init_rows(run);
    if (!options->has_distribution || workload->is_distribution_fixed)
        keys.distribution = workload->distribution;
    key_chooser_init(&run->chooser, &keys, options->key_count);
    key_chooser_grow(&run->chooser, session->key_end);
    run->is_count_known = options->duration_ns == 0;
    run->left_count = options->op_count;
    run->prefix_bytes = (uint32_t)strlen(options->key_prefix);
    run->interval_ns = options->rate > 0 ? 1e9 / options->rate : 0;
    return run;
}

void
run_free(struct run *run)
{
    free(run);
}

const struct bench_options *
run_options(const struct run *run)
{
    return run->options;
}

struct result_run *
run_result(struct run *run)
{
    return run->result;
}

bool
run_is_open_loop(const struct run *run)
{
    return run->interval_ns > 0;
}

bool
run_wants_values(const struct run *run)
{
    return run->options->is_verifying;
}

void
run_stop(struct run *run)
{
    run->has_stopped = true;
}

static void
begin(struct run *run, uint64_t now_ns)
{
    run->has_begun = true;
    run->first_ns = now_ns;
    run->begin_ns = now_ns + run->options->warmup_ns;
    run->last_ns = run->begin_ns;
    run->end_ns = run->is_count_known ? UINT64_MAX : run->begin_ns + run->options->duration_ns;
}

/* What the time is to the schedule: that of arrival in the open loop. */
static uint64_t
schedule_ns(const struct run *run, uint64_t now_ns)
{
    return run->interval_ns > 0 ? run->first_ns + (uint64_t)run->due_ns : now_ns;
}

static bool
is_over(const struct run *run, uint64_t at_ns)
{
    if (run->has_stopped)
        return true;
    return run->is_count_known ? run->left_count == 0 : at_ns >= run->end_ns;
}

uint64_t
run_due_ns(const struct run *run)
{
    const uint64_t at_ns = schedule_ns(run, 0);

    return is_over(run, at_ns) ? UINT64_MAX : at_ns;
}

/* A connection's own keys are those whose number leaves its number as the remainder. */
static uint64_t
own_key(const struct run *run, uint64_t key_id, uint32_t lane)
{
    const uint64_t lane_count = run->options->connection_count;
    const uint64_t mine = key_id - key_id % lane_count + lane;

    return mine < run->chooser.count ? mine : mine - lane_count;
}

static uint64_t
choose_key(struct run *run, uint32_t lane)
{
    struct random *random = &run->session->random;
    uint64_t key_id = key_chooser_next(&run->chooser, random);

    if (!run->options->is_verifying)
        return key_id;
    if (run->chooser.options.distribution != DISTRIBUTION_SEQUENTIAL)
        return own_key(run, key_id, lane);
    for (uint32_t i = 0; !ledger_is_quiet(&run->session->ledger, key_id); i++) {
        if (i == QUIET_TRY_COUNT_MAX)
            return own_key(run, key_id, lane);
        key_id = key_chooser_next(&run->chooser, random);
    }
    return key_id;
}

static uint64_t
insert_key(struct session *session)
{
    if (session->insert_next == session->key_limit)
        session->insert_next = session->options->key_count;
    return session->insert_next++;
}

static uint32_t
choose_row(struct run *run, uint32_t lane)
{
    uint64_t place;
    uint32_t row = 0;

    if (run->workload->row_count == 1)
        return 0;
    if (run->workload->is_one_writer && run->options->connection_count > 1)
        return lane == 0 ? 0 : 1;
    for (place = random_below(&run->session->random, run->share_sum); place >= run->shares[row];)
        place -= run->shares[row++];
    return row;
}

static bool
op_writes_value(enum op_kind kind)
{
    return kind == OP_SET || kind == OP_RMW || kind == OP_MERGE || kind == OP_COMMAND;
}

static void
fill_op(struct run *run, uint32_t lane, struct op *op)
{
    const struct bench_options *options = run->options;
    struct random *random = &run->session->random;
    const uint32_t row = choose_row(run, lane);
    const struct workload_row *kind = &run->workload->rows[row];

    *op = (struct op){.kind = (uint8_t)kind->kind, .row = (uint8_t)row};
    op->key_id = kind->is_insert ? insert_key(run->session) : choose_key(run, lane);
    if (op_writes_value(kind->kind)) {
        op->value_bytes = value_sizes_next(&options->sizes, random);
        if (options->ttl_s > 0 &&
            (options->ttl_share >= 1 || random_fraction(random) < options->ttl_share))
            op->ttl_s = (uint32_t)options->ttl_s;
    } else if (kind->kind == OP_RANGE) {
        op->range_count = (uint32_t)options->range_count;
        if (op->range_count == 0)
            op->range_count = 1 + (uint32_t)random_below(random, YCSB_RANGE_COUNT_MAX);
        if (run->workload->is_walk)
            op->key_id = op->key_id * op->range_count % options->key_count;
    }
    if (options->is_verifying)
        op->floor = ledger_floor(&run->session->ledger, op->key_id);
}

enum run_next
run_next(struct run *run, uint32_t lane, uint64_t now_ns, struct op *op_out)
{
    uint64_t at_ns;

    KV_ASSERT(lane < run->options->connection_count);
    if (!run->has_begun)
        begin(run, now_ns);
    at_ns = schedule_ns(run, now_ns);
    if (is_over(run, at_ns))
        return RUN_END;
    if (at_ns > now_ns)
        return RUN_WAIT;
    fill_op(run, lane, op_out);
    op_out->start_ns = at_ns;
    op_out->is_counted = at_ns >= run->begin_ns;
    if (run->is_count_known && op_out->is_counted)
        run->left_count--;
    if (run->interval_ns > 0)
        run->due_ns += run->options->is_poisson
                           ? -log(1 - random_fraction(&run->session->random)) * run->interval_ns
                           : run->interval_ns;
    return RUN_START;
}

void
run_started(struct run *run, const struct op *op, uint64_t able_ns, uint64_t now_ns)
{
    const uint64_t might_ns = able_ns > op->start_ns ? able_ns : op->start_ns;
    const uint64_t late_ns = now_ns > might_ns ? now_ns - might_ns : 0;

    if (!op->is_counted)
        return;
    run->started_count++;
    if (late_ns > run->options->late_ns_max)
        run->late_count++;
    if (late_ns > run->late_ns_max)
        run->late_ns_max = late_ns;
}

void
run_begin_write(struct run *run, struct op *op)
{
    struct session *session = run->session;

    if (!run->options->is_verifying)
        return;
    op->version = ledger_send(&session->ledger, op->key_id, op->kind == OP_DELETE);
    if (session->has_journal)
        journal_note_sent(&session->journal, op->key_id, op->version, op->kind == OP_DELETE);
}

bool
run_may_send(struct run *run)
{
    if (!run->session->has_journal || journal_flush(&run->session->journal) == KV_OK)
        return true;
    run_stop(run);
    return false;
}

/* The first faults are told one by one, all of them counted by their kind. */
static bool
check_read(struct run *run, const struct op *op, bool is_found, struct slice value)
{
    const struct payload_bounds bounds =
        ledger_bounds(&run->session->ledger, op->key_id, op->floor);
    struct payload found = {0};
    const enum payload_verdict verdict =
        is_found ? payload_check(value, &bounds, &found) : payload_check_missing(&bounds);
    char text[PAYLOAD_TEXT_BYTES];

    if (verdict == PAYLOAD_GOOD)
        return true;
    run->session->fault_count++;
    if (run->session->fault_count <= TOLD_FAULT_COUNT_MAX) {
        payload_explain(verdict, &bounds, &found, text);
        progress_clear(&run->session->progress);
        complain("%s", text);
    }
    result_run_record_error(run->result, run->rows[op->row],
                            slice_from_text(payload_verdict_text(verdict)));
    return false;
}

bool
run_done_reading(struct run *run, const struct op *op, bool is_found, struct slice value)
{
    run->result->read_count++;
    run->result->miss_count += !is_found;
    return !run->options->is_verifying || check_read(run, op, is_found, value);
}

static void
note_end(struct run *run, const struct op *op, uint64_t now_ns)
{
    if (now_ns > run->last_ns)
        run->last_ns = now_ns;
    if (op->is_counted)
        result_run_record(run->result, run->rows[op->row], now_ns - op->start_ns);
}

void
run_done(struct run *run, const struct op *op, bool is_found, struct slice value, uint64_t now_ns)
{
    struct session *session = run->session;

    bool is_good = true;

    KV_ASSERT(now_ns >= op->start_ns);
    if (op->kind == OP_GET)
        is_good = run_done_reading(run, op, is_found, value);
    if (op->version != 0) {
        ledger_acknowledge(&session->ledger, op->key_id, op->version);
        if (session->has_journal)
            journal_note_acknowledged(&session->journal, op->key_id, op->version);
    }
    if (op->key_id >= session->key_end && op->kind == OP_SET) {
        session->key_end = op->key_id + 1;
        key_chooser_grow(&run->chooser, session->key_end);
    }
    if (is_good)
        note_end(run, op, now_ns);
}

/* Without what differs from one operation to the next: errors are counted by their texts. */
static struct slice
common_part(struct slice error)
{
    static const char arguments[] = ", with args beginning with";
    const uint8_t *at =
        error.size == 0 ? NULL : memmem(error.data, error.size, arguments, sizeof(arguments) - 1);

    return at == NULL ? error : slice_of(error.data, (size_t)(at - error.data));
}

void
run_failed(struct run *run, const struct op *op, struct slice error, uint64_t now_ns)
{
    if (now_ns > run->last_ns)
        run->last_ns = now_ns;
    result_run_record_error(run->result, run->rows[op->row], common_part(error));
}

void
run_note_delayed(struct run *run, uint64_t count)
{
    run->is_delay_known = true;
    run->delayed_count += count;
}

static void
note_seconds(struct run *run)
{
    FILE *file = run->session->seconds_file;

    if (file != NULL && report_seconds(file, run->result, (uint32_t)run->seconds_done) != KV_OK)
        run_stop(run);
    run->seconds_done = run->result->second_count;
}

static void
show_second(struct run *run)
{
    const struct bench_options *options = run->options;
    struct session *session = run->session;
    char note[64];

    note_seconds(run);
    (void)snprintf(note, sizeof(note), "%llu writes delayed",
                   (unsigned long long)run->delayed_count);
    progress_show(&session->progress, run->result, options->duration_ns, options->op_count,
                  run->is_delay_known ? note : NULL);
}

void
run_tick(struct run *run, uint64_t now_ns)
{
    if (!run->has_begun || now_ns < run->begin_ns)
        return;
    if (result_run_advance(run->result, now_ns - run->begin_ns))
        show_second(run);
}

void
run_finish(struct run *run, double server_cpu_us)
{
    run->result->server_cpu_us = server_cpu_us;
    run->result->generator_late_ns = run->late_ns_max;
    if (run->late_count * LATE_SHARE > run->started_count)
        result_run_mark_invalid(
            run->result, "kvbench was late for %llu of %llu operations, by %.3f ms",
            (unsigned long long)run->late_count, (unsigned long long)run->started_count,
            (double)run->late_ns_max / 1e6);
    progress_clear(&run->session->progress);
    result_run_end(run->result, run->has_begun ? run->last_ns - run->begin_ns : 0);
    note_seconds(run);
}

void
run_print_notes(const struct run *run, FILE *target)
{
    if (run->delayed_count > 0)
        (void)fprintf(target, "  the server delayed %llu writes, to keep up with flushes\n",
                      (unsigned long long)run->delayed_count);
}

uint32_t
run_key_bytes(const struct run *run)
{
    return (uint32_t)run->options->key_bytes;
}

void
run_put_key(const struct run *run, const struct op *op, uint8_t *target)
{
    uint8_t *const digits = target + run->prefix_bytes;
    uint64_t rest = op->key_id;

    memcpy(target, run->options->key_prefix, run->prefix_bytes);
    for (uint8_t *at = target + run->options->key_bytes; at > digits;) {
        *--at = (uint8_t)('0' + rest % 10);
        rest /= 10;
    }
}

/* One value after the other from the pool: what comes next is in the CPU's cache already, while
 * values from random places cost more than all else that is done for a request. */
static void
put_filler(struct run *run, uint8_t *target, size_t size)
{
    const struct filler *filler = &run->session->filler;

    while (size > 0) {
        const size_t rest = filler->pool_bytes - run->filler_at;
        const size_t here = size < rest ? size : rest;

        memcpy(target, filler->pool + run->filler_at, here);
        run->filler_at = here == rest ? 0 : run->filler_at + here;
        target += here;
        size -= here;
    }
}

void
run_put_value(struct run *run, const struct op *op, uint8_t *target)
{
    const struct payload payload = {
        .key_id = op->key_id,
        .version = op->version,
        .run_tag = run->session->head.run_tag,
    };

    if (run->options->is_verifying)
        payload_write(&run->session->filler, &payload, target, op->value_bytes);
    else
        put_filler(run, target, op->value_bytes);
}
