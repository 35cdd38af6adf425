/* linear_model.h - one key of a server that does one operation after the other.
 *
 * A state is a number that stands for the key's value; equal values have equal numbers. */
#ifndef KV_TESTS_SUPPORT_LINEAR_MODEL_H
#define KV_TESTS_SUPPORT_LINEAR_MODEL_H

#include "base/buffer.h"
#include "support/linear_history.h"

enum { LINEAR_ABSENT = 0 };

struct linear_model {
    struct buffer *values; /* owned; by state, the first is not used */
    uint32_t value_count, value_capacity;
    uint32_t *slots; /* owned; states by the hash of their value; 0: free */
    uint32_t slot_count;
    struct buffer result, next; /* owned scratch */
};

void linear_model_init(struct linear_model *model);
void linear_model_deinit(struct linear_model *model);
/* Whether `op`, done in `state`, answers what its client was told; anything will do if it was told
 * nothing.  *state_out is the state behind it. */
bool linear_model_step(struct linear_model *model, const struct linear_op *op, uint32_t state,
                       uint32_t *state_out);

#endif
