/* sim_world_guest.c - a column family that is made, written, read and dropped among all that
 * happens.
 *
 * It is there at an opening if its making was reported, is gone if its dropping was, and otherwise
 * may be either.  Each one that is made is another: nothing of those before is ever seen in it.
 */
#include "db/db_family.h"
#include "support/sim_world_internal.h"

static struct slice
guest_name(void)
{
    return slice_from_text("guest");
}

/* The keys of the last one are nobody's any more, not even a snapshot's. */
static void
forget_guest(struct sim_world *world)
{
    sim_model_renew(&world->model, GUEST_FAMILY);
    for (uint32_t i = 0; i < SNAPSHOT_COUNT; i++) {
        struct sim_snapshot *snapshot = &world->snapshots[i];

        memset(snapshot->state.values[GUEST_FAMILY], 0,
               sizeof(snapshot->state.values[GUEST_FAMILY]));
        memset(snapshot->sights[GUEST_FAMILY], 0, sizeof(snapshot->sights[GUEST_FAMILY]));
    }
    world->report->guest_count++;
}

static void
on_guest_changed(void *owner, enum kv_status st)
{
    struct sim_world *world = owner;
    const bool was_making = world->guest == GUEST_MAKING;
    uint32_t cf_id;
    bool is_there;

    if (sim_io_is_down(world->sim))
        return;
    is_there = db_find_family(world->db, guest_name(), &cf_id);
    sim_world_note(world, "the guest is %s: %s", was_making ? "made" : "dropped",
                   kv_status_text(st));
    /* One of a name that OPTIONS may still tell of has that written down, which may fail. */
    if (was_making && !is_there && world->is_troubled && (st == KV_IO || st == KV_NO_SPACE)) {
        world->guest = GUEST_ABSENT;
        return;
    }
    if (st != KV_OK || is_there != was_making)
        (void)sim_world_fail(world, "the guest was to be %s: %s, and it is %sthere",
                             was_making ? "made" : "dropped", kv_status_text(st),
                             is_there ? "" : "not ");
    world->guest = is_there ? GUEST_PRESENT : GUEST_ABSENT;
    world->cf_ids[GUEST_FAMILY] = cf_id;
    if (!is_there)
        forget_guest(world);
}

/* Scans go on in a family that is gone; a get would look for it. */
static bool
is_looked_at(const struct sim_world *world)
{
    for (uint32_t i = 0; i < READER_COUNT; i++) {
        if (world->readers[i].stage == READER_GET && world->readers[i].family == GUEST_FAMILY)
            return true;
    }
    return false;
}

void
sim_world_change_guest(struct sim_world *world)
{
    const struct family_settings settings = {0};
    enum kv_status st = KV_OK;

    if (world->guest == GUEST_ABSENT) {
        world->guest = GUEST_MAKING;
        st = db_family_create(world->db, guest_name(), &settings, on_guest_changed, world);
    } else if (world->guest == GUEST_PRESENT && !is_looked_at(world)) {
        world->guest = GUEST_DROPPING;
        st = db_family_drop(world->db, world->cf_ids[GUEST_FAMILY], on_guest_changed, world);
    }
    if (st != KV_OK)
        (void)sim_world_fail(world, "a change of the guest: %s", kv_status_text(st));
}

bool
sim_world_find_guest(struct sim_world *world)
{
    const enum sim_guest before = world->guest;
    const bool is_there = db_find_family(world->db, guest_name(), &world->cf_ids[GUEST_FAMILY]);

    if (before == (is_there ? GUEST_ABSENT : GUEST_PRESENT))
        return sim_world_fail(world, "a guest that was %s is %sthere",
                              is_there ? "dropped" : "made", is_there ? "" : "not ");
    world->guest = is_there ? GUEST_PRESENT : GUEST_ABSENT;
    if (before == GUEST_DROPPING && !is_there)
        forget_guest(world);
    return true;
}

uint32_t
sim_world_draw_family(struct sim_world *world)
{
    const uint32_t count = world->family_count + (world->guest == GUEST_PRESENT);
    const uint32_t family = (uint32_t)sim_world_draw(world, count);

    return family < world->family_count ? family : GUEST_FAMILY;
}
