/* inspect_table.c - a table from its footer inwards.
 *
 * Footer, metaindex and properties are read here, block by block, because they are to be shown as
 * they are, also when the table as a whole cannot be opened; index and entries come from the
 * engine's reader (inspect_table_data.c).
 */
#include <stdio.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "cli/inspect_table.h"
#include "io/file.h"
#include "sst/block_checksum.h"
#include "sst/block_iter.h"
#include "sst/sst_format.h"

struct footer {
    enum checksum_kind checksum_kind;
    uint32_t format_version;
    struct block_handle metaindex, index;
};

static const char *
checksum_name(uint8_t kind)
{
    static const char *const names[] = {"none", "crc32c", "xxhash", "xxhash64", "xxh3"};

    return checksum_kind_is_known(kind) ? names[kind] : "unknown";
}

static bool
parse_handle(struct slice *input, struct block_handle *handle)
{
    return get_varint64(input, &handle->offset) && get_varint64(input, &handle->size);
}

static void
print_handle(const char *name, const struct block_handle *handle)
{
    (void)printf("  %s at %llu, %llu bytes\n", name, (unsigned long long)handle->offset,
                 (unsigned long long)handle->size);
}

static bool
read_footer(struct inspection *inspection, const struct inspected_file *file, struct footer *footer)
{
    uint8_t bytes[FOOTER_BYTES] = {0};
    struct slice handles = slice_of(bytes + FOOTER_HANDLES_OFFSET, FOOTER_HANDLES_BYTES);
    enum kv_status st;

    if (file->bytes < FOOTER_BYTES) {
        inspect_damage(inspection, "the file is shorter than a footer");
        return false;
    }
    st = file_read(inspection->io, file->fd, file->bytes - FOOTER_BYTES, bytes, sizeof(bytes));
    inspect_note(inspection, st);
    if (st != KV_OK)
        return false;
    if (load_fixed64(bytes + FOOTER_MAGIC_OFFSET) != TABLE_MAGIC) {
        inspect_damage(inspection, "the last eight bytes are %016llx, not a block-based table's",
                       (unsigned long long)load_fixed64(bytes + FOOTER_MAGIC_OFFSET));
        return false;
    }
    footer->format_version = load_fixed32(bytes + FOOTER_VERSION_OFFSET);
    (void)printf("footer: format version %u, checksum %s\n", footer->format_version,
                 checksum_name(bytes[0]));
    if (!checksum_kind_is_known(bytes[0]) || !parse_handle(&handles, &footer->metaindex) ||
        !parse_handle(&handles, &footer->index)) {
        inspect_damage(inspection, "the footer is malformed");
        return false;
    }
    footer->checksum_kind = (enum checksum_kind)bytes[0];
    print_handle("metaindex", &footer->metaindex);
    print_handle("index", &footer->index);
    return true;
}

/* The checked bytes of a block that is never compressed.  The caller deinits `block`. */
static bool
read_meta_block(struct inspection *inspection, const struct inspected_file *file,
                const struct footer *footer, const struct block_handle *handle,
                struct buffer *block)
{
    enum kv_status st;
    uint32_t stored;

    if (handle->offset > file->bytes || file->bytes - handle->offset < BLOCK_TRAILER_BYTES ||
        handle->size > file->bytes - handle->offset - BLOCK_TRAILER_BYTES) {
        inspect_damage(inspection, "the block at %llu, %llu bytes, is not inside the file",
                       (unsigned long long)handle->offset, (unsigned long long)handle->size);
        return false;
    }
    st = file_read(inspection->io, file->fd, handle->offset,
                   buffer_reserve(block, handle->size + BLOCK_TRAILER_BYTES),
                   handle->size + BLOCK_TRAILER_BYTES);
    inspect_note(inspection, st);
    if (st != KV_OK)
        return false;
    block->size = handle->size;
    stored = load_fixed32(block->data + handle->size + 1);
    if (footer->checksum_kind != CHECKSUM_NONE &&
        block_checksum(footer->checksum_kind, buffer_slice(block), block->data[handle->size]) !=
            stored) {
        inspect_damage(inspection, "the block at %llu does not pass its checksum",
                       (unsigned long long)handle->offset);
        return false;
    }
    if (block->data[handle->size] == 0)
        return true;
    (void)printf("  (compressed: not shown)\n");
    return false;
}

/* The others are numbers. */
static bool
property_is_text(struct slice name)
{
    static const char *const texts[] = {
        PROPERTY_PREFIX_FILTERING, PROPERTY_WHOLE_KEY_FILTERING, PROPERTY_CF_NAME,
        PROPERTY_COMPARATOR,       PROPERTY_COMPRESSION,         PROPERTY_COMPRESSION_OPTIONS,
        PROPERTY_DB_IDENTITY,      PROPERTY_HOST_IDENTITY,       PROPERTY_SESSION_IDENTITY,
        PROPERTY_FILTER_POLICY,    PROPERTY_MERGE_OPERATOR,      PROPERTY_PREFIX_EXTRACTOR,
        PROPERTY_COLLECTORS,
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (slice_equal(name, slice_from_text(texts[i])))
            return true;
    }
    return !slice_starts_with(name, slice_from_text("rocksdb."));
}

