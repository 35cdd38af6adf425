/* ledger.c - versions go up by one with each write that is sent, deletions included.
 *
 * Invariant: acknowledged <= sent and deleted <= sent.
 */
#include "cli/kvbench/ledger.h"

#include <stdlib.h>

#include "base/assert.h"

bool
ledger_init(struct ledger *ledger, uint64_t key_count, uint32_t run_tag)
{
    *ledger = (struct ledger){.key_count = key_count, .run_tag = run_tag};
    KV_ASSERT(key_count > 0 && key_count <= LEDGER_KEY_COUNT_MAX);
    ledger->entries = calloc((size_t)key_count, sizeof(ledger->entries[0]));
    return ledger->entries != NULL;
}

void
ledger_deinit(struct ledger *ledger)
{
    free(ledger->entries);
    *ledger = (struct ledger){0};
}

uint32_t
ledger_send(struct ledger *ledger, uint64_t key_id, bool is_deletion)
{
    struct ledger_entry *entry = &ledger->entries[key_id];

    KV_ASSERT(key_id < ledger->key_count);
    KV_ASSERT(entry->sent < UINT32_MAX); /* months, at what one key can take */
    entry->sent++;
    if (is_deletion)
        entry->deleted = entry->sent;
    return entry->sent;
}

void
ledger_acknowledge(struct ledger *ledger, uint64_t key_id, uint32_t version)
{
    struct ledger_entry *entry = &ledger->entries[key_id];

    KV_ASSERT(key_id < ledger->key_count);
    KV_ASSERT(version > entry->acknowledged && version <= entry->sent);
    entry->acknowledged = version;
}

struct payload_bounds
ledger_bounds(const struct ledger *ledger, uint64_t key_id, uint32_t floor)
{
    const struct ledger_entry *entry = &ledger->entries[key_id];

    KV_ASSERT(key_id < ledger->key_count);
    KV_ASSERT(floor <= entry->acknowledged);
    return (struct payload_bounds){
        .key_id = key_id,
        .run_tag = ledger->run_tag,
        .version_min = floor,
        .version_max = entry->sent,
        /* A deletion that was followed by an acknowledged write below the floor is history. */
        .may_be_missing = floor == 0 || entry->deleted >= floor,
    };
}
