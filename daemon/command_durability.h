/* command_durability.h - who waits for a sequence number (KV.WAITSEQ), told how far the log is, and
 * which numbers it will never reach, since their writes were taken back when it failed. */
#ifndef KV_DAEMON_COMMAND_DURABILITY_H
#define KV_DAEMON_COMMAND_DURABILITY_H

#include <stdbool.h>
#include <stdint.h>

struct server;

enum { LOST_RANGE_COUNT_MAX = 32 };

struct lost_range {
    uint64_t first, last;
};

/* In their order.  When there are more, the two oldest become one with all that lies between: who
 * asks for those learns less than could be known, but nothing wrong.  Zeroed is none. */
struct lost_sequences {
    struct lost_range ranges[LOST_RANGE_COUNT_MAX];
    uint32_t count;
};

void lost_sequences_add(struct lost_sequences *lost, uint64_t first, uint64_t last);
bool lost_sequences_has(const struct lost_sequences *lost, uint64_t seq);

/* More is on stable storage than before. */
void command_wake_seq_waits(struct server *server);
/* The log has failed: what was written above is taken back, and who waits for it gets an error. */
void command_fail_seq_waits(struct server *server, uint64_t seq_durable);

#endif
