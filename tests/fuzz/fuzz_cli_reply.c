/* Whatever a server sends to kvctl, in whatever pieces: the reader stays within it, ends, and tells
 * the same however it was cut; and the text that is made of a reply is not many times as long. */
#include <unistd.h>

#include "base/assert.h"
#include "cli/command_docs.h"
#include "cli/reply_reader.h"
#include "support/pieces.h"

enum { INPUT_BYTES_MAX = 16 * 1024, TEXT_FACTOR_MAX = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
tell_reply(const redisReply *reply, struct buffer *told)
{
    const bool has_text = reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS ||
                          reply->type == REDIS_REPLY_ERROR;

    buffer_append_format(told, "%d %lld ", reply->type, reply->integer);
    if (has_text) {
        KV_ASSERT(reply->str[reply->len] == '\0');
        buffer_put_lstr(told, slice_of(reply->str, reply->len));
    }
    if (reply->type == REDIS_REPLY_ARRAY)
        buffer_append_format(told, "%zu ", reply->elements);
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++)
        tell_reply(reply->element[i], told);
}

static void
tell_docs(const redisReply *reply, size_t input_bytes, struct buffer *told)
{
    const size_t size_before = told->size;

    buffer_append_format(told, "docs %d ", command_docs_format(reply, told));
    KV_ASSERT(told->size - size_before <= TEXT_FACTOR_MAX * (input_bytes + 1));
}

/* All replies up to the first that is none, and why it is none. */
static void
read_all(struct slice bytes, size_t piece_bytes, struct buffer *told)
{
    const int end = pieces_open(bytes, piece_bytes);
    struct reply_reader reader = {0};
    const char *error = NULL;
    int error_number = 0;
    redisReply *reply;

    while ((reply = reply_reader_next(&reader, end, &error, &error_number)) != NULL) {
        tell_reply(reply, told);
        tell_docs(reply, bytes.size, told);
        freeReplyObject(reply);
    }
    KV_ASSERT(error != NULL && error_number == 0);
    buffer_append_format(told, "%s", error);
    reply_reader_deinit(&reader);
    (void)close(end);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer whole = {0}, pieces = {0};

    if (size < 1 || size > INPUT_BYTES_MAX)
        return 0;
    read_all(slice_of(data + 1, size - 1), PIECE_BYTES_MAX, &whole);
    read_all(slice_of(data + 1, size - 1), 1 + data[0] % 32 + size / (PIECE_COUNT_MAX / 2),
             &pieces);
    KV_ASSERT(slice_equal(buffer_slice(&whole), buffer_slice(&pieces)));
    buffer_deinit(&whole);
    buffer_deinit(&pieces);
    return 0;
}
