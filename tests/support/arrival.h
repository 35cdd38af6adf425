/* arrival.h - waiting for db_fetch in a test: begin with ARRIVAL, turn the loop until is_here. */
#ifndef KV_TESTS_SUPPORT_ARRIVAL_H
#define KV_TESTS_SUPPORT_ARRIVAL_H

#include "db/db.h"

struct arrival {
    struct db_waiter waiter; /* for db_fetch */
    bool is_here;
    enum kv_status st; /* of the fetch, when it is here */
};

void arrival_note(struct db_waiter *waiter, enum kv_status st);

#define ARRIVAL ((struct arrival){.waiter = {.on_arrived = arrival_note}})

#endif
