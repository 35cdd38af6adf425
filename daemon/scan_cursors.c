/* scan_cursors.c - the bits of a cursor, from the highest:
 *
 *     inline   0 | 0    | 0000 | length 3 (1..7) | 56 bits, the first byte highest
 *     slot     0 | 1    | tail length 2 | tail 24 | generation 16 | slot 20
 *
 * The generation of a slot goes up with each beginning that it holds, from a random start.
 */
#include "daemon/scan_cursors.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/list.h"

enum {
    INLINE_BYTES_MAX = 7,
    TAIL_BYTES_MAX = 3,
    SLOT_COUNT_MAX = 64 * 1024,
    BUCKET_COUNT = 16 * 1024, /* a power of two */
    PREFIX_BYTES_MAX = 16 * 1024 * 1024,
    SHIFT_LENGTH = 56,
    SHIFT_SLOT_MARK = 62,
    SHIFT_TAIL_LENGTH = 60,
    SHIFT_TAIL = 36,
    SHIFT_GENERATION = 20,
};

struct slot {
    struct list use_link; /* in `used`, the least recently used first; or in `free` */
    struct slot *bucket_next;
    uint8_t *prefix; /* owned; NULL: free */
    size_t prefix_bytes;
    uint32_t id;
    uint16_t generation;
};

struct scan_cursors {
    struct slot *slots; /* owned; made with the first cursor that needs one */
    struct slot **buckets;
    uint32_t slot_count; /* that have been used some time */
    struct list used;
    uint64_t prefix_bytes;
    uint64_t random;
};

struct scan_cursors *
scan_cursors_new(uint64_t random)
{
    struct scan_cursors *cursors = kv_alloc_zero(sizeof(*cursors));

    list_init(&cursors->used);
    cursors->random = random;
    return cursors;
}

void
scan_cursors_free(struct scan_cursors *cursors)
{
    if (cursors == NULL)
        return;
    for (uint32_t i = 0; i < cursors->slot_count; i++)
        free(cursors->slots[i].prefix);
    free(cursors->slots);
    free(cursors->buckets);
    free(cursors);
}

static struct slot **
bucket_of(struct scan_cursors *cursors, struct slice prefix)
{
    return &cursors->buckets[hash_xxph3(prefix.data, prefix.size) & (BUCKET_COUNT - 1)];
}

static struct slice
slot_prefix(const struct slot *slot)
{
    return slice_of(slot->prefix, slot->prefix_bytes);
}

static struct slot *
find_slot(struct scan_cursors *cursors, struct slice prefix)
{
    struct slot *slot = *bucket_of(cursors, prefix);

    while (slot != NULL && !slice_equal(slot_prefix(slot), prefix))
        slot = slot->bucket_next;
    return slot;
}

static void
forget_oldest(struct scan_cursors *cursors)
{
    struct slot *slot = LIST_ENTRY(cursors->used.next, struct slot, use_link);
    struct slot **place;

    KV_ASSERT(!list_empty(&cursors->used));
    for (place = bucket_of(cursors, slot_prefix(slot)); *place != slot;)
        place = &(*place)->bucket_next;
    *place = slot->bucket_next;
    cursors->prefix_bytes -= slot->prefix_bytes;
    free(slot->prefix);
    slot->prefix = NULL;
    slot->prefix_bytes = 0;
    slot->generation++;
    list_remove(&slot->use_link);
}

/* One that is free. */
static struct slot *
take_slot(struct scan_cursors *cursors, size_t prefix_bytes)
{
    struct slot *slot = NULL;

    while (!list_empty(&cursors->used) &&
           (cursors->prefix_bytes + prefix_bytes > PREFIX_BYTES_MAX ||
            (slot == NULL && cursors->slot_count == SLOT_COUNT_MAX))) {
        slot = LIST_ENTRY(cursors->used.next, struct slot, use_link);
        forget_oldest(cursors);
    }
    /* Others that were forgotten for their bytes are found by looking round, which is rare. */
    for (uint32_t i = 0; slot == NULL && i < cursors->slot_count; i++) {
        if (cursors->slot_count == SLOT_COUNT_MAX && cursors->slots[i].prefix == NULL)
            slot = &cursors->slots[i];
    }
    if (slot != NULL)
        return slot;
    KV_ASSERT(cursors->slot_count < SLOT_COUNT_MAX);
    slot = &cursors->slots[cursors->slot_count];
    slot->id = cursors->slot_count++;
    slot->generation =
        (uint16_t)((cursors->random + slot->id * UINT64_C(0x9e3779b97f4a7c15)) >> 40);
    return slot;
}

