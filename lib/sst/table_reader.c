/* table_reader.c - one table's life, the bytes that come in, and the point lookup.
 *
 * A lookup costs one filter probe, a binary search in the index, the block from the cache and
 * a binary search in it; it allocates nothing, and keys are compared where they lie.
 */
#include "sst/table_reader.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/sorted.h"
#include "io/file.h"
#include "sst/compression.h"
#include "sst/index_iter.h"
#include "sst/table_reader_internal.h"

/* Types are looked at when an entry is taken, order when a table is walked. */
static const struct block_form lookup_form = {.keys_internal = true};

struct table_reader *
table_reader_new(const struct table_reader_options *options)
{
    struct table_reader *table = kv_alloc_zero(sizeof(*table));
    const size_t path_bytes = strlen(options->path) + 1;

    table->ref_count = 1;
    table->state = TABLE_CLOSED;
    table->file_number = options->file_number;
    table->file_bytes = options->file_bytes;
    table->fd = -1;
    table->path = kv_alloc(path_bytes);
    memcpy(table->path, options->path, path_bytes);
    table->seq_largest = options->seq_largest;
    table->bounded = options->smallest.size > 0;
    if (table->bounded) {
        KV_ASSERT(options->smallest.size >= KEY_FOOTER_BYTES);
        KV_ASSERT(options->largest.size >= KEY_FOOTER_BYTES);
        buffer_append_slice(&table->smallest, options->smallest);
        buffer_append_slice(&table->largest, options->largest);
    }
    return table;
}

void
table_reader_ref(struct table_reader *table)
{
    KV_ASSERT(table->ref_count > 0);
    table->ref_count++;
}

void
table_reader_unref(struct table_reader *table)
{
    if (table == NULL)
        return;
    KV_ASSERT(table->ref_count > 0);
    if (--table->ref_count > 0)
        return;
    if (table->fd >= 0)
        file_close(table->io, table->fd);
    for (uint32_t i = 0; i < table->piece_count; i++)
        free(table->pieces[i].bytes);
    range_tombstones_deinit(&table->tombstones);
    buffer_deinit(&table->smallest);
    buffer_deinit(&table->largest);
    restart_words_deinit(&table->index_words);
    free(table->block_places);
    buffer_deinit(&table->index);
    buffer_deinit(&table->filter_raw);
    buffer_deinit(&table->dictionary);
    buffer_deinit(&table->tombstone_raw);
    buffer_deinit(&table->tombstone_last);
    free(table->partitions);
    free(table->path);
    free(table);
}

uint64_t
table_reader_number(const struct table_reader *table)
{
    return table->file_number;
}

const char *
table_reader_path(const struct table_reader *table)
{
    return table->path;
}

int
table_reader_fd(const struct table_reader *table)
{
    return table->fd;
}

void
table_reader_set_fd(struct table_reader *table, struct io *io, int fd)
{
    KV_ASSERT(table->fd == -1);
    KV_ASSERT(fd >= 0 && io != NULL);
    table->io = io;
    table->fd = fd;
}

bool
table_reader_is_open(const struct table_reader *table)
{
    return table->state == TABLE_OPEN;
}

size_t
table_reader_bytes_used(const struct table_reader *table)
{
    size_t bytes = sizeof(*table) + strlen(table->path) + 1;

    bytes += table->smallest.capacity + table->largest.capacity + table->index.capacity;
    bytes += table->filter_raw.capacity + table->dictionary.capacity;
    bytes += table->tombstone_raw.capacity + table->tombstone_last.capacity;
    bytes += range_tombstones_bytes_used(&table->tombstones);
    bytes += table->partition_count * sizeof(uint64_t);
    bytes += restart_words_bytes(&table->index_words);
    bytes += table->block_places == NULL ? 0 : table->index_words.count * sizeof(uint64_t);
    for (uint32_t i = 0; i < table->piece_count; i++)
        bytes += table->pieces[i].bytes == NULL ? 0 : table->pieces[i].size;
    return bytes;
}

