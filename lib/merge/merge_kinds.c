/* merge_kinds.c - the operators that are built in.
 *
 * Each is given all operands at once, so that a long run costs one pass over its bytes.  Those
 * with a partial merge are associative: combining neighbours first changes nothing, the failures
 * included.  For int64add that holds because sums are exact (128 bits in effect) until the end,
 * and only a sum that fits in an operand is ever stored as one.
 */
#include "base/assert.h"
#include "base/coding.h"
#include "base/limits.h"
#include "merge/merge_operator_kind.h"

static void
set(struct buffer *target, struct slice bytes)
{
    buffer_clear(target);
    buffer_append_slice(target, bytes);
}

/* --- UInt64AddOperator --- */

static uint64_t
uint64_of(struct slice bytes)
{
    return bytes.size == sizeof(uint64_t) ? load_fixed64(bytes.data) : 0;
}

static enum kv_status
uint64add_full(const struct merge_operator *op, const struct merge_input *input,
               struct buffer *value)
{
    uint64_t sum = input->base != NULL ? uint64_of(*input->base) : 0;

    (void)op;
    for (size_t i = 0; i < input->operand_count; i++)
        sum += uint64_of(input->operands[i]);
    buffer_clear(value);
    buffer_put_fixed64(value, sum);
    return KV_OK;
}

/* --- kvd.Int64AddOperator --- */

enum { INT64_TEXT_BYTES_MAX = 20 };

