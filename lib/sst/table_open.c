/* table_open.c - from a closed table to an open one, in up to three rounds of reading.
 *
 *     1  the tail: footer, mostly also metaindex and properties, in small tables everything
 *     2  the metaindex, if the tail does not hold it
 *     3  properties, index, filter, range tombstones, dictionary: at once, what the tail lacks
 *
 * Like any read, opening is straight-line code that stops where bytes are missing and runs again
 * from the top when they have come; what it reads from is the list of pieces.  Only when all are
 * there is anything kept, so a table is closed, open or failed, and never in between.
 */
#include "base/alloc.h"
#include "base/limits.h"
#include "sst/compression.h"
#include "sst/table_reader_internal.h"

static_assert((uint64_t)TABLE_META_BYTES_MAX <= (uint64_t)BLOCK_BYTES_MAX, "table_handle_fits");

enum meta_block {
    META_BLOCK_PROPERTIES,
    META_BLOCK_FILTER,
    META_BLOCK_RANGE_DEL,
    META_BLOCK_DICTIONARY,
    META_BLOCK_INDEX,
    META_BLOCK_COUNT
};

static const char *const meta_names[META_BLOCK_COUNT] = {"properties", "filter", "range tombstones",
                                                         "compression dictionary", "index"};

/* All that opening has found so far; lives for one pass. */
struct opening {
    struct read_ctx *ctx; /* may be NULL */
    bool present[META_BLOCK_COUNT];
    struct block_handle handles[META_BLOCK_COUNT];
    struct slice stored[META_BLOCK_COUNT]; /* with trailer; in a piece */
    struct table_traits traits;
};

bool
table_open_wanted(const struct table_reader *table, uint64_t offset, uint64_t size)
{
    for (uint32_t i = 0; i < table->piece_count; i++) {
        if (table->pieces[i].offset == offset && table->pieces[i].size == size)
            return true;
    }
    return false;
}

void
table_open_add_piece(struct table_reader *table, uint64_t offset, struct slice bytes)
{
    struct table_piece *piece;

    KV_ASSERT(table->state == TABLE_CLOSED);
    KV_ASSERT(bytes.size > 0);
    if (table_open_wanted(table, offset, bytes.size))
        return;
    KV_ASSERT(table->piece_count < TABLE_PIECE_COUNT_MAX);
    piece = &table->pieces[table->piece_count++];
    *piece =
        (struct table_piece){.offset = offset, .size = bytes.size, .bytes = kv_alloc(bytes.size)};
    memcpy(piece->bytes, bytes.data, bytes.size);
}

static enum kv_status
want_piece(struct table_reader *table, struct opening *opening, uint64_t offset, uint64_t size,
           struct slice *bytes_out)
{
    for (uint32_t i = 0; i < table->piece_count; i++) {
        const struct table_piece *piece = &table->pieces[i];

        if (offset < piece->offset || size > piece->size ||
            offset - piece->offset > piece->size - size)
            continue;
        *bytes_out = slice_of(piece->bytes + (offset - piece->offset), size);
        return KV_OK;
    }
    if (opening->ctx == NULL)
        return KV_WANT_BLOCK;
    return read_ctx_want(opening->ctx, table, offset, size);
}

static enum kv_status
check_magic(const struct table_reader *table, uint64_t magic)
{
    if (magic == TABLE_MAGIC)
        return KV_OK;
    if (magic == TABLE_MAGIC_LEGACY)
        return KV_FAIL(KV_UNSUPPORTED, "table %s: format version 0, older than is read",
                       table->path);
    if (magic == TABLE_MAGIC_PLAIN || magic == TABLE_MAGIC_PLAIN_LEGACY)
        return KV_FAIL(KV_UNSUPPORTED, "table %s: a plain table, not a block-based one",
                       table->path);
    return KV_FAIL(KV_CORRUPT, "table %s: the last 8 bytes are %016llx, not a table's", table->path,
                   (unsigned long long)magic);
}

