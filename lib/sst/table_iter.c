/* table_iter.c - all point entries of one table, in both directions.
 *
 * There are two places for a data block and two for an index position.  What a call needs is put
 * together in the spare place while the current one stays as it is, and the places change roles
 * when nothing can fail any more; so a call that wants a block has changed nothing that shows.
 *
 * Invariant while valid: data[data_at] stands on the entry that is shown, and index[index_at] on
 * its block, or, as index_lead says, already on (or on its way to) the one behind or before it; a
 * step in the other direction then is a seek.  Every entry that is shown was above the one before
 * it, within blocks and across them, whatever the file says: what stands above (merges, the table
 * builder) relies on it.
 */
#include "base/alloc.h"
#include "sst/index_iter.h"
#include "sst/table_reader_internal.h"

enum index_lead { LEAD_NONE, LEAD_NEXT, LEAD_PREV };

struct table_iter {
    struct iter iter;
    struct table_reader *table; /* a reference */
    struct read_ctx *ctx;       /* borrowed */
    struct iter_scope *scope;   /* borrowed; NULL: everything */
    struct index_iter index[2];
    struct block_iter data[2];
    struct block *blocks[2]; /* pinned by ctx; NULL: none */
    uint8_t index_at;
    uint8_t data_at;
    uint8_t index_lead;     /* enum index_lead */
    bool lead_arrived;      /* the index has got there; else that step is to be made again */
    bool index_ready;       /* the table is open, and index[] initialised */
    uint64_t run_bytes;     /* of the blocks that were entered one after another */
    struct buffer key;      /* with a global sequence number: the key that is shown */
    struct buffer target;   /* likewise: the key to seek */
    struct buffer turn_key; /* where the iterator turns round */
};

enum seek_kind { SEEK_FIRST, SEEK_LAST, SEEK_AT_OR_AFTER, SEEK_AT_OR_BEFORE };

/* Where a seek goes. */
struct seek_target {
    enum seek_kind kind;
    struct slice user_key; /* of the last two kinds */
    uint64_t footer;
};

static struct table_iter *
table_iter_of(struct iter *iter)
{
    return KV_CONTAINER_OF(iter, struct table_iter, iter);
}

static void
let_go(struct table_iter *ti, uint8_t place)
{
    if (ti->blocks[place] != NULL)
        read_ctx_unpin(ti->ctx, ti->blocks[place]);
    ti->blocks[place] = NULL;
    ti->data[place].valid = false;
}

static enum kv_status
prepare(struct table_iter *ti)
{
    enum kv_status st;

    if (ti->index_ready)
        return KV_OK;
    st = table_open_advance(ti->table, ti->ctx);
    if (st != KV_OK)
        return st;
    for (size_t i = 0; i < 2; i++)
        index_iter_init(&ti->index[i], ti->table, ti->ctx, true);
    ti->index_ready = true;
    return KV_OK;
}

static enum kv_status
data_fault(const struct table_iter *ti, uint8_t place)
{
    return table_block_fault(ti->table, ti->blocks[place]->id.offset, &ti->data[place]);
}

/* Into the spare place, not positioned. */
static enum kv_status
load_block(struct table_iter *ti, struct block_handle handle)
{
    const struct block_form form = {
        .check_order = true,
        .check_types = true,
        .check_seq_zero = ti->table->has_global_seq,
        .keys_internal = true,
    };
    const uint8_t place = !ti->data_at;
    enum kv_status st;

    let_go(ti, place);
    st = table_block_get(ti->table, ti->ctx, handle, true, &ti->blocks[place]);
    if (st != KV_OK)
        return st;
    if (ti->scope != NULL)
        ti->scope->block_bytes += ti->blocks[place]->bytes.size;
    if (!block_iter_open(&ti->data[place], ti->blocks[place]->bytes, form))
        return data_fault(ti, place);
    return KV_OK;
}

/* Makes the iterator's key and value those of the current entry. */
static void
show(struct table_iter *ti)
{
    const struct block_iter *data = &ti->data[ti->data_at];
    uint64_t footer;

    ti->iter.valid = data->valid;
    if (!data->valid)
        return;
    ti->iter.key = data->key;
    ti->iter.value = data->value;
    if (!ti->table->has_global_seq)
        return;
    footer = (ti->table->global_seq << 8) | (internal_key_footer(data->key) & 0xff);
    buffer_clear(&ti->key);
    buffer_append_slice(&ti->key, internal_key_user(data->key));
    buffer_put_fixed64(&ti->key, footer);
    ti->iter.key = buffer_slice(&ti->key);
}

