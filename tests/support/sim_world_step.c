/* sim_world_step.c - what clients do, and what happens to them. */
#include <errno.h>

#include "db/db_txn.h"
#include "io/file.h"
#include "key/entity.h"
#include "support/sim_world_internal.h"
#include "version/file_name.h"

/* -- callbacks --------------------------------------------------------------------------- */

/* After a cut the engine lives on in a dream: nobody hears it. */
static bool
is_dreaming(const struct sim_world *world)
{
    return sim_io_is_down(world->sim);
}

uint64_t
sim_world_written_seq(const struct sim_world *world, uint64_t seq)
{
    if (seq != world->taken_back_seq || sim_model_has_boundary(&world->model, seq))
        return seq;
    return sim_model_boundary_below(&world->model, seq);
}

void
sim_world_on_durable(void *owner, uint64_t seq)
{
    struct sim_world *world = owner;

    if (is_dreaming(world))
        return;
    seq = sim_world_written_seq(world, seq);
    if (seq < world->acked_seq || seq > sim_model_last_seq(&world->model) ||
        !sim_model_has_boundary(&world->model, seq)) {
        (void)sim_world_fail(world, "on_durable says %llu; before %llu, last submitted %llu",
                             (unsigned long long)seq, (unsigned long long)world->acked_seq,
                             (unsigned long long)sim_model_last_seq(&world->model));
        return;
    }
    world->report->acked_count++;
    world->acked_seq = seq;
    if (world->db_options.wal_sync == WAL_SYNC_ALWAYS && !world->changes_wal_sync)
        world->hard_seq = seq;
}

void
sim_world_on_write_failed(void *owner, uint64_t seq)
{
    struct sim_world *world = owner;

    if (is_dreaming(world))
        return;
    seq = sim_world_written_seq(world, seq);
    sim_world_note(world, "the log failed; durable is %llu, submitted was %llu",
                   (unsigned long long)seq, (unsigned long long)sim_model_last_seq(&world->model));
    if (seq != world->acked_seq || !world->is_troubled)
        (void)sim_world_fail(world, "on_write_failed says %llu after on_durable %llu%s",
                             (unsigned long long)seq, (unsigned long long)world->acked_seq,
                             world->is_troubled ? "" : ", without a fault");
    world->report->wal_failure_count++;
    if (sim_model_last_seq(&world->model) > seq) {
        world->report->taken_back_count++;
        world->taken_back_seq = sim_model_last_seq(&world->model);
    }
    sim_model_take_back(&world->model, seq);
    /* One that showed what is gone now shows what is left, whatever is written next. */
    for (uint32_t i = 0; i < SNAPSHOT_COUNT; i++) {
        struct sim_snapshot *snapshot = &world->snapshots[i];

        if (snapshot->snapshot != NULL && db_snapshot_seq(snapshot->snapshot) > seq) {
            snapshot->state = world->model.state;
            memset(snapshot->sights, 0, sizeof(snapshot->sights));
        }
    }
    for (uint32_t i = 0; i < READER_COUNT; i++)
        world->readers[i].is_unsure = true;
}

void
sim_world_on_writable(void *owner)
{
    ((struct sim_world *)owner)->writer_waits = false;
}

static void
on_flushed(void *owner, enum kv_status st)
{
    struct flush_wait *wait = owner;
    struct sim_world *world = wait->world;

    wait->is_busy = false;
    if (is_dreaming(world))
        return;
    if (st != KV_OK)
        (void)sim_world_fail(world, "a flush ended with: %s", kv_status_text(st));
    else if (wait->seq <= world->acked_seq && wait->seq > world->hard_seq)
        world->hard_seq = wait->seq;
}

void
sim_world_flush(struct sim_world *world)
{
    for (uint32_t i = 0; i < FLUSH_WAIT_COUNT; i++) {
        struct flush_wait *wait = &world->flushes[i];

        if (wait->is_busy)
            continue;
        *wait = (struct flush_wait){
            .world = world, .is_busy = true, .seq = sim_model_last_seq(&world->model)};
        db_flush(world->db, on_flushed, wait);
        return;
    }
}

void
sim_world_on_compacted(void *owner, const struct compact_job *job)
{
    struct sim_world *world = owner;
    char path[PATH_BYTES_MAX];

    if (world->options.lie != LIE_INPUT_GONE_EARLY || is_dreaming(world))
        return;
    for (uint32_t i = 0; i < job->spec.input_count; i++) {
        file_name_format(path, job->dir, FILE_TABLE, job->spec.inputs[i].file_number);
        sim_liar_remove(world->liar, path, job->dir);
    }
}