static enum kv_status
parse_footer(struct table_reader *table, const uint8_t *bytes)
{
    struct table_footer *footer = &table->footer;
    struct slice handles = slice_of(bytes + FOOTER_HANDLES_OFFSET, FOOTER_HANDLES_BYTES);
    enum kv_status st = check_magic(table, load_fixed64(bytes + FOOTER_MAGIC_OFFSET));

    if (st != KV_OK)
        return st;
    footer->format_version = load_fixed32(bytes + FOOTER_VERSION_OFFSET);
    if (footer->format_version < FORMAT_VERSION_READ_MIN ||
        footer->format_version > FORMAT_VERSION_WRITTEN)
        return KV_FAIL(KV_UNSUPPORTED, "table %s: format version %u, versions %d to %d are read",
                       table->path, footer->format_version, FORMAT_VERSION_READ_MIN,
                       FORMAT_VERSION_WRITTEN);
    if (!checksum_kind_is_known(bytes[0]))
        return KV_FAIL(KV_UNSUPPORTED, "table %s: checksum kind %u is unknown", table->path,
                       bytes[0]);
    footer->checksum_kind = (enum checksum_kind)bytes[0];
    if (!get_varint64(&handles, &footer->metaindex.offset) ||
        !get_varint64(&handles, &footer->metaindex.size) ||
        !get_varint64(&handles, &footer->index.offset) ||
        !get_varint64(&handles, &footer->index.size))
        return KV_FAIL(KV_CORRUPT, "table %s: the footer's handles are malformed", table->path);
    return KV_OK;
}

static enum kv_status
read_footer(struct table_reader *table, struct opening *opening)
{
    const uint64_t tail_bytes =
        table->file_bytes < TABLE_TAIL_BYTES ? table->file_bytes : TABLE_TAIL_BYTES;
    struct slice tail;
    enum kv_status st;

    if (table->file_bytes < FOOTER_BYTES)
        return KV_FAIL(KV_CORRUPT, "table %s: %llu bytes are less than a footer", table->path,
                       (unsigned long long)table->file_bytes);
    st = want_piece(table, opening, table->file_bytes - tail_bytes, tail_bytes, &tail);
    if (st != KV_OK)
        return st;
    return parse_footer(table, tail.data + tail.size - FOOTER_BYTES);
}

static enum kv_status
want_meta(struct table_reader *table, struct opening *opening, const char *name,
          struct block_handle handle, struct slice *stored_out)
{
    if (!table_handle_fits(table, handle) || handle.size > TABLE_META_BYTES_MAX)
        return KV_FAIL(KV_CORRUPT, "table %s: %s at %llu, %llu bytes, not inside %llu bytes",
                       table->path, name, (unsigned long long)handle.offset,
                       (unsigned long long)handle.size, (unsigned long long)table->file_bytes);
    return want_piece(table, opening, handle.offset, handle.size + BLOCK_TRAILER_BYTES, stored_out);
}

/* For the blocks that are never compressed. */
static enum kv_status
verify_plain(const struct table_reader *table, const char *name, uint64_t offset,
             struct slice stored, struct slice *payload_out)
{
    uint8_t type;
    enum kv_status st = table_block_verify(table, offset, stored, payload_out, &type);

    if (st == KV_OK && type != COMPRESSION_NONE)
        return KV_FAIL(KV_CORRUPT, "table %s: %s with compression type %u", table->path, name,
                       type);
    return st;
}

static void
take_meta_entry(struct opening *opening, struct slice name, struct block_handle handle)
{
    static const struct {
        const char *name;
        enum meta_block block;
    } known[] = {
        {META_PROPERTIES, META_BLOCK_PROPERTIES},
        {META_PROPERTIES_OLD, META_BLOCK_PROPERTIES},
        {META_RANGE_DEL, META_BLOCK_RANGE_DEL},
        {META_COMPRESSION_DICT, META_BLOCK_DICTIONARY},
    };

    /* All full filters tell their kind in their last bytes, whatever their name. */
    if (slice_starts_with(name, slice_from_text("fullfilter."))) {
        opening->present[META_BLOCK_FILTER] = true;
        opening->handles[META_BLOCK_FILTER] = handle;
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (slice_equal(name, slice_from_text(known[i].name))) {
            opening->present[known[i].block] = true;
            opening->handles[known[i].block] = handle;
        }
    }
}

static enum kv_status
read_metaindex(struct table_reader *table, struct opening *opening)
{
    const struct block_handle handle = table->footer.metaindex;
    struct block_iter iter;
    struct slice stored, payload;
    bool well_formed;
    enum kv_status st = want_meta(table, opening, "metaindex", handle, &stored);

    if (st == KV_OK)
        st = verify_plain(table, "metaindex", handle.offset, stored, &payload);
    if (st != KV_OK)
        return st;
    block_iter_init(&iter);
    well_formed =
        block_iter_open(&iter, payload, (struct block_form){0}) && block_iter_seek_first(&iter);
    while (well_formed && iter.valid) {
        struct slice value = iter.value;
        struct block_handle found;

        if (get_varint64(&value, &found.offset) && get_varint64(&value, &found.size))
            take_meta_entry(opening, iter.key, found);
        if (block_iter_is_last(&iter))
            break;
        well_formed = block_iter_next(&iter);
    }
    if (!well_formed)
        st = table_block_fault(table, handle.offset, &iter);
    block_iter_deinit(&iter);
    return st;
}

