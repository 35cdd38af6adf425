/* diff_model.h - what the keys of a differential test hold: the third opinion.
 *
 * It applies each write to the value, as the definition of the operation says, and shares no code
 * with lib/.  It also sees to it that single deletions keep to their contract: a key that they are
 * used on is put once before each, and never merged nor deleted otherwise but by a range.
 */
#ifndef KV_TESTS_SUPPORT_DIFF_MODEL_H
#define KV_TESTS_SUPPORT_DIFF_MODEL_H

#include "support/diff_op.h"

struct diff_cell {
    struct buffer value; /* owned */
    bool exists;
};

struct diff_model {
    struct diff_cell *cells; /* owned: key_count for each family */
    uint32_t key_count;
};

void diff_model_init(struct diff_model *model, uint32_t key_count);
void diff_model_deinit(struct diff_model *model);
/* Changes the kind of a write to one that the key allows, and applies it. */
void diff_model_apply(struct diff_model *model, struct diff_op *op);
const struct diff_cell *diff_model_cell(const struct diff_model *model, uint32_t family,
                                        uint32_t key);

#endif
