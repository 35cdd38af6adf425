/* fuzz_worker_msg.c - no packet harms its receiver, and what decodes is within its limits: it
 * encodes again (which asserts the limits), and that decodes to the same bytes; whether it came in
 * a packet or in a file. */
#include "base/assert.h"
#include "ipc/worker_msg.h"
#include "support/quiet_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer first = {0}, second = {0};
    struct worker_msg msg, again;

    quiet_log();
    if (worker_msg_decode_large(slice_of(data, size), &msg) == KV_OK)
        worker_msg_deinit(&msg);
    if (worker_msg_decode(slice_of(data, size), &msg) != KV_OK)
        return 0;
    worker_msg_encode(&msg, &first);
    KV_ASSERT(worker_msg_decode(buffer_slice(&first), &again) == KV_OK);
    worker_msg_encode(&again, &second);
    KV_ASSERT(slice_equal(buffer_slice(&first), buffer_slice(&second)));
    worker_msg_deinit(&again);
    worker_msg_deinit(&msg);
    buffer_deinit(&second);
    buffer_deinit(&first);
    return 0;
}
