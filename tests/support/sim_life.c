#include "support/sim_life.h"

#include <CUnit/Basic.h>

enum { TURN_COUNT_MAX = 100000, PAUSE_US = 10000 };

void
sim_life_init(struct sim_life *life, const struct sim_options *options)
{
    *life = (struct sim_life){.sim = sim_io_new(options)};
    random_init(&life->random, options->seed);
    life->liar = sim_liar_new(life->sim, LIE_NONE);
}

void
sim_life_init_random(struct sim_life *life, uint64_t seed)
{
    const struct sim_options options = {
        .seed = seed, .latency_us_max = 300, .harsh_directories = seed % 2 == 0};

    sim_life_init(life, &options);
    life->job_us_bound = 5000;
}

void
sim_life_deinit(struct sim_life *life)
{
    if (life->db != NULL)
        sim_life_close(life);
    sim_io_drain(life->sim);
    sim_liar_free(life->liar);
    sim_io_free(life->sim);
}

uint64_t
sim_life_draw(struct sim_life *life, uint64_t bound)
{
    return random_below(&life->random, bound);
}

struct db_options
sim_life_options(struct sim_life *life, const char *dir, void *owner)
{
    return (struct db_options){
        .io = sim_liar_base(life->liar),
        .port = &life->port.port,
        .dir = dir,
        .create_if_missing = true,
        .memory_limit_bytes = 8 << 20,
        .memtable_bytes = MEMTABLE_BYTES_MIN,
        .wal_bytes_max = 20000,
        .wal_recovery_mode = WAL_POINT_IN_TIME,
        .compaction = {.level0_trigger = 2},
        .owner = owner,
    };
}

enum kv_status
sim_life_open(struct sim_life *life, const struct db_options *options)
{
    inline_port_init(&life->port, options->io);
    if (life->job_us_bound > 0)
        life->port.delay_us_max = 1 + sim_life_draw(life, life->job_us_bound);
    return db_open(options, &life->db);
}

void
sim_life_close(struct sim_life *life)
{
    for (int i = 0; i < TURN_COUNT_MAX && !db_is_idle(life->db); i++)
        sim_life_turn(life);
    CU_ASSERT_TRUE_FATAL(db_is_idle(life->db));
    db_stop(life->db);
    inline_port_deinit(&life->port);
    CU_ASSERT_EQUAL(db_close(life->db), KV_OK);
    CU_ASSERT_EQUAL(sim_io_open_count(life->sim), 0);
    life->db = NULL;
}

bool
sim_life_is_awake(const struct sim_life *life)
{
    return !life->is_dreaming && !sim_io_is_down(life->sim);
}

void
sim_life_turn(struct sim_life *life)
{
    db_turn(life->db);
    if (!sim_io_is_down(life->sim) && !sim_io_turn(life->sim))
        sim_io_advance(life->sim, PAUSE_US);
}

void
sim_life_run_for(struct sim_life *life, uint64_t duration_us)
{
    const uint64_t end_us = sim_io_now(life->sim) + duration_us;

    while (sim_io_now(life->sim) < end_us) {
        db_turn(life->db);
        sim_io_advance(life->sim, PAUSE_US);
    }
}

struct db_stats
sim_life_stats(const struct sim_life *life)
{
    struct db_stats stats;

    db_get_stats(life->db, &stats);
    return stats;
}

static enum kv_status
wait_for(struct sim_life *life, const struct outcome *outcome)
{
    for (int i = 0; i < TURN_COUNT_MAX && !outcome->is_here; i++)
        sim_life_turn(life);
    CU_ASSERT_TRUE_FATAL(outcome->is_here);
    return outcome->st;
}

void
sim_life_flush(struct sim_life *life)
{
    struct outcome outcome = {0};

    db_flush(life->db, outcome_note, &outcome);
    CU_ASSERT_EQUAL(wait_for(life, &outcome), KV_OK);
}

enum kv_status
sim_life_compact(struct sim_life *life, const struct db_compact_request *request)
{
    struct outcome outcome = {0};

    (void)db_compact(life->db, request, outcome_note, &outcome);
    return wait_for(life, &outcome);
}

static enum kv_status
fetch(struct sim_life *life, struct read_ctx *ctx)
{
    struct arrival arrival = ARRIVAL;

    life->fetch_count++;
    db_fetch(life->db, ctx, &arrival.waiter);
    while (!arrival.is_here)
        sim_life_turn(life);
    return arrival.st;
}

enum kv_status
sim_life_get(struct sim_life *life, uint32_t cf_id, const char *key, struct read_ctx *ctx,
             struct lookup *found)
{
    enum kv_status st;

    read_ctx_init(ctx, db_block_cache(life->db));
    do {
        st = db_get(life->db, ctx, cf_id, slice_from_text(key), SEQUENCE_MAX, found);
    } while (st == KV_WANT_BLOCK && (st = fetch(life, ctx)) == KV_OK);
    return st;
}

uint64_t
sim_life_read_number(struct sim_life *life, uint32_t cf_id)
{
    struct read_ctx ctx;
    struct lookup found;
    uint64_t number = 0;

    CU_ASSERT_EQUAL(sim_life_get(life, cf_id, "key", &ctx, &found), KV_OK);
    for (size_t i = 0; found.kind == LOOKUP_VALUE && i < found.value.size; i++)
        number = number * 10 + (uint64_t)(found.value.data[i] - '0');
    read_ctx_deinit(&ctx);
    return number;
}

void
sim_life_bury(struct sim_life *life, bool is_dead)
{
    uint32_t turns = 0;

    life->is_dreaming = true;
    sim_liar_set_afterlife(life->liar, is_dead);
    inline_port_deinit(&life->port);
    life->port.hold = true;
    while (!db_is_idle(life->db) && turns++ < TURN_COUNT_MAX)
        (void)sim_io_turn(life->sim);
    CU_ASSERT_TRUE_FATAL(db_is_idle(life->db));
    inline_port_deinit(&life->port);
    (void)db_close(life->db);
    life->db = NULL;
    sim_liar_set_afterlife(life->liar, false);
    life->is_dreaming = false;
}

void
sim_life_boot(struct sim_life *life)
{
    sim_io_cut_at(life->sim, 0);
    sim_io_drain(life->sim);
    sim_io_boot(life->sim);
    sim_io_clear_faults(life->sim);
}
