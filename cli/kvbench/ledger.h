/* ledger.h - for each key, which write was acknowledged and which was sent.
 *
 * Order on the server is only known for writes of one key that do not overlap, so a key has at
 * most one write in flight (ledger_may_write); a write whose fate is unknown - no reply, an error
 * reply, a lost connection - stays in flight for ever.
 *
 *     version = ledger_send(ledger, key, is_deletion);   the request goes out
 *     ledger_acknowledge(ledger, key);                   its good reply has come
 *
 * A read that is sent at some moment may find what was acknowledged at that moment, or anything
 * that was sent until its reply came:
 *
 *     floor = ledger_floor(ledger, key);                 when it is sent
 *     bounds = ledger_bounds(ledger, key, floor);        when its reply has come
 */
#ifndef KV_CLI_KVBENCH_LEDGER_H
#define KV_CLI_KVBENCH_LEDGER_H

#include "cli/kvbench/payload.h"

#define LEDGER_KEY_COUNT_MAX UINT64_C(4000000000)

struct ledger_entry {
    uint32_t acknowledged; /* version; 0: none */
    uint32_t sent;         /* version; == acknowledged or one more */
    uint32_t deleted;      /* version of the last deletion that was sent; 0: none */
};

struct ledger {
    struct ledger_entry *entries; /* owned; key_count of them, 12 bytes a key */
    uint64_t key_count;
    uint32_t run_tag;
};

/* Keys have the ids 0 to key_count - 1; false: there is no memory for so many. */
bool ledger_init(struct ledger *ledger, uint64_t key_count, uint32_t run_tag);
void ledger_deinit(struct ledger *ledger);

static inline bool
ledger_may_write(const struct ledger *ledger, uint64_t key_id)
{
    const struct ledger_entry *entry = &ledger->entries[key_id];

    return entry->sent == entry->acknowledged && entry->sent != UINT32_MAX;
}

/* ledger_may_write said true.  Returns the version, which goes into the value. */
uint32_t ledger_send(struct ledger *ledger, uint64_t key_id, bool is_deletion);
void ledger_acknowledge(struct ledger *ledger, uint64_t key_id);

static inline uint32_t
ledger_floor(const struct ledger *ledger, uint64_t key_id)
{
    return ledger->entries[key_id].acknowledged;
}

struct payload_bounds ledger_bounds(const struct ledger *ledger, uint64_t key_id, uint32_t floor);

#endif
