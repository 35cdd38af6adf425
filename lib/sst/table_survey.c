/* table_survey.c - questions about many keys of a table that its index and its range tombstones
 * answer: which stretch one tombstone lies over, how large a range is, any key at all.
 */
#include "sst/index_iter.h"
#include "sst/table_reader_internal.h"

enum kv_status
table_reader_stretch(struct table_reader *table, struct read_ctx *ctx, struct slice key,
                     uint64_t seq_max, struct tombstone_stretch *stretch_out)
{
    enum kv_status st = table_open_advance(table, ctx);

    *stretch_out = (struct tombstone_stretch){0};
    if (st == KV_OK && table->tombstones.count > 0)
        range_tombstones_stretch(&table->tombstones, key, seq_max, stretch_out);
    return st;
}

/* Where in the file the first block with keys >= `key` begins, or where the data ends. */
static enum kv_status
offset_of(struct table_reader *table, struct read_ctx *ctx, struct slice key, uint64_t *offset_out)
{
    const struct block_iter *entry;
    struct index_iter index;
    enum kv_status st;

    index_iter_init(&index, table, ctx, false);
    st = index_iter_seek(&index, key, footer_pack(SEQUENCE_MAX, TYPE_SEEK));
    if (st == KV_OK) {
        entry = index_iter_entry(&index);
        *offset_out = entry != NULL ? entry->handle.offset : table->properties.data_bytes;
    }
    index_iter_deinit(&index);
    return st;
}

enum kv_status
table_reader_bytes_between(struct table_reader *table, struct read_ctx *ctx,
                           const struct key_stretch *keys, uint64_t *bytes_out)
{
    uint64_t begin = 0, end;
    enum kv_status st = table_open_advance(table, ctx);

    *bytes_out = 0;
    if (st != KV_OK)
        return st;
    end = table->properties.data_bytes < table->file_bytes ? table->properties.data_bytes
                                                           : table->file_bytes;
    if (keys->has_begin)
        st = offset_of(table, ctx, keys->begin, &begin);
    if (st == KV_OK && keys->has_end)
        st = offset_of(table, ctx, keys->end, &end);
    if (st == KV_OK && end > begin)
        *bytes_out = end - begin;
    return st;
}

/* An entry of the block, by counting. */
static bool
pick_in_block(struct block_iter *data, uint64_t random)
{
    uint64_t count = 1, choice;

    if (!block_iter_seek_first(data))
        return false;
    for (; data->valid && !block_iter_is_last(data); count++) {
        if (!block_iter_next(data))
            return false;
    }
    choice = random % count;
    if (!block_iter_seek_first(data))
        return false;
    for (; data->valid && choice > 0; choice--) {
        if (!block_iter_next(data))
            return false;
    }
    return true;
}

/* One of the entries of an open index block, by its restart points. */
static bool
pick_in_index(struct block_iter *entries, uint64_t random)
{
    struct slice key;

    if (entries->entries_bytes == 0)
        return true;
    if (!block_iter_restart_key(entries, (uint32_t)(random % entries->restart_count), &key))
        return false;
    return block_iter_seek(entries, key, footer_pack(SEQUENCE_MAX, TYPE_SEEK));
}

static enum kv_status
pick_in(struct table_reader *table, struct read_ctx *ctx, struct block_handle handle,
        uint64_t random, struct buffer *user_key)
{
    const struct block_form form = {.check_types = true, .keys_internal = true};
    struct block_iter data;
    struct block *block;
    enum kv_status st = table_block_get(table, ctx, handle, false, &block);

    if (st != KV_OK)
        return st;
    block_iter_init(&data);
    if (!block_iter_open(&data, block->bytes, form) || !pick_in_block(&data, random)) {
        st = table_block_fault(table, handle.offset, &data);
    } else if (data.valid) {
        buffer_clear(user_key);
        buffer_append_slice(user_key, internal_key_user(data.key));
    }
    block_iter_deinit(&data);
    return st;
}

enum kv_status
table_reader_pick(struct table_reader *table, struct read_ctx *ctx, uint64_t random,
                  struct buffer *user_key, bool *found)
{
    struct block_handle handle;
    struct block_iter entries;
    struct block *part;
    enum kv_status st = table_open_advance(table, ctx);

    *found = false;
    if (st != KV_OK)
        return st;
    handle = table->footer.index;
    block_iter_init(&entries);
    if (!block_iter_open(&entries, buffer_slice(&table->index), table->index_form) ||
        !pick_in_index(&entries, random >> 40))
        st = table_block_fault(table, handle.offset, &entries);
    if (st == KV_OK && entries.valid && table->two_level) {
        handle = entries.handle;
        st = table_block_get(table, ctx, handle, false, &part);
        if (st == KV_OK && (!block_iter_open(&entries, part->bytes, table->index_form) ||
                            !pick_in_index(&entries, random >> 20)))
            st = table_block_fault(table, handle.offset, &entries);
    }
    if (st == KV_OK && entries.valid) {
        st = pick_in(table, ctx, entries.handle, random, user_key);
        *found = st == KV_OK;
    }
    block_iter_deinit(&entries);
    return st;
}