static void
on_manual_done(void *owner, enum kv_status st)
{
    struct sim_world *world = owner;

    if (is_dreaming(world))
        return;
    if (st != KV_OK && st != KV_CANCELLED && !world->is_troubled)
        (void)sim_world_fail(world, "a compaction that was asked for: %s", kv_status_text(st));
}

/* Another style, other sizes, other bounds. */
static void
change_compaction(struct sim_world *world)
{
    sim_world_draw_compaction(world);
    db_set_compaction(world->db, &world->db_options.compaction);
}

/* One of those that run is paused, or goes on. */
static void
pause_one(struct sim_world *world)
{
    struct db_job_info jobs[8];
    const uint32_t count = db_jobs(world->db, jobs, 8);
    uint64_t id;
    enum kv_status st;

    if (count == 0)
        return;
    id = jobs[sim_world_draw(world, count < 8 ? count : 8)].id;
    st = db_job_pause(world->db, id, sim_world_draw(world, 2) == 0);
    if (st != KV_OK && st != KV_UNSUPPORTED && id != 0)
        (void)sim_world_fail(world, "job %llu is not known", (unsigned long long)id);
}

/* Of everything, or of a few keys; now and then it is not wanted any more. */
static void
ask_for_compaction(struct sim_world *world)
{
    const uint32_t family = sim_world_draw_family(world);
    const uint32_t from = (uint32_t)sim_world_draw(world, MODEL_KEY_COUNT);
    char text[8], text_end[8];
    struct db_compact_request request = {
        .cf_id = world->cf_ids[family],
        .is_forced = sim_world_draw(world, 4) == 0,
    };
    uint64_t id;

    if (sim_world_draw(world, 2) == 0) {
        request.begin = sim_model_key(from, text);
        request.end = sim_model_key((from + MODEL_KEY_COUNT) / 2, text_end);
    }
    id = db_compact(world->db, &request, on_manual_done, world);
    world->report->manual_count++;
    if (sim_world_draw(world, 4) == 0 && db_job_cancel(world->db, id) != KV_OK)
        (void)sim_world_fail(world, "job %llu is not known", (unsigned long long)id);
}

/* -- writing ----------------------------------------------------------------------------- */

static uint32_t
draw_value_bytes(struct sim_world *world)
{
    const uint64_t dice = sim_world_draw(world, 1000);
    uint64_t max = world->value_bytes_max;

    if (dice < 5)
        max *= 300; /* now and then larger than a memtable */
    else if (dice < 40)
        max *= 20;
    return (uint32_t)sim_world_draw(world, max + 1);
}

/* In milliseconds, seconds or an hour, or long ago: turns take from microseconds on, and the clock
 * jumps by up to an hour. */
static uint64_t
draw_deadline(struct sim_world *world)
{
    static const uint64_t spans_ms[] = {50, 3000, 3600000};
    const uint64_t now_ms = io_wall_us(world->io) / 1000;

    if (sim_world_draw(world, 3) > 0)
        return 0;
    if (sim_world_draw(world, 20) == 0)
        return 1 + sim_world_draw(world, now_ms);
    return now_ms + sim_world_draw(world, spans_ms[sim_world_draw(world, 3)]);
}

static void
add_put(struct sim_world *world, struct write_batch *batch, uint32_t family)
{
    const uint32_t key = (uint32_t)sim_world_draw(world, MODEL_KEY_COUNT);
    const struct model_value value =
        sim_model_put(&world->model, family, key, draw_value_bytes(world), draw_deadline(world));
    struct entity entity = {.deadline_ms = value.deadline_ms};
    struct buffer encoded = {0};
    char text[8];

    buffer_clear(&world->scratch);
    buffer_reserve(&world->scratch, value.bytes + 8);
    sim_model_fill(value, world->scratch.data);
    entity.value = slice_of(world->scratch.data, value.bytes);
    if (value.deadline_ms == 0) {
        write_batch_put(batch, world->cf_ids[family], sim_model_key(key, text), entity.value);
    } else {
        if (entity_rewrite(slice_of(NULL, 0), &entity, &encoded) != KV_OK)
            (void)sim_world_fail(world, "no entity of %u bytes", value.bytes);
        write_batch_put_entity(batch, world->cf_ids[family], sim_model_key(key, text),
                               buffer_slice(&encoded));
    }
    buffer_deinit(&encoded);
}

