/* sim_world.c - from a seed to the lives of a world. */
#include "support/sim_world.h"

#include <stdarg.h>
#include <stdio.h>

#include "support/sim_world_internal.h"
#include "version/version_set.h"

static const char dir[] = "/db";

bool
sim_world_fail(struct sim_world *world, const char *format, ...)
{
    struct sim_world_report *report = world->report;
    va_list args;

    if (report->failure[0] != '\0')
        return false;
    va_start(args, format);
    vsnprintf(report->failure, sizeof(report->failure), format, args);
    va_end(args);
    return false;
}

bool
sim_world_is_fine(const struct sim_world *world)
{
    return world->report->failure[0] == '\0';
}

void
sim_world_note(const struct sim_world *world, const char *format, ...)
{
    va_list args;

    if (!world->options.trace)
        return;
    fprintf(stderr, "%10llu us  === step %llu: ", (unsigned long long)sim_io_now(world->sim),
            (unsigned long long)world->report->step_count);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
}

/* -- creation ---------------------------------------------------------------------------- */

static enum wal_sync
draw_wal_sync(struct sim_world *world)
{
    if (world->options.lie != LIE_NONE)
        return WAL_SYNC_ALWAYS;
    switch (sim_world_draw(world, 8)) {
    case 0:
        return WAL_SYNC_INTERVAL;
    case 1:
        return WAL_SYNC_NEVER;
    default:
        return WAL_SYNC_ALWAYS;
    }
}

/* Small tables in many levels: a few batches make work. */
void
sim_world_draw_compaction(struct sim_world *world)
{
    world->db_options.compaction = (struct db_compaction_settings){
        .job_count = 1 + (uint32_t)sim_world_draw(world, 4),
        .has_style = true,
        .style = sim_world_draw(world, 4) == 0 ? COMPACTION_UNIVERSAL : COMPACTION_LEVELED,
        .file_bytes = UINT64_C(500) << sim_world_draw(world, 8),
        .level_base_bytes = UINT64_C(1000) << sim_world_draw(world, 8),
        .level0_trigger = 1 + (uint32_t)sim_world_draw(world, 4),
        .level0_slowdown = (uint32_t)sim_world_draw(world, 10),
        .level0_stop = 2 + (uint32_t)sim_world_draw(world, 20),
        .part_bytes_min = UINT64_C(1000) << sim_world_draw(world, 6),
        .has_bottommost_compression = sim_world_draw(world, 4) == 0,
        .bottommost_compression = COMPRESSION_ZSTD,
    };
}

static void
draw_engine(struct sim_world *world)
{
    world->db_options = (struct db_options){
        .io = world->io,
        .dir = dir,
        .create_if_missing = true,
        .memory_limit_bytes = 4 << 20,
        .memtable_bytes = MEMTABLE_BYTES_MIN,
        .wal_bytes_max = UINT64_C(1000) << sim_world_draw(world, 9),
        .wal_sync = draw_wal_sync(world),
        .wal_interval_us = 1 + sim_world_draw(world, 20000),
        .wal_recovery_mode = WAL_POINT_IN_TIME,
        .compression = sim_world_draw(world, 2) == 0 ? COMPRESSION_NONE : COMPRESSION_LZ4,
        .block_bytes = sim_world_draw(world, 2) == 0 ? 0 : 256,
        .bloom_bits_per_key = sim_world_draw(world, 2) == 0 ? 0 : 10,
        .direct_reads = world->options.seed % 2 == 1,
        .owner = world,
        .on_durable = sim_world_on_durable,
        .on_write_failed = sim_world_on_write_failed,
        .on_writable = sim_world_on_writable,
    };
}

static bool
needs_faults(enum sim_lie lie)
{
    return lie == LIE_CURRENT_UNSYNCED || lie == LIE_SYNC_RETRIED || lie == LIE_SHORT_WRITE_WHOLE;
}

static void
draw_machine(struct sim_world *world)
{
    struct sim_options *options = sim_io_options(world->sim);

    world->changes_wal_sync = sim_world_draw(world, 8) == 0 && world->options.lie == LIE_NONE;
    world->has_faults = sim_world_draw(world, 2) == 0 || needs_faults(world->options.lie);
    options->harsh_directories =
        sim_world_draw(world, 2) == 0 || world->options.lie == LIE_CURRENT_UNSYNCED;
    options->no_direct_io = sim_world_draw(world, 8) == 0;
    options->latency_us_max = UINT64_C(20) << sim_world_draw(world, 8);
    world->cut_near_one_in =
        sim_world_draw(world, 2) == 0 ? 0 : 2 + (uint32_t)sim_world_draw(world, 40);
    world->life_count = 2 + (uint32_t)sim_world_draw(world, 4);
    world->step_count_max = 10 + (uint32_t)sim_world_draw(world, 200);
    world->family_count = 1 + (uint32_t)sim_world_draw(world, STEADY_FAMILY_COUNT);
    world->value_bytes_max = 10 + (uint32_t)sim_world_draw(world, 4000);
}

