/* db_options.c - what holds for each column family: from OPTIONS, from the settings, from both.
 *
 * OPTIONS is read at open, and written then and when families change.  A setting of all that
 * changes later holds at once, and is in OPTIONS when that is written next.
 */
#include <string.h>

#include "base/alloc.h"
#include "db/compactor.h"
#include "db/family_record.h"

/* What OPTIONS says of the family, with what the settings say of all. */
static struct compaction_options
common_options(const struct db *db, const struct db_family *family)
{
    const struct db_compaction_settings *settings = &db->options.compaction;
    struct compaction_options options = family->stored.compaction;

    if (settings->has_style)
        options.style = settings->style;
    if (settings->has_bottommost_compression) {
        options.has_bottommost_compression = true;
        options.bottommost_compression = settings->bottommost_compression;
    }
    if (settings->level_compressions != 0)
        options.compression_per_level_count =
            level_compressions_unpack(settings->level_compressions, options.compression_per_level);
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
    if (settings->level0_slowdown > 0)
        options.level0_slowdown_writes_trigger = settings->level0_slowdown;
    if (settings->level0_stop > 0)
        options.level0_stop_writes_trigger = settings->level0_stop;
    return options;
}

static bool
was_wish(const struct family_settings *own, enum family_setting setting)
{
    return own->has[setting] || own->taken_back[setting];
}

void
db_forget_wishes(struct db_family *family)
{
    const struct family_settings *own = &family->own;
    const struct compaction_options fresh = compaction_options_default();
    struct compaction_options *stored = &family->stored.compaction;

    if (own->ignores_options) {
        *stored = fresh;
        memset(family->stored.merge_operator, 0, sizeof(family->stored.merge_operator));
        return;
    }
    if (was_wish(own, FAMILY_COMPACTION_STYLE))
        stored->style = fresh.style;
    if (was_wish(own, FAMILY_BOTTOMMOST_COMPRESSION))
        stored->has_bottommost_compression = fresh.has_bottommost_compression;
    if (was_wish(own, FAMILY_LEVEL_COMPRESSIONS))
        stored->compression_per_level_count = fresh.compression_per_level_count;
    if (was_wish(own, FAMILY_COMPACTION_TRIGGER))
        stored->level0_file_num_compaction_trigger = fresh.level0_file_num_compaction_trigger;
    if (was_wish(own, FAMILY_FIFO_BYTES))
        stored->fifo.max_table_files_size = fresh.fifo.max_table_files_size;
    if (was_wish(own, FAMILY_TABLE_TTL_S))
        stored->ttl = fresh.ttl;
}

struct compaction_options
db_compaction_options(const struct db *db, const struct db_family *family)
{
    const struct family_settings *own = &family->own;
    struct compaction_options options = common_options(db, family);

    if (own->has[FAMILY_COMPACTION_STYLE])
        options.style = (enum compaction_style)own->values[FAMILY_COMPACTION_STYLE];
    if (own->has[FAMILY_BOTTOMMOST_COMPRESSION]) {
        options.has_bottommost_compression = true;
        options.bottommost_compression =
            (enum compression)own->values[FAMILY_BOTTOMMOST_COMPRESSION];
    }
    if (own->has[FAMILY_LEVEL_COMPRESSIONS])
        options.compression_per_level_count = level_compressions_unpack(
            own->values[FAMILY_LEVEL_COMPRESSIONS], options.compression_per_level);
    else if (own->has[FAMILY_COMPRESSION]) /* before what others than the family say of levels */
        options.compression_per_level_count = 0;
    if (own->has[FAMILY_COMPACTION_TRIGGER])
        options.level0_file_num_compaction_trigger =
            (uint32_t)own->values[FAMILY_COMPACTION_TRIGGER];
    if (own->has[FAMILY_FIFO_BYTES])
        options.fifo.max_table_files_size = own->values[FAMILY_FIFO_BYTES];
    if (own->has[FAMILY_TABLE_TTL_S])
        options.ttl = own->values[FAMILY_TABLE_TTL_S];
    return options;
}

struct family_options
db_effective_options(const struct db *db, const struct db_family *family)
{
    const struct family_settings *own = &family->own;
    struct family_options options = {
        .compression = db->options.compression,
        .write_buffer_bytes = db_family_memtable_bytes(db, family),
        .block_bytes = db->options.block_bytes,
        .bloom_bits_per_key = db->options.bloom_bits_per_key,
        .compaction = db_compaction_options(db, family),
    };

    memcpy(options.name, family->stored.name, sizeof(options.name));
    memcpy(options.merge_operator, family->stored.merge_operator, sizeof(options.merge_operator));
    if (own->has[FAMILY_COMPRESSION])
        options.compression = (enum compression)own->values[FAMILY_COMPRESSION];
    if (own->has[FAMILY_BLOCK_BYTES])
        options.block_bytes = (uint32_t)own->values[FAMILY_BLOCK_BYTES];
    if (own->has[FAMILY_BLOOM_BITS])
        options.bloom_bits_per_key = (uint32_t)own->values[FAMILY_BLOOM_BITS];
    return options;
}

enum compression
db_flush_compression(const struct family_options *options)
{
    return compaction_options_compression(&options->compaction, options->compression, 0, 1, false);
}

/* The caller deinits the result. */
static struct options_file
make_options_file(struct db *db)
{
    struct options_file file = {.wal_recovery_mode = WAL_POINT_IN_TIME};
    const struct column_family *family;
    uint32_t count = 0;

    while (version_set_family_at(db->versions, count) != NULL)
        count++;
    file.families = kv_alloc(sizeof(file.families[0]) * count);
    for (; (family = version_set_family_at(db->versions, file.family_count)) != NULL;
         file.family_count++)
        file.families[file.family_count] = db_effective_options(db, db_family_of(db, family->id));
    return file;
}

void
db_format_options(struct db *db, struct buffer *target)
{
    struct options_file file = make_options_file(db);

    options_file_format(&file, target);
    options_file_deinit(&file);
}

enum kv_status
db_store_options(struct db *db)
{
    struct options_file file = make_options_file(db);
    const uint64_t number_tmp = version_set_next_file_number(db->versions);
    enum kv_status st;

    db->options_number_before =
        db->options_number != 0 ? db->options_number : db->loaded_options.number;
    db->options_number = version_set_next_file_number(db->versions);
    st = options_file_store(db->io, db->dir, number_tmp, db->options_number, &file);
    options_file_deinit(&file);
    return st;
}

enum kv_status
db_load_options(struct db *db)
{
    struct options_file *file = &db->loaded_options;
    enum kv_status st = options_file_load(db->io, db->dir, file);

    if (st != KV_OK && st != KV_NO_FILE)
        return st;
    st = db_families_load(db, file);
    free(file->families);
    file->families = NULL;
    file->family_count = 0;
    return st;
}

void
db_set_compaction(struct db *db, const struct db_compaction_settings *settings)
{
    db->options.compaction = *settings;
    compactor_poke(db->compactor);
}
