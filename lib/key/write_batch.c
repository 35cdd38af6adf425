/* One table describes all tags: what a record of each consists of and what kvd makes of it.  The
 * writer and the reader both work from it, so a tag cannot be written that is not read.
 *
 * The reader is on the hot path of every write and of recovery: the lengths of keys and values
 * are mostly one-byte varints, and those are taken without a call. */
#include "key/write_batch.h"

#include "base/assert.h"
#include "base/coding.h"

enum { COUNT_OFFSET = 8, RECORD_OVERHEAD_BYTES_MAX = 1 + 3 * VARINT32_BYTES_MAX };

enum batch_tag {
    TAG_DELETE = 0x00,
    TAG_PUT = 0x01,
    TAG_MERGE = 0x02,
    TAG_LOG_DATA = 0x03,
    TAG_DELETE_CF = 0x04,
    TAG_PUT_CF = 0x05,
    TAG_MERGE_CF = 0x06,
    TAG_SINGLE_DELETE = 0x07,
    TAG_SINGLE_DELETE_CF = 0x08,
    TAG_BEGIN_PREPARE = 0x09,
    TAG_END_PREPARE = 0x0a,
    TAG_COMMIT = 0x0b,
    TAG_ROLLBACK = 0x0c,
    TAG_NOOP = 0x0d,
    TAG_DELETE_RANGE_CF = 0x0e,
    TAG_DELETE_RANGE = 0x0f,
    TAG_BLOB_INDEX_CF = 0x10,
    TAG_BLOB_INDEX = 0x11,
    TAG_BEGIN_PERSISTED_PREPARE = 0x12,
    TAG_BEGIN_UNPREPARE = 0x13,
    TAG_COMMIT_TIMESTAMP = 0x15,
    TAG_ENTITY = 0x16,
    TAG_ENTITY_CF = 0x17,
    TAG_COUNT,
};

enum tag_use { USE_UNKNOWN, USE_COUNTED, USE_IGNORED, USE_REFUSED };

struct tag_rule {
    uint8_t use;
    uint8_t type; /* enum value_type of a counted record */
    bool has_cf;
    uint8_t string_count;
    const char *refused_feature;
};

static const struct tag_rule tag_rules[TAG_COUNT] = {
    [TAG_DELETE] = {USE_COUNTED, TYPE_DELETION, false, 1, NULL},
    [TAG_PUT] = {USE_COUNTED, TYPE_VALUE, false, 2, NULL},
    [TAG_MERGE] = {USE_COUNTED, TYPE_MERGE, false, 2, NULL},
    [TAG_LOG_DATA] = {USE_IGNORED, 0, false, 1, NULL},
    [TAG_DELETE_CF] = {USE_COUNTED, TYPE_DELETION, true, 1, NULL},
    [TAG_PUT_CF] = {USE_COUNTED, TYPE_VALUE, true, 2, NULL},
    [TAG_MERGE_CF] = {USE_COUNTED, TYPE_MERGE, true, 2, NULL},
    [TAG_SINGLE_DELETE] = {USE_COUNTED, TYPE_SINGLE_DELETION, false, 1, NULL},
    [TAG_SINGLE_DELETE_CF] = {USE_COUNTED, TYPE_SINGLE_DELETION, true, 1, NULL},
    [TAG_BEGIN_PREPARE] = {USE_REFUSED, 0, false, 0, "a two-phase commit"},
    [TAG_END_PREPARE] = {USE_REFUSED, 0, false, 0, "a two-phase commit"},
    [TAG_COMMIT] = {USE_REFUSED, 0, false, 0, "a two-phase commit"},
    [TAG_ROLLBACK] = {USE_REFUSED, 0, false, 0, "a two-phase commit"},
    [TAG_NOOP] = {USE_IGNORED, 0, false, 0, NULL},
    [TAG_DELETE_RANGE_CF] = {USE_COUNTED, TYPE_RANGE_DELETION, true, 2, NULL},
    [TAG_DELETE_RANGE] = {USE_COUNTED, TYPE_RANGE_DELETION, false, 2, NULL},
    [TAG_BLOB_INDEX_CF] = {USE_REFUSED, 0, false, 0, "a blob file"},
    [TAG_BLOB_INDEX] = {USE_REFUSED, 0, false, 0, "a blob file"},
    [TAG_BEGIN_PERSISTED_PREPARE] = {USE_REFUSED, 0, false, 0, "a write-prepared transaction"},
    [TAG_BEGIN_UNPREPARE] = {USE_REFUSED, 0, false, 0, "a write-unprepared transaction"},
    [TAG_COMMIT_TIMESTAMP] = {USE_REFUSED, 0, false, 0, "user timestamps"},
    [TAG_ENTITY] = {USE_COUNTED, TYPE_ENTITY, false, 2, NULL},
    [TAG_ENTITY_CF] = {USE_COUNTED, TYPE_ENTITY, true, 2, NULL},
};

void
write_batch_init(struct write_batch *batch)
{
    batch->bytes = (struct buffer){0};
    write_batch_clear(batch);
}

