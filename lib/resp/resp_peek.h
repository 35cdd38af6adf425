/* resp_peek.h - a look at a request that has not been parsed yet.
 *
 * For whoever wants to know what is coming, and begin to load what it will need.  Nothing is
 * kept and nothing decided: the request is parsed in its turn.
 */
#ifndef KV_RESP_RESP_PEEK_H
#define KV_RESP_RESP_PEEK_H

#include <stdbool.h>

#include "base/slice.h"

enum { RESP_PEEK_ARG_COUNT_MAX = 9, RESP_PEEK_ARG_BYTES_MAX = 65535 };

/* The first request of `input`: its name, its first argument (size 0: none) and all its bytes.
 * False: it is not whole, or not a short array of bulk strings as clients send it. */
bool resp_peek(struct slice input, struct slice *name_out, struct slice *argument_out,
               size_t *size_out);

#endif
