/* config.c - the table of settings, and values to and from text.
 *
 * Each row says where its value lies in struct config, so reading, printing, copying and
 * comparing are loops over the table, and a new setting is one row and one member.  Error texts
 * are Redis's, since CONFIG SET shows them.
 */
#include "daemon/config.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/log.h"
#include "daemon/key_event_flags.h"
#include "db/db.h"
#include "resp/resp_number.h"
#include "sst/compression.h"

enum kind {
    KIND_TEXT,
    KIND_SIZE,   /* bytes */
    KIND_TIME,   /* kept in microseconds; `unit_us` is what a bare number means */
    KIND_INT,    /* a number, or one of `names` */
    KIND_OCTAL,  /* a file mode */
    KIND_NAME,   /* one of `names` */
    KIND_EVENTS, /* letters, each for a bit */
    KIND_LEVELS, /* compressions of levels, as level_compressions.h packs them; 0: auto */
};

/* A word that stands for a number. */
struct name {
    const char *text; /* NULL ends a list */
    uint64_t value;
};

struct row {
    struct config_option option;
    enum kind kind;
    size_t offset; /* in struct config: of a char * for KIND_TEXT, of a uint64_t else */
    uint64_t min, max;
    uint64_t unit_us;
    const struct name *names;
};

#define SECOND_US UINT64_C(1000000)
#define DAY_S     UINT64_C(86400)
#define KIB       UINT64_C(1024)
#define MIB       (1024 * KIB)
#define GIB       (1024 * MIB)
#define TIB       (1024 * GIB)

static const struct name bool_names[] = {{"yes", 1}, {"no", 0}, {NULL, 0}};
static const struct name sync_names[] = {
    {"always", WAL_SYNC_ALWAYS}, {"interval", WAL_SYNC_INTERVAL}, {"never", WAL_SYNC_NEVER}, {0}};
static const struct name recovery_names[] = {
    {"point-in-time", WAL_POINT_IN_TIME},
    {"tolerate-corrupted-tail", WAL_TOLERATE_CORRUPTED_TAIL},
    {"absolute-consistency", WAL_ABSOLUTE_CONSISTENCY},
    {"skip-any-corrupted", WAL_SKIP_ANY_CORRUPTED},
    {0},
};
static const struct name compression_names[] = {
    {"none", COMPRESSION_NONE},
    {"snappy", COMPRESSION_SNAPPY},
    {"zlib", COMPRESSION_ZLIB},
    {"lz4", COMPRESSION_LZ4},
    {"lz4hc", COMPRESSION_LZ4HC},
    {"zstd", COMPRESSION_ZSTD},
    {0},
};
static const struct name style_names[] = {
    {"auto", 0},
    {"leveled", 1 + COMPACTION_LEVELED},
    {"universal", 1 + COMPACTION_UNIVERSAL},
    {"fifo", 1 + COMPACTION_FIFO},
    {"none", 1 + COMPACTION_OFF},
    {0},
};
static const struct name bottommost_names[] = {
    {"auto", 0},
    {"none", 1 + COMPRESSION_NONE},
    {"snappy", 1 + COMPRESSION_SNAPPY},
    {"zlib", 1 + COMPRESSION_ZLIB},
    {"lz4", 1 + COMPRESSION_LZ4},
    {"lz4hc", 1 + COMPRESSION_LZ4HC},
    {"zstd", 1 + COMPRESSION_ZSTD},
    {0},
};
static const struct name auto_names[] = {{"auto", 0}, {0}};
static const struct name never_names[] = {{"-1", UINT64_MAX}, {0}};
static const struct name level_names[] = {
    {"debug", LOG_LEVEL_DEBUG},
    {"verbose", LOG_LEVEL_VERBOSE},
    {"notice", LOG_LEVEL_NOTICE},
    {"warning", LOG_LEVEL_WARNING},
    {0},
};
static const struct name worker_names[] = {{"external", CONFIG_WORKERS_EXTERNAL}, {0}};

