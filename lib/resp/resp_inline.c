/* resp_inline.c - one pass over the line; a word may mix quoted and bare parts: a"b c"'d'.
 *
 * Invariant: rest.data only moves forward, so a line of n bytes costs O(n) in all.
 */
#include "resp/resp_inline.h"

#include "base/assert.h"

static bool
is_space(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* What ends a word that is not quoted: fewer bytes than what separates words. */
static bool
ends_word(uint8_t byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t' || byte == '\0';
}

static int
hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F')
        return byte - 'A' + 10;
    return -1;
}

static void
skip(struct slice *rest, size_t count)
{
    KV_ASSERT(count <= rest->size);
    rest->data += count;
    rest->size -= count;
}

/* The byte that a backslash in double quotes stands for; `rest` starts at the backslash. */
static uint8_t
take_escape(struct slice *rest)
{
    static const char names[] = "nrtba", bytes[] = "\n\r\t\b\a";
    const uint8_t code = rest->data[1];
    const char *name = code == '\0' ? NULL : strchr(names, code);

    if (code == 'x' && rest->size >= 4 && hex_digit(rest->data[2]) >= 0 &&
        hex_digit(rest->data[3]) >= 0) {
        const int value = hex_digit(rest->data[2]) * 16 + hex_digit(rest->data[3]);

        skip(rest, 4);
        return (uint8_t)value;
    }
    skip(rest, 2);
    return name == NULL ? code : (uint8_t)bytes[name - names];
}

/* The quoted part that `rest` starts behind the opening quote of.  False: unbalanced. */
static bool
take_quoted(struct slice *rest, uint8_t quote, struct buffer *target)
{
    while (rest->size > 0 && rest->data[0] != quote) {
        if (rest->data[0] == '\\' && rest->size >= 2 && quote == '"') {
            buffer_append_byte(target, take_escape(rest));
        } else if (rest->data[0] == '\\' && rest->size >= 2 && rest->data[1] == '\'') {
            buffer_append_byte(target, '\'');
            skip(rest, 2);
        } else {
            buffer_append_byte(target, rest->data[0]);
            skip(rest, 1);
        }
    }
    if (rest->size == 0)
        return false;
    skip(rest, 1);
    return rest->size == 0 || is_space(rest->data[0]);
}

enum resp_inline
resp_inline_next(struct slice *rest, struct buffer *target)
{
    KV_ASSERT(rest != NULL && target != NULL);
    while (rest->size > 0 && is_space(rest->data[0]))
        skip(rest, 1);
    if (rest->size == 0 || rest->data[0] == '\0')
        return RESP_INLINE_END;
    while (rest->size > 0) {
        const uint8_t byte = rest->data[0];

        if (ends_word(byte))
            break;
        skip(rest, 1);
        if (byte == '"' || byte == '\'') {
            /* The closing quote ends the word. */
            return take_quoted(rest, byte, target) ? RESP_INLINE_WORD : RESP_INLINE_UNBALANCED;
        }
        buffer_append_byte(target, byte);
    }
    return RESP_INLINE_WORD;
}