/* The spare block becomes the current one. */
static void
take_spare(struct table_iter *ti)
{
    let_go(ti, ti->data_at);
    ti->data_at = !ti->data_at;
    ti->index_lead = LEAD_NONE;
    if (ti->blocks[ti->data_at] != NULL)
        ti->run_bytes += ti->blocks[ti->data_at]->bytes.size;
    show(ti);
}

/* No key of an index entry's block is above this user key, and none of the blocks behind it is
 * below. */
static struct slice
separator(const struct table_iter *ti, const struct block_iter *entry)
{
    return ti->table->index_form.keys_internal ? internal_key_user(entry->key) : entry->key;
}

/* Whether nothing behind this entry's block, or nothing in it and before it, is in the scope. */
static bool
is_beyond(const struct table_iter *ti, const struct block_iter *entry, bool forward)
{
    if (ti->scope == NULL)
        return false;
    if (forward)
        return ti->scope->has_upper && slice_compare(separator(ti, entry), ti->scope->upper) >= 0;
    return slice_compare(separator(ti, entry), ti->scope->lower) < 0;
}

static bool
position(struct block_iter *data, const struct seek_target *target)
{
    switch (target->kind) {
    case SEEK_FIRST:
        return block_iter_seek_first(data);
    case SEEK_LAST:
        return block_iter_seek_last(data);
    case SEEK_AT_OR_AFTER:
        return block_iter_seek(data, target->user_key, target->footer);
    case SEEK_AT_OR_BEFORE:
        return block_iter_seek_for_prev(data, target->user_key, target->footer);
    }
    KV_ASSERT(false && "a seek of no kind");
    return false;
}

/* To the first block that may have the target. */
static enum kv_status
position_index(struct index_iter *index, const struct seek_target *target)
{
    enum kv_status st;

    switch (target->kind) {
    case SEEK_FIRST:
        return index_iter_seek_first(index);
    case SEEK_LAST:
        return index_iter_seek_last(index);
    default:
        break;
    }
    st = index_iter_seek(index, target->user_key, target->footer);
    if (st == KV_OK && target->kind == SEEK_AT_OR_BEFORE && index_iter_entry(index) == NULL)
        st = index_iter_seek_last(index);
    return st;
}

/* Finds the target in the spare index and the spare block; not found leaves that not valid. */
static enum kv_status
seek_spare(struct table_iter *ti, const struct seek_target *target)
{
    const bool forward = target->kind == SEEK_FIRST || target->kind == SEEK_AT_OR_AFTER;
    struct index_iter *index = &ti->index[!ti->index_at];
    const struct block_iter *entry;
    const uint8_t place = !ti->data_at;
    enum kv_status st = position_index(index, target);

    while (st == KV_OK && (entry = index_iter_entry(index)) != NULL) {
        if (!forward && is_beyond(ti, entry, false))
            break;
        st = load_block(ti, entry->handle);
        if (st != KV_OK)
            return st;
        if (!position(&ti->data[place], target))
            return data_fault(ti, place);
        if (ti->data[place].valid)
            return KV_OK;
        if (forward && is_beyond(ti, entry, true))
            break;
        st = forward ? index_iter_next(index) : index_iter_prev(index);
    }
    if (st == KV_OK)
        let_go(ti, place);
    return st;
}

static enum kv_status
seek_to(struct table_iter *ti, const struct seek_target *target)
{
    enum kv_status st = prepare(ti);

    if (st == KV_OK)
        st = seek_spare(ti, target);
    if (st != KV_OK)
        return st;
    ti->index_at = !ti->index_at;
    ti->run_bytes = 0;
    take_spare(ti);
    return KV_OK;
}

static enum kv_status
table_iter_seek_first(struct iter *iter)
{
    const struct seek_target target = {.kind = SEEK_FIRST};

    return seek_to(table_iter_of(iter), &target);
}

static enum kv_status
table_iter_seek_last(struct iter *iter)
{
    const struct seek_target target = {.kind = SEEK_LAST};

    return seek_to(table_iter_of(iter), &target);
}

/* The stored keys all have sequence 0, so what the target's sequence means is decided here: the
 * table's versions come before, at or behind it. */
