#include "daemon/worker_result.h"

#include <inttypes.h>

#include "base/assert.h"
#include "base/coding.h"
#include "base/limits.h"
#include "key/internal_key.h"

static const uint64_t TABLE_MAGIC = UINT64_C(0x88e241b785f4cff7);
static const uint64_t TABLE_ENTRIES_UNKNOWN = UINT64_MAX / 2;

static enum kv_status
wrong(const struct worker_table *table, const char *what)
{
    return KV_FAIL(KV_CORRUPT, "a worker says of table %" PRIu64 ": %s", table->file_number, what);
}

/* A range tombstone's exclusive end stands as the largest key with the highest sequence. */
static bool
seq_is_possible(const struct internal_key *key, const struct worker_result_bounds *bounds)
{
    if (key->type == TYPE_RANGE_DELETION && bounds->range_tombstone_count == 0)
        return false;
    if (key->type == TYPE_RANGE_DELETION && key->seq == SEQUENCE_MAX)
        return true;
    return key->seq >= bounds->seq_first && key->seq <= bounds->seq_last;
}

static bool
keys_are_possible(const struct worker_table *table, const struct worker_result_bounds *bounds)
{
    struct internal_key smallest, largest;

    if (!internal_key_parse(buffer_slice(&table->smallest), &smallest) ||
        !internal_key_parse(buffer_slice(&table->largest), &largest))
        return false;
    if (!seq_is_possible(&smallest, bounds) || !seq_is_possible(&largest, bounds))
        return false;
    return internal_key_compare(buffer_slice(&table->smallest), buffer_slice(&table->largest)) <= 0;
}

enum kv_status
worker_result_check(const struct worker_table *table, const struct worker_result_bounds *bounds)
{
    uint64_t point_count;

    KV_ASSERT(bounds->seq_first <= bounds->seq_last);
    KV_ASSERT(bounds->entry_count_max + bounds->range_tombstone_count > 0);
    if (table->file_number != bounds->file_number)
        return wrong(table, "a number that was not asked for now");
    if (table->range_tombstone_count > table->entry_count ||
        table->deletion_count > table->entry_count)
        return wrong(table, "more deletions than entries");
    point_count = table->entry_count - table->range_tombstone_count;
    if (point_count > bounds->entry_count_max)
        return wrong(table, "more entries than the memtable has");
    if ((point_count == 0) != (bounds->entry_count_max == 0))
        return wrong(table, "all entries are gone");
    if ((table->range_tombstone_count == 0) != (bounds->range_tombstone_count == 0))
        return wrong(table, "range tombstones where there were none, or none where there were");
    if (table->seq_smallest < bounds->seq_first || table->seq_largest > bounds->seq_last)
        return wrong(table, "sequences outside the memtable's");
    if (!keys_are_possible(table, bounds))
        return wrong(table, "bounds that cannot be");
    if (table->file_bytes <= TABLE_FOOTER_BYTES)
        return wrong(table, "a file that is too short");
    return KV_OK;
}

void
worker_compact_bounds_init(struct worker_compact_bounds *bounds, const struct compaction_spec *spec)
{
    *bounds = (struct worker_compact_bounds){
        .file_number = spec->output_number_first,
        .smallest = internal_key_user(spec->inputs[0].smallest),
        .largest = internal_key_user(spec->inputs[0].largest),
        .end = spec->end,
        .seq_smallest = spec->below_count == 0 ? 0 : UINT64_MAX,
    };
    for (uint32_t i = 0; i < spec->input_count; i++) {
        const struct compact_input *input = &spec->inputs[i];
        const struct slice low = internal_key_user(input->smallest);
        const struct slice high = internal_key_user(input->largest);
        const uint64_t entries =
            input->entry_count == 0 ? TABLE_ENTRIES_UNKNOWN : input->entry_count;

        bounds->smallest = slice_compare(low, bounds->smallest) < 0 ? low : bounds->smallest;
        bounds->largest = slice_compare(high, bounds->largest) > 0 ? high : bounds->largest;
        if (input->seq_smallest < bounds->seq_smallest)
            bounds->seq_smallest = input->seq_smallest;
        if (input->seq_largest > bounds->seq_largest)
            bounds->seq_largest = input->seq_largest;
        bounds->entry_count_max = entries > UINT64_MAX / 2 - bounds->entry_count_max
                                      ? UINT64_MAX / 2
                                      : bounds->entry_count_max + entries;
    }
    if (slice_compare(spec->begin, bounds->smallest) > 0)
        bounds->smallest = spec->begin;
}

