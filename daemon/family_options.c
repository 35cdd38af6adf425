/* family_options.c - kvd.conf's parser and printer, used for one family's settings.
 *
 * A text goes through a struct config of its own, so a family's setting takes what kvd.conf takes
 * and refuses what it refuses.
 */
#include "daemon/family_options.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

enum { OPTION_COUNT = FAMILY_SETTING_COUNT + 1, MERGE_OPERATOR_INDEX = FAMILY_SETTING_COUNT };

#define SECOND_US 1000000

/* Where struct config has it, and how: `offset` + value, in units of `unit`. */
static const struct {
    size_t offset;
    uint64_t bias, unit;
    bool is_auto_at_0;
} places[FAMILY_SETTING_COUNT] = {
    [FAMILY_COMPACTION_STYLE] = {offsetof(struct config, compaction_style), 1, 1, true},
    [FAMILY_COMPRESSION] = {offsetof(struct config, compression), 0, 1, false},
    [FAMILY_BOTTOMMOST_COMPRESSION] = {offsetof(struct config, bottommost_compression), 1, 1, true},
    [FAMILY_COMPACTION_TRIGGER] = {offsetof(struct config, compaction_trigger), 0, 1, true},
    [FAMILY_FIFO_BYTES] = {offsetof(struct config, fifo_bytes_max), 0, 1, true},
    [FAMILY_TABLE_TTL_S] = {offsetof(struct config, table_ttl_us), 0, SECOND_US, true},
    [FAMILY_BLOOM_BITS] = {offsetof(struct config, bloom_bits), 0, 1, false},
    [FAMILY_BLOCK_BYTES] = {offsetof(struct config, block_bytes), 0, 1, false},
    [FAMILY_LEVEL_COMPRESSIONS] = {offsetof(struct config, level_compressions), 0, 1, true},
    [FAMILY_MEMTABLE_BYTES] = {offsetof(struct config, memtable_bytes), 0, 1, false},
};

static uint64_t *
number_at(struct config *config, uint32_t index)
{
    return (uint64_t *)(void *)((char *)config + places[index].offset);
}

const char *
family_option_name(uint32_t index)
{
    if (index >= OPTION_COUNT)
        return NULL;
    return index == MERGE_OPERATOR_INDEX ? "merge-operator"
                                         : family_setting_name((enum family_setting)index);
}

static int
config_index(uint32_t index)
{
    const int found = config_option_find(slice_from_text(family_option_name(index)));

    KV_ASSERT(found >= 0);
    return found;
}

int
family_option_find(struct slice name)
{
    const int found = config_option_find(name); /* knows any case */

    for (uint32_t i = 0; found >= 0 && i < OPTION_COUNT; i++) {
        if (config_index(i) == found)
            return (int)i;
    }
    return -1;
}

static bool
set_operator(struct family_settings *settings, struct slice text, char *error)
{
    struct merge_operator op;
    struct buffer spec = {0};

    if (merge_operator_parse(text, &op) != KV_OK) {
        (void)snprintf(error, CONFIG_ERROR_BYTES, "not a merge operator that kvd has");
        return false;
    }
    memset(settings->merge_operator, 0, sizeof(settings->merge_operator));
    if (op.kind != NULL)
        merge_operator_format(&op, &spec);
    KV_ASSERT(spec.size < sizeof(settings->merge_operator));
    if (spec.size > 0)
        memcpy(settings->merge_operator, spec.data, spec.size);
    buffer_deinit(&spec);
    return true;
}

bool
family_option_set(struct family_settings *settings, uint32_t index, struct slice text, char *error)
{
    struct config config;
    uint64_t value;
    bool is_good;

    KV_ASSERT(index < OPTION_COUNT);
    if (index == MERGE_OPERATOR_INDEX)
        return set_operator(settings, text, error);
    if (text.size == 4 && memcmp(text.data, "auto", 4) == 0) {
        settings->has[index] = false;
        return true;
    }
    config_init(&config);
    is_good = config_set(&config, (uint32_t)config_index(index), text, CONFIG_FROM_RUNTIME, error);
    value = *number_at(&config, index);
    config_deinit(&config);
    if (!is_good)
        return false;
    if (value == 0 && places[index].is_auto_at_0) {
        settings->has[index] = false;
        return true;
    }
    if (family_settings_set(settings, (enum family_setting)index,
                            value / places[index].unit - places[index].bias))
        return true;
    (void)snprintf(error, CONFIG_ERROR_BYTES, "argument is out of range");
    return false;
}

static uint64_t
effective_value(const struct family_options *effective, enum family_setting setting)
{
    const struct compaction_options *compaction = &effective->compaction;

    switch (setting) {
    case FAMILY_COMPACTION_STYLE:
        return compaction->style + UINT64_C(1);
    case FAMILY_COMPRESSION:
        return effective->compression;
    case FAMILY_BOTTOMMOST_COMPRESSION:
        return compaction->has_bottommost_compression
                   ? compaction->bottommost_compression + UINT64_C(1)
                   : 0;
    case FAMILY_COMPACTION_TRIGGER:
        return compaction->level0_file_num_compaction_trigger;
    case FAMILY_FIFO_BYTES:
        return compaction->fifo.max_table_files_size == UINT64_MAX
                   ? 0
                   : compaction->fifo.max_table_files_size;
    case FAMILY_TABLE_TTL_S:
        return compaction_options_ttl_s(compaction) * SECOND_US;
    case FAMILY_BLOOM_BITS:
        return effective->bloom_bits_per_key;
    case FAMILY_BLOCK_BYTES:
        return effective->block_bytes;
    case FAMILY_LEVEL_COMPRESSIONS:
        return compaction->compression_per_level_count == 0
                   ? 0
                   : level_compressions_pack(compaction->compression_per_level,
                                             compaction->compression_per_level_count);
    case FAMILY_MEMTABLE_BYTES:
        return effective->write_buffer_bytes;
    case FAMILY_SETTING_COUNT:
        break;
    }
    KV_ASSERT(false && "no such setting");
    return 0;
}

void
family_option_format(const struct family_options *effective, uint32_t index, struct buffer *target)
{
    struct config config;

    KV_ASSERT(index < OPTION_COUNT);
    if (index == MERGE_OPERATOR_INDEX) {
        buffer_append_slice(target, slice_from_text(effective->merge_operator));
        return;
    }
    config_init(&config);
    *number_at(&config, index) = effective_value(effective, (enum family_setting)index);
    config_format(&config, (uint32_t)config_index(index), target);
    config_deinit(&config);
}
