/* reply_queue.c - offsets into the stream of all replies, so moving bytes changes no record.
 *
 *     stream_offset            + free_bytes            + bytes.size
 *     | free to go             | held[first] ... held[last] |
 *
 * Invariant between commands: the ends in `held` ascend, the last one is the end of the bytes,
 * and free_bytes is the start of the first held one.
 */
#include "daemon/reply_queue.h"

#include "base/alloc.h"

enum { HELD_CAPACITY_FIRST = 16, HELD_CAPACITY_KEPT = 1024 };

static struct held_reply *
held_at(const struct reply_queue *queue, uint32_t index)
{
    KV_ASSERT(index < queue->held_count);
    return &queue->held[(queue->held_first + index) & (queue->held_capacity - 1)];
}

static bool
waits(const struct held_reply *held, const struct reply_progress *progress)
{
    return held->seq > progress->seqs[held->level];
}

void
reply_queue_deinit(struct reply_queue *queue)
{
    buffer_deinit(&queue->bytes);
    free(queue->held);
    memset(queue, 0, sizeof(*queue));
}

void
reply_queue_reset(struct reply_queue *queue, size_t bytes_max)
{
    if (queue->bytes.capacity > bytes_max)
        buffer_deinit(&queue->bytes);
    if (queue->held_capacity > HELD_CAPACITY_KEPT) {
        free(queue->held);
        queue->held = NULL;
        queue->held_capacity = 0;
    }
    buffer_clear(&queue->bytes);
    queue->stream_offset = 0;
    queue->free_bytes = 0;
    queue->held_first = 0;
    queue->held_count = 0;
}

static void
grow_held(struct reply_queue *queue)
{
    const uint32_t capacity =
        queue->held_capacity == 0 ? HELD_CAPACITY_FIRST : queue->held_capacity * 2;
    struct held_reply *held = kv_alloc(capacity * sizeof(*held));

    for (uint32_t i = 0; i < queue->held_count; i++)
        held[i] = *held_at(queue, i);
    free(queue->held);
    queue->held = held;
    queue->held_first = 0;
    queue->held_capacity = capacity;
}

static void
commit(struct reply_queue *queue, uint64_t seq_wait, enum reply_level level,
       const struct reply_progress *progress, bool is_push)
{
    KV_ASSERT(queue->free_bytes <= queue->bytes.size && level < REPLY_LEVEL_COUNT);
    if (queue->held_count == 0 && seq_wait <= progress->seqs[level]) {
        queue->free_bytes = queue->bytes.size;
        return;
    }
    if (queue->held_count == queue->held_capacity)
        grow_held(queue);
    queue->held_count++;
    *held_at(queue, queue->held_count - 1) = (struct held_reply){
        .end = queue->stream_offset + queue->bytes.size,
        .seq = seq_wait,
        .level = level,
        .is_push = is_push,
    };
}

void
reply_queue_commit(struct reply_queue *queue, uint64_t seq_wait, enum reply_level level,
                   const struct reply_progress *progress)
{
    commit(queue, seq_wait, level, progress, false);
}

void
reply_queue_commit_push(struct reply_queue *queue, uint64_t seq_wait,
                        const struct reply_progress *progress)
{
    commit(queue, seq_wait, REPLY_DURABLE, progress, true);
}

void
reply_queue_take_back(struct reply_queue *queue, size_t size)
{
    KV_ASSERT(size >= queue->free_bytes && size <= queue->bytes.size);
    queue->bytes.size = size;
}

void
reply_queue_release(struct reply_queue *queue, const struct reply_progress *progress)
{
    while (queue->held_count > 0 && !waits(held_at(queue, 0), progress)) {
        queue->free_bytes = (size_t)(held_at(queue, 0)->end - queue->stream_offset);
        queue->held_first = (queue->held_first + 1) & (queue->held_capacity - 1);
        queue->held_count--;
    }
    KV_ASSERT(queue->free_bytes <= queue->bytes.size);
}

uint32_t
reply_queue_fail(struct reply_queue *queue, const struct reply_progress *progress,
                 struct slice error)
{
    struct buffer kept = {0};
    size_t start = queue->free_bytes;
    uint32_t failed_count = 0;

    for (uint32_t i = 0; i < queue->held_count; i++) {
        const struct held_reply *held = held_at(queue, i);
        const size_t end = (size_t)(held->end - queue->stream_offset);

        KV_ASSERT(end >= start && end <= queue->bytes.size);
        if (!waits(held, progress)) {
            buffer_append(&kept, queue->bytes.data + start, end - start);
        } else if (!held->is_push) {
            buffer_append_slice(&kept, error);
            failed_count++;
        }
        start = end;
    }
    queue->bytes.size = queue->free_bytes;
    buffer_append_slice(&queue->bytes, buffer_slice(&kept));
    queue->free_bytes = queue->bytes.size;
    queue->held_count = 0;
    buffer_deinit(&kept);
    return failed_count;
}

void
reply_queue_move_free(struct reply_queue *queue, struct buffer *target)
{
    const size_t moved = queue->free_bytes;

    KV_ASSERT(moved <= queue->bytes.size);
    if (moved == queue->bytes.size && target->size == 0) {
        const struct buffer swapped = *target;

        *target = queue->bytes;
        queue->bytes = swapped;
    } else {
        buffer_append(target, queue->bytes.data, moved);
        buffer_consume(&queue->bytes, moved);
    }
    queue->stream_offset += moved;
    queue->free_bytes = 0;
}
