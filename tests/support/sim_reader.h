/* sim_reader.h - a client that reads: one get or one scan at a time, over as many turns as it
 * takes, and compares what it finds with the model.
 *
 * A get is compared with the state at its last pass or, through a snapshot, with the state when
 * that was taken; a scan with the state when it was begun.
 */
#ifndef KV_TESTS_SUPPORT_SIM_READER_H
#define KV_TESTS_SUPPORT_SIM_READER_H

#include "db/db_snapshot.h"
#include "support/sim_model.h"

enum sim_reader_stage {
    READER_IDLE,
    READER_GET,
    READER_SCAN_SEEK,
    READER_SCAN_NEXT,
};

/* What a snapshot has to show, and what it has shown: the same for ever. */
enum sim_sight { SIGHT_NONE, SIGHT_OF_VALUE, SIGHT_OF_NOTHING };
struct sim_snapshot {
    struct db_snapshot *snapshot; /* NULL: none */
    struct model_state state;
    struct model_time time; /* its own */
    bool is_followed;       /* by one of the same sequence and another time */
    uint32_t reader_count;
    uint8_t sights[MODEL_FAMILY_COUNT][MODEL_KEY_COUNT]; /* enum sim_sight */
};

struct sim_reader {
    struct db_waiter waiter;
    struct read_ctx ctx;
    enum sim_reader_stage stage;
    bool is_waiting; /* for blocks */
    enum kv_status arrived;
    uint32_t family;
    uint32_t cf_id;
    uint32_t key;
    struct sim_snapshot *snapshot; /* borrowed, of a get; NULL: now */
    struct db_scan *scan;
    struct model_state expected; /* of a scan */
    struct model_time time;      /* of its making */
    bool is_unsure;              /* versions that the scan may see were taken back */
    bool may_fail;               /* reading faults are on, or were while it ran */
};

/* READER_WRONG comes with a text of what was wrong. */
enum sim_reader_result { READER_GOES_ON, READER_WAITS, READER_DONE, READER_FAILED, READER_WRONG };

void sim_reader_get(struct sim_reader *reader, struct db *db, uint32_t family, uint32_t cf_id,
                    uint32_t key);
/* From now on the get is through the snapshot, which stays at least as long. */
void sim_reader_look_back(struct sim_reader *reader, struct sim_snapshot *snapshot);
void sim_reader_scan(struct sim_reader *reader, struct db *db, struct sim_model *model,
                     uint32_t family, uint32_t cf_id);
/* One pass, unless it waits: a get, or one key of a scan. */
enum sim_reader_result sim_reader_step(struct sim_reader *reader, struct db *db,
                                       struct sim_model *model, char *text, size_t text_size);
/* Lets go of everything; it must not wait. */
void sim_reader_end(struct sim_reader *reader);

#endif