static void
add_delete(struct sim_world *world, struct write_batch *batch, uint32_t family)
{
    const uint32_t key = (uint32_t)sim_world_draw(world, MODEL_KEY_COUNT);
    char text[8];

    sim_model_delete(&world->model, family, key, key + 1);
    write_batch_delete(batch, world->cf_ids[family], sim_model_key(key, text));
}

/* Of some keys; now and then of all, so that whole tables have nothing left to say. */
static void
add_range_delete(struct sim_world *world, struct write_batch *batch, uint32_t family)
{
    const bool is_of_all = sim_world_draw(world, 8) == 0;
    const uint32_t from = is_of_all ? 0 : (uint32_t)sim_world_draw(world, MODEL_KEY_COUNT);
    const uint32_t to = is_of_all ? MODEL_KEY_COUNT : from + 1 + (uint32_t)sim_world_draw(world, 4);
    const uint32_t end = to < MODEL_KEY_COUNT ? to : MODEL_KEY_COUNT;
    char text[8], text_end[8];

    sim_model_delete(&world->model, family, from, end);
    write_batch_delete_range(batch, world->cf_ids[family], sim_model_key(from, text),
                             sim_model_key(end, text_end));
}

static void
fill_batch(struct sim_world *world, struct write_batch *batch)
{
    for (uint64_t count = 1 + sim_world_draw(world, 4); count > 0; count--) {
        const uint32_t family = sim_world_draw_family(world);
        const uint64_t dice = sim_world_draw(world, 100);

        if (dice < 75)
            add_put(world, batch, family);
        else if (dice < 95)
            add_delete(world, batch, family);
        else
            add_range_delete(world, batch, family);
    }
}

/* Reads what the transaction would leave behind.  False: wrong. */
static bool
read_in_transaction(struct sim_world *world)
{
    const uint32_t family = sim_world_draw_family(world);
    const uint32_t key = (uint32_t)sim_world_draw(world, MODEL_KEY_COUNT);
    const struct model_value value = sim_model_pending_value(&world->model, family, key);
    struct model_time time;
    struct read_ctx ctx;
    struct lookup found;
    char text[8];
    bool is_right = true;

    db_let_time_pass(world->db);
    time = sim_model_see_time(&world->model, db_now_ms(world->db));
    read_ctx_init(&ctx, db_block_cache(world->db));
    if (db_get(world->db, &ctx, world->cf_ids[family], sim_model_key(key, text), SEQUENCE_MAX,
               &found) == KV_OK) {
        world->report->txn_get_count++;
        is_right = found.kind == LOOKUP_VALUE
                       ? sim_model_may_exist(value, time) && sim_model_is_value(value, found.value)
                       : !sim_model_must_exist(value, time);
    }
    read_ctx_deinit(&ctx);
    return is_right ||
           sim_world_fail(world, "a transaction reads key %u of family %u wrongly", key, family);
}

/* Several batches become one.  A block that a read lacks is not fetched here. */
static enum kv_status
write_transaction(struct sim_world *world, struct write_batch *batch, uint64_t *seq_out)
{
    enum kv_status st = KV_OK;

    world->report->txn_count++;
    db_txn_begin(world->db);
    for (uint64_t count = 1 + sim_world_draw(world, 3); count > 0 && st == KV_OK; count--) {
        write_batch_clear(batch);
        fill_batch(world, batch);
        st = db_txn_write(world->db, batch);
        if (st == KV_OK && !read_in_transaction(world))
            break;
    }
    if (st == KV_OK)
        st = db_txn_commit(world->db, seq_out);
    db_txn_end(world->db);
    return st;
}

bool
sim_world_write(struct sim_world *world, enum kv_status *status_out)
{
    struct write_batch batch;
    uint64_t seq;
    enum kv_status st;

    write_batch_init(&batch);
    if (sim_world_draw(world, 4) == 0) {
        st = write_transaction(world, &batch, &seq);
    } else {
        fill_batch(world, &batch);
        st = db_write(world->db, &batch, &seq);
    }
    write_batch_deinit(&batch);
    *status_out = st;
    if (st == KV_OK) {
        sim_model_submit(&world->model, seq);
        world->report->batch_count++;
        sim_world_note(world, "batch up to %llu", (unsigned long long)seq);
        return true;
    }
    sim_model_cancel(&world->model);
    world->report->refused_count++;
    if (st == KV_BUSY)
        world->writer_waits = true;
    else if ((st != KV_READ_ONLY && st != KV_STALLED && st != KV_NO_SPACE) || !world->is_troubled)
        return sim_world_fail(world, "db_write: %s", kv_status_text(st));
    return true;
}

