/* Making and encoding version edits.  What we write is the part of the format that every RocksDB
 * since 5.x reads: new files as tag 103 with only custom fields that can be skipped. */
#include "version/version_edit.h"

#include <string.h>

#include "base/alloc.h"
#include "base/coding.h"
#include "version/version_edit_tags.h"

static void
table_meta_deinit(struct table_meta *meta)
{
    buffer_deinit(&meta->smallest);
    buffer_deinit(&meta->largest);
}

void
version_edit_deinit(struct version_edit *edit)
{
    for (uint32_t i = 0; i < edit->add_count; i++)
        table_meta_deinit(&edit->adds[i].meta);
    free(edit->adds);
    free(edit->removes);
    buffer_deinit(&edit->comparator);
    buffer_deinit(&edit->cf_name);
    buffer_deinit(&edit->db_id);
    memset(edit, 0, sizeof(*edit));
}

/* The arrays double whenever their count is a power of two, so no capacity is kept. */
static void *
grow(void *array, uint32_t count, size_t item_bytes)
{
    KV_ASSERT(count < UINT32_MAX / 2);
    if (count != 0 && (count & (count - 1)) != 0)
        return array;
    return kv_realloc(array, (count == 0 ? 1 : (size_t)count * 2) * item_bytes);
}

struct table_meta *
version_edit_add_table(struct version_edit *edit, uint32_t level)
{
    struct table_add *add;

    edit->adds = grow(edit->adds, edit->add_count, sizeof(*edit->adds));
    add = &edit->adds[edit->add_count++];
    memset(add, 0, sizeof(*add));
    add->level = level;
    return &add->meta;
}

void
version_edit_remove_table(struct version_edit *edit, uint32_t level, uint64_t number)
{
    edit->removes = grow(edit->removes, edit->remove_count, sizeof(*edit->removes));
    edit->removes[edit->remove_count++] = (struct table_remove){.level = level, .number = number};
}

static void
put_tag_varint(struct buffer *target, bool has, uint32_t tag, uint64_t value)
{
    if (!has)
        return;
    buffer_put_varint32(target, tag);
    buffer_put_varint64(target, value);
}

static void
put_tag_lstr(struct buffer *target, bool has, uint32_t tag, const struct buffer *bytes)
{
    if (!has)
        return;
    buffer_put_varint32(target, tag);
    buffer_put_lstr(target, buffer_slice(bytes));
}

static void
put_custom_varint(struct buffer *target, uint32_t tag, uint64_t value)
{
    uint8_t bytes[VARINT64_BYTES_MAX];

    buffer_put_varint32(target, tag);
    buffer_put_lstr(target, slice_of(bytes, put_varint64(bytes, value)));
}

/* RocksDB's FileChecksumCrc32c is the unmasked crc in big-endian order. */
static void
put_checksum(struct buffer *target, uint32_t crc)
{
    const uint8_t bytes[4] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8),
                              (uint8_t)crc};

    buffer_put_varint32(target, CUSTOM_CHECKSUM);
    buffer_put_lstr(target, slice_of(bytes, sizeof(bytes)));
    buffer_put_varint32(target, CUSTOM_CHECKSUM_NAME);
    buffer_put_lstr(target, slice_from_text(CHECKSUM_CRC32C_NAME));
}

static void
put_counts(struct buffer *target, const struct table_meta *meta)
{
    uint8_t bytes[2 * VARINT64_BYTES_MAX];
    size_t size = put_varint64(bytes, meta->entry_count);

    size += put_varint64(bytes + size, meta->deletion_count);
    buffer_put_varint32(target, CUSTOM_KVD_COUNTS);
    buffer_put_lstr(target, slice_of(bytes, size));
}

static void
put_deadlines(struct buffer *target, const struct deadlines *deadlines)
{
    uint8_t bytes[4 * VARINT64_BYTES_MAX];
    size_t size = put_varint64(bytes, deadlines->count);

    size += put_varint64(bytes + size, deadlines->oldest_ms);
    size += put_varint64(bytes + size, deadlines->newest_ms);
    size += put_varint64(bytes + size, deadlines->due_ms);
    buffer_put_varint32(target, CUSTOM_KVD_DEADLINES);
    buffer_put_lstr(target, slice_of(bytes, size));
}

