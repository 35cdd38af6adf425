/* inspect.c - which kind of file, and how bytes are shown. */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "cli/escape.h"
#include "cli/inspect_internal.h"
#include "io/file.h"
#include "io/io_blocking.h"
#include "sst/sst_format.h"
#include "version/options_file.h"

enum { SHOWN_BYTES_MAX = 100, TEXT_BYTES_MAX = 64 * 1024 * 1024 };

bool
inspect_open(struct inspection *inspection, struct inspected_file *file)
{
    const char *slash = strrchr(inspection->path, '/');
    enum kv_status st;

    *file = (struct inspected_file){.fd = -1};
    (void)file_name_parse(slash == NULL ? inspection->path : slash + 1, &file->number);
    st = file_open(inspection->io, inspection->path, O_RDONLY | O_CLOEXEC, &file->fd);
    if (st == KV_OK)
        st = file_size(inspection->io, file->fd, &file->bytes);
    if (st == KV_OK)
        return true;
    file_close(inspection->io, file->fd);
    file->fd = -1;
    inspect_note(inspection, st);
    return false;
}

void
inspect_note(struct inspection *inspection, enum kv_status st)
{
    const enum exit_code code = exit_code_of(st);

    /* Damage is what the caller asked about; whatever else went wrong comes second. */
    if (inspection->code != EXIT_DAMAGE && code != EXIT_OK)
        inspection->code = code;
}

void
inspect_damage(struct inspection *inspection, const char *format, ...)
{
    va_list args;

    (void)fputs("DAMAGE: ", stdout);
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    (void)putchar('\n');
    inspection->code = EXIT_DAMAGE;
}

void
inspect_bytes(struct inspection *inspection, struct slice bytes)
{
    const bool is_cut = !inspection->whole && bytes.size > SHOWN_BYTES_MAX;
    const struct slice shown = slice_of(bytes.data, is_cut ? SHOWN_BYTES_MAX : bytes.size);

    buffer_clear(&inspection->text);
    if (inspection->hex)
        escape_append_hex(&inspection->text, shown);
    else
        escape_append_quoted(&inspection->text, shown);
    if (inspection->text.size > 0)
        (void)fwrite(inspection->text.data, 1, inspection->text.size, stdout);
    if (is_cut)
        (void)printf("... (%zu bytes)", bytes.size);
}

const char *
inspect_type_name(enum value_type type)
{
    switch (type) {
    case TYPE_DELETION:
        return "delete";
    case TYPE_VALUE:
        return "put";
    case TYPE_MERGE:
        return "merge";
    case TYPE_SINGLE_DELETION:
        return "single-delete";
    case TYPE_RANGE_DELETION:
        return "delete-range";
    case TYPE_BLOB_INDEX:
        return "blob-index";
    case TYPE_ENTITY:
        return "entity";
    }
    return "unknown";
}

/* A MANIFEST's bounds may end in types that stand in no table. */
void
inspect_key(struct inspection *inspection, struct slice encoded)
{
    uint64_t footer;

    if (encoded.size < KEY_FOOTER_BYTES) {
        inspect_bytes(inspection, encoded);
        (void)printf(" (no internal key)");
        return;
    }
    footer = internal_key_footer(encoded);
    inspect_bytes(inspection, internal_key_user(encoded));
    (void)printf("@%llu:%s", (unsigned long long)(footer >> 8),
                 inspect_type_name((enum value_type)(footer & 0xff)));
}

static void
print_text(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        const uint8_t byte = text.data[i];

        if (byte == '\n' || byte == '\t' || (byte >= 0x20 && byte < 0x7f))
            (void)putchar(byte);
        else
            (void)printf("\\x%02x", byte);
    }
    if (text.size > 0 && text.data[text.size - 1] != '\n')
        (void)putchar('\n');
}

/* "MANIFEST-<digits>\n" */
static bool
is_good_current(struct slice text)
{
    char name[64];
    uint64_t number;

    if (text.size == 0 || text.size > sizeof(name) || text.data[text.size - 1] != '\n')
        return false;
    memcpy(name, text.data, text.size);
    name[text.size - 1] = '\0';
    return strlen(name) == text.size - 1 && file_name_parse(name, &number) == FILE_MANIFEST;
}