/* -- reading ----------------------------------------------------------------------------- */

bool
sim_world_step_readers(struct sim_world *world)
{
    for (uint32_t i = 0; i < READER_COUNT; i++) {
        struct sim_reader *reader = &world->readers[i];
        char text[200];

        if (reader->stage == READER_IDLE || sim_io_is_down(world->sim))
            continue;
        switch (sim_reader_step(reader, world->db, &world->model, text, sizeof(text))) {
        case READER_GOES_ON:
        case READER_WAITS:
            break;
        case READER_DONE:
        case READER_FAILED:
            sim_reader_end(reader);
            break;
        case READER_WRONG:
            return sim_world_fail(world, "%s", text);
        }
    }
    return true;
}

void
sim_world_release(struct sim_world *world, struct sim_snapshot *snapshot)
{
    if (snapshot->snapshot == NULL || snapshot->reader_count > 0)
        return;
    db_snapshot_release(world->db, snapshot->snapshot);
    snapshot->snapshot = NULL;
}

/* Two of one sequence and one time are one.  Of several times only the last is known by its
 * sequence, and is not set back behind what jobs under way have seen. */
static void
take_snapshot(struct sim_world *world, struct sim_snapshot *taken)
{
    struct db_snapshot *snapshot;
    struct model_time time;

    db_let_time_pass(world->db);
    if (db_snapshot_create(world->db, &snapshot) != KV_OK) {
        (void)sim_world_fail(world, "there are no snapshots left");
        return;
    }
    time = sim_model_see_time(&world->model, db_now_ms(world->db));
    if (db_snapshot_time_ms(snapshot) < time.now_ms || db_snapshot_time_ms(snapshot) > time.peak_ms)
        (void)sim_world_fail(world, "a snapshot of another time");
    time.now_ms = db_snapshot_time_ms(snapshot);
    for (uint32_t i = 0; i < SNAPSHOT_COUNT; i++) {
        struct sim_snapshot *other = &world->snapshots[i];

        if (other->snapshot == snapshot)
            time = other->time;
        else if (other->snapshot != NULL &&
                 db_snapshot_seq(other->snapshot) == db_snapshot_seq(snapshot))
            other->is_followed = true;
    }
    *taken = (struct sim_snapshot){.snapshot = snapshot, .state = world->model.state, .time = time};
    sim_world_note(world, "a snapshot of %llu at %llu",
                   (unsigned long long)db_snapshot_seq(snapshot), (unsigned long long)time.now_ms);
}

/* In a place that is drawn: takes one, or lets it go. */
static void
change_snapshots(struct sim_world *world)
{
    struct sim_snapshot *snapshot = &world->snapshots[sim_world_draw(world, SNAPSHOT_COUNT)];

    if (snapshot->snapshot != NULL) {
        sim_world_release(world, snapshot);
        return;
    }
    take_snapshot(world, snapshot);
    world->report->snapshot_count++;
}

/* Rather one that the snapshot may show or not, as a job has let go of it or not. */
static uint32_t
draw_doubtful_key(struct sim_world *world, const struct sim_snapshot *snapshot, uint32_t family)
{
    const uint32_t first = (uint32_t)sim_world_draw(world, MODEL_KEY_COUNT);

    for (uint32_t i = 0; i < MODEL_KEY_COUNT; i++) {
        const uint32_t key = (first + i) % MODEL_KEY_COUNT;
        const struct model_value value = snapshot->state.values[family][key];

        if (sim_model_may_exist(value, snapshot->time) &&
            !sim_model_must_exist(value, snapshot->time))
            return key;
    }
    return first;
}

static void
look_back(struct sim_world *world, struct sim_reader *reader)
{
    const uint64_t first = sim_world_draw(world, SNAPSHOT_COUNT);

    for (uint64_t i = 0; i < SNAPSHOT_COUNT; i++) {
        struct sim_snapshot *snapshot = &world->snapshots[(first + i) % SNAPSHOT_COUNT];

        if (snapshot->snapshot == NULL)
            continue;
        reader->key = draw_doubtful_key(world, snapshot, reader->family);
        sim_reader_look_back(reader, snapshot);
        world->report->snapshot_get_count++;
        return;
    }
}

