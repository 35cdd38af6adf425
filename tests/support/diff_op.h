/* diff_op.h - the operations of a differential test, which every engine under test is given.
 *
 * An operation is a plain value that needs nothing of those before it, so a list of them still
 * means something when some are left out: that is what shrinking a failure does.
 *
 *     family 0    merge operands are added: uint64add
 *     family 1    merge operands are joined: stringappend
 *     family 2    no merge operator
 */
#ifndef KV_TESTS_SUPPORT_DIFF_OP_H
#define KV_TESTS_SUPPORT_DIFF_OP_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/random.h"

enum {
    DIFF_FAMILY_COUNT = 3,
    DIFF_SLOT_COUNT = 4,     /* iterators that are open at once */
    DIFF_SNAPSHOT_COUNT = 6, /* that are held at once */
    DIFF_KEY_BYTES_MAX = 64,
};

enum diff_kind {
    DIFF_PUT, /* the first five write; a run of them that goes on is one batch */
    DIFF_DELETE,
    DIFF_SINGLE_DELETE,
    DIFF_DELETE_RANGE, /* [key, key_end) */
    DIFF_MERGE,
    DIFF_GET,
    DIFF_ITER_OPEN, /* in the slot, in place of what was there; by `number`: bounds, snapshot */
    DIFF_ITER_FIRST,
    DIFF_ITER_LAST,
    DIFF_ITER_SEEK,
    DIFF_ITER_SEEK_FOR_PREV,
    DIFF_ITER_NEXT, /* `number` times, unless an end comes first */
    DIFF_ITER_PREV,
    DIFF_ITER_CLOSE,
    DIFF_SNAPSHOT,     /* is taken, if its place is free */
    DIFF_SNAPSHOT_GET, /* through it; now, if there is none */
    DIFF_RELEASE,      /* a snapshot */
    DIFF_FLUSH,
    DIFF_COMPACT,   /* [key, key_end], by hand; of an even number it is waited for */
    DIFF_SETTLE,    /* until there is nothing left to compact */
    DIFF_SETTINGS,  /* of compaction: style, sizes, triggers */
    DIFF_PAUSE,     /* compactions stop, or go on */
    DIFF_CANCEL,    /* one of the jobs */
    DIFF_FAIL,      /* the next jobs fail */
    DIFF_TURN,      /* background work gets on */
    DIFF_DROP,      /* the block cache is emptied */
    DIFF_REOPEN,    /* cleanly */
    DIFF_CRASH,     /* what is not durable is lost, and written again */
    DIFF_HAND_OVER, /* librocksdb opens the directory to write, and gives it back */
    DIFF_KIND_COUNT,
};

struct diff_op {
    enum diff_kind kind;
    uint8_t family, slot;
    bool goes_on; /* the batch takes the next write, too */
    uint32_t key, key_end;
    uint32_t number;
};

/* What kind of run a seed makes. */
struct diff_profile {
    uint32_t key_count;
    uint32_t range_width_max;
    uint32_t weights[DIFF_KIND_COUNT];
};

void diff_profile_draw(struct diff_profile *profile, struct random *random);
void diff_op_draw(struct diff_op *op, const struct diff_profile *profile, struct random *random);
bool diff_op_writes(const struct diff_op *op);
/* Ascending with `number`; in `bytes`. */
struct slice diff_key(uint32_t number, char bytes[DIFF_KEY_BYTES_MAX]);
/* The value or operand that the operation writes; replaces *value. */
void diff_op_value(const struct diff_op *op, struct buffer *value);
void diff_op_print(const struct diff_op *op);

/* DIFF_ITER_OPEN: whether its answers are without values; its bounds. */
static inline bool
diff_op_is_keys_only(const struct diff_op *op)
{
    return op->number % 5 == 0;
}

static inline bool
diff_op_has_lower(const struct diff_op *op)
{
    return (op->number & 1) != 0;
}

static inline bool
diff_op_has_upper(const struct diff_op *op)
{
    return (op->number & 2) != 0;
}

/* The place of the snapshot that the operation is about. */
static inline uint32_t
diff_op_snapshot(const struct diff_op *op)
{
    return op->number / 64 % DIFF_SNAPSHOT_COUNT;
}

/* Whether it reads through the snapshot, if that is there. */
static inline bool
diff_op_uses_snapshot(const struct diff_op *op)
{
    return op->kind == DIFF_SNAPSHOT_GET || (op->kind == DIFF_ITER_OPEN && (op->number & 16) != 0);
}

/* DIFF_RELEASE: whether all that a family has is read through it before. */
static inline bool
diff_op_scans(const struct diff_op *op)
{
    return op->kind == DIFF_RELEASE && op->number % 4 == 0;
}

#endif
