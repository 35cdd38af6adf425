#include "support/arrival.h"

#include "base/assert.h"

void
arrival_note(struct db_waiter *waiter, enum kv_status st)
{
    struct arrival *arrival = KV_CONTAINER_OF(waiter, struct arrival, waiter);

    arrival->is_here = true;
    arrival->st = st;
}
