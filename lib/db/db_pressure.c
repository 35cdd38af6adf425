/* db_pressure.c - what piles up in the engine, and the rate for writers that follows.
 *
 * Three piles: memtables that wait for their flush, tables in level 0, and bytes that compactions
 * still have to move.  The slowest rate counts.  Writers who are too fast wait in db_write as if
 * memory were full, and a timer lets them go on; nothing here blocks.
 */
#include "db/compaction.h"
#include "db/db_internal.h"

enum {
    PRESSURE_INTERVAL_US = 200 * 1000,
    DEBT_SHARE_OF_DATA = 8,
    DEBT_LEVEL_BASES = 2,
};

/* So many memtables that wait or fill, and the flush gets its share: half a memtable is left to it
 * until the next one waits too. */
#define PRESSING_MEMTABLES 1.5

/* A flush that runs and a memtable that fills are how it should be. */
static struct write_pile
memtable_pile(const struct db *db)
{
    const double filled =
        (double)memtable_bytes_used(db->active) / (double)db->options.memtable_bytes;

    return (struct write_pile){
        .amount = db->frozen_count + (filled < 1 ? filled : 1),
        .soft = 2,
        .hard = FROZEN_MEMTABLE_COUNT_MAX + 1,
        /* Without a measurement there is nothing to go by. */
        .drain_bytes_per_s =
            db->flush_drain_bytes_per_s > 0 ? db->flush_drain_bytes_per_s : UINT64_MAX / 4,
    };
}

static bool
is_left_alone(const struct db *db, const struct compaction_options *options)
{
    return db->compactor->is_paused || options->disable_auto_compactions ||
           options->style == COMPACTION_OFF || options->style == COMPACTION_FIFO;
}

/* So early that writers need not be slowed, if compactions can keep up at all. */
static bool
is_pressing(const struct write_pile *pile)
{
    return pile->hard > pile->soft && pile->amount >= pile->soft * COMPACTION_PRESSING_SHARE;
}

/* Debt costs space and reads long before writers have to be slowed: beyond an eighth of the data
 * it is worth a share of the cores (RocksDB adds threads there).  A job or two are no backlog. */
static bool
is_behind(const struct compaction_options *options, const struct compaction_shape *shape)
{
    const uint64_t share = shape->levels[LEVEL_COUNT - 1].bytes / DEBT_SHARE_OF_DATA;
    const uint64_t least = options->max_bytes_for_level_base * DEBT_LEVEL_BASES;

    return options->style == COMPACTION_LEVELED &&
           shape->debt_bytes > (share > least ? share : least);
}

/* What a compaction has read of level 0 is as good as gone: else the pile would fall by dozens of
 * tables at a stroke when it is installed, and the writers' rate would jump. */
static double
level0_left(const struct db *db, const struct column_family *family, uint32_t file_count)
{
    const struct list *head = &db->compactor->compactions;
    double amount = file_count;

    for (const struct list *node = head->next; node != head; node = node->next) {
        const struct compaction *compaction = LIST_ENTRY(node, const struct compaction, link);
        const struct compaction_plan *plan = &compaction->plan;

        if (plan->cf_id != family->id || plan->input_bytes == 0 ||
            (compaction->state != COMPACTION_RUNNING && compaction->state != COMPACTION_OPENING))
            continue;
        for (uint32_t i = 0; i < plan->input_count && plan->inputs[i].level == 0; i++)
            amount -= (double)compaction_bytes_done(compaction) / (double)plan->input_bytes;
    }
    return amount > 0 ? amount : 0;
}

