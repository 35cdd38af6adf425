/* One MANIFEST record into a version_edit.  The tags come in any order, and the family that the
 * file entries belong to usually comes after them, so nothing is acted upon here: the whole edit
 * is taken apart first.  Whatever would change the meaning of stored data and is not understood
 * is refused by name. */
#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/coding.h"
#include "base/limits.h"
#include "version/version_edit.h"
#include "version/version_edit_tags.h"

static enum kv_status
truncated(const char *what)
{
    return KV_FAIL(KV_CORRUPT, "MANIFEST record: %s is cut short or malformed", what);
}

static enum kv_status
refused(const char *feature)
{
    return KV_FAIL(KV_UNSUPPORTED, "the MANIFEST uses %s, which kvd does not support", feature);
}

static enum kv_status
take_varint64(struct slice *input, const char *what, bool *has, uint64_t *value_out)
{
    if (!get_varint64(input, value_out))
        return truncated(what);
    *has = true;
    return KV_OK;
}

static enum kv_status
take_text(struct slice *input, const char *what, bool *has, struct buffer *value)
{
    struct slice bytes;

    if (!get_lstr(input, &bytes))
        return truncated(what);
    buffer_clear(value);
    buffer_append_slice(value, bytes);
    *has = true;
    return KV_OK;
}

static enum kv_status
take_level(struct slice *input, uint32_t *level_out)
{
    if (!get_varint32(input, level_out))
        return truncated("a level");
    if (*level_out >= LEVEL_COUNT)
        return KV_FAIL(KV_UNSUPPORTED, "the MANIFEST uses level %" PRIu32 "; kvd has %d levels",
                       *level_out, LEVEL_COUNT);
    return KV_OK;
}

static enum kv_status
take_min_log(uint64_t number, struct version_edit *edit)
{
    if (!edit->has_min_log_to_keep || number > edit->min_log_to_keep)
        edit->min_log_to_keep = number;
    edit->has_min_log_to_keep = true;
    return KV_OK;
}

struct custom_checksum {
    struct slice bytes;
    struct slice name;
};

/* A field of somebody else's under our number is not an error, and says nothing. */
static void
take_counts(struct slice value, struct table_meta *meta)
{
    uint64_t entry_count, deletion_count;

    if (!get_varint64(&value, &entry_count) || !get_varint64(&value, &deletion_count) ||
        value.size > 0 || entry_count > TABLE_ENTRY_COUNT_MAX || deletion_count > entry_count)
        return;
    meta->has_counts = true;
    meta->entry_count = entry_count;
    meta->deletion_count = deletion_count;
}

static void
take_deadlines(struct slice value, struct table_meta *meta)
{
    struct deadlines *deadlines = &meta->deadlines;

    if (!get_varint64(&value, &deadlines->count) || !get_varint64(&value, &deadlines->oldest_ms) ||
        !get_varint64(&value, &deadlines->newest_ms) || !get_varint64(&value, &deadlines->due_ms) ||
        value.size > 0)
        deadlines->count = UINT64_MAX; /* possible for no table */
}

static void
take_tombstone_count(struct slice value, struct table_meta *meta)
{
    if (!get_varint64(&value, &meta->range_tombstone_count) || value.size > 0)
        meta->range_tombstone_count = UINT64_MAX; /* possible for no table */
}

static enum kv_status
take_custom_field(uint32_t tag, struct slice value, struct version_edit *edit,
                  struct table_meta *meta, struct custom_checksum *checksum)
{
    uint64_t number;

    switch (tag) {
    case CUSTOM_MARKED_FOR_COMPACTION:
        if (value.size != 1)
            return truncated("a compaction mark");
        meta->marked_for_compaction = value.data[0] == 1;
        return KV_OK;
    case CUSTOM_MIN_LOG_TO_KEEP:
        return get_fixed64(&value, &number) ? take_min_log(number, edit)
                                            : truncated("a min log number");
    case CUSTOM_OLDEST_BLOB:
        return refused("blob files");
    case CUSTOM_OLDEST_ANCESTOR_TIME:
        return get_varint64(&value, &meta->oldest_ancestor_time_s) ? KV_OK
                                                                   : truncated("an ancestor time");
    case CUSTOM_CREATION_TIME:
        return get_varint64(&value, &meta->creation_time_s) ? KV_OK : truncated("a creation time");
    case CUSTOM_CHECKSUM:
        checksum->bytes = value;
        return KV_OK;
    case CUSTOM_CHECKSUM_NAME:
        checksum->name = value;
        return KV_OK;
    case CUSTOM_KVD_COUNTS:
        take_counts(value, meta);
        return KV_OK;
    case CUSTOM_KVD_DEADLINES:
        take_deadlines(value, meta);
        return KV_OK;
    case CUSTOM_KVD_TOMBSTONES:
        take_tombstone_count(value, meta);
        return KV_OK;
    case CUSTOM_PATH_ID:
        if (value.size != 1)
            return truncated("a path id");
        return value.data[0] == 0 ? KV_OK : refused("several data paths (db_paths)");
    default:
        if ((tag & CUSTOM_MUST_UNDERSTAND_BIT) != 0)
            return KV_FAIL(KV_UNSUPPORTED,
                           "the MANIFEST has a file entry with the unknown field %" PRIu32, tag);
        return KV_OK;
    }
}

