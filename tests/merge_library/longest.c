/* longest.c - an example of merge operators of one's own: `longest` keeps the longest value, the
 * newest of equally long ones; `example.sum` adds decimal digits, one a byte, and refuses others.
 *
 *     cc -shared -fPIC -I lib -o longest.so tests/merge_library/longest.c
 *     kvd --merge-library /path/longest.so --merge-operator longest
 */
#include <string.h>

#include "merge/kvd_merge_operator.h"

static bool
longest(const struct kvd_merge_input *input, struct kvd_merge_output *output)
{
    struct kvd_merge_bytes best = input->operands[0];

    for (size_t i = 1; i < input->operand_count; i++) {
        if (input->operands[i].size > best.size)
            best = input->operands[i];
    }
    if (input->base != NULL && input->base->size > best.size)
        best = *input->base;
    return output->append(output, best.data, best.size);
}

static bool
is_digit(struct kvd_merge_bytes operand)
{
    return operand.size == 1 && operand.data[0] >= '0' && operand.data[0] <= '9';
}

static bool
add(struct kvd_merge_bytes digit, unsigned *sum)
{
    *sum += is_digit(digit) ? digit.data[0] - (unsigned)'0' : 0;
    return is_digit(digit) && *sum < 10;
}

static bool
sum_digits(const struct kvd_merge_input *input, struct kvd_merge_output *output)
{
    unsigned sum = 0;
    char digit;

    if (input->base != NULL && !add(*input->base, &sum))
        return false;
    for (size_t i = 0; i < input->operand_count; i++) {
        if (!add(input->operands[i], &sum))
            return false;
    }
    digit = (char)('0' + sum);
    return output->append(output, &digit, 1);
}

const struct kvd_merge_operator *
kvd_merge_operators(size_t *count_out)
{
    static const struct kvd_merge_operator operators[] = {
        {.interface_version = KVD_MERGE_INTERFACE_VERSION,
         .name = "longest",
         .full = longest,
         .partial = longest},
        {.interface_version = KVD_MERGE_INTERFACE_VERSION,
         .name = "example.sum",
         .full = sum_digits,
         .accepts = is_digit},
    };

    *count_out = sizeof(operators) / sizeof(operators[0]);
    return operators;
}
