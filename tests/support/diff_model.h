/* diff_model.h - what the keys of a differential test hold: the third opinion.
 *
 * It applies each write to the value, as the definition of the operation says, and shares no code
 * with lib/.  It also knows which single deletions are allowed: of a key with exactly one put, and
 * nothing else, since it was deleted last.
 */
#ifndef KV_TESTS_SUPPORT_DIFF_MODEL_H
#define KV_TESTS_SUPPORT_DIFF_MODEL_H

#include "support/diff_op.h"

struct diff_cell {
    struct buffer value; /* owned */
    bool exists;
    uint8_t write_count; /* since it was deleted; stops at 2, which a merge makes it at once */
};

struct diff_model {
    struct diff_cell *cells; /* owned: key_count for each family */
    uint32_t key_count;
};

void diff_model_init(struct diff_model *model, uint32_t key_count);
void diff_model_deinit(struct diff_model *model);
/* Makes a single deletion that isn't allowed a deletion, and applies what writes. */
void diff_model_apply(struct diff_model *model, struct diff_op *op);
const struct diff_cell *diff_model_cell(const struct diff_model *model, uint32_t family,
                                        uint32_t key);

#endif
