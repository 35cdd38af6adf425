/* The text of OPTIONS (FORMAT.md section 7): lines, sections, escapes.
 *
 * RocksDB's tools fail on names that they do not know, so only options of RocksDB's are ever
 * written, and of those only what says how the stored bytes are meant and kept in shape. */
#include "version/options_file.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"

enum {
    WRITE_BUFFER_BYTES_DEFAULT = 64 * 1024 * 1024, /* RocksDB's, for what a file does not say */
    BLOCK_BYTES_DEFAULT = 4096,
    DEFAULT_FAMILY_INDEX = 0,
};

static const char *const recovery_modes[] = {
    "kTolerateCorruptedTailRecords",
    "kAbsoluteConsistency",
    "kPointInTimeRecovery",
    "kSkipAnyCorruptedRecords",
};

enum { RECOVERY_MODE_POINT_IN_TIME = 2 };

static const enum compression compressions[] = {
    COMPRESSION_NONE, COMPRESSION_SNAPPY, COMPRESSION_ZLIB, COMPRESSION_BZIP2,
    COMPRESSION_LZ4,  COMPRESSION_LZ4HC,  COMPRESSION_ZSTD,
};

enum section { SECTION_OTHER, SECTION_DB, SECTION_FAMILY, SECTION_TABLE };

struct parser {
    struct options_file *options;
    enum section section;
    struct family_options *family; /* borrowed: of SECTION_FAMILY and SECTION_TABLE */
    uint32_t line_number;
};

void
options_file_deinit(struct options_file *options)
{
    free(options->families);
    *options = (struct options_file){0};
}

static bool
is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static struct slice
trim(struct slice text)
{
    while (text.size > 0 && is_space(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && is_space(text.data[text.size - 1]))
        text.size--;
    return text;
}

/* Without the comment that a '#' begins, unless it is escaped. */
static struct slice
cut_comment(struct slice line)
{
    for (size_t i = 0; i < line.size; i++) {
        if (line.data[i] == '\\')
            i++;
        else if (line.data[i] == '#')
            return slice_of(line.data, i);
    }
    return line;
}

static bool
take_line(struct slice *text, struct slice *line_out)
{
    const uint8_t *end;
    size_t size;

    if (text->size == 0)
        return false;
    end = memchr(text->data, '\n', text->size);
    size = end != NULL ? (size_t)(end - text->data) : text->size;
    *line_out = slice_of(text->data, size);
    if (end != NULL)
        size++;
    text->data += size;
    text->size -= size;
    return true;
}

static bool
is_text(struct slice bytes, const char *text)
{
    return slice_equal(bytes, slice_from_text(text));
}

static enum kv_status
bad_line(const struct parser *parser, const char *what)
{
    return KV_FAIL(KV_CORRUPT, "OPTIONS file, line %" PRIu32 ": %s", parser->line_number, what);
}

static enum kv_status
copy_text(const struct parser *parser, struct slice text, char *target, size_t size)
{
    if (text.size >= size)
        return KV_FAIL(KV_LIMIT, "OPTIONS file, line %" PRIu32 ": text of %zu bytes is too long",
                       parser->line_number, text.size);
    if (text.size > 0 && memchr(text.data, 0, text.size) != NULL)
        return bad_line(parser, "there is a zero in it");
    memset(target, 0, size);
    if (text.size > 0)
        memcpy(target, text.data, text.size);
    return KV_OK;
}

static enum kv_status
parse_number(const struct parser *parser, struct slice text, uint64_t max, uint64_t *number_out)
{
    uint64_t number = 0;

    if (text.size == 0 || text.size > 19)
        return bad_line(parser, "not a number");
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return bad_line(parser, "not a number");
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    if (number > max)
        return bad_line(parser, "the number is too large");
    *number_out = number;
    return KV_OK;
}

/* The argument of a section: \\ \# \: \r \n stand for what they look like. */
static void
unescape(struct slice text, struct buffer *target)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];

        if (byte == '\\' && i + 1 < text.size) {
            byte = text.data[++i];
            byte = byte == 'r' ? '\r' : byte == 'n' ? '\n' : byte;
        }
        buffer_append_byte(target, byte);
    }
}

static struct family_options *
find_family(struct options_file *options, const char *name)
{
    for (uint32_t i = 0; i < options->family_count; i++) {
        if (strcmp(options->families[i].name, name) == 0)
            return &options->families[i];
    }
    return NULL;
}

static enum kv_status
add_family(struct parser *parser, const char *name)
{
    struct options_file *options = parser->options;
    const uint32_t count = options->family_count;

    if (find_family(options, name) != NULL)
        return bad_line(parser, "the column family has a section already");
    if (count >= COLUMN_FAMILY_COUNT_MAX)
        return KV_FAIL(KV_LIMIT, "OPTIONS file: more than %d column families",
                       COLUMN_FAMILY_COUNT_MAX);
    if ((count & (count - 1)) == 0) /* doubles at each power of two */
        options->families = kv_realloc(options->families, (count == 0 ? 1 : (size_t)count * 2) *
                                                              sizeof(options->families[0]));
    parser->family = &options->families[options->family_count++];
    *parser->family = (struct family_options){.compression = COMPRESSION_SNAPPY,
                                              .write_buffer_bytes = WRITE_BUFFER_BYTES_DEFAULT,
                                              .block_bytes = BLOCK_BYTES_DEFAULT,
                                              .compaction = compaction_options_rocksdb()};
    strcpy(parser->family->name, name);
    return KV_OK;
}

