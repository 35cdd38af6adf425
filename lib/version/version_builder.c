/* Edits are collected by file number in a hash table; only finish looks at the base version.
 * That keeps replaying a long MANIFEST linear, and makes a change cost what its levels cost.
 * The order that FORMAT.md 6.6 asks for is checked over every level that changed. */
#include "version/version_builder.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "key/internal_key.h"
#include "version/file_name.h"
#include "version/version_internal.h"

void
version_builder_init(struct version_builder *builder, struct version_set *set,
                     const struct version *base)
{
    KV_ASSERT(set != NULL);
    *builder = (struct version_builder){.set = set, .base = base};
}

static void
builder_table_clear_add(struct builder_table *item)
{
    buffer_deinit(&item->meta.smallest);
    buffer_deinit(&item->meta.largest);
    item->meta = (struct table_meta){0};
    item->is_added = false;
}

void
version_builder_deinit(struct version_builder *builder)
{
    for (uint32_t i = 0; i < builder->item_count; i++)
        builder_table_clear_add(&builder->items[i]);
    free(builder->items);
    free(builder->slots);
    memset(builder, 0, sizeof(*builder));
}

/* The slot of `number`, or the empty one where it belongs. */
static uint32_t *
slot_of(const struct version_builder *builder, uint64_t number)
{
    const uint32_t mask = builder->slot_count - 1;
    uint32_t at = (uint32_t)((number * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & mask;

    KV_ASSERT(builder->slot_count > builder->item_count);
    while (builder->slots[at] != 0 && builder->items[builder->slots[at] - 1].number != number)
        at = (at + 1) & mask;
    return &builder->slots[at];
}

static void
grow_slots(struct version_builder *builder)
{
    KV_ASSERT(builder->slot_count < UINT32_MAX / 4);
    builder->slot_count = builder->slot_count == 0 ? 16 : builder->slot_count * 2;
    free(builder->slots);
    builder->slots = kv_alloc_zero((size_t)builder->slot_count * sizeof(builder->slots[0]));
    for (uint32_t i = 0; i < builder->item_count; i++)
        *slot_of(builder, builder->items[i].number) = i + 1;
}

static struct builder_table *
find_item(const struct version_builder *builder, uint64_t number)
{
    uint32_t *slot;

    if (builder->slot_count == 0)
        return NULL;
    slot = slot_of(builder, number);
    return *slot != 0 ? &builder->items[*slot - 1] : NULL;
}

static struct builder_table *
find_or_make_item(struct version_builder *builder, uint64_t number)
{
    struct builder_table *item = find_item(builder, number);

    if (item != NULL)
        return item;
    if (builder->item_count == builder->item_capacity) {
        builder->item_capacity = builder->item_capacity == 0 ? 8 : builder->item_capacity * 2;
        builder->items =
            kv_realloc(builder->items, (size_t)builder->item_capacity * sizeof(builder->items[0]));
    }
    if ((builder->item_count + 1) * 2 > builder->slot_count)
        grow_slots(builder);
    *slot_of(builder, number) = builder->item_count + 1;
    item = &builder->items[builder->item_count++];
    *item = (struct builder_table){.number = number};
    return item;
}

static enum kv_status
apply_remove(struct version_builder *builder, const struct table_remove *remove)
{
    struct builder_table *item = find_or_make_item(builder, remove->number);

    KV_ASSERT(remove->level < LEVEL_COUNT);
    builder->level_changed[remove->level] = true;
    if (item->is_added && item->level == remove->level) {
        builder_table_clear_add(item);
        return KV_OK;
    }
    if (builder->base == NULL || item->is_added || item->is_removed)
        return KV_FAIL(KV_CORRUPT,
                       "the MANIFEST removes table %" PRIu64 " from level %" PRIu32
                       ", where it is not",
                       remove->number, remove->level);
    item->is_removed = true;
    item->base_level = remove->level;
    return KV_OK;
}

static enum kv_status
check_meta(const struct table_meta *meta)
{
    if (meta->number == 0 || meta->number > FILE_NUMBER_MAX)
        return KV_FAIL(KV_CORRUPT, "the MANIFEST has a table with the number %" PRIu64,
                       meta->number);
    if (internal_key_compare(buffer_slice(&meta->smallest), buffer_slice(&meta->largest)) > 0)
        return KV_FAIL(KV_CORRUPT, "the MANIFEST has table %" PRIu64 " end before it begins",
                       meta->number);
    return KV_OK;
}

static enum kv_status
apply_add(struct version_builder *builder, const struct table_add *add)
{
    struct builder_table *item;
    enum kv_status st = check_meta(&add->meta);

    if (st != KV_OK)
        return st;
    item = find_or_make_item(builder, add->meta.number);
    if (item->is_added)
        return KV_FAIL(KV_CORRUPT, "the MANIFEST adds table %" PRIu64 " twice", add->meta.number);
    KV_ASSERT(add->level < LEVEL_COUNT);
    item->is_added = true;
    item->level = add->level;
    item->meta = add->meta;
    item->meta.smallest = item->meta.largest = (struct buffer){0};
    buffer_append_slice(&item->meta.smallest, buffer_slice(&add->meta.smallest));
    buffer_append_slice(&item->meta.largest, buffer_slice(&add->meta.largest));
    builder->level_changed[add->level] = true;
    return KV_OK;
}

enum kv_status
version_builder_apply(struct version_builder *builder, const struct version_edit *edit)
{
    enum kv_status st = KV_OK;

    for (uint32_t i = 0; i < edit->remove_count && st == KV_OK; i++)
        st = apply_remove(builder, &edit->removes[i]);
    for (uint32_t i = 0; i < edit->add_count && st == KV_OK; i++)
        st = apply_add(builder, &edit->adds[i]);
    return st;
}

static int
compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* Newest first: largest sequence, then smallest sequence, then number, all descending. */
static int
compare_age(const struct table_file *a, const struct table_file *b)
{
    int order = compare_numbers(b->meta.seq_largest, a->meta.seq_largest);

    if (order == 0)
        order = compare_numbers(b->meta.seq_smallest, a->meta.seq_smallest);
    if (order == 0)
        order = compare_numbers(b->meta.number, a->meta.number);
    return order;
}

static int
compare_files(const void *a, const void *b)
{
    const struct table_file *left = *(struct table_file *const *)a;
    const struct table_file *right = *(struct table_file *const *)b;
    int order;

    if (left->level == 0)
        return compare_age(left, right);
    order = internal_key_compare(table_smallest(left), table_smallest(right));
    return order != 0 ? order : compare_numbers(left->meta.number, right->meta.number);
}

/* Notes which base files the removals mean; a file may be neither removed nor added twice. */
static enum kv_status
match_base(struct version_builder *builder, uint32_t level)
{
    const struct version_level *base = &builder->base->levels[level];

    for (uint32_t i = 0; i < base->count; i++) {
        struct builder_table *item = find_item(builder, base->files[i]->meta.number);

        if (item == NULL || (!item->is_removed && !item->is_added))
            continue;
        if (!item->is_removed)
            return KV_FAIL(KV_CORRUPT, "table %" PRIu64 " is added but is there already",
                           item->number);
        if (item->base_level == level)
            item->base_file = base->files[i];
    }
    return KV_OK;
}

static enum kv_status
match_removals(struct version_builder *builder)
{
    enum kv_status st = KV_OK;

    for (uint32_t level = 0; level < LEVEL_COUNT && st == KV_OK; level++) {
        if (builder->base != NULL && builder->level_changed[level])
            st = match_base(builder, level);
    }
    for (uint32_t i = 0; i < builder->item_count && st == KV_OK; i++) {
        const struct builder_table *item = &builder->items[i];

        if (item->is_removed && item->base_file == NULL)
            st = KV_FAIL(KV_CORRUPT,
                         "table %" PRIu64 " is removed from level %" PRIu32 ", where it is not",
                         item->number, item->base_level);
    }
    return st;
}

/* The level's new files, unsorted at the end of a sorted run of old ones. */
static struct level_array *
collect_level(struct version_builder *builder, uint32_t level, uint32_t added_count,
              uint32_t *old_count_out)
{
    const struct version_level *base = builder->base != NULL ? &builder->base->levels[level] : NULL;
    struct level_array *array = level_array_new(added_count + (base != NULL ? base->count : 0));

    for (uint32_t i = 0; base != NULL && i < base->count; i++) {
        const struct builder_table *item = find_item(builder, base->files[i]->meta.number);

        if (item != NULL && item->base_file == base->files[i])
            continue;
        table_file_ref(base->files[i]);
        array->files[array->count++] = base->files[i];
    }
    *old_count_out = array->count;
    for (uint32_t i = 0; i < builder->item_count; i++) {
        struct builder_table *item = &builder->items[i];

        if (item->is_added && item->level == level)
            array->files[array->count++] =
                table_file_new(builder->set, &item->meta, level, item->base_file);
    }
    return array;
}

/* Sorts the tail and merges it into the sorted head, from the back. */
static void
sort_level(struct level_array *array, uint32_t old_count)
{
    const uint32_t new_count = array->count - old_count;
    struct table_file **added;
    uint32_t old_left = old_count, new_left = new_count;

    if (new_count == 0)
        return;
    added = kv_alloc(new_count * sizeof(*added));
    memcpy(added, array->files + old_count, new_count * sizeof(*added));
    qsort(added, new_count, sizeof(*added), compare_files);
    for (uint32_t at = array->count; new_left > 0; at--) {
        if (old_left > 0 && compare_files(&array->files[old_left - 1], &added[new_left - 1]) > 0)
            array->files[at - 1] = array->files[--old_left];
        else
            array->files[at - 1] = added[--new_left];
    }
    free(added);
}

/* FORMAT.md 6.6: `older` may follow `newer` in level 0. */
static bool
is_level_0_order(const struct table_file *newer, const struct table_file *older)
{
    if (older->meta.seq_smallest == older->meta.seq_largest)
        return older->meta.seq_smallest < newer->meta.seq_largest || older->meta.seq_smallest == 0;
    return older->meta.seq_smallest < newer->meta.seq_smallest;
}

static enum kv_status
check_level(const struct level_array *array, uint32_t level)
{
    for (uint32_t i = 1; i < array->count; i++) {
        const struct table_file *left = array->files[i - 1], *right = array->files[i];
        const bool in_order =
            level == 0 ? is_level_0_order(left, right)
                       : internal_key_compare(table_largest(left), table_smallest(right)) < 0;

        if (!in_order)
            return KV_FAIL(KV_CORRUPT,
                           "tables %" PRIu64 " and %" PRIu64 " of level %" PRIu32 " overlap in %s",
                           left->meta.number, right->meta.number, level,
                           level == 0 ? "their sequences" : "their keys");
    }
    return KV_OK;
}

static enum kv_status
build_level(struct version_builder *builder, uint32_t level, uint32_t added_count,
            struct version *version)
{
    struct level_array *array;
    uint32_t old_count;

    if (!builder->level_changed[level]) {
        if (builder->base != NULL)
            version_level_share(&version->levels[level], &builder->base->levels[level]);
        return KV_OK;
    }
    array = collect_level(builder, level, added_count, &old_count);
    sort_level(array, old_count);
    version_level_set(&version->levels[level], array);
    return version->levels[level].count > 0 ? check_level(array, level) : KV_OK;
}

static uint64_t
total_bytes(const struct version_builder *builder)
{
    uint64_t total = builder->base != NULL ? builder->base->bytes_total : 0;

    for (uint32_t i = 0; i < builder->item_count; i++) {
        const struct builder_table *item = &builder->items[i];

        total += item->is_added ? item->meta.bytes : 0;
        total -= item->base_file != NULL ? item->base_file->meta.bytes : 0;
    }
    return total;
}

/* Of the tables that may have something. */
static uint32_t
count_tables(const struct version_builder *builder, uint32_t base_count,
             bool (*may_have)(const struct table_meta *meta))
{
    uint32_t count = base_count;

    for (uint32_t i = 0; i < builder->item_count; i++) {
        const struct builder_table *item = &builder->items[i];

        count += item->is_added && may_have(&item->meta);
        count -= item->base_file != NULL && may_have(&item->base_file->meta);
    }
    return count;
}

static void
count_special_tables(const struct version_builder *builder, struct version *version)
{
    const struct version *base = builder->base;

    version->deadline_table_count = count_tables(
        builder, base != NULL ? base->deadline_table_count : 0, table_meta_may_have_deadlines);
    version->tombstone_table_count = count_tables(
        builder, base != NULL ? base->tombstone_table_count : 0, table_meta_may_have_tombstones);
}

enum kv_status
version_builder_finish(struct version_builder *builder, uint32_t cf_id,
                       struct version **version_out)
{
    uint32_t added_counts[LEVEL_COUNT] = {0};
    struct version *version;
    enum kv_status st = match_removals(builder);

    if (st != KV_OK)
        return st;
    for (uint32_t i = 0; i < builder->item_count; i++) {
        if (builder->items[i].is_added)
            added_counts[builder->items[i].level]++;
    }
    version = version_new(builder->set, cf_id);
    for (uint32_t level = 0; level < LEVEL_COUNT && st == KV_OK; level++)
        st = build_level(builder, level, added_counts[level], version);
    if (st != KV_OK) {
        version_unref(version);
        return st;
    }
    version->bytes_total = total_bytes(builder);
    count_special_tables(builder, version);
    *version_out = version;
    return KV_OK;
}
