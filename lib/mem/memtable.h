/* memtable.h - the newest writes, ordered, in one shared mapping.
 *
 * A memtable is an arena in a memfd that holds one B+-tree per column family; every link is an
 * offset, so another process can map the descriptor read-only and walk it as it is.  Per user
 * key the versions hang in a chain, newest first.  Entries never move and are never freed.
 *
 * kvd writes until memtable_freeze; from then on it is immutable and may be shared.  Reference
 * counted within the process.  Lookups return slices that live as long as the memtable.
 */
#ifndef KV_MEM_MEMTABLE_H
#define KV_MEM_MEMTABLE_H

#include "base/slice.h"
#include "base/status.h"
#include "iter/iter.h"
#include "key/key_stretch.h"
#include "key/lookup.h"
#include "key/write_batch.h"

struct memtable;
struct memtable_pool;

/* Keeps mappings of finished memtables for the next ones: fresh pages cost as much as the
 * inserts into them.  `capacity_bytes` is the usual size of a mapping; at most `spare_count_max`
 * idle ones are kept. */
struct memtable_pool *memtable_pool_new(size_t capacity_bytes, uint32_t spare_count_max);
/* For the memtables made from now on; what is beyond the limit of 4 GiB is cut off. */
void memtable_pool_set_capacity(struct memtable_pool *pool, size_t capacity_bytes);
void memtable_pool_free(struct memtable_pool *pool); /* after all its memtables */

/* An empty memtable with room for at least `capacity_bytes` (0: the pool's usual size; larger
 * for a batch that would not fit; below 4 GiB).  KV_NO_SPACE: the system has no memory for it. */
MUST_CHECK enum kv_status memtable_new(struct memtable_pool *pool, size_t capacity_bytes,
                                       struct memtable **memtable_out);
/* Maps the memtable behind a descriptor read-only, in a worker.  The descriptor stays the
 * caller's and may be closed afterwards.  KV_CORRUPT: not a sealed, frozen memtable. */
MUST_CHECK enum kv_status memtable_open(int fd, struct memtable **memtable_out);
void memtable_ref(struct memtable *memtable);
void memtable_unref(struct memtable *memtable); /* NULL is fine */

/* Whether a batch of `batch_bytes` with `count` records is certain to fit (a safe bound). */
bool memtable_has_room(const struct memtable *memtable, size_t batch_bytes, uint32_t count);
/* The most arena bytes that such a batch can take. */
size_t memtable_room_for(size_t batch_bytes, uint32_t count);

/* Adds one version.  There must be room, and `seq` must be above every sequence in it before.
 * For TYPE_RANGE_DELETION `value` is the exclusive end; an empty range leaves no trace.  Copies. */
void memtable_add(struct memtable *memtable, const struct batch_record *record);
/* Applies a whole encoded batch that write_batch_reader has accepted.  Records of families for
 * which `cf_is_live` says false are passed over (NULL: all are live). */
void memtable_apply(struct memtable *memtable, struct slice batch,
                    bool (*cf_is_live)(void *owner, uint32_t cf_id), void *owner);

/* The newest entry of `key` with sequence <= seq_max, range tombstones taken into account.  This
 * and the next are for memtables of one's own, not for opened ones. */
void memtable_get(const struct memtable *memtable, uint32_t cf_id, struct slice key,
                  uint64_t seq_max, struct lookup *found);
/* The same for one who asks several memtables and tables: `hash` is hash_xxph3 of the key. */
void memtable_get_hashed(const struct memtable *memtable, uint32_t cf_id, struct slice key,
                         uint64_t hash, uint64_t seq_max, struct lookup *found);
/* Brings near what memtable_get will touch for `count` <= READ_PREFETCH_COUNT_MAX keys with their
 * hashes, a step for all of them at a time, so that their waits for memory overlap.  Changes
 * nothing.  Returns a set with bit i for keys[i] when there is an entry of that key. */
uint32_t memtable_prefetch(const struct memtable *memtable, uint32_t cf_id,
                           const struct slice *keys, const uint64_t *hashes, unsigned count);
