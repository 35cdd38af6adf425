/* db_sweep.c - short steps, each on an iterator of its own, since a view that lasts would keep
 * memtables and files; only a step that waits for blocks keeps its iterator. */
#include "db/db_sweep.h"

#include "base/alloc.h"
#include "db/db_internal.h"
#include "db/db_iter.h"

#ifdef KV_DEBUG
enum { DELETION_COUNT_MIN = 20, SEED_DELETION_COUNT_MIN = 20, STEP_ENTRY_COUNT = 50 };
#else
enum { DELETION_COUNT_MIN = 1000, SEED_DELETION_COUNT_MIN = 50000, STEP_ENTRY_COUNT = 4000 };
#endif

enum {
    BEGIN_DELAY_US = 50 * 1000,
    FAILURE_REST_US = 300 * 1000 * 1000,
    STEP_PAUSE_US_MAX = 50 * 1000,
    PAUSE_FACTOR_BUSY = 9, /* a tenth of the time */
    PAUSE_FACTOR_QUIET = 1,
    AHEAD_BYTES_MAX = 256 * 1024,
};

static void on_timer(struct io_timer *timer);
static void on_arrived(struct db_waiter *waiter, enum kv_status st);

void
db_sweep_init(struct db_sweep *sweep, struct db *db)
{
    *sweep = (struct db_sweep){.db = db};
    sweep->timer.on_expire = on_timer;
    sweep->waiter.on_arrived = on_arrived;
}

static void
drop_iter(struct db_sweep *sweep)
{
    if (sweep->iter == NULL)
        return;
    db_iter_free(sweep->iter);
    read_ctx_deinit(&sweep->ctx);
    sweep->iter = NULL;
}

void
db_sweep_stop(struct db_sweep *sweep)
{
    io_timer_stop(sweep->db->io, &sweep->timer);
}

void
db_sweep_deinit(struct db_sweep *sweep)
{
    db_sweep_stop(sweep);
    drop_iter(sweep);
    while (sweep->seed_count > 0)
        buffer_deinit(&sweep->seeds[--sweep->seed_count].key);
    buffer_deinit(&sweep->origin);
    buffer_deinit(&sweep->position);
}

static void
run_later(struct db_sweep *sweep, uint64_t delay_us)
{
    struct io *io = sweep->db->io;

    sweep->is_due = !sweep->db->is_closing;
    if (sweep->is_due)
        io_timer_start(io, &sweep->timer, io_now_us(io) + delay_us);
}

/* Deletions in the active memtable that no walk knows of. */
static uint64_t
new_deletions(const struct db_sweep *sweep)
{
    const struct memtable *active = sweep->db->active;
    const uint64_t count = memtable_deletion_count(active);

    /* A memtable that took the place of another one may be at the same address. */
    if (sweep->memtable != active || count < sweep->deletion_count)
        return count;
    return count - sweep->deletion_count;
}

void
db_sweep_turn(struct db_sweep *sweep)
{
    if (!sweep->is_walking && !sweep->is_due &&
        (sweep->seed_count > 0 || new_deletions(sweep) >= DELETION_COUNT_MIN))
        run_later(sweep, BEGIN_DELAY_US);
}

static void
set_position(struct db_sweep *sweep, struct slice key, bool is_past)
{
    buffer_clear(&sweep->position);
    buffer_append_slice(&sweep->position, key);
    sweep->is_past_position = is_past;
}

static bool
begin_at(struct db_sweep *sweep, uint32_t cf_id, struct slice key)
{
    if (version_set_family(sweep->db->versions, cf_id) == NULL)
        return false;
    buffer_clear(&sweep->origin);
    buffer_append_slice(&sweep->origin, key);
    set_position(sweep, key, false);
    sweep->cf_id = cf_id;
    sweep->is_walking = true;
    sweep->is_forward = false;
    return true;
}

static bool
begin_at_seed(struct db_sweep *sweep)
{
    struct sweep_seed *seed = &sweep->seeds[--sweep->seed_count];
    const bool has_begun = begin_at(sweep, seed->cf_id, buffer_slice(&seed->key));

    buffer_deinit(&seed->key);
    return has_begun;
}

/* From the newest deletion, unless there is a seed. */
static bool
begin(struct db_sweep *sweep)
{
    const struct memtable *active = sweep->db->active;
    struct slice key;
    uint32_t cf_id;

    if (sweep->seed_count > 0)
        return begin_at_seed(sweep);
    if (!memtable_newest_deletion(active, &cf_id, &key) || !begin_at(sweep, cf_id, key))
        return false;
    sweep->memtable = active;
    sweep->deletion_count = memtable_deletion_count(active);
    return true;
}

/* --- seeds --- */

/* A queue of deleted keys is nothing but that in many a table. */
static bool
is_mostly_deletions(const struct table_meta *meta)
{
    return meta->has_counts && meta->deletion_count >= SEED_DELETION_COUNT_MIN &&
           meta->deletion_count >= meta->entry_count / 2;
}

