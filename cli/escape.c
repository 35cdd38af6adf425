/* escape.c - a terminal or a JSON parser must survive every value, and no two values may look
 * the same: hence the strict UTF-8 check, and base64 under a key of its own for all else. */
#include "cli/escape.h"

static const char hex_digits[] = "0123456789abcdef";

static void
append_text(struct buffer *target, const char *text)
{
    buffer_append(target, text, strlen(text));
}

void
escape_append(struct buffer *target, struct slice bytes)
{
    static const char names[] = "\\\\\"\"\nn\rr\tt\aa\bb";

    for (size_t i = 0; i < bytes.size; i++) {
        const uint8_t byte = bytes.data[i];
        uint8_t escaped[4] = {'\\', 'x', (uint8_t)hex_digits[byte >> 4],
                              (uint8_t)hex_digits[byte & 15]};
        size_t size = 4;

        for (size_t pair = 0; pair + 1 < sizeof(names); pair += 2) {
            if ((uint8_t)names[pair] == byte) {
                escaped[1] = (uint8_t)names[pair + 1];
                size = 2;
            }
        }
        if (size == 4 && byte >= 0x20 && byte < 0x7f)
            buffer_append_byte(target, byte);
        else
            buffer_append(target, escaped, size);
    }
}

void
escape_append_quoted(struct buffer *target, struct slice bytes)
{
    buffer_append_byte(target, '"');
    escape_append(target, bytes);
    buffer_append_byte(target, '"');
}

void
escape_append_hex(struct buffer *target, struct slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        buffer_append_byte(target, (uint8_t)hex_digits[bytes.data[i] >> 4]);
        buffer_append_byte(target, (uint8_t)hex_digits[bytes.data[i] & 15]);
    }
}

/* The length of the character at the front; 0: it is not well-formed. */
static size_t
utf8_character_size(struct slice bytes)
{
    const uint8_t first = bytes.data[0];
    const size_t size = first < 0x80   ? 1
                        : first < 0xc2 ? 0
                        : first < 0xe0 ? 2
                        : first < 0xf0 ? 3
                        : first < 0xf5 ? 4
                                       : 0;
    /* The second byte's range is narrower behind these. */
    const uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;

    if (size == 0 || bytes.size < size)
        return 0;
    if (size > 1 && (bytes.data[1] < low || bytes.data[1] > high))
        return 0;
    for (size_t i = 2; i < size; i++) {
        if ((bytes.data[i] & 0xc0) != 0x80)
            return 0;
    }
    return size;
}

bool
escape_is_utf8(struct slice bytes)
{
    while (bytes.size > 0) {
        const size_t size = utf8_character_size(bytes);

        if (size == 0)
            return false;
        bytes = slice_of(bytes.data + size, bytes.size - size);
    }
    return true;
}

static void
append_json_string(struct buffer *target, struct slice text)
{
    buffer_append_byte(target, '"');
    for (size_t i = 0; i < text.size; i++) {
        const uint8_t byte = text.data[i];

        if (byte == '"' || byte == '\\') {
            buffer_append_byte(target, '\\');
            buffer_append_byte(target, byte);
        } else if (byte == '\n') {
            append_text(target, "\\n");
        } else if (byte < 0x20 || byte == 0x7f) {
            buffer_append_format(target, "\\u%04x", byte);
        } else {
            buffer_append_byte(target, byte);
        }
    }
    buffer_append_byte(target, '"');
}

static void
append_base64(struct buffer *target, struct slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < bytes.size; i += 3) {
        const size_t rest = bytes.size - i;
        const uint32_t group = (uint32_t)bytes.data[i] << 16 |
                               (rest > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0) |
                               (rest > 2 ? bytes.data[i + 2] : 0);

        buffer_append_byte(target, (uint8_t)digits[group >> 18]);
        buffer_append_byte(target, (uint8_t)digits[group >> 12 & 63]);
        buffer_append_byte(target, rest > 1 ? (uint8_t)digits[group >> 6 & 63] : '=');
        buffer_append_byte(target, rest > 2 ? (uint8_t)digits[group & 63] : '=');
    }
}

void
escape_append_json(struct buffer *target, struct slice bytes)
{
    if (escape_is_utf8(bytes)) {
        append_json_string(target, bytes);
        return;
    }
    append_text(target, "{\"base64\":\"");
    append_base64(target, bytes);
    append_text(target, "\"}");
}