static uint64_t
family_rate(struct db *db, const struct column_family *family, enum job_urgency *urgency)
{
    struct compaction_view view;
    struct compaction_shape shape;
    struct write_pile level0, debt;
    uint64_t rate = WRITE_RATE_UNLIMITED, rate_of_debt;

    compactor_view_init(db->compactor, family, &view);
    if (!is_left_alone(db, view.options)) {
        compaction_shape_of(&view, &shape);
        level0 = (struct write_pile){
            .amount = shape.levels[0].file_count,
            .soft = view.options->level0_slowdown_writes_trigger,
            .hard = view.options->level0_stop_writes_trigger,
            .drain_bytes_per_s = db->compactor->drain_bytes_per_s,
        };
        debt = (struct write_pile){
            .amount = (double)shape.debt_bytes,
            .soft = (double)view.options->soft_pending_compaction_bytes_limit,
            .hard = (double)view.options->hard_pending_compaction_bytes_limit,
            .drain_bytes_per_s = db->compactor->drain_bytes_per_s,
        };
        if (is_pressing(&level0) || is_pressing(&debt) || is_behind(view.options, &shape))
            *urgency = JOB_PRESSING;
        level0.amount = level0_left(db, family, shape.levels[0].file_count);
        rate = write_rate_of(&level0);
        rate_of_debt = write_rate_of(&debt);
        rate = rate_of_debt < rate ? rate_of_debt : rate;
    }
    compactor_view_deinit(&view);
    return rate;
}

static uint64_t
tables_rate(struct db *db)
{
    struct job_port *port = db->options.port;
    const struct column_family *family;
    enum job_urgency urgency = JOB_CALM;
    uint64_t slowest = WRITE_RATE_UNLIMITED;

    for (uint32_t i = 0; (family = version_set_family_at(db->versions, i)) != NULL; i++) {
        const uint64_t rate = family_rate(db, family, &urgency);

        slowest = rate < slowest ? rate : slowest;
    }
    if (urgency != db->urgency && port->set_urgency != NULL)
        port->set_urgency(port, urgency);
    db->urgency = urgency;
    return slowest;
}

/* While writers are slowed the work that they wait for gets on. */
static bool
is_due_again(struct db *db)
{
    uint64_t now_us;

    if (db->tables_rate_bytes_per_s == WRITE_RATE_UNLIMITED)
        return false;
    now_us = io_now_us(db->io);
    if (now_us < db->pressure_due_us)
        return false;
    db->pressure_due_us = now_us + PRESSURE_INTERVAL_US;
    return true;
}

/* Calm: nobody would notice if it took a while longer. */
static enum job_urgency
flush_urgency(const struct db *db, const struct write_pile *memtables)
{
    if (db->frozen_count == 0)
        return db->flush_urgency; /* of none */
    if (memtables->amount >= PRESSING_MEMTABLES || !list_empty(&db->flush_waiters) ||
        db->fault != KV_OK || space_reserve_is_short(&db->space.reserve))
        return JOB_PRESSING;
    return JOB_CALM;
}

static void
tell_flush_urgency(struct db *db, enum job_urgency urgency)
{
    struct job_port *port = db->options.port;

    if (urgency == db->flush_urgency)
        return;
    db->flush_urgency = urgency;
    if (port->set_flush_urgency != NULL)
        port->set_flush_urgency(port, urgency);
}

void
db_update_pressure(struct db *db)
{
    const struct write_pile memtables = memtable_pile(db);
    const uint64_t rate = write_rate_of(&memtables);

    if (db->pressure_is_stale || is_due_again(db)) {
        db->pressure_is_stale = false;
        db->tables_rate_bytes_per_s = tables_rate(db);
    }
    tell_flush_urgency(db, flush_urgency(db, &memtables));
    db->pacer.rate_bytes_per_s =
        rate < db->tables_rate_bytes_per_s ? rate : db->tables_rate_bytes_per_s;
}

static void
on_pace_timer(struct io_timer *timer)
{
    db_wake_writer(KV_CONTAINER_OF(timer, struct db, pace_timer));
}

bool
db_must_wait(struct db *db)
{
    uint64_t now_us, delay_us;

    if (db->pacer.rate_bytes_per_s == WRITE_RATE_UNLIMITED)
        return false;
    now_us = io_now_us(db->io);
    delay_us = write_pacer_delay_us(&db->pacer, now_us);
    if (delay_us == 0)
        return false;
    db->paced_count++;
    db->paced_us += delay_us;
    db->writer_waits = true;
    db->pace_timer.on_expire = on_pace_timer;
    io_timer_start(db->io, &db->pace_timer, now_us + delay_us);
    return true;
}