/* Index partitions look like data blocks to the cache, but are compressed without dictionary. */
static bool
is_partition(const struct table_reader *table, uint64_t offset)
{
    const size_t at = sorted_position(table->partitions, table->partition_count, offset);

    return at < table->partition_count && table->partitions[at] == offset;
}

/* A checked payload to a block in the cache, with one pin. */
static enum kv_status
make_block(const struct table_reader *table, struct block_cache *cache, struct block_id id,
           uint8_t type, struct slice payload, struct block **block_out)
{
    struct slice dictionary = buffer_slice(&table->dictionary);
    size_t raw_size;
    void *raw;
    enum kv_status st =
        compression_raw_size(type, table->footer.format_version, &payload, &raw_size);

    if (st != KV_OK)
        return st;
    if (is_partition(table, id.offset))
        dictionary = slice_of(NULL, 0);
    raw = block_cache_alloc(cache, raw_size);
    if (raw == NULL)
        return KV_FAIL(KV_LIMIT, "no memory for a block of %zu bytes", raw_size);
    st = compression_decompress_into(type, payload, dictionary, raw, raw_size);
    if (st != KV_OK) {
        free(raw);
        return st;
    }
    *block_out = block_cache_insert(cache, id, raw, raw_size);
    return KV_OK;
}

static enum kv_status
feed_block(struct table_reader *table, struct block_cache *cache, struct read_ctx *ctx,
           uint64_t offset, struct slice bytes)
{
    const struct block_id id = {.table_id = table->file_number, .offset = offset};
    struct slice payload;
    struct block *block;
    uint8_t type;
    enum kv_status st = table_block_verify(table, offset, bytes, &payload, &type);

    if (st != KV_OK)
        return st;
    st = make_block(table, cache, id, type, payload, &block);
    if (st != KV_OK)
        return KV_FAIL(st, "table %s: block at %llu", table->path, (unsigned long long)offset);
    if (ctx != NULL)
        read_ctx_hold(ctx, block);
    else
        block_cache_unpin(cache, block);
    return KV_OK;
}

enum kv_status
table_reader_feed(struct table_reader *table, struct block_cache *cache, struct read_ctx *ctx,
                  uint64_t offset, struct slice bytes)
{
    enum kv_status st;

    KV_ASSERT(ctx == NULL || ctx->cache == cache);
    switch (table->state) {
    case TABLE_FAILED:
        return table->failure;
    case TABLE_OPEN:
        /* Two reads may have wanted the same piece of a table that was still closed. */
        if (table_open_wanted(table, offset, bytes.size))
            return KV_OK;
        return feed_block(table, cache, ctx, offset, bytes);
    case TABLE_CLOSED:
        table_open_add_piece(table, offset, bytes);
        st = table_open_advance(table, NULL);
        return st == KV_WANT_BLOCK ? KV_OK : st;
    }
    KV_ASSERT(false);
    return KV_CORRUPT;
}

static enum kv_status
take_entry(const struct table_reader *table, uint64_t offset, const struct block_iter *data,
           struct lookup *found)
{
    const uint64_t footer = internal_key_footer(data->key);

    switch (footer & 0xff) {
    case TYPE_VALUE:
    case TYPE_ENTITY:
        found->kind = LOOKUP_VALUE;
        break;
    case TYPE_MERGE:
        found->kind = LOOKUP_MERGE;
        break;
    case TYPE_DELETION:
    case TYPE_SINGLE_DELETION:
        found->kind = LOOKUP_TOMBSTONE;
        break;
    case TYPE_BLOB_INDEX:
        return KV_FAIL(KV_UNSUPPORTED, "table %s: block at %llu: a blob index", table->path,
                       (unsigned long long)offset);
    default:
        return KV_FAIL(KV_CORRUPT, "table %s: block at %llu: an entry of type %02x", table->path,
                       (unsigned long long)offset, (unsigned)(footer & 0xff));
    }
    found->type = (enum value_type)(footer & 0xff);
    found->seq = table->has_global_seq ? table->global_seq : footer >> 8;
    found->value = data->value;
    return KV_OK;
}

