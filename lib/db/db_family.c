/* db_family.c - the families that there are: what is known of each, and their numbers.
 *
 * A record is made when somebody first asks for one and goes with its family; who holds a
 * reference keeps it.  The array is in the order of the ids, as the version set's is.
 */
#include "db/db_family.h"

#include <string.h>

#include "base/alloc.h"
#include "base/id_array.h"
#include "base/log.h"
#include "db/family_record.h"

enum { SETTINGS_FILE_BYTES_MAX = 16 * 1024 * 1024 };

/* --- records --- */

struct db_family *
db_family_new(uint32_t cf_id, const char *name)
{
    struct db_family *family = kv_alloc_zero(sizeof(*family));

    KV_ASSERT(strlen(name) < sizeof(family->stored.name));
    family->id = cf_id;
    family->ref_count = 1;
    family->stored.compaction = compaction_options_default();
    strcpy(family->stored.name, name);
    return family;
}

void
db_family_unpin(struct db_family *family)
{
    if (family == NULL)
        return;
    KV_ASSERT(family->ref_count > 0);
    if (--family->ref_count == 0)
        free(family);
}

static uint32_t
position(const struct db *db, uint32_t cf_id)
{
    return id_array_position(db->families, db->family_count, cf_id);
}

static struct db_family *
find(const struct db *db, uint32_t cf_id)
{
    const uint32_t at = position(db, cf_id);

    return at < db->family_count && db->families[at]->id == cf_id ? db->families[at] : NULL;
}

void
db_family_add(struct db *db, struct db_family *family)
{
    const uint32_t at = position(db, family->id), count = db->family_count;

    KV_ASSERT(find(db, family->id) == NULL);
    db->families = kv_realloc(db->families, ((size_t)count + 1) * sizeof(db->families[0]));
    memmove(db->families + at + 1, db->families + at, (count - at) * sizeof(db->families[0]));
    db->families[at] = family;
    db->family_count++;
    db->family_generation++;
    db_family_sizes_change(db);
}

void
db_family_remove(struct db *db, uint32_t cf_id)
{
    const uint32_t at = position(db, cf_id);

    db->family_generation++;
    if (find(db, cf_id) == NULL)
        return; /* nobody has asked for it */
    db_family_unpin(db->families[at]);
    db->family_count--;
    memmove(db->families + at, db->families + at + 1,
            (db->family_count - at) * sizeof(db->families[0]));
    db_family_sizes_change(db);
}

struct db_family *
db_family_of(struct db *db, uint32_t cf_id)
{
    struct db_family *family = find(db, cf_id);
    const struct column_family *live;

    if (family != NULL)
        return family;
    live = version_set_family(db->versions, cf_id);
    KV_ASSERT(live != NULL);
    family = db_family_new(cf_id, live->name);
    db_family_add(db, family);
    return family;
}

struct db_family *
db_family_pin(struct db *db, uint32_t cf_id)
{
    struct db_family *family = db_family_of(db, cf_id);

    family->ref_count++;
    return family;
}

void
db_families_free(struct db *db)
{
    for (uint32_t i = 0; i < db->family_count; i++)
        db_family_unpin(db->families[i]);
    free(db->families);
    db->families = NULL;
    db->family_count = 0;
}

/* --- what was stored --- */

static const struct family_options *
find_stored(const struct options_file *file, const char *name, uint32_t expected)
{
    /* Both are usually in the same order. */
    if (expected < file->family_count && strcmp(file->families[expected].name, name) == 0)
        return &file->families[expected];
    for (uint32_t i = 0; i < file->family_count; i++) {
        if (strcmp(file->families[i].name, name) == 0)
            return &file->families[i];
    }
    return NULL;
}

