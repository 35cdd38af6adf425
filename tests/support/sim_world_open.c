/* sim_world_open.c - the engine comes up, is judged, and goes down. */
#include <stdio.h>

#include "support/sim_world_internal.h"
#include "version/file_name.h"

enum { OPEN_ATTEMPT_COUNT_MAX = 6, OPEN_OP_COUNT_MAX = 90, BURIAL_TURN_COUNT_MAX = 100000 };
enum { LOG_FILE_COUNT_MAX = 6 }; /* active, next, recycled ones */

/* -- going down -------------------------------------------------------------------------- */

static void
end_readers(struct sim_world *world)
{
    for (uint32_t i = 0; i < READER_COUNT; i++)
        sim_reader_end(&world->readers[i]);
    for (uint32_t i = 0; i < SNAPSHOT_COUNT; i++)
        sim_world_release(world, &world->snapshots[i]);
}

static bool
readers_wait(const struct sim_world *world)
{
    for (uint32_t i = 0; i < READER_COUNT; i++) {
        if (world->readers[i].is_waiting)
            return true;
    }
    return false;
}

static void
forget_engine(struct sim_world *world)
{
    struct db_stats stats;

    db_get_stats(world->db, &stats);
    world->report->flush_count += stats.flush_count;
    world->report->flush_failure_count += stats.flush_failure_count;
    world->report->compaction_count += stats.compaction.count;
    world->report->compaction_job_count += stats.compaction.job_count;
    world->report->compaction_failure_count += stats.compaction.failure_count;
    world->report->move_count += stats.compaction.move_count;
    world->report->drop_count += stats.compaction.drop_count;
    world->db = NULL;
    world->writer_waits = false;
    for (uint32_t i = 0; i < FLUSH_WAIT_COUNT; i++)
        world->flushes[i].is_busy = false;
}

static void
boot(struct sim_world *world, bool was_power)
{
    sim_io_drain(world->sim);
    sim_io_boot(world->sim);
    sim_world_clear_faults(world);
    if (was_power)
        world->must_survive_seq = world->hard_seq;
}

bool
sim_world_bury(struct sim_world *world, bool was_power)
{
    struct db *db = world->db;
    uint32_t turns = 0;

    sim_world_note(world, "%s; acknowledged %llu, safe %llu, submitted %llu",
                   was_power ? "power cut" : "kill", (unsigned long long)world->acked_seq,
                   (unsigned long long)world->hard_seq,
                   (unsigned long long)sim_model_last_seq(&world->model));
    sim_liar_set_afterlife(world->liar, true);
    inline_port_deinit(&world->port);
    world->port.hold = true;
    while (!db_is_idle(db) || readers_wait(world)) {
        if (turns++ == BURIAL_TURN_COUNT_MAX || !sim_io_turn(world->sim))
            return sim_world_fail(world, "the engine does not come to rest after a cut");
    }
    end_readers(world);
    inline_port_deinit(&world->port);
    forget_engine(world);
    (void)db_close(db); /* its last wishes go nowhere */
    sim_liar_set_afterlife(world->liar, false);
    boot(world, was_power);
    return true;
}

static bool
is_settled(struct sim_world *world)
{
    struct db_stats stats;
    struct db_space_info space;

    db_get_stats(world->db, &stats);
    db_get_space(world->db, &space);
    for (uint32_t i = 0; i < FLUSH_WAIT_COUNT; i++) {
        if (world->flushes[i].is_busy)
            return false;
    }
    for (uint32_t i = 0; i < READER_COUNT; i++) {
        if (world->readers[i].stage != READER_IDLE)
            return false;
    }
    return world->guest != GUEST_MAKING && world->guest != GUEST_DROPPING && !stats.read_only &&
           stats.fault == KV_OK && !space.is_refusing && stats.frozen_count == 0 &&
           stats.obsolete_count == 0 && !world->writer_waits && stats.compaction_is_settled &&
           stats.durable_seq >= sim_model_last_seq(&world->model) && db_is_idle(world->db);
}

static void
describe(struct sim_world *world, char *text, size_t size)
{
    struct db_stats stats;

    db_get_stats(world->db, &stats);
    snprintf(
        text, size,
        "read_only %d (%s), frozen %llu, durable %llu of %llu, idle %d, memtable entries %llu, "
        "obsolete %llu, compactions %llu, parked %llu, settled %d, a writer waits %d, flushes %d%d",
        stats.read_only, kv_status_text(stats.fault), (unsigned long long)stats.frozen_count,
        (unsigned long long)stats.durable_seq,
        (unsigned long long)sim_model_last_seq(&world->model), db_is_idle(world->db),
        (unsigned long long)stats.memtable_entry_count, (unsigned long long)stats.obsolete_count,
        (unsigned long long)stats.compaction_running_count,
        (unsigned long long)stats.compaction_parked_count, stats.compaction_is_settled,
        world->writer_waits, world->flushes[0].is_busy, world->flushes[1].is_busy);
}

