/* sim_world_internal.h - shared by sim_world.c (lives), sim_world_open.c (opening, judging,
 * ending) and sim_world_step.c (clients and mishaps), included nowhere else.
 */
#ifndef KV_TESTS_SUPPORT_SIM_WORLD_INTERNAL_H
#define KV_TESTS_SUPPORT_SIM_WORLD_INTERNAL_H

#include "base/random.h"
#include "support/inline_port.h"
#include "support/sim_model.h"
#include "support/sim_reader.h"
#include "support/sim_world.h"

enum { READER_COUNT = 3, SNAPSHOT_COUNT = 4, FLUSH_WAIT_COUNT = 3, FAULTS_AT_ONCE_MAX = 3 };
enum { STEADY_FAMILY_COUNT = 2, GUEST_FAMILY = STEADY_FAMILY_COUNT };
enum { LIVENESS_US = 30 * 1000 * 1000 };

/* What was asked for last, and whether it was reported. */
enum sim_guest { GUEST_ABSENT, GUEST_MAKING, GUEST_PRESENT, GUEST_DROPPING };

struct sim_world;

/* A db_flush that has not been answered. */
struct flush_wait {
    struct sim_world *world;
    bool is_busy;
    uint64_t seq;
};

struct sim_world {
    struct sim_world_options options;
    struct sim_world_report *report;
    struct random random;
    struct sim_io *sim;
    struct sim_liar *liar;
    struct io *io; /* the liar's */
    struct inline_port port;
    struct db_options db_options;
    struct db *db; /* NULL while closed */
    struct sim_model model;
    struct sim_reader readers[READER_COUNT];
    struct sim_snapshot snapshots[SNAPSHOT_COUNT];
    struct flush_wait flushes[FLUSH_WAIT_COUNT];
    struct buffer scratch;

    /* What kind of world it is. */
    bool has_faults;
    bool changes_wal_sync; /* while running: then only flushes make anything safe for certain */
    uint32_t cut_near_one_in;
    uint32_t life_count, step_count_max;
    uint32_t family_count; /* without the guest */
    uint32_t cf_ids[MODEL_FAMILY_COUNT];
    uint32_t value_bytes_max;

    enum sim_guest guest;

    uint64_t acked_seq;      /* the last one reported durable */
    uint64_t taken_back_seq; /* the last one that a failed log took with it; 0: none */
    uint64_t hard_seq;       /* up to here a power cut must leave everything */
    uint64_t must_survive_seq;
    bool writer_waits; /* db_write said KV_BUSY, and on_writable has not come */
    bool is_troubled;  /* a fault was on in this life, so writes may be refused */
    bool reads_may_fail;
    uint32_t fault_count; /* planned ones that are on */
};

bool sim_world_fail(struct sim_world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool sim_world_is_fine(const struct sim_world *world);
void sim_world_note(const struct sim_world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static inline uint64_t
sim_world_draw(struct sim_world *world, uint64_t bound)
{
    return random_below(&world->random, bound);
}

/* sim_world.c */
void sim_world_draw_compaction(struct sim_world *world);

/* sim_world_open.c */
/* Until the engine is open and judged; false: failed. */
bool sim_world_open(struct sim_world *world);
/* The power is gone or the process is dead: the engine object is freed, the machine boots. */
bool sim_world_bury(struct sim_world *world, bool was_power);
/* Without faults everything comes to an end. */
bool sim_world_calm(struct sim_world *world);
bool sim_world_stop(struct sim_world *world);

/* sim_world_guest.c */
/* It comes if it is not there, or goes. */
void sim_world_change_guest(struct sim_world *world);
/* After an opening: whether it may be as it is. */
bool sim_world_find_guest(struct sim_world *world);
/* One that can be written and read. */
uint32_t sim_world_draw_family(struct sim_world *world);

/* sim_world_step.c */
void sim_world_turn(struct sim_world *world);
bool sim_world_step(struct sim_world *world);
bool sim_world_step_readers(struct sim_world *world);
void sim_world_release(struct sim_world *world, struct sim_snapshot *snapshot);
/* One batch; *status_out: what db_write said. */
bool sim_world_write(struct sim_world *world, enum kv_status *status_out);
void sim_world_start_fault(struct sim_world *world);
void sim_world_clear_faults(struct sim_world *world);
/* Callbacks of the engine. */
/* The engine counts on behind sequences that were taken back: what was written last up to `seq`. */
uint64_t sim_world_written_seq(const struct sim_world *world, uint64_t seq);
void sim_world_on_durable(void *owner, uint64_t seq);
void sim_world_on_write_failed(void *owner, uint64_t seq);
void sim_world_on_writable(void *owner);
void sim_world_flush(struct sim_world *world);
/* Of the port. */
void sim_world_on_compacted(void *owner, const struct compact_job *job);

#endif
