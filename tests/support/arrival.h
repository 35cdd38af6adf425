/* arrival.h - waiting in a test for what the engine reports: of a db_fetch an arrival, which begins
 * with ARRIVAL; of whatever takes a db_done_fn an outcome, which begins as zero.  Turn the loop
 * until is_here. */
#ifndef KV_TESTS_SUPPORT_ARRIVAL_H
#define KV_TESTS_SUPPORT_ARRIVAL_H

#include "db/db.h"

struct arrival {
    struct db_waiter waiter; /* for db_fetch */
    bool is_here;
    enum kv_status st; /* of the fetch, when it is here */
};

void arrival_note(struct db_waiter *waiter, enum kv_status st);

struct outcome {
    bool is_here;
    enum kv_status st;
};

/* A db_done_fn; `owner` is the outcome. */
void outcome_note(void *owner, enum kv_status st);

#define ARRIVAL ((struct arrival){.waiter = {.on_arrived = arrival_note}})

#endif
