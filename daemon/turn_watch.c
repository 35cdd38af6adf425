/* turn_watch.c - a few subtractions a turn.  A clock that stands still or goes back is no reason to
 * stop: such a part took no time. */
#include "daemon/turn_watch.h"

#include <inttypes.h>

#include "base/buffer.h"

static const char *const part_names[TURN_PART_COUNT] = {
    [TURN_COMPLETIONS] = "completions", [TURN_TIMERS] = "timers", [TURN_WRITERS] = "writers",
    [TURN_ENGINE] = "engine",           [TURN_SENDS] = "sends",
};

static enum turn_part
largest_part(const struct turn_watch *watch, uint64_t begun_us)
{
    enum turn_part largest = TURN_COMPLETIONS;
    uint64_t largest_us = 0;

    for (uint32_t part = 0; part < TURN_PART_COUNT; part++) {
        const uint64_t end_us = watch->marks_us[part];

        if (end_us <= begun_us)
            continue;
        if (end_us - begun_us > largest_us) {
            largest = (enum turn_part)part;
            largest_us = end_us - begun_us;
        }
        begun_us = end_us;
    }
    return largest;
}

void
turn_watch_end(struct turn_watch *watch, uint64_t begun_us)
{
    const uint64_t ended_us = watch->marks_us[TURN_PART_COUNT - 1];
    const uint64_t took_us = ended_us > begun_us ? ended_us - begun_us : 0;
    enum turn_part part;

    if (took_us < TURN_LONG_US)
        return;
    part = largest_part(watch, begun_us);
    watch->long_counts[part]++;
    if (took_us <= watch->longest_us)
        return;
    watch->longest_us = took_us;
    watch->longest_part = part;
}

void
turn_watch_reset(struct turn_watch *watch)
{
    for (uint32_t part = 0; part < TURN_PART_COUNT; part++)
        watch->long_counts[part] = 0;
    watch->longest_us = 0;
    watch->longest_part = TURN_COMPLETIONS;
}

void
turn_watch_format(const struct turn_watch *watch, struct buffer *target)
{
    uint64_t count = 0;

    for (uint32_t part = 0; part < TURN_PART_COUNT; part++)
        count += watch->long_counts[part];
    buffer_append_format(target, "turns_long:%" PRIu64 "\r\n", count);
    for (uint32_t part = 0; part < TURN_PART_COUNT; part++)
        buffer_append_format(target, "turns_long_%s:%" PRIu64 "\r\n", part_names[part],
                             watch->long_counts[part]);
    buffer_append_format(target, "turn_usec_max:%" PRIu64 "\r\n", watch->longest_us);
    buffer_append_format(target, "turn_usec_max_part:%s\r\n",
                         watch->longest_us > 0 ? part_names[watch->longest_part] : "");
}
