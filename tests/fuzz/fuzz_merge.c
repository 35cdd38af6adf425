/* Goal: no bytes of an operand, a base, an entity or an operator's options do harm, and combining
 * operands early never changes a result. */
#include <stddef.h>
#include <stdlib.h>

#include "base/coding.h"
#include "key/entity.h"
#include "merge/merge_fold.h"
#include "support/quiet_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OPERAND_COUNT_MAX = 8 };

static void
check(bool holds)
{
    if (!holds)
        abort();
}

/* What is accepted can be written and read again. */
static bool
read_operator(struct slice spec, struct merge_operator *op)
{
    struct buffer text = {0};
    struct merge_operator again;

    if (merge_operator_parse(spec, op) != KV_OK || op->kind == NULL)
        return false;
    merge_operator_format(op, &text);
    check(text.size <= MERGE_SPEC_BYTES_MAX);
    check(merge_operator_parse(buffer_slice(&text), &again) == KV_OK && again.kind == op->kind);
    check(slice_equal(slice_of(op->delimiter, op->delimiter_bytes),
                      slice_of(again.delimiter, again.delimiter_bytes)));
    buffer_deinit(&text);
    return true;
}

static enum kv_status
fold(struct merge_fold *fold, const struct slice *operands, uint32_t count,
     const struct merge_version *base, struct merge_version *result)
{
    merge_fold_start(fold, slice_from_text("key"));
    for (uint32_t i = 0; i < count; i++)
        check(merge_fold_add(fold, operands[i], 100 - i, i % 2 == 0) == KV_OK);
    return merge_fold_finish(fold, base, result);
}

static void
fold_both_ways(const struct merge_operator *op, struct slice *operands, uint32_t count,
               const struct merge_version *base)
{
    struct merge_fold whole, part;
    struct merge_version result, again;
    struct slice combined, value;
    enum kv_status st;

    merge_fold_init(&whole, op);
    merge_fold_init(&part, op);
    st = fold(&whole, operands, count, base, &result);
    if (st == KV_OK && result.type == TYPE_ENTITY)
        check(entity_default_column(result.value, &value) == KV_OK);
    /* All but the oldest as one. */
    merge_fold_start(&part, slice_from_text("key"));
    for (uint32_t i = 0; i + 1 < count; i++)
        check(merge_fold_add(&part, operands[i], 100 - i, true) == KV_OK);
    if (count > 2 && merge_fold_combine(&part, &combined)) {
        struct slice two[2] = {combined, operands[count - 1]};
        struct merge_fold last;

        merge_fold_init(&last, op);
        check(fold(&last, two, 2, base, &again) == st);
        check(st != KV_OK || slice_equal(result.value, again.value));
        merge_fold_deinit(&last);
    }
    merge_fold_deinit(&whole);
    merge_fold_deinit(&part);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum value_type bases[] = {TYPE_DELETION, TYPE_VALUE, TYPE_ENTITY};
    struct slice input = slice_of(data, size), spec, operands[OPERAND_COUNT_MAX];
    struct merge_version base = {.type = TYPE_DELETION};
    struct merge_operator op;
    uint32_t count = 0;

    quiet_log();
    if (!get_lstr(&input, &spec) || !read_operator(spec, &op) || input.size == 0)
        return 0;
    base.type = bases[input.data[0] % 3];
    input = slice_of(input.data + 1, input.size - 1);
    if (base.type != TYPE_DELETION && !get_lstr(&input, &base.value))
        return 0;
    while (count < OPERAND_COUNT_MAX && get_lstr(&input, &operands[count])) {
        (void)merge_operator_accepts(&op, operands[count]);
        count++;
    }
    if (count > 0)
        fold_both_ways(&op, operands, count, &base);
    return 0;
}