static void
on_family_added(void *owner, enum kv_status st)
{
    *(bool *)owner = st == KV_OK;
}

/* The engine cannot make column families yet, but serves those that are there. */
static bool
create_family(struct sim_world *world)
{
    const struct version_set_options options = {
        .io = world->io, .dir = dir, .create_if_missing = true};
    struct version_edit edit = {.cf_id = 1, .is_cf_add = true, .has_log_number = true};
    struct io_request make = {.op = IO_MKDIR, .path = dir};
    struct version_set *set = NULL;
    bool is_done = false;
    enum kv_status st;

    (void)io_call(world->io, &make);
    st = version_set_open(&options, &set);
    if (st == KV_OK)
        st = version_set_start(set, NULL, 0);
    if (st == KV_OK) {
        buffer_append(&edit.cf_name, "second", 6);
        version_set_apply(set, &edit, 1, on_family_added, &is_done);
        sim_io_drain(world->sim);
    }
    version_edit_deinit(&edit);
    version_set_close(set);
    return is_done || sim_world_fail(world, "no second family: %s", kv_status_text(st));
}

/* -- lives ------------------------------------------------------------------------------- */

static bool
end_of_life(struct sim_world *world)
{
    const uint64_t dice = sim_world_draw(world, 10);

    if (dice < 5 && !sim_world_calm(world))
        return false;
    if (dice == 0 || dice == 9) {
        if (!sim_world_stop(world))
            return false;
        if (dice == 0)
            return true;
        sim_io_power_cut(world->sim);
        sim_io_boot(world->sim);
        return true;
    }
    if (dice == 1 || dice == 8) {
        world->report->kill_count++;
        world->must_survive_seq = world->acked_seq;
        sim_io_kill(world->sim);
        return sim_world_bury(world, false);
    }
    world->report->cut_count++;
    sim_io_power_cut(world->sim);
    return sim_world_bury(world, true);
}

/* Half of the lives end at any operation, the others between two steps. */
static bool
live(struct sim_world *world)
{
    const uint64_t step_count = sim_world_draw(world, world->step_count_max + 1);

    world->report->life_count++;
    if (sim_world_draw(world, 2) == 0)
        sim_io_cut_at(world->sim, 1 + sim_world_draw(world, 20 + 3 * step_count));
    sim_liar_cut_near_names(world->liar, world->cut_near_one_in);
    for (uint64_t step = 0; step < step_count && !sim_io_is_down(world->sim); step++) {
        if (!sim_world_step(world))
            return false;
    }
    sim_io_cut_at(world->sim, 0);
    sim_liar_cut_near_names(world->liar, 0);
    if (sim_io_is_down(world->sim)) {
        world->report->cut_count++;
        return sim_world_bury(world, true);
    }
    return end_of_life(world);
}

static bool
live_all(struct sim_world *world)
{
    if (world->family_count > 1 && !create_family(world))
        return false;
    for (uint32_t life = 0; life < world->life_count; life++) {
        if (!sim_world_open(world) || !live(world))
            return false;
    }
    return sim_world_open(world) && sim_world_calm(world) && sim_world_stop(world);
}

/* A failed world is cut down wherever it stands. */
static void
demolish(struct sim_world *world)
{
    if (world->db != NULL) {
        sim_io_power_cut(world->sim);
        (void)sim_world_bury(world, true);
    }
    if (world->db == NULL) {
        sim_io_power_cut(world->sim);
        sim_io_drain(world->sim);
        sim_io_free(world->sim);
        sim_liar_free(world->liar);
    }
    sim_model_deinit(&world->model);
    buffer_deinit(&world->scratch);
}

bool
sim_world_run(const struct sim_world_options *options, struct sim_world_report *report)
{
    struct sim_world world = {.options = *options, .report = report};

    memset(report, 0, sizeof(*report));
    random_init(&world.random, options->seed);
    world.sim = sim_io_new(&(struct sim_options){.seed = options->seed, .trace = options->trace});
    world.liar = sim_liar_new(world.sim, options->lie);
    world.io = sim_liar_base(world.liar);
    sim_model_init(&world.model);
    draw_machine(&world);
    draw_engine(&world);
    sim_world_draw_compaction(&world);
    (void)live_all(&world);
    report->hash = sim_io_trace_hash(world.sim) ^ world.model.value_id_next;
    report->lie_count = sim_liar_lie_count(world.liar);
    report->virtual_us = sim_io_now(world.sim);
    demolish(&world);
    return report->failure[0] == '\0';
}
