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

/* What cells held before they changed for the first time since a snapshot was taken, as long as it
 * is the newest. */
struct diff_past {
    uint64_t number; /* ascending as they are taken; 0: there is none */
    struct diff_cell *cells;
    bool *has_cell;
};

struct diff_model {
    struct diff_cell *cells; /* owned: key_count for each family */
    uint32_t key_count;
    uint64_t snapshot_number;
    struct diff_past pasts[DIFF_SNAPSHOT_COUNT];
};

void diff_model_init(struct diff_model *model, uint32_t key_count);
void diff_model_deinit(struct diff_model *model);
/* Changes the kind of a write to one that the key allows, and applies it. */
void diff_model_apply(struct diff_model *model, struct diff_op *op);
/* What a DIFF_GET or DIFF_SNAPSHOT_GET finds. */
const struct diff_cell *diff_model_cell(const struct diff_model *model, const struct diff_op *op);

#endif
