/* paper_tree.h - a version without files: tables that are only metadata, for the picker. */
#ifndef KV_TESTS_SUPPORT_PAPER_TREE_H
#define KV_TESTS_SUPPORT_PAPER_TREE_H

#include "compact/compaction_picker.h"

struct paper_tree {
    struct version version; /* its levels are the tree's: don't unref it */
};

void paper_tree_init(struct paper_tree *tree);
void paper_tree_deinit(struct paper_tree *tree);
/* Adds a table; the caller fills in the rest of file->meta.  Keys are internal keys.  The order
 * of level 0 (FORMAT.md 6.6) is that of seq_largest, so it is given here. */
struct table_file *paper_tree_add(struct paper_tree *tree, uint32_t level, uint64_t number,
                                  struct slice smallest, struct slice largest,
                                  uint64_t seq_largest);
/* NULL: there is none of that number. */
struct table_file *paper_tree_find(struct paper_tree *tree, uint64_t number);
/* Takes it out without freeing it; paper_tree_free_table does. */
struct table_file *paper_tree_take(struct paper_tree *tree, uint64_t number);
void paper_tree_free_table(struct table_file *file);
/* Brings version.bytes_total up to date; before each look at the version. */
void paper_tree_sum(struct paper_tree *tree);
/* Asserts what FORMAT.md 6.6 says about the order of levels. */
void paper_tree_check(const struct paper_tree *tree);

/* Asserts all that a plan promises about itself and the view that it was picked from. */
void paper_plan_check(const struct compaction_view *view, const struct compaction_plan *plan);

#endif
