/* db_family_size.c - families that want less in memory than a memtable holds.
 *
 * All families share the memtable, so one that has reached its own size has all of them flushed.
 * Only what families with a size of their own write is counted, by the bytes of keys and values
 * with what an entry takes besides, and from freeze to freeze: a rollback gives nothing back, which
 * at worst flushes too soon.
 */
#include "db/family_record.h"

enum { ENTRY_BYTES = 32 };

uint64_t
db_family_memtable_bytes(const struct db *db, const struct db_family *family)
{
    const struct family_settings *own = &family->own;
    const uint64_t shared = db->options.memtable_bytes;

    return own->has[FAMILY_MEMTABLE_BYTES] && own->values[FAMILY_MEMTABLE_BYTES] < shared
               ? own->values[FAMILY_MEMTABLE_BYTES]
               : shared;
}

void
db_family_sizes_change(struct db *db)
{
    db->sized_family_count = 0;
    for (uint32_t i = 0; i < db->family_count; i++)
        db->sized_family_count += db->families[i]->own.has[FAMILY_MEMTABLE_BYTES];
}

static void
charge(struct db *db, const struct batch_record *record)
{
    struct db_family *family;

    if (version_set_family(db->versions, record->cf_id) == NULL)
        return;
    family = db_family_of(db, record->cf_id);
    if (!family->own.has[FAMILY_MEMTABLE_BYTES])
        return;
    family->memtable_bytes += record->key.size + record->value.size + ENTRY_BYTES;
    db->a_family_is_full |= family->memtable_bytes >= db_family_memtable_bytes(db, family);
}

void
db_family_sizes_charge(struct db *db, struct slice batch)
{
    struct write_batch_reader reader;
    struct batch_record record;

    KV_ASSERT(db->sized_family_count > 0);
    write_batch_walk_init(&reader, batch);
    while (write_batch_walk_next(&reader, &record))
        charge(db, &record);
}

void
db_family_sizes_restart(struct db *db)
{
    db->a_family_is_full = false;
    for (uint32_t i = 0; db->sized_family_count > 0 && i < db->family_count; i++)
        db->families[i]->memtable_bytes = 0;
}