/* As Redis: no space, no plus, no leading zeros, so equal numbers have equal bytes. */
static bool
int64_of(struct slice text, int64_t *number_out)
{
    const bool negative = text.size > 0 && text.data[0] == '-';
    const size_t first = negative ? 1 : 0;
    const uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    uint64_t number = 0;

    if (text.size == first || text.size > INT64_TEXT_BYTES_MAX)
        return false;
    if (text.data[first] == '0' && text.size > 1)
        return false;
    for (size_t i = first; i < text.size; i++) {
        const uint64_t digit = (uint64_t)text.data[i] - '0';

        if (digit > 9 || number > (limit - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *number_out = negative ? (int64_t)(0 - number) : (int64_t)number;
    return true;
}

/* The sum is low + wraps * 2^64, exactly. */
struct wide_sum {
    int64_t low;
    int64_t wraps;
};

static bool
wide_add(struct wide_sum *sum, struct slice text)
{
    int64_t number;

    if (!int64_of(text, &number))
        return false;
    if (__builtin_add_overflow(sum->low, number, &sum->low))
        sum->wraps += number > 0 ? 1 : -1;
    return true;
}

static enum kv_status
int64add_full(const struct merge_operator *op, const struct merge_input *input,
              struct buffer *value)
{
    struct wide_sum sum = {0};

    (void)op;
    if (input->base != NULL && !wide_add(&sum, *input->base))
        return KV_INVALID;
    for (size_t i = 0; i < input->operand_count; i++) {
        if (!wide_add(&sum, input->operands[i]))
            return KV_INVALID;
    }
    if (sum.wraps != 0)
        return KV_INVALID;
    buffer_clear(value);
    buffer_append_format(value, "%lld", (long long)sum.low);
    return KV_OK;
}

static bool
int64add_accepts(const struct merge_operator *op, struct slice operand)
{
    int64_t number;

    (void)op;
    return int64_of(operand, &number);
}

/* --- StringAppendOperator --- */

static enum kv_status
append_full(const struct merge_operator *op, const struct merge_input *input, struct buffer *value)
{
    const struct slice delimiter = slice_of(op->delimiter, op->delimiter_bytes);
    const size_t count = input->operand_count + (input->base != NULL ? 1 : 0);
    uint64_t total = (uint64_t)delimiter.size * (count - 1);

    total += input->base != NULL ? input->base->size : 0;
    for (size_t i = 0; i < input->operand_count; i++)
        total += input->operands[i].size;
    if (total > VALUE_BYTES_MAX)
        return KV_LIMIT;
    buffer_clear(value);
    buffer_reserve(value, total);
    buffer_append_slice(value, input->base != NULL ? *input->base : slice_of(NULL, 0));
    for (size_t i = input->operand_count; i-- > 0;) {
        if (i + 1 < input->operand_count || input->base != NULL)
            buffer_append_slice(value, delimiter);
        buffer_append_slice(value, input->operands[i]);
    }
    KV_ASSERT(value->size == total);
    return KV_OK;
}

/* --- MaxOperator, kvd.MinOperator --- */

static enum kv_status
extreme(const struct merge_input *input, int wanted_order, struct buffer *value)
{
    struct slice best = input->base != NULL ? *input->base : input->operands[0];

    for (size_t i = 0; i < input->operand_count; i++) {
        if (slice_compare(input->operands[i], best) * wanted_order > 0)
            best = input->operands[i];
    }
    set(value, best);
    return KV_OK;
}

static enum kv_status
max_full(const struct merge_operator *op, const struct merge_input *input, struct buffer *value)
{
    (void)op;
    return extreme(input, 1, value);
}

static enum kv_status
min_full(const struct merge_operator *op, const struct merge_input *input, struct buffer *value)
{
    (void)op;
    return extreme(input, -1, value);
}

/* --- PutOperator --- */

static enum kv_status
put_full(const struct merge_operator *op, const struct merge_input *input, struct buffer *value)
{
    (void)op;
    set(value, input->operands[0]);
    return KV_OK;
}

/* --- BytesXOR --- */

static void
xor_into(struct buffer *target, struct slice bytes)
{
    const size_t shared = bytes.size < target->size ? bytes.size : target->size;

    for (size_t i = 0; i < shared; i++)
        target->data[i] ^= bytes.data[i];
    if (bytes.size > shared)
        buffer_append(target, bytes.data + shared, bytes.size - shared);
}

static enum kv_status
xor_full(const struct merge_operator *op, const struct merge_input *input, struct buffer *value)
{
    (void)op;
    set(value, input->base != NULL ? *input->base : slice_of(NULL, 0));
    for (size_t i = 0; i < input->operand_count; i++)
        xor_into(value, input->operands[i]);
    return KV_OK;
}

/* For operators whose result without a base is an operand that stands for the others. */
static bool
partial_as_full(const struct merge_operator *op, const struct merge_input *input,
                struct buffer *operand)
{
    KV_ASSERT(input->base == NULL);
    return op->kind->full(op, input, operand) == KV_OK;
}

static const struct merge_operator_kind kinds[] = {
    {.class_name = "UInt64AddOperator",
     .short_names = {"uint64add"},
     .full = uint64add_full,
     .partial = partial_as_full},
    {.class_name = "StringAppendOperator",
     .short_names = {"stringappend"},
     .has_delimiter = true,
     .full = append_full,
     .partial = partial_as_full},
    {.class_name = "StringAppendTESTOperator",
     .short_names = {"stringappendtest"},
     .has_delimiter = true,
     .full = append_full},
    {.class_name = "MaxOperator",
     .short_names = {"max"},
     .full = max_full,
     .partial = partial_as_full},
    {.class_name = "PutOperator",
     .short_names = {"put", "put_v1"},
     .full = put_full,
     .partial = partial_as_full},
    {.class_name = "BytesXOR",
     .short_names = {"bytesxor"},
     .full = xor_full,
     .partial = partial_as_full},
    {.class_name = "kvd.MinOperator",
     .short_names = {"min"},
     .full = min_full,
     .partial = partial_as_full},
    {.class_name = "kvd.Int64AddOperator",
     .short_names = {"int64add"},
     .full = int64add_full,
     .partial = partial_as_full,
     .accepts = int64add_accepts},
};

const struct merge_operator_kind *
merge_kind_at(size_t index)
{
    return index < sizeof(kinds) / sizeof(kinds[0]) ? &kinds[index] : NULL;
}
