#include "key/deadlines.h"

#include <stdlib.h>

#include "base/assert.h"

/* The sample is full: each second one stays. */
static void
thin(struct deadline_counter *counter)
{
    for (uint32_t i = 0; i < DEADLINE_SAMPLE_COUNT / 2; i++)
        counter->sample[i] = counter->sample[2 * i];
    counter->sample_count = DEADLINE_SAMPLE_COUNT / 2;
    counter->stride_log++;
    KV_ASSERT(counter->stride_log < 64);
}

void
deadline_counter_add(struct deadline_counter *counter, uint64_t deadline_ms)
{
    struct deadlines *deadlines = &counter->deadlines;
    const uint64_t index = deadlines->count++;

    KV_ASSERT(deadline_ms != DEADLINE_NONE);
    if (index == 0 || deadline_ms < deadlines->oldest_ms)
        deadlines->oldest_ms = deadline_ms;
    if (deadline_ms > deadlines->newest_ms)
        deadlines->newest_ms = deadline_ms;
    if (counter->sample_count == DEADLINE_SAMPLE_COUNT)
        thin(counter);
    if ((index & ((UINT64_C(1) << counter->stride_log) - 1)) == 0)
        counter->sample[counter->sample_count++] = deadline_ms;
}

static int
compare_times(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* The time by which `dead_count` of them have passed, about. */
static uint64_t
time_of(struct deadline_counter *counter, uint64_t dead_count)
{
    const struct deadlines *deadlines = &counter->deadlines;
    const double part = (double)dead_count / (double)deadlines->count;
    uint64_t at = (uint64_t)(part * (double)counter->sample_count);

    KV_ASSERT(counter->sample_count > 0 && dead_count <= deadlines->count);
    if (at >= counter->sample_count)
        return deadlines->newest_ms;
    qsort(counter->sample, counter->sample_count, sizeof(counter->sample[0]), compare_times);
    return counter->sample[at];
}

struct deadlines
deadline_counter_finish(struct deadline_counter *counter, uint64_t entry_count,
                        uint64_t deletion_count)
{
    struct deadlines *deadlines = &counter->deadlines;
    const uint64_t waste_max = deadlines->count + deletion_count;
    const uint64_t half = entry_count / 2;

    KV_ASSERT(waste_max <= entry_count);
    if (deadlines->count == 0)
        return *deadlines;
    if (waste_max < half)
        deadlines->due_ms = deadlines->count >= entry_count / 100 * DEADLINE_PERCENT_MIN
                                ? deadlines->newest_ms
                                : DEADLINE_NONE;
    else
        deadlines->due_ms = time_of(counter, half > deletion_count ? half - deletion_count : 0);
    return *deadlines;
}

bool
deadlines_are_possible(const struct deadlines *deadlines, uint64_t entry_count,
                       uint64_t deletion_count)
{
    if (deadlines->count == 0)
        return deadlines->oldest_ms == 0 && deadlines->newest_ms == 0 && deadlines->due_ms == 0;
    return deletion_count <= entry_count && deadlines->count <= entry_count - deletion_count &&
           deadlines->oldest_ms <= deadlines->newest_ms && deadlines->newest_ms != DEADLINE_NONE &&
           deadlines->due_ms >= deadlines->oldest_ms &&
           (deadlines->due_ms <= deadlines->newest_ms || deadlines->due_ms == DEADLINE_NONE);
}

uint64_t
deadlines_passed(const struct deadlines *deadlines, uint64_t now_ms)
{
    const double all = (double)deadlines->count;

    if (deadlines->count == 0 || now_ms <= deadlines->oldest_ms)
        return 0;
    if (now_ms > deadlines->newest_ms)
        return deadlines->count;
    return (uint64_t)(all * (double)(now_ms - deadlines->oldest_ms) /
                      (double)(deadlines->newest_ms - deadlines->oldest_ms));
}