static struct slot *
slot_for(struct scan_cursors *cursors, struct slice prefix)
{
    struct slot *slot;
    struct slot **bucket;

    if (cursors->slots == NULL) {
        cursors->slots = kv_alloc_zero(SLOT_COUNT_MAX * sizeof(struct slot));
        cursors->buckets = kv_alloc_zero(BUCKET_COUNT * sizeof(struct slot *));
    }
    slot = find_slot(cursors, prefix);
    if (slot != NULL) {
        list_remove(&slot->use_link);
    } else {
        slot = take_slot(cursors, prefix.size);
        slot->prefix = kv_alloc(prefix.size);
        memcpy(slot->prefix, prefix.data, prefix.size);
        slot->prefix_bytes = prefix.size;
        cursors->prefix_bytes += prefix.size;
        bucket = bucket_of(cursors, prefix);
        slot->bucket_next = *bucket;
        *bucket = slot;
    }
    list_push_back(&cursors->used, &slot->use_link);
    return slot;
}

/* The bytes as a number of `width` bytes, the first one highest. */
static uint64_t
pack(struct slice bytes, size_t width)
{
    uint64_t number = 0;

    KV_ASSERT(bytes.size <= width);
    for (size_t i = 0; i < bytes.size; i++)
        number |= (uint64_t)bytes.data[i] << (8 * (width - 1 - i));
    return number;
}

static void
unpack(uint64_t number, size_t width, size_t size, struct buffer *target)
{
    for (size_t i = 0; i < size; i++)
        buffer_append_byte(target, (uint8_t)(number >> (8 * (width - 1 - i))));
}

uint64_t
scan_cursors_encode(struct scan_cursors *cursors, struct slice position)
{
    const size_t tail_bytes = TAIL_BYTES_MAX;
    const struct slot *slot;

    KV_ASSERT(position.size > 0);
    if (position.size <= INLINE_BYTES_MAX)
        return (uint64_t)position.size << SHIFT_LENGTH | pack(position, INLINE_BYTES_MAX);
    slot = slot_for(cursors, slice_of(position.data, position.size - tail_bytes));
    return UINT64_C(1) << SHIFT_SLOT_MARK | (uint64_t)tail_bytes << SHIFT_TAIL_LENGTH |
           pack(slice_of(position.data + position.size - tail_bytes, tail_bytes), TAIL_BYTES_MAX)
               << SHIFT_TAIL |
           (uint64_t)slot->generation << SHIFT_GENERATION | slot->id;
}

static enum cursor_answer
decode_slot(struct scan_cursors *cursors, uint64_t cursor, struct buffer *position)
{
    const uint64_t id = cursor & ((UINT64_C(1) << SHIFT_GENERATION) - 1);
    const uint64_t generation = cursor >> SHIFT_GENERATION & UINT16_MAX;
    const size_t tail_bytes = cursor >> SHIFT_TAIL_LENGTH & 3;
    struct slot *slot;

    if (tail_bytes != TAIL_BYTES_MAX || id >= SLOT_COUNT_MAX)
        return CURSOR_INVALID;
    if (id >= cursors->slot_count)
        return CURSOR_LOST;
    slot = &cursors->slots[id];
    if (slot->prefix == NULL || slot->generation != generation)
        return CURSOR_LOST;
    list_remove(&slot->use_link);
    list_push_back(&cursors->used, &slot->use_link);
    buffer_append_slice(position, slot_prefix(slot));
    unpack(cursor >> SHIFT_TAIL, TAIL_BYTES_MAX, tail_bytes, position);
    return CURSOR_FOUND;
}

enum cursor_answer
scan_cursors_decode(struct scan_cursors *cursors, uint64_t cursor, struct buffer *position)
{
    const uint64_t length = cursor >> SHIFT_LENGTH;

    if (cursor == 0)
        return CURSOR_FOUND;
    if (cursor >> SHIFT_SLOT_MARK == 1)
        return decode_slot(cursors, cursor, position);
    if (length == 0 || length > INLINE_BYTES_MAX)
        return CURSOR_INVALID;
    unpack(cursor, INLINE_BYTES_MAX, length, position);
    return CURSOR_FOUND;
}
