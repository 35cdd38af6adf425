/* crash_in_worker.c - a broken merge operator, for tests: `crash_in_worker` puts the operands
 * behind each other, and kills a kvd-worker that meets a '!' in one of them.  kvd itself lives, and
 * so does everybody who has KV_CRASH_IN_WORKER=no in the environment.
 */
#define _GNU_SOURCE /* program_invocation_short_name */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "merge/kvd_merge_operator.h"

static bool
append(struct kvd_merge_output *output, struct kvd_merge_bytes bytes)
{
    if (bytes.size > 0 && memchr(bytes.data, '!', bytes.size) != NULL &&
        getenv("KV_CRASH_IN_WORKER") == NULL &&
        strcmp(program_invocation_short_name, "kvd-worker") == 0)
        abort();
    return output->append(output, bytes.data, bytes.size);
}

static bool
concatenate(const struct kvd_merge_input *input, struct kvd_merge_output *output)
{
    if (input->base != NULL && !append(output, *input->base))
        return false;
    for (size_t i = input->operand_count; i > 0; i--) {
        if (!append(output, input->operands[i - 1]))
            return false;
    }
    return true;
}

const struct kvd_merge_operator *
kvd_merge_operators(size_t *count_out)
{
    static const struct kvd_merge_operator operators[] = {
        {.interface_version = KVD_MERGE_INTERFACE_VERSION,
         .name = "crash_in_worker",
         .full = concatenate,
         .partial = concatenate},
    };

    *count_out = sizeof(operators) / sizeof(operators[0]);
    return operators;
}
