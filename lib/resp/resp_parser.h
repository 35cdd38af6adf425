/* resp_parser.h - client bytes to commands: RESP2/RESP3 requests and inline commands.
 *
 * Incremental and without copies: the parser looks at the bytes that the caller has, and its
 * arguments are slices of them.  When a command is incomplete it remembers how far it came, as
 * offsets, so the caller may move the bytes and append to them before it calls again.
 * Untrusted input; limits and error texts are Redis 7.0's.
 */
#ifndef KV_RESP_RESP_PARSER_H
#define KV_RESP_RESP_PARSER_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/slice.h"

enum {
    RESP_ARG_COUNT_MAX = 1024 * 1024,
    RESP_LINE_BYTES_MAX = 64 * 1024, /* an inline command, or a line with a length */
    RESP_ARG_COUNT_ANONYMOUS_MAX = 10,
    RESP_BULK_BYTES_ANONYMOUS_MAX = 16384,
};

enum resp_parse {
    RESP_PARSE_COMMAND, /* args and arg_count are set; *consumed_out bytes belong to it */
    RESP_PARSE_MORE,    /* incomplete; nothing consumed */
    RESP_PARSE_EMPTY,   /* *consumed_out bytes of nothing (an empty line, *0, *-1) */
    RESP_PARSE_ERROR,   /* `error` is Redis's text, without "-ERR "; the connection must close */
};

struct resp_parser {
    struct slice *args; /* owned array; entries valid until the bytes move */
    uint32_t arg_count;
    uint32_t arg_capacity;
    char error[128];
    /* Limits, set by the owner.  Before authentication RESP_ARG_COUNT_ANONYMOUS_MAX and
     * RESP_BULK_BYTES_ANONYMOUS_MAX hold as well, with error texts of their own. */
    uint32_t arg_count_max;
    uint64_t bulk_bytes_max;
    bool is_anonymous;

    /* How far an incomplete command came. */
    int64_t args_expected; /* -1: at the start of a command */
    int64_t bulk_expected; /* -1: at a '$' line */
    size_t position;       /* of the next unread byte, from the command's first */
    size_t *arg_offsets;   /* owned */
    size_t *arg_sizes;     /* owned */
    uint32_t args_read;
    uint32_t offset_capacity;
    struct buffer inline_bytes; /* owned: unquoted inline arguments */
};

/* With the limits RESP_ARG_COUNT_MAX and VALUE_BYTES_MAX, not anonymous. */
void resp_parser_init(struct resp_parser *parser);
/* Forgets an incomplete command. */
void resp_parser_restart(struct resp_parser *parser);
void resp_parser_deinit(struct resp_parser *parser);
/* Looks at `input`, whose first byte is the first of a command. */
enum resp_parse resp_parser_next(struct resp_parser *parser, struct slice input,
                                 size_t *consumed_out);
/* After RESP_PARSE_MORE for a big argument: how many more bytes complete it; else 0. */
size_t resp_parser_bytes_missing(const struct resp_parser *parser, size_t input_size);

#endif
