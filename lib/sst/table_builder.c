/* table_builder.c - entries go into the current data block; a full block leaves at once, and all
 * that is known only at the end (filter, index, tombstones, properties) is collected meanwhile.
 *
 *     add -> block full? -> write it -> its index entry waits for the next block's first key
 *
 * A block is closed before the entry that would overfill it, as RocksDB does, so the same entries
 * give the same blocks.  The first failure, of the sink or of an entry, stays: the file is
 * useless from then on.
 *
 * Invariant: `offset` bytes have been given to the sink, and `crc` is their checksum.
 */
#include "sst/table_builder.h"

#include "base/alloc.h"
#include "base/crc32c.h"
#include "sst/block_checksum.h"
#include "sst/filter_builder.h"
#include "sst/index_builder.h"
#include "sst/range_del_builder.h"
#include "sst/sst_format.h"
#include "sst/table_builder_internal.h"

enum {
    BLOCK_FULL_PERCENT = 90, /* from here on an entry that does not fit opens a new block */
    ENTRY_PART_BYTES_MAX = BLOCK_BYTES_MAX - BLOCK_BYTES_MAX / 4, /* a key and value together */
    STORED_KEPT_BYTES_MAX = 4 * 1024 * 1024,
    SAMPLED_BYTES_MIN = 16 * 1024 * 1024, /* from here on a block is compressed on probation */
    SAMPLE_BYTES = 1024 * 1024,
};

static_assert(ENTRY_PART_BYTES_MAX > VALUE_BYTES_MAX + KEY_BYTES_MAX + KEY_FOOTER_BYTES,
              "every entry that a client may write fits");

struct block_place {
    uint64_t offset;
    uint64_t size; /* without trailer */
};

struct table_builder {
    struct table_build_options options; /* its texts are borrowed */
    table_sink_fn *sink;
    void *sink_owner;
    enum kv_status status; /* the first failure */
    bool finished;
    uint64_t offset;
    uint32_t crc;

    struct block_builder data;
    struct index_builder index;
    struct filter_builder filter;
    struct range_del_builder range_dels;
    struct buffer stored; /* owned; a block's compressed form */

    bool block_waits; /* a written data block has no index entry yet */
    struct block_place waiting_block;

    struct table_counts counts;
    struct buffer smallest, largest; /* owned; internal keys; largest: of tombstones only */
    uint64_t seq_smallest, seq_largest;
    struct deadline_counter deadlines;
};

void
table_summary_deinit(struct table_summary *summary)
{
    buffer_deinit(&summary->smallest);
    buffer_deinit(&summary->largest);
}

struct table_builder *
table_builder_new(const struct table_build_options *options, table_sink_fn *sink, void *sink_owner)
{
    struct table_builder *builder = kv_alloc_zero(sizeof(*builder));

    KV_ASSERT(options->block_bytes <= BLOCK_BYTES_MAX / 8);
    KV_ASSERT(options->compression != COMPRESSION_BZIP2);
    builder->options = *options;
    if (builder->options.block_bytes == 0)
        builder->options.block_bytes = BLOCK_BYTES_TARGET;
    builder->sink = sink;
    builder->sink_owner = sink_owner;
    builder->seq_smallest = UINT64_MAX;
    block_builder_init(&builder->data, RESTART_INTERVAL_DATA);
    index_builder_init(&builder->index);
    filter_builder_init(&builder->filter, options->bloom_bits_per_key);
    range_del_builder_init(&builder->range_dels);
    return builder;
}

void
table_builder_free(struct table_builder *builder)
{
    if (builder == NULL)
        return;
    block_builder_deinit(&builder->data);
    index_builder_deinit(&builder->index);
    filter_builder_deinit(&builder->filter);
    range_del_builder_deinit(&builder->range_dels);
    buffer_deinit(&builder->stored);
    buffer_deinit(&builder->smallest);
    buffer_deinit(&builder->largest);
    free(builder);
}

static enum kv_status
emit(struct table_builder *builder, struct slice bytes)
{
    const enum kv_status st = builder->sink(builder->sink_owner, bytes);

    if (st != KV_OK)
        return st;
    builder->crc = crc32c_extend(builder->crc, bytes.data, bytes.size);
    builder->offset += bytes.size;
    return KV_OK;
}