/* One that waits for nothing needs no time: were it left to the next event, that might be a timer
 * minutes away. */
static bool
a_reader_can_go_on(const struct sim_world *world)
{
    for (uint32_t i = 0; i < READER_COUNT; i++) {
        if (world->readers[i].stage != READER_IDLE && !world->readers[i].is_waiting)
            return true;
    }
    return false;
}

/* False: failed.  The machine may be down afterwards. */
static bool
settle(struct sim_world *world, const char *after)
{
    const uint64_t start_us = sim_io_now(world->sim);
    char text[300];

    while (!is_settled(world)) {
        if (!a_reader_can_go_on(world))
            sim_world_turn(world);
        if (sim_io_is_down(world->sim))
            return true;
        if (!sim_world_is_fine(world) || !sim_world_step_readers(world))
            return false;
        if (sim_io_now(world->sim) - start_us > LIVENESS_US) {
            describe(world, text, sizeof(text));
            return sim_world_fail(world, "%s it does not come to an end: %s", after, text);
        }
    }
    if (sim_io_now(world->sim) - start_us > world->report->settle_us_max)
        world->report->settle_us_max = sim_io_now(world->sim) - start_us;
    if (world->writer_waits)
        return sim_world_fail(world, "after KV_BUSY on_writable has not come");
    return true;
}

static bool
write_one(struct sim_world *world)
{
    enum kv_status st = KV_BUSY;

    for (int i = 0; i < 1000 && st == KV_BUSY; i++) {
        if (!sim_world_write(world, &st))
            return false;
        sim_world_turn(world);
        if (sim_io_is_down(world->sim))
            return true;
    }
    if (st != KV_OK)
        return sim_world_fail(world, "the faults are over, but a write gets: %s",
                              kv_status_text(st));
    return true;
}

struct census {
    uint32_t table_count, log_count, manifest_count, temporary_count, options_count;
};

static bool
count_name(void *owner, const char *name)
{
    struct census *census = owner;
    uint64_t number;
    const enum file_kind kind = file_name_parse(name, &number);

    census->table_count += kind == FILE_TABLE;
    census->log_count += kind == FILE_WAL;
    census->manifest_count += kind == FILE_MANIFEST;
    census->temporary_count += kind == FILE_TEMPORARY;
    census->options_count += kind == FILE_OPTIONS;
    return true;
}

static bool
check_files(struct sim_world *world, uint32_t log_count_max)
{
    struct census census = {0};
    struct db_stats stats;

    if (io_list_dir(sim_io_base(world->sim), world->db_options.dir, count_name, &census) != 0)
        return sim_world_fail(world, "the directory is gone");
    db_get_stats(world->db, &stats);
    if (census.table_count == stats.table_count && census.log_count <= log_count_max &&
        census.manifest_count == 1 && census.temporary_count == 0 && census.options_count <= 2)
        return true;
    return sim_world_fail(world,
                          "files that nothing names: %u tables of %llu, %u logs of at most %u, %u "
                          "MANIFESTs, %u temporary, %u OPTIONS",
                          census.table_count, (unsigned long long)stats.table_count,
                          census.log_count, log_count_max, census.manifest_count,
                          census.temporary_count, census.options_count);
}

bool
sim_world_calm(struct sim_world *world)
{
    struct db_stats stats;
    const bool was_troubled = world->is_troubled;

    sim_io_cut_at(world->sim, 0);
    sim_liar_cut_near_names(world->liar, 0);
    sim_world_clear_faults(world);
    db_compaction_pause(world->db, false);
    if (!settle(world, "when the faults are over") || !write_one(world))
        return false;
    sim_world_flush(world);
    if (!settle(world, "after a flush"))
        return false;
    db_get_stats(world->db, &stats);
    if (stats.memtable_entry_count > 0)
        return sim_world_fail(world, "a flush has left %llu entries in memory",
                              (unsigned long long)stats.memtable_entry_count);
    world->is_troubled = false;
    return was_troubled || check_files(world, LOG_FILE_COUNT_MAX);
}

bool
sim_world_stop(struct sim_world *world)
{
    struct db *db = world->db;
    enum kv_status st;

    sim_io_cut_at(world->sim, 0);
    sim_liar_cut_near_names(world->liar, 0);
    sim_world_clear_faults(world);
    db_compaction_pause(world->db, false);
    if (!settle(world, "before a stop"))
        return false;
    end_readers(world);
    inline_port_deinit(&world->port);
    forget_engine(world);
    st = db_close(db);
    if (st != KV_OK)
        return sim_world_fail(world, "db_close: %s", kv_status_text(st));
    sim_io_drain(world->sim);
    if (sim_io_open_count(world->sim) != 0)
        return sim_world_fail(world, "a stop leaves descriptors open");
    sim_world_note(world, "clean stop at %llu",
                   (unsigned long long)sim_model_last_seq(&world->model));
    world->report->stop_count++;
    world->hard_seq = world->must_survive_seq = sim_model_last_seq(&world->model);
    return true;
}

