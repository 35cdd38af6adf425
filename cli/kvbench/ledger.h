/* ledger.h - for each key, which write was acknowledged and which was sent.
 *
 * The server must see the writes of a key in the order of their versions: either a key is only
 * written over one connection, or only when no write of it is in flight (ledger_is_quiet).  A write
 * whose fate is unknown - no reply, an error reply, a lost connection - is in flight for ever, and
 * a key with such a write must not be written over another connection any more.
 *
 *     version = ledger_send(ledger, key, is_deletion);   the request goes out
 *     ledger_acknowledge(ledger, key, version);          its good reply has come
 *
 * A read that is sent at some moment may find what was acknowledged at that moment, or anything
 * that was sent until its reply came:
 *
 *     floor = ledger_floor(ledger, key);                 when it is sent
 *     bounds = ledger_bounds(ledger, key, floor);        when its reply has come
 */
#ifndef KV_KVBENCH_LEDGER_H
#define KV_KVBENCH_LEDGER_H

#include "cli/kvbench/payload.h"

#define LEDGER_KEY_COUNT_MAX UINT64_C(4000000000)

struct ledger_entry {
    uint32_t acknowledged; /* version; 0: none */
    uint32_t sent;         /* version; 0: none */
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
ledger_is_quiet(const struct ledger *ledger, uint64_t key_id)
{
    return ledger->entries[key_id].sent == ledger->entries[key_id].acknowledged;
}

/* Returns the version, which goes into the value. */
uint32_t ledger_send(struct ledger *ledger, uint64_t key_id, bool is_deletion);
/* Of a version that was sent and not acknowledged; so is, by the order, all that was sent before.
 */
void ledger_acknowledge(struct ledger *ledger, uint64_t key_id, uint32_t version);

static inline uint32_t
ledger_floor(const struct ledger *ledger, uint64_t key_id)
{
    return ledger->entries[key_id].acknowledged;
}

struct payload_bounds ledger_bounds(const struct ledger *ledger, uint64_t key_id, uint32_t floor);

#endif