static void
translate_target(struct table_iter *ti, struct seek_target *target)
{
    const uint64_t seq = target->footer >> 8;

    if (seq == ti->table->global_seq) {
        target->footer &= 0xff;
        return;
    }
    target->footer = footer_pack(SEQUENCE_MAX, TYPE_SEEK);
    if (seq > ti->table->global_seq)
        return;
    if (target->kind == SEEK_AT_OR_BEFORE) {
        target->footer = 0;
        return;
    }
    buffer_clear(&ti->target);
    buffer_append_slice(&ti->target, target->user_key);
    buffer_append_byte(&ti->target, 0); /* the next possible user key */
    target->user_key = buffer_slice(&ti->target);
}

static enum kv_status
seek_key(struct table_iter *ti, enum seek_kind kind, struct slice target_key)
{
    struct seek_target target;
    enum kv_status st = prepare(ti);

    KV_ASSERT(target_key.size >= KEY_FOOTER_BYTES);
    if (st != KV_OK)
        return st;
    target = (struct seek_target){.kind = kind,
                                  .user_key = internal_key_user(target_key),
                                  .footer = internal_key_footer(target_key)};
    if (ti->table->has_global_seq)
        translate_target(ti, &target);
    return seek_to(ti, &target);
}

static enum kv_status
table_iter_seek(struct iter *iter, struct slice target)
{
    return seek_key(table_iter_of(iter), SEEK_AT_OR_AFTER, target);
}

static enum kv_status
table_iter_seek_for_prev(struct iter *iter, struct slice target)
{
    return seek_key(table_iter_of(iter), SEEK_AT_OR_BEFORE, target);
}

/* Wants, or finds, the blocks behind a missing one, by means of the spare index.  A failure here
 * will be met again when it matters. */
static void
want_ahead(struct table_iter *ti, bool forward)
{
    const struct block_iter *current = index_iter_entry(&ti->index[ti->index_at]);
    struct index_iter *index = &ti->index[!ti->index_at];
    const struct block_iter *entry;
    uint64_t rest = ti->run_bytes;
    enum kv_status st;

    if (ti->scope == NULL || ti->scope->ahead_bytes_max == 0)
        return;
    if (rest > ti->scope->ahead_bytes_max)
        rest = ti->scope->ahead_bytes_max;
    st = index_iter_seek(index, separator(ti, current),
                         ti->table->index_form.keys_internal ? internal_key_footer(current->key)
                                                             : 0);
    while (st == KV_OK && (entry = index_iter_entry(index)) != NULL) {
        struct block *block;

        if (rest < entry->handle.size || read_ctx_wants_enough(ti->ctx) ||
            is_beyond(ti, entry, forward))
            break;
        rest -= entry->handle.size;
        st = forward ? index_iter_next(index) : index_iter_prev(index);
        if (st != KV_OK || (entry = index_iter_entry(index)) == NULL ||
            (!forward && is_beyond(ti, entry, false)))
            break;
        st = table_block_get(ti->table, ti->ctx, entry->handle, true, &block);
        if (st == KV_OK)
            read_ctx_unpin(ti->ctx, block);
        else if (st == KV_WANT_BLOCK)
            st = KV_OK;
    }
}

/* The entry of the neighbouring block that is next to ours, in the spare place. */
static enum kv_status
enter_block(struct table_iter *ti, struct block_handle handle, bool forward)
{
    const uint8_t place = !ti->data_at;
    struct block_iter *data = &ti->data[place];
    enum kv_status st = load_block(ti, handle);
    int order;

    if (st == KV_WANT_BLOCK)
        want_ahead(ti, forward);
    if (st != KV_OK)
        return st;
    if (!(forward ? block_iter_seek_first(data) : block_iter_seek_last(data)))
        return data_fault(ti, place);
    if (!data->valid)
        return KV_FAIL(KV_CORRUPT, "table %s: block at %llu is empty", ti->table->path,
                       (unsigned long long)handle.offset);
    order = internal_key_compare(ti->data[ti->data_at].key, data->key);
    if (forward ? order >= 0 : order <= 0)
        return KV_FAIL(KV_CORRUPT, "table %s: block at %llu overlaps its neighbour",
                       ti->table->path, (unsigned long long)handle.offset);
    return KV_OK;
}

static void
end_here(struct table_iter *ti)
{
    let_go(ti, !ti->data_at);
    take_spare(ti);
}

