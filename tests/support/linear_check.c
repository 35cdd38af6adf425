/* linear_check.c - the search of Wing and Gong, with the memory of Lowe.
 *
 * Calls and returns of a key stand in a list in the order of time.  The search takes the first call
 * that the model allows, out of the list with its return, and begins at the front again; at a
 * return it cannot go on, since that operation should have been placed by then, and takes the last
 * one back.  It has found an order when no return is left.
 *
 * A configuration (the operations that are placed, and the state) that was met before leads nowhere
 * new.  It is remembered by 128 bits, the xor of random numbers of its parts: should two ever
 * have the same, an order may be overlooked, but none is invented.
 */
#include "support/linear_check.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/random.h"
#include "support/linear_model.h"

struct mark {
    uint64_t words[2];
};

/* A call or a return. */
struct event {
    struct event *previous, *next;
    struct event *partner; /* of a call, its return, or NULL; of a return NULL */
    const struct linear_op *op;
    uint64_t time;
    struct mark mark; /* of a call */
    bool is_call;
};

struct placed {
    struct event *call;
    uint32_t state_before;
};

struct search {
    struct linear_model model;
    struct event *events; /* owned */
    uint32_t event_count, return_count;
    struct event head;     /* of the list */
    struct placed *placed; /* owned */
    uint32_t placed_count, placed_count_max;
    uint32_t state;
    struct mark mark;
    struct mark *seen; /* owned, open addressing; all zero: free */
    size_t seen_count, seen_capacity;
    const struct linear_op *culprit;
};

/* --- what was seen --- */

static struct mark
mark_xor(struct mark a, struct mark b)
{
    return (struct mark){{a.words[0] ^ b.words[0], a.words[1] ^ b.words[1]}};
}

static struct mark
mark_of_state(uint32_t state)
{
    struct random random;
    struct mark mark;

    random_init(&random, UINT64_C(0x51a7e) << 32 | state);
    mark.words[0] = random_next(&random);
    mark.words[1] = random_next(&random) | 1;
    return mark;
}

static struct mark *
find_mark(struct mark *table, size_t capacity, struct mark mark)
{
    size_t at = mark.words[0] & (capacity - 1);

    while ((table[at].words[0] | table[at].words[1]) != 0 &&
           (table[at].words[0] != mark.words[0] || table[at].words[1] != mark.words[1]))
        at = (at + 1) & (capacity - 1);
    return &table[at];
}

static void
grow_seen(struct search *search)
{
    const size_t capacity = search->seen_capacity == 0 ? 4096 : search->seen_capacity * 2;
    struct mark *table = kv_alloc_zero(capacity * sizeof(table[0]));

    for (size_t i = 0; i < search->seen_capacity; i++) {
        const struct mark mark = search->seen[i];

        if ((mark.words[0] | mark.words[1]) != 0)
            *find_mark(table, capacity, mark) = mark;
    }
    free(search->seen);
    search->seen = table;
    search->seen_capacity = capacity;
}

/* True: it is new. */
static bool
remember(struct search *search, struct mark mark)
{
    struct mark *slot;

    if (search->seen_count * 2 >= search->seen_capacity)
        grow_seen(search);
    slot = find_mark(search->seen, search->seen_capacity, mark);
    if ((slot->words[0] | slot->words[1]) != 0)
        return false;
    *slot = mark;
    search->seen_count++;
    return true;
}

/* --- the list --- */

static void
unlink_event(struct event *event)
{
    event->previous->next = event->next;
    if (event->next != NULL)
        event->next->previous = event->previous;
}

static void
relink_event(struct event *event)
{
    event->previous->next = event;
    if (event->next != NULL)
        event->next->previous = event;
}

static int
compare_events(const void *left, const void *right)
{
    const struct event *a = left, *b = right;

    return (a->time > b->time) - (a->time < b->time);
}

static void
link_all(struct search *search)
{
    struct event *last = &search->head;

    KV_ASSERT(search->event_count > 0);
    qsort(search->events, search->event_count, sizeof(search->events[0]), compare_events);
    for (uint32_t i = 0; i < search->event_count; i++) {
        struct event *event = &search->events[i];

        event->previous = last;
        last = last->next = event;
        for (uint32_t j = i + 1; event->is_call && j < search->event_count; j++) {
            if (search->events[j].op == event->op) {
                event->partner = &search->events[j];
                break;
            }
        }
    }
}

