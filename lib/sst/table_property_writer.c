/* table_property_writer.c - the properties block as RocksDB 7.8.3 writes it (FORMAT.md
 * section 5.10).
 *
 * The order of the lines below is the order in the file: RocksDB refuses a table whose properties
 * are not sorted, so every addition is checked.
 */
#include "base/assert.h"
#include "base/coding.h"
#include "sst/sst_format.h"
#include "sst/table_builder_internal.h"

static const char COMPRESSION_OPTIONS_TEXT[] =
    "window_bits=-14; level=32767; strategy=0; max_dict_bytes=0; zstd_max_train_bytes=0; "
    "enabled=0; max_dict_buffer_bytes=0; use_zstd_dict_trainer=1; ";

static void
put_bytes(struct block_builder *block, const char *name, struct slice value)
{
    const struct slice key = slice_from_text(name);

    KV_ASSERT(block_builder_empty(block) || slice_compare(buffer_slice(&block->last_key), key) < 0);
    block_builder_add(block, key, block_builder_shared(block, key), value);
}

static void
put_number(struct block_builder *block, const char *name, uint64_t value)
{
    uint8_t encoded[VARINT64_BYTES_MAX];

    put_bytes(block, name, slice_of(encoded, put_varint64(encoded, value)));
}

/* An unknown text is left out, as RocksDB does. */
static void
put_text(struct block_builder *block, const char *name, const char *text)
{
    if (text[0] != '\0')
        put_bytes(block, name, slice_from_text(text));
}

/* Ours: RocksDB takes them for a user's. */
static void
put_deadlines(struct block_builder *block, const struct deadlines *deadlines)
{
    if (deadlines->count == 0)
        return;
    put_number(block, PROPERTY_KVD_EXPIRE_COUNT, deadlines->count);
    put_number(block, PROPERTY_KVD_EXPIRE_DUE, deadlines->due_ms);
    put_number(block, PROPERTY_KVD_EXPIRE_NEWEST, deadlines->newest_ms);
    put_number(block, PROPERTY_KVD_EXPIRE_OLDEST, deadlines->oldest_ms);
}

void
table_properties_build(const struct table_build_options *options, const struct table_counts *counts,
                       struct block_builder *block)
{
    uint8_t index_type[sizeof(uint32_t)];

    KV_ASSERT(block_builder_empty(block));
    put_deadlines(block, &counts->deadlines);
    put_fixed32(index_type, INDEX_BINARY_SEARCH);
    put_bytes(block, PROPERTY_INDEX_TYPE, slice_of(index_type, sizeof(index_type)));
    put_text(block, PROPERTY_PREFIX_FILTERING, "0");
    put_text(block, PROPERTY_WHOLE_KEY_FILTERING, "1");
    put_number(block, PROPERTY_CF_ID, options->cf_id);
    put_text(block, PROPERTY_CF_NAME, options->cf_name);
    put_text(block, PROPERTY_COMPARATOR, COMPARATOR_BYTEWISE_NAME);
    put_text(block, PROPERTY_COMPRESSION, compression_property_name(options->compression));
    put_text(block, PROPERTY_COMPRESSION_OPTIONS, COMPRESSION_OPTIONS_TEXT);
    put_text(block, PROPERTY_DB_IDENTITY, options->db_identity);
    put_text(block, PROPERTY_SESSION_IDENTITY, options->session_identity);
    put_number(block, PROPERTY_CREATION_TIME, options->creation_time_s);
    put_number(block, PROPERTY_DATA_SIZE, counts->data_bytes);
    put_number(block, PROPERTY_DELETED_KEYS, counts->deletion_count);
    put_number(block, PROPERTY_FILE_CREATION_TIME, options->creation_time_s);
    put_text(block, PROPERTY_FILTER_POLICY, options->bloom_bits_per_key > 0 ? "bloomfilter" : "");
    put_number(block, PROPERTY_FILTER_SIZE, counts->filter_bytes);
    put_number(block, PROPERTY_FIXED_KEY_LENGTH, 0);
    put_number(block, PROPERTY_FORMAT_VERSION, 0);
    put_number(block, PROPERTY_INDEX_KEY_IS_USER_KEY, !counts->index_has_internal_keys);
    put_number(block, PROPERTY_INDEX_SIZE, counts->index_bytes);
    put_number(block, PROPERTY_INDEX_VALUE_IS_DELTA, 1);
    put_number(block, PROPERTY_MERGE_OPERANDS, counts->merge_operand_count);
    put_text(block, PROPERTY_MERGE_OPERATOR, options->merge_operator);
    put_number(block, PROPERTY_DATA_BLOCKS, counts->data_block_count);
    put_number(block, PROPERTY_ENTRIES, counts->entry_count);
    put_number(block, PROPERTY_FILTER_ENTRIES, counts->filter_entry_count);
    put_number(block, PROPERTY_RANGE_DELETIONS, counts->range_tombstone_count);
    put_number(block, PROPERTY_OLDEST_KEY_TIME, 0);
    put_number(block, PROPERTY_FILE_NUMBER, options->file_number);
    put_text(block, PROPERTY_PREFIX_EXTRACTOR, "nullptr");
    put_text(block, PROPERTY_COLLECTORS, "[]");
    put_number(block, PROPERTY_RAW_KEY_SIZE, counts->raw_key_bytes);
    put_number(block, PROPERTY_RAW_VALUE_SIZE, counts->raw_value_bytes);
    block_builder_finish(block);
}
