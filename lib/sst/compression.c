/* compression.c - the stored form of a block is what RocksDB calls compress format 2: snappy's
 * raw form has its own length in front, all others get a varint32 raw size.
 *
 * When reading, the raw size is a claim of untrusted bytes.  It is believed, and that much
 * memory allocated, only if the algorithm could have made that many bytes of the stored ones;
 * afterwards the decompressor must have produced exactly that many.
 */
#include "sst/compression.h"

#include <bzlib.h>
#include <lz4.h>
#include <lz4hc.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include "base/alloc.h"
#include "base/coding.h"
#include "base/limits.h"

enum { DEFLATE_WINDOW_BITS = -14, INFLATE_WINDOW_BITS = -15, DEFLATE_MEMORY_LEVEL = 8 };
enum { ZSTD_LEVEL = 3 };

static const struct compression_info {
    enum compression compression;
    const char *name; /* in kvd's config; NULL: cannot be asked for */
    const char *property_name;
    const char *option_name;
    uint32_t ratio_max; /* raw bytes that one stored byte can stand for, at most */
} compressions[] = {
    {COMPRESSION_NONE, "none", "NoCompression", "kNoCompression", 1},
    {COMPRESSION_SNAPPY, "snappy", "Snappy", "kSnappyCompression", 64},
    {COMPRESSION_ZLIB, "zlib", "Zlib", "kZlibCompression", 1032},
    {COMPRESSION_BZIP2, NULL, "BZip2", "kBZip2Compression", 2 * 1024 * 1024},
    {COMPRESSION_LZ4, "lz4", "LZ4", "kLZ4Compression", 255},
    {COMPRESSION_LZ4HC, "lz4hc", "LZ4HC", "kLZ4HCCompression", 255},
    {COMPRESSION_ZSTD, "zstd", "ZSTD", "kZSTD", 64 * 1024},
};

/* zstd's working memory, kept for the life of the process: making it anew costs 10 us a block, ten
 * times what decompressing a block takes.  No call leaves anything in it for the next one. */
static ZSTD_CCtx *zstd_compressor;
static ZSTD_DCtx *zstd_decompressor;

enum { COMPRESSION_KIND_COUNT = sizeof(compressions) / sizeof(compressions[0]) };

static const struct compression_info *
find_info(uint8_t type)
{
    for (unsigned i = 0; i < COMPRESSION_KIND_COUNT; i++) {
        if ((uint8_t)compressions[i].compression == type)
            return &compressions[i];
    }
    return NULL;
}

const char *
compression_property_name(enum compression compression)
{
    const struct compression_info *info = find_info((uint8_t)compression);

    KV_ASSERT(info != NULL);
    return info->property_name;
}

const char *
compression_option_name(enum compression compression)
{
    const struct compression_info *info = find_info((uint8_t)compression);

    KV_ASSERT(info != NULL);
    return info->option_name;
}

bool
compression_parse(const char *name, enum compression *compression_out)
{
    KV_ASSERT(name != NULL);
    for (unsigned i = 0; i < COMPRESSION_KIND_COUNT; i++) {
        if (compressions[i].name != NULL && strcmp(compressions[i].name, name) == 0) {
            *compression_out = compressions[i].compression;
            return true;
        }
    }
    return false;
}

/* Each of these returns the size of what it wrote to `target`, or 0 if `room` was not enough. */

static size_t
deflate_into(struct slice raw, uint8_t *target, size_t room)
{
    z_stream stream = {0};
    int result = deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, DEFLATE_WINDOW_BITS,
                              DEFLATE_MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
    size_t written;

    KV_ASSERT(result == Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)raw.data; /* zlib's struct lacks const */
    stream.avail_in = (uInt)raw.size;
    stream.next_out = target;
    stream.avail_out = (uInt)room;
    result = deflate(&stream, Z_FINISH);
    written = result == Z_STREAM_END ? room - stream.avail_out : 0;
    deflateEnd(&stream);
    return written;
}

static size_t
zstd_into(struct slice raw, uint8_t *target, size_t room)
{
    size_t written;

    if (zstd_compressor == NULL)
        zstd_compressor = ZSTD_createCCtx();
    KV_ASSERT(zstd_compressor != NULL);
    written = ZSTD_compressCCtx(zstd_compressor, target, room, raw.data, raw.size, ZSTD_LEVEL);

    return ZSTD_isError(written) ? 0 : written;
}

