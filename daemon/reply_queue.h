/* reply_queue.h - a client's replies on their way out, some held until their data is durable.
 *
 *     bytes:  | free to go | held reply | held reply | ... |
 *
 * Replies leave in the order of the commands.  A reply whose sequence is not durable yet holds
 * back itself and all behind it.  Between replies may be pushes: messages that no command of this
 * client has asked for.  Pure: knows no sockets.  Zeroed is empty and valid.
 */
#ifndef KV_DAEMON_REPLY_QUEUE_H
#define KV_DAEMON_REPLY_QUEUE_H

#include "base/assert.h"
#include "base/buffer.h"

/* What must have become of the log up to a reply's sequence before it may leave. */
enum reply_level {
    REPLY_DURABLE,   /* as the setting wal-sync says */
    REPLY_SUBMITTED, /* handed to the system */
    REPLY_SYNCED,    /* on stable storage */
    REPLY_LEVEL_COUNT,
};

/* How far the log is, by level. */
struct reply_progress {
    uint64_t seqs[REPLY_LEVEL_COUNT];
};

struct held_reply {
    uint64_t end; /* stream offset behind it */
    uint64_t seq; /* what it waits for */
    enum reply_level level;
    bool is_push;
};

struct reply_queue {
    struct buffer bytes;     /* owned; replies are written at its end */
    uint64_t stream_offset;  /* of bytes.data[0] since the queue was made */
    size_t free_bytes;       /* at the front of bytes: these may go */
    struct held_reply *held; /* owned ring */
    uint32_t held_first, held_count, held_capacity;
};

void reply_queue_deinit(struct reply_queue *queue);
/* Empty again; keeps at most `bytes_max` of memory. */
void reply_queue_reset(struct reply_queue *queue, size_t bytes_max);
/* The bytes behind the last reply are one, which may go when its level has reached seq_wait. */
void reply_queue_commit(struct reply_queue *queue, uint64_t seq_wait, enum reply_level level,
                        const struct reply_progress *progress);
/* The same at REPLY_DURABLE, and they are a push. */
void reply_queue_commit_push(struct reply_queue *queue, uint64_t seq_wait,
                             const struct reply_progress *progress);
/* Takes back the bytes behind `size`: a try that is run again. */
void reply_queue_take_back(struct reply_queue *queue, size_t size);
/* Frees what need not wait any longer. */
void reply_queue_release(struct reply_queue *queue, const struct reply_progress *progress);
/* The log has failed and gets no further.  Puts `error` in the place of each held reply that waits
 * for more, and nothing in that of such a push, and frees all.  Returns how many replies there
 * were. */
uint32_t reply_queue_fail(struct reply_queue *queue, const struct reply_progress *progress,
                          struct slice error);
/* Moves the free bytes to the end of `target`; swaps the memory when that saves the copy. */
void reply_queue_move_free(struct reply_queue *queue, struct buffer *target);

static inline bool
reply_queue_is_held(const struct reply_queue *queue)
{
    return queue->held_count > 0;
}

/* Of the one that holds back all others. */
static inline enum reply_level
reply_queue_first_level(const struct reply_queue *queue)
{
    KV_ASSERT(queue->held_count > 0);
    return queue->held[queue->held_first].level;
}

#endif