/* Writes a block and its trailer, which is appended to `bytes`. */
static enum kv_status
emit_block(struct table_builder *builder, struct buffer *bytes, enum compression type,
           struct block_place *place_out)
{
    const uint32_t checksum = block_checksum(CHECKSUM_XXH3, buffer_slice(bytes), (uint8_t)type);

    KV_ASSERT(bytes->size > 0 && bytes->size <= BLOCK_BYTES_MAX);
    place_out->offset = builder->offset;
    place_out->size = bytes->size;
    buffer_append_byte(bytes, (uint8_t)type);
    buffer_put_fixed32(bytes, checksum);
    return emit(builder, buffer_slice(bytes));
}

/* Trying to compress a huge value that does not compress would cost its size again in memory, and
 * recovery does this inside kvd: its beginning tells. */
static bool
is_worth_compressing(struct table_builder *builder, struct slice raw)
{
    bool worth;

    if (raw.size < SAMPLED_BYTES_MIN)
        return true;
    worth = compression_compress(builder->options.compression, slice_of(raw.data, SAMPLE_BYTES),
                                 &builder->stored);
    buffer_clear(&builder->stored);
    return worth;
}

static enum kv_status
emit_compressed_block(struct table_builder *builder, struct buffer *raw,
                      struct block_place *place_out)
{
    const enum compression compression = builder->options.compression;

    if (builder->stored.capacity > STORED_KEPT_BYTES_MAX)
        buffer_deinit(&builder->stored);
    buffer_clear(&builder->stored);
    if (is_worth_compressing(builder, buffer_slice(raw)) &&
        compression_compress(compression, buffer_slice(raw), &builder->stored))
        return emit_block(builder, &builder->stored, compression, place_out);
    return emit_block(builder, raw, COMPRESSION_NONE, place_out);
}

static enum kv_status
close_data_block(struct table_builder *builder)
{
    enum kv_status st;

    KV_ASSERT(!builder->block_waits);
    KV_ASSERT(!block_builder_empty(&builder->data));
    block_builder_finish(&builder->data);
    st = emit_compressed_block(builder, &builder->data.bytes, &builder->waiting_block);
    if (st != KV_OK)
        return st;
    builder->block_waits = true;
    builder->counts.data_block_count++;
    builder->counts.data_bytes = builder->offset;
    block_builder_reset(&builder->data);
    return KV_OK;
}

/* `next` is the first key behind the block that waits, or empty. */
static void
index_waiting_block(struct table_builder *builder, struct slice next)
{
    KV_ASSERT(builder->block_waits);
    index_builder_add(&builder->index, buffer_slice(&builder->data.last_key), next,
                      builder->waiting_block.offset, builder->waiting_block.size);
    builder->block_waits = false;
}

/* As RocksDB: a block is closed when it has reached its size, or nearly has and the entry would
 * take it further. */
static inline bool
block_is_full(const struct table_builder *builder, struct slice key, struct slice value)
{
    const uint64_t limit = builder->options.block_bytes;
    const uint64_t nearly = (limit * BLOCK_FULL_PERCENT + 99) / 100;
    const uint64_t size = block_builder_size(&builder->data);

    if (block_builder_empty(&builder->data))
        return false;
    return size >= limit ||
           (size > nearly && block_builder_size_with(&builder->data, key, value) > limit);
}

static inline bool
type_is_stored(uint64_t footer)
{
    switch ((enum value_type)(footer & 0xff)) {
    case TYPE_DELETION:
    case TYPE_VALUE:
    case TYPE_MERGE:
    case TYPE_SINGLE_DELETION:
    case TYPE_ENTITY:
        return true;
    default:
        return false;
    }
}

/* Keys come from other tables, so a bad one is not our bug, but it must go no further. */
static enum kv_status
check_entry(const struct table_builder *builder, struct slice key, size_t shared,
            struct slice value)
{
    const struct slice last = buffer_slice(&builder->data.last_key);
    bool ascending;