static void
start_reader(struct sim_world *world)
{
    const uint32_t family = sim_world_draw_family(world);

    for (uint32_t i = 0; i < READER_COUNT; i++) {
        struct sim_reader *reader = &world->readers[i];

        if (reader->stage != READER_IDLE)
            continue;
        if (sim_world_draw(world, 4) > 0) {
            sim_reader_get(reader, world->db, family, world->cf_ids[family],
                           (uint32_t)sim_world_draw(world, MODEL_KEY_COUNT));
            world->report->get_count++;
            if (sim_world_draw(world, 2) == 0)
                look_back(world, reader);
        } else {
            sim_reader_scan(reader, world->db, &world->model, family, world->cf_ids[family]);
            world->report->scan_count++;
        }
        reader->may_fail = world->reads_may_fail;
        return;
    }
}

/* -- mishaps ----------------------------------------------------------------------------- */

static const struct sim_fault fault_kinds[] = {
    {.op = IO_WRITE, .path_suffix = ".log"},
    {.op = IO_WRITE, .path_suffix = ".log"},
    {.op = IO_WRITE, .path_suffix = ".sst"},
    {.op = IO_WRITE, .path_suffix = ".dbtmp"},
    {.op = IO_WRITE, .path_part = "/MANIFEST-"},
    {.op = IO_FSYNC, .path_suffix = ".sst"},
    {.op = IO_FSYNC, .path_suffix = ".log"},
    {.op = IO_FSYNC, .path_part = "/MANIFEST-"},
    {.op = IO_FDATASYNC, .path_suffix = ".log"},
    {.op = IO_FDATASYNC, .path_part = "/MANIFEST-"},
    {.op = IO_FDATASYNC, .path_part = "/MANIFEST-"},
    {.op = IO_SYNC_DIR},
    {.op = IO_OPEN, .path_suffix = ".log"},
    {.op = IO_OPEN, .path_suffix = ".sst"},
    {.op = IO_OPEN, .path_suffix = ".dbtmp"},
    {.op = IO_OPEN, .path_part = "/MANIFEST-"},
    {.op = IO_RENAME, .path_suffix = ".log"},
    {.op = IO_RENAME, .path_suffix = ".dbtmp"},
    {.op = IO_ALLOCATE},
    {.op = IO_UNLINK},
    {.op = IO_READ, .path_suffix = ".sst"},
};
enum { FAULT_KIND_COUNT = sizeof(fault_kinds) / sizeof(fault_kinds[0]) };

static void
spoil_reads(struct sim_world *world)
{
    world->reads_may_fail = true;
    for (uint32_t i = 0; i < READER_COUNT; i++)
        world->readers[i].may_fail = true;
}

static void
start_planned_fault(struct sim_world *world)
{
    static const int errors[] = {EIO, EIO, ENOSPC, EDQUOT, 0};
    struct sim_fault fault = fault_kinds[sim_world_draw(world, FAULT_KIND_COUNT)];

    fault.error = errors[sim_world_draw(world, 5)];
    if (fault.error == 0 && fault.op != IO_WRITE && fault.op != IO_READ)
        fault.error = EIO;
    if (world->fault_count++ == FAULTS_AT_ONCE_MAX) {
        sim_io_clear_faults(world->sim);
        world->fault_count = 1;
    }
    fault.skip_count = (uint32_t)sim_world_draw(world, 4);
    fault.fail_count = (uint32_t)sim_world_draw(world, 4);
    sim_io_add_fault(world->sim, &fault);
    if (fault.op == IO_READ || fault.op == IO_OPEN)
        spoil_reads(world);
    sim_world_note(world, "fault: op %d on %s%s, errno %d, %u times after %u", (int)fault.op,
                   fault.path_suffix != NULL ? fault.path_suffix : "",
                   fault.path_part != NULL ? fault.path_part : "", fault.error, fault.fail_count,
                   fault.skip_count);
}

void
sim_world_start_fault(struct sim_world *world)
{
    struct sim_options *options = sim_io_options(world->sim);

    world->is_troubled = true;
    world->report->fault_count++;
    switch (sim_world_draw(world, 8)) {
    case 0:
        options->write_error_permille = (uint32_t)sim_world_draw(world, 200);
        break;
    case 1:
        options->sync_error_permille = (uint32_t)sim_world_draw(world, 200);
        break;
    case 2:
        options->short_permille = (uint32_t)sim_world_draw(world, 200);
        break;
    case 3:
        options->read_error_permille = (uint32_t)sim_world_draw(world, 200);
        spoil_reads(world);
        break;
    case 4:
        options->capacity_bytes =
            sim_io_used_bytes(world->sim) +
            sim_world_draw(world, sim_world_draw(world, 2) == 0 ? 10000 : 16 << 20);
        sim_world_note(world, "the disk is full");
        break;
    default:
        start_planned_fault(world);
        break;
    }
}

