#include "support/diff_engine.h"
#include "support/arrival.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/db_view.h"
#include "io/file.h"
#include "support/quiet_log.h"

enum { PATIENCE_TURN_COUNT = 2000000, FILE_BYTES_LIMIT = 1 << 30 };

static const char home[] = "/db";

static bool __attribute__((format(printf, 2, 3)))
fail(struct diff_engine *engine, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (engine->failure[0] == '\0')
        (void)vsnprintf(engine->failure, sizeof(engine->failure), format, args);
    va_end(args);
    return false;
}

/* --- answers --- */

void
diff_answer_value(struct buffer *answer, struct slice value)
{
    buffer_append_format(answer, "=%zu:", value.size);
    buffer_append_slice(answer, value);
}

void
diff_answer_key(struct buffer *answer, struct slice key, struct slice value)
{
    buffer_append_format(answer, " %zu:", key.size);
    buffer_append_slice(answer, key);
    diff_answer_value(answer, value);
}

void
diff_answer_none(struct buffer *answer)
{
    buffer_append_byte(answer, '-');
}

/* --- opening, closing, time --- */

static void
turn(struct diff_engine *engine)
{
    db_turn(engine->db);
    if (!sim_io_turn(engine->sim))
        sim_io_advance(engine->sim, 1000);
}

static void
copy_file_in(struct diff_engine *engine, const char *dir, const char *name)
{
    struct io *io = sim_io_base(engine->sim);
    struct buffer *bytes = &engine->scratch;
    char path[600];
    size_t size;
    FILE *file;
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    file = fopen(path, "rb");
    KV_ASSERT(file != NULL);
    buffer_clear(bytes);
    while ((size = fread(buffer_reserve(bytes, 1 << 16), 1, 1 << 16, file)) > 0)
        bytes->size += size;
    KV_ASSERT(fclose(file) == 0);
    (void)snprintf(path, sizeof(path), "%s/%s", home, name);
    KV_ASSERT(file_open(io, path, O_CREAT | O_WRONLY, &fd) == KV_OK);
    KV_ASSERT(file_write(io, fd, 0, bytes->data, bytes->size) == KV_OK);
    KV_ASSERT(file_sync(io, fd) == KV_OK);
    file_close(io, fd);
}

static void
copy_in(struct diff_engine *engine, const char *dir)
{
    struct io *io = sim_io_base(engine->sim);
    DIR *source = opendir(dir);
    struct dirent *entry;

    KV_ASSERT(source != NULL);
    while ((entry = readdir(source)) != NULL) {
        if (entry->d_name[0] != '.' && strncmp(entry->d_name, "LOG", 3) != 0)
            copy_file_in(engine, dir, entry->d_name);
    }
    closedir(source);
    KV_ASSERT(file_sync_dir(io, home) == KV_OK && file_sync_dir(io, "/") == KV_OK);
}

static bool
open_engine(struct diff_engine *engine)
{
    static const char *const names[DIFF_FAMILY_COUNT] = {"default", "append", "plain"};
    enum kv_status st;

    inline_port_init(&engine->port, sim_liar_base(engine->liar));
    engine->port.delay_us_max = 1 + random_below(&engine->random, 20000);
    engine->options.port = &engine->port.port;
    engine->options.block_bytes = random_below(&engine->random, 4) == 0 ? 0 : 256;
    engine->options.direct_reads = random_below(&engine->random, 2) == 0;
    st = db_open(&engine->options, &engine->db);
    if (st != KV_OK) {
        engine->db = NULL;
        return fail(engine, "db_open: %s", kv_status_text(st));
    }
    for (int i = 0; i < DIFF_FAMILY_COUNT; i++) {
        if (!db_find_family(engine->db, slice_from_text(names[i]), &engine->cf_ids[i]))
            return fail(engine, "family %s is gone", names[i]);
    }
    return true;
}