/* Those of families that never came to be, or are gone, are passed over. */
static void
take_entry(struct db *db, const struct family_entry *entry)
{
    const struct column_family *live = version_set_family(db->versions, entry->id);
    struct db_family *family;

    if (live == NULL || strcmp(live->name, entry->name) != 0)
        return;
    family = db_family_of(db, entry->id);
    family->own = entry->settings;
    db_forget_wishes(family);
    /* A crash, or a tool that knows no OPTIONS, may have come between the two files. */
    if (family->stored.merge_operator[0] == '\0')
        memcpy(family->stored.merge_operator, entry->settings.merge_operator,
               sizeof(family->stored.merge_operator));
}

static enum kv_status
load_settings(struct db *db)
{
    struct family_entry *entries = NULL;
    char path[PATH_BYTES_MAX];
    uint32_t count = 0;
    bool exists;
    enum kv_status st = file_path(db->dir, FAMILY_SETTINGS_FILE, path, sizeof(path));

    if (st == KV_OK)
        st = file_exists(db->io, path, &exists);
    if (st != KV_OK || !exists)
        return st;
    st = file_read_all(db->io, path, SETTINGS_FILE_BYTES_MAX, &db->family_file);
    if (st == KV_OK)
        st = family_file_parse(buffer_slice(&db->family_file), &entries, &count);
    for (uint32_t i = 0; i < count && st == KV_OK; i++)
        take_entry(db, &entries[i]);
    free(entries);
    db_family_sizes_change(db);
    if (st != KV_OK)
        kv_log(LOG_LEVEL_WARNING,
               "%s cannot be used (%s): repair it, or remove it, and the families are as kvd's "
               "settings and OPTIONS say",
               path, kv_status_text(st));
    return st;
}

enum kv_status
db_families_load(struct db *db, const struct options_file *file)
{
    const struct column_family *live;

    for (uint32_t i = 0; (live = version_set_family_at(db->versions, i)) != NULL; i++) {
        const struct family_options *stored = find_stored(file, live->name, i);
        struct db_family *family = db_family_of(db, live->id);

        if (stored != NULL)
            family->stored = *stored;
    }
    return load_settings(db);
}

/* --- for everybody --- */

uint64_t
db_family_generation(const struct db *db)
{
    return db->family_generation;
}

bool
db_has_family(struct db *db, uint32_t cf_id)
{
    return version_set_family(db->versions, cf_id) != NULL;
}

const char *
db_family_name(struct db *db, uint32_t cf_id)
{
    const struct column_family *family = version_set_family(db->versions, cf_id);

    return family != NULL ? family->name : "";
}

const struct family_settings *
db_family_own_settings(struct db *db, uint32_t cf_id)
{
    return &db_family_of(db, cf_id)->own;
}

struct family_options
db_family_effective(struct db *db, uint32_t cf_id)
{
    return db_effective_options(db, db_family_of(db, cf_id));
}

static uint64_t
count_entries(const struct memtable *memtable, uint32_t cf_id)
{
    struct memtable_family found;

    return memtable_find_family(memtable, cf_id, &found)
               ? found.entry_count + found.range_tombstone_count
               : 0;
}

bool
db_family_get_stats(struct db *db, uint32_t cf_id, struct db_family_stats *stats)
{
    const struct column_family *family = version_set_family(db->versions, cf_id);

    *stats = (struct db_family_stats){0};
    if (family == NULL)
        return false;
    stats->key_count_estimate = db_key_count_estimate(db, cf_id);
    stats->memtable_entry_count = count_entries(db->active, cf_id);
    for (struct list *node = db->frozen.next; node != &db->frozen; node = node->next)
        stats->memtable_entry_count +=
            count_entries(LIST_ENTRY(node, struct frozen, link)->memtable, cf_id);
    for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
        const struct version_level *files = &family->current->levels[level];

        stats->level_table_count[level] = files->count;
        stats->table_count += files->count;
        for (uint32_t i = 0; i < files->count; i++)
            stats->level_bytes[level] += files->files[i]->meta.bytes;
        stats->table_bytes += stats->level_bytes[level];
    }
    stats->log_number = family->log_number;
    return true;
}