static enum kv_status
enter_family_section(struct parser *parser, struct slice argument)
{
    char name[COLUMN_FAMILY_NAME_BYTES_MAX + 1];
    struct buffer plain = {0};
    enum kv_status st;

    unescape(argument, &plain);
    st = copy_text(parser, buffer_slice(&plain), name, sizeof(name));
    buffer_deinit(&plain);
    if (st != KV_OK)
        return st;
    if (parser->section == SECTION_FAMILY)
        return add_family(parser, name);
    parser->family = find_family(parser->options, name);
    return parser->family != NULL ? KV_OK
                                  : bad_line(parser, "table options of an unknown column family");
}

/* [Title] or [Title "argument"]; the argument ends at the last quote. */
static enum kv_status
parse_section(struct parser *parser, struct slice line)
{
    struct slice title = slice_of(line.data + 1, line.size - 2), argument = {0};
    const uint8_t *open = NULL, *close = NULL;

    KV_ASSERT(line.size >= 2 && line.data[0] == '[');
    for (size_t i = 0; i < title.size; i++) {
        if (title.data[i] != '"')
            continue;
        open = open == NULL ? title.data + i : open;
        close = title.data + i;
    }
    if (open != NULL && open == close)
        return bad_line(parser, "an opening quote without a closing one");
    if (open != NULL) {
        argument = slice_of(open + 1, (size_t)(close - open - 1));
        title.size = (size_t)(open - title.data);
    }
    title = trim(title);
    parser->family = NULL;
    if (is_text(title, "DBOptions"))
        parser->section = SECTION_DB;
    else if (is_text(title, "CFOptions"))
        parser->section = SECTION_FAMILY;
    else if (is_text(title, "TableOptions/BlockBasedTable"))
        parser->section = SECTION_TABLE;
    else
        parser->section = SECTION_OTHER;
    if (parser->section == SECTION_FAMILY || parser->section == SECTION_TABLE)
        return enter_family_section(parser, argument);
    return KV_OK;
}

static enum kv_status
set_db_option(struct parser *parser, struct slice name, struct slice value)
{
    if (is_text(name, "wal_dir"))
        return copy_text(parser, value, parser->options->wal_dir, sizeof(parser->options->wal_dir));
    if (!is_text(name, "wal_recovery_mode"))
        return KV_OK;
    for (uint32_t i = 0; i < sizeof(recovery_modes) / sizeof(recovery_modes[0]); i++) {
        if (is_text(value, recovery_modes[i])) {
            parser->options->wal_recovery_mode = i;
            return KV_OK;
        }
    }
    return bad_line(parser, "unknown wal_recovery_mode");
}

/* A compression that we don't know changes nothing: each block says what it is. */
static void
set_compression(struct family_options *family, struct slice value)
{
    for (size_t i = 0; i < sizeof(compressions) / sizeof(compressions[0]); i++) {
        if (is_text(value, compression_option_name(compressions[i])))
            family->compression = compressions[i];
    }
}

static enum kv_status
set_family_option(struct parser *parser, struct slice name, struct slice value)
{
    struct family_options *family = parser->family;

    if (is_text(value, "nullptr"))
        value.size = 0;
    if (is_text(name, "comparator"))
        return copy_text(parser, value, family->comparator, sizeof(family->comparator));
    if (is_text(name, "merge_operator"))
        return copy_text(parser, value, family->merge_operator, sizeof(family->merge_operator));
    if (is_text(name, "write_buffer_size"))
        return parse_number(parser, value, UINT64_MAX, &family->write_buffer_bytes);
    if (is_text(name, "compression"))
        set_compression(family, value);
    if (!compaction_options_set(&family->compaction, name, value))
        return bad_line(parser, "not a value of this compaction setting");
    return KV_OK;
}

/* "bloomfilter:10:false", or an object with bits_per_key=10; other filters count as none. */
static void
set_filter(struct family_options *family, struct slice value)
{
    static const char *const marks[] = {"bloomfilter:", "bits_per_key="};
    uint32_t bits = 0;

    for (size_t m = 0; m < sizeof(marks) / sizeof(marks[0]); m++) {
        const struct slice mark = slice_from_text(marks[m]);

        for (size_t i = 0; i + mark.size <= value.size; i++) {
            if (memcmp(value.data + i, mark.data, mark.size) != 0)
                continue;
            for (size_t at = i + mark.size; at < value.size && bits < 1000; at++) {
                if (value.data[at] < '0' || value.data[at] > '9')
                    break;
                bits = bits * 10 + (uint32_t)(value.data[at] - '0');
            }
            family->bloom_bits_per_key = bits < 100 ? bits : 100;
            return;
        }
    }
    family->bloom_bits_per_key = 0;
}