static size_t
compress_into(enum compression compression, struct slice raw, uint8_t *target, size_t room)
{
    const char *source = (const char *)raw.data;
    size_t written = room;

    switch (compression) {
    case COMPRESSION_SNAPPY:
        return snappy_compress(source, raw.size, (char *)target, &written) == SNAPPY_OK ? written
                                                                                        : 0;
    case COMPRESSION_ZLIB:
        return deflate_into(raw, target, room);
    case COMPRESSION_LZ4:
        return (size_t)LZ4_compress_default(source, (char *)target, (int)raw.size, (int)room);
    case COMPRESSION_LZ4HC:
        return (size_t)LZ4_compress_HC(source, (char *)target, (int)raw.size, (int)room,
                                       LZ4HC_CLEVEL_DEFAULT);
    case COMPRESSION_ZSTD:
        return zstd_into(raw, target, room);
    case COMPRESSION_NONE:
    case COMPRESSION_BZIP2:
        break;
    }
    kv_assert_failed(__FILE__, __LINE__, "a compression that is written");
}

/* Snappy insists on room for the worst case; LZ4 and zstd give up when they fear that the room
 * might not do, though it would have.  Only deflate stops when it is really full. */
static size_t
room_for(enum compression compression, size_t raw_size, size_t size_limit)
{
    switch (compression) {
    case COMPRESSION_SNAPPY:
        return snappy_max_compressed_length(raw_size);
    case COMPRESSION_LZ4:
    case COMPRESSION_LZ4HC:
        return (size_t)LZ4_compressBound((int)raw_size);
    case COMPRESSION_ZSTD:
        return ZSTD_compressBound(raw_size);
    default:
        return size_limit;
    }
}

bool
compression_compress(enum compression compression, struct slice raw, struct buffer *target)
{
    const size_t size_before = target->size;
    const size_t size_limit = raw.size - raw.size / 8; /* must stay below this */
    size_t room, prefix_size, written;

    KV_ASSERT(raw.size <= BLOCK_BYTES_MAX);
    if (compression == COMPRESSION_NONE || size_limit <= VARINT32_BYTES_MAX)
        return false;
    room = room_for(compression, raw.size, size_limit);
    buffer_reserve(target, VARINT32_BYTES_MAX + room);
    if (compression != COMPRESSION_SNAPPY)
        buffer_put_varint32(target, (uint32_t)raw.size);
    prefix_size = target->size - size_before;
    written = compress_into(compression, raw, target->data + target->size, room);
    if (written == 0 || prefix_size + written >= size_limit) {
        target->size = size_before;
        return false;
    }
    target->size += written;
    return true;
}

/* Each of these says whether `stored` became exactly `size` bytes at `target`. */

static bool
inflate_into(struct slice stored, struct slice dictionary, uint8_t *target, size_t size)
{
    z_stream stream = {0};
    int result = inflateInit2(&stream, INFLATE_WINDOW_BITS);
    bool complete = false;

    KV_ASSERT(result == Z_OK);
    if (dictionary.size > 0 &&
        inflateSetDictionary(&stream, dictionary.data, (uInt)dictionary.size) != Z_OK)
        goto done;
    stream.next_in = (Bytef *)(uintptr_t)stored.data;
    stream.avail_in = (uInt)stored.size;
    stream.next_out = target;
    stream.avail_out = (uInt)size;
    result = inflate(&stream, Z_FINISH);
    complete = result == Z_STREAM_END && stream.avail_out == 0 && stream.avail_in == 0;
done:
    inflateEnd(&stream);
    return complete;
}

static bool
bunzip_into(struct slice stored, uint8_t *target, size_t size)
{
    unsigned written = (unsigned)size;
    const int result = BZ2_bzBuffToBuffDecompress(
        (char *)target, &written, (char *)(uintptr_t)stored.data, (unsigned)stored.size, 0, 0);

    return result == BZ_OK && written == size;
}

static bool
zstd_decompress_into(struct slice stored, struct slice dictionary, uint8_t *target, size_t size)
{
    size_t written;

    if (zstd_decompressor == NULL)
        zstd_decompressor = ZSTD_createDCtx();
    KV_ASSERT(zstd_decompressor != NULL);
    written = ZSTD_decompress_usingDict(zstd_decompressor, target, size, stored.data, stored.size,
                                        dictionary.data, dictionary.size);
    return !ZSTD_isError(written) && written == size;
}

