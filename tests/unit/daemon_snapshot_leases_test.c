/* Goal: a lease shows its moment until its time is over, is dropped or is taken back, and not a
 * moment longer; whoever has it pinned reads on.
 *
 * Method: a small database on real files, with a clock that the test moves. */
#include <CUnit/Basic.h>
#include <stdio.h>

#include "daemon/snapshot_leases.h"
#include "db/db_snapshot.h"
#include "support/db_world.h"
#include "support/unit.h"

enum { SECOND_US = 1000 * 1000 };

/* Everything but timers and time is another's. */
struct clock_io {
    struct io io;
    uint64_t now_us;
    struct io_timer *timer; /* the one that runs */
};

static uint64_t
clock_now(struct io *io)
{
    return KV_CONTAINER_OF(io, struct clock_io, io)->now_us;
}

static void
clock_start(struct io *io, struct io_timer *timer, uint64_t deadline_us)
{
    timer->deadline_us = deadline_us;
    KV_CONTAINER_OF(io, struct clock_io, io)->timer = timer;
}

static void
clock_stop(struct io *io, struct io_timer *timer)
{
    (void)timer;
    KV_CONTAINER_OF(io, struct clock_io, io)->timer = NULL;
}

static const struct io_ops clock_ops = {
    .now_us = clock_now, .timer_start = clock_start, .timer_stop = clock_stop};

struct rig {
    struct db_world world;
    struct clock_io clock;
    struct snapshot_leases leases;
};

static void
rig_init(struct rig *rig)
{
    db_world_init(&rig->world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&rig->world), KV_OK);
    rig->clock = (struct clock_io){.io.ops = &clock_ops, .now_us = 1000 * SECOND_US};
    snapshot_leases_init(&rig->leases, rig->world.db, &rig->clock.io, 100);
}

static void
rig_deinit(struct rig *rig)
{
    snapshot_leases_deinit(&rig->leases);
    CU_ASSERT_PTR_NULL(rig->clock.timer);
    db_world_deinit(&rig->world);
}

/* As the loop does: what is due expires, once. */
static void
pass(struct rig *rig, uint64_t us)
{
    struct io_timer *timer = rig->clock.timer;

    rig->clock.now_us += us;
    if (timer != NULL && timer->deadline_us <= rig->clock.now_us) {
        rig->clock.timer = NULL;
        timer->on_expire(timer);
    }
}

static uint64_t
snapshot_count(struct rig *rig)
{
    struct db_stats stats;

    db_get_stats(rig->world.db, &stats);
    return stats.snapshot_count;
}

static struct snapshot_lease *
take(struct rig *rig, const char *name, uint64_t ttl_us)
{
    const struct snapshot_lease_request request = {.name = slice_from_text(name),
                                                   .owner_name = "me",
                                                   .owner_address = NULL,
                                                   .ttl_us = ttl_us,
                                                   .count_max = 5};
    struct snapshot_lease *lease;

    db_world_put(&rig->world, "key", name);
    CU_ASSERT_EQUAL_FATAL(snapshot_lease_create(&rig->leases, &request, &lease), KV_OK);
    return lease;
}

static struct snapshot_lease *
find(struct rig *rig, const char *text)
{
    return snapshot_lease_find(&rig->leases, slice_from_text(text));
}

static void
leases_end_in_their_time(void)
{
    struct rig rig = {0};
    struct snapshot_lease *late, *soon;

    rig_init(&rig);
    late = take(&rig, "late", 30 * SECOND_US);
    soon = take(&rig, "", 10 * SECOND_US);
    CU_ASSERT_EQUAL(late->id, 100);
    CU_ASSERT_EQUAL(soon->id, 101);
    CU_ASSERT_PTR_EQUAL(find(&rig, "late"), late);
    CU_ASSERT_PTR_EQUAL(find(&rig, "100"), late);
    CU_ASSERT_PTR_EQUAL(find(&rig, "101"), soon);
    CU_ASSERT_PTR_NULL(find(&rig, ""));
    CU_ASSERT_PTR_NULL(find(&rig, "102"));
    CU_ASSERT_PTR_NULL(find(&rig, "lat"));
    CU_ASSERT_EQUAL(snapshot_count(&rig), 2);
    pass(&rig, 10 * SECOND_US - 1);
    CU_ASSERT_PTR_NOT_NULL(find(&rig, "101"));
    pass(&rig, 1);
    CU_ASSERT_PTR_NULL(find(&rig, "101"));
    CU_ASSERT_EQUAL(snapshot_count(&rig), 1);
    CU_ASSERT_EQUAL(rig.leases.expired_count, 1);
    /* Longer, then shorter. */
    snapshot_lease_extend(&rig.leases, late, 100 * SECOND_US);
    pass(&rig, 50 * SECOND_US);
    CU_ASSERT_PTR_EQUAL(find(&rig, "late"), late);
    snapshot_lease_extend(&rig.leases, late, SECOND_US);
    pass(&rig, SECOND_US);
    CU_ASSERT_PTR_NULL(find(&rig, "late"));
    CU_ASSERT_EQUAL(snapshot_count(&rig), 0);
    CU_ASSERT_PTR_NULL(rig.clock.timer);
    rig_deinit(&rig);
}