    if (!type_is_stored(internal_key_footer(key)))
        return KV_FAIL(KV_CORRUPT, "table %llu: an entry of type %u",
                       (unsigned long long)builder->options.file_number,
                       (unsigned)(internal_key_footer(key) & 0xff));
    if (key.size > ENTRY_PART_BYTES_MAX || value.size > ENTRY_PART_BYTES_MAX - key.size)
        return KV_FAIL(KV_LIMIT, "table %llu: a key of %zu bytes with a value of %zu",
                       (unsigned long long)builder->options.file_number, key.size, value.size);
    if (last.size == 0)
        return KV_OK;
    if (shared + KEY_FOOTER_BYTES < key.size && shared + KEY_FOOTER_BYTES < last.size)
        ascending = key.data[shared] > last.data[shared];
    else
        ascending = internal_key_compare(last, key) < 0;
    if (!ascending)
        return KV_FAIL(KV_CORRUPT, "table %llu: entry %llu is not above the one before",
                       (unsigned long long)builder->options.file_number,
                       (unsigned long long)builder->counts.entry_count);
    return KV_OK;
}

static inline void
count_seq(struct table_builder *builder, uint64_t seq)
{
    if (seq < builder->seq_smallest)
        builder->seq_smallest = seq;
    if (seq > builder->seq_largest)
        builder->seq_largest = seq;
}

static void
count_deadline(struct table_builder *builder, struct slice entity)
{
    const uint64_t deadline_ms = entity_deadline(entity);

    if (deadline_ms != DEADLINE_NONE)
        deadline_counter_add(&builder->deadlines, deadline_ms);
}

static inline void
count_entry(struct table_builder *builder, struct slice key, struct slice value)
{
    const uint64_t footer = internal_key_footer(key);
    const enum value_type type = (enum value_type)(footer & 0xff);

    builder->counts.entry_count++;
    builder->counts.raw_key_bytes += key.size;
    builder->counts.raw_value_bytes += value.size;
    builder->counts.deletion_count += type == TYPE_DELETION || type == TYPE_SINGLE_DELETION;
    builder->counts.merge_operand_count += type == TYPE_MERGE;
    count_seq(builder, footer >> 8);
    if (type == TYPE_ENTITY)
        count_deadline(builder, value);
}

static void
lower_smallest(struct table_builder *builder, struct slice key)
{
    struct buffer *smallest = &builder->smallest;

    if (smallest->size == 0 || internal_key_compare(key, buffer_slice(smallest)) < 0) {
        buffer_clear(smallest);
        buffer_append_slice(smallest, key);
    }
}

static enum kv_status
add_entry(struct table_builder *builder, struct slice key, struct slice value)
{
    const size_t last_size = builder->data.last_key.size; /* 0: this is the first */
    const size_t shared = block_builder_shared(&builder->data, key);
    enum kv_status st = check_entry(builder, key, shared, value);

    if (st == KV_OK && block_is_full(builder, key, value))
        st = close_data_block(builder);
    if (st != KV_OK)
        return st;
    if (builder->block_waits)
        index_waiting_block(builder, key);
    if (last_size == 0)
        lower_smallest(builder, key);
    /* Versions of one user key have it in the filter once. */
    if (last_size != key.size || shared + KEY_FOOTER_BYTES < key.size)
        filter_builder_add(&builder->filter, internal_key_user(key));
    else
        builder->counts.superseded_count++;
    block_builder_add(&builder->data, key, shared, value);
    count_entry(builder, key, value);
    return KV_OK;
}

enum kv_status
table_builder_add(struct table_builder *builder, struct slice key, struct slice value)
{
    KV_ASSERT(!builder->finished);
    KV_ASSERT(key.size >= KEY_FOOTER_BYTES);
    if (builder->status == KV_OK)
        builder->status = add_entry(builder, key, value);
    return builder->status;
}