static bool
is_range_end(const struct internal_key *key)
{
    return key->type == TYPE_RANGE_DELETION && key->seq == SEQUENCE_MAX;
}

/* A tombstone that reaches past the largest key of its input, by which it is cut, ends right
 * behind that. */
static bool
largest_is_possible(const struct internal_key *key, const struct worker_compact_bounds *bounds)
{
    const struct slice most = bounds->largest, user_key = key->user_key;
    const bool is_end = is_range_end(key);

    if (bounds->end.size > 0 && slice_compare(user_key, bounds->end) >= (is_end ? 1 : 0))
        return false;
    if (slice_compare(user_key, most) <= 0)
        return true;
    return is_end && user_key.size == most.size + 1 && slice_starts_with(user_key, most) &&
           user_key.data[most.size] == 0;
}

static bool
compact_keys_are_possible(const struct worker_table *table,
                          const struct worker_compact_bounds *bounds)
{
    struct internal_key smallest, largest;

    if (!internal_key_parse(buffer_slice(&table->smallest), &smallest) ||
        !internal_key_parse(buffer_slice(&table->largest), &largest))
        return false;
    if (table->range_tombstone_count == 0 &&
        (smallest.type == TYPE_RANGE_DELETION || largest.type == TYPE_RANGE_DELETION))
        return false;
    if (smallest.seq < table->seq_smallest || smallest.seq > table->seq_largest)
        return false;
    if (!is_range_end(&largest) &&
        (largest.seq < table->seq_smallest || largest.seq > table->seq_largest))
        return false;
    return slice_compare(smallest.user_key, bounds->smallest) >= 0 &&
           largest_is_possible(&largest, bounds) &&
           internal_key_compare(buffer_slice(&table->smallest), buffer_slice(&table->largest)) <= 0;
}

enum kv_status
worker_result_check_compact(const struct worker_table *table,
                            const struct worker_compact_bounds *bounds,
                            const struct table_summary *before)
{
    if (table->file_number != bounds->file_number)
        return wrong(table, "a number that is not next");
    if (table->entry_count == 0 || table->range_tombstone_count > table->entry_count ||
        table->deletion_count > table->entry_count)
        return wrong(table, "no entries, or more deletions than entries");
    if (table->entry_count - table->range_tombstone_count > bounds->entry_count_max)
        return wrong(table, "more entries than the inputs have");
    if (table->seq_smallest < bounds->seq_smallest || table->seq_largest > bounds->seq_largest)
        return wrong(table, "sequences outside the inputs'");
    if (!compact_keys_are_possible(table, bounds))
        return wrong(table, "bounds that cannot be");
    if (before != NULL &&
        internal_key_compare(buffer_slice(&before->largest), buffer_slice(&table->smallest)) >= 0)
        return wrong(table, "it begins before the last one ends");
    if (table->file_bytes <= TABLE_FOOTER_BYTES)
        return wrong(table, "a file that is too short");
    return KV_OK;
}

bool
worker_result_footer_is_ours(struct slice footer)
{
    return footer.size >= sizeof(TABLE_MAGIC) &&
           load_fixed64(footer.data + footer.size - sizeof(TABLE_MAGIC)) == TABLE_MAGIC;
}