/* All missing ones are wanted in one round. */
static enum kv_status
want_metas(struct table_reader *table, struct opening *opening)
{
    enum kv_status st = KV_OK;

    opening->present[META_BLOCK_INDEX] = true;
    opening->handles[META_BLOCK_INDEX] = table->footer.index;
    for (size_t i = 0; i < META_BLOCK_COUNT; i++) {
        enum kv_status one;

        if (!opening->present[i])
            continue;
        one = want_meta(table, opening, meta_names[i], opening->handles[i], &opening->stored[i]);
        if (one != KV_OK && one != KV_WANT_BLOCK)
            return one;
        if (one == KV_WANT_BLOCK)
            st = one;
    }
    return st;
}

static enum kv_status
verify_meta(struct table_reader *table, struct opening *opening, enum meta_block block,
            struct slice *payload_out)
{
    KV_ASSERT(opening->present[block]);
    return verify_plain(table, meta_names[block], opening->handles[block].offset,
                        opening->stored[block], payload_out);
}

/* An ingested table's properties may have been patched after they were checksummed. */
static bool
properties_were_patched(const struct table_reader *table, struct slice stored)
{
    struct buffer unpatched = {0};
    bool patched = false;

    if (stored.size >= BLOCK_TRAILER_BYTES && table_properties_unpatch(stored, &unpatched)) {
        const struct slice payload = slice_of(unpatched.data, stored.size - BLOCK_TRAILER_BYTES);

        patched = block_checksum(table->footer.checksum_kind, payload, stored.data[payload.size]) ==
                  load_fixed32(stored.data + payload.size + 1);
    }
    buffer_deinit(&unpatched);
    return patched;
}

static enum kv_status
read_properties(struct table_reader *table, struct opening *opening)
{
    const struct slice stored = opening->stored[META_BLOCK_PROPERTIES];
    struct slice payload;
    enum kv_status st;

    opening->traits = (struct table_traits){.whole_key_filtering = true};
    table->properties = (struct table_properties){0};
    if (opening->present[META_BLOCK_PROPERTIES]) {
        if (table->footer.checksum_kind != CHECKSUM_NONE && properties_were_patched(table, stored))
            payload = slice_of(stored.data, stored.size - BLOCK_TRAILER_BYTES);
        else if ((st = verify_meta(table, opening, META_BLOCK_PROPERTIES, &payload)) != KV_OK)
            return st;
        st = table_properties_parse(table, payload, &table->properties, &opening->traits);
        if (st != KV_OK)
            return st;
    }
    table->properties.format_version = table->footer.format_version;
    table->properties.checksum_kind = table->footer.checksum_kind;
    return KV_OK;
}

/* Ingested tables store sequence 0 everywhere; the real one is one for the whole table. */
static enum kv_status
decide_global_seq(struct table_reader *table, const struct table_traits *traits)
{
    uint64_t seq = traits->global_seq_known ? traits->global_seq : 0;

    table->has_global_seq = traits->external_version >= 2;
    if (!table->has_global_seq)
        return KV_OK;
    if (table->bounded) {
        if (seq != 0 && seq != table->seq_largest)
            return KV_FAIL(
                KV_CORRUPT, "table %s: global sequence number %llu, the MANIFEST says %llu",
                table->path, (unsigned long long)seq, (unsigned long long)table->seq_largest);
        seq = table->seq_largest;
    }
    if (seq > SEQUENCE_MAX)
        return KV_FAIL(KV_CORRUPT, "table %s: global sequence number %llu", table->path,
                       (unsigned long long)seq);
    table->global_seq = seq;
    return KV_OK;
}

static enum kv_status
decide_index_form(struct table_reader *table, const struct table_traits *traits)
{
    const uint32_t type = table->properties.index_type;

    if (type > INDEX_WITH_FIRST_KEY)
        return KV_FAIL(KV_UNSUPPORTED, "table %s: index type %u is unknown", table->path, type);
    table->two_level = type == INDEX_TWO_LEVEL;
    table->index_form = (struct block_form){
        .keys_internal = !traits->index_keys_user,
        .values_handles = true,
        .values_delta = traits->index_values_delta,
        .has_first_keys = type == INDEX_WITH_FIRST_KEY,
    };
    return KV_OK;
}