/* Brings near what memtable_apply will touch for puts of `count` <= READ_PREFETCH_COUNT_MAX keys
 * that come one by one, and remembers the places of short ones, so that the puts need not look for
 * them again.  Changes nothing that is ever read.  The keys are borrowed for the call only. */
void memtable_prefetch_puts(struct memtable *memtable, uint32_t cf_id, const struct slice *keys,
                            unsigned count);
/* The sequence of the newest range tombstone <= seq_max that covers `key`; 0: none. */
uint64_t memtable_covering_tombstone(const struct memtable *memtable, uint32_t cf_id,
                                     struct slice key, uint64_t seq_max);

/* Likewise, for the stretch of keys around it.  Borrowed; true until the memtable is written to or
 * rolled back. */
void memtable_tombstone_stretch(const struct memtable *memtable, uint32_t cf_id, struct slice key,
                                uint64_t seq_max, struct tombstone_stretch *stretch_out);
/* How many deletions of single keys have been added, those that were rolled back too; and the key
 * of the newest one.  False: there is none.  Both only for memtables of one's own. */
uint64_t memtable_deletion_count(const struct memtable *memtable);
bool memtable_newest_deletion(const struct memtable *memtable, uint32_t *cf_id_out,
                              struct slice *user_key_out);
/* A user key of the family, by `random`, which says all: every key has nearly the same chance.
 * False: there is none. */
bool memtable_pick(const struct memtable *memtable, uint32_t cf_id, uint64_t random,
                   struct slice *user_key);

/* The first and last user key of the family, whose versions may all have been rolled back.  False:
 * there is none. */
bool memtable_key_span(const struct memtable *memtable, uint32_t cf_id, struct slice *first,
                       struct slice *last);
/* About which part of the family's keys are below `key`: 0 to 1. */
double memtable_part_below(const struct memtable *memtable, uint32_t cf_id, struct slice key);

/* Takes out every version with sequence > seq_max: the WAL could not make them durable and no
 * reader has been told of them.  Not after freeze. */
void memtable_rollback(struct memtable *memtable, uint64_t seq_max);

/* No more writes. */
void memtable_freeze(struct memtable *memtable);
/* Makes the next part of a frozen one read-only in this process, too, in some 50 us.  True: that
 * was the last one. */
bool memtable_guard(struct memtable *memtable);
/* Borrowed; sealed so that nobody can map it writable or change its size. */
int memtable_fd(const struct memtable *memtable);

size_t memtable_bytes_used(const struct memtable *memtable);
size_t memtable_bytes_mapped(const struct memtable *memtable);
/* Point entries and range tombstones of all families. */
uint64_t memtable_entry_count(const struct memtable *memtable);
uint64_t memtable_seq_first(const struct memtable *memtable); /* 0: empty */
uint64_t memtable_seq_last(const struct memtable *memtable);

/* The families that have entries, ascending by id.  Returns how many there are; writes at most
 * `max` of them. */
struct memtable_family {
    uint32_t cf_id;
    uint64_t entry_count; /* point entries, all versions */
    uint64_t range_tombstone_count;
    uint64_t entity_count;    /* keys whose newest version here is one */
    uint64_t key_count_delta; /* puts minus deletions, for DBSIZE's estimate; wraps */
};
uint32_t memtable_families(const struct memtable *memtable, struct memtable_family *families,
                           uint32_t max);
/* One of them; false: it has no entries. */
bool memtable_find_family(const struct memtable *memtable, uint32_t cf_id,
                          struct memtable_family *found);

/* Every version of every key of a family, in internal-key order, without range tombstones.
 * Valid until the memtable is written to.  Never KV_WANT_BLOCK.  KV_CORRUPT: an opened memtable's
 * bytes are damaged; damage that only loses entries shows in memtable_family's counters. */
struct iter *memtable_iter_new(const struct memtable *memtable, uint32_t cf_id);
/* Only the range tombstones: key = (begin, seq, TYPE_RANGE_DELETION), value = end, sorted. */
struct iter *memtable_tombstone_iter_new(const struct memtable *memtable, uint32_t cf_id);

#endif