/* Of the newest tables, as many as there is room for. */
static void
add_seeds(struct db_sweep *sweep, const struct column_family *family)
{
    for (uint32_t i = 0; i < LEVEL_COUNT; i++) {
        const struct version_level *level = &family->current->levels[i];

        for (uint32_t j = 0; j < level->count && sweep->seed_count < SWEEP_SEED_COUNT_MAX; j++) {
            const struct table_meta *meta = &level->files[j]->meta;
            struct sweep_seed *seed = &sweep->seeds[sweep->seed_count];

            if (!is_mostly_deletions(meta))
                continue;
            *seed = (struct sweep_seed){.cf_id = family->id};
            buffer_append_slice(&seed->key, internal_key_user(buffer_slice(&meta->smallest)));
            sweep->seed_count++;
        }
    }
}

void
db_sweep_start(struct db_sweep *sweep)
{
    const struct column_family *family;

    KV_ASSERT(sweep->seed_count == 0);
    for (uint32_t i = 0; (family = version_set_family_at(sweep->db->versions, i)) != NULL; i++)
        add_seeds(sweep, family);
}

/* An iterator over what lies in the direction of the position. */
static void
open_iter(struct db_sweep *sweep)
{
    struct db_iter_options options = {
        .cf_id = sweep->cf_id,
        .seq_max = SEQUENCE_MAX,
        .keys_only = true,
        .ahead_bytes_max = AHEAD_BYTES_MAX,
        .skip_count_max = STEP_ENTRY_COUNT,
    };
    struct buffer bound = {0};

    KV_ASSERT(sweep->iter == NULL);
    buffer_append_slice(&bound, buffer_slice(&sweep->position));
    if (sweep->is_forward == sweep->is_past_position)
        buffer_append_byte(&bound, 0); /* the next possible key */
    if (sweep->is_forward)
        options.lower = buffer_slice(&bound);
    else
        options.upper = buffer_slice(&bound);
    options.has_upper = !sweep->is_forward;
    read_ctx_init(&sweep->ctx, sweep->db->cache);
    sweep->iter = db_iter_new(sweep->db, &sweep->ctx, &options);
    buffer_deinit(&bound);
}

/* A key that is there, or the end, ends the walk in this direction. */
static void
take_place(struct db_sweep *sweep)
{
    if (db_iter_state(sweep->iter) == DB_ITER_PAUSED) {
        set_position(sweep, db_iter_key(sweep->iter), db_iter_is_past_key(sweep->iter));
    } else if (!sweep->is_forward) {
        sweep->is_forward = true;
        set_position(sweep, buffer_slice(&sweep->origin), false);
    } else {
        sweep->is_walking = false;
    }
}

static uint64_t
pause_us(struct db_sweep *sweep, uint64_t step_us)
{
    const bool is_busy = sweep->change_count != sweep->db->memtable_change_count;
    const uint64_t us = step_us * (is_busy ? PAUSE_FACTOR_BUSY : PAUSE_FACTOR_QUIET);

    sweep->change_count = sweep->db->memtable_change_count;
    return us < STEP_PAUSE_US_MAX ? us : STEP_PAUSE_US_MAX;
}

static void
step(struct db_sweep *sweep)
{
    const uint64_t started_us = io_now_us(sweep->db->io);
    enum kv_status st;

    if (sweep->iter == NULL)
        open_iter(sweep);
    sweep->step_count++;
    st = sweep->is_forward ? db_iter_next(sweep->iter) : db_iter_prev(sweep->iter);
    if (st == KV_WANT_BLOCK) {
        db_fetch(sweep->db, &sweep->ctx, &sweep->waiter);
        return;
    }
    if (st == KV_OK)
        take_place(sweep);
    else
        sweep->is_walking = false;
    drop_iter(sweep);
    if (st != KV_OK)
        run_later(sweep, FAILURE_REST_US);
    else if (sweep->is_walking)
        run_later(sweep, pause_us(sweep, io_now_us(sweep->db->io) - started_us));
}

static void
on_arrived(struct db_waiter *waiter, enum kv_status st)
{
    struct db_sweep *sweep = KV_CONTAINER_OF(waiter, struct db_sweep, waiter);

    if (st == KV_OK && !sweep->db->is_closing) {
        step(sweep);
        return;
    }
    drop_iter(sweep);
    sweep->is_walking = false;
    run_later(sweep, FAILURE_REST_US);
}

static void
on_timer(struct io_timer *timer)
{
    struct db_sweep *sweep = KV_CONTAINER_OF(timer, struct db_sweep, timer);

    KV_ASSERT(sweep->iter == NULL);
    sweep->is_due = false;
    if (sweep->is_walking || begin(sweep))
        step(sweep);
}
