/* Goal: no bytes, whatever type and dictionary they are read with, do more than fail; and what
 * does come out compresses and comes back.
 *
 * Method: the first byte chooses the type and the second how much of the rest is a dictionary. */
#include "base/alloc.h"
#include "sst/block_checksum.h"
#include "sst/compression.h"
#include "support/quiet_log.h"

enum { RECOMPRESS_BYTES_MAX = 64 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
expect_return(enum compression compression, struct slice raw)
{
    struct buffer stored = {0};
    size_t found_size;
    void *found;

    if (compression_compress(compression, raw, &stored)) {
        const enum kv_status st = compression_decompress(
            (uint8_t)compression, 5, buffer_slice(&stored), slice_of(NULL, 0), &found, &found_size);

        KV_ASSERT(st == KV_OK);
        KV_ASSERT(slice_equal(slice_of(found, found_size), raw));
        free(found);
    }
    buffer_deinit(&stored);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice dictionary, stored;
    size_t dictionary_size, raw_size;
    void *raw;

    if (size < 2)
        return 0;
    quiet_log();
    dictionary_size = data[1] < size - 2 ? data[1] : 0;
    dictionary = slice_of(data + 2, dictionary_size);
    stored = slice_of(data + 2 + dictionary_size, size - 2 - dictionary_size);
    for (unsigned kind = 0; kind <= CHECKSUM_XXH3; kind++)
        (void)block_checksum((enum checksum_kind)kind, stored, data[0]);
    if (compression_decompress(data[0], 5, stored, dictionary, &raw, &raw_size) != KV_OK)
        return 0;
    if (raw_size <= RECOMPRESS_BYTES_MAX && data[0] != COMPRESSION_BZIP2)
        expect_return((enum compression)data[0], slice_of(raw, raw_size));
    free(raw);
    return 0;
}