/* A data block, and if that is known, from where in it to look. */
struct block_place {
    const struct block *block;
    bool restart_known;
    uint32_t restart; /* no restart point before this one leads to the key */
};

static bool
seek_in_block(struct block_iter *data, const struct block_place *place, struct slice key,
              uint64_t footer)
{
    if (!block_iter_open(data, place->block->bytes, lookup_form))
        return false;
    if (place->restart_known && place->restart < data->restart_count)
        return block_iter_seek_within(data, key, footer, place->restart, place->restart);
    return block_iter_seek(data, key, footer);
}

/* One data block.  *done_out: the answer is in *found, even if it is that there is none. */
static enum kv_status
search_block(struct table_reader *table, const struct block_place *place, struct slice key,
             uint64_t footer, struct lookup *found, bool *done_out)
{
    const uint64_t offset = place->block->id.offset;
    struct block_iter data;
    enum kv_status st = KV_OK;

    block_iter_init(&data);
    if (!seek_in_block(&data, place, key, footer))
        st = table_block_fault(table, offset, &data);
    else if (data.valid && slice_equal(internal_key_user(data.key), key))
        st = take_entry(table, offset, &data, found);
    *done_out = data.valid;
    block_iter_deinit(&data);
    return st;
}

/* Whether the blocks behind this index entry's may still hold the key: a separator is at least
 * the last key of its block, so only if it is the key itself, in another version. */
static bool
may_continue(const struct table_reader *table, const struct block_iter *entry, struct slice key)
{
    return table->index_form.keys_internal && slice_equal(internal_key_user(entry->key), key);
}

/* The block that alone can hold the key, if that is plain from the index's words, and from where in
 * it to look.  False says nothing.  This spares nearly every lookup the index itself. */
static bool
locate(const struct table_reader *table, const struct table_target *target,
       struct block_handle *handle_out, struct block_place *place)
{
    struct restart_search search;
    uint32_t index;

    *place = (struct block_place){0};
    if (target->located == table) {
        handle_out->offset = target->located_offset;
        handle_out->size = target->located_size;
        place->restart_known = target->restart_located;
        place->restart = target->located_restart;
        return true;
    }
    if (table->block_places == NULL ||
        !restart_search_begin(&table->index_words, target->key, &search) ||
        !restart_search_end(&table->index_words, &search, &index))
        return false;
    *handle_out = table_place_unpack(table->block_places[index]);
    return true;
}

/* Likewise the block itself.  KV_OK with place->block NULL: the index has to be asked. */
static enum kv_status
find_only_block(struct table_reader *table, struct read_ctx *ctx, const struct table_target *target,
                struct block_place *place)
{
    struct block_id id = {.table_id = table->file_number};
    struct block_handle handle;
    struct block *block;
    enum kv_status st = KV_OK;

    if (!locate(table, target, &handle, place))
        return KV_OK;
    id.offset = handle.offset;
    /* First keys in the index may spare the read of a block that is not cached. */
    if (handle.size == 0 || table->index_form.has_first_keys)
        block = read_ctx_find_cached(ctx, id);
    else
        st = table_block_get(table, ctx, handle, false, &block);
    place->block = block;
    return st;
}

/* The newest point entry, by way of the index.  The versions of a key may go on in the next
 * block. */
static enum kv_status
search_by_index(struct table_reader *table, struct read_ctx *ctx, struct slice key, uint64_t footer,
                struct lookup *found)
{
    const struct block_iter *entry;
    struct block_place place = {0};
    struct index_iter index;
    struct block *block;
    bool done = false;
    enum kv_status st;

    index_iter_init(&index, table, ctx, false);
    st = index_iter_seek(&index, key, footer);
    while (st == KV_OK && !done && (entry = index_iter_entry(&index)) != NULL) {
        if (table->index_form.has_first_keys &&
            slice_compare(internal_key_user(entry->first_key), key) > 0)
            break;
        st = table_block_get(table, ctx, entry->handle, false, &block);
        place.block = block;
        if (st == KV_OK)
            st = search_block(table, &place, key, footer, found, &done);
        if (st != KV_OK || done || !may_continue(table, entry, key))
            break;
        st = index_iter_next(&index);
    }
    index_iter_deinit(&index);
    return st;
}