void
table_builder_add_tombstone(struct table_builder *builder, struct slice begin, struct slice end,
                            uint64_t seq)
{
    struct buffer bound = {0};

    KV_ASSERT(!builder->finished);
    range_del_builder_add(&builder->range_dels, begin, end, seq);
    count_seq(builder, seq);
    buffer_append_slice(&bound, begin);
    buffer_put_fixed64(&bound, footer_pack(seq, TYPE_RANGE_DELETION));
    lower_smallest(builder, buffer_slice(&bound));
    buffer_clear(&bound);
    buffer_append_slice(&bound, end);
    buffer_put_fixed64(&bound, footer_pack(SEQUENCE_MAX, TYPE_RANGE_DELETION));
    if (builder->largest.size == 0 ||
        internal_key_compare(buffer_slice(&builder->largest), buffer_slice(&bound)) < 0) {
        buffer_clear(&builder->largest);
        buffer_append_slice(&builder->largest, buffer_slice(&bound));
    }
    buffer_deinit(&bound);
}

void
table_builder_set_snapshots(struct table_builder *builder, const uint64_t *snapshots,
                            size_t snapshot_count)
{
    KV_ASSERT(!builder->finished);
    KV_ASSERT(snapshots != NULL || snapshot_count == 0);
    range_del_builder_thin(&builder->range_dels, snapshots, snapshot_count);
}

uint64_t
table_builder_bytes_estimate(const struct table_builder *builder)
{
    return builder->offset + block_builder_size(&builder->data) + builder->index.entries.size +
           filter_builder_size(&builder->filter) + builder->range_dels.bytes;
}

static enum kv_status
emit_filter(struct table_builder *builder, struct block_place *place_out)
{
    struct buffer block = {0};
    enum kv_status st;

    filter_builder_finish(&builder->filter, &block);
    builder->counts.filter_bytes = block.size;
    builder->counts.filter_entry_count = builder->filter.hash_count;
    st = emit_block(builder, &block, COMPRESSION_NONE, place_out);
    buffer_deinit(&block);
    return st;
}

static enum kv_status
emit_index(struct table_builder *builder, struct block_place *place_out)
{
    struct block_builder block;
    enum kv_status st;

    block_builder_init(&block, 1);
    index_builder_finish(&builder->index, &block);
    builder->counts.index_bytes = block.bytes.size + BLOCK_TRAILER_BYTES;
    builder->counts.index_has_internal_keys = builder->index.has_internal_keys;
    st = emit_compressed_block(builder, &block.bytes, place_out);
    block_builder_deinit(&block);
    return st;
}

static enum kv_status
emit_range_dels(struct table_builder *builder, struct block_place *place_out)
{
    struct block_builder block;
    struct range_del_totals totals;
    enum kv_status st;

    block_builder_init(&block, 1);
    range_del_builder_finish(&builder->range_dels, &block, &totals);
    builder->counts.range_tombstone_count = totals.entry_count;
    builder->counts.entry_count += totals.entry_count;
    builder->counts.deletion_count += totals.entry_count;
    builder->counts.raw_key_bytes += totals.key_bytes;
    builder->counts.raw_value_bytes += totals.value_bytes;
    st = emit_block(builder, &block.bytes, COMPRESSION_NONE, place_out);
    block_builder_deinit(&block);
    return st;
}

static enum kv_status
emit_properties(struct table_builder *builder, struct block_place *place_out)
{
    struct table_counts *counts = &builder->counts;
    struct block_builder block;
    enum kv_status st;

    counts->deadlines =
        deadline_counter_finish(&builder->deadlines, counts->entry_count, counts->deletion_count);
    block_builder_init(&block, RESTART_INTERVAL_NONE);
    table_properties_build(&builder->options, counts, &block);
    st = emit_block(builder, &block.bytes, COMPRESSION_NONE, place_out);
    block_builder_deinit(&block);
    return st;
}

static size_t
put_handle(uint8_t *target, const struct block_place *place)
{
    const size_t size = put_varint64(target, place->offset);

    return size + put_varint64(target + size, place->size);
}

static void
put_meta(struct block_builder *block, const char *name, const struct block_place *place)
{
    uint8_t handle[2 * VARINT64_BYTES_MAX];
    const struct slice key = slice_from_text(name);

    KV_ASSERT(slice_compare(buffer_slice(&block->last_key), key) < 0);
    if (place->size > 0)
        block_builder_add(block, key, block_builder_shared(block, key),
                          slice_of(handle, put_handle(handle, place)));
}

