/* Goal: no OPTIONS text hurts. */
#include "base/log.h"
#include "version/options_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct options_file options;

    log_set_level(LOG_LEVEL_WARNING + 1);
    if (options_file_parse(slice_of(data, size), &options) == KV_OK)
        options_file_deinit(&options);
    return 0;
}