static bool
lz4_decompress_into(struct slice stored, struct slice dictionary, uint8_t *target, size_t size)
{
    const int written = LZ4_decompress_safe_usingDict(
        (const char *)stored.data, (char *)target, (int)stored.size, (int)size,
        (const char *)dictionary.data, (int)dictionary.size);

    return written >= 0 && (size_t)written == size;
}

static bool
decompress_into(enum compression compression, struct slice stored, struct slice dictionary,
                uint8_t *target, size_t size)
{
    size_t written = size;

    switch (compression) {
    case COMPRESSION_NONE:
        memcpy(target, stored.data, size);
        return true;
    case COMPRESSION_SNAPPY:
        return snappy_uncompress((const char *)stored.data, stored.size, (char *)target,
                                 &written) == SNAPPY_OK &&
               written == size;
    case COMPRESSION_ZLIB:
        return inflate_into(stored, dictionary, target, size);
    case COMPRESSION_BZIP2:
        return bunzip_into(stored, target, size);
    case COMPRESSION_LZ4:
    case COMPRESSION_LZ4HC:
        return lz4_decompress_into(stored, dictionary, target, size);
    case COMPRESSION_ZSTD:
        return zstd_decompress_into(stored, dictionary, target, size);
    }
    kv_assert_failed(__FILE__, __LINE__, "a known compression");
}

/* Takes the claim of a raw size off the front of `stored`; false: there is none. */
static bool
take_raw_size(enum compression compression, struct slice *stored, size_t *raw_size_out)
{
    uint32_t claimed;

    if (compression == COMPRESSION_NONE) {
        *raw_size_out = stored->size;
        return true;
    }
    if (compression == COMPRESSION_SNAPPY)
        return snappy_uncompressed_length((const char *)stored->data, stored->size, raw_size_out) ==
               SNAPPY_OK;
    if (!get_varint32(stored, &claimed))
        return false;
    *raw_size_out = claimed;
    return true;
}

enum kv_status
compression_raw_size(uint8_t type, uint32_t format_version, struct slice *stored,
                     size_t *raw_size_out)
{
    const struct compression_info *info = find_info(type);
    const size_t stored_size = stored->size;

    *raw_size_out = 0;
    if (info == NULL || (format_version < 2 && info->compression != COMPRESSION_NONE))
        return KV_FAIL(KV_UNSUPPORTED, "compression type %u in a table of format %u", type,
                       format_version);
    if (stored_size == 0 || stored_size > BLOCK_BYTES_MAX)
        return KV_FAIL(KV_CORRUPT, "%s: %zu stored bytes", info->property_name, stored_size);
    if (!take_raw_size(info->compression, stored, raw_size_out))
        return KV_FAIL(KV_CORRUPT, "%s: no raw size", info->property_name);
    if (*raw_size_out > BLOCK_BYTES_MAX || *raw_size_out / info->ratio_max > stored->size)
        return KV_FAIL(KV_CORRUPT, "%s: %zu stored bytes claim to be %zu", info->property_name,
                       stored->size, *raw_size_out);
    return KV_OK;
}

enum kv_status
compression_decompress_into(uint8_t type, struct slice stored, struct slice dictionary,
                            uint8_t *target, size_t raw_size)
{
    const struct compression_info *info = find_info(type);

    KV_ASSERT(info != NULL);
    if (dictionary.size > BLOCK_BYTES_MAX)
        return KV_FAIL(KV_CORRUPT, "%s: %zu bytes of dictionary", info->property_name,
                       dictionary.size);
    if (!decompress_into(info->compression, stored, dictionary, target, raw_size))
        return KV_FAIL(KV_CORRUPT, "%s: %zu stored bytes do not become %zu", info->property_name,
                       stored.size, raw_size);
    return KV_OK;
}

enum kv_status
compression_decompress(uint8_t type, uint32_t format_version, struct slice stored,
                       struct slice dictionary, void **raw_out, size_t *raw_size_out)
{
    enum kv_status st;
    size_t raw_size;
    void *raw;

    *raw_out = NULL;
    *raw_size_out = 0;
    st = compression_raw_size(type, format_version, &stored, &raw_size);
    if (st != KV_OK)
        return st;
    raw = malloc(raw_size + 1); /* never 0; the size is a stranger's, so failing is no bug */
    if (raw == NULL)
        return KV_FAIL(KV_LIMIT, "no memory for %zu raw bytes", raw_size);
    st = compression_decompress_into(type, stored, dictionary, raw, raw_size);
    if (st != KV_OK) {
        free(raw);
        return st;
    }
    *raw_out = raw;
    *raw_size_out = raw_size;
    return KV_OK;
}