static int
compare_offsets(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* Where the entries of an index point to, in its order. */
struct offset_list {
    uint64_t *items;
    size_t count, capacity;
};

static void
offset_list_add(struct offset_list *list, uint64_t offset)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 16 : 2 * list->capacity;
        list->items = kv_realloc(list->items, list->capacity * sizeof(uint64_t));
    }
    list->items[list->count++] = offset;
}

/* Of no use for lookups when restart points are fewer than entries. */
static void
keep_offsets(struct table_reader *table, struct offset_list *list)
{
    if (table->two_level) {
        if (list->count > 1)
            qsort(list->items, list->count, sizeof(uint64_t), compare_offsets);
        table->partitions = list->items;
        table->partition_count = list->count;
    } else if (list->count > 0 && list->count == table->index_words.count &&
               table->file_bytes >> (64 - PLACE_SIZE_BITS) == 0) {
        table->block_places = kv_realloc(list->items, list->count * sizeof(uint64_t));
    } else {
        free(list->items);
    }
}

/* Walks the whole (top) index once, so that what a lookup meets later is known to be sound. */
static enum kv_status
validate_index(struct table_reader *table)
{
    struct block_form form = table->index_form;
    struct offset_list offsets = {0};
    struct block_iter iter;
    bool well_formed;
    enum kv_status st = KV_OK;

    form.check_order = true;
    block_iter_init(&iter);
    well_formed =
        block_iter_open(&iter, buffer_slice(&table->index), form) && block_iter_seek_first(&iter);
    while (well_formed && iter.valid) {
        if (!table_handle_fits(table, iter.handle)) {
            st = KV_FAIL(KV_CORRUPT, "table %s: the index points to %llu, %llu bytes", table->path,
                         (unsigned long long)iter.handle.offset,
                         (unsigned long long)iter.handle.size);
            break;
        }
        offset_list_add(&offsets,
                        table->two_level ? iter.handle.offset : table_place_pack(iter.handle));
        if (block_iter_is_last(&iter))
            break;
        well_formed = block_iter_next(&iter);
    }
    if (well_formed && st == KV_OK)
        well_formed = restart_words_init(&table->index_words, &iter);
    if (!well_formed)
        st = table_block_fault(table, table->footer.index.offset, &iter);
    keep_offsets(table, &offsets);
    block_iter_deinit(&iter);
    return st;
}

static enum kv_status
read_index(struct table_reader *table, struct opening *opening)
{
    struct slice payload;
    uint8_t type;
    void *raw;
    size_t raw_size;
    enum kv_status st = table_block_verify(table, table->footer.index.offset,
                                           opening->stored[META_BLOCK_INDEX], &payload, &type);

    if (st == KV_OK)
        st = decide_index_form(table, &opening->traits);
    if (st == KV_OK)
        st = compression_decompress(type, table->footer.format_version, payload, slice_of(NULL, 0),
                                    &raw, &raw_size);
    if (st != KV_OK)
        return st;
    buffer_deinit(&table->index);
    table->index = (struct buffer){.data = raw, .size = raw_size, .capacity = raw_size};
    if (raw_size > TABLE_META_BYTES_MAX)
        return KV_FAIL(KV_LIMIT, "table %s: an index of %zu bytes", table->path, raw_size);
    return validate_index(table);
}

static enum kv_status
read_filter_and_dictionary(struct table_reader *table, struct opening *opening)
{
    struct slice payload;
    enum kv_status st = KV_OK;

    if (opening->present[META_BLOCK_FILTER] && opening->traits.whole_key_filtering) {
        st = verify_meta(table, opening, META_BLOCK_FILTER, &payload);
        if (st != KV_OK)
            return st;
        buffer_append_slice(&table->filter_raw, payload);
        filter_reader_init(&table->filter, buffer_slice(&table->filter_raw));
    }
    if (opening->present[META_BLOCK_DICTIONARY]) {
        st = verify_meta(table, opening, META_BLOCK_DICTIONARY, &payload);
        if (st == KV_OK)
            buffer_append_slice(&table->dictionary, payload);
    }
    return st;
}

/* Where the table's tombstones act (FORMAT.md trap 25). */
struct tombstone_bounds {
    struct slice begin; /* user keys; end exclusive */
    struct slice end;
};

