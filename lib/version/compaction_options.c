/* Defaults of compaction, and its settings as RocksDB's OPTIONS file has them.
 *
 * A value from a file is brought into bounds here, once, so that the picker may divide by it. */
#include "version/compaction_options.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

enum {
    OUTPUTS_PER_JOB = 25, /* RocksDB's, where max_compaction_bytes is 0 */
    NUMBER_TEXT_BYTES = 32,
    FILE_BYTES_MIN = 4096,
    RUN_COUNT_MAX = 1 << 20,
};

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
/* Sums of ten such sizes don't overflow. */
#define BYTES_MAX           (UINT64_C(1) << 50)
#define SECONDS_MAX         (UINT64_C(1) << 40)
#define MULTIPLIER_MIN      1.1
#define MULTIPLIER_MAX      1000.0
#define TTL_LEVELED_SECONDS (UINT64_C(30) * 24 * 3600)

struct compaction_options
compaction_options_rocksdb(void)
{
    return (struct compaction_options){
        .style = COMPACTION_LEVELED,
        /* Four tables cost a read four filter probes, and merge into the base level together. */
        .level0_file_num_compaction_trigger = 4,
        /* Four memtables of 64 MiB: level 0 and the base level have the same bytes, which makes
         * merging them cheapest. */
        .max_bytes_for_level_base = 256 * MIB,
        /* A tenth above the last level is the space that stale versions may take at most. */
        .max_bytes_for_level_multiplier = 10,
        /* A job of one table and its overlap is then under a GiB: seconds, and easily given up
         * for a flush; a terabyte is 16,000 tables. */
        .target_file_size_base = 64 * MIB,
        .target_file_size_multiplier = 1,
        .max_compaction_bytes = 0,
        .ttl = COMPACTION_TTL_AUTO,
        .periodic_compaction_seconds = 0,
        /* Every second entry a deletion: a scan does twice the work, and merging the table frees
         * at least as much again as it has itself. */
        .deletion_percent_max = 50,
        /* Under load level 0 is emptied sooner anyway; on a quiet server space comes back.  And
         * should a rewrite in the last level ever leave deletions behind, it isn't done again at
         * once. */
        .deletion_age_s = 60,
        .level0_slowdown_writes_trigger = 20,
        .level0_stop_writes_trigger = 36,
        .soft_pending_compaction_bytes_limit = 64 * GIB,
        .hard_pending_compaction_bytes_limit = 256 * GIB,
        .universal = {.size_ratio = 1,
                      .min_merge_width = 2,
                      .max_merge_width = UINT32_MAX,
                      .max_size_amplification_percent = 200},
        .fifo = {.max_table_files_size = 1 * GIB},
    };
}

struct compaction_options
compaction_options_default(void)
{
    struct compaction_options options = compaction_options_rocksdb();

    /* RocksDB drops what is beyond 1 GiB unasked.  Here nothing goes until a bound is set. */
    options.fifo.max_table_files_size = UINT64_MAX;
    return options;
}

enum compression
compaction_options_compression(const struct compaction_options *options,
                               enum compression family_compression, uint32_t level,
                               uint32_t base_level, bool is_bottommost)
{
    uint32_t index;

    KV_ASSERT(level < LEVEL_COUNT && base_level >= 1 && base_level < LEVEL_COUNT);
    if (is_bottommost && options->has_bottommost_compression)
        return options->bottommost_compression;
    if (options->compression_per_level_count == 0)
        return family_compression;
    index = level == 0 ? 0 : level < base_level ? 1 : level - base_level + 1;
    if (index >= options->compression_per_level_count)
        index = options->compression_per_level_count - 1;
    return options->compression_per_level[index];
}

uint64_t
compaction_options_file_bytes(const struct compaction_options *options, uint32_t level,
                              uint32_t base_level)
{
    uint64_t bytes = options->target_file_size_base;

    if (level == 0 || options->style == COMPACTION_FIFO)
        return UINT64_MAX;
    for (uint32_t i = base_level; i < level && bytes < BYTES_MAX; i++)
        bytes *= options->target_file_size_multiplier;
    return bytes < BYTES_MAX ? bytes : BYTES_MAX;
}

