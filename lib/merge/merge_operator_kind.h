/* merge_operator_kind.h - what makes one operator different from another; for lib/merge only. */
#ifndef KV_MERGE_MERGE_OPERATOR_KIND_H
#define KV_MERGE_MERGE_OPERATOR_KIND_H

#include "merge/merge_operator.h"

enum { MERGE_SHORT_NAME_COUNT_MAX = 2 };

struct merge_operator_kind {
    const char *class_name;
    const char *short_names[MERGE_SHORT_NAME_COUNT_MAX]; /* NULL: no more */
    bool has_delimiter;
    /* Replace the buffer's contents, which none of the input borrows from. */
    enum kv_status (*full)(const struct merge_operator *op, const struct merge_input *input,
                           struct buffer *value);
    /* NULL: operands are never combined early. */
    bool (*partial)(const struct merge_operator *op, const struct merge_input *input,
                    struct buffer *operand);
    bool (*accepts)(const struct merge_operator *op, struct slice operand); /* NULL: everything */
};

/* merge_kinds.c: those that are built in; NULL past the end. */
const struct merge_operator_kind *merge_kind_at(size_t index);
/* merge_library.c: those that were loaded; likewise. */
const struct merge_operator_kind *merge_library_kind_at(size_t index);

#endif
