/* block_iter.c - entries with shared prefixes, found by way of restart points.
 *
 *     entry := varint32 shared | varint32 non_shared | [varint32 value size] | key rest | value
 *     block := entry* | fixed32 restart[R] | [u8 bucket[B] | fixed16 B] | fixed32 R and flags
 *
 * An entry that shares nothing needs no copy: its key points into the block.  Others are put
 * together in key_data, after all lengths were checked, so that a step that fails changes
 * nothing.
 */
#include "sst/block_iter.h"

#include "base/alloc.h"
#include "base/coding.h"
#include "base/limits.h"
#include "key/internal_key.h"
#include "sst/sst_format.h"

enum { TYPE_DELETION_WITH_TIMESTAMP = 0x14 }; /* refused */

/* One entry as it lies in the block. */
struct raw_entry {
    uint32_t shared;
    struct slice key_rest;
    struct slice value;
    struct block_handle handle;
    struct slice first_key;
    size_t next_offset;
};

void
block_iter_init(struct block_iter *iter)
{
    iter->valid = false;
    iter->fault = NULL;
    iter->data = NULL;
    iter->entries_bytes = 0;
    iter->restart_count = 0;
    iter->key_data = iter->key_inline;
    iter->key_capacity = BLOCK_KEY_INLINE_BYTES;
}

void
block_iter_deinit(struct block_iter *iter)
{
    if (iter->key_data != iter->key_inline)
        free(iter->key_data);
    block_iter_init(iter);
}

bool
block_iter_fault(struct block_iter *iter, const char *text)
{
    iter->fault = text;
    iter->fault_status = KV_CORRUPT;
    return false;
}

static bool
fault_unsupported(struct block_iter *iter, const char *text)
{
    iter->fault = text;
    iter->fault_status = KV_UNSUPPORTED;
    return false;
}

bool
block_iter_open(struct block_iter *iter, struct slice block, struct block_form form)
{
    uint32_t count;
    uint64_t tail_bytes = sizeof(uint32_t);

    KV_ASSERT(form.keys_internal || !form.check_types);
    KV_ASSERT(form.values_handles || (!form.values_delta && !form.has_first_keys));
    iter->form = form;
    iter->valid = false;
    iter->fault = NULL;
    iter->restart_count = 0;
    iter->entries_bytes = 0;
    if (block.size < 2 * sizeof(uint32_t))
        return block_iter_fault(iter, "too short for its restart points");
    if (block.size > BLOCK_BYTES_MAX)
        return block_iter_fault(iter, "larger than a block may be");
    count = load_fixed32(block.data + block.size - sizeof(uint32_t));
    if (block.size <= BLOCK_HASHED_BYTES_MAX && (count & BLOCK_HASH_INDEX_FLAG) != 0) {
        count &= ~BLOCK_HASH_INDEX_FLAG;
        tail_bytes += sizeof(uint16_t) + load_fixed16(block.data + block.size - 6);
    }
    tail_bytes += (uint64_t)count * sizeof(uint32_t);
    if (count == 0 || tail_bytes > block.size)
        return block_iter_fault(iter, "restart points do not fit");
    iter->data = block.data;
    iter->restart_count = count;
    iter->entries_bytes = block.size - tail_bytes;
    return true;
}

/* get_varint32 and get_varint64 without a call for nearly all that is met: the fast paths read
 * whatever is inside `rest`, and leave the rest, faults included, to the thorough ones. */
static inline bool
take_varint32(struct slice *rest, uint32_t *value_out)
{
    if (rest->size == 0 || rest->data[0] >= 0x80)
        return get_varint32(rest, value_out);
    *value_out = rest->data[0];
    *rest = slice_of(rest->data + 1, rest->size - 1);
    return true;
}

static inline bool
take_varint64(struct slice *rest, uint64_t *value_out)
{
    uint64_t value = 0;

    for (size_t i = 0; i < 5 && i < rest->size; i++) {
        const uint64_t byte = rest->data[i];

        value |= (byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *value_out = value;
            *rest = slice_of(rest->data + i + 1, rest->size - i - 1);
            return true;
        }
    }
    return get_varint64(rest, value_out);
}