void
sim_world_clear_faults(struct sim_world *world)
{
    struct sim_options *options = sim_io_options(world->sim);

    sim_world_note(world, "no faults any more");
    sim_io_clear_faults(world->sim);
    world->fault_count = 0;
    options->write_error_permille = options->sync_error_permille = options->short_permille =
        options->read_error_permille = 0;
    options->capacity_bytes = 0;
    world->port.fail_count = world->port.compact_fail_count = 0;
    world->reads_may_fail = false;
}

/* By up to an hour, either way; now and then right before a snapshot. */
static void
jump_clock(struct sim_world *world)
{
    (void)sim_model_see_time(&world->model, io_wall_us(world->io) / 1000);
    sim_io_jump_wall(world->sim, (int64_t)sim_world_draw(world, 7200000000u) - 3600000000);
    sim_world_note(world, "the clock jumps to %llu",
                   (unsigned long long)(io_wall_us(world->io) / 1000));
    if (sim_world_draw(world, 2) == 0)
        change_snapshots(world);
}

static void
play_tricks(struct sim_world *world, uint64_t dice)
{
    if (dice == 0 && world->changes_wal_sync) {
        db_set_wal_sync(world->db, (enum wal_sync)sim_world_draw(world, 3),
                        1 + sim_world_draw(world, 20000));
    } else if (dice == 0 && sim_world_draw(world, 2) == 0) {
        change_compaction(world);
    } else if (dice == 1 && sim_world_draw(world, 2) == 0) {
        pause_one(world);
    } else if (dice < 2) {
        jump_clock(world);
    } else if (dice == 2) {
        db_set_memory_limit(world->db, (1 << 20) + sim_world_draw(world, 8 << 20));
    } else if (dice == 3) {
        ask_for_compaction(world);
    } else if (dice == 17) {
        db_compaction_pause(world->db, sim_world_draw(world, 3) == 0);
    } else if (dice < 6) {
        sim_world_flush(world);
    } else if (dice < 8) {
        change_snapshots(world);
    } else if (!world->has_faults) {
        sim_world_turn(world);
    } else if (dice < 11) {
        world->port.fail_count = (uint32_t)sim_world_draw(world, 3);
        world->port.compact_fail_count = (uint32_t)sim_world_draw(world, 3);
        world->is_troubled = true; /* writers may have to wait for so long that they are refused */
    } else if (dice < 15) {
        sim_world_start_fault(world);
    } else if (dice < 17) {
        sim_world_clear_faults(world);
    }
}

/* -- a step ------------------------------------------------------------------------------ */

/* When writes are accepted again no log holds what was taken back. */
static void
turn_engine(struct sim_world *world)
{
    struct db_stats stats;

    db_get_stats(world->db, &stats);
    if (!stats.read_only)
        sim_model_forget_doubtful(&world->model);
    db_turn(world->db);
}

void
sim_world_turn(struct sim_world *world)
{
    turn_engine(world);
    /* Without any event the loop would sleep; here time goes on. */
    if (!sim_io_is_down(world->sim) && !sim_io_turn(world->sim))
        sim_io_advance(world->sim, 10000);
}

bool
sim_world_step(struct sim_world *world)
{
    const uint64_t dice = sim_world_draw(world, 100);
    enum kv_status st;

    world->report->step_count++;
    if (sim_world_draw(world, 40) == 0)
        sim_world_change_guest(world);
    if (dice < 38 && (!world->writer_waits || dice == 0)) {
        if (!sim_world_write(world, &st))
            return false;
    } else if (dice < 65) {
        for (uint64_t turns = 1 + sim_world_draw(world, 5); turns > 0; turns--)
            sim_world_turn(world);
    } else if (dice < 77) {
        start_reader(world);
    } else if (dice < 82) {
        const uint64_t duration_us = dice == 81 ? 1000000 : 3000;

        turn_engine(world);
        sim_io_advance(world->sim, sim_world_draw(world, duration_us));
    } else {
        play_tricks(world, dice - 82);
    }
    return sim_world_is_fine(world) && sim_world_step_readers(world);
}
