/* inspect_directory.c - what a database directory holds, as its MANIFEST says: families, levels,
 * tables, logs, totals.  Takes no lock and writes nothing, so a server may be running on it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "cli/inspect_internal.h"
#include "io/file.h"
#include "version/version_set.h"

struct listed_file {
    enum file_kind kind;
    uint64_t number;
    char name[64];
};

struct listing {
    struct listed_file *files; /* owned array */
    size_t count, capacity;
};

static bool
add_name(void *owner, const char *name)
{
    struct listing *listing = owner;
    struct listed_file *file;

    if (strlen(name) >= sizeof(file->name))
        return true;
    if (listing->count == listing->capacity) {
        listing->capacity = listing->capacity == 0 ? 64 : listing->capacity * 2;
        listing->files = kv_realloc(listing->files, listing->capacity * sizeof(*file));
    }
    file = &listing->files[listing->count++];
    file->kind = file_name_parse(name, &file->number);
    (void)snprintf(file->name, sizeof(file->name), "%s", name);
    return true;
}

static int
compare_files(const void *left, const void *right)
{
    const struct listed_file *a = left, *b = right;

    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return strcmp(a->name, b->name);
}

static uint64_t
size_of(struct inspection *inspection, const char *name)
{
    char path[PATH_BYTES_MAX];
    struct io_request request = {.op = IO_STAT, .path = path};

    if (file_path(inspection->path, name, path, sizeof(path)) != KV_OK ||
        io_call(inspection->io, &request) != 0)
        return 0;
    return request.size_out;
}

/* All that is not a live table: the version prints those. */
static void
print_files(struct inspection *inspection)
{
    struct listing listing = {0};
    const int result = io_list_dir(inspection->io, inspection->path, add_name, &listing);

    if (result < 0) {
        complain("cannot list %s: %s", inspection->path, strerror(-result));
        inspect_note(inspection, kv_status_from_errno(result));
    }
    if (listing.count > 0)
        qsort(listing.files, listing.count, sizeof(listing.files[0]), compare_files);
    (void)printf("files:\n");
    for (size_t i = 0; i < listing.count; i++) {
        const struct listed_file *file = &listing.files[i];

        if (file->kind == FILE_OTHER)
            continue;
        (void)printf("  %s %" PRIu64 " bytes\n", file->name, size_of(inspection, file->name));
    }
    free(listing.files);
}

struct totals {
    uint64_t table_count, bytes;
};

static void
print_level(struct inspection *inspection, const struct version *version, uint32_t index,
            struct totals *totals)
{
    const struct version_level *level = &version->levels[index];
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < level->count; i++)
        bytes += level->files[i]->meta.bytes;
    if (level->count > 0)
        (void)printf("  level %u: %u tables, %" PRIu64 " bytes\n", index, level->count, bytes);
    for (uint32_t i = 0; i < level->count; i++) {
        const struct table_meta *meta = &level->files[i]->meta;

        (void)printf("    %06" PRIu64 ".sst %" PRIu64 " bytes, sequences %" PRIu64 " to %" PRIu64
                     ", ",
                     meta->number, meta->bytes, meta->seq_smallest, meta->seq_largest);
        inspect_key(inspection, buffer_slice(&meta->smallest));
        (void)printf(" .. ");
        inspect_key(inspection, buffer_slice(&meta->largest));
        (void)putchar('\n');
    }
    totals->table_count += level->count;
    totals->bytes += bytes;
}

static void
print_families(struct inspection *inspection, struct version_set *set)
{
    const struct column_family *family;
    struct totals totals = {0};

    for (uint32_t i = 0; (family = version_set_family_at(set, i)) != NULL; i++) {
        (void)printf("column family %u ", family->id);
        inspect_bytes(inspection, slice_from_text(family->name));
        (void)printf(", log number %" PRIu64 "\n", family->log_number);
        for (uint32_t level = 0; level < LEVEL_COUNT; level++)
            print_level(inspection, family->current, level, &totals);
    }
    (void)printf("total: %" PRIu64 " tables, %" PRIu64 " bytes\n", totals.table_count,
                 totals.bytes);
}

void
inspect_directory(struct inspection *inspection)
{
    const struct version_set_options options = {
        .io = inspection->io, .dir = inspection->path, .read_only = true};
    struct version_set *set = NULL;
    enum kv_status st;

    (void)printf("directory %s\n", inspection->path);
    print_files(inspection);
    st = version_set_open(&options, &set);
    if (st == KV_OK) {
        (void)printf("database id ");
        inspect_bytes(inspection, slice_from_text(version_set_db_id(set)));
        (void)printf(", last sequence in the MANIFEST %" PRIu64 "\n", version_set_last_seq(set));
        print_families(inspection, set);
    } else if (exit_code_of(st) == EXIT_DAMAGE) {
        inspect_damage(inspection, "the database cannot be opened: %s", kv_status_text(st));
    }
    inspect_note(inspection, st);
    version_set_close(set);
}