/* The lengths at the front of an entry; nearly always one byte each. */
static inline bool
parse_lengths(struct slice *rest, bool with_value, uint32_t *shared, uint32_t *non_shared,
              uint32_t *value_size)
{
    *value_size = 0;
    return take_varint32(rest, shared) && take_varint32(rest, non_shared) &&
           (!with_value || take_varint32(rest, value_size));
}

/* get_bytes in line. */
static inline bool
take_bytes(struct slice *rest, size_t size, struct slice *bytes_out)
{
    if (rest->size < size)
        return false;
    *bytes_out = slice_of(rest->data, size);
    *rest = slice_of(rest->data + size, rest->size - size);
    return true;
}

static inline bool
parse_handle(const struct block_iter *iter, struct slice *rest, struct raw_entry *entry)
{
    uint64_t delta;

    if (!iter->form.values_delta || entry->shared == 0)
        return take_varint64(rest, &entry->handle.offset) &&
               take_varint64(rest, &entry->handle.size);
    if (!take_varint64(rest, &delta))
        return false;
    /* Unsigned: nonsense wraps, and is refused when the handle is held against the file. */
    entry->handle.offset = iter->handle.offset + iter->handle.size + BLOCK_TRAILER_BYTES;
    entry->handle.size = iter->handle.size + (uint64_t)zigzag_decode(delta);
    return true;
}

/* `rest` begins with the value, whose length, with delta values, is known only by parsing it. */
static bool
parse_index_value(struct block_iter *iter, struct slice *rest, uint32_t value_size,
                  struct raw_entry *entry)
{
    struct slice value = *rest;

    if (!iter->form.values_delta && !take_bytes(rest, value_size, &value))
        return block_iter_fault(iter, "an index value runs past the entries");
    entry->value = value;
    if (!parse_handle(iter, &value, entry))
        return block_iter_fault(iter, "an index value is not a handle");
    if (iter->form.has_first_keys &&
        (!get_lstr(&value, &entry->first_key) || entry->first_key.size < KEY_FOOTER_BYTES))
        return block_iter_fault(iter, "an index value has no first key");
    if (iter->form.values_delta) {
        entry->value.size -= value.size;
        *rest = value;
    }
    return true;
}

/* The entry at `offset`, of which at most key_bytes_max bytes may be shared. */
static inline bool
parse_entry(struct block_iter *iter, size_t offset, size_t key_bytes_max, struct raw_entry *entry)
{
    struct slice rest = slice_of(iter->data + offset, iter->entries_bytes - offset);
    uint32_t non_shared, value_size;

    if (!parse_lengths(&rest, !iter->form.values_delta, &entry->shared, &non_shared, &value_size))
        return block_iter_fault(iter, "an entry's lengths are malformed");
    if (entry->shared > key_bytes_max)
        return block_iter_fault(iter, "an entry shares more than the key before it has");
    if (!take_bytes(&rest, non_shared, &entry->key_rest))
        return block_iter_fault(iter, "a key runs past the entries");
    if (iter->form.keys_internal && entry->shared + entry->key_rest.size < KEY_FOOTER_BYTES)
        return block_iter_fault(iter, "a key is shorter than its footer");
    if (!iter->form.values_handles) {
        if (!take_bytes(&rest, value_size, &entry->value))
            return block_iter_fault(iter, "a value runs past the entries");
    } else if (!parse_index_value(iter, &rest, value_size, entry)) {
        return false;
    }
    entry->next_offset = (size_t)(rest.data - iter->data);
    return true;
}

/* The last KEY_FOOTER_BYTES of an entry's key, some of which may be shared. */
static uint64_t
entry_footer(const struct block_iter *iter, const struct raw_entry *entry)
{
    const size_t user_bytes = entry->shared + entry->key_rest.size - KEY_FOOTER_BYTES;
    uint8_t footer[KEY_FOOTER_BYTES];
    size_t shared_bytes = 0;

    if (user_bytes >= entry->shared)
        return internal_key_footer(entry->key_rest);
    shared_bytes = entry->shared - user_bytes;
    if (shared_bytes > KEY_FOOTER_BYTES)
        shared_bytes = KEY_FOOTER_BYTES;
    memcpy(footer, iter->key.data + user_bytes, shared_bytes);
    memcpy(footer + shared_bytes, entry->key_rest.data, KEY_FOOTER_BYTES - shared_bytes);
    return load_fixed64(footer);
}

