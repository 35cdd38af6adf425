/* escape.h - any bytes as text: for people, for JSON, as hex. */
#ifndef KV_CLI_ESCAPE_H
#define KV_CLI_ESCAPE_H

#include <stdbool.h>

#include "base/buffer.h"

/* Printable ASCII as it is; \\ \" \n \r \t \a \b; everything else as \xHH.  What the shell reads
 * between double quotes gives the same bytes back. */
void escape_append(struct buffer *target, struct slice bytes);
/* The same between double quotes. */
void escape_append_quoted(struct buffer *target, struct slice bytes);
/* Two lower-case digits a byte. */
void escape_append_hex(struct buffer *target, struct slice bytes);
/* Well-formed UTF-8 is a string; other bytes are an object {"base64":"..."}. */
void escape_append_json(struct buffer *target, struct slice bytes);
/* Well-formed as RFC 3629 says: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool escape_is_utf8(struct slice bytes);

#endif
