#include "db/space_reserve.h"

#include "base/assert.h"

enum {
    STEP_TABLE_COUNT = 4,
    STEP_DISK_PART = 8, /* a step is counted as no more than this part of the disk */
    SLACK_PART = 16,    /* of what is kept, before refused writes are accepted again */
    SLACK_BYTES = 1 << 20,
    BUDGET_PART = 4,
    TABLE_DISK_PART = 64,
    TABLE_BYTES_MIN = 64 * 1024,
};

static uint64_t
plus(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t
smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void
space_reserve_init(struct space_reserve *reserve)
{
    *reserve = (struct space_reserve){.free_bytes = SPACE_UNKNOWN, .total_bytes = SPACE_UNKNOWN};
}

uint64_t
space_reserve_kept_bytes(const struct space_reserve *reserve)
{
    const struct space_need *need = &reserve->need;
    const uint64_t running_bytes = reserve->is_probing ? 0 : need->running_bytes;

    return plus(need->flush_bytes,
                need->step_bytes > running_bytes ? need->step_bytes : running_bytes);
}

static enum space_level
level_of(const struct space_reserve *reserve)
{
    const uint64_t kept = space_reserve_kept_bytes(reserve);
    uint64_t enough = kept;

    if (reserve->free_bytes == SPACE_UNKNOWN)
        return SPACE_AMPLE;
    if (reserve->level != SPACE_AMPLE)
        enough = plus(kept, kept / SLACK_PART + SLACK_BYTES);
    if (reserve->free_bytes >= enough)
        return SPACE_AMPLE;
    return reserve->free_bytes >= reserve->need.flush_bytes ? SPACE_DELETIONS : SPACE_FULL;
}

void
space_reserve_update(struct space_reserve *reserve, uint64_t free_bytes, uint64_t total_bytes,
                     const struct space_need *need)
{
    uint64_t rest;

    reserve->free_bytes = free_bytes;
    reserve->total_bytes = total_bytes;
    reserve->need = *need;
    reserve->level = level_of(reserve);
    reserve->budget_bytes = 0;
    if (reserve->level != SPACE_AMPLE)
        return;
    rest = (free_bytes - smaller(free_bytes, space_reserve_kept_bytes(reserve))) / BUDGET_PART;
    reserve->budget_bytes = rest > SPACE_BUDGET_BYTES_MIN ? rest : SPACE_BUDGET_BYTES_MIN;
}

bool
space_reserve_admits(const struct space_reserve *reserve, uint64_t bytes)
{
    return reserve->level == SPACE_AMPLE &&
           (bytes <= reserve->budget_bytes ||
            plus(space_reserve_kept_bytes(reserve), bytes) <= reserve->free_bytes);
}

void
space_reserve_charge(struct space_reserve *reserve, uint64_t bytes)
{
    reserve->budget_bytes -= smaller(bytes, reserve->budget_bytes);
}

uint64_t
space_reserve_room(const struct space_reserve *reserve)
{
    const struct space_need *need = &reserve->need;
    const uint64_t free_bytes = reserve->free_bytes; /* unknown is more than any */
    uint64_t kept = smaller(need->flush_bytes, free_bytes / 2);

    if (need->running_bytes > 0)
        kept = plus(need->flush_bytes, plus(need->running_bytes, need->step_bytes));
    return free_bytes - smaller(kept, free_bytes);
}

bool
space_reserve_may_probe(const struct space_reserve *reserve, uint64_t now_us)
{
    return reserve->need.running_bytes == 0 && now_us >= reserve->probe_us;
}

void
space_reserve_probed(struct space_reserve *reserve, uint64_t now_us)
{
    KV_ASSERT(space_reserve_may_probe(reserve, now_us));
    reserve->probe_delay_us = reserve->probe_delay_us == 0
                                  ? SPACE_PROBE_US_MIN
                                  : smaller(2 * reserve->probe_delay_us, SPACE_PROBE_US_MAX);
    reserve->probe_us = now_us + reserve->probe_delay_us;
}

bool
space_reserve_is_short(const struct space_reserve *reserve)
{
    return reserve->level != SPACE_AMPLE || reserve->probe_delay_us > 0;
}

void
space_reserve_compacted(struct space_reserve *reserve)
{
    reserve->probe_us = reserve->probe_delay_us = 0;
}

uint64_t
space_table_bytes(uint64_t file_bytes, uint64_t disk_bytes)
{
    const uint64_t part = disk_bytes / TABLE_DISK_PART;

    return smaller(file_bytes, part > TABLE_BYTES_MIN ? part : TABLE_BYTES_MIN);
}

uint64_t
space_step_bytes(uint64_t table_bytes, uint64_t level0_bytes, uint64_t file_bytes,
                 uint64_t disk_bytes)
{
    const uint64_t tables = smaller(file_bytes, UINT64_MAX / STEP_TABLE_COUNT) * STEP_TABLE_COUNT;

    KV_ASSERT(level0_bytes <= table_bytes);
    return smaller(smaller(plus(level0_bytes, tables), table_bytes), disk_bytes / STEP_DISK_PART);
}
