/* Whatever a server sends, in whatever pieces: the parser stays within it, ends, and tells the same
 * however it was cut. */
#include "base/assert.h"
#include "cli/kvbench/observer.h"
#include "cli/kvbench/reply_parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct told {
    uint64_t reply_count;
    uint64_t error_count;
    uint64_t bulk_bytes;
    bool is_broken;
};

static struct told
parse(const uint8_t *data, size_t size, size_t piece_bytes)
{
    struct told told = {0};
    struct reply_parser parser;

    reply_parser_init(&parser, true);
    for (size_t at = 0; at < size && !told.is_broken; at += piece_bytes) {
        struct slice input = slice_of(data + at, size - at < piece_bytes ? size - at : piece_bytes);
        enum reply_parse parsed;

        while ((parsed = reply_parser_next(&parser, &input)) == REPLY_DONE) {
            told.reply_count++;
            told.error_count += parser.is_error;
            for (size_t i = 0; i < parser.bulk.size; i++)
                told.bulk_bytes += parser.bulk.data[i];
            for (size_t i = 0; i < parser.error.size && i < 8; i++)
                told.bulk_bytes += parser.error.data[i];
        }
        told.is_broken = parsed == REPLY_BROKEN;
    }
    reply_parser_deinit(&parser);
    return told;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct told whole, pieces;
    uint64_t number;

    if (size < 1)
        return 0;
    whole = parse(data + 1, size - 1, size);
    pieces = parse(data + 1, size - 1, 1 + data[0] % 32);
    KV_ASSERT(whole.is_broken == pieces.is_broken);
    KV_ASSERT(whole.reply_count == pieces.reply_count);
    KV_ASSERT(whole.error_count == pieces.error_count);
    KV_ASSERT(whole.bulk_bytes == pieces.bulk_bytes);
    (void)observer_find_number(slice_of(data, size), "a", &number);
    return 0;
}
