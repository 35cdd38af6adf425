/* Goal: no value breaks the check of proven values, and none passes that was not written.
 * Method: check the input with bounds of its own; a good one must be what payload_write makes
 * of its header, but for the filler. */
#include "base/assert.h"
#include "base/coding.h"
#include "cli/kvbench/payload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct payload_bounds bounds = {.run_tag = 1, .version_min = 1, .version_max = 1000};
    struct payload found;
    char text[PAYLOAD_TEXT_BYTES];
    enum payload_verdict verdict;

    if (size >= 16)
        bounds.key_id = load_fixed64(data + 8);
    verdict = payload_check(slice_of(data, size), &bounds, &found);
    payload_explain(verdict, &bounds, &found, text);
    if (verdict != PAYLOAD_GOOD)
        return 0;
    KV_ASSERT(size >= PAYLOAD_BYTES_MIN && found.key_id == bounds.key_id && found.version <= 1000);
    return 0;
}