uint64_t
compaction_options_ttl_s(const struct compaction_options *options)
{
    if (options->ttl != COMPACTION_TTL_AUTO)
        return options->ttl;
    return options->style == COMPACTION_LEVELED ? TTL_LEVELED_SECONDS : 0;
}

uint64_t
compaction_options_period_s(const struct compaction_options *options)
{
    const uint64_t seconds = options->periodic_compaction_seconds;

    return seconds == COMPACTION_TTL_AUTO ? 0 : seconds;
}

uint64_t
compaction_options_job_bytes_max(const struct compaction_options *options)
{
    if (options->max_compaction_bytes != 0)
        return options->max_compaction_bytes;
    return OUTPUTS_PER_JOB * options->target_file_size_base;
}

static const char *const style_names[] = {"leveled", "universal", "fifo", "none"};
static const char *const style_option_names[] = {"kCompactionStyleLevel",
                                                 "kCompactionStyleUniversal",
                                                 "kCompactionStyleFIFO", "kCompactionStyleNone"};
enum { STYLE_COUNT = sizeof(style_names) / sizeof(style_names[0]) };

bool
compaction_style_parse(const char *name, enum compaction_style *style_out)
{
    for (uint32_t i = 0; i < STYLE_COUNT; i++) {
        if (strcmp(name, style_names[i]) == 0) {
            *style_out = (enum compaction_style)i;
            return true;
        }
    }
    return false;
}

const char *
compaction_style_name(enum compaction_style style)
{
    KV_ASSERT((uint32_t)style < STYLE_COUNT);
    return style_names[style];
}

static bool
is_text(struct slice bytes, const char *text)
{
    return slice_equal(bytes, slice_from_text(text));
}

