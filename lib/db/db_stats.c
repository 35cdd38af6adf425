/* db_stats.c - the numbers behind INFO and KV.STATS, and the knobs that turn while running. */
#include <string.h>

#include "db/compactor.h"
#include "db/db_internal.h"
#include "db/db_snapshot.h"

static void
count_tables(struct db *db, struct db_stats *stats)
{
    const struct column_family *family;

    for (uint32_t i = 0; (family = version_set_family_at(db->versions, i)) != NULL; i++) {
        stats->family_count++;
        for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
            const struct version_level *files = &family->current->levels[level];

            stats->level_table_count[level] += files->count;
            stats->table_count += files->count;
            for (uint32_t j = 0; j < files->count; j++) {
                stats->level_bytes[level] += files->files[j]->meta.bytes;
                stats->table_bytes += files->files[j]->meta.bytes;
            }
        }
    }
    stats->table_reader_bytes = version_set_reader_bytes(db->versions);
}

static void
count_memtables(const struct db *db, struct db_stats *stats)
{
    stats->memtable_bytes = memtable_bytes_used(db->active);
    stats->memtable_entry_count = memtable_entry_count(db->active);
    stats->memtable_count = 1 + db->frozen_count;
    stats->frozen_count = db->frozen_count;
    for (struct list *node = db->frozen.next; node != &db->frozen; node = node->next) {
        const struct frozen *frozen = LIST_ENTRY(node, struct frozen, link);

        stats->memtable_bytes += memtable_bytes_used(frozen->memtable);
        stats->memtable_entry_count += memtable_entry_count(frozen->memtable);
    }
}

void
db_get_stats(struct db *db, struct db_stats *stats)
{
    memset(stats, 0, sizeof(*stats));
    stats->last_seq = db->last_seq;
    stats->durable_seq = db_durable_seq(db);
    stats->key_count_estimate = db_key_count_estimate(db, CF_DEFAULT);
    stats->flush_count = db->flush_count;
    stats->expired_count = db->expired_count;
    stats->flush_bytes = db->flush_bytes;
    stats->flush_failure_count = db->flush_failure_count;
    stats->write_rate_bytes_per_s = db->pacer.rate_bytes_per_s;
    stats->write_delay_count = db->paced_count;
    stats->write_delay_us = db->paced_us;
    stats->obsolete_count = db->obsolete_count;
    db_snapshot_get_stats(db, stats);
    stats->wal_number = wal_number(db->wal);
    stats->fault = db->fault;
    stats->read_only = db->fault != KV_OK;
    if (db->fault == KV_OK && version_set_is_failing(db->versions)) {
        stats->fault = KV_IO;
        stats->read_only = db->frozen_count >= FROZEN_MEMTABLE_COUNT_MAX;
    }
    stats->recovered_batch_count = db->recovered_batch_count;
    stats->recovery_us = db->recovery_us;
    stats->recovery_wal_bytes = db->recovery_wal_bytes;
    count_memtables(db, stats);
    count_tables(db, stats);
    compactor_get_stats(db->compactor, stats);
    block_fetcher_get_stats(db->fetcher, &stats->read_fetch_count, &stats->read_fetch_bytes);
    wal_get_stats(db->wal, &stats->wal);
    block_cache_get_stats(db->cache, &stats->cache);
}

void
db_set_wal_sync(struct db *db, enum wal_sync sync, uint64_t interval_us)
{
    wal_set_sync(db->wal, sync, interval_us);
}

void
db_set_memtable_bytes(struct db *db, uint64_t bytes)
{
    KV_ASSERT(bytes >= MEMTABLE_BYTES_MIN);
    if (bytes == db->options.memtable_bytes)
        return;
    db->options.memtable_bytes = bytes;
    memtable_pool_set_capacity(db->pool, db_memtable_capacity(bytes));
}

void
db_set_memory_limit(struct db *db, uint64_t bytes)
{
    db->options.memory_limit_bytes = bytes;
    db_update_budget(db);
}

const char *
db_identity(const struct db *db)
{
    return version_set_db_id(db->versions);
}
