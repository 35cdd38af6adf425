/* flush_rules.h - which versions of a key a flush may leave out (FORMAT.md sections 8.2, 8.3).
 *
 * A pure function with a memory of one user key: it is shown a family's entries in internal-key
 * order and says of each whether it must be written.  Nothing is rewritten and no tombstone is
 * dropped, since a flush knows nothing of what lies below it.
 */
#ifndef KV_WORKER_FLUSH_RULES_H
#define KV_WORKER_FLUSH_RULES_H

#include "key/internal_key.h"

struct flush_rules {
    const uint64_t *snapshots; /* borrowed; ascending */
    uint32_t snapshot_count;
    struct buffer user_key; /* of the entry before, if has_key */
    bool has_key;
    bool hides;     /* a value or deletion of this key and stripe has been kept */
    bool keep_next; /* a single deletion stands right before, in the same stripe */
    uint32_t stripe;
};

void flush_rules_init(struct flush_rules *rules, const uint64_t *snapshots,
                      uint32_t snapshot_count);
void flush_rules_deinit(struct flush_rules *rules);
/* True: write it. */
bool flush_rules_keep(struct flush_rules *rules, const struct internal_key *key);

#endif
