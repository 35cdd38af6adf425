/* Goal: no input breaks the request parser, and cutting the input changes nothing.
 * Method: the first byte is the size of the pieces; the commands of the whole and of the pieces
 * are compared by a checksum over their arguments. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/crc32c.h"
#include "resp/resp_parser.h"
#include "resp/resp_peek.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t
digest(struct resp_parser *parser, uint32_t crc)
{
    for (uint32_t i = 0; i < parser->arg_count; i++) {
        crc = crc32c_extend(crc, &parser->args[i].size, sizeof(parser->args[i].size));
        crc = crc32c_extend(crc, parser->args[i].data, parser->args[i].size);
    }
    return crc;
}

/* Feeds `input` in pieces; returns a checksum of all commands. */
static uint32_t
run(struct slice input, size_t piece, bool is_anonymous)
{
    struct resp_parser parser;
    size_t start = 0, fed = 0, consumed = 0;
    enum resp_parse parse = RESP_PARSE_MORE;
    uint32_t crc = 0;

    resp_parser_init(&parser);
    parser.is_anonymous = is_anonymous;
    while (parse != RESP_PARSE_ERROR && fed < input.size) {
        uint8_t *exact;

        fed = input.size - fed < piece ? input.size : fed + piece;
        exact = malloc(fed - start + 1);
        KV_ASSERT(exact != NULL);
        memcpy(exact, input.data + start, fed - start);
        for (size_t offset = 0;; offset += consumed) {
            const size_t left = fed - start;

            parse = resp_parser_next(&parser, slice_of(exact + offset, left), &consumed);
            KV_ASSERT(consumed <= left);
            if (parse == RESP_PARSE_MORE || parse == RESP_PARSE_ERROR)
                break;
            KV_ASSERT(consumed > 0);
            if (parse == RESP_PARSE_COMMAND)
                crc = digest(&parser, crc);
            start += consumed;
        }
        (void)resp_parser_bytes_missing(&parser, fed - start);
        free(exact);
    }
    resp_parser_deinit(&parser);
    return crc;
}

/* What a look ahead takes for a request is what the parser makes of it. */
static void
check_peek(struct slice input)
{
    struct resp_parser parser;
    struct slice name, argument;
    size_t size, consumed;

    if (!resp_peek(input, &name, &argument, &size))
        return;
    KV_ASSERT(size <= input.size);
    resp_parser_init(&parser);
    KV_ASSERT(resp_parser_next(&parser, input, &consumed) == RESP_PARSE_COMMAND);
    KV_ASSERT(consumed == size && slice_equal(parser.args[0], name));
    KV_ASSERT(parser.arg_count < 2 || slice_equal(parser.args[1], argument));
    resp_parser_deinit(&parser);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const struct slice input = slice_of(data + 1, size - 1);
    const bool is_anonymous = (data[0] & 0x80) != 0;
    const uint32_t whole = run(input, input.size + 1, is_anonymous);

    check_peek(input);
    KV_ASSERT(whole == run(input, 1 + (data[0] & 0x7f), is_anonymous));
    return 0;
}
