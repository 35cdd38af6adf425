/* resp_writer.h - replies as bytes, in RESP2 or RESP3. */
#ifndef KV_RESP_RESP_WRITER_H
#define KV_RESP_RESP_WRITER_H

#include <stdbool.h>

#include "base/buffer.h"

struct resp_writer {
    struct buffer *target; /* borrowed */
    uint8_t protocol;      /* 2 or 3 */
};

void resp_simple(struct resp_writer *writer, const char *text); /* +OK */
/* `text` starts with the code: "ERR ..."; CR and LF in it become spaces. */
void resp_error(struct resp_writer *writer, const char *text);
/* The same; CR and LF at its end, which a user's text may bring, are left out, as Redis does. */
void resp_error_format(struct resp_writer *writer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void resp_integer(struct resp_writer *writer, int64_t value);
void resp_bulk(struct resp_writer *writer, struct slice bytes);
void resp_bulk_text(struct resp_writer *writer, const char *text);
void resp_null(struct resp_writer *writer);       /* $-1 or _ */
void resp_null_array(struct resp_writer *writer); /* *-1 or _ */
void resp_array(struct resp_writer *writer, size_t count);
void resp_push(struct resp_writer *writer, size_t count); /* RESP2: an array */
void resp_map(struct resp_writer *writer, size_t pair_count);
void resp_set(struct resp_writer *writer, size_t count);
void resp_double(struct resp_writer *writer, double value);
void resp_boolean(struct resp_writer *writer, bool value);
void resp_verbatim(struct resp_writer *writer, const char *format3, struct slice text);

#endif
