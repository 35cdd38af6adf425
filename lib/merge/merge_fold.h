/* merge_fold.h - the operands of one key, gathered newest first until something ends them.
 *
 * For reads, scans, flushes and compactions alike:
 *
 *     merge_fold_start   a key whose newest version is an operand
 *     merge_fold_add     each operand, newest first
 *     merge_fold_finish  a value, a deletion or nothing at all lies below: the value
 *  or merge_fold_combine a snapshot or the end of the input ends the run, older data may exist:
 *                        one operand with the newest sequence, if the operator can
 *
 * After a failure, and after a combine that says no, the operands are all still there to be kept
 * as they are (merge_fold_operand), which is always right.
 *
 * Bounds: MERGE_OPERAND_COUNT_MAX operands and VALUE_BYTES_MAX bytes of them.
 */
#ifndef KV_MERGE_MERGE_FOLD_H
#define KV_MERGE_MERGE_FOLD_H

#include "key/internal_key.h"
#include "merge/merge_operator.h"

enum { MERGE_OPERAND_COUNT_MAX = 1024 * 1024 };

/* Made once, used for one key after the other; keeps its memory. */
struct merge_fold {
    const struct merge_operator *op; /* borrowed */
    struct slice *operands;          /* owned array, newest first; see copies */
    uint64_t *seqs;                  /* owned array */
    uint32_t operand_count;
    uint32_t operand_capacity;
    uint64_t operand_bytes;
    struct merge_chunk *chunks; /* owned: what was copied */
    struct slice key;           /* borrowed: see merge_fold_start */
    struct buffer value;        /* the result */
    struct buffer entity;       /* the result, when the base is an entity */
};

void merge_fold_init(struct merge_fold *fold, const struct merge_operator *op);
void merge_fold_deinit(struct merge_fold *fold);
/* Forgets what was there.  The user key is borrowed until the next start. */
void merge_fold_start(struct merge_fold *fold, struct slice key);

/* `operand` must live until the fold's result is no longer needed, or be copied (`copy`).
 * KV_LIMIT: too many, or too many bytes; KV_CORRUPT: not older than the one before; not added. */
MUST_CHECK enum kv_status merge_fold_add(struct merge_fold *fold, struct slice operand,
                                         uint64_t seq, bool copy);

/* What lies below the operands, as stored: TYPE_VALUE, TYPE_ENTITY, or TYPE_DELETION for nothing.
 * The result, as to be stored, has the sequence of the newest operand (merge_fold_operand 0): a
 * TYPE_VALUE, or for an entity a TYPE_ENTITY with its other columns kept.  It lives until the next
 * call on the fold.  Failures: merge_operator_full's, and KV_CORRUPT for a damaged entity. */
struct merge_version {
    enum value_type type;
    struct slice value;
};
MUST_CHECK enum kv_status merge_fold_finish(struct merge_fold *fold,
                                            const struct merge_version *base,
                                            struct merge_version *result_out);
/* True: *operand_out (until the next call on the fold) stands for all of them, at the sequence of
 * the newest.  False: they have to be kept one by one; so it is with a single one. */
bool merge_fold_combine(struct merge_fold *fold, struct slice *operand_out);
/* index 0 is the newest. */
struct slice merge_fold_operand(const struct merge_fold *fold, uint32_t index, uint64_t *seq_out);

#endif