static bool
parse_u64(struct slice text, uint64_t *number_out)
{
    uint64_t number = 0;

    if (text.size == 0)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        const uint8_t digit = (uint8_t)(text.data[i] - '0');

        if (digit > 9 || number > (UINT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *number_out = number;
    return true;
}

static bool
parse_double(struct slice text, double *number_out)
{
    char plain[NUMBER_TEXT_BYTES];
    char *end;

    if (text.size == 0 || text.size >= sizeof(plain))
        return false;
    memcpy(plain, text.data, text.size);
    plain[text.size] = '\0';
    *number_out = strtod(plain, &end);
    return end == plain + text.size && *number_out == *number_out;
}

static bool
parse_bool(struct slice text, bool *flag_out)
{
    *flag_out = is_text(text, "true") || is_text(text, "1");
    return *flag_out || is_text(text, "false") || is_text(text, "0");
}

/* A field of struct compaction_options that is a number, and its bounds. */
struct number_field {
    const char *name;
    size_t offset;
    bool is_64; /* or 32 bits */
    uint64_t min, max;
};

#define FIELD_64(field_name, member, low, high)                                                    \
    {                                                                                              \
        .name = (field_name), .offset = offsetof(struct compaction_options, member),               \
        .is_64 = true, .min = (low), .max = (high)                                                 \
    }
#define FIELD_32(field_name, member, low, high)                                                    \
    {                                                                                              \
        .name = (field_name), .offset = offsetof(struct compaction_options, member),               \
        .is_64 = false, .min = (low), .max = (high)                                                \
    }

static const struct number_field family_fields[] = {
    FIELD_32("level0_file_num_compaction_trigger", level0_file_num_compaction_trigger, 1,
             RUN_COUNT_MAX),
    FIELD_32("level0_slowdown_writes_trigger", level0_slowdown_writes_trigger, 1, RUN_COUNT_MAX),
    FIELD_32("level0_stop_writes_trigger", level0_stop_writes_trigger, 1, RUN_COUNT_MAX),
    FIELD_64("max_bytes_for_level_base", max_bytes_for_level_base, FILE_BYTES_MIN, BYTES_MAX),
    FIELD_64("target_file_size_base", target_file_size_base, FILE_BYTES_MIN, BYTES_MAX),
    FIELD_32("target_file_size_multiplier", target_file_size_multiplier, 1, 1000),
    FIELD_64("max_compaction_bytes", max_compaction_bytes, 0, BYTES_MAX),
    FIELD_64("ttl", ttl, 0, SECONDS_MAX),
    FIELD_64("periodic_compaction_seconds", periodic_compaction_seconds, 0, SECONDS_MAX),
    FIELD_64("soft_pending_compaction_bytes_limit", soft_pending_compaction_bytes_limit, 0,
             UINT64_MAX),
    FIELD_64("hard_pending_compaction_bytes_limit", hard_pending_compaction_bytes_limit, 0,
             UINT64_MAX),
};

static const struct number_field universal_fields[] = {
    FIELD_32("size_ratio", universal.size_ratio, 0, 1000000),
    FIELD_32("min_merge_width", universal.min_merge_width, 2, UINT32_MAX),
    FIELD_32("max_merge_width", universal.max_merge_width, 2, UINT32_MAX),
    FIELD_32("max_size_amplification_percent", universal.max_size_amplification_percent, 0,
             UINT32_MAX),
};

static const struct number_field fifo_fields[] = {
    FIELD_64("max_table_files_size", fifo.max_table_files_size, 0, UINT64_MAX),
};

#define ARRAY_COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

/* Names that are not in `fields` are passed over. */
static bool
set_number(struct compaction_options *options, const struct number_field *fields,
           uint32_t field_count, struct slice name, struct slice value)
{
    for (uint32_t i = 0; i < field_count; i++) {
        const struct number_field *field = &fields[i];
        uint8_t *target = (uint8_t *)options + field->offset;
        uint64_t number;

        if (!is_text(name, field->name))
            continue;
        if (!parse_u64(value, &number))
            return false;
        if (number == COMPACTION_TTL_AUTO && field->max == SECONDS_MAX) {
            *(uint64_t *)(void *)target = number;
            return true;
        }
        number = number < field->min ? field->min : number > field->max ? field->max : number;
        if (field->is_64)
            *(uint64_t *)(void *)target = number;
        else
            *(uint32_t *)(void *)target = (uint32_t)number;
        return true;
    }
    return true;
}

static uint64_t
get_number(const struct compaction_options *options, const struct number_field *field)
{
    const uint8_t *source = (const uint8_t *)options + field->offset;

    return field->is_64 ? *(const uint64_t *)(const void *)source
                        : *(const uint32_t *)(const void *)source;
}

/* {name=value;name=value;} with or without the braces; inner objects are passed over. */
static bool
set_object(struct compaction_options *options, const struct number_field *fields,
           uint32_t field_count, struct slice value)
{
    if (value.size >= 2 && value.data[0] == '{' && value.data[value.size - 1] == '}')
        value = slice_of(value.data + 1, value.size - 2);
    while (value.size > 0) {
        struct slice setting = slice_take_until(&value, ';');
        const struct slice name = slice_take_until(&setting, '=');

        if (!set_number(options, fields, field_count, name, setting))
            return false;
    }
    return true;
}

static bool
find_compression(struct slice name, enum compression *compression_out)
{
    static const enum compression known[] = {COMPRESSION_NONE,  COMPRESSION_SNAPPY,
                                             COMPRESSION_ZLIB,  COMPRESSION_LZ4,
                                             COMPRESSION_LZ4HC, COMPRESSION_ZSTD};

    for (uint32_t i = 0; i < ARRAY_COUNT(known); i++) {
        if (is_text(name, compression_option_name(known[i]))) {
            *compression_out = known[i];
            return true;
        }
    }
    return false;
}

/* kNoCompression:kLZ4Compression:...; one that we cannot write counts as none given. */
static void
set_compressions(struct compaction_options *options, struct slice value)
{
    uint32_t count = 0;

    options->compression_per_level_count = 0;
    while (value.size > 0 && count < LEVEL_COUNT) {
        if (!find_compression(slice_take_until(&value, ':'),
                              &options->compression_per_level[count++]))
            return;
    }
    options->compression_per_level_count = count;
}

/* RocksDB drops all data at a bound of 0; here 0 is no bound, and never written. */
static bool
set_fifo(struct compaction_options *options, struct slice value)
{
    if (!set_object(options, fifo_fields, ARRAY_COUNT(fifo_fields), value))
        return false;
    if (options->fifo.max_table_files_size == 0)
        options->fifo.max_table_files_size = UINT64_MAX;
    return true;
}

static bool
set_style(struct compaction_options *options, struct slice value)
{
    for (uint32_t i = 0; i < STYLE_COUNT; i++) {
        if (is_text(value, style_option_names[i])) {
            options->style = (enum compaction_style)i;
            return true;
        }
    }
    return false;
}

static bool
set_multiplier(struct compaction_options *options, struct slice value)
{
    double number;

    if (!parse_double(value, &number))
        return false;
    options->max_bytes_for_level_multiplier = number < MULTIPLIER_MIN   ? MULTIPLIER_MIN
                                              : number > MULTIPLIER_MAX ? MULTIPLIER_MAX
                                                                        : number;
    return true;
}

bool
compaction_options_set(struct compaction_options *options, struct slice name, struct slice value)
{
    if (is_text(name, "compaction_style"))
        return set_style(options, value);
    if (is_text(name, "disable_auto_compactions"))
        return parse_bool(value, &options->disable_auto_compactions);
    if (is_text(name, "max_bytes_for_level_multiplier"))
        return set_multiplier(options, value);
    if (is_text(name, "compaction_options_universal"))
        return set_object(options, universal_fields, ARRAY_COUNT(universal_fields), value);
    if (is_text(name, "compaction_options_fifo"))
        return set_fifo(options, value);
    if (is_text(name, "compression_per_level"))
        set_compressions(options, value);
    if (is_text(name, "bottommost_compression"))
        options->has_bottommost_compression =
            find_compression(value, &options->bottommost_compression);
    return set_number(options, family_fields, ARRAY_COUNT(family_fields), name, value);
}

static void
put_object(struct buffer *target, const char *name, const struct compaction_options *options,
           const struct number_field *fields, uint32_t field_count)
{
    buffer_append_format(target, "  %s={", name);
    for (uint32_t i = 0; i < field_count; i++)
        buffer_append_format(target, "%s=%" PRIu64 ";", fields[i].name,
                             get_number(options, &fields[i]));
    buffer_append_format(target, "}\n");
}

void
compaction_options_format(const struct compaction_options *options, struct buffer *target)
{
    KV_ASSERT((uint32_t)options->style < STYLE_COUNT);
    KV_ASSERT(options->compression_per_level_count <= LEVEL_COUNT);
    buffer_append_format(target,
                         "  compaction_style=%s\n  disable_auto_compactions=%s\n"
                         "  level_compaction_dynamic_level_bytes=true\n"
                         "  max_bytes_for_level_multiplier=%.6f\n",
                         style_option_names[options->style],
                         options->disable_auto_compactions ? "true" : "false",
                         options->max_bytes_for_level_multiplier);
    for (uint32_t i = 0; i < ARRAY_COUNT(family_fields); i++)
        buffer_append_format(target, "  %s=%" PRIu64 "\n", family_fields[i].name,
                             get_number(options, &family_fields[i]));
    put_object(target, "compaction_options_universal", options, universal_fields,
               ARRAY_COUNT(universal_fields));
    put_object(target, "compaction_options_fifo", options, fifo_fields, ARRAY_COUNT(fifo_fields));
    if (options->has_bottommost_compression)
        buffer_append_format(target, "  bottommost_compression=%s\n",
                             compression_option_name(options->bottommost_compression));
    for (uint32_t i = 0; i < options->compression_per_level_count; i++)
        buffer_append_format(target, "%s%s", i == 0 ? "  compression_per_level=" : ":",
                             compression_option_name(options->compression_per_level[i]));
    if (options->compression_per_level_count > 0)
        buffer_append_byte(target, '\n');
}
