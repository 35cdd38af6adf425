/* sim_model.h - what the database must contain: all batches in order, and the state after each.
 *
 * A batch is submitted with its last sequence.  A failed log takes the newest ones back; whether
 * they are on the disk isn't known then, so they are kept as doubtful until either a recovery
 * decides, or the next batch is accepted, after which they must never be seen again.
 */
#ifndef KV_TESTS_SUPPORT_SIM_MODEL_H
#define KV_TESTS_SUPPORT_SIM_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum { MODEL_FAMILY_COUNT = 3, MODEL_KEY_COUNT = 20 };

/* The bytes follow from the id. */
struct model_value {
    uint64_t id; /* 0: absent */
    uint32_t bytes;
    uint64_t deadline_ms; /* 0: it has none */
};

/* When something looks, and the latest time that it ever was until then: the clock is set back now
 * and then, and what a job has let go of meanwhile does not come back. */
struct model_time {
    uint64_t now_ms, peak_ms;
};

struct model_state {
    struct model_value values[MODEL_FAMILY_COUNT][MODEL_KEY_COUNT];
};

/* Sets the keys [key, key_end) of a family. */
struct model_record {
    uint32_t family, incarnation;
    uint32_t key, key_end;
    struct model_value value;
};

struct model_batch {
    uint64_t seq_last;
    size_t record_end; /* index behind its last record */
};

struct sim_model {
    struct model_record *records; /* owned; of the pending batch as well, at the end */
    size_t record_count, record_capacity;
    struct model_batch *batches; /* owned */
    size_t batch_count, batch_capacity;
    size_t doubtful_count; /* the last so many of them were taken back */
    struct model_state state;
    uint64_t value_id_next;
    uint64_t peak_ms; /* as far as it has been told */
    uint32_t incarnations[MODEL_FAMILY_COUNT];
};

void sim_model_init(struct sim_model *model);
void sim_model_deinit(struct sim_model *model);

/* Records of the pending batch; the new value is returned. */
struct model_value sim_model_put(struct sim_model *model, uint32_t family, uint32_t key,
                                 uint32_t bytes, uint64_t deadline_ms);
void sim_model_delete(struct sim_model *model, uint32_t family, uint32_t key, uint32_t key_end);
void sim_model_cancel(struct sim_model *model);
/* The pending batch was accepted. */
void sim_model_submit(struct sim_model *model, uint64_t seq_last);

/* What was taken back is gone for good. */
void sim_model_forget_doubtful(struct sim_model *model);

/* What the key holds behind the records of the pending batch. */
struct model_value sim_model_pending_value(const struct sim_model *model, uint32_t family,
                                           uint32_t key);

/* The family is empty, whatever was and will be recovered: it is another one from now on. */
void sim_model_renew(struct sim_model *model, uint32_t family);

/* All batches above `seq` were taken back. */
void sim_model_take_back(struct sim_model *model, uint64_t seq);
/* A recovery ended at `seq`, which decides about everything above.  False: no batch ends there. */
bool sim_model_recover(struct sim_model *model, uint64_t seq);
/* The last sequence of what can be read; 0: nothing. */
uint64_t sim_model_last_seq(const struct sim_model *model);
bool sim_model_has_boundary(const struct sim_model *model, uint64_t seq);
/* Where the last batch ends that is wholly below; 0: there is none. */
uint64_t sim_model_boundary_below(const struct sim_model *model, uint64_t seq);

/* It is that time; to be told before the clock is set back, at least. */
struct model_time sim_model_see_time(struct sim_model *model, uint64_t now_ms);
bool sim_model_may_exist(struct model_value value, struct model_time time);
bool sim_model_must_exist(struct model_value value, struct model_time time);

/* "key07": ascending as the numbers are.  `target` has 8 bytes. */
struct slice sim_model_key(uint32_t key, char *target);
/* -1: not one of ours. */
int sim_model_key_number(struct slice key);
/* Writes value.bytes bytes. */
void sim_model_fill(struct model_value value, uint8_t *target);
bool sim_model_is_value(struct model_value value, struct slice bytes);

#endif
