/* db_options.c - what holds for each column family: from OPTIONS, from the settings, from both.
 *
 * OPTIONS is read and written at open only.  A setting that changes later holds at once, and is in
 * OPTIONS from the next open on, if it is still set then.
 */
#include <string.h>

#include "base/alloc.h"
#include "db/compactor.h"
#include "db/db_internal.h"

const struct family_options *
db_family_options(const struct db *db, const char *name)
{
    for (uint32_t i = 0; i < db->family_options.family_count; i++) {
        if (strcmp(db->family_options.families[i].name, name) == 0)
            return &db->family_options.families[i];
    }
    return NULL;
}

/* What OPTIONS says of the family, with what the settings say of all. */
struct compaction_options
db_compaction_options(const struct db *db, const char *name)
{
    const struct family_options *loaded = db_family_options(db, name);
    const struct db_compaction_settings *settings = &db->options.compaction;
    struct compaction_options options =
        loaded != NULL ? loaded->compaction : compaction_options_default();

    if (settings->has_style)
        options.style = settings->style;
    if (settings->has_bottommost_compression) {
        options.has_bottommost_compression = true;
        options.bottommost_compression = settings->bottommost_compression;
    }
    if (settings->fifo_bytes_max > 0)
        options.fifo.max_table_files_size = settings->fifo_bytes_max;
    if (settings->ttl_s > 0)
        options.ttl = settings->ttl_s;
    if (settings->file_bytes > 0)
        options.target_file_size_base = settings->file_bytes;
    if (settings->level_base_bytes > 0)
        options.max_bytes_for_level_base = settings->level_base_bytes;
    if (settings->level0_trigger > 0)
        options.level0_file_num_compaction_trigger = settings->level0_trigger;
    return options;
}

enum kv_status
db_store_options(struct db *db)
{
    struct options_file file = {.wal_recovery_mode = WAL_POINT_IN_TIME};
    const uint64_t number_tmp = version_set_next_file_number(db->versions);
    const uint64_t number = version_set_next_file_number(db->versions);
    const struct column_family *family;
    enum kv_status st;

    for (uint32_t i = 0; (family = version_set_family_at(db->versions, i)) != NULL; i++) {
        const struct family_options *loaded = db_family_options(db, family->name);
        struct family_options *options;

        file.families =
            kv_realloc(file.families, sizeof(file.families[0]) * (file.family_count + 1));
        options = &file.families[file.family_count++];
        memset(options, 0, sizeof(*options));
        memcpy(options->name, family->name, sizeof(options->name));
        if (loaded != NULL)
            memcpy(options->merge_operator, loaded->merge_operator,
                   sizeof(options->merge_operator));
        options->compaction = db_compaction_options(db, family->name);
        options->compression = db->options.compression;
        options->write_buffer_bytes = db->options.memtable_bytes;
        options->block_bytes = db->options.block_bytes;
        options->bloom_bits_per_key = db->options.bloom_bits_per_key;
    }
    st = options_file_store(db->io, db->dir, number_tmp, number, &file);
    options_file_deinit(&file);
    return st;
}

enum kv_status
db_load_options(struct db *db)
{
    const enum kv_status st = options_file_load(db->io, db->dir, &db->family_options);

    return st == KV_NO_FILE ? KV_OK : st;
}

void
db_set_compaction(struct db *db, const struct db_compaction_settings *settings)
{
    db->options.compaction = *settings;
    compactor_poke(db->compactor);
}
