/* request_template.h - a request as bytes with holes: made once, filled in for each operation.
 *
 * The text is a command with placeholders, words separated by blanks; a word with blanks in it
 * stands in double quotes:
 *
 *     __key__    the key             __data__   the value; a word of its own
 *     __ttl__    seconds             __count__  how many keys of a range; words of their own
 *
 * Keys are all of one size, so only the lengths of the last three vary.
 */
#ifndef KV_KVBENCH_REQUEST_TEMPLATE_H
#define KV_KVBENCH_REQUEST_TEMPLATE_H

#include <stdbool.h>

#include "base/buffer.h"

enum { REQUEST_PIECE_COUNT_MAX = 64, REQUEST_NUMBER_BYTES_MAX = 20 + 20 };

enum request_piece_kind {
    REQUEST_LITERAL,
    REQUEST_KEY,
    REQUEST_DATA, /* as a bulk: its length is in front */
    REQUEST_TTL,
    REQUEST_COUNT,
};

struct request_piece {
    uint32_t offset; /* literals: in `literals` */
    uint32_t size;
    uint8_t kind;
};

struct request_template {
    struct request_piece pieces[REQUEST_PIECE_COUNT_MAX];
    uint32_t piece_count;
    struct buffer literals; /* owned */
    uint32_t key_bytes;
    size_t fixed_bytes; /* of a request but for its value; an upper bound */
    bool has_data;
    bool has_key;
};

/* False: `text` is empty, too long or malformed; *why_out says it.  To be deinitialised anyway. */
bool request_template_init(struct request_template *request, const char *text, uint32_t key_bytes,
                           const char **why_out);
void request_template_deinit(struct request_template *request);

/* What fills the holes. */
struct request_values {
    struct slice key; /* key_bytes of it */
    uint32_t value_bytes;
    uint32_t ttl_s;
    uint32_t count;
};

/* Appends the request.  The bytes of the value are the caller's to write: *value_out, if the
 * template has one, is where; it dies when the buffer grows. */
void request_template_append(const struct request_template *request, struct buffer *target,
                             const struct request_values *values, uint8_t **value_out);

#endif
