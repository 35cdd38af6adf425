/* workload.h - the workloads by name: which operations, in which shares, on which keys. */
#ifndef KV_KVBENCH_WORKLOAD_H
#define KV_KVBENCH_WORKLOAD_H

#include "cli/kvbench/key_chooser.h"
#include "cli/kvbench/op.h"

enum { WORKLOAD_ROW_COUNT_MAX = 3 };

struct workload_row {
    const char *name; /* in the report */
    enum op_kind kind;
    uint32_t share; /* of the operations, relative to the others' */
    bool is_insert; /* of a key behind all others, instead of one of them */
};

struct workload {
    const char *name;
    const char *summary;
    struct workload_row rows[WORKLOAD_ROW_COUNT_MAX];
    uint32_t row_count;
    enum distribution distribution; /* unless --distribution says another */
    bool is_distribution_fixed;
    bool is_walk;       /* the n-th range starts where the one before it ends */
    bool is_one_writer; /* lane 0 does the first row only, the others the second */
};

/* NULL: there is none of that name. */
const struct workload *workload_find(const char *name);
/* NULL beyond the last one. */
const struct workload *workload_at(uint32_t index);

#endif