static enum kv_status
search_points(struct table_reader *table, struct read_ctx *ctx, const struct table_target *target,
              struct lookup *found)
{
    const uint64_t seq_max = table->has_global_seq ? SEQUENCE_MAX : target->seq_max;
    const uint64_t footer = footer_pack(seq_max, TYPE_SEEK);
    struct block_place place;
    enum kv_status st;
    bool done;

    if (table->has_global_seq && table->global_seq > target->seq_max)
        return KV_OK;
    st = find_only_block(table, ctx, target, &place);
    if (st != KV_OK)
        return st;
    if (place.block != NULL)
        return search_block(table, &place, target->key, footer, found, &done);
    return search_by_index(table, ctx, target->key, footer, found);
}

struct table_target
table_target_of(struct slice key, uint64_t seq_max)
{
    KV_ASSERT(seq_max <= SEQUENCE_MAX);
    return (struct table_target){
        .key = key, .seq_max = seq_max, .filter_hash = hash_xxph3(key.data, key.size)};
}

void
table_reader_prefetch(const struct table_reader *table, const struct table_target *target)
{
    const uint8_t *line = filter_reader_line(&table->filter, target->filter_hash);

    if (line != NULL)
        __builtin_prefetch(line);
}

static bool
is_covered(const struct table_reader *table, const struct table_target *target, uint64_t *seq_out)
{
    if (target->asked != table)
        return range_tombstones_cover(&table->tombstones, target->key, target->seq_max, seq_out);
    *seq_out = target->tombstone_seq;
    return target->is_covered;
}

enum kv_status
table_reader_find(struct table_reader *table, struct read_ctx *ctx,
                  const struct table_target *target, struct lookup *found)
{
    uint64_t tombstone_seq;
    enum kv_status st = table_open_advance(table, ctx);

    *found = (struct lookup){.kind = LOOKUP_ABSENT};
    if (st != KV_OK)
        return st;
    if (target->located == table ||
        filter_reader_may_contain_hash(&table->filter, target->key, target->filter_hash)) {
        st = search_points(table, ctx, target, found);
        if (st != KV_OK)
            return st;
    }
    if (found->kind != LOOKUP_ABSENT && range_tombstones_are_older(&table->tombstones, found->seq))
        return KV_OK;
    if (is_covered(table, target, &tombstone_seq) &&
        (found->kind == LOOKUP_ABSENT || tombstone_seq > found->seq))
        *found = (struct lookup){
            .kind = LOOKUP_TOMBSTONE, .type = TYPE_RANGE_DELETION, .seq = tombstone_seq};
    return KV_OK;
}

enum kv_status
table_reader_get(struct table_reader *table, struct read_ctx *ctx, struct slice key,
                 uint64_t seq_max, struct lookup *found)
{
    const struct table_target target = table_target_of(key, seq_max);

    return table_reader_find(table, ctx, &target, found);
}

enum kv_status
table_reader_tombstones(struct table_reader *table, struct read_ctx *ctx,
                        const struct range_tombstone **tombstones_out, size_t *count_out)
{
    enum kv_status st = table_open_advance(table, ctx);

    *tombstones_out = NULL;
    *count_out = 0;
    if (st != KV_OK)
        return st;
    *tombstones_out = table->tombstones.items;
    *count_out = table->tombstones.count;
    return KV_OK;
}

enum kv_status
table_reader_covering_tombstone(struct table_reader *table, struct read_ctx *ctx, struct slice key,
                                uint64_t seq_max, uint64_t *seq_out)
{
    enum kv_status st = table_open_advance(table, ctx);

    *seq_out = 0;
    if (st == KV_OK && !range_tombstones_cover(&table->tombstones, key, seq_max, seq_out))
        *seq_out = 0;
    return st;
}

enum kv_status
table_reader_properties(struct table_reader *table, struct read_ctx *ctx,
                        struct table_properties *properties_out)
{
    enum kv_status st = table_open_advance(table, ctx);

    *properties_out = table->properties;
    return st;
}
