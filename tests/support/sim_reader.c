#include "support/sim_reader.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"

static void
on_arrived(struct db_waiter *waiter, enum kv_status st)
{
    struct sim_reader *reader = KV_CONTAINER_OF(waiter, struct sim_reader, waiter);

    KV_ASSERT(reader->is_waiting);
    reader->is_waiting = false;
    reader->arrived = st;
}

static void
begin(struct sim_reader *reader, struct db *db, uint32_t family, uint32_t cf_id)
{
    KV_ASSERT(reader->stage == READER_IDLE);
    *reader =
        (struct sim_reader){.waiter = {.on_arrived = on_arrived}, .family = family, .cf_id = cf_id};
    read_ctx_init(&reader->ctx, db_block_cache(db));
}

void
sim_reader_get(struct sim_reader *reader, struct db *db, uint32_t family, uint32_t cf_id,
               uint32_t key)
{
    begin(reader, db, family, cf_id);
    reader->key = key;
    reader->stage = READER_GET;
}

void
sim_reader_look_back(struct sim_reader *reader, struct sim_snapshot *snapshot)
{
    KV_ASSERT(reader->stage == READER_GET && reader->snapshot == NULL);
    reader->snapshot = snapshot;
    snapshot->reader_count++;
}

void
sim_reader_scan(struct sim_reader *reader, struct db *db, struct sim_model *model, uint32_t family,
                uint32_t cf_id)
{
    begin(reader, db, family, cf_id);
    db_let_time_pass(db);
    reader->scan = db_scan_new(db, &reader->ctx, cf_id);
    reader->time = sim_model_see_time(model, db_now_ms(db));
    reader->expected = model->state;
    reader->stage = READER_SCAN_SEEK;
}

void
sim_reader_end(struct sim_reader *reader)
{
    if (reader->stage == READER_IDLE)
        return;
    KV_ASSERT(!reader->is_waiting);
    db_scan_free(reader->scan);
    reader->scan = NULL;
    if (reader->snapshot != NULL)
        reader->snapshot->reader_count--;
    reader->snapshot = NULL;
    read_ctx_deinit(&reader->ctx);
    reader->stage = READER_IDLE;
}

/* What is dead may be absent before a job is through with it or after, but not first one, then the
 * other. */
static bool
is_as_before(const struct sim_reader *reader, bool is_found)
{
    struct sim_snapshot *snapshot = reader->snapshot;
    const uint8_t sight = is_found ? SIGHT_OF_VALUE : SIGHT_OF_NOTHING;
    uint8_t *before;

    if (snapshot == NULL)
        return true;
    before = &snapshot->sights[reader->family][reader->key];
    if (*before == SIGHT_NONE)
        *before = sight;
    return *before == sight;
}

static enum sim_reader_result
compare_get(struct sim_reader *reader, const struct sim_model *model, struct model_time now,
            const struct lookup *found, char *text, size_t text_size)
{
    const struct model_time time = reader->snapshot != NULL ? reader->snapshot->time : now;
    const struct model_state *state =
        reader->snapshot != NULL ? &reader->snapshot->state : &model->state;
    const struct model_value value = state->values[reader->family][reader->key];
    const bool is_found = found->kind == LOOKUP_VALUE;

    if ((is_found ? sim_model_may_exist(value, time) && sim_model_is_value(value, found->value)
                  : !sim_model_must_exist(value, time)) &&
        is_as_before(reader, is_found))
        return READER_DONE;
    snprintf(text, text_size,
             "get of family %u key %u%s: found %d, %zu bytes, seq %" PRIu64
             "; expected value %" PRIu64 ", %u bytes until %" PRIu64 " at %" PRIu64
             ", and it has been %" PRIu64,
             reader->family, reader->key, reader->snapshot != NULL ? " at a snapshot" : "",
             is_found, is_found ? found->value.size : 0, found->seq, value.id, value.bytes,
             value.deadline_ms, time.now_ms, time.peak_ms);
    return READER_WRONG;
}

/* The scan stands on a key, or at the end. */
static enum sim_reader_result
compare_scan(struct sim_reader *reader, bool is_found, char *text, size_t text_size)
{
    const int number = is_found ? sim_model_key_number(db_scan_key(reader->scan)) : MODEL_KEY_COUNT;
    const struct model_value *values = reader->expected.values[reader->family];
    uint32_t next = reader->key;

    if (number < (int)reader->key) {
        snprintf(text, text_size, "a scan of family %u comes to %d after %u", reader->family,
                 number, reader->key);
        return READER_WRONG;
    }
    reader->key = (uint32_t)number + 1;
    reader->stage = READER_SCAN_NEXT;
    if (reader->is_unsure)
        return is_found ? READER_GOES_ON : READER_DONE;
    while (next < (uint32_t)number && !sim_model_must_exist(values[next], reader->time))
        next++;
    if (next != (uint32_t)number ||
        (is_found && !sim_model_may_exist(values[next], reader->time))) {
        snprintf(text, text_size, "a scan of family %u comes to key %d instead of %u",
                 reader->family, number, next);
        return READER_WRONG;
    }
    if (is_found && !sim_model_is_value(values[next], db_scan_value(reader->scan))) {
        snprintf(text, text_size,
                 "a scan of family %u key %u: %zu bytes; expected value %" PRIu64 ", %u bytes",
                 reader->family, next, db_scan_value(reader->scan).size, values[next].id,
                 values[next].bytes);
        return READER_WRONG;
    }
    return is_found ? READER_GOES_ON : READER_DONE;
}

static enum kv_status
run_pass(struct sim_reader *reader, struct db *db, struct lookup *found, bool *is_found)
{
    char key[8];

    switch (reader->stage) {
    case READER_GET:
        return db_get(db, &reader->ctx, reader->cf_id, sim_model_key(reader->key, key),
                      reader->snapshot != NULL ? db_snapshot_seq(reader->snapshot->snapshot)
                                               : SEQUENCE_MAX,
                      found);
    case READER_SCAN_SEEK:
        return db_scan_seek(reader->scan, slice_from_text(""), is_found);
    case READER_SCAN_NEXT:
        return db_scan_next(reader->scan, is_found);
    case READER_IDLE:
        break;
    }
    KV_ASSERT(reader->stage != READER_IDLE);
    return KV_INVALID;
}

enum sim_reader_result
sim_reader_step(struct sim_reader *reader, struct db *db, struct sim_model *model, char *text,
                size_t text_size)
{
    struct model_time now;
    struct lookup found;
    bool is_found;
    enum kv_status st;

    if (reader->is_waiting)
        return READER_WAITS;
    db_let_time_pass(db);
    now = sim_model_see_time(model, db_now_ms(db));
    if (reader->snapshot != NULL && reader->snapshot->is_followed)
        db_read_at(db, reader->snapshot->snapshot);
    st = reader->arrived == KV_OK ? run_pass(reader, db, &found, &is_found) : reader->arrived;
    if (st == KV_WANT_BLOCK) {
        reader->is_waiting = true;
        db_fetch(db, &reader->ctx, &reader->waiter);
        return READER_WAITS;
    }
    if (st != KV_OK && reader->may_fail)
        return READER_FAILED;
    if (st != KV_OK) {
        snprintf(text, text_size, "reading family %u at key %u: %s", reader->family, reader->key,
                 kv_status_text(st));
        return READER_WRONG;
    }
    if (reader->stage == READER_GET)
        return compare_get(reader, model, now, &found, text, text_size);
    return compare_scan(reader, is_found, text, text_size);
}