/* The index is on its way in the other direction: finds the neighbour of the current entry anew. */
static enum kv_status
turn_round(struct table_iter *ti, bool forward)
{
    const struct slice key = ti->data[ti->data_at].key;
    const uint64_t footer = internal_key_footer(key);
    struct seek_target target = {.kind = forward ? SEEK_AT_OR_AFTER : SEEK_AT_OR_BEFORE};

    /* The least key above the current one, or the greatest below it. */
    buffer_clear(&ti->turn_key);
    buffer_append_slice(&ti->turn_key, internal_key_user(key));
    if (forward && footer == 0) {
        buffer_append_byte(&ti->turn_key, 0);
        target.footer = UINT64_MAX;
    } else if (forward) {
        target.footer = footer - 1;
    } else {
        KV_ASSERT(footer < UINT64_MAX); /* a known type was checked */
        target.footer = footer + 1;
    }
    target.user_key = buffer_slice(&ti->turn_key);
    return seek_to(ti, &target);
}

/* From the last entry of a block to the first one of the next, or the other way round. */
static enum kv_status
cross_border(struct table_iter *ti, bool forward)
{
    const enum index_lead lead = forward ? LEAD_NEXT : LEAD_PREV;
    struct index_iter *index = &ti->index[ti->index_at];
    const struct block_iter *entry;
    enum kv_status st;

    if (ti->index_lead == LEAD_NONE) {
        if (forward && is_beyond(ti, index_iter_entry(index), true)) {
            end_here(ti);
            return KV_OK;
        }
        ti->index_lead = (uint8_t)lead;
        ti->lead_arrived = false;
    }
    if (ti->index_lead != lead)
        return turn_round(ti, forward);
    if (!ti->lead_arrived) {
        st = forward ? index_iter_next(index) : index_iter_prev(index);
        if (st != KV_OK)
            return st;
        ti->lead_arrived = true;
    }
    entry = index_iter_entry(index);
    if (entry == NULL || (!forward && is_beyond(ti, entry, false))) {
        end_here(ti);
        return KV_OK;
    }
    st = enter_block(ti, entry->handle, forward);
    if (st == KV_OK)
        take_spare(ti);
    return st;
}

static enum kv_status
table_iter_next(struct iter *iter)
{
    struct table_iter *ti = table_iter_of(iter);
    struct block_iter *data = &ti->data[ti->data_at];

    KV_ASSERT(iter->valid);
    KV_ASSERT(data->valid);
    if (block_iter_is_last(data))
        return cross_border(ti, true);
    if (!block_iter_next(data))
        return data_fault(ti, ti->data_at);
    show(ti);
    return KV_OK;
}

static enum kv_status
table_iter_prev(struct iter *iter)
{
    struct table_iter *ti = table_iter_of(iter);
    struct block_iter *data = &ti->data[ti->data_at];

    KV_ASSERT(iter->valid);
    KV_ASSERT(data->valid);
    if (block_iter_is_first(data))
        return cross_border(ti, false);
    if (!block_iter_prev(data)) {
        iter->valid = false;
        return data_fault(ti, ti->data_at);
    }
    show(ti);
    return KV_OK;
}

static void
table_iter_free(struct iter *iter)
{
    struct table_iter *ti = table_iter_of(iter);

    for (uint8_t i = 0; i < 2; i++) {
        let_go(ti, i);
        block_iter_deinit(&ti->data[i]);
        if (ti->index_ready)
            index_iter_deinit(&ti->index[i]);
    }
    buffer_deinit(&ti->key);
    buffer_deinit(&ti->target);
    buffer_deinit(&ti->turn_key);
    table_reader_unref(ti->table);
    free(ti);
}

static const struct iter_ops table_iter_ops = {
    .seek_first = table_iter_seek_first,
    .seek_last = table_iter_seek_last,
    .seek = table_iter_seek,
    .seek_for_prev = table_iter_seek_for_prev,
    .next = table_iter_next,
    .prev = table_iter_prev,
    .free = table_iter_free,
};

struct iter *
table_iter_new_in(struct table_reader *table, struct read_ctx *ctx, struct iter_scope *scope)
{
    struct table_iter *ti = kv_alloc_zero(sizeof(*ti));

    KV_ASSERT(ctx != NULL);
    ti->iter.ops = &table_iter_ops;
    ti->table = table;
    ti->ctx = ctx;
    ti->scope = scope;
    table_reader_ref(table);
    for (size_t i = 0; i < 2; i++)
        block_iter_init(&ti->data[i]);
    return &ti->iter;
}

struct iter *
table_iter_new(struct table_reader *table, struct read_ctx *ctx)
{
    return table_iter_new_in(table, ctx, NULL);
}
