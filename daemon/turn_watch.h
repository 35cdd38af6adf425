/* turn_watch.h - the turns of the loop in which everybody else waited for long, and for what.
 *
 * A turn is short; one of milliseconds is a wait for all clients.  INFO (section Kvd) tells how
 * many there were, by what most of each went to, and the longest one.  The clock runs on while kvd
 * is ready but has no core, wherever it is then.
 */
#ifndef KV_DAEMON_TURN_WATCH_H
#define KV_DAEMON_TURN_WATCH_H

#include <stdint.h>

struct buffer;
struct ring;

/* The parts of a turn, in their order. */
enum turn_part {
    TURN_COMPLETIONS, /* requests, and what they brought: commands, blocks, messages of workers */
    TURN_TIMERS,
    TURN_WRITERS, /* clients that had waited for room or for their turn */
    TURN_ENGINE,
    TURN_SENDS,
    TURN_PART_COUNT,
};

enum { TURN_LONG_US = 2000 };

struct turn_watch {
    uint64_t marks_us[TURN_PART_COUNT]; /* when each part of this turn was over; 0: not yet */
    uint64_t long_counts[TURN_PART_COUNT];
    uint64_t longest_us;
    enum turn_part longest_part;
};

/* The part is over. */
static inline void
turn_watch_mark(struct turn_watch *watch, enum turn_part part, uint64_t now_us)
{
    watch->marks_us[part] = now_us;
}

/* The turn is over; it began at `begun_us`. All parts have been marked. */
void turn_watch_end(struct turn_watch *watch, uint64_t begun_us);
/* Forgets the turns before this one, which may be in the middle. */
void turn_watch_reset(struct turn_watch *watch);
void turn_watch_format(const struct turn_watch *watch, struct buffer *target);

#endif