static void
search_init(struct search *search, const struct linear_op *ops, uint32_t count)
{
    struct random random;

    *search = (struct search){.state = LINEAR_ABSENT};
    random_init(&random, count);
    linear_model_init(&search->model);
    search->events = kv_alloc_zero(((size_t)count * 2 + 1) * sizeof(search->events[0]));
    search->placed = kv_alloc_zero(((size_t)count + 1) * sizeof(search->placed[0]));
    for (uint32_t i = 0; i < count; i++) {
        struct event *call = &search->events[search->event_count++];

        *call = (struct event){.op = &ops[i], .time = ops[i].call_time, .is_call = true};
        call->mark = (struct mark){{random_next(&random), random_next(&random)}};
        if (ops[i].return_time == LINEAR_NEVER)
            continue;
        search->events[search->event_count++] =
            (struct event){.op = &ops[i], .time = ops[i].return_time};
        search->return_count++;
    }
    link_all(search);
}

static void
search_deinit(struct search *search)
{
    linear_model_deinit(&search->model);
    free(search->events);
    free(search->placed);
    free(search->seen);
}

/* --- the search --- */

/* Where to go on from; NULL: `call` cannot be next. */
static struct event *
place(struct search *search, struct event *call)
{
    struct mark mark;
    uint32_t state;

    if (!linear_model_step(&search->model, call->op, search->state, &state))
        return NULL;
    mark = mark_xor(search->mark, call->mark);
    if (!remember(search, mark_xor(mark, mark_of_state(state))))
        return NULL;
    search->placed[search->placed_count++] =
        (struct placed){.call = call, .state_before = search->state};
    search->mark = mark;
    search->state = state;
    unlink_event(call);
    if (call->partner != NULL) {
        unlink_event(call->partner);
        search->return_count--;
    }
    return search->head.next;
}

static struct event *
take_back(struct search *search)
{
    const struct placed last = search->placed[--search->placed_count];

    if (last.call->partner != NULL) {
        relink_event(last.call->partner);
        search->return_count++;
    }
    relink_event(last.call);
    search->mark = mark_xor(search->mark, last.call->mark);
    search->state = last.state_before;
    return last.call->next;
}

static enum linear_verdict
search_run(struct search *search, uint64_t configuration_count_max)
{
    struct event *event = search->head.next;

    while (search->return_count > 0) {
        if (event != NULL && event->is_call) {
            struct event *front = place(search, event);

            if (search->seen_count > configuration_count_max)
                return LINEAR_TOO_HARD;
            event = front != NULL || search->return_count == 0 ? front : event->next;
            continue;
        }
        if (event != NULL && search->placed_count >= search->placed_count_max) {
            search->placed_count_max = search->placed_count;
            search->culprit = event->op;
        }
        if (search->placed_count == 0)
            return LINEAR_NO;
        event = take_back(search);
    }
    return LINEAR_YES;
}

static enum linear_verdict
check_key(const struct linear_op *ops, uint32_t count, struct linear_report *report)
{
    struct search search;
    enum linear_verdict verdict;

    search_init(&search, ops, count);
    verdict = search_run(&search, report->configuration_count_max);
    report->configuration_count += search.seen_count;
    if (verdict != LINEAR_YES)
        report->culprit = search.culprit;
    search_deinit(&search);
    return verdict;
}

/* Whether somebody may have written between its WATCH and the end of its EXEC. */
static bool
may_be_refused(const struct linear_op *ops, uint32_t count, const struct linear_op *op)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct linear_op *other = &ops[i];

        if (other != op && other->kind != LINEAR_GET && other->call_time < op->return_time &&
            other->return_time > op->watch_time)
            return true;
    }
    return false;
}

static enum linear_verdict
check_refusals(const struct linear_op *ops, uint32_t count, struct linear_report *report)
{
    for (uint32_t i = 0; i < count; i++) {
        if (ops[i].kind != LINEAR_CAS || !slice_equal(ops[i].result, slice_from_text("nil")) ||
            may_be_refused(ops, count, &ops[i]))
            continue;
        report->culprit = &ops[i];
        return LINEAR_NO;
    }
    return LINEAR_YES;
}

enum linear_verdict
linear_check(const struct linear_history *history, struct linear_report *report)
{
    enum linear_verdict verdict = LINEAR_YES;
    uint32_t first = 0;

    KV_ASSERT(report->configuration_count_max > 0);
    report->configuration_count = 0;
    report->culprit = NULL;
    while (first < history->op_count && verdict == LINEAR_YES) {
        const struct linear_op *ops = history->ops + first;
        uint32_t count = 1;

        while (first + count < history->op_count && slice_equal(ops[count].key, ops[0].key))
            count++;
        verdict = check_refusals(ops, count, report);
        if (verdict == LINEAR_YES)
            verdict = check_key(ops, count, report);
        first += count;
    }
    return verdict;
}