static bool
check_type(struct block_iter *iter, const struct raw_entry *entry)
{
    const uint64_t footer = entry_footer(iter, entry);

    if (iter->form.check_seq_zero && footer >> 8 != 0)
        return block_iter_fault(iter,
                                "a key of an ingested table has a sequence number of its own");
    switch (footer & 0xff) {
    case TYPE_DELETION:
    case TYPE_VALUE:
    case TYPE_MERGE:
    case TYPE_SINGLE_DELETION:
    case TYPE_ENTITY:
        return true;
    case TYPE_BLOB_INDEX:
        return fault_unsupported(iter, "a key has the type of a blob index (0x11)");
    case TYPE_DELETION_WITH_TIMESTAMP:
        return fault_unsupported(iter, "a key has the type of a deletion with timestamp (0x14)");
    default:
        return block_iter_fault(iter, "a key has a type that is never stored");
    }
}

/* How the entry's key compares with the current one's; only what they don't share is looked at. */
static int
compare_to_current(const struct block_iter *iter, const struct raw_entry *entry)
{
    const size_t footer_bytes = iter->form.keys_internal ? KEY_FOOTER_BYTES : 0;
    const size_t old_bytes = iter->key.size - footer_bytes;
    const size_t new_bytes = entry->shared + entry->key_rest.size - footer_bytes;
    uint64_t old_footer, new_footer;
    int order;

    /* A writer shares all that is equal, so nearly always the first byte decides. */
    if (entry->shared < old_bytes && entry->shared < new_bytes &&
        entry->key_rest.data[0] != iter->key.data[entry->shared])
        return entry->key_rest.data[0] < iter->key.data[entry->shared] ? -1 : 1;
    if (entry->shared > old_bytes || entry->shared > new_bytes)
        order = (new_bytes > old_bytes) - (new_bytes < old_bytes);
    else
        order = slice_compare(slice_of(entry->key_rest.data, new_bytes - entry->shared),
                              slice_of(iter->key.data + entry->shared, old_bytes - entry->shared));
    if (order != 0 || !iter->form.keys_internal)
        return order;
    old_footer = internal_key_footer(iter->key);
    new_footer = entry_footer(iter, entry);
    return (new_footer < old_footer) - (new_footer > old_footer);
}

static void
reserve_key(struct block_iter *iter, size_t size)
{
    uint8_t *grown;

    if (size <= iter->key_capacity)
        return;
    grown = kv_alloc(2 * size);
    memcpy(grown, iter->key_data, iter->key_capacity);
    if (iter->key.data == iter->key_data)
        iter->key.data = grown;
    if (iter->key_data != iter->key_inline)
        free(iter->key_data);
    iter->key_data = grown;
    iter->key_capacity = 2 * size;
}

static inline void
take_entry(struct block_iter *iter, size_t offset, const struct raw_entry *entry)
{
    const size_t key_bytes = entry->shared + entry->key_rest.size;

    if (entry->shared == 0) {
        iter->key = entry->key_rest;
    } else {
        reserve_key(iter, key_bytes);
        if (iter->key.data != iter->key_data)
            memcpy(iter->key_data, iter->key.data, entry->shared);
        if (entry->key_rest.size > 0)
            memcpy(iter->key_data + entry->shared, entry->key_rest.data, entry->key_rest.size);
        iter->key = slice_of(iter->key_data, key_bytes);
    }
    iter->value = entry->value;
    if (iter->form.values_handles)
        iter->handle = entry->handle;
    if (iter->form.has_first_keys)
        iter->first_key = entry->first_key;
    iter->offset = offset;
    iter->next_offset = entry->next_offset;
    iter->valid = true;
}

