/* inspect_table_data.c - what the engine sees in a table: index, tombstones, entries.
 *
 * A damaged block ends a walk over entries, as it must; --verify therefore goes by the index and
 * checks every block for itself, so that one run tells of all damage.
 */
#include <fcntl.h>
#include <stdio.h>

#include "base/alloc.h"
#include "cli/inspect_table.h"
#include "io/file.h"
#include "sst/index_iter.h"
#include "sst/sst_format.h"

enum { CACHE_BYTES = 32 * 1024 * 1024 };

struct table_walk {
    struct inspection *inspection; /* borrowed */
    struct table_reader *table;
    struct block_cache *cache;
    uint64_t file_bytes;
    int fd;              /* borrowed */
    struct buffer bytes; /* owned: a block that is verified */
    struct read_ctx ctx;
};

/* KV_OK: what was wanted is there, try again. */
static enum kv_status
fetch(struct table_walk *walk, enum kv_status st)
{
    return st == KV_WANT_BLOCK ? table_fetch_blocking(walk->inspection->io, &walk->ctx) : st;
}

static enum kv_status
open_table(struct table_walk *walk, struct table_properties *properties)
{
    enum kv_status st;

    do {
        st = table_reader_properties(walk->table, &walk->ctx, properties);
    } while (st == KV_WANT_BLOCK && (st = fetch(walk, st)) == KV_OK);
    return st;
}

struct index_totals {
    uint64_t block_count, damaged_count;
    uint64_t bytes, bytes_min, bytes_max;
};

/* Reads one block for itself; the reader checks it. */
static void
verify_block(struct table_walk *walk, const struct block_handle *handle,
             struct index_totals *totals)
{
    const bool fits = handle->offset <= walk->file_bytes &&
                      walk->file_bytes - handle->offset >= BLOCK_TRAILER_BYTES &&
                      handle->size <= walk->file_bytes - handle->offset - BLOCK_TRAILER_BYTES;
    const size_t size = fits ? handle->size + BLOCK_TRAILER_BYTES : 0;
    enum kv_status st = fits ? KV_OK : KV_CORRUPT;

    buffer_clear(&walk->bytes);
    if (st == KV_OK)
        st = file_read(walk->inspection->io, walk->fd, handle->offset,
                       buffer_reserve(&walk->bytes, size), size);
    if (st == KV_OK)
        st = table_reader_feed(walk->table, walk->cache, NULL, handle->offset,
                               slice_of(walk->bytes.data, size));
    if (st == KV_OK)
        return;
    totals->damaged_count++;
    inspect_damage(walk->inspection, "data block at %llu, %llu bytes: %s",
                   (unsigned long long)handle->offset, (unsigned long long)handle->size,
                   kv_status_text(st));
}

static void
count_block(struct table_walk *walk, const struct block_handle *handle, struct index_totals *totals)
{
    totals->bytes_min = totals->block_count == 0 || handle->size < totals->bytes_min
                            ? handle->size
                            : totals->bytes_min;
    totals->bytes_max = handle->size > totals->bytes_max ? handle->size : totals->bytes_max;
    totals->bytes += handle->size;
    totals->block_count++;
    if (walk->inspection->verify)
        verify_block(walk, handle, totals);
}

static enum kv_status
walk_index(struct table_walk *walk, struct index_totals *totals)
{
    struct index_iter index;
    const struct block_iter *entry;
    enum kv_status st;

    index_iter_init(&index, walk->table, &walk->ctx, true);
    do {
        st = index_iter_seek_first(&index);
    } while (st == KV_WANT_BLOCK && (st = fetch(walk, st)) == KV_OK);
    while (st == KV_OK && (entry = index_iter_entry(&index)) != NULL) {
        count_block(walk, &entry->handle, totals);
        do {
            st = index_iter_next(&index);
        } while (st == KV_WANT_BLOCK && (st = fetch(walk, st)) == KV_OK);
    }
    index_iter_deinit(&index);
    return st;
}

