/* merge_operator.h - what a merge operand does to a value, by RocksDB's names and encodings.
 *
 * A merge writes an operand without reading what is there; whoever reads, flushes or compacts
 * combines the operands with the value below them (FORMAT.md section 8.1).
 *
 *     OPTIONS                 class in tables          operand and result
 *     uint64add               UInt64AddOperator        fixed64; sum mod 2^64; an operand or base of
 *                                                      another length counts as 0
 *     stringappend            StringAppendOperator     joined by a delimiter, "," unless said
 *     stringappendtest        StringAppendTESTOperator the same, never combined early
 *     max                     MaxOperator              the bytewise largest
 *     put, put_v1             PutOperator              the last one
 *     bytesxor                BytesXOR                 xor of equal positions, the longer tail as
 * is sortlist                MergeSortOperator        decimal int32 with commas, merged; no base
 *     min                     kvd.MinOperator          the bytewise smallest
 *     int64add                kvd.Int64AddOperator     decimal int64, as Redis's INCR
 *
 * The last two are kvd's own.  Stock RocksDB opens such a directory without an operator, and ldb
 * with its default, stringappend with ":", for operands that have not been folded yet.
 *
 * Operands and bases are untrusted.  All but int64add and sortlist give every input a meaning;
 * those two refuse what is no number and a result out of range with KV_INVALID, as RocksDB fails
 * such a read.  Nothing is lost by that: the operands stay until something else is written.
 * Whether a fold fails does not depend on how operands were combined before.
 *
 * An operator is immutable and has no state: one may be used for everything at once.
 */
#ifndef KV_MERGE_MERGE_OPERATOR_H
#define KV_MERGE_MERGE_OPERATOR_H

#include "base/buffer.h"
#include "base/slice.h"
#include "base/status.h"

enum { MERGE_SPEC_BYTES_MAX = 255, MERGE_DELIMITER_BYTES_MAX = 64 };

struct merge_operator_kind;

/* By value; holds no memory. */
struct merge_operator {
    const struct merge_operator_kind *kind; /* NULL: none is set, or one that kvd does not know */
    uint8_t delimiter[MERGE_DELIMITER_BYTES_MAX];
    uint32_t delimiter_bytes;
};

/* What OPTIONS says: a class, a short name or {id=NAME;option=value;...}; "" and "nullptr" are
 * none, which is KV_OK.  KV_UNSUPPORTED: an operator that kvd does not know; it is none then, and
 * what needs one fails.  KV_INVALID: known, but an option of it is not.  Nothing is logged. */
MUST_CHECK enum kv_status merge_operator_parse(struct slice spec,
                                               struct merge_operator *operator_out);
/* Appends what merge_operator_parse, and RocksDB too, reads as this operator; not longer than
 * MERGE_SPEC_BYTES_MAX. */
void merge_operator_format(const struct merge_operator *op, struct buffer *target);
/* The class name that goes into tables; "nullptr" for none.  Never NULL, lives for ever. */
const char *merge_operator_class(const struct merge_operator *op);
/* Whether a name that a user gave (class, short name) means this operator. */
bool merge_operator_is_named(const struct merge_operator *op, struct slice name);
/* Whether an operand by itself can ever be folded: to refuse the others before they are written. */
bool merge_operator_accepts(const struct merge_operator *op, struct slice operand);

struct merge_input {
    struct slice key;             /* the user key; the built-in operators don't look at it */
    const struct slice *base;     /* NULL: there is none */
    const struct slice *operands; /* newest first, as they are found */
    size_t operand_count;         /* at least 1 */
};

/* Replaces *value by what a user sees.
 * KV_INVALID: see above.  KV_LIMIT: longer than VALUE_BYTES_MAX.  KV_UNSUPPORTED: no operator. */
MUST_CHECK enum kv_status merge_operator_full(const struct merge_operator *op,
                                              const struct merge_input *input,
                                              struct buffer *value);
/* Replaces *operand by one operand that stands for all of them (no base).  False: it has to stay
 * as it is, and *operand means nothing. */
bool merge_operator_partial(const struct merge_operator *op, const struct merge_input *input,
                            struct buffer *operand);

#endif