static void
put_tombstone_count(struct buffer *target, uint64_t count)
{
    uint8_t bytes[VARINT64_BYTES_MAX];

    buffer_put_varint32(target, CUSTOM_KVD_TOMBSTONES);
    buffer_put_lstr(target, slice_of(bytes, put_varint64(bytes, count)));
}

static void
put_add(struct buffer *target, const struct table_add *add)
{
    const struct table_meta *meta = &add->meta;
    const uint8_t yes = 1;

    KV_ASSERT(meta->smallest.size >= 8 && meta->largest.size >= 8);
    KV_ASSERT(meta->seq_smallest <= meta->seq_largest);
    buffer_put_varint32(target, EDIT_NEW_FILE4);
    buffer_put_varint32(target, add->level);
    buffer_put_varint64(target, meta->number);
    buffer_put_varint64(target, meta->bytes);
    buffer_put_lstr(target, buffer_slice(&meta->smallest));
    buffer_put_lstr(target, buffer_slice(&meta->largest));
    buffer_put_varint64(target, meta->seq_smallest);
    buffer_put_varint64(target, meta->seq_largest);
    if (meta->oldest_ancestor_time_s != 0)
        put_custom_varint(target, CUSTOM_OLDEST_ANCESTOR_TIME, meta->oldest_ancestor_time_s);
    if (meta->creation_time_s != 0)
        put_custom_varint(target, CUSTOM_CREATION_TIME, meta->creation_time_s);
    if (meta->has_checksum)
        put_checksum(target, meta->checksum_crc32c);
    if (meta->marked_for_compaction) {
        buffer_put_varint32(target, CUSTOM_MARKED_FOR_COMPACTION);
        buffer_put_lstr(target, slice_of(&yes, 1));
    }
    if (meta->has_counts)
        put_counts(target, meta);
    if (meta->has_counts && meta->deadlines.count > 0)
        put_deadlines(target, &meta->deadlines);
    if (meta->has_counts && meta->range_tombstone_count > 0)
        put_tombstone_count(target, meta->range_tombstone_count);
    buffer_put_varint32(target, CUSTOM_END);
}

void
version_edit_encode(const struct version_edit *edit, struct buffer *target)
{
    KV_ASSERT(!(edit->is_cf_add && edit->is_cf_drop));
    put_tag_lstr(target, edit->has_db_id, EDIT_DB_ID, &edit->db_id);
    put_tag_lstr(target, edit->has_comparator, EDIT_COMPARATOR, &edit->comparator);
    put_tag_varint(target, edit->has_log_number, EDIT_LOG_NUMBER, edit->log_number);
    put_tag_varint(target, edit->has_prev_log, EDIT_PREV_LOG, edit->prev_log);
    put_tag_varint(target, edit->has_next_file, EDIT_NEXT_FILE, edit->next_file);
    put_tag_varint(target, edit->has_last_seq, EDIT_LAST_SEQ, edit->last_seq);
    put_tag_varint(target, edit->has_max_cf_id, EDIT_MAX_CF_ID, edit->max_cf_id);
    put_tag_varint(target, edit->has_min_log_to_keep, EDIT_MIN_LOG_TO_KEEP, edit->min_log_to_keep);
    for (uint32_t i = 0; i < edit->remove_count; i++) {
        buffer_put_varint32(target, EDIT_DELETED_FILE);
        buffer_put_varint32(target, edit->removes[i].level);
        buffer_put_varint64(target, edit->removes[i].number);
    }
    for (uint32_t i = 0; i < edit->add_count; i++)
        put_add(target, &edit->adds[i]);
    put_tag_varint(target, edit->cf_id != 0, EDIT_CF_ID, edit->cf_id);
    put_tag_lstr(target, edit->is_cf_add, EDIT_CF_ADD, &edit->cf_name);
    if (edit->is_cf_drop)
        buffer_put_varint32(target, EDIT_CF_DROP);
    put_tag_varint(target, edit->in_atomic_group, EDIT_ATOMIC_GROUP, edit->atomic_group_rest);
}
