/* properties_reader.c - what a table says about itself (FORMAT.md section 5.10).
 *
 * One table of names says which member each number goes to; names that are not in it are skipped,
 * so tables of other writers with more properties are read as well.
 */
#include <stddef.h>

#include "base/assert.h"
#include "base/coding.h"
#include "sst/table_reader_internal.h"

/* Both structs as one, so that an offset says where a value goes. */
struct parsed {
    struct table_properties properties;
    struct table_traits traits;
    uint64_t index_keys_user;
    uint64_t index_values_delta;
};

enum property_form { PROPERTY_VARINT64, PROPERTY_FIXED32 };

struct property_place {
    const char *name;
    enum property_form form;
    size_t offset;
};

static const struct property_place places[] = {
    {PROPERTY_ENTRIES, PROPERTY_VARINT64, offsetof(struct parsed, properties.entry_count)},
    {PROPERTY_DELETED_KEYS, PROPERTY_VARINT64, offsetof(struct parsed, properties.deletion_count)},
    {PROPERTY_MERGE_OPERANDS, PROPERTY_VARINT64,
     offsetof(struct parsed, properties.merge_operand_count)},
    {PROPERTY_RANGE_DELETIONS, PROPERTY_VARINT64,
     offsetof(struct parsed, properties.range_tombstone_count)},
    {PROPERTY_DATA_BLOCKS, PROPERTY_VARINT64, offsetof(struct parsed, properties.data_block_count)},
    {PROPERTY_DATA_SIZE, PROPERTY_VARINT64, offsetof(struct parsed, properties.data_bytes)},
    {PROPERTY_INDEX_SIZE, PROPERTY_VARINT64, offsetof(struct parsed, properties.index_bytes)},
    {PROPERTY_FILTER_SIZE, PROPERTY_VARINT64, offsetof(struct parsed, properties.filter_bytes)},
    {PROPERTY_RAW_KEY_SIZE, PROPERTY_VARINT64, offsetof(struct parsed, properties.raw_key_bytes)},
    {PROPERTY_RAW_VALUE_SIZE, PROPERTY_VARINT64,
     offsetof(struct parsed, properties.raw_value_bytes)},
    {PROPERTY_CREATION_TIME, PROPERTY_VARINT64,
     offsetof(struct parsed, properties.creation_time_s)},
    {PROPERTY_INDEX_TYPE, PROPERTY_FIXED32, offsetof(struct parsed, properties.index_type)},
    {PROPERTY_INDEX_KEY_IS_USER_KEY, PROPERTY_VARINT64, offsetof(struct parsed, index_keys_user)},
    {PROPERTY_INDEX_VALUE_IS_DELTA, PROPERTY_VARINT64, offsetof(struct parsed, index_values_delta)},
    {PROPERTY_KVD_EXPIRE_COUNT, PROPERTY_VARINT64,
     offsetof(struct parsed, properties.deadlines.count)},
    {PROPERTY_KVD_EXPIRE_DUE, PROPERTY_VARINT64,
     offsetof(struct parsed, properties.deadlines.due_ms)},
    {PROPERTY_KVD_EXPIRE_NEWEST, PROPERTY_VARINT64,
     offsetof(struct parsed, properties.deadlines.newest_ms)},
    {PROPERTY_KVD_EXPIRE_OLDEST, PROPERTY_VARINT64,
     offsetof(struct parsed, properties.deadlines.oldest_ms)},
    {PROPERTY_EXTERNAL_VERSION, PROPERTY_FIXED32, offsetof(struct parsed, traits.external_version)},
};

static const struct block_form properties_form = {.check_order = true};

static bool
name_is(struct slice key, const char *name)
{
    return slice_equal(key, slice_from_text(name));
}

/* False: it is one of the numbers, and malformed. */
static bool
parse_number(struct parsed *parsed, struct slice name, struct slice value)
{
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        uint8_t *target = (uint8_t *)parsed + places[i].offset;
        uint64_t number;
        uint32_t number32;

        if (!name_is(name, places[i].name))
            continue;
        if (places[i].form == PROPERTY_FIXED32) {
            if (!get_fixed32(&value, &number32))
                return false;
            memcpy(target, &number32, sizeof(number32));
        } else {
            if (!get_varint64(&value, &number))
                return false;
            memcpy(target, &number, sizeof(number));
        }
        return value.size == 0;
    }
    return true;
}

static bool
parse_property(struct parsed *parsed, struct slice name, struct slice value)
{
    if (name_is(name, PROPERTY_WHOLE_KEY_FILTERING)) {
        parsed->traits.whole_key_filtering = !slice_equal(value, slice_from_text("0"));
        return true;
    }
    if (name_is(name, PROPERTY_EXTERNAL_GLOBAL_SEQNO)) {
        parsed->traits.global_seq_known = true;
        return get_fixed64(&value, &parsed->traits.global_seq) && value.size == 0;
    }
    return parse_number(parsed, name, value);
}

enum kv_status
table_properties_parse(const struct table_reader *table, struct slice payload,
                       struct table_properties *properties, struct table_traits *traits)
{
    struct parsed parsed = {.traits = {.whole_key_filtering = true}};
    struct block_iter iter;
    enum kv_status st = KV_OK;
    bool well_formed;

    KV_ASSERT(properties != NULL && traits != NULL);
    block_iter_init(&iter);
    well_formed = block_iter_open(&iter, payload, properties_form) && block_iter_seek_first(&iter);
    while (st == KV_OK && well_formed && iter.valid) {
        if (!parse_property(&parsed, iter.key, iter.value))
            st = KV_FAIL(KV_CORRUPT, "table %s: property %.*s is malformed", table->path,
                         (int)(iter.key.size < 100 ? iter.key.size : 100),
                         (const char *)iter.key.data);
        if (block_iter_is_last(&iter))
            break;
        well_formed = block_iter_next(&iter);
    }
    if (st == KV_OK && !well_formed)
        st = KV_FAIL(KV_CORRUPT, "table %s: properties: %s", table->path, iter.fault);
    block_iter_deinit(&iter);
    *properties = parsed.properties;
    *traits = parsed.traits;
    traits->index_keys_user = parsed.index_keys_user != 0;
    traits->index_values_delta = parsed.index_values_delta != 0;
    return st;
}

bool
table_properties_unpatch(struct slice stored, struct buffer *unpatched)
{
    struct block_iter iter;
    bool well_formed, found = false;

    KV_ASSERT(stored.size >= BLOCK_TRAILER_BYTES);
    buffer_clear(unpatched);
    buffer_append_slice(unpatched, stored);
    block_iter_init(&iter);
    well_formed =
        block_iter_open(&iter, slice_of(unpatched->data, stored.size - BLOCK_TRAILER_BYTES),
                        properties_form) &&
        block_iter_seek_first(&iter);
    while (well_formed && iter.valid && !found) {
        if (name_is(iter.key, PROPERTY_EXTERNAL_GLOBAL_SEQNO) &&
            iter.value.size == sizeof(uint64_t)) {
            memset(unpatched->data + (iter.value.data - unpatched->data), 0, sizeof(uint64_t));
            found = true;
        }
        if (block_iter_is_last(&iter))
            break;
        well_formed = block_iter_next(&iter);
    }
    block_iter_deinit(&iter);
    return found;
}
