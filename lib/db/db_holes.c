/* db_holes.c - a short sorted array.
 *
 * A key that is written into a hole cuts it in two, and pieces that are not worth it are dropped;
 * so keys that come back one by one eat a hole up after some hundreds of cuts, not one for each.
 */
#include "db/db_holes.h"

#include "base/assert.h"

static void
hole_deinit(struct db_hole *hole)
{
    buffer_deinit(&hole->begin);
    buffer_deinit(&hole->end);
}

void
db_holes_clear(struct db_holes *holes)
{
    for (uint32_t i = 0; i < holes->count; i++)
        hole_deinit(&holes->items[i]);
    holes->count = 0;
    holes->has_fresh = false;
}

static void
set_key(struct buffer *target, struct slice key)
{
    buffer_clear(target);
    buffer_append_slice(target, key);
}

/* How many holes end before the key or, if `touching`, right behind it. */
static uint32_t
count_before(const struct db_holes *holes, uint32_t cf_id, struct slice key, bool touching)
{
    uint32_t low = 0, high = holes->count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const struct db_hole *hole = &holes->items[middle];
        bool is_before = hole->cf_id < cf_id;

        if (hole->cf_id == cf_id)
            is_before = slice_compare(buffer_slice(&hole->end), key) < (touching ? 0 : 1);
        if (is_before)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void
remove_at(struct db_holes *holes, uint32_t at)
{
    KV_ASSERT(at < holes->count);
    hole_deinit(&holes->items[at]);
    holes->count--;
    memmove(&holes->items[at], &holes->items[at + 1],
            (holes->count - at) * sizeof(holes->items[0]));
}

static void
remove_least(struct db_holes *holes)
{
    uint32_t least = 0;

    KV_ASSERT(holes->count > 0);
    for (uint32_t i = 1; i < holes->count; i++) {
        if (holes->items[i].entry_count < holes->items[least].entry_count)
            least = i;
    }
    remove_at(holes, least);
}

/* Zeroed, in its place; there is room. */
static struct db_hole *
insert_at(struct db_holes *holes, uint32_t at, uint32_t cf_id)
{
    KV_ASSERT(holes->count < HOLE_COUNT_MAX);
    KV_ASSERT(at <= holes->count);
    memmove(&holes->items[at + 1], &holes->items[at],
            (holes->count - at) * sizeof(holes->items[0]));
    holes->count++;
    holes->items[at] = (struct db_hole){.cf_id = cf_id, .used_at = holes->put_count};
    return &holes->items[at];
}

/* Takes the holes that touch [begin, end) out, which grows by them; *at_out: where it belongs. */
static void
swallow(struct db_holes *holes, uint32_t cf_id, struct db_hole *grown, uint32_t *at_out)
{
    const uint32_t at = count_before(holes, cf_id, buffer_slice(&grown->begin), true);

    while (at < holes->count && holes->items[at].cf_id == cf_id) {
        const struct db_hole *hole = &holes->items[at];

        if (slice_compare(buffer_slice(&hole->begin), buffer_slice(&grown->end)) > 0)
            break;
        if (slice_compare(buffer_slice(&hole->begin), buffer_slice(&grown->begin)) < 0)
            set_key(&grown->begin, buffer_slice(&hole->begin));
        if (slice_compare(buffer_slice(&hole->end), buffer_slice(&grown->end)) > 0)
            set_key(&grown->end, buffer_slice(&hole->end));
        if (hole->seq > grown->seq)
            grown->seq = hole->seq;
        if (hole->from_ms > grown->from_ms)
            grown->from_ms = hole->from_ms;
        if (hole->serial > grown->serial)
            grown->serial = hole->serial;
        grown->entry_count += hole->entry_count;
        grown->fresh_count += hole->fresh_count;
        remove_at(holes, at);
    }
    *at_out = at;
}

void
db_holes_add(struct db_holes *holes, uint32_t cf_id, const struct hole_found *found)
{
    struct db_hole grown = {
        .seq = found->seq,
        .from_ms = found->from_ms,
        .serial = found->serial,
        .entry_count = found->entry_count,
        .fresh_count = found->entry_count,
    };
    struct db_hole *hole;
    uint32_t at;

    KV_ASSERT(slice_compare(found->begin, found->end) < 0);
    if (found->begin.size > HOLE_KEY_BYTES_MAX || found->end.size > HOLE_KEY_BYTES_MAX)
        return;
    set_key(&grown.begin, found->begin);
    set_key(&grown.end, found->end);
    swallow(holes, cf_id, &grown, &at);
    if (holes->count == HOLE_COUNT_MAX) {
        remove_least(holes);
        at = count_before(holes, cf_id, buffer_slice(&grown.begin), true);
    }
    hole = insert_at(holes, at, cf_id);
    hole->begin = grown.begin;
    hole->end = grown.end;
    hole->seq = grown.seq;
    hole->from_ms = grown.from_ms;
    hole->serial = grown.serial;
    hole->entry_count = grown.entry_count;
    hole->fresh_count = grown.fresh_count;
    if (hole->fresh_count >= HOLE_LOG_COUNT_MIN)
        holes->has_fresh = true;
}

void
db_holes_all_fresh(struct db_holes *holes)
{
    for (uint32_t i = 0; i < holes->count; i++) {
        holes->items[i].fresh_count = holes->items[i].entry_count;
        if (holes->items[i].fresh_count >= HOLE_LOG_COUNT_MIN)
            holes->has_fresh = true;
    }
}

/* The index of the hole that has the key; false: there is none. */
static bool
index_of(const struct db_holes *holes, uint32_t cf_id, struct slice key, uint32_t *at_out)
{
    const uint32_t at = count_before(holes, cf_id, key, false);

    *at_out = at;
    return at < holes->count && holes->items[at].cf_id == cf_id &&
           slice_compare(buffer_slice(&holes->items[at].begin), key) <= 0;
}

const struct db_hole *
db_holes_find(struct db_holes *holes, uint32_t cf_id, struct slice key,
              const struct hole_view *view)
{
    struct db_hole *hole;
    uint32_t at;

    if (!index_of(holes, cf_id, key, &at))
        return NULL;
    hole = &holes->items[at];
    if (hole->seq > view->seq || hole->from_ms > view->now_ms || hole->serial > view->serial)
        return NULL;
    hole->used_at = holes->put_count;
    return hole;
}

static void
drop_if_empty(struct db_holes *holes, uint32_t at)
{
    const struct db_hole *hole = &holes->items[at];

    if (slice_compare(buffer_slice(&hole->begin), buffer_slice(&hole->end)) >= 0)
        remove_at(holes, at);
}

/* [begin, key) stays where it is, and what is behind the key becomes a hole of its own; a
 * key that is too long to be an end takes all of it along. */
static void
cut(struct db_holes *holes, uint32_t at, struct slice key)
{
    struct db_hole *left = &holes->items[at], *right;
    const uint64_t half = left->entry_count / 2;

    if (half < HOLE_ENTRY_COUNT_MIN || key.size >= HOLE_KEY_BYTES_MAX) {
        remove_at(holes, at);
        return;
    }
    left->entry_count = half;
    left->fresh_count /= 2;
    if (holes->count == HOLE_COUNT_MAX) {
        set_key(&left->end, key);
        drop_if_empty(holes, at);
        return;
    }
    right = insert_at(holes, at + 1, left->cf_id);
    right->end = left->end;
    left->end = (struct buffer){0};
    set_key(&left->end, key);
    set_key(&right->begin, key);
    buffer_append_byte(&right->begin, 0); /* the next possible key */
    right->seq = left->seq;
    right->from_ms = left->from_ms;
    right->serial = left->serial;
    right->entry_count = half;
    right->fresh_count = left->fresh_count;
    drop_if_empty(holes, at + 1);
    drop_if_empty(holes, at);
}

static void
forget_idle(struct db_holes *holes)
{
    for (uint32_t i = holes->count; i > 0; i--) {
        if (holes->put_count - holes->items[i - 1].used_at > HOLE_IDLE_PUT_COUNT)
            remove_at(holes, i - 1);
    }
}

void
db_holes_put(struct db_holes *holes, uint32_t cf_id, struct slice key)
{
    uint32_t at;

    if (holes->count == 0)
        return;
    if (++holes->put_count % (HOLE_IDLE_PUT_COUNT / 8) == 0)
        forget_idle(holes);
    if (index_of(holes, cf_id, key, &at))
        cut(holes, at, key);
}
