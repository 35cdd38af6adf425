/* compaction_open.c - the tables that come into a version are open before readers meet them.
 *
 * To open a large table takes milliseconds: its index is checked entry by entry.  All tables of a
 * compaction come at once, and the first reads would open them all in a row while everybody waits.
 * So they are opened before the edit is written, one after the other, with pauses in which the
 * others run.  That is only for where readers are: as many tables as there are open inputs.
 *
 * A table that cannot be read before it has replaced anything is not installed: its inputs can be.
 */
#include "base/alloc.h"
#include "db/compaction.h"

enum { OPEN_PAUSE_US = 5000, OPEN_PASS_COUNT_MAX = 8, OPEN_COUNT_MAX = 256 };

struct table_opening {
    struct compaction *compaction;
    struct table_reader *reader; /* borrowed from the version set; NULL: none at the moment */
    struct read_ctx ctx;
    struct db_waiter waiter;
    struct io_timer pause;
    uint32_t part, table; /* the next one */
    uint32_t count_left;
    uint32_t pass_count;
};

static void open_next(struct table_opening *opening);

static uint32_t
open_input_count(const struct compaction *compaction)
{
    const struct column_family *family =
        version_set_family(compaction->db->versions, compaction->plan.cf_id);
    uint32_t count = 0;

    if (family == NULL) /* dropped meanwhile */
        return 0;
    for (uint32_t i = 0; i < compaction->plan.input_count && count < OPEN_COUNT_MAX; i++)
        count += table_reader_is_open(
            compaction_input_file(family->current, &compaction->plan.inputs[i])->reader);
    return count;
}

static void
let_go(struct table_opening *opening)
{
    if (opening->reader == NULL)
        return;
    opening->reader = NULL;
    read_ctx_deinit(&opening->ctx);
}

static void
end(struct table_opening *opening, enum kv_status st)
{
    struct compaction *compaction = opening->compaction;

    let_go(opening);
    compaction_on_opened(compaction, st);
}

static void
on_pause_over(struct io_timer *timer)
{
    open_next(KV_CONTAINER_OF(timer, struct table_opening, pause));
}

static void
pass(struct table_opening *opening)
{
    struct compaction *compaction = opening->compaction;
    struct io *io = compaction->db->io;
    struct table_properties properties;
    enum kv_status st;

    read_ctx_clear_wants(&opening->ctx);
    st = table_reader_properties(opening->reader, &opening->ctx, &properties);
    if (st == KV_WANT_BLOCK && opening->pass_count++ < OPEN_PASS_COUNT_MAX) {
        db_fetch(compaction->db, &opening->ctx, &opening->waiter);
        return;
    }
    if (st != KV_OK && st != KV_WANT_BLOCK) {
        end(opening, st);
        return;
    }
    let_go(opening);
    opening->pause.on_expire = on_pause_over;
    io_timer_start(io, &opening->pause, io_now_us(io) + OPEN_PAUSE_US);
}

/* After a stop nothing is begun any more; compaction_free does the rest. */
static void
on_arrived(struct db_waiter *waiter, enum kv_status st)
{
    struct table_opening *opening = KV_CONTAINER_OF(waiter, struct table_opening, waiter);

    if (opening->compaction->db->is_closing)
        return;
    if (st == KV_OK)
        pass(opening);
    else
        end(opening, st);
}

static const struct table_meta *
take_next(struct table_opening *opening)
{
    const struct compaction *compaction = opening->compaction;

    while (opening->part < compaction->part_count) {
        const struct compaction_part *part = &compaction->parts[opening->part];

        if (opening->table < part->table_count)
            return &part->tables[opening->table++];
        opening->part++;
        opening->table = 0;
    }
    return NULL;
}

static void
open_next(struct table_opening *opening)
{
    struct db *db = opening->compaction->db;
    const struct table_meta *meta = opening->count_left > 0 ? take_next(opening) : NULL;

    KV_ASSERT(opening->reader == NULL);
    if (meta == NULL) {
        end(opening, KV_OK);
        return;
    }
    opening->count_left--;
    opening->pass_count = 0;
    opening->reader = version_set_make_ahead(db->versions, meta);
    read_ctx_init(&opening->ctx, db->cache);
    pass(opening);
}

void
compaction_open_tables(struct compaction *compaction)
{
    struct table_opening *opening = kv_alloc_zero(sizeof(*opening));

    KV_ASSERT(compaction->opening == NULL);
    opening->compaction = compaction;
    opening->count_left = open_input_count(compaction);
    opening->waiter.on_arrived = on_arrived;
    compaction->opening = opening;
    open_next(opening);
}

void
compaction_end_opening(struct compaction *compaction)
{
    struct db *db = compaction->db;

    if (compaction->opening == NULL)
        return;
    io_timer_stop(db->io, &compaction->opening->pause);
    let_go(compaction->opening);
    free(compaction->opening);
    compaction->opening = NULL;
    for (uint32_t i = 0; i < compaction->part_count; i++)
        version_set_forget_ahead(db->versions, compaction->parts[i].job.spec.output_number_first,
                                 compaction->parts[i].job.spec.output_number_count);
}
