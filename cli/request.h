/* request.h - one command as it goes to the server: words of any bytes; owns them. */
#ifndef KV_CLI_REQUEST_H
#define KV_CLI_REQUEST_H

#include "base/buffer.h"

/* Zeroed is empty. */
struct request {
    struct slice *words; /* owned array of owned bytes */
    uint32_t count;
    uint32_t capacity;
};

void request_deinit(struct request *request);
void request_clear(struct request *request);
/* Appends a copy of the bytes. */
void request_add(struct request *request, struct slice word);
void request_add_text(struct request *request, const char *text);
/* Appends the buffer's bytes and takes them over; the buffer is empty afterwards. */
void request_take(struct request *request, struct buffer *word);
/* Appends the words of a line, quoted as in redis-cli (resp_inline.h).  False: the quotes are not
 * balanced; the request holds what came before. */
bool request_split(struct request *request, struct slice line);
/* Whether the word at `index` is there and is `text`, in either case. */
bool request_word_is(const struct request *request, uint32_t index, const char *text);

#endif
