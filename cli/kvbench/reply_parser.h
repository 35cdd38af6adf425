/* reply_parser.h - a server's bytes to replies, without copies: RESP2 and RESP3.
 *
 * Incremental: it looks at each byte once, wherever the pieces end, and counts complete replies.
 * Of a reply it tells what kind it is, the first bytes of an error, and, if asked to, the bulk
 * string that it is.  Elements of aggregates are counted through, not kept.  Pushes and
 * attributes, which belong to no request, are passed over.  Untrusted input.
 */
#ifndef KV_KVBENCH_REPLY_PARSER_H
#define KV_KVBENCH_REPLY_PARSER_H

#include <stdbool.h>

#include "base/buffer.h"

enum {
    REPLY_LINE_BYTES_KEPT = 256, /* of an error; the rest is passed over */
    REPLY_BULK_BYTES_MAX = 1024 * 1024 * 1024,
    REPLY_ELEMENT_COUNT_MAX = 1024 * 1024 * 1024,
};

enum reply_parse {
    REPLY_DONE,   /* one reply is complete; there may be more in the input */
    REPLY_MORE,   /* the input is used up */
    REPLY_BROKEN, /* what came is not RESP, and nothing more can be said */
};

struct reply_parser {
    /* The reply that has just been completed; slices are valid until the next call, and no longer
     * than the input. */
    bool is_error;
    bool is_null;       /* a null, or an array of nothing */
    struct slice error; /* without the '-', cut at REPLY_LINE_BYTES_KEPT */
    struct slice bulk;  /* keeps_bulk, and the reply is a bulk string */
    const char *broken; /* REPLY_BROKEN: why */

    bool keeps_bulk; /* set by the owner */

    uint64_t left_count;  /* elements until the reply is complete; 0: at the start of one */
    uint64_t aside_count; /* elements of a push or of a reply's attributes that are passed over */
    uint64_t bulk_left;   /* bytes of the bulk string that is passing, with its CR LF */
    uint32_t bulk_bytes;  /* of it all, without */
    bool is_in_bulk;
    bool is_bulk_kept;   /* the bulk string that is passing is the reply */
    bool is_bulk_error;  /* likewise, and it is an error */
    uint32_t line_bytes; /* in `line`, of a line whose end has not come */
    uint8_t line[REPLY_LINE_BYTES_KEPT];
    struct buffer kept; /* owned; a bulk string that came in pieces */
};

void reply_parser_init(struct reply_parser *parser, bool keeps_bulk);
void reply_parser_deinit(struct reply_parser *parser);
/* Takes one reply's bytes off the front of *input, or all of it. */
enum reply_parse reply_parser_next(struct reply_parser *parser, struct slice *input);

#endif