/* Any, unless KVD_DIFF_STYLE names one. */
static enum compaction_style
draw_style(struct random *random)
{
    static const char *const names[] = {[COMPACTION_LEVELED] = "leveled",
                                        [COMPACTION_UNIVERSAL] = "universal",
                                        [COMPACTION_FIFO] = "fifo"};
    const char *wish = getenv("KVD_DIFF_STYLE");
    const enum compaction_style drawn = (enum compaction_style)random_below(random, 4);

    for (int i = COMPACTION_LEVELED; wish != NULL && i <= COMPACTION_FIFO; i++) {
        if (strcmp(wish, names[i]) == 0)
            return (enum compaction_style)i;
    }
    return drawn;
}

static void
draw_settings(struct diff_engine *engine, uint32_t number)
{
    struct random random;

    random_init(&random, number);
    engine->options.compaction = (struct db_compaction_settings){
        .job_count = 1 + (uint32_t)random_below(&random, 3),
        .has_style = true,
        .style = draw_style(&random),
        .fifo_bytes_max = UINT64_C(1) << 40,
        .file_bytes = UINT64_C(1000) << random_below(&random, 8),
        .level_base_bytes = UINT64_C(2000) << random_below(&random, 8),
        .level0_trigger = 1 + (uint32_t)random_below(&random, 4),
        .level0_slowdown = 1000,
        .level0_stop = 100000,
        .part_bytes_min = UINT64_C(1000) << random_below(&random, 8),
    };
}

void
diff_engine_init(struct diff_engine *engine, uint64_t seed, const char *dir)
{
    struct sim_options sim = {.seed = seed, .latency_us_max = 200};
    struct io_request make = {.op = IO_MKDIR, .path = home};

    memset(engine, 0, sizeof(*engine));
    random_init(&engine->random, seed);
    engine->sim = sim_io_new(&sim);
    engine->liar = sim_liar_new(engine->sim, LIE_NONE);
    engine->options = (struct db_options){
        .io = sim_liar_base(engine->liar),
        .dir = home,
        .memory_limit_bytes = 4 << 20,
        .memtable_bytes = MEMTABLE_BYTES_MIN,
        .wal_bytes_max = UINT64_C(4000) << random_below(&engine->random, 7),
        .wal_sync = WAL_SYNC_ALWAYS,
        .wal_recovery_mode = WAL_POINT_IN_TIME,
        .compression = random_below(&engine->random, 2) == 0 ? COMPRESSION_NONE : COMPRESSION_LZ4,
        .bloom_bits_per_key = random_below(&engine->random, 2) == 0 ? 0 : 10,
    };
    draw_settings(engine, (uint32_t)seed);
    write_batch_init(&engine->open_batch);
    KV_ASSERT(io_call(sim_io_base(engine->sim), &make) == 0);
    copy_in(engine, dir);
    (void)open_engine(engine);
}

static void
close_iter(struct diff_iter *iter)
{
    if (iter->iter == NULL)
        return;
    db_iter_free(iter->iter);
    read_ctx_deinit(&iter->ctx);
    iter->iter = NULL;
}

static void
release(struct diff_engine *engine, uint32_t place)
{
    if (engine->snapshots[place] != NULL)
        db_snapshot_release(engine->db, engine->snapshots[place]);
    engine->snapshots[place] = NULL;
}

static void
count_what_it_did(struct diff_engine *engine)
{
    struct db_stats stats;

    db_get_stats(engine->db, &stats);
    engine->flush_count += stats.flush_count;
    engine->totals.count += stats.compaction.count;
    engine->totals.failure_count += stats.compaction.failure_count;
    engine->totals.move_count += stats.compaction.move_count;
    engine->totals.drop_count += stats.compaction.drop_count;
}

static bool
leave(struct diff_engine *engine)
{
    for (int i = 0; i < DIFF_SLOT_COUNT; i++)
        close_iter(&engine->iters[i]);
    for (uint32_t i = 0; i < DIFF_SNAPSHOT_COUNT; i++)
        release(engine, i);
    inline_port_deinit(&engine->port);
    engine->port.hold = true;
    engine->is_leaving = true;
    for (int turns = 0; !db_is_idle(engine->db); turns++) {
        if (turns == PATIENCE_TURN_COUNT || !sim_io_turn(engine->sim))
            return fail(engine, "the engine does not come to rest");
    }
    inline_port_deinit(&engine->port);
    count_what_it_did(engine);
    engine->compact_count = 0;
    engine->is_leaving = false;
    return true;
}