/* The entry at `offset`, which must not depend on the one before. */
static bool
step_to_restart(struct block_iter *iter, size_t offset)
{
    struct raw_entry entry;

    if (!parse_entry(iter, offset, 0, &entry))
        return false;
    if (iter->form.check_types && !check_type(iter, &entry))
        return false;
    take_entry(iter, offset, &entry);
    return true;
}

bool
block_iter_next(struct block_iter *iter)
{
    struct raw_entry entry;

    KV_ASSERT(iter->valid);
    KV_ASSERT(iter->next_offset < iter->entries_bytes);
    if (!parse_entry(iter, iter->next_offset, iter->key.size, &entry))
        return false;
    KV_ASSERT(entry.next_offset > iter->next_offset);
    if (iter->form.check_types && !check_type(iter, &entry))
        return false;
    if (iter->form.check_order && compare_to_current(iter, &entry) <= 0)
        return block_iter_fault(iter, "a key is not above the one before it");
    take_entry(iter, iter->next_offset, &entry);
    return true;
}

bool
block_iter_seek_first(struct block_iter *iter)
{
    KV_ASSERT(iter->restart_count > 0);
    iter->valid = false;
    if (iter->entries_bytes == 0)
        return true;
    return step_to_restart(iter, 0);
}

static inline int
compare(const struct block_iter *iter, struct slice key, struct slice user_key, uint64_t footer)
{
    uint64_t key_footer;
    int order;

    if (!iter->form.keys_internal)
        return slice_compare(key, user_key);
    order = slice_compare(internal_key_user(key), user_key);
    if (order != 0)
        return order;
    key_footer = internal_key_footer(key);
    return (key_footer < footer) - (key_footer > footer);
}

/* Where the entry of a restart point begins. */
static inline bool
restart_offset(struct block_iter *iter, uint32_t index, size_t *offset_out)
{
    KV_ASSERT(index < iter->restart_count);
    *offset_out = load_fixed32(iter->data + iter->entries_bytes + (size_t)index * sizeof(uint32_t));
    if (*offset_out >= iter->entries_bytes)
        return block_iter_fault(iter, "a restart point lies behind the entries");
    return true;
}

bool
block_iter_restart_key(struct block_iter *iter, uint32_t index, struct slice *user_key_out)
{
    struct raw_entry entry;
    size_t offset;

    if (!restart_offset(iter, index, &offset) || !parse_entry(iter, offset, 0, &entry))
        return false;
    *user_key_out = iter->form.keys_internal ? internal_key_user(entry.key_rest) : entry.key_rest;
    return true;
}

/* The last restart point of [low, high] whose key is below the target, or low. */
static inline bool
search_restarts(struct block_iter *iter, struct slice user_key, uint64_t footer, uint32_t low,
                uint32_t high, uint32_t *index_out)
{
    struct raw_entry entry;
    size_t offset;

    while (low < high) {
        const uint32_t middle = low + (high - low + 1) / 2;

        if (!restart_offset(iter, middle, &offset) || !parse_entry(iter, offset, 0, &entry))
            return false;
        if (compare(iter, entry.key_rest, user_key, footer) < 0)
            low = middle;
        else
            high = middle - 1;
    }
    *index_out = low;
    return true;
}

const uint8_t *
block_iter_restart_address(const struct block_iter *iter, uint32_t index)
{
    const uint8_t *restarts = iter->data + iter->entries_bytes;

    KV_ASSERT(index < iter->restart_count);
    return (const uint8_t *)((uintptr_t)iter->data +
                             load_fixed32(restarts + (size_t)index * sizeof(uint32_t)));
}

bool
block_iter_find_interval(struct block_iter *iter, struct slice user_key, uint32_t *restart_out,
                         struct slice *interval_out)
{
    size_t begin, end = iter->entries_bytes;
    uint32_t index;