#define AT(member) .offset = offsetof(struct config, member)
#define OPTION(name_, default_, mutable_, help_)                                                   \
    .option = {                                                                                    \
        .name = (name_), .default_text = (default_), .is_mutable = (mutable_), .help = (help_)}
#define TEXT(name, member, text, is_mutable, help)                                                 \
    {                                                                                              \
        OPTION(name, text, is_mutable, help), .kind = KIND_TEXT, AT(member)                        \
    }
#define SIZE(name, member, text, low, high, is_mutable, help)                                      \
    {                                                                                              \
        OPTION(name, text, is_mutable, help), .kind = KIND_SIZE, AT(member), .min = (low),         \
                                              .max = (high)                                        \
    }
#define TIME(name, member, text, bare_us, low_us, high_us, is_mutable, help)                       \
    {                                                                                              \
        OPTION(name, text, is_mutable, help), .kind = KIND_TIME, AT(member), .min = (low_us),      \
                                              .max = (high_us), .unit_us = (bare_us)               \
    }
#define INT(name, member, text, low, high, list, is_mutable, help)                                 \
    {                                                                                              \
        OPTION(name, text, is_mutable, help), .kind = KIND_INT, AT(member), .min = (low),          \
                                              .max = (high), .names = (list)                       \
    }
#define NAME(name, member, text, list, is_mutable, help)                                           \
    {                                                                                              \
        OPTION(name, text, is_mutable, help), .kind = KIND_NAME, AT(member), .names = (list)       \
    }