void
write_batch_deinit(struct write_batch *batch)
{
    buffer_deinit(&batch->bytes);
}

void
write_batch_clear(struct write_batch *batch)
{
    buffer_clear(&batch->bytes);
    memset(buffer_reserve(&batch->bytes, WRITE_BATCH_HEADER_BYTES), 0, WRITE_BATCH_HEADER_BYTES);
    batch->bytes.size = WRITE_BATCH_HEADER_BYTES;
}

uint32_t
write_batch_count(const struct write_batch *batch)
{
    KV_ASSERT(batch->bytes.size >= WRITE_BATCH_HEADER_BYTES);
    return load_fixed32(batch->bytes.data + COUNT_OFFSET);
}

uint64_t
write_batch_sequence(const struct write_batch *batch)
{
    KV_ASSERT(batch->bytes.size >= WRITE_BATCH_HEADER_BYTES);
    return load_fixed64(batch->bytes.data);
}

void
write_batch_set_sequence(struct write_batch *batch, uint64_t seq)
{
    KV_ASSERT(batch->bytes.size >= WRITE_BATCH_HEADER_BYTES);
    KV_ASSERT(seq <= SEQUENCE_MAX);
    put_fixed64(batch->bytes.data, seq);
}

static inline uint8_t *
put_lstr(uint8_t *end, struct slice bytes)
{
    end += put_varint64(end, bytes.size);
    if (bytes.size > 0)
        memcpy(end, bytes.data, bytes.size);
    return end + bytes.size;
}

static inline void
append_record(struct write_batch *batch, enum batch_tag tag, enum batch_tag tag_cf, uint32_t cf_id,
              struct slice key, const struct slice *value)
{
    const size_t value_bytes = value == NULL ? 0 : value->size;
    const uint32_t count = write_batch_count(batch);
    uint8_t *end;

    KV_ASSERT(count < UINT32_MAX);
    KV_ASSERT(key.size <= KEY_BYTES_MAX && value_bytes <= UINT32_MAX);
    end = buffer_reserve(&batch->bytes, RECORD_OVERHEAD_BYTES_MAX + key.size + value_bytes);
    *end++ = (uint8_t)(cf_id == 0 ? tag : tag_cf);
    if (cf_id != 0)
        end += put_varint64(end, cf_id);
    end = put_lstr(end, key);
    if (value != NULL)
        end = put_lstr(end, *value);
    batch->bytes.size = (size_t)(end - batch->bytes.data);
    put_fixed32(batch->bytes.data + COUNT_OFFSET, count + 1);
}

void
write_batch_put(struct write_batch *batch, uint32_t cf_id, struct slice key, struct slice value)
{
    append_record(batch, TAG_PUT, TAG_PUT_CF, cf_id, key, &value);
}

void
write_batch_put_entity(struct write_batch *batch, uint32_t cf_id, struct slice key,
                       struct slice entity)
{
    append_record(batch, TAG_ENTITY, TAG_ENTITY_CF, cf_id, key, &entity);
}

void
write_batch_delete(struct write_batch *batch, uint32_t cf_id, struct slice key)
{
    append_record(batch, TAG_DELETE, TAG_DELETE_CF, cf_id, key, NULL);
}

void
write_batch_single_delete(struct write_batch *batch, uint32_t cf_id, struct slice key)
{
    append_record(batch, TAG_SINGLE_DELETE, TAG_SINGLE_DELETE_CF, cf_id, key, NULL);
}

void
write_batch_delete_range(struct write_batch *batch, uint32_t cf_id, struct slice begin,
                         struct slice end)
{
    append_record(batch, TAG_DELETE_RANGE, TAG_DELETE_RANGE_CF, cf_id, begin, &end);
}

void
write_batch_merge(struct write_batch *batch, uint32_t cf_id, struct slice key, struct slice operand)
{
    append_record(batch, TAG_MERGE, TAG_MERGE_CF, cf_id, key, &operand);
}

void
write_batch_log_data(struct write_batch *batch, struct slice data)
{
    uint8_t *end = buffer_reserve(&batch->bytes, RECORD_OVERHEAD_BYTES_MAX + data.size);

    KV_ASSERT(data.size <= UINT32_MAX);
    *end++ = TAG_LOG_DATA;
    end = put_lstr(end, data);
    batch->bytes.size = (size_t)(end - batch->bytes.data);
}

bool
write_batch_is_log_data(struct slice encoded, struct slice *data_out)
{
    struct slice rest;

    if (encoded.size <= WRITE_BATCH_HEADER_BYTES || load_fixed32(encoded.data + COUNT_OFFSET) > 0 ||
        encoded.data[WRITE_BATCH_HEADER_BYTES] != TAG_LOG_DATA)
        return false;
    rest = slice_of(encoded.data + WRITE_BATCH_HEADER_BYTES + 1,
                    encoded.size - WRITE_BATCH_HEADER_BYTES - 1);
    return get_lstr(&rest, data_out) && rest.size == 0;
}

