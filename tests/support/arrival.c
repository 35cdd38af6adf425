#include "support/arrival.h"

#include "base/assert.h"

void
arrival_note(struct db_waiter *waiter, enum kv_status st)
{
    struct arrival *arrival = KV_CONTAINER_OF(waiter, struct arrival, waiter);

    arrival->is_here = true;
    arrival->st = st;
}

void
outcome_note(void *owner, enum kv_status st)
{
    struct outcome *outcome = owner;

    KV_ASSERT(!outcome->is_here);
    *outcome = (struct outcome){.is_here = true, .st = st};
}
