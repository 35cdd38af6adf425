/* timer_heap.c - invariant: slots[i]->heap_index == i, and no slot's deadline is below its
 * parent's, slots[i / 2].
 */
#include "io/timer_heap.h"

#include "base/alloc.h"

static void
slot_set(struct timer_heap *heap, uint64_t index, struct io_timer *timer)
{
    heap->slots[index] = timer;
    timer->heap_index = index;
}

/* Moves `timer`, whose place is the free slot `index`, towards the root. */
static void
sift_up(struct timer_heap *heap, uint64_t index, struct io_timer *timer)
{
    while (index > 1 && heap->slots[index / 2]->deadline_us > timer->deadline_us) {
        slot_set(heap, index, heap->slots[index / 2]);
        index /= 2;
    }
    slot_set(heap, index, timer);
}

static void
sift_down(struct timer_heap *heap, uint64_t index, struct io_timer *timer)
{
    for (;;) {
        uint64_t child = index * 2;

        if (child > heap->count)
            break;
        if (child < heap->count &&
            heap->slots[child + 1]->deadline_us < heap->slots[child]->deadline_us)
            child++;
        if (heap->slots[child]->deadline_us >= timer->deadline_us)
            break;
        slot_set(heap, index, heap->slots[child]);
        index = child;
    }
    slot_set(heap, index, timer);
}

void
timer_heap_deinit(struct timer_heap *heap)
{
    KV_ASSERT(!heap->expiring);
    for (uint64_t i = 1; i <= heap->count; i++)
        heap->slots[i]->heap_index = 0;
    free(heap->slots);
    *heap = (struct timer_heap){0};
}

void
timer_heap_start(struct timer_heap *heap, struct io_timer *timer, uint64_t deadline_us)
{
    KV_ASSERT(timer->on_expire != NULL);
    timer_heap_stop(heap, timer);
    if (heap->expiring && deadline_us <= heap->expired_us)
        deadline_us = heap->expired_us + 1;
    if (heap->count + 1 >= heap->capacity) {
        heap->capacity = heap->capacity == 0 ? 16 : heap->capacity * 2;
        heap->slots = kv_realloc(heap->slots, heap->capacity * sizeof(heap->slots[0]));
    }
    timer->deadline_us = deadline_us;
    heap->count++;
    sift_up(heap, heap->count, timer);
}

void
timer_heap_stop(struct timer_heap *heap, struct io_timer *timer)
{
    const uint64_t index = timer->heap_index;
    struct io_timer *last;

    if (index == 0)
        return;
    KV_ASSERT(index <= heap->count);
    KV_ASSERT(heap->slots[index] == timer);
    timer->heap_index = 0;
    last = heap->slots[heap->count--];
    if (last == timer)
        return;
    if (index > 1 && heap->slots[index / 2]->deadline_us > last->deadline_us)
        sift_up(heap, index, last);
    else
        sift_down(heap, index, last);
}

uint64_t
timer_heap_next_us(const struct timer_heap *heap)
{
    return heap->count == 0 ? UINT64_MAX : heap->slots[1]->deadline_us;
}

uint32_t
timer_heap_expire(struct timer_heap *heap, uint64_t now_us)
{
    uint32_t called_count = 0;

    KV_ASSERT(!heap->expiring);
    heap->expiring = true;
    heap->expired_us = now_us;
    while (timer_heap_next_us(heap) <= now_us) {
        struct io_timer *timer = heap->slots[1];

        timer_heap_stop(heap, timer);
        timer->on_expire(timer);
        called_count++;
    }
    heap->expiring = false;
    return called_count;
}