void
write_batch_append(struct write_batch *batch, struct slice encoded)
{
    const uint32_t count = write_batch_count(batch);
    uint32_t added;

    KV_ASSERT(encoded.size >= WRITE_BATCH_HEADER_BYTES);
    added = load_fixed32(encoded.data + COUNT_OFFSET);
    KV_ASSERT(added <= UINT32_MAX - count);
    buffer_append(&batch->bytes, encoded.data + WRITE_BATCH_HEADER_BYTES,
                  encoded.size - WRITE_BATCH_HEADER_BYTES);
    put_fixed32(batch->bytes.data + COUNT_OFFSET, count + added);
}

enum kv_status
write_batch_reader_init(struct write_batch_reader *reader, struct slice encoded)
{
    *reader = (struct write_batch_reader){0};
    if (encoded.size < WRITE_BATCH_HEADER_BYTES)
        return KV_FAIL(KV_CORRUPT, "write batch: %zu bytes are less than a header", encoded.size);
    reader->seq_next = load_fixed64(encoded.data);
    reader->count = load_fixed32(encoded.data + COUNT_OFFSET);
    reader->rest =
        slice_of(encoded.data + WRITE_BATCH_HEADER_BYTES, encoded.size - WRITE_BATCH_HEADER_BYTES);
    if (reader->seq_next > SEQUENCE_MAX - reader->count)
        return KV_FAIL(KV_CORRUPT, "write batch: sequence %llu with %u records is out of range",
                       (unsigned long long)reader->seq_next, reader->count);
    return KV_OK;
}

/* get_lstr without a call when the length is below 128. */
static inline bool
take_lstr(struct slice *input, struct slice *bytes_out)
{
    if (input->size > 0 && input->data[0] < 0x80) {
        const size_t size = input->data[0];

        if (input->size - 1 < size)
            return false;
        *bytes_out = slice_of(input->data + 1, size);
        *input = slice_of(input->data + 1 + size, input->size - 1 - size);
        return true;
    }
    return get_lstr(input, bytes_out);
}

/* The body of one record behind its tag. */
static inline bool
take_body(struct slice *input, const struct tag_rule *rule, struct batch_record *record)
{
    record->cf_id = 0;
    record->key = slice_of(NULL, 0);
    record->value = slice_of(NULL, 0);
    if (rule->has_cf && !get_varint32(input, &record->cf_id))
        return false;
    if (rule->string_count >= 1 && !take_lstr(input, &record->key))
        return false;
    return rule->string_count < 2 || take_lstr(input, &record->value);
}

static enum kv_status __attribute__((noinline))
record_is_bad(const struct write_batch_reader *reader, unsigned tag, const struct tag_rule *rule)
{
    if (rule != NULL && rule->use == USE_REFUSED)
        return KV_FAIL(KV_UNSUPPORTED, "write batch: record tag %#x is part of %s, which kvd lacks",
                       tag, rule->refused_feature);
    return KV_FAIL(KV_CORRUPT, "write batch: record %u of %u, tag %#x, is %s",
                   reader->read_count + 1, reader->count, tag,
                   rule == NULL || rule->use == USE_UNKNOWN ? "of an unknown kind" : "cut short");
}

/* Only a foreign writer makes such keys; nothing above here has room for them. */
static enum kv_status __attribute__((noinline)) key_is_long(const struct batch_record *record)
{
    return KV_FAIL(KV_UNSUPPORTED, "write batch: a key of %zu bytes; kvd takes at most %d",
                   record->key.size, KEY_BYTES_MAX);
}

static enum kv_status __attribute__((noinline))
count_is_bad(const struct write_batch_reader *reader)
{
    return KV_FAIL(KV_CORRUPT, "write batch: the header counts %u records, the body %s",
                   reader->count, reader->read_count < reader->count ? "has fewer" : "has more");
}

enum kv_status
write_batch_reader_next(struct write_batch_reader *reader, struct batch_record *record, bool *found)
{
    *found = false;
    while (reader->rest.size > 0) {
        const unsigned tag = reader->rest.data[0];
        const struct tag_rule *rule = tag < TAG_COUNT ? &tag_rules[tag] : NULL;
        struct slice rest = slice_of(reader->rest.data + 1, reader->rest.size - 1);

        if (rule == NULL || rule->use == USE_UNKNOWN || rule->use == USE_REFUSED ||
            !take_body(&rest, rule, record))
            return record_is_bad(reader, tag, rule);
        reader->rest = rest;
        if (rule->use == USE_IGNORED)
            continue;
        if (reader->read_count == reader->count)
            return count_is_bad(reader);
        if (record->key.size > KEY_BYTES_MAX)
            return key_is_long(record);
        record->type = (enum value_type)rule->type;
        record->seq = reader->seq_next++;
        reader->read_count++;
        *found = true;
        return KV_OK;
    }
    if (reader->read_count != reader->count)
        return count_is_bad(reader);
    return KV_OK;
}
