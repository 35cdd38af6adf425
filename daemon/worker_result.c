#include "daemon/worker_result.h"

#include <inttypes.h>

#include "base/assert.h"
#include "base/coding.h"
#include "base/limits.h"
#include "key/internal_key.h"

static const uint64_t TABLE_MAGIC = UINT64_C(0x88e241b785f4cff7);

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

bool
worker_result_footer_is_ours(struct slice footer)
{
    return footer.size >= sizeof(TABLE_MAGIC) &&
           load_fixed64(footer.data + footer.size - sizeof(TABLE_MAGIC)) == TABLE_MAGIC;
}