/* The largest key itself is left out if it is only the end of a tombstone. */
static struct tombstone_bounds
tombstone_bounds_of(struct table_reader *table)
{
    const struct slice largest = buffer_slice(&table->largest);
    struct tombstone_bounds bounds = {
        .begin = internal_key_user(buffer_slice(&table->smallest)),
        .end = internal_key_user(largest),
    };

    KV_ASSERT(table->bounded);
    if (internal_key_is_tombstone_end(largest))
        return bounds;
    buffer_clear(&table->tombstone_last);
    buffer_append_slice(&table->tombstone_last, bounds.end);
    buffer_append_byte(&table->tombstone_last, 0);
    bounds.end = buffer_slice(&table->tombstone_last);
    return bounds;
}

/* Cut to the bounds, or left out if nothing remains.  False: malformed. */
static bool
add_tombstone(struct table_reader *table, struct block_iter *iter,
              const struct tombstone_bounds *bounds)
{
    const uint64_t footer = internal_key_footer(iter->key);
    struct slice begin = internal_key_user(iter->key), end = iter->value;

    iter->fault_status = KV_CORRUPT;
    iter->fault = "a range tombstone has another type";
    if ((footer & 0xff) != TYPE_RANGE_DELETION)
        return false;
    /* Nobody shares prefixes here, and keys that are put together would need an arena. */
    iter->fault = "a range tombstone shares a prefix with the one before it";
    if (iter->key.data == iter->key_data)
        return false;
    iter->fault = NULL;
    if (bounds != NULL && slice_compare(begin, bounds->begin) < 0)
        begin = bounds->begin;
    if (bounds != NULL && slice_compare(end, bounds->end) > 0)
        end = bounds->end;
    if (slice_compare(begin, end) < 0)
        range_tombstones_add(&table->tombstones, begin, end,
                             table->has_global_seq ? table->global_seq : footer >> 8);
    return true;
}

static bool
collect_tombstones(struct table_reader *table, struct block_iter *iter)
{
    struct tombstone_bounds bounds;
    bool well_formed;

    if (table->bounded)
        bounds = tombstone_bounds_of(table);
    well_formed = block_iter_open(iter, buffer_slice(&table->tombstone_raw),
                                  (struct block_form){.keys_internal = true}) &&
                  block_iter_seek_first(iter);
    while (well_formed && iter->valid) {
        if (!add_tombstone(table, iter, table->bounded ? &bounds : NULL))
            return false;
        if (block_iter_is_last(iter))
            break;
        well_formed = block_iter_next(iter);
    }
    return well_formed;
}

static enum kv_status
read_tombstones(struct table_reader *table, struct opening *opening)
{
    const uint64_t offset = opening->handles[META_BLOCK_RANGE_DEL].offset;
    struct block_iter iter;
    struct slice payload;
    enum kv_status st;

    if (!opening->present[META_BLOCK_RANGE_DEL])
        return KV_OK;
    st = verify_meta(table, opening, META_BLOCK_RANGE_DEL, &payload);
    if (st != KV_OK)
        return st;
    buffer_append_slice(&table->tombstone_raw, payload);
    block_iter_init(&iter);
    if (!collect_tombstones(table, &iter))
        st = table_block_fault(table, offset, &iter);
    block_iter_deinit(&iter);
    if (st == KV_OK)
        range_tombstones_index(&table->tombstones);
    return st;
}

static enum kv_status
read_all(struct table_reader *table, struct read_ctx *ctx)
{
    struct opening opening = {.ctx = ctx};
    enum kv_status st = read_footer(table, &opening);

    if (st == KV_OK)
        st = read_metaindex(table, &opening);
    if (st == KV_OK)
        st = want_metas(table, &opening);
    if (st == KV_OK)
        st = read_properties(table, &opening);
    if (st == KV_OK)
        st = decide_global_seq(table, &opening.traits);
    if (st == KV_OK)
        st = read_index(table, &opening);
    if (st == KV_OK)
        st = read_filter_and_dictionary(table, &opening);
    if (st == KV_OK)
        st = read_tombstones(table, &opening);
    return st;
}

enum kv_status
table_open_advance(struct table_reader *table, struct read_ctx *ctx)
{
    enum kv_status st;

    if (table->state == TABLE_OPEN)
        return KV_OK;
    if (table->state == TABLE_FAILED)
        return table->failure;
    st = read_all(table, ctx);
    if (st == KV_WANT_BLOCK)
        return st;
    for (uint32_t i = 0; i < table->piece_count; i++) {
        free(table->pieces[i].bytes);
        table->pieces[i].bytes = NULL;
    }
    table->state = st == KV_OK ? TABLE_OPEN : TABLE_FAILED;
    table->failure = st;
    return st;
}