static void
forget_batches(struct diff_engine *engine, uint64_t seq)
{
    uint32_t count = 0;

    while (count < engine->pending_count && engine->pending[count].seq_last <= seq)
        write_batch_deinit(&engine->pending[count++].batch);
    engine->pending_count -= count;
    if (count == 0)
        return;
    memmove(engine->pending, engine->pending + count,
            engine->pending_count * sizeof(engine->pending[0]));
}

static bool
close_cleanly(struct diff_engine *engine)
{
    const enum kv_status st = leave(engine) ? db_close(engine->db) : KV_IO;

    engine->db = NULL;
    sim_io_drain(engine->sim);
    forget_batches(engine, SEQUENCE_MAX);
    if (st != KV_OK)
        return fail(engine, "db_close: %s", kv_status_text(st));
    return sim_io_open_count(engine->sim) == 0 || fail(engine, "a stop leaves descriptors open");
}

void
diff_engine_deinit(struct diff_engine *engine)
{
    if (engine->db != NULL)
        (void)close_cleanly(engine);
    forget_batches(engine, SEQUENCE_MAX);
    write_batch_deinit(&engine->open_batch);
    buffer_deinit(&engine->scratch);
    free(engine->pending);
    sim_liar_free(engine->liar);
    sim_io_free(engine->sim);
}

/* --- writing --- */

static bool
write_batch_now(struct diff_engine *engine, struct write_batch *batch, uint64_t *seq_out)
{
    enum kv_status st;

    for (int turns = 0; (st = db_write(engine->db, batch, seq_out)) == KV_BUSY || st == KV_STALLED;
         turns++) {
        if (turns == PATIENCE_TURN_COUNT)
            return fail(engine, "writers wait for ever");
        turn(engine);
    }
    return st == KV_OK || fail(engine, "db_write: %s", kv_status_text(st));
}

static bool
commit(struct diff_engine *engine)
{
    struct diff_batch *kept;

    if (write_batch_count(&engine->open_batch) == 0)
        return true;
    forget_batches(engine, db_durable_seq(engine->db));
    if (engine->pending_count == engine->pending_capacity) {
        engine->pending_capacity = 2 * engine->pending_capacity + 16;
        engine->pending =
            kv_realloc(engine->pending, engine->pending_capacity * sizeof(engine->pending[0]));
    }
    kept = &engine->pending[engine->pending_count];
    if (!write_batch_now(engine, &engine->open_batch, &kept->seq_last))
        return false;
    kept->batch = engine->open_batch;
    engine->pending_count++;
    write_batch_init(&engine->open_batch);
    return true;
}

static void
add_write(struct diff_engine *engine, const struct diff_op *op)
{
    const uint32_t cf_id = engine->cf_ids[op->family];
    char bytes[DIFF_KEY_BYTES_MAX], end_bytes[DIFF_KEY_BYTES_MAX];
    const struct slice key = diff_key(op->key, bytes);
    struct write_batch *batch = &engine->open_batch;

    diff_op_value(op, &engine->scratch);
    if (op->kind == DIFF_PUT)
        write_batch_put(batch, cf_id, key, buffer_slice(&engine->scratch));
    else if (op->kind == DIFF_DELETE)
        write_batch_delete(batch, cf_id, key);
    else if (op->kind == DIFF_SINGLE_DELETE)
        write_batch_single_delete(batch, cf_id, key);
    else if (op->kind == DIFF_DELETE_RANGE)
        write_batch_delete_range(batch, cf_id, key, diff_key(op->key_end, end_bytes));
    else
        write_batch_merge(batch, cf_id, key, buffer_slice(&engine->scratch));
}

/* Which of the batches whose durability nobody has been told of are still there is for the engine
 * to say, but it is all of the first ones, whole.  The others are written again, so that the state
 * is the one that the other side has. */