static const struct row rows[] = {
    TEXT("dir", dir, "kvd-data", false, "the data directory; made when it is missing"),
    INT("port", port, "7379", 0, 65535, NULL, false, "TCP port; 0: no TCP"),
    TEXT("bind", bind, "127.0.0.1 -::1", false,
         "addresses to listen on; * and ::* are all; a leading - forgives a missing one"),
    TEXT("unixsocket", unixsocket, "", false, "path of a Unix socket to listen on"),
    {OPTION("unixsocketperm", "0660", false, "its mode, in octal"), .kind = KIND_OCTAL,
     AT(unixsocketperm), .max = 0777},
    {.option = {.name = "requirepass",
                .default_text = "",
                .is_mutable = true,
                .is_secret = true,
                .help = "the password that clients must AUTH with"},
     .kind = KIND_TEXT,
     AT(requirepass)},
    NAME("protected-mode", protected_mode, "yes", bool_names, true,
         "without a password, serve this machine only"),
    INT("maxclients", maxclients, "10000", 1, 1000000, NULL, true,
        "connections at a time; lowered to what the descriptor limit allows"),
    TIME("timeout", timeout_us, "0", SECOND_US, 0, 365 * DAY_S * SECOND_US, true,
         "close a client that is idle for so long (bare number: seconds); 0: never"),
    TIME("tcp-keepalive", tcp_keepalive_us, "300", SECOND_US, 0, DAY_S *SECOND_US, true,
         "probe silent peers after this time (bare number: seconds); 0: never"),
    INT("tcp-backlog", tcp_backlog, "511", 1, 65535, NULL, false,
        "connections that the kernel queues"),
    SIZE("memory-limit", memory_limit_bytes, "512mb", 16 * MIB, 64 * TIB, true,
         "memory for memtables, block cache and table readers"),
    SIZE("memtable-size", memtable_bytes, "64mb", MEMTABLE_BYTES_MIN, 4 * GIB, true,
         "a memtable is flushed at this size"),
    NAME("wal-sync", wal_sync, "always", sync_names, true,
         "always: a reply means durable; interval, never: the newest writes may be lost"),
    TIME("wal-sync-interval", wal_sync_interval_us, "1s", 1000, 1000, 3600 * SECOND_US, true,
         "for wal-sync interval (bare number: milliseconds)"),
    SIZE("wal-max-size", wal_max_bytes, "256mb", MIB, TIB, false,
         "a memtable is flushed when its log is this long"),
    NAME("wal-recovery-mode", wal_recovery_mode, "point-in-time", recovery_names, false,
         "what to do about a damaged log at start"),
    NAME("compression", compression, "lz4", compression_names, false, "of the tables written"),
    {OPTION("compression-per-level", "auto", true,
            "of level 0 and the levels used below it: none:none:lz4:zstd; auto: as OPTIONS says"),
     .kind = KIND_LEVELS, AT(level_compressions), .names = auto_names},
    SIZE("block-size", block_bytes, "4kb", KIB, 4 * MIB, false, "a block of a table, raw"),
    TEXT("merge-library", merge_library, "", false,
         "a shared object with merge operators of one's own, for kvd and its workers"),
    TEXT("merge-operator", merge_operator, "", false,
         "what KV.MERGE does: uint64add, int64add, stringappend, max, min, put, bytesxor; once "
         "only"),
    INT("bloom-bits", bloom_bits, "10", 0, 64, NULL, false,
        "bits of filter for each key; 0: no filters"),
    NAME("direct-reads", direct_reads, "no", bool_names, false,
         "read blocks past the page cache: for tables that are much larger than memory"),
    INT("busy-poll", busy_poll_us, "0", 0, 1000, NULL, true,
        "microseconds that kvd looks for what comes next before it sleeps; 0: it sleeps at once"),
    NAME("compaction-style", compaction_style, "auto", style_names, true,
         "how tables are kept in shape; auto: as OPTIONS says, leveled if it is new"),
    INT("compaction-jobs", compaction_jobs, "auto", 1, 64, auto_names, true,
        "compactions at a time; auto: one fewer than workers"),
    INT("compaction-trigger", compaction_trigger, "auto", 1, 1000, auto_names, true,
        "tables in level 0 that start a compaction; universal: sorted runs; auto: as OPTIONS says"),
    SIZE("compaction-rate-limit", compaction_rate_bytes_per_s, "0", 0, TIB, true,
         "bytes a second that all compactions write; 0: no limit"),
    NAME("compaction-bottommost-compression", bottommost_compression, "auto", bottommost_names,
         true, "of tables below which nothing is; auto: as OPTIONS says, or compression"),
    SIZE("compaction-fifo-size", fifo_bytes_max, "0", 0, 1024 * TIB, true,
         "fifo: the oldest tables beyond this size are dropped; 0: as OPTIONS says"),
    TIME("compaction-ttl", table_ttl_us, "0", SECOND_US, 0, 36500 * DAY_S * SECOND_US, true,
         "fifo: older tables are dropped; leveled: they move on; 0: as OPTIONS says"),
    INT("workers", workers, "2", 1, 64, worker_names, false,
        "worker processes to start; external: others start them"),
    TEXT("worker-socket", worker_socket, "", false,
         "where external workers connect; default: worker.sock in the data directory"),
    TEXT("worker-path", worker_path, "", false, "the program; default: kvd-worker beside kvd"),
    NAME("worker-jail", worker_jail, "yes", bool_names, false,
         "workers confine themselves with Landlock and seccomp"),
    NAME("loglevel", loglevel, "notice", level_names, true, "the least that is logged"),
    SIZE("client-query-buffer-limit", query_buffer_bytes_max, "1gb", MIB, TIB, true,
         "a client with more unread input is closed"),
    SIZE("client-output-buffer-limit", output_buffer_bytes_max, "1gb", MIB, TIB, true,
         "a client with more unsent output is closed"),
    SIZE("client-output-buffer-limit-pubsub", push_buffer_bytes_max, "32mb", 16 * KIB, TIB, true,
         "a subscriber or monitor with more unsent output is closed"),
    SIZE("client-output-buffer-limit-pubsub-soft", push_buffer_soft_bytes, "8mb", 0, TIB, true,
         "one with more unsent output for client-output-buffer-limit-pubsub-time is closed"),
    TIME("client-output-buffer-limit-pubsub-time", push_buffer_soft_us, "60", SECOND_US, 0,
         DAY_S *SECOND_US, true, "see there (bare number: seconds)"),
    SIZE("proto-max-bulk-len", bulk_bytes_max, "512mb", MIB, VALUE_BYTES_MAX, true,
         "the longest argument"),
    INT("databases", databases, "16", 1, COLUMN_FAMILY_COUNT_MAX, NULL, false,
        "SELECT takes numbers below this"),
    INT("keys-max-results", keys_max_results, "100000", 1, UINT32_MAX, NULL, true,
        "KEYS says an error rather than return more"),
    INT("slowlog-log-slower-than", slowlog_us, "10000", 0, 3600 * SECOND_US, never_names, true,
        "microseconds, waits included, from which SLOWLOG keeps a command; -1: never"),
    INT("slowlog-max-len", slowlog_length_max, "128", 0, SLOWLOG_LENGTH_MAX, NULL, true,
        "commands that SLOWLOG keeps"),
    {OPTION("notify-keyspace-events", "", true,
            "which events of keys are published, as letters of Redis's: KEA; none by default"),
     .kind = KIND_EVENTS, AT(notify_events)},
    TIME("latency-monitor-threshold", latency_threshold_us, "0", 1000, 0, 3600 * SECOND_US, true,
         "what takes so long is kept for LATENCY (bare number: milliseconds); 0: nothing is"),
    NAME("latency-tracking", latency_tracking, "yes", bool_names, true,
         "how long commands take is counted for LATENCY HISTOGRAM and INFO latencystats"),
    INT("snapshots-max", snapshots_max, "64", 0, 1000, NULL, true,
        "snapshots that clients may hold at a time (KV.SNAPSHOT)"),
    TIME("snapshot-age-max", snapshot_age_max_us, "1d", SECOND_US, SECOND_US,
         3650 * DAY_S * SECOND_US, true, "the oldest that a snapshot may become"),
    INT("checkpoints-kept", checkpoints_kept, "1", 1, 1000, NULL, true,
        "of the checkpoints that SAVE and BGSAVE make, the newest so many are kept"),
};

enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]) };
static_assert((int)ROW_COUNT <= (int)CONFIG_OPTION_COUNT_MAX,
              "struct config has a source for each setting");

static char **
text_at(const struct config *config, const struct row *row)
{
    KV_ASSERT(row->kind == KIND_TEXT);
    return (char **)((char *)(uintptr_t)config + row->offset);
}

static uint64_t *
number_at(const struct config *config, const struct row *row)
{
    KV_ASSERT(row->kind != KIND_TEXT);
    return (uint64_t *)(void *)((char *)(uintptr_t)config + row->offset);
}

const struct config_option *
config_option_at(uint32_t index)
{
    return index < ROW_COUNT ? &rows[index].option : NULL;
}

int
config_option_find(struct slice name)
{
    for (int i = 0; i < ROW_COUNT; i++) {
        if (strlen(rows[i].option.name) == name.size &&
            strncasecmp(rows[i].option.name, (const char *)name.data, name.size) == 0)
            return i;
    }
    return -1;
}

void
config_init(struct config *config)
{
    char error[CONFIG_ERROR_BYTES];

    memset(config, 0, sizeof(*config));
    for (uint32_t i = 0; i < ROW_COUNT; i++) {
        const struct slice text = slice_from_text(rows[i].option.default_text);
        const bool is_valid = config_set(config, i, text, CONFIG_FROM_DEFAULT, error);

        KV_ASSERT(is_valid);
    }
}

void
config_deinit(struct config *config)
{
    for (uint32_t i = 0; i < ROW_COUNT; i++) {
        if (rows[i].kind != KIND_TEXT)
            continue;
        if (rows[i].option.is_secret && *text_at(config, &rows[i]) != NULL)
            explicit_bzero(*text_at(config, &rows[i]), strlen(*text_at(config, &rows[i])));
        free(*text_at(config, &rows[i]));
    }
    free(config->file);
    memset(config, 0, sizeof(*config));
}

static char *
copy_text(const char *text, size_t size)
{
    char *copy = kv_alloc(size + 1);

    memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}

void
config_copy(struct config *target, const struct config *source)
{
    KV_ASSERT(target != source);
    config_deinit(target);
    *target = *source;
    for (uint32_t i = 0; i < ROW_COUNT; i++) {
        if (rows[i].kind == KIND_TEXT) {
            const char *text = *text_at(source, &rows[i]);

            *text_at(target, &rows[i]) = copy_text(text, strlen(text));
        }
    }
    if (source->file != NULL)
        target->file = copy_text(source->file, strlen(source->file));
}

