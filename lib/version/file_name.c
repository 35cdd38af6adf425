/* RocksDB deletes what it can parse and does not need, and so do we; hence the parser is strict:
 * a name that is not exactly one of the known forms is FILE_OTHER and stays untouched. */
#include "version/file_name.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "io/file.h"

enum { DIGIT_COUNT_MAX = 19 }; /* what 64 bits hold of any digits */

/* One or more decimal digits; `rest_out` is what follows them. */
static bool
parse_number(const char *text, uint64_t *number_out, const char **rest_out)
{
    uint64_t number = 0;
    const char *at = text;

    for (; *at >= '0' && *at <= '9' && at - text <= DIGIT_COUNT_MAX; at++)
        number = number * 10 + (uint64_t)(*at - '0');
    *number_out = number;
    *rest_out = at;
    return at != text && at - text <= DIGIT_COUNT_MAX && number <= FILE_NUMBER_MAX;
}

static enum file_kind
parse_suffix(const char *suffix)
{
    static const struct {
        const char *suffix;
        enum file_kind kind;
    } known[] = {
        {".log", FILE_WAL},   {".sst", FILE_TABLE},       {".ldb", FILE_TABLE},
        {".blob", FILE_BLOB}, {".dbtmp", FILE_TEMPORARY},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(suffix, known[i].suffix) == 0)
            return known[i].kind;
    }
    return FILE_OTHER;
}

/* LOG and LOG.old.<time>. */
static bool
is_info_log(const char *name)
{
    static const char old[] = "LOG.old.";
    const char *rest;
    uint64_t time_us;

    if (strcmp(name, "LOG") == 0)
        return true;
    return strncmp(name, old, sizeof(old) - 1) == 0 &&
           parse_number(name + sizeof(old) - 1, &time_us, &rest) && *rest == '\0';
}

static enum file_kind
parse_without_number(const char *name)
{
    if (strcmp(name, "CURRENT") == 0)
        return FILE_CURRENT;
    if (strcmp(name, "LOCK") == 0)
        return FILE_LOCK;
    if (strcmp(name, "IDENTITY") == 0)
        return FILE_IDENTITY;
    return is_info_log(name) ? FILE_INFO_LOG : FILE_OTHER;
}

static enum file_kind
parse_with_number(const char *name, uint64_t *number_out)
{
    static const char manifest[] = "MANIFEST-";
    static const char options[] = "OPTIONS-";
    const char *rest;

    if (strncmp(name, manifest, sizeof(manifest) - 1) == 0) {
        if (parse_number(name + sizeof(manifest) - 1, number_out, &rest) && *rest == '\0')
            return FILE_MANIFEST;
        return FILE_OTHER;
    }
    if (strncmp(name, options, sizeof(options) - 1) == 0) {
        if (!parse_number(name + sizeof(options) - 1, number_out, &rest))
            return FILE_OTHER;
        if (*rest == '\0')
            return FILE_OPTIONS;
        return strcmp(rest, ".dbtmp") == 0 ? FILE_TEMPORARY : FILE_OTHER;
    }
    return parse_number(name, number_out, &rest) ? parse_suffix(rest) : FILE_OTHER;
}

enum file_kind
file_name_parse(const char *name, uint64_t *number_out)
{
    enum file_kind kind;

    KV_ASSERT(name != NULL);
    *number_out = 0;
    kind = parse_without_number(name);
    if (kind == FILE_OTHER)
        kind = parse_with_number(name, number_out);
    if (kind == FILE_OTHER)
        *number_out = 0;
    return kind;
}

void
file_name_format(char *target, const char *dir, enum file_kind kind, uint64_t number)
{
    static const char *const formats[] = {
        [FILE_WAL] = "%s/%06" PRIu64 ".log",
        [FILE_TABLE] = "%s/%06" PRIu64 ".sst",
        [FILE_BLOB] = "%s/%06" PRIu64 ".blob",
        [FILE_MANIFEST] = "%s/MANIFEST-%06" PRIu64,
        [FILE_OPTIONS] = "%s/OPTIONS-%06" PRIu64,
        [FILE_TEMPORARY] = "%s/%06" PRIu64 ".dbtmp",
        [FILE_CURRENT] = "%s/CURRENT",
        [FILE_LOCK] = "%s/LOCK",
        [FILE_IDENTITY] = "%s/IDENTITY",
        [FILE_INFO_LOG] = "%s/LOG",
    };
    int size;

    KV_ASSERT(kind > FILE_OTHER && kind <= FILE_INFO_LOG);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
    size = snprintf(target, PATH_BYTES_MAX, formats[kind], dir, number);
#pragma GCC diagnostic pop
    KV_ASSERT(size > 0 && size < PATH_BYTES_MAX);
}