struct table_places {
    struct block_place filter, index, range_dels, properties, metaindex; /* size 0: not there */
};

static enum kv_status
emit_metaindex(struct table_builder *builder, struct table_places *places)
{
    struct block_builder block;
    enum kv_status st;

    block_builder_init(&block, 1);
    put_meta(&block, META_FULL_FILTER, &places->filter);
    put_meta(&block, META_PROPERTIES, &places->properties);
    put_meta(&block, META_RANGE_DEL, &places->range_dels);
    block_builder_finish(&block);
    st = emit_block(builder, &block.bytes, COMPRESSION_NONE, &places->metaindex);
    block_builder_deinit(&block);
    return st;
}

static enum kv_status
emit_footer(struct table_builder *builder, const struct table_places *places)
{
    uint8_t footer[FOOTER_BYTES] = {0};
    size_t size = FOOTER_HANDLES_OFFSET;

    footer[0] = CHECKSUM_XXH3;
    size += put_handle(footer + size, &places->metaindex);
    size += put_handle(footer + size, &places->index);
    KV_ASSERT(size <= FOOTER_VERSION_OFFSET);
    put_fixed32(footer + FOOTER_VERSION_OFFSET, FORMAT_VERSION_WRITTEN);
    put_fixed64(footer + FOOTER_MAGIC_OFFSET, TABLE_MAGIC);
    return emit(builder, slice_of(footer, sizeof(footer)));
}

static enum kv_status
emit_rest(struct table_builder *builder)
{
    struct table_places places = {0};
    enum kv_status st = KV_OK;

    if (!block_builder_empty(&builder->data))
        st = close_data_block(builder);
    if (st == KV_OK && builder->block_waits)
        index_waiting_block(builder, slice_of(NULL, 0));
    if (st == KV_OK && builder->filter.hash_count > 0)
        st = emit_filter(builder, &places.filter);
    if (st == KV_OK)
        st = emit_index(builder, &places.index);
    if (st == KV_OK && builder->range_dels.tombstones.count > 0)
        st = emit_range_dels(builder, &places.range_dels);
    if (st == KV_OK)
        st = emit_properties(builder, &places.properties);
    if (st == KV_OK)
        st = emit_metaindex(builder, &places);
    if (st == KV_OK)
        st = emit_footer(builder, &places);
    return st;
}

static void
fill_summary(const struct table_builder *builder, struct table_summary *summary)
{
    const struct slice last_point = buffer_slice(&builder->data.last_key);
    struct slice largest = buffer_slice(&builder->largest);

    if (largest.size == 0 || (last_point.size > 0 && internal_key_compare(largest, last_point) < 0))
        largest = last_point;
    summary->file_number = builder->options.file_number;
    summary->file_bytes = builder->offset;
    buffer_append_slice(&summary->smallest, buffer_slice(&builder->smallest));
    buffer_append_slice(&summary->largest, largest);
    summary->seq_smallest = builder->seq_smallest;
    summary->seq_largest = builder->seq_largest;
    summary->entry_count = builder->counts.entry_count;
    summary->deletion_count = builder->counts.deletion_count;
    summary->range_tombstone_count = builder->counts.range_tombstone_count;
    summary->superseded_count = builder->counts.superseded_count;
    summary->deadlines = builder->counts.deadlines;
    summary->checksum_crc32c = builder->crc;
    KV_ASSERT(internal_key_compare(buffer_slice(&summary->smallest), largest) <= 0);
}

enum kv_status
table_builder_finish(struct table_builder *builder, struct table_summary *summary_out)
{
    *summary_out = (struct table_summary){0};
    KV_ASSERT(!builder->finished);
    KV_ASSERT(builder->status != KV_OK || builder->smallest.size > 0);
    builder->finished = true;
    if (builder->status == KV_OK)
        builder->status = emit_rest(builder);
    if (builder->status == KV_OK)
        fill_summary(builder, summary_out);
    return builder->status;
}
