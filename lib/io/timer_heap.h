/* timer_heap.h - struct io_timer in order of deadline; what every struct io keeps its timers in.
 *
 * A binary heap of borrowed pointers: start and stop cost O(log n), the next deadline nothing.
 * Zero-initialised is empty.  Timers with the same deadline expire in an order that depends only
 * on the calls before, never on addresses, so a simulated run repeats.
 */
#ifndef KV_IO_TIMER_HEAP_H
#define KV_IO_TIMER_HEAP_H

#include "io/io.h"

struct timer_heap {
    struct io_timer **slots; /* owned; [1, count] are used, so that index 0 can mean idle */
    uint64_t count;
    uint64_t capacity;
    uint64_t expired_us; /* the latest `now_us` of timer_heap_expire */
    bool expiring;
};

/* Running timers become idle. */
void timer_heap_deinit(struct timer_heap *heap);
void timer_heap_start(struct timer_heap *heap, struct io_timer *timer, uint64_t deadline_us);
void timer_heap_stop(struct timer_heap *heap, struct io_timer *timer); /* idle is fine */
/* UINT64_MAX if there is none. */
uint64_t timer_heap_next_us(const struct timer_heap *heap);
/* Calls on_expire of all that are due.  One that is started again with a deadline in the past by
 * a handler waits for the next call.  Returns how many were called. */
uint32_t timer_heap_expire(struct timer_heap *heap, uint64_t now_us);

#endif