static void
names_and_numbers_are_bounded(void)
{
    struct rig rig = {0};
    struct snapshot_lease_request request = {.ttl_us = SECOND_US, .count_max = 5};
    char name[LEASE_NAME_BYTES_MAX + 2];
    struct snapshot_lease *lease;

    rig_init(&rig);
    memset(name, 'n', sizeof(name));
    CU_ASSERT_TRUE(snapshot_lease_may_be_called(slice_of(name, LEASE_NAME_BYTES_MAX)));
    CU_ASSERT_FALSE(snapshot_lease_may_be_called(slice_of(name, LEASE_NAME_BYTES_MAX + 1)));
    CU_ASSERT_FALSE(snapshot_lease_may_be_called(slice_of(NULL, 0)));
    CU_ASSERT_FALSE(snapshot_lease_may_be_called(slice_from_text("17")));
    CU_ASSERT_TRUE(snapshot_lease_may_be_called(slice_from_text("17a")));
    CU_ASSERT_FALSE(snapshot_lease_may_be_called(slice_from_text("a b")));
    CU_ASSERT_FALSE(snapshot_lease_may_be_called(slice_from_text("a\xc3\xa9")));
    (void)take(&rig, "one", SECOND_US);
    request.name = slice_from_text("one");
    CU_ASSERT_EQUAL(snapshot_lease_create(&rig.leases, &request, &lease), KV_INVALID);
    request.name = slice_of(NULL, 0);
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(snapshot_lease_create(&rig.leases, &request, &lease), KV_OK);
    CU_ASSERT_EQUAL(snapshot_lease_create(&rig.leases, &request, &lease), KV_LIMIT);
    CU_ASSERT_PTR_NULL(lease);
    CU_ASSERT_EQUAL(snapshot_count(&rig), 1); /* they are of one moment */
    pass(&rig, SECOND_US);
    CU_ASSERT_EQUAL(rig.leases.count, 0);
    CU_ASSERT_EQUAL(rig.leases.created_count, 5);
    rig_deinit(&rig);
}

/* Method: pinned leases end in each of the three ways; the moment is held until the pin goes. */
static void
a_pinned_lease_outlives_its_end(void)
{
    struct rig rig = {0};
    struct snapshot_lease *dropped, *expired, *void_one, *kept;

    rig_init(&rig);
    kept = take(&rig, "kept", 100 * SECOND_US);
    dropped = take(&rig, "dropped", 100 * SECOND_US);
    expired = take(&rig, "expired", SECOND_US);
    void_one = take(&rig, "void", 100 * SECOND_US);
    snapshot_lease_pin(dropped);
    snapshot_lease_pin(dropped);
    snapshot_lease_pin(expired);
    snapshot_lease_pin(void_one);
    snapshot_lease_drop(&rig.leases, dropped);
    pass(&rig, SECOND_US);
    CU_ASSERT_PTR_NULL(find(&rig, "dropped"));
    CU_ASSERT_PTR_NULL(find(&rig, "expired"));
    snapshot_leases_take_back(&rig.leases, void_one->seq - 1);
    CU_ASSERT_PTR_NULL(find(&rig, "void"));
    CU_ASSERT_TRUE(void_one->is_taken_back);
    CU_ASSERT_PTR_EQUAL(find(&rig, "kept"), kept);
    CU_ASSERT_FALSE(kept->is_taken_back || expired->is_taken_back);
    CU_ASSERT_EQUAL(snapshot_count(&rig), 4);
    snapshot_lease_unpin(&rig.leases, dropped);
    CU_ASSERT_EQUAL(snapshot_count(&rig), 4);
    snapshot_lease_unpin(&rig.leases, dropped);
    snapshot_lease_unpin(&rig.leases, expired);
    snapshot_lease_unpin(&rig.leases, void_one);
    snapshot_lease_unpin(&rig.leases, NULL);
    CU_ASSERT_EQUAL(snapshot_count(&rig), 1);
    /* A pin that goes before the end ends nothing. */
    snapshot_lease_pin(kept);
    snapshot_lease_unpin(&rig.leases, kept);
    CU_ASSERT_PTR_EQUAL(find(&rig, "kept"), kept);
    rig_deinit(&rig);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(leases_end_in_their_time),
        UNIT_TEST(names_and_numbers_are_bounded),
        UNIT_TEST(a_pinned_lease_outlives_its_end),
        UNIT_TEST_END,
    };

    return unit_main("daemon_snapshot_leases", tests, argc, argv);
}
