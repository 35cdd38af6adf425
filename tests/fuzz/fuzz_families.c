/* Goal: no text of kvd.families hurts, and what it gives comes back from what kvd writes of it. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "db/family_settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_entry(const struct family_entry *entry)
{
    struct family_entry *back;
    struct buffer text = {0};
    uint32_t count;

    family_file_begin(&text);
    family_file_add(&text, entry);
    KV_ASSERT(family_file_parse(buffer_slice(&text), &back, &count) == KV_OK && count == 1);
    KV_ASSERT(back->id == entry->id && strcmp(back->name, entry->name) == 0);
    KV_ASSERT(family_settings_equal(&back->settings, &entry->settings));
    free(back);
    buffer_deinit(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct family_entry *entries;
    uint32_t count;

    log_set_level(LOG_LEVEL_WARNING + 1);
    if (family_file_parse(slice_of(data, size), &entries, &count) == KV_OK) {
        for (uint32_t i = 0; i < count; i++)
            check_entry(&entries[i]);
    }
    free(entries);
    return 0;
}