static bool
write_again(struct diff_engine *engine, uint64_t seq_durable)
{
    const uint64_t seq_recovered = db_last_seq(engine->db);
    uint32_t kept = 0;

    while (kept < engine->pending_count && engine->pending[kept].seq_last <= seq_recovered)
        kept++;
    engine->lost_count += engine->pending_count - kept;
    if (seq_recovered < seq_durable)
        return fail(engine, "a crash lost what was durable");
    for (uint32_t i = kept; i < engine->pending_count; i++) {
        if (!write_batch_now(engine, &engine->pending[i].batch, &engine->pending[i].seq_last))
            return false;
    }
    return true;
}

/* What dies is expected to complain. */
static bool
crash(struct diff_engine *engine, bool is_power)
{
    const uint64_t seq_durable = db_durable_seq(engine->db);

    engine->crash_count++;
    quiet_log();
    if (is_power)
        sim_io_power_cut(engine->sim);
    else
        sim_io_kill(engine->sim);
    sim_liar_set_afterlife(engine->liar, true);
    if (!leave(engine))
        return false;
    (void)db_close(engine->db); /* its last wishes go nowhere */
    engine->db = NULL;
    sim_liar_set_afterlife(engine->liar, false);
    sim_io_boot(engine->sim);
    log_set_sink(NULL, NULL);
    return open_engine(engine) && write_again(engine, seq_durable);
}

/* --- reading --- */

static bool
fetch(struct diff_engine *engine, struct read_ctx *ctx)
{
    struct arrival arrival = ARRIVAL;

    if (random_below(&engine->random, 8) == 0)
        block_cache_drop_unpinned(db_block_cache(engine->db));
    db_fetch(engine->db, ctx, &arrival.waiter);
    for (int turns = 0; !arrival.is_here; turns++) {
        if (turns == PATIENCE_TURN_COUNT)
            return fail(engine, "a block never comes");
        turn(engine);
    }
    return arrival.st == KV_OK || fail(engine, "fetch: %s", kv_status_text(arrival.st));
}

static uint64_t
seq_at(const struct diff_engine *engine, uint32_t place)
{
    if (place == DIFF_SNAPSHOT_COUNT || engine->snapshots[place] == NULL)
        return SEQUENCE_MAX;
    return db_snapshot_seq(engine->snapshots[place]);
}

static uint64_t
seq_for(const struct diff_engine *engine, const struct diff_op *op)
{
    return diff_op_uses_snapshot(op) ? seq_at(engine, diff_op_snapshot(op)) : SEQUENCE_MAX;
}

static bool
take(struct diff_engine *engine, uint32_t place)
{
    if (engine->snapshots[place] != NULL ||
        db_snapshot_create(engine->db, &engine->snapshots[place]) == KV_OK)
        return true;
    return fail(engine, "no snapshot");
}

static enum kv_status
get_one_way(struct diff_engine *engine, struct read_ctx *ctx, const struct diff_op *op,
            struct slice key, struct lookup *found)
{
    const uint32_t cf_id = engine->cf_ids[op->family];
    const uint64_t seq_max = seq_for(engine, op);
    struct version_probe probe;

    if (random_below(&engine->random, 2) == 0)
        return db_get(engine->db, ctx, cf_id, key, seq_max, found);
    db_prefetch(engine->db, cf_id, seq_max, &key, 1, &probe);
    return db_get_probed(engine->db, ctx, cf_id, &probe, found);
}

static bool
get(struct diff_engine *engine, const struct diff_op *op, struct buffer *answer)
{
    char bytes[DIFF_KEY_BYTES_MAX];
    struct lookup found;
    struct read_ctx ctx;
    enum kv_status st;
    bool is_fine = true;

    read_ctx_init(&ctx, db_block_cache(engine->db));
    while ((st = get_one_way(engine, &ctx, op, diff_key(op->key, bytes), &found)) ==
               KV_WANT_BLOCK &&
           is_fine)
        is_fine = fetch(engine, &ctx);
    if (is_fine && st != KV_OK)
        is_fine = fail(engine, "db_get: %s", kv_status_text(st));
    if (is_fine && found.kind == LOOKUP_VALUE)
        diff_answer_value(answer, found.value);
    else if (is_fine)
        diff_answer_none(answer);
    read_ctx_deinit(&ctx);
    return is_fine;
}