static enum kv_status
set_table_option(struct parser *parser, struct slice name, struct slice value)
{
    uint64_t number;
    enum kv_status st;

    if (is_text(name, "filter_policy"))
        set_filter(parser->family, value);
    if (!is_text(name, "block_size"))
        return KV_OK;
    st = parse_number(parser, value, BLOCK_BYTES_MAX, &number);
    if (st == KV_OK)
        parser->family->block_bytes = (uint32_t)number;
    return st;
}

static enum kv_status
parse_setting(struct parser *parser, struct slice line)
{
    const uint8_t *equals = memchr(line.data, '=', line.size);
    struct slice name, value;

    if (equals == NULL)
        return bad_line(parser, "neither a section nor a setting");
    name = trim(slice_of(line.data, (size_t)(equals - line.data)));
    value = trim(slice_of(equals + 1, line.size - (size_t)(equals - line.data) - 1));
    switch (parser->section) {
    case SECTION_DB:
        return set_db_option(parser, name, value);
    case SECTION_FAMILY:
        return set_family_option(parser, name, value);
    case SECTION_TABLE:
        return set_table_option(parser, name, value);
    default:
        return KV_OK;
    }
}

enum kv_status
options_file_parse(struct slice text, struct options_file *options_out)
{
    struct parser parser = {.options = options_out};
    enum kv_status st = KV_OK;
    struct slice line;

    *options_out = (struct options_file){.wal_recovery_mode = RECOVERY_MODE_POINT_IN_TIME};
    while (st == KV_OK && take_line(&text, &line)) {
        parser.line_number++;
        line = trim(cut_comment(line));
        if (line.size == 0)
            continue;
        if (line.data[0] != '[')
            st = parse_setting(&parser, line);
        else if (line.size >= 2 && line.data[line.size - 1] == ']')
            st = parse_section(&parser, line);
        else
            st = bad_line(&parser, "a section without its closing bracket");
    }
    if (st == KV_OK && options_out->family_count == 0)
        st = KV_FAIL(KV_CORRUPT, "the OPTIONS file names no column family");
    if (st != KV_OK)
        options_file_deinit(options_out);
    return st;
}

static void
put_escaped(struct buffer *target, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\r' || *text == '\n') {
            buffer_append_format(target, "\\%c", *text == '\r' ? 'r' : 'n');
            continue;
        }
        if (*text == '\\' || *text == '#' || *text == ':')
            buffer_append_byte(target, '\\');
        buffer_append_byte(target, (uint8_t)*text);
    }
}

static void
put_section(struct buffer *target, const char *title, const char *argument)
{
    buffer_append_format(target, "[%s \"", title);
    put_escaped(target, argument);
    buffer_append_format(target, "\"]\n");
}

static void
put_family(struct buffer *target, const struct family_options *family)
{
    put_section(target, "CFOptions", family->name);
    if (family->comparator[0] != '\0')
        buffer_append_format(target, "  comparator=%s\n", family->comparator);
    buffer_append_format(target, "  merge_operator=%s\n",
                         family->merge_operator[0] != '\0' ? family->merge_operator : "nullptr");
    buffer_append_format(target, "  compression=%s\n  write_buffer_size=%" PRIu64 "\n",
                         compression_option_name(family->compression), family->write_buffer_bytes);
    compaction_options_format(&family->compaction, target);
    put_section(target, "TableOptions/BlockBasedTable", family->name);
    buffer_append_format(target, "  format_version=5\n  checksum=kXXH3\n  block_size=%" PRIu32 "\n",
                         family->block_bytes);
    if (family->bloom_bits_per_key > 0)
        buffer_append_format(target, "  filter_policy=bloomfilter:%" PRIu32 ":false\n",
                             family->bloom_bits_per_key);
    else
        buffer_append_format(target, "  filter_policy=nullptr\n");
}

void
options_file_format(const struct options_file *options, struct buffer *target)
{
    KV_ASSERT(options->wal_recovery_mode < sizeof(recovery_modes) / sizeof(recovery_modes[0]));
    KV_ASSERT(options->family_count > 0);
    /* RocksDB wants the default family before all others. */
    KV_ASSERT(strcmp(options->families[DEFAULT_FAMILY_INDEX].name, "default") == 0);
    buffer_append_format(target, "[Version]\n  rocksdb_version=7.8.3\n  options_file_version=1.1\n"
                                 "[DBOptions]\n");
    buffer_append_format(target, "  wal_recovery_mode=%s\n",
                         recovery_modes[options->wal_recovery_mode]);
    /* A dead value becomes a deletion, and a single one may lie above it: no error. */
    buffer_append_format(target, "  enforce_single_del_contracts=false\n");
    for (uint32_t i = 0; i < options->family_count; i++)
        put_family(target, &options->families[i]);
}