/* Digits, then a unit from the list, whose value is its factor.  False: not a number, an unknown
 * unit or too big. */
static bool
parse_scaled(const char *text, const struct name *units, uint64_t *value_out)
{
    uint64_t number = 0;
    const char *unit = text;

    if (!isdigit((unsigned char)*unit))
        return false;
    for (; isdigit((unsigned char)*unit); unit++) {
        if (__builtin_mul_overflow(number, UINT64_C(10), &number) ||
            __builtin_add_overflow(number, (uint64_t)(*unit - '0'), &number))
            return false;
    }
    for (; units->text != NULL; units++) {
        if (strcasecmp(unit, units->text) == 0)
            return !__builtin_mul_overflow(number, units->value, value_out);
    }
    return false;
}

static bool
parse_size(const char *text, uint64_t *value_out)
{
    static const struct name units[] = {
        {"", 1},     {"b", 1},          {"k", 1000}, {"kb", KIB},          {"m", 1000000},
        {"mb", MIB}, {"g", 1000000000}, {"gb", GIB}, {"t", 1000000000000}, {"tb", TIB},
        {NULL, 0},
    };

    return parse_scaled(text, units, value_out);
}

static bool
parse_time(const char *text, uint64_t bare_us, uint64_t *value_out)
{
    const struct name units[] = {
        {"", bare_us},
        {"us", 1},
        {"ms", 1000},
        {"s", SECOND_US},
        {"m", 60 * SECOND_US},
        {"h", 3600 * SECOND_US},
        {"d", DAY_S * SECOND_US},
        {NULL, 0},
    };

    return parse_scaled(text, units, value_out);
}

static bool
parse_name(const char *text, const struct name *names, uint64_t *value_out)
{
    for (; names != NULL && names->text != NULL; names++) {
        if (strcasecmp(text, names->text) == 0) {
            *value_out = names->value;
            return true;
        }
    }
    return false;
}

static bool
parse_octal(const char *text, uint64_t *value_out)
{
    uint64_t value = 0;

    if (*text == '\0' || strlen(text) > 6)
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '7')
            return false;
        value = value * 8 + (uint64_t)(*text - '0');
    }
    *value_out = value;
    return true;
}