void
inspect_text(struct inspection *inspection, enum file_kind kind)
{
    struct options_file options = {0};
    struct buffer content = {0};
    enum kv_status st = file_read_all(inspection->io, inspection->path, TEXT_BYTES_MAX, &content);

    if (st == KV_OK)
        print_text(buffer_slice(&content));
    if (st == KV_OK && kind == FILE_CURRENT && !is_good_current(buffer_slice(&content)))
        inspect_damage(inspection, "not MANIFEST-<number> and a newline");
    if (st == KV_OK && kind == FILE_OPTIONS) {
        st = options_file_parse(buffer_slice(&content), &options);
        options_file_deinit(&options);
    }
    inspect_note(inspection, st);
    buffer_deinit(&content);
}

/* A file that was renamed is known by its end, if it is a table. */
static enum file_kind
kind_by_content(struct inspection *inspection)
{
    struct inspected_file file;
    uint8_t magic[8];
    enum file_kind kind = FILE_OTHER;

    if (!inspect_open(inspection, &file))
        return FILE_OTHER;
    if (file.bytes >= FOOTER_BYTES &&
        file_read(inspection->io, file.fd, file.bytes - 8, magic, sizeof(magic)) == KV_OK &&
        load_fixed64(magic) == TABLE_MAGIC)
        kind = FILE_TABLE;
    file_close(inspection->io, file.fd);
    return kind;
}

static void
inspect_file(struct inspection *inspection)
{
    const char *slash = strrchr(inspection->path, '/');
    uint64_t number;
    enum file_kind kind = file_name_parse(slash == NULL ? inspection->path : slash + 1, &number);

    if (kind == FILE_OTHER || kind == FILE_TEMPORARY)
        kind = kind_by_content(inspection);
    switch (kind) {
    case FILE_WAL:
        inspect_log(inspection);
        return;
    case FILE_MANIFEST:
        inspect_manifest(inspection);
        return;
    case FILE_TABLE:
        inspect_table(inspection);
        return;
    case FILE_CURRENT:
    case FILE_IDENTITY:
    case FILE_OPTIONS:
    case FILE_INFO_LOG:
        inspect_text(inspection, kind);
        return;
    default:
        if (inspection->code != EXIT_OK)
            return;
        complain("%s: cannot tell what this is; name it as RocksDB does: NNNNNN.log, NNNNNN.sst, "
                 "MANIFEST-NNNNNN, OPTIONS-NNNNNN, CURRENT",
                 inspection->path);
        inspection->code = EXIT_USAGE;
    }
}

static bool
read_arguments(int argc, char **argv, struct inspection *inspection)
{
    static const struct option options[] = {
        {"entries", no_argument, NULL, 'e'},
        {"verify", no_argument, NULL, 'v'},
        {"whole", no_argument, NULL, 'w'},
        {"hex", no_argument, NULL, 'x'},
        {0},
    };
    int option;

    optind = 0;
    while ((option = getopt_long(argc, argv, "evwx", options, NULL)) != -1) {
        inspection->entries |= option == 'e';
        inspection->verify |= option == 'v';
        inspection->whole |= option == 'w';
        inspection->hex |= option == 'x';
        if (option == '?')
            return false;
    }
    if (optind + 1 != argc) {
        complain("usage: kvctl inspect [--entries] [--verify] [--whole] [--hex] FILE|DIR");
        return false;
    }
    inspection->path = argv[optind];
    return true;
}

enum exit_code
inspect_main(int argc, char **argv, bool hex)
{
    struct inspection inspection = {.hex = hex};
    struct stat info;

    KV_ASSERT(argc > 0);
    if (!read_arguments(argc, argv, &inspection))
        return EXIT_USAGE;
    if (strlen(inspection.path) + 64 > PATH_BYTES_MAX || stat(inspection.path, &info) != 0) {
        complain("%s: there is no such file", inspection.path);
        return EXIT_NO_INPUT;
    }
    if (!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode)) {
        complain("%s is neither a file nor a directory", inspection.path);
        return EXIT_NO_INPUT;
    }
    inspection.io = io_blocking_new();
    if (S_ISDIR(info.st_mode))
        inspect_directory(&inspection);
    else
        inspect_file(&inspection);
    io_blocking_free(inspection.io);
    buffer_deinit(&inspection.text);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        complain("cannot write to standard output");
        return EXIT_IO;
    }
    return inspection.code;
}
