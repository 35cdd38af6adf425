/* resp_inline.h - words of a line, quoted as redis-cli and redis.conf quote them.
 *
 * "..." knows \n \r \t \b \a \xHH, and a backslash before anything else stands for that; '...'
 * knows \' only.  A closing quote must be followed by a space or the end.
 */
#ifndef KV_RESP_RESP_INLINE_H
#define KV_RESP_RESP_INLINE_H

#include "base/buffer.h"

enum resp_inline {
    RESP_INLINE_WORD,       /* appended to the target */
    RESP_INLINE_END,        /* only spaces were left */
    RESP_INLINE_UNBALANCED, /* a quote is not closed, or not followed by a space */
};

/* Takes the next word off the front of `rest`, which holds one line. */
enum resp_inline resp_inline_next(struct slice *rest, struct buffer *target);

#endif
