/* Goal: no OPTIONS text hurts, and the compaction settings that it gives come back from what kvd
 * writes of them. */
#include "base/assert.h"
#include "base/log.h"
#include "version/options_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_compaction(const struct compaction_options *compaction)
{
    struct buffer text = {0}, again = {0};
    struct options_file back;

    buffer_append_slice(&text, slice_from_text("[CFOptions \"default\"]\n"));
    compaction_options_format(compaction, &text);
    KV_ASSERT(options_file_parse(buffer_slice(&text), &back) == KV_OK);
    buffer_append_slice(&again, slice_from_text("[CFOptions \"default\"]\n"));
    compaction_options_format(&back.families[0].compaction, &again);
    KV_ASSERT(slice_equal(buffer_slice(&text), buffer_slice(&again)));
    options_file_deinit(&back);
    buffer_deinit(&text);
    buffer_deinit(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct options_file options;

    log_set_level(LOG_LEVEL_WARNING + 1);
    if (options_file_parse(slice_of(data, size), &options) != KV_OK)
        return 0;
    for (uint32_t i = 0; i < options.family_count; i++)
        check_compaction(&options.families[i].compaction);
    options_file_deinit(&options);
    return 0;
}
