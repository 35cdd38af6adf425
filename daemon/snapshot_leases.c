/* snapshot_leases.c - a list by id, and one timer for the lease that ends first.
 *
 *     listed --drop, or its time is over, or taken back--> ended --the last pin goes--> freed
 *
 * Invariants: what is listed holds a snapshot; the timer runs exactly while something is listed,
 * and not later than the first deadline.  There are few leases, so all looking up is by walking.
 */
#include "daemon/snapshot_leases.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/db_snapshot.h"
#include "resp/resp_number.h"

static struct snapshot_lease *
lease_at(struct list *node)
{
    return LIST_ENTRY(node, struct snapshot_lease, link);
}

static void
start_timer(struct snapshot_leases *leases)
{
    uint64_t deadline_us = UINT64_MAX;

    for (struct list *node = leases->all.next; node != &leases->all; node = node->next) {
        if (lease_at(node)->deadline_us < deadline_us)
            deadline_us = lease_at(node)->deadline_us;
    }
    if (deadline_us == UINT64_MAX)
        io_timer_stop(leases->io, &leases->timer);
    else
        io_timer_start(leases->io, &leases->timer, deadline_us);
}

static void
free_if_unused(struct snapshot_leases *leases, struct snapshot_lease *lease)
{
    if (lease->pin_count > 0)
        return;
    if (lease->snapshot != NULL)
        db_snapshot_release(leases->db, lease->snapshot);
    free(lease);
}

static void
end(struct snapshot_leases *leases, struct snapshot_lease *lease)
{
    KV_ASSERT(leases->count > 0 && lease->snapshot != NULL);
    list_remove(&lease->link);
    leases->count--;
    free_if_unused(leases, lease);
}

static void
on_timer(struct io_timer *timer)
{
    struct snapshot_leases *leases = KV_CONTAINER_OF(timer, struct snapshot_leases, timer);
    const uint64_t now_us = io_now_us(leases->io);

    for (struct list *node = leases->all.next, *next; node != &leases->all; node = next) {
        struct snapshot_lease *lease = lease_at(node);

        next = node->next;
        if (lease->deadline_us > now_us)
            continue;
        kv_log(LOG_LEVEL_VERBOSE, "snapshot %llu %s of %s %s: its lease is over",
               (unsigned long long)lease->id, lease->name, lease->owner_name, lease->owner_address);
        leases->expired_count++;
        end(leases, lease);
    }
    start_timer(leases);
}

void
snapshot_leases_init(struct snapshot_leases *leases, struct db *db, struct io *io,
                     uint64_t id_first)
{
    KV_ASSERT(db != NULL && io != NULL && id_first > 0 && id_first < INT64_MAX);
    *leases = (struct snapshot_leases){
        .db = db, .io = io, .id_next = id_first, .timer.on_expire = on_timer};
    list_init(&leases->all);
}

void
snapshot_leases_deinit(struct snapshot_leases *leases)
{
    if (leases->db == NULL)
        return;
    io_timer_stop(leases->io, &leases->timer);
    while (!list_empty(&leases->all)) {
        KV_ASSERT(lease_at(leases->all.next)->pin_count == 0);
        end(leases, lease_at(leases->all.next));
    }
    *leases = (struct snapshot_leases){0};
}

static void
set_text(char *target, size_t size, const char *text)
{
    (void)snprintf(target, size, "%.*s", (int)size - 1, text == NULL ? "" : text);
}

static uint64_t
logged_bytes(struct db *db)
{
    struct db_stats stats;

    db_get_stats(db, &stats);
    return stats.wal.record_bytes;
}

enum kv_status
snapshot_lease_create(struct snapshot_leases *leases, const struct snapshot_lease_request *request,
                      struct snapshot_lease **lease_out)
{
    struct snapshot_lease *lease;
    struct db_snapshot *snapshot;
    enum kv_status st;

    *lease_out = NULL;
    KV_ASSERT(request->name.size == 0 || snapshot_lease_may_be_called(request->name));
    if (request->name.size > 0 && snapshot_lease_find(leases, request->name) != NULL)
        return KV_INVALID;
    if (leases->count >= request->count_max)
        return KV_LIMIT;
    st = db_snapshot_create(leases->db, &snapshot);
    if (st != KV_OK)
        return st;
    lease = kv_alloc_zero(sizeof(*lease));
    lease->id = leases->id_next++;
    lease->snapshot = snapshot;
    lease->seq = db_snapshot_seq(snapshot);
    lease->created_us = io_now_us(leases->io);
    lease->deadline_us = lease->created_us + request->ttl_us;
    lease->log_bytes = logged_bytes(leases->db);
    if (request->name.size > 0)
        memcpy(lease->name, request->name.data, request->name.size);
    set_text(lease->owner_name, sizeof(lease->owner_name), request->owner_name);
    set_text(lease->owner_address, sizeof(lease->owner_address), request->owner_address);
    list_push_back(&leases->all, &lease->link);
    leases->count++;
    leases->created_count++;
    start_timer(leases);
    *lease_out = lease;
    return KV_OK;
}

bool
snapshot_lease_may_be_called(struct slice name)
{
    bool is_number = true;

    if (name.size == 0 || name.size > LEASE_NAME_BYTES_MAX)
        return false;
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] < '!' || name.data[i] > '~')
            return false;
        is_number = is_number && name.data[i] >= '0' && name.data[i] <= '9';
    }
    return !is_number;
}

struct snapshot_lease *
snapshot_lease_find(struct snapshot_leases *leases, struct slice text)
{
    int64_t id = 0;
    const bool is_id = resp_parse_int64(text, &id) && id > 0;

    for (struct list *node = leases->all.next; node != &leases->all; node = node->next) {
        struct snapshot_lease *lease = lease_at(node);

        if (is_id ? lease->id == (uint64_t)id
                  : text.size > 0 && slice_equal(text, slice_from_text(lease->name)))
            return lease;
    }
    return NULL;
}

void
snapshot_lease_extend(struct snapshot_leases *leases, struct snapshot_lease *lease, uint64_t ttl_us)
{
    KV_ASSERT(lease->snapshot != NULL);
    lease->deadline_us = io_now_us(leases->io) + ttl_us;
    start_timer(leases);
}

void
snapshot_lease_drop(struct snapshot_leases *leases, struct snapshot_lease *lease)
{
    end(leases, lease);
    start_timer(leases);
}

void
snapshot_lease_pin(struct snapshot_lease *lease)
{
    KV_ASSERT(lease->pin_count < UINT32_MAX);
    lease->pin_count++;
}

void
snapshot_lease_unpin(struct snapshot_leases *leases, struct snapshot_lease *lease)
{
    if (lease == NULL)
        return;
    KV_ASSERT(lease->pin_count > 0);
    lease->pin_count--;
    if (list_empty(&lease->link)) /* it has ended */
        free_if_unused(leases, lease);
}

void
snapshot_leases_take_back(struct snapshot_leases *leases, uint64_t seq_durable)
{
    for (struct list *node = leases->all.next, *next; node != &leases->all; node = next) {
        struct snapshot_lease *lease = lease_at(node);

        next = node->next;
        if (lease->seq <= seq_durable)
            continue;
        lease->is_taken_back = true;
        end(leases, lease);
    }
    start_timer(leases);
}
