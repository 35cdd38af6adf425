/* Every file that nothing names goes at open: a crash between a switch and an unlink must not
 * leak files for ever.  What may go is decided by kind and number; a name that is not RocksDB's
 * is never touched.  The directory is listed first and changed afterwards. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "version/file_name.h"
#include "version/version_set_internal.h"

struct purge {
    const struct version_set *set;
    struct buffer names; /* owned: names to delete, each with its zero */
    uint64_t *live;      /* owned: table numbers, ascending */
    size_t live_count;
    uint64_t min_log;
    uint64_t options_numbers[2]; /* the two newest */
    bool only_tables;
};

static int
compare_numbers(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

static void
collect_live(struct version_set *set, struct purge *purge)
{
    size_t count = 0;

    for (uint32_t f = 0; f < set->family_count; f++) {
        for (uint32_t level = 0; level < LEVEL_COUNT; level++)
            count += set->families[f]->current->levels[level].count;
    }
    purge->live = kv_alloc((count + 1) * sizeof(purge->live[0]));
    for (uint32_t f = 0; f < set->family_count; f++) {
        for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
            const struct version_level *files = &set->families[f]->current->levels[level];

            for (uint32_t i = 0; i < files->count; i++)
                purge->live[purge->live_count++] = files->files[i]->meta.number;
        }
    }
    KV_ASSERT(purge->live_count == count);
    qsort(purge->live, count, sizeof(purge->live[0]), compare_numbers);
}

static bool
note_options(void *owner, const char *name)
{
    struct purge *purge = owner;
    uint64_t number;

    if (file_name_parse(name, &number) != FILE_OPTIONS)
        return true;
    if (number > purge->options_numbers[0]) {
        purge->options_numbers[1] = purge->options_numbers[0];
        purge->options_numbers[0] = number;
    } else if (number > purge->options_numbers[1]) {
        purge->options_numbers[1] = number;
    }
    return true;
}

static bool
is_needed(const struct purge *purge, enum file_kind kind, uint64_t number)
{
    if (purge->only_tables && kind != FILE_TABLE)
        return true;
    switch (kind) {
    case FILE_WAL:
        return number >= purge->min_log;
    case FILE_TABLE:
        return bsearch(&number, purge->live, purge->live_count, sizeof(number), compare_numbers) !=
               NULL;
    case FILE_MANIFEST:
        return number == purge->set->manifest.number;
    case FILE_OPTIONS:
        return number >= purge->options_numbers[1];
    case FILE_TEMPORARY:
        return false;
    default:
        return true;
    }
}

static bool
note_unneeded(void *owner, const char *name)
{
    struct purge *purge = owner;
    uint64_t number;
    const enum file_kind kind = file_name_parse(name, &number);

    if (!is_needed(purge, kind, number))
        buffer_append(&purge->names, name, strlen(name) + 1);
    return true;
}

static void
delete_noted(struct version_set *set, const struct purge *purge)
{
    const char *name = (const char *)purge->names.data;
    const char *end = name + purge->names.size;
    char path[PATH_BYTES_MAX];

    for (; name != end; name += strlen(name) + 1) {
        KV_ASSERT(strlen(name) < DIR_ROOM_BYTES);
        strcpy(path, set->dir);
        strcat(path, "/");
        strcat(path, name);
        if (file_unlink(set->io, path) == KV_OK)
            kv_log(LOG_LEVEL_VERBOSE, "%s: nothing names it any more, deleted", path);
    }
}

static void
delete_unneeded(struct version_set *set, struct purge *purge)
{
    const int result = io_list_dir(set->io, set->dir, note_unneeded, purge);

    if (result == 0 && purge->names.size > 0)
        delete_noted(set, purge);
    if (result < 0)
        kv_log(LOG_LEVEL_WARNING, "cannot list %s to delete old files: %s", set->dir,
               strerror(-result));
    buffer_deinit(&purge->names);
    free(purge->live);
}

void
version_set_purge_unborn(struct version_set *set)
{
    const size_t count = set->named.size / sizeof(uint64_t);
    struct purge purge = {.set = set, .live_count = count, .only_tables = true};

    KV_ASSERT(!set->read_only && !set->started);
    purge.live = kv_alloc((count + 1) * sizeof(purge.live[0]));
    if (count > 0)
        memcpy(purge.live, set->named.data, count * sizeof(purge.live[0]));
    qsort(purge.live, count, sizeof(purge.live[0]), compare_numbers);
    delete_unneeded(set, &purge);
}

void
version_set_purge(struct version_set *set)
{
    struct purge purge = {.set = set, .min_log = version_set_min_log(set)};

    KV_ASSERT(!set->read_only && set->manifest.number != 0);
    if (io_list_dir(set->io, set->dir, note_options, &purge) < 0)
        purge.options_numbers[1] = 0; /* delete_unneeded will say why */
    collect_live(set, &purge);
    delete_unneeded(set, &purge);
}