/* What Redis says about a value of this kind that it cannot read. */
static void
explain(const struct row *row, char *error)
{
    size_t size = 0;

    switch (row->kind) {
    case KIND_SIZE:
        (void)snprintf(error, CONFIG_ERROR_BYTES, "argument must be a memory value");
        return;
    case KIND_TIME:
        (void)snprintf(error, CONFIG_ERROR_BYTES,
                       "argument must be a time such as 30s, 100ms or a number");
        return;
    case KIND_NAME:
        if (row->names == bool_names) {
            (void)snprintf(error, CONFIG_ERROR_BYTES, "argument must be 'yes' or 'no'");
            return;
        }
        size = (size_t)snprintf(error, CONFIG_ERROR_BYTES,
                                "argument(s) must be one of the following: ");
        for (const struct name *name = row->names; name->text != NULL; name++)
            size += (size_t)snprintf(error + size, CONFIG_ERROR_BYTES - size, "%s%s", name->text,
                                     name[1].text == NULL ? "" : ", ");
        return;
    case KIND_EVENTS:
        (void)snprintf(error, CONFIG_ERROR_BYTES,
                       "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
        return;
    case KIND_LEVELS:
        (void)snprintf(error, CONFIG_ERROR_BYTES,
                       "argument must be up to %d of none, snappy, zlib, lz4, lz4hc, zstd with "
                       "colons between, or auto",
                       LEVEL_COUNT);
        return;
    case KIND_OCTAL:
        (void)snprintf(error, CONFIG_ERROR_BYTES, "argument must be an octal file mode up to 0777");
        return;
    default:
        (void)snprintf(error, CONFIG_ERROR_BYTES, "argument couldn't be parsed into an integer");
        return;
    }
}

static bool
parse_number(const struct row *row, const char *text, uint64_t *value_out, char *error)
{
    uint64_t value = 0;
    int64_t whole = 0;
    bool is_read;

    if (parse_name(text, row->names, value_out))
        return true;
    if (row->kind == KIND_EVENTS || row->kind == KIND_LEVELS) {
        if (row->kind == KIND_EVENTS ? key_event_flags_parse(text, value_out)
                                     : level_compressions_parse(slice_from_text(text), value_out))
            return true;
        explain(row, error);
        return false;
    }
    if (row->kind == KIND_SIZE) {
        is_read = parse_size(text, &value);
    } else if (row->kind == KIND_TIME) {
        is_read = parse_time(text, row->unit_us, &value);
    } else if (row->kind == KIND_OCTAL) {
        is_read = parse_octal(text, &value);
    } else {
        is_read = row->kind == KIND_INT && resp_parse_int64(slice_from_text(text), &whole);
        value = whole < 0 ? UINT64_MAX : (uint64_t)whole;
    }
    if (!is_read) {
        explain(row, error);
        return false;
    }
    if (value < row->min || value > row->max) {
        const uint64_t unit = row->kind == KIND_TIME ? row->unit_us : 1;

        (void)snprintf(
            error, CONFIG_ERROR_BYTES, "argument must be between %llu and %llu inclusive",
            (unsigned long long)(row->min / unit), (unsigned long long)(row->max / unit));
        return false;
    }
    *value_out = value;
    return true;
}

bool
config_set(struct config *config, uint32_t index, struct slice text, enum config_source source,
           char *error)
{
    const struct row *row = &rows[index];
    char *copy;

    KV_ASSERT(index < ROW_COUNT);
    KV_ASSERT(text.data != NULL);
    if (memchr(text.data, '\0', text.size) != NULL) {
        (void)snprintf(error, CONFIG_ERROR_BYTES, "argument must not contain a zero byte");
        return false;
    }
    copy = copy_text((const char *)text.data, text.size);
    if (row->kind == KIND_TEXT) {
        free(*text_at(config, row));
        *text_at(config, row) = copy;
    } else {
        const bool is_valid = parse_number(row, copy, number_at(config, row), error);

        free(copy);
        if (!is_valid)
            return false;
    }
    config->source[index] = source;
    return true;
}

void
config_format(const struct config *config, uint32_t index, struct buffer *target)
{
    const struct row *row = &rows[index];
    uint64_t value;

    KV_ASSERT(index < ROW_COUNT);
    if (row->kind == KIND_TEXT) {
        buffer_append_slice(target, slice_from_text(*text_at(config, row)));
        return;
    }
    value = *number_at(config, row);
    for (const struct name *name = row->names; name != NULL && name->text != NULL; name++) {
        if (name->value == value) {
            buffer_append_slice(target, slice_from_text(name->text));
            return;
        }
    }
    if (row->kind == KIND_EVENTS)
        key_event_flags_format(value, target);
    else if (row->kind == KIND_LEVELS)
        level_compressions_format(value, target);
    else if (row->kind == KIND_OCTAL)
        buffer_append_format(target, "0%llo", (unsigned long long)value);
    else if (row->kind != KIND_TIME)
        buffer_append_format(target, "%llu", (unsigned long long)value);
    else if (value % row->unit_us == 0)
        buffer_append_format(target, "%llu", (unsigned long long)(value / row->unit_us));
    else if (value % 1000 == 0)
        buffer_append_format(target, "%llums", (unsigned long long)(value / 1000));
    else
        buffer_append_format(target, "%lluus", (unsigned long long)value);
}

bool
config_differs(const struct config *a, const struct config *b, uint32_t index)
{
    const struct row *row = &rows[index];

    KV_ASSERT(index < ROW_COUNT);
    if (row->kind == KIND_TEXT)
        return strcmp(*text_at(a, row), *text_at(b, row)) != 0;
    return *number_at(a, row) != *number_at(b, row);
}
