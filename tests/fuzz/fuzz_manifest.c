/* Goal: no MANIFEST record hurts, and what is accepted is encoded to the same again. */
#include "base/assert.h"
#include "base/log.h"
#include "version/version_edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct version_edit edit = {0}, back = {0};
    struct buffer first = {0}, second = {0};

    log_set_level(LOG_LEVEL_WARNING + 1);
    if (version_edit_decode(slice_of(data, size), &edit) == KV_OK) {
        version_edit_encode(&edit, &first);
        KV_ASSERT(version_edit_decode(buffer_slice(&first), &back) == KV_OK);
        version_edit_encode(&back, &second);
        KV_ASSERT(slice_equal(buffer_slice(&first), buffer_slice(&second)));
    }
    version_edit_deinit(&edit);
    version_edit_deinit(&back);
    buffer_deinit(&first);
    buffer_deinit(&second);
    return 0;
}