static void
open_iter(struct diff_engine *engine, const struct diff_op *op)
{
    struct diff_iter *iter = &engine->iters[op->slot];
    char lower[DIFF_KEY_BYTES_MAX], upper[DIFF_KEY_BYTES_MAX];
    struct db_view view;
    struct db_iter_options options = {
        .cf_id = engine->cf_ids[op->family],
        .seq_max = seq_for(engine, op),
        .ahead_bytes_max = (op->number & 4) != 0 ? 64 * 1024 : 0,
        .keys_only = diff_op_is_keys_only(op),
        .skip_count_max = (op->number & 8) != 0 ? 1 + op->number / 16 % 20 : 0,
    };

    close_iter(iter);
    iter->is_keys_only = options.keys_only;
    if (diff_op_has_lower(op))
        options.lower = diff_key(op->key, lower);
    options.has_upper = diff_op_has_upper(op);
    if (options.has_upper)
        options.upper = diff_key(op->key_end, upper);
    read_ctx_init(&iter->ctx, db_block_cache(engine->db));
    if ((op->number & 32) != 0) {
        db_view_pin(&view, engine->db, options.cf_id, options.seq_max);
        options.view = &view;
    }
    iter->iter = db_iter_new(engine->db, &iter->ctx, &options);
    if (options.view != NULL)
        db_view_unpin(&view);
}

static enum kv_status
call(struct db_iter *iter, enum diff_kind kind, struct slice key)
{
    switch (kind) {
    case DIFF_ITER_FIRST:
        return db_iter_seek_first(iter);
    case DIFF_ITER_LAST:
        return db_iter_seek_last(iter);
    case DIFF_ITER_SEEK:
        return db_iter_seek(iter, key);
    case DIFF_ITER_SEEK_FOR_PREV:
        return db_iter_seek_for_prev(iter, key);
    case DIFF_ITER_NEXT:
        return db_iter_next(iter);
    default:
        return db_iter_prev(iter);
    }
}

static bool
move(struct diff_engine *engine, struct diff_iter *iter, enum diff_kind kind, struct slice key)
{
    const bool is_forward =
        kind == DIFF_ITER_FIRST || kind == DIFF_ITER_SEEK || kind == DIFF_ITER_NEXT;

    for (int passes = 0; passes < PATIENCE_TURN_COUNT; passes++) {
        const enum kv_status st = call(iter->iter, kind, key);

        if (st == KV_WANT_BLOCK) {
            if (!fetch(engine, &iter->ctx))
                return false;
            continue;
        }
        if (st != KV_OK)
            return fail(engine, "iterator: %s", kv_status_text(st));
        if (db_iter_state(iter->iter) != DB_ITER_PAUSED)
            return true;
        kind = is_forward ? DIFF_ITER_NEXT : DIFF_ITER_PREV;
    }
    return fail(engine, "an iterator does not get on");
}

static void
answer_place(const struct diff_iter *iter, struct buffer *answer)
{
    if (db_iter_state(iter->iter) == DB_ITER_AT_KEY)
        diff_answer_key(answer, db_iter_key(iter->iter),
                        iter->is_keys_only ? slice_of(NULL, 0) : db_iter_value(iter->iter));
    else
        diff_answer_none(answer);
}

static bool
use_iter(struct diff_engine *engine, const struct diff_op *op, struct buffer *answer)
{
    struct diff_iter *iter = &engine->iters[op->slot];
    const bool steps = op->kind == DIFF_ITER_NEXT || op->kind == DIFF_ITER_PREV;
    char bytes[DIFF_KEY_BYTES_MAX];

    if (iter->iter == NULL)
        return true;
    for (uint32_t i = 0; i < (steps ? op->number : 1); i++) {
        if (steps && db_iter_state(iter->iter) != DB_ITER_AT_KEY)
            return true;
        if (!move(engine, iter, op->kind, diff_key(op->key, bytes)))
            return false;
        answer_place(iter, answer);
    }
    return true;
}