static void
print_property(struct inspection *inspection, struct slice name, struct slice value)
{
    struct slice rest = value;
    uint64_t number;
    bool is_number = false;

    if (slice_equal(name, slice_from_text(PROPERTY_INDEX_TYPE)) ||
        slice_equal(name, slice_from_text(PROPERTY_EXTERNAL_VERSION))) {
        is_number = value.size == 4;
        number = is_number ? load_fixed32(value.data) : 0;
    } else if (slice_equal(name, slice_from_text(PROPERTY_EXTERNAL_GLOBAL_SEQNO))) {
        is_number = value.size == 8;
        number = is_number ? load_fixed64(value.data) : 0;
    } else if (!property_is_text(name)) {
        is_number = get_varint64(&rest, &number) && rest.size == 0;
    }
    (void)printf("  %.*s ", (int)name.size, (const char *)name.data);
    if (is_number)
        (void)printf("%llu", (unsigned long long)number);
    else
        inspect_bytes(inspection, value);
    (void)putchar('\n');
}

/* A name from the file, on its way to a terminal. */
static bool
is_plain_name(struct slice name)
{
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] <= 0x20 || name.data[i] >= 0x7f)
            return false;
    }
    return name.size > 0 && name.size < 256;
}

/* The entries of a block of plain keys, until one is malformed. */
static void
walk_block(struct inspection *inspection, struct slice block,
           void (*on_entry)(struct inspection *inspection, struct slice name, struct slice value,
                            void *owner),
           void *owner)
{
    struct block_iter iter;
    bool is_good;

    block_iter_init(&iter);
    is_good = block_iter_open(&iter, block, (struct block_form){.check_order = true}) &&
              block_iter_seek_first(&iter);
    while (is_good && iter.valid) {
        on_entry(inspection, iter.key, iter.value, owner);
        if (block_iter_is_last(&iter))
            break;
        is_good = block_iter_next(&iter);
    }
    if (!is_good)
        inspect_damage(inspection, "a meta block: %s", iter.fault != NULL ? iter.fault : "");
    block_iter_deinit(&iter);
}

static void
on_property(struct inspection *inspection, struct slice name, struct slice value, void *owner)
{
    (void)owner;
    if (is_plain_name(name)) {
        print_property(inspection, name, value);
        return;
    }
    (void)printf("  ");
    inspect_bytes(inspection, name);
    (void)putchar(' ');
    inspect_bytes(inspection, value);
    (void)putchar('\n');
}

static void
on_meta_block(struct inspection *inspection, struct slice name, struct slice value, void *owner)
{
    struct block_handle *properties = owner;
    struct block_handle handle;

    if (!parse_handle(&value, &handle) || !is_plain_name(name)) {
        inspect_damage(inspection, "the metaindex has a malformed entry");
        return;
    }
    (void)printf("  %.*s at %llu, %llu bytes\n", (int)name.size, (const char *)name.data,
                 (unsigned long long)handle.offset, (unsigned long long)handle.size);
    if (slice_equal(name, slice_from_text(META_PROPERTIES)) ||
        slice_equal(name, slice_from_text(META_PROPERTIES_OLD)))
        *properties = handle;
}

static void
print_meta(struct inspection *inspection, const struct inspected_file *file,
           const struct footer *footer)
{
    struct block_handle properties = {0};
    struct buffer block = {0};

    (void)printf("meta blocks:\n");
    if (read_meta_block(inspection, file, footer, &footer->metaindex, &block))
        walk_block(inspection, buffer_slice(&block), on_meta_block, &properties);
    buffer_deinit(&block);
    if (properties.size == 0)
        return;
    (void)printf("properties:\n");
    if (read_meta_block(inspection, file, footer, &properties, &block))
        walk_block(inspection, buffer_slice(&block), on_property, NULL);
    buffer_deinit(&block);
}

/* kvd frees the space of a table that it deletes a part at a time, and what is freed reads as
 * zeros. */
static void
look_whether_deleted(struct inspection *inspection, int fd)
{
    struct stat info;

    if (inspection->code != EXIT_DAMAGE || fstat(fd, &info) != 0 || info.st_nlink > 0)
        return;
    (void)printf("the file was deleted meanwhile: what looks like damage need not be any\n");
    inspection->code = EXIT_NO_INPUT;
}

void
inspect_table(struct inspection *inspection)
{
    struct inspected_file file;
    struct footer footer;

    if (!inspect_open(inspection, &file))
        return;
    (void)printf("table %s, %llu bytes\n", inspection->path, (unsigned long long)file.bytes);
    if (read_footer(inspection, &file, &footer)) {
        print_meta(inspection, &file, &footer);
        inspect_table_data(inspection, &file);
    }
    look_whether_deleted(inspection, file.fd);
    file_close(inspection->io, file.fd);
}
