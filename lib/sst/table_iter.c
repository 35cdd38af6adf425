/* table_iter.c - all point entries of one table, forward.
 *
 * There are two places for a data block and two for an index position.  What a call needs is put
 * together in the spare place while the current one stays as it is, and the places change roles
 * when nothing can fail any more; so a call that wants a block has changed nothing that shows.
 *
 * Invariant while valid: data[data_at] stands on the entry that is shown, and index[index_at] on
 * its block, or, with index_ahead, already on the one behind it.  Every entry that is shown was
 * above the one before it, within blocks and across them, whatever the file says: what stands
 * above (merges, the table builder) relies on it.
 */
#include "base/alloc.h"
#include "sst/index_iter.h"
#include "sst/table_reader_internal.h"

struct table_iter {
    struct iter iter;
    struct table_reader *table; /* a reference */
    struct read_ctx *ctx;       /* borrowed */
    struct index_iter index[2];
    struct block_iter data[2];
    struct block *blocks[2]; /* pinned by ctx; NULL: none */
    uint8_t index_at;
    uint8_t data_at;
    bool index_ahead;
    bool index_ready;     /* the table is open, and index[] initialised */
    struct buffer key;    /* with a global sequence number: the key that is shown */
    struct buffer target; /* likewise: the key to seek */
};

/* Where a seek goes. */
struct seek_target {
    bool first; /* to the beginning; the others are not used */
    struct slice user_key;
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
    ti->index_ahead = false;
    show(ti);
}

static bool
position(struct block_iter *data, const struct seek_target *target)
{
    if (target->first)
        return block_iter_seek_first(data);
    return block_iter_seek(data, target->user_key, target->footer);
}

/* Finds the target in the spare index and the spare block; not found leaves that not valid. */
static enum kv_status
seek_spare(struct table_iter *ti, const struct seek_target *target)
{
    struct index_iter *index = &ti->index[!ti->index_at];
    const struct block_iter *entry;
    const uint8_t place = !ti->data_at;
    enum kv_status st;

    st = target->first ? index_iter_seek_first(index)
                       : index_iter_seek(index, target->user_key, target->footer);
    while (st == KV_OK && (entry = index_iter_entry(index)) != NULL) {
        st = load_block(ti, entry->handle);
        if (st != KV_OK)
            return st;
        if (!position(&ti->data[place], target))
            return data_fault(ti, place);
        if (ti->data[place].valid)
            return KV_OK;
        st = index_iter_next(index);
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
    take_spare(ti);
    return KV_OK;
}

static enum kv_status
table_iter_seek_first(struct iter *iter)
{
    const struct seek_target target = {.first = true};

    return seek_to(table_iter_of(iter), &target);
}

/* The stored keys all have sequence 0, so what the target's sequence means is decided here. */
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
    buffer_clear(&ti->target);
    buffer_append_slice(&ti->target, target->user_key);
    buffer_append_byte(&ti->target, 0); /* the next possible user key */
    target->user_key = buffer_slice(&ti->target);
}

static enum kv_status
table_iter_seek(struct iter *iter, struct slice target_key)
{
    struct table_iter *ti = table_iter_of(iter);
    struct seek_target target;
    enum kv_status st = prepare(ti);

    KV_ASSERT(target_key.size >= KEY_FOOTER_BYTES);
    if (st != KV_OK)
        return st;
    target = (struct seek_target){.user_key = internal_key_user(target_key),
                                  .footer = internal_key_footer(target_key)};
    if (ti->table->has_global_seq)
        translate_target(ti, &target);
    return seek_to(ti, &target);
}

/* The first entry of the next block, in the spare place. */
static enum kv_status
enter_next_block(struct table_iter *ti, struct block_handle handle)
{
    const uint8_t place = !ti->data_at;
    enum kv_status st = load_block(ti, handle);

    if (st != KV_OK)
        return st;
    if (!block_iter_seek_first(&ti->data[place]))
        return data_fault(ti, place);
    if (!ti->data[place].valid)
        return KV_FAIL(KV_CORRUPT, "table %s: block at %llu is empty", ti->table->path,
                       (unsigned long long)handle.offset);
    if (internal_key_compare(ti->data[ti->data_at].key, ti->data[place].key) >= 0)
        return KV_FAIL(KV_CORRUPT, "table %s: block at %llu begins before the last one ends",
                       ti->table->path, (unsigned long long)handle.offset);
    return KV_OK;
}

static enum kv_status
table_iter_next(struct iter *iter)
{
    struct table_iter *ti = table_iter_of(iter);
    struct block_iter *data = &ti->data[ti->data_at];
    const struct block_iter *entry;
    enum kv_status st;

    KV_ASSERT(iter->valid);
    KV_ASSERT(data->valid);
    if (!block_iter_is_last(data)) {
        if (!block_iter_next(data))
            return data_fault(ti, ti->data_at);
        show(ti);
        return KV_OK;
    }
    if (!ti->index_ahead) {
        st = index_iter_next(&ti->index[ti->index_at]);
        if (st != KV_OK)
            return st;
        ti->index_ahead = true;
    }
    entry = index_iter_entry(&ti->index[ti->index_at]);
    if (entry == NULL) {
        let_go(ti, !ti->data_at);
    } else {
        st = enter_next_block(ti, entry->handle);
        if (st != KV_OK)
            return st;
    }
    take_spare(ti);
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
    table_reader_unref(ti->table);
    free(ti);
}

static const struct iter_ops table_iter_ops = {
    .seek_first = table_iter_seek_first,
    .seek = table_iter_seek,
    .next = table_iter_next,
    .free = table_iter_free,
};

struct iter *
table_iter_new(struct table_reader *table, struct read_ctx *ctx)
{
    struct table_iter *ti = kv_alloc_zero(sizeof(*ti));

    KV_ASSERT(ctx != NULL);
    ti->iter.ops = &table_iter_ops;
    ti->table = table;
    ti->ctx = ctx;
    table_reader_ref(table);
    for (size_t i = 0; i < 2; i++)
        block_iter_init(&ti->data[i]);
    return &ti->iter;
}