static void
print_index(struct table_walk *walk)
{
    struct index_totals totals = {0};
    const enum kv_status st = walk_index(walk, &totals);

    (void)printf("index: %llu data blocks, %llu bytes", (unsigned long long)totals.block_count,
                 (unsigned long long)totals.bytes);
    if (totals.block_count > 0)
        (void)printf(", each %llu to %llu", (unsigned long long)totals.bytes_min,
                     (unsigned long long)totals.bytes_max);
    (void)putchar('\n');
    if (walk->inspection->verify)
        (void)printf("verified: %llu of %llu data blocks pass\n",
                     (unsigned long long)(totals.block_count - totals.damaged_count),
                     (unsigned long long)totals.block_count);
    if (st != KV_OK)
        inspect_damage(walk->inspection, "the index: %s", kv_status_text(st));
    inspect_note(walk->inspection, st);
}

static void
print_tombstones(struct table_walk *walk)
{
    const struct range_tombstone *tombstones;
    size_t count;
    enum kv_status st;

    do {
        st = table_reader_tombstones(walk->table, &walk->ctx, &tombstones, &count);
    } while (st == KV_WANT_BLOCK && (st = fetch(walk, st)) == KV_OK);
    if (st != KV_OK) {
        inspect_note(walk->inspection, st);
        return;
    }
    if (count > 0)
        (void)printf("range tombstones: %zu fragments\n", count);
    for (size_t i = 0; i < count && walk->inspection->entries; i++) {
        (void)printf("  ");
        inspect_bytes(walk->inspection, tombstones[i].begin);
        (void)printf(" .. ");
        inspect_bytes(walk->inspection, tombstones[i].end);
        (void)printf("@%llu\n", (unsigned long long)tombstones[i].seq);
    }
}

static void
print_entry(struct inspection *inspection, const struct iter *iter)
{
    (void)printf("  ");
    inspect_key(inspection, iter->key);
    if (iter->value.size > 0) {
        (void)printf(" = ");
        inspect_bytes(inspection, iter->value);
    }
    (void)putchar('\n');
}

/* All entries in order; returns how many there were. */
static uint64_t
walk_entries(struct table_walk *walk)
{
    struct iter *iter = table_iter_new(walk->table, &walk->ctx);
    uint64_t count = 0;
    enum kv_status st;

    do {
        st = iter_seek_first(iter);
    } while (st == KV_WANT_BLOCK && (st = fetch(walk, st)) == KV_OK);
    while (st == KV_OK && iter->valid && !ferror(stdout)) {
        if (walk->inspection->entries)
            print_entry(walk->inspection, iter);
        count++;
        do {
            st = iter_next(iter);
        } while (st == KV_WANT_BLOCK && (st = fetch(walk, st)) == KV_OK);
    }
    iter_free(iter);
    if (st != KV_OK)
        inspect_damage(walk->inspection, "behind %llu entries: %s", (unsigned long long)count,
                       kv_status_text(st));
    inspect_note(walk->inspection, st);
    return count;
}

static void
print_entries(struct table_walk *walk, const struct table_properties *properties)
{
    /* RocksDB counts range tombstones as entries, too. */
    const uint64_t expected = properties->entry_count - properties->range_tombstone_count;
    uint64_t count;

    if (walk->inspection->entries)
        (void)printf("entries:\n");
    count = walk_entries(walk);
    (void)printf("%llu entries\n", (unsigned long long)count);
    if (count != expected && walk->inspection->code == EXIT_OK)
        inspect_damage(walk->inspection, "%llu entries, but the properties say %llu",
                       (unsigned long long)count, (unsigned long long)expected);
}

void
inspect_table_data(struct inspection *inspection, const struct inspected_file *file)
{
    const struct table_reader_options options = {
        .file_number = file->number, .file_bytes = file->bytes, .path = inspection->path};
    struct table_walk *walk = kv_alloc_zero(sizeof(*walk));
    struct table_properties properties;
    enum kv_status st;

    walk->inspection = inspection;
    walk->file_bytes = file->bytes;
    walk->fd = file->fd;
    walk->cache = block_cache_new(CACHE_BYTES);
    walk->table = table_reader_new(&options);
    read_ctx_init(&walk->ctx, walk->cache);
    st = open_table(walk, &properties);
    if (st != KV_OK) {
        inspect_damage(inspection, "the table cannot be opened: %s", kv_status_text(st));
    } else {
        print_index(walk);
        print_tombstones(walk);
        if (inspection->entries || inspection->verify)
            print_entries(walk, &properties);
    }
    read_ctx_deinit(&walk->ctx);
    table_reader_unref(walk->table);
    block_cache_free(walk->cache);
    buffer_deinit(&walk->bytes);
    free(walk);
}
