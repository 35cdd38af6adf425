/* compression.h - RocksDB's block compressions (FORMAT.md section 5.4).
 *
 * A function of its input alone, but not for two threads at once: the process has one piece of
 * working memory for each direction of zstd, made at first use and kept (compression.c).
 */
#ifndef KV_SST_COMPRESSION_H
#define KV_SST_COMPRESSION_H

#include "base/buffer.h"
#include "base/status.h"

/* The type byte of the block trailer. */
enum compression {
    COMPRESSION_NONE = 0,
    COMPRESSION_SNAPPY = 1,
    COMPRESSION_ZLIB = 2,
    COMPRESSION_BZIP2 = 3, /* read only */
    COMPRESSION_LZ4 = 4,
    COMPRESSION_LZ4HC = 5,
    COMPRESSION_ZSTD = 7,
};

/* The name in the table's properties ("LZ4") and in OPTIONS ("kLZ4Compression"). */
const char *compression_property_name(enum compression compression);
const char *compression_option_name(enum compression compression);
/* "none snappy zlib lz4 lz4hc zstd", as in kvd's config; false: unknown. */
bool compression_parse(const char *name, enum compression *compression_out);

/* Appends the stored form, size prefix included, to `target`.  False: nothing was appended,
 * because it would not save an eighth. */
bool compression_compress(enum compression compression, struct slice raw, struct buffer *target);

/* Allocates the raw bytes with malloc; the caller frees.  KV_CORRUPT for bytes that do not
 * decompress to what they say, KV_UNSUPPORTED for an unknown type.  `dictionary` may be empty. */
MUST_CHECK enum kv_status compression_decompress(uint8_t type, uint32_t format_version,
                                                 struct slice stored, struct slice dictionary,
                                                 void **raw_out, size_t *raw_size_out);

/* The same in two steps, for who has memory.  The first tells how much, and takes the claim of it
 * off the front of *stored; the second has what is left of that, and exactly so much room. */
MUST_CHECK enum kv_status compression_raw_size(uint8_t type, uint32_t format_version,
                                               struct slice *stored, size_t *raw_size_out);
MUST_CHECK enum kv_status compression_decompress_into(uint8_t type, struct slice stored,
                                                      struct slice dictionary, uint8_t *target,
                                                      size_t raw_size);

#endif
