/* family_settings.c - a family's own settings as text and back.
 *
 * Numbers only, so that what was written by one version is read alike by the next; words are for
 * people, and people use KV.CF.
 */
#include "db/family_settings.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "sst/compression.h"
#include "version/compaction_options.h"

#define DAY_S UINT64_C(86400)

static const struct {
    const char *name;
    uint64_t min, max;
} rows[FAMILY_SETTING_COUNT] = {
    [FAMILY_COMPACTION_STYLE] = {"compaction-style", COMPACTION_LEVELED, COMPACTION_OFF},
    [FAMILY_COMPRESSION] = {"compression", 0, UINT8_MAX},
    [FAMILY_BOTTOMMOST_COMPRESSION] = {"compaction-bottommost-compression", 0, UINT8_MAX},
    [FAMILY_COMPACTION_TRIGGER] = {"compaction-trigger", 1, 1000},
    [FAMILY_FIFO_BYTES] = {"compaction-fifo-size", 1, UINT64_C(1) << 50},
    [FAMILY_TABLE_TTL_S] = {"compaction-ttl", 1, 36500 * DAY_S},
    [FAMILY_BLOOM_BITS] = {"bloom-bits", 0, 64},
    [FAMILY_BLOCK_BYTES] = {"block-size", 1024, 4 * 1024 * 1024},
    [FAMILY_LEVEL_COMPRESSIONS] = {"compression-per-level", 1, UINT64_MAX},
    [FAMILY_MEMTABLE_BYTES] = {"memtable-size", MEMTABLE_BYTES_MIN, UINT64_C(1) << 32},
};

static bool
is_writable_compression(uint64_t value)
{
    return value == COMPRESSION_NONE || value == COMPRESSION_SNAPPY || value == COMPRESSION_ZLIB ||
           value == COMPRESSION_LZ4 || value == COMPRESSION_LZ4HC || value == COMPRESSION_ZSTD;
}

const char *
family_setting_name(enum family_setting setting)
{
    KV_ASSERT(setting < FAMILY_SETTING_COUNT);
    return rows[setting].name;
}

int
family_setting_find(struct slice name)
{
    for (int i = 0; i < FAMILY_SETTING_COUNT; i++) {
        if (slice_equal(name, slice_from_text(rows[i].name)))
            return i;
    }
    return -1;
}

bool
family_settings_set(struct family_settings *settings, enum family_setting setting, uint64_t value)
{
    KV_ASSERT(setting < FAMILY_SETTING_COUNT);
    if (value < rows[setting].min || value > rows[setting].max)
        return false;
    if ((setting == FAMILY_COMPRESSION || setting == FAMILY_BOTTOMMOST_COMPRESSION) &&
        !is_writable_compression(value))
        return false;
    if (setting == FAMILY_LEVEL_COMPRESSIONS && !level_compressions_is_valid(value))
        return false;
    settings->has[setting] = true;
    settings->taken_back[setting] = false;
    settings->values[setting] = value;
    return true;
}

bool
family_settings_equal(const struct family_settings *a, const struct family_settings *b)
{
    for (int i = 0; i < FAMILY_SETTING_COUNT; i++) {
        if (a->has[i] != b->has[i] || (a->has[i] && a->values[i] != b->values[i]) ||
            a->taken_back[i] != b->taken_back[i])
            return false;
    }
    return a->ignores_options == b->ignores_options &&
           strcmp(a->merge_operator, b->merge_operator) == 0;
}

bool
family_settings_is_empty(const struct family_settings *settings)
{
    static const struct family_settings nothing;

    return family_settings_equal(settings, &nothing);
}

void
family_settings_take_back(struct family_settings *settings, const struct family_settings *before)
{
    for (int i = 0; i < FAMILY_SETTING_COUNT; i++) {
        if (!settings->has[i] && (before->has[i] || before->taken_back[i]))
            settings->taken_back[i] = true;
    }
    settings->ignores_options |= before->ignores_options;
}

/* --- to text --- */

void
family_file_begin(struct buffer *target)
{
    buffer_append_format(target,
                         "# What column families have set for themselves.  kvd writes this file "
                         "whole; KV.CF SET changes it.\n");
}

static bool
is_plain(uint8_t byte)
{
    return byte >= '!' && byte <= '~' && byte != '%';
}

void
family_file_add(struct buffer *target, const struct family_entry *entry)
{
    const struct family_settings *settings = &entry->settings;

    buffer_append_format(target, "family %" PRIu32 " ", entry->id);
    for (const char *at = entry->name; *at != '\0'; at++) {
        if (is_plain((uint8_t)*at))
            buffer_append_byte(target, (uint8_t)*at);
        else
            buffer_append_format(target, "%%%02X", (unsigned)(uint8_t)*at);
    }
    buffer_append_byte(target, '\n');
    if (settings->ignores_options)
        buffer_append_format(target, "options ignored\n");
    for (int i = 0; i < FAMILY_SETTING_COUNT; i++) {
        if (settings->has[i])
            buffer_append_format(target, "%s %" PRIu64 "\n", rows[i].name, settings->values[i]);
        else if (settings->taken_back[i])
            buffer_append_format(target, "%s auto\n", rows[i].name);
    }
    if (settings->merge_operator[0] != '\0')
        buffer_append_format(target, "merge-operator %s\n", settings->merge_operator);
}

