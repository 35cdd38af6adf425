/* merge_model.h - what a few keys hold after random puts, deletions and merges.
 *
 * For tests of folding, against our engine and against RocksDB.  The model applies one operand
 * after the other to the value, as the definition of each operator says, and shares no code with
 * lib/merge.
 */
#ifndef KV_TESTS_SUPPORT_MERGE_MODEL_H
#define KV_TESTS_SUPPORT_MERGE_MODEL_H

#include "base/buffer.h"
#include "base/random.h"
#include "key/write_batch.h"

enum { MERGE_MODEL_KEY_COUNT = 48, MERGE_MODEL_OPERAND_BYTES_MAX = 24 };

/* A short name, or what follows "append:", the delimiter. */
struct merge_model {
    const char *rule;
    struct buffer values[MERGE_MODEL_KEY_COUNT];
    bool exists[MERGE_MODEL_KEY_COUNT];
};

/* One change; `key` to `key_end` (exclusive) for a range deletion. */
struct merge_change {
    enum value_type type;
    unsigned key, key_end;
    uint8_t bytes[MERGE_MODEL_OPERAND_BYTES_MAX];
    size_t size;
};

void merge_model_init(struct merge_model *model, const char *rule);
void merge_model_deinit(struct merge_model *model);
/* "key017"; valid for ever. */
const char *merge_model_key(unsigned key);
void merge_model_random_change(const struct merge_model *model, struct random *random,
                               struct merge_change *change);
void merge_model_apply(struct merge_model *model, const struct merge_change *change);
/* The same for our engine. */
void merge_change_to_batch(const struct merge_change *change, struct write_batch *batch);

#endif