bool
diff_engine_scan(struct diff_engine *engine, uint32_t family, uint32_t snapshot, bool is_forward,
                 struct buffer *answer)
{
    const struct db_iter_options options = {.cf_id = engine->cf_ids[family],
                                            .seq_max = seq_at(engine, snapshot),
                                            .ahead_bytes_max = 64 * 1024};
    enum diff_kind kind = is_forward ? DIFF_ITER_FIRST : DIFF_ITER_LAST;
    struct diff_iter iter = {0};
    bool is_fine;

    read_ctx_init(&iter.ctx, db_block_cache(engine->db));
    iter.iter = db_iter_new(engine->db, &iter.ctx, &options);
    do {
        is_fine = move(engine, &iter, kind, slice_of(NULL, 0));
        if (is_fine)
            answer_place(&iter, answer);
        kind = is_forward ? DIFF_ITER_NEXT : DIFF_ITER_PREV;
    } while (is_fine && db_iter_state(iter.iter) == DB_ITER_AT_KEY);
    close_iter(&iter);
    return is_fine;
}

/* --- background work --- */

static bool
flush(struct diff_engine *engine)
{
    struct outcome outcome = {0};

    db_flush(engine->db, outcome_note, &outcome);
    for (int turns = 0; !outcome.is_here; turns++) {
        if (turns == PATIENCE_TURN_COUNT)
            return fail(engine, "a flush does not end");
        turn(engine);
    }
    return outcome.st == KV_OK || fail(engine, "db_flush: %s", kv_status_text(outcome.st));
}

static void
on_compacted(void *owner, enum kv_status st)
{
    struct diff_engine *engine = owner;

    engine->compact_count--;
    if (st != KV_OK && !engine->is_leaving && !engine->has_cancelled)
        (void)fail(engine, "db_compact: %s", kv_status_text(st));
}

static bool
compact(struct diff_engine *engine, const struct diff_op *op)
{
    char begin[DIFF_KEY_BYTES_MAX], end[DIFF_KEY_BYTES_MAX];
    const struct db_compact_request request = {
        .cf_id = engine->cf_ids[op->family],
        .begin = (op->number & 2) != 0 ? slice_of(NULL, 0) : diff_key(op->key, begin),
        .end = (op->number & 4) != 0 ? slice_of(NULL, 0) : diff_key(op->key_end, end),
        .is_forced = (op->number & 8) != 0,
    };

    if (engine->compact_count++ == 0)
        engine->has_cancelled = false;
    (void)db_compact(engine->db, &request, on_compacted, engine);
    if ((op->number & 1) != 0)
        return true;
    db_compaction_pause(engine->db, false);
    for (int turns = 0; engine->compact_count > 0; turns++) {
        if (turns == PATIENCE_TURN_COUNT)
            return fail(engine, "db_compact does not end");
        turn(engine);
    }
    return engine->failure[0] == '\0';
}

static bool
settle(struct diff_engine *engine)
{
    struct db_stats stats;
    int turns = 0;

    db_compaction_pause(engine->db, false);
    engine->port.compact_fail_count = 0;
    do {
        turn(engine);
        db_get_stats(engine->db, &stats);
        if (turns++ == PATIENCE_TURN_COUNT)
            return fail(engine, "compactions do not end");
    } while (!stats.compaction_is_settled || stats.durable_seq < stats.last_seq ||
             engine->compact_count > 0);
    return engine->failure[0] == '\0';
}

/* A compaction that is cancelled is begun again, much later; one by hand is over. */
static void
cancel(struct diff_engine *engine, uint32_t number)
{
    struct db_job_info infos[16];
    uint32_t count = db_jobs(engine->db, infos, 16);

    if (count > 16)
        count = 16;
    if (count == 0)
        return;
    engine->has_cancelled = true;
    (void)!db_job_cancel(engine->db, infos[number % count].id);
}