static void
settle_checksum(const struct custom_checksum *checksum, struct table_meta *meta)
{
    const uint8_t *bytes = checksum->bytes.data;

    if (checksum->bytes.size != 4 ||
        !slice_equal(checksum->name, slice_from_text(CHECKSUM_CRC32C_NAME)))
        return;
    meta->has_checksum = true;
    meta->checksum_crc32c = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
                            (uint32_t)bytes[2] << 8 | (uint32_t)bytes[3];
}

/* Fields of which one is impossible are somebody else's. */
static void
settle_counts(struct table_meta *meta)
{
    meta->has_counts =
        meta->has_counts && meta->range_tombstone_count <= meta->deletion_count &&
        deadlines_are_possible(&meta->deadlines, meta->entry_count, meta->deletion_count);
    if (meta->has_counts)
        return;
    meta->deadlines = (struct deadlines){0};
    meta->range_tombstone_count = 0;
}

static enum kv_status
take_custom_fields(struct slice *input, struct version_edit *edit, struct table_meta *meta)
{
    struct custom_checksum checksum = {0};
    enum kv_status st;

    for (;;) {
        struct slice value;
        uint32_t tag;

        if (!get_varint32(input, &tag))
            return truncated("a file entry");
        if (tag == CUSTOM_END)
            break;
        if (!get_lstr(input, &value))
            return truncated("a field of a file entry");
        st = take_custom_field(tag, value, edit, meta, &checksum);
        if (st != KV_OK)
            return st;
    }
    settle_checksum(&checksum, meta);
    settle_counts(meta);
    return KV_OK;
}

static enum kv_status
take_file_bounds(struct slice *input, struct table_meta *meta)
{
    struct slice smallest, largest;

    if (!get_varint64(input, &meta->bytes) || !get_lstr(input, &smallest) ||
        !get_lstr(input, &largest) || !get_varint64(input, &meta->seq_smallest) ||
        !get_varint64(input, &meta->seq_largest))
        return truncated("a file entry");
    if (smallest.size < 8 || largest.size < 8)
        return KV_FAIL(KV_CORRUPT,
                       "MANIFEST: the bounds of table %" PRIu64 " are not internal keys",
                       meta->number);
    if (meta->seq_smallest > meta->seq_largest || meta->seq_largest > SEQUENCE_MAX)
        return KV_FAIL(KV_CORRUPT,
                       "MANIFEST: table %" PRIu64 " has the sequences %" PRIu64 "..%" PRIu64,
                       meta->number, meta->seq_smallest, meta->seq_largest);
    buffer_append_slice(&meta->smallest, smallest);
    buffer_append_slice(&meta->largest, largest);
    return KV_OK;
}

/* Tags 100, 102 and 103. */
static enum kv_status
take_new_file(struct slice *input, uint32_t tag, struct version_edit *edit)
{
    struct table_meta *meta;
    uint32_t level, path_id;
    enum kv_status st = take_level(input, &level);

    if (st != KV_OK)
        return st;
    meta = version_edit_add_table(edit, level);
    if (!get_varint64(input, &meta->number))
        return truncated("a file number");
    if (tag == EDIT_NEW_FILE3) {
        if (!get_varint32(input, &path_id))
            return truncated("a path id");
        if (path_id != 0)
            return refused("several data paths (db_paths)");
    }
    st = take_file_bounds(input, meta);
    if (st == KV_OK && tag == EDIT_NEW_FILE4)
        st = take_custom_fields(input, edit, meta);
    return st;
}

static enum kv_status
take_deleted_file(struct slice *input, struct version_edit *edit)
{
    uint64_t number;
    uint32_t level;
    enum kv_status st = take_level(input, &level);

    if (st != KV_OK)
        return st;
    if (!get_varint64(input, &number))
        return truncated("a file number");
    version_edit_remove_table(edit, level, number);
    return KV_OK;
}

/* RocksDB's former WAL tracking: number, then (tag 2, synced size)* and tag 1. */
static enum kv_status
skip_wal_addition(struct slice *input)
{
    uint64_t number;
    uint32_t tag;

    if (!get_varint64(input, &number))
        return truncated("a WAL addition");
    for (;;) {
        if (!get_varint32(input, &tag))
            return truncated("a WAL addition");
        if (tag == 1)
            return KV_OK;
        if (tag != 2 || !get_varint64(input, &number))
            return truncated("a WAL addition");
    }
}

static enum kv_status
skip_compact_cursor(struct slice *input)
{
    struct slice key;
    uint32_t level;
    enum kv_status st = take_level(input, &level);

    if (st != KV_OK)
        return st;
    return get_lstr(input, &key) ? KV_OK : truncated("a compaction cursor");
}

