/* reply_format_internal.h - what the files reply_*.c share. */
#ifndef KV_CLI_REPLY_FORMAT_INTERNAL_H
#define KV_CLI_REPLY_FORMAT_INTERNAL_H

#include "cli/reply_format.h"

/* Borrowed from the reply, which is one of text. */
struct slice reply_bytes(const redisReply *reply);
bool reply_is_text(const redisReply *reply); /* a string, a state or an error */
/* An array of names and values in turn. */
bool reply_is_pairs(const redisReply *reply);
/* An array of such arrays, all of the same length. */
bool reply_is_records(const redisReply *reply);
/* The next line of an INFO text, without its end; false: there is none. */
bool reply_next_line(struct slice *rest, struct slice *line_out);

void reply_format_json(const struct reply_format *format, const redisReply *reply,
                       struct buffer *target);
void reply_format_table(const struct reply_format *format, const redisReply *reply,
                        struct buffer *target);

#endif