    if (iter->entries_bytes == 0 ||
        !search_restarts(iter, user_key, UINT64_MAX, 0, iter->restart_count - 1, &index) ||
        !restart_offset(iter, index, &begin))
        return false;
    if (index + 1 < iter->restart_count && !restart_offset(iter, index + 1, &end))
        return false;
    if (begin >= end)
        return block_iter_fault(iter, "restart points do not ascend");
    *restart_out = index;
    *interval_out = slice_of(iter->data + begin, end - begin);
    return true;
}

bool
block_iter_seek_within(struct block_iter *iter, struct slice user_key, uint64_t footer,
                       uint32_t low, uint32_t high)
{
    uint32_t index;
    size_t offset;

    KV_ASSERT(low <= high && high < iter->restart_count);
    iter->valid = false;
    if (iter->entries_bytes == 0)
        return true;
    if (!search_restarts(iter, user_key, footer, low, high, &index) ||
        !restart_offset(iter, index, &offset) || !step_to_restart(iter, offset))
        return false;
    while (compare(iter, iter->key, user_key, footer) < 0) {
        if (block_iter_is_last(iter)) {
            iter->valid = false;
            return true;
        }
        if (!block_iter_next(iter)) {
            iter->valid = false;
            return false;
        }
    }
    return true;
}

bool
block_iter_seek(struct block_iter *iter, struct slice user_key, uint64_t footer)
{
    return block_iter_seek_within(iter, user_key, footer, 0, iter->restart_count - 1);
}

/* From the restart point that the iterator stands on to the last entry that begins before
 * `limit`; `limit` itself must be where an entry begins, or the end of the entries. */
static bool
walk_up_to(struct block_iter *iter, size_t limit)
{
    while (iter->next_offset < limit) {
        if (!block_iter_next(iter))
            return false;
    }
    if (iter->next_offset != limit)
        return block_iter_fault(iter, "an entry reaches into the next one");
    return true;
}

/* The last restart point that lies before `limit`, which is above the first one. */
static bool
restart_before(struct block_iter *iter, size_t limit, size_t *offset_out)
{
    uint32_t low = 0, high = iter->restart_count - 1;
    size_t offset;

    while (low < high) {
        const uint32_t middle = low + (high - low + 1) / 2;

        if (!restart_offset(iter, middle, &offset))
            return false;
        if (offset < limit)
            low = middle;
        else
            high = middle - 1;
    }
    if (!restart_offset(iter, low, offset_out))
        return false;
    if (*offset_out >= limit)
        return block_iter_fault(iter, "no restart point lies before an entry");
    return true;
}

static bool
enter_before(struct block_iter *iter, size_t limit)
{
    size_t offset;

    iter->valid = false;
    if (restart_before(iter, limit, &offset) && step_to_restart(iter, offset) &&
        walk_up_to(iter, limit))
        return true;
    iter->valid = false;
    return false;
}

bool
block_iter_seek_last(struct block_iter *iter)
{
    KV_ASSERT(iter->restart_count > 0);
    iter->valid = false;
    return iter->entries_bytes == 0 || enter_before(iter, iter->entries_bytes);
}

/* Whether the entry at `offset` is above the current one, which stands right before it. */
static bool
check_follower(struct block_iter *iter, size_t offset)
{
    struct raw_entry entry;

    if (!iter->form.check_order)
        return true;
    if (!parse_entry(iter, offset, iter->key.size, &entry))
        return false;
    if (compare_to_current(iter, &entry) <= 0)
        return block_iter_fault(iter, "a key is not above the one before it");
    return true;
}

bool
block_iter_prev(struct block_iter *iter)
{
    const size_t limit = iter->offset;

    KV_ASSERT(iter->valid);
    KV_ASSERT(limit < iter->entries_bytes);
    if (limit == 0) {
        iter->valid = false;
        return true;
    }
    if (enter_before(iter, limit) && check_follower(iter, limit))
        return true;
    iter->valid = false;
    return false;
}

bool
block_iter_seek_for_prev(struct block_iter *iter, struct slice user_key, uint64_t footer)
{
    if (!block_iter_seek(iter, user_key, footer))
        return false;
    if (!iter->valid)
        return block_iter_seek_last(iter);
    if (compare(iter, iter->key, user_key, footer) == 0)
        return true;
    return block_iter_prev(iter);
}
