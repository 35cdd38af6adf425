/* reply_reader.h - replies of RESP2 from a blocking socket, as hiredis's objects.
 *
 * hiredis's own reader (before 1.0) ends the connection at nine levels of arrays; COMMAND DOCS has
 * more.
 */
#ifndef KV_CLI_REPLY_READER_H
#define KV_CLI_REPLY_READER_H

#include <hiredis/hiredis.h>
#include <stdbool.h>

#include "base/buffer.h"

enum { REPLY_DEPTH_MAX = 32, REPLY_LINE_BYTES_MAX = 64 * 1024 };

/* Zeroed is at the start of a stream. */
struct reply_reader {
    struct buffer bytes; /* owned: received and not read yet, from `at` on */
    size_t at;
};

void reply_reader_deinit(struct reply_reader *reader);
/* The next reply, for freeReplyObject; waits as long as the socket lets it.  NULL: *error_out says
 * what is wrong, an errno or 0, and the stream is of no more use. */
redisReply *reply_reader_next(struct reply_reader *reader, int fd, const char **error_out,
                              int *errno_out);

#endif