static bool
do_background(struct diff_engine *engine, const struct diff_op *op)
{
    switch (op->kind) {
    case DIFF_FLUSH:
        return flush(engine);
    case DIFF_COMPACT:
        return compact(engine, op);
    case DIFF_SETTLE:
        return settle(engine);
    case DIFF_SETTINGS:
        draw_settings(engine, op->number);
        db_set_compaction(engine->db, &engine->options.compaction);
        return true;
    case DIFF_PAUSE:
        db_compaction_pause(engine->db, op->number % 2 == 0);
        return true;
    case DIFF_CANCEL:
        cancel(engine, op->number);
        return true;
    case DIFF_FAIL:
        if (op->number % 2 == 0)
            engine->port.compact_fail_count = op->number / 2 % 3;
        else
            engine->port.fail_count = op->number / 2 % 3;
        return true;
    case DIFF_TURN:
        for (uint32_t i = 0; i < op->number; i++)
            turn(engine);
        return engine->failure[0] == '\0';
    case DIFF_DROP:
        block_cache_drop_unpinned(db_block_cache(engine->db));
        return true;
    case DIFF_REOPEN:
        return close_cleanly(engine) && open_engine(engine);
    case DIFF_HAND_OVER: /* is done by who has the other one */
        return true;
    default:
        return crash(engine, op->number % 2 == 0);
    }
}

bool
diff_engine_apply(struct diff_engine *engine, const struct diff_op *op, struct buffer *answer)
{
    if (engine->failure[0] != '\0')
        return false;
    if (diff_op_writes(op)) {
        add_write(engine, op);
        return op->goes_on || commit(engine);
    }
    if (!commit(engine))
        return false;
    if (op->kind == DIFF_GET || op->kind == DIFF_SNAPSHOT_GET)
        return get(engine, op, answer);
    if (op->kind == DIFF_ITER_OPEN)
        open_iter(engine, op);
    else if (op->kind == DIFF_ITER_CLOSE)
        close_iter(&engine->iters[op->slot]);
    else if (op->kind <= DIFF_ITER_PREV)
        return use_iter(engine, op, answer);
    else if (op->kind == DIFF_SNAPSHOT)
        return take(engine, diff_op_snapshot(op));
    else if (op->kind == DIFF_RELEASE)
        release(engine, diff_op_snapshot(op));
    else
        return do_background(engine, op);
    return true;
}

/* --- the files, for others --- */

struct export
{
    struct diff_engine *engine;
    const char *dir;
};

static bool
copy_out(void *owner, const char *name)
{
    const struct export *export = owner;
    struct buffer content = {0};
    char path[600];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", home, name);
    KV_ASSERT(file_read_all(sim_io_base(export->engine->sim), path, FILE_BYTES_LIMIT, &content) ==
              KV_OK);
    (void)snprintf(path, sizeof(path), "%s/%s", export->dir, name);
    file = fopen(path, "wb");
    KV_ASSERT(file != NULL);
    KV_ASSERT(content.size == 0 || fwrite(content.data, content.size, 1, file) == 1);
    KV_ASSERT(fclose(file) == 0);
    buffer_deinit(&content);
    return true;
}

bool
diff_engine_export(struct diff_engine *engine, const char *dir, bool is_settled)
{
    struct export export = {.engine = engine, .dir = dir};

    if (!commit(engine) || (is_settled && !settle(engine)) || !close_cleanly(engine))
        return false;
    KV_ASSERT(io_list_dir(sim_io_base(engine->sim), home, copy_out, &export) == 0);
    return true;
}

static bool
note_name(void *owner, const char *name)
{
    struct buffer *names = owner;

    buffer_append(names, name, strlen(name) + 1);
    return true;
}

static void
remove_files(struct diff_engine *engine)
{
    struct io *io = sim_io_base(engine->sim);
    struct buffer names = {0};
    char path[600];

    KV_ASSERT(io_list_dir(io, home, note_name, &names) == 0);
    for (size_t at = 0; at < names.size; at += strlen((const char *)names.data + at) + 1) {
        (void)snprintf(path, sizeof(path), "%s/%s", home, (const char *)names.data + at);
        KV_ASSERT(file_unlink(io, path) == KV_OK);
    }
    buffer_deinit(&names);
}

bool
diff_engine_import(struct diff_engine *engine, const char *dir)
{
    KV_ASSERT(engine->db == NULL);
    remove_files(engine);
    copy_in(engine, dir);
    return open_engine(engine);
}