/* --- from text --- */

struct parser {
    struct family_entry *entries;
    uint32_t count, capacity;
    uint32_t line_number;
};

static enum kv_status
bad_line(const struct parser *parser, const char *what)
{
    return KV_FAIL(KV_CORRUPT, FAMILY_SETTINGS_FILE ", line %" PRIu32 ": %s", parser->line_number,
                   what);
}

static bool
parse_number(struct slice text, uint64_t *number_out)
{
    uint64_t number = 0;

    if (text.size == 0 || text.size > 19)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    *number_out = number;
    return true;
}

static int
hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

static bool
parse_name(struct slice text, char *name)
{
    size_t size = 0;

    for (size_t i = 0; i < text.size; i++) {
        int byte = text.data[i];

        if (byte == '%') {
            const bool is_whole = text.size - i > 2;
            const int high = is_whole ? hex_digit(text.data[i + 1]) : -1;
            const int low = is_whole ? hex_digit(text.data[i + 2]) : -1;

            byte = high < 0 || low < 0 ? 0 : high * 16 + low;
            i += 2;
        }
        if (byte == 0 || size == COLUMN_FAMILY_NAME_BYTES_MAX)
            return false;
        name[size++] = (char)byte;
    }
    name[size] = '\0';
    return size > 0;
}

static struct family_entry *
add_entry(struct parser *parser)
{
    if (parser->count == parser->capacity) {
        parser->capacity = parser->capacity == 0 ? 8 : 2 * parser->capacity;
        parser->entries =
            kv_realloc(parser->entries, parser->capacity * sizeof(parser->entries[0]));
    }
    memset(&parser->entries[parser->count], 0, sizeof(parser->entries[0]));
    return &parser->entries[parser->count++];
}

static enum kv_status
begin_family(struct parser *parser, struct slice rest)
{
    struct family_entry *entry;
    uint64_t id;

    if (!parse_number(slice_take_until(&rest, ' '), &id) || id >= UINT32_MAX)
        return bad_line(parser, "not the id of a family");
    for (uint32_t i = 0; i < parser->count; i++) {
        if (parser->entries[i].id == id)
            return bad_line(parser, "the family was there before");
    }
    if (parser->count == COLUMN_FAMILY_COUNT_MAX)
        return bad_line(parser, "too many families");
    entry = add_entry(parser);
    entry->id = (uint32_t)id;
    return parse_name(rest, entry->name) ? KV_OK : bad_line(parser, "not the name of a family");
}

static enum kv_status
set_operator(struct parser *parser, struct family_settings *settings, struct slice spec)
{
    if (spec.size == 0 || spec.size > MERGE_SPEC_BYTES_MAX || memchr(spec.data, 0, spec.size))
        return bad_line(parser, "not a merge operator");
    memset(settings->merge_operator, 0, sizeof(settings->merge_operator));
    memcpy(settings->merge_operator, spec.data, spec.size);
    return KV_OK;
}

static enum kv_status
parse_line(struct parser *parser, struct slice line)
{
    const struct slice word = slice_take_until(&line, ' ');
    struct family_settings *settings;
    uint64_t value;
    int setting;

    if (word.size == 0 || word.data[0] == '#')
        return KV_OK;
    if (slice_equal(word, slice_from_text("family")))
        return begin_family(parser, line);
    if (parser->count == 0)
        return bad_line(parser, "a setting of no family");
    settings = &parser->entries[parser->count - 1].settings;
    if (slice_equal(word, slice_from_text("merge-operator")))
        return set_operator(parser, settings, line);
    if (slice_equal(word, slice_from_text("options"))) {
        settings->ignores_options = slice_equal(line, slice_from_text("ignored"));
        return settings->ignores_options ? KV_OK : bad_line(parser, "not a word about OPTIONS");
    }
    setting = family_setting_find(word);
    if (setting < 0) {
        kv_log(LOG_LEVEL_WARNING, FAMILY_SETTINGS_FILE ", line %" PRIu32 ": unknown, passed over",
               parser->line_number);
        return KV_OK;
    }
    if (slice_equal(line, slice_from_text("auto"))) {
        settings->has[setting] = false;
        settings->taken_back[setting] = true;
        return KV_OK;
    }
    if (!parse_number(line, &value) ||
        !family_settings_set(settings, (enum family_setting)setting, value))
        return bad_line(parser, "not a value of this setting");
    return KV_OK;
}

enum kv_status
family_file_parse(struct slice text, struct family_entry **entries_out, uint32_t *count_out)
{
    struct parser parser = {0};
    enum kv_status st = KV_OK;

    while (st == KV_OK && text.size > 0) {
        parser.line_number++;
        st = parse_line(&parser, slice_take_until(&text, '\n'));
    }
    *entries_out = parser.entries;
    *count_out = parser.count;
    return st;
}
