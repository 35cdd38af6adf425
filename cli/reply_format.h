/* reply_format.h - a reply as the text that kvctl prints.
 *
 *     raw     strings exactly; numbers, states and the elements of arrays one a line; null is
 *             nothing
 *     json    one value on one line: strings, or {"base64":"..."} for bytes that are not UTF-8;
 *             null; numbers; arrays; {"error":"..."}; CONFIG GET and INFO are objects
 *     hex     strings as hex digits; otherwise like raw, with (nil) for null
 *     table   columns with a head, strings escaped
 *     pretty  as redis-cli shows it to a person
 */
#ifndef KV_CLI_REPLY_FORMAT_H
#define KV_CLI_REPLY_FORMAT_H

#include "cli/options.h"
#include "cli/verb.h"

struct reply_format {
    enum output output; /* not OUTPUT_AUTO */
    enum reply_shape shape;
    const struct request *request; /* what was asked; borrowed */
    bool end_line;                 /* raw: a newline behind a string */
};

void reply_format(const struct reply_format *format, const redisReply *reply,
                  struct buffer *target);

#endif
