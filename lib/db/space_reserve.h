/* space_reserve.h - how much of the disk is kept free, and who may still write.
 *
 * Part of the free space is spoken for: all that is in memory must be able to become tables, with
 * a new log and a new MANIFEST, and compactions must be able to write their outputs before their
 * inputs go.  Whoever writes into the rest is told so before the disk is full, while the engine
 * can still work its way out:
 *
 *     free >= flush + step          AMPLE       everybody writes
 *     free >= flush                 DELETIONS   only what will free space
 *     less                          FULL        only deletions of whole ranges, which are tiny
 *
 * Arithmetic without a world; db_space.c measures and acts.  One for each engine.
 */
#ifndef KV_DB_SPACE_RESERVE_H
#define KV_DB_SPACE_RESERVE_H

#include <stdbool.h>
#include <stdint.h>

#define SPACE_UNKNOWN UINT64_MAX

enum {
    SPACE_BUDGET_BYTES_MIN = 64 * 1024, /* measured no more often than once for so many */
    SPACE_PROBE_US_MIN = 1000 * 1000,
    SPACE_PROBE_US_MAX = 600 * 1000 * 1000,
};

enum space_level { SPACE_AMPLE, SPACE_DELETIONS, SPACE_FULL };

/* What the free space is for, in bytes. */
struct space_need {
    uint64_t flush_bytes;   /* memtables as tables, a log, a MANIFEST */
    uint64_t step_bytes;    /* the next step of compaction */
    uint64_t running_bytes; /* what compactions that run may still write */
};

/* Begins as space_reserve_init leaves it: AMPLE, of unknown size. */
struct space_reserve {
    uint64_t free_bytes, total_bytes; /* as measured last; SPACE_UNKNOWN: never */
    struct space_need need;
    enum space_level level;
    uint64_t budget_bytes; /* may be written before measuring again */
    uint64_t probe_us, probe_delay_us;
    bool is_probing; /* what runs is only tried, gives way, and so has nothing kept for it */
};

void space_reserve_init(struct space_reserve *reserve);
/* A measurement.  Writes that were refused are accepted again a little later than they would
 * have been refused, so that the level doesn't flutter. */
void space_reserve_update(struct space_reserve *reserve, uint64_t free_bytes, uint64_t total_bytes,
                          const struct space_need *need);
/* What is kept from writers. */
uint64_t space_reserve_kept_bytes(const struct space_reserve *reserve);
/* Whether a write of so many bytes that is no deletion may go. */
bool space_reserve_admits(const struct space_reserve *reserve, uint64_t bytes);
/* Something was written since the measurement. */
void space_reserve_charge(struct space_reserve *reserve, uint64_t bytes);

/* What a compaction may write that leaves what flushes need, or on a disk without even that half of
 * what there is; and if others run, also another step, lest writers be refused for the sake of
 * haste. */
uint64_t space_reserve_room(const struct space_reserve *reserve);
/* What no room can tell is how much a compaction drops, and on a full disk dropping is the way
 * out: so one that has no room is tried now and then if no other runs, less often each time. */
bool space_reserve_may_probe(const struct space_reserve *reserve, uint64_t now_us);
void space_reserve_probed(struct space_reserve *reserve, uint64_t now_us);
/* Whether writes are refused or compactions wait: what deletions hide is wanted back soon. */
bool space_reserve_is_short(const struct space_reserve *reserve);
/* A compaction went well, or there is more to drop: the next one may be tried at once. */
void space_reserve_compacted(struct space_reserve *reserve);

/* How large tables should be on such a disk: no step from one level to the next may need more than
 * a small part of it. */
uint64_t space_table_bytes(uint64_t file_bytes, uint64_t disk_bytes);

/* A step of compaction in a tree of so many bytes: level 0 and some tables of a usual size, but
 * not so much that a small disk is all reserve. */
uint64_t space_step_bytes(uint64_t table_bytes, uint64_t level0_bytes, uint64_t file_bytes,
                          uint64_t disk_bytes);

#endif