/* -- coming up --------------------------------------------------------------------------- */

static bool
read_to_end(struct sim_world *world)
{
    struct sim_reader *reader = &world->readers[0];

    while (reader->stage != READER_IDLE) {
        if (reader->is_waiting)
            sim_world_turn(world);
        if (!sim_world_is_fine(world) || !sim_world_step_readers(world))
            return false;
    }
    return true;
}

static bool
check_contents(struct sim_world *world)
{
    for (uint32_t family = 0; family < MODEL_FAMILY_COUNT; family++) {
        const uint32_t cf_id = world->cf_ids[family];
        const bool is_guest = family == GUEST_FAMILY;

        if (is_guest ? world->guest != GUEST_PRESENT : family >= world->family_count)
            continue;
        for (uint32_t key = 0; key < MODEL_KEY_COUNT; key++) {
            sim_reader_get(&world->readers[0], world->db, family, cf_id, key);
            if (!read_to_end(world))
                return false;
        }
        sim_reader_scan(&world->readers[0], world->db, &world->model, family, cf_id);
        if (!read_to_end(world))
            return false;
    }
    return true;
}

static bool
judge(struct sim_world *world, bool had_faults)
{
    const uint64_t last = db_last_seq(world->db);
    const uint64_t found = sim_world_written_seq(world, last);
    const uint64_t must = world->must_survive_seq;

    if (found < must)
        return sim_world_fail(world, "%llu was acknowledged, but recovery ends at %llu",
                              (unsigned long long)must, (unsigned long long)found);
    if (db_durable_seq(world->db) != last)
        return sim_world_fail(world, "recovery ends at %llu, but durable is %llu",
                              (unsigned long long)last,
                              (unsigned long long)db_durable_seq(world->db));
    if (!sim_model_recover(&world->model, found))
        return sim_world_fail(world, "recovery ends at %llu, where no batch ends",
                              (unsigned long long)found);
    world->acked_seq = world->hard_seq = world->must_survive_seq = found;
    if (!had_faults && !check_files(world, 1))
        return false;
    return check_contents(world);
}

static bool
find_families(struct sim_world *world)
{
    world->cf_ids[0] = CF_DEFAULT;
    if (world->family_count > 1 &&
        !db_find_family(world->db, slice_from_text("second"), &world->cf_ids[1]))
        return sim_world_fail(world, "a column family is lost");
    return sim_world_find_guest(world);
}

/* Sometimes the power fails on the way, sometimes there are faults. */
static enum kv_status
try_open(struct sim_world *world, bool may_fail)
{
    if (may_fail && sim_world_draw(world, 3) == 0)
        sim_io_cut_at(world->sim, 1 + sim_world_draw(world, OPEN_OP_COUNT_MAX));
    sim_liar_cut_near_names(world->liar, may_fail ? world->cut_near_one_in : 0);
    if (may_fail && world->has_faults && sim_world_draw(world, 5) == 0)
        sim_world_start_fault(world);
    inline_port_init(&world->port, world->io);
    world->port.on_compacted = sim_world_on_compacted;
    world->port.owner = world;
    sim_liar_watch_compaction(world->liar, &world->port.is_compacting);
    world->port.delay_us_max = 1 + sim_world_draw(world, 20000);
    world->db_options.port = &world->port.port;
    return db_open(&world->db_options, &world->db);
}

static bool
after_cut_in_open(struct sim_world *world)
{
    world->report->cut_in_open_count++;
    sim_world_note(world, "the power failed while opening");
    if (world->db != NULL)
        return sim_world_bury(world, true);
    boot(world, true);
    return true;
}

bool
sim_world_open(struct sim_world *world)
{
    for (int attempt = 1;; attempt++) {
        const bool may_fail = attempt < OPEN_ATTEMPT_COUNT_MAX;
        enum kv_status st;
        bool had_faults;

        world->is_troubled = false;
        st = try_open(world, may_fail);
        had_faults = world->is_troubled;
        sim_world_note(world, "db_open: %s", kv_status_text(st));
        sim_world_clear_faults(world);
        sim_liar_cut_near_names(world->liar, 0);
        if (sim_io_is_down(world->sim)) {
            if (!after_cut_in_open(world))
                return false;
        } else if (st == KV_OK) {
            sim_io_cut_at(world->sim, 0);
            return find_families(world) && judge(world, had_faults);
        } else if (!had_faults) {
            return sim_world_fail(world, "db_open: %s", kv_status_text(st));
        } else {
            sim_io_cut_at(world->sim, 0);
            sim_io_drain(world->sim);
        }
    }
}