static enum kv_status
take_family_tag(uint32_t tag, struct slice *input, struct version_edit *edit)
{
    enum kv_status st;

    switch (tag) {
    case EDIT_CF_ID:
        return get_varint32(input, &edit->cf_id) ? KV_OK : truncated("a column family id");
    case EDIT_CF_ADD:
        st = take_text(input, "a column family name", &edit->is_cf_add, &edit->cf_name);
        if (st != KV_OK)
            return st;
        if (edit->cf_name.size > COLUMN_FAMILY_NAME_BYTES_MAX ||
            (edit->cf_name.size > 0 && memchr(edit->cf_name.data, 0, edit->cf_name.size) != NULL))
            return refused("a column family name of more than 255 bytes or with a zero in it");
        return KV_OK;
    case EDIT_CF_DROP:
        edit->is_cf_drop = true;
        return KV_OK;
    default:
        edit->has_max_cf_id = true;
        return get_varint32(input, &edit->max_cf_id) ? KV_OK : truncated("a column family id");
    }
}

static enum kv_status
take_scalar_tag(uint32_t tag, struct slice *input, struct version_edit *edit)
{
    bool ignored;
    uint64_t number;

    switch (tag) {
    case EDIT_COMPARATOR:
        return take_text(input, "a comparator", &edit->has_comparator, &edit->comparator);
    case EDIT_LOG_NUMBER:
        return take_varint64(input, "a log number", &edit->has_log_number, &edit->log_number);
    case EDIT_NEXT_FILE:
        return take_varint64(input, "the next file", &edit->has_next_file, &edit->next_file);
    case EDIT_LAST_SEQ:
        return take_varint64(input, "the last sequence", &edit->has_last_seq, &edit->last_seq);
    case EDIT_PREV_LOG:
        return take_varint64(input, "the previous log", &edit->has_prev_log, &edit->prev_log);
    case EDIT_DB_ID:
        return take_text(input, "the database id", &edit->has_db_id, &edit->db_id);
    case EDIT_WAL_DELETE_OLD:
        return take_varint64(input, "a WAL deletion", &ignored, &number);
    case EDIT_ATOMIC_GROUP:
        edit->in_atomic_group = true;
        return get_varint32(input, &edit->atomic_group_rest) ? KV_OK : truncated("an atomic group");
    default:
        KV_ASSERT(tag == EDIT_MIN_LOG_TO_KEEP);
        return get_varint64(input, &number) ? take_min_log(number, edit)
                                            : truncated("a min log number");
    }
}

static enum kv_status
take_other_tag(uint32_t tag, struct slice *input)
{
    struct slice bytes;

    if ((tag & EDIT_SKIPPABLE_BIT) == 0)
        return KV_FAIL(KV_UNSUPPORTED, "the MANIFEST has a record with the unknown tag %" PRIu32,
                       tag);
    if (!get_lstr(input, &bytes))
        return truncated("a field");
    if (tag == EDIT_FULL_HISTORY_TS_LOW && bytes.size > 0)
        return refused("user timestamps");
    return KV_OK;
}

static enum kv_status
take_tag(uint32_t tag, struct slice *input, struct version_edit *edit)
{
    switch (tag) {
    case EDIT_COMPARATOR:
    case EDIT_LOG_NUMBER:
    case EDIT_NEXT_FILE:
    case EDIT_LAST_SEQ:
    case EDIT_PREV_LOG:
    case EDIT_MIN_LOG_TO_KEEP:
    case EDIT_DB_ID:
    case EDIT_WAL_DELETE_OLD:
    case EDIT_ATOMIC_GROUP:
        return take_scalar_tag(tag, input, edit);
    case EDIT_CF_ID:
    case EDIT_CF_ADD:
    case EDIT_CF_DROP:
    case EDIT_MAX_CF_ID:
        return take_family_tag(tag, input, edit);
    case EDIT_COMPACT_CURSOR:
        return skip_compact_cursor(input);
    case EDIT_DELETED_FILE:
        return take_deleted_file(input, edit);
    case EDIT_NEW_FILE_LEVELDB:
        return refused("file entries of LevelDB's form");
    case EDIT_NEW_FILE2:
    case EDIT_NEW_FILE3:
    case EDIT_NEW_FILE4:
        return take_new_file(input, tag, edit);
    case EDIT_BLOB_ADD_OLD:
    case EDIT_BLOB_ADD:
    case EDIT_BLOB_GARBAGE_OLD:
    case EDIT_BLOB_GARBAGE:
        return refused("blob files");
    case EDIT_WAL_ADD_OLD:
        return skip_wal_addition(input);
    default:
        return take_other_tag(tag, input);
    }
}

enum kv_status
version_edit_decode(struct slice encoded, struct version_edit *edit)
{
    struct slice input = encoded;
    enum kv_status st;
    uint32_t tag;

    KV_ASSERT(edit->add_count == 0 && edit->remove_count == 0);
    while (input.size > 0) {
        if (!get_varint32(&input, &tag))
            return truncated("a tag");
        st = take_tag(tag, &input, edit);
        if (st != KV_OK)
            return st;
    }
    if (edit->is_cf_add && edit->is_cf_drop)
        return KV_FAIL(KV_CORRUPT, "MANIFEST: one record adds and drops column family %" PRIu32,
                       edit->cf_id);
    return KV_OK;
}
