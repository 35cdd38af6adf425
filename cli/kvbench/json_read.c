/* json_read.c - a strict reader of RFC 8259 texts.
 *
 * Invariant: at <= text.size; after a failure nothing is read any more.
 */
#include "cli/kvbench/json_read.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/status.h"
#include "cli/escape.h"

enum { NUMBER_BYTES_MAX = 40, CODE_POINT_BYTES_MAX = 4 };

void
json_init(struct json *json, struct slice text, const char *name)
{
    *json = (struct json){.text = text, .name = name};
}

void
json_fail(struct json *json, const char *format, ...)
{
    char message[200];
    va_list args;
    enum kv_status st;

    if (json->has_failed)
        return;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    st = KV_FAIL(KV_CORRUPT, "%s, byte %zu: %s", json->name, json->at, message);
    json->has_failed = st != KV_OK;
}

/* The next byte that is not white space, which stays; -1 at the end. */
static int
peek(struct json *json)
{
    if (json->has_failed)
        return -1;
    while (json->at < json->text.size) {
        const uint8_t byte = json->text.data[json->at];

        if (byte != ' ' && byte != '\n' && byte != '\r' && byte != '\t')
            return byte;
        json->at++;
    }
    return -1;
}

static bool
take(struct json *json, char wanted)
{
    if (peek(json) != wanted)
        return false;
    json->at++;
    return true;
}

static bool
expect(struct json *json, char wanted)
{
    if (take(json, wanted))
        return true;
    json_fail(json, "a '%c' is missing", wanted);
    return false;
}

void
json_open(struct json *json, char bracket)
{
    KV_ASSERT(bracket == '{' || bracket == '[');
    (void)expect(json, bracket);
}

/* Is there something more before the closing bracket?  Takes the comma, or the bracket. */
static bool
has_next(struct json *json, bool is_first, char bracket)
{
    if (json->has_failed || take(json, bracket))
        return false;
    return is_first || expect(json, ',');
}

bool
json_element(struct json *json, uint32_t *count)
{
    if (!has_next(json, *count == 0, ']'))
        return false;
    if (*count == UINT32_MAX) {
        json_fail(json, "an array is too long");
        return false;
    }
    ++*count;
    return true;
}

bool
json_any_member(struct json *json, char *name, size_t size, uint32_t *count)
{
    if (!has_next(json, *count == 0, '}'))
        return false;
    ++*count;
    json_string(json, name, size);
    return expect(json, ':');
}

int
json_member(struct json *json, const char *const *names, uint32_t count, uint32_t *seen)
{
    char name[32];
    uint32_t member_count = *seen == 0 ? 0 : 1;

    KV_ASSERT(count > 0 && count <= 31);
    if (json_any_member(json, name, sizeof(name), &member_count)) {
        for (uint32_t i = 0; i < count; i++) {
            if (strcmp(names[i], name) != 0)
                continue;
            if ((*seen & (1u << i)) != 0)
                json_fail(json, "\"%s\" comes twice", name);
            *seen |= 1u << i;
            return json->has_failed ? -1 : (int)i;
        }
        json_fail(json, "\"%s\" is not known", name);
        return -1;
    }
    for (uint32_t i = 0; i < count && !json->has_failed; i++) {
        if ((*seen & (1u << i)) == 0)
            json_fail(json, "\"%s\" is missing", names[i]);
    }
    return -1;
}

/* Four hexadecimal digits; above 0xffff: there are none. */
static uint32_t
take_hex(struct json *json)
{
    uint32_t value = 0;

    for (int i = 0; i < 4; i++) {
        const uint8_t byte = json->at < json->text.size ? json->text.data[json->at] : 0;

        if (byte >= '0' && byte <= '9')
            value = value * 16 + byte - '0';
        else if ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f')
            value = value * 16 + (uint32_t)(byte | 0x20) - 'a' + 10;
        else
            return UINT32_MAX;
        json->at++;
    }
    return value;
}

/* Behind "\u"; what is no character becomes one that the caller refuses. */
static uint32_t
take_code_point(struct json *json)
{
    const uint32_t high = take_hex(json);
    uint32_t low;

    if (high < 0xd800 || high > 0xdbff)
        return high;
    if (json->text.size - json->at < 2 || json->text.data[json->at] != '\\' ||
        json->text.data[json->at + 1] != 'u')
        return UINT32_MAX;
    json->at += 2;
    low = take_hex(json);
    if (low < 0xdc00 || low > 0xdfff)
        return UINT32_MAX;
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* Returns the number of bytes; surrogates become bytes that are no UTF-8. */
static size_t
put_utf8(uint32_t code_point, char bytes[CODE_POINT_BYTES_MAX])
{
    static const uint8_t marks[CODE_POINT_BYTES_MAX + 1] = {0, 0, 0xc0, 0xe0, 0xf0};
    const size_t size = code_point < 0x80      ? 1
                        : code_point < 0x800   ? 2
                        : code_point < 0x10000 ? 3
                                               : 4;

    KV_ASSERT(code_point <= 0x10ffff);
    for (size_t i = size; i > 1; i--) {
        bytes[i - 1] = (char)(0x80 | (code_point & 0x3f));
        code_point >>= 6;
    }
    bytes[0] = (char)(marks[size] | code_point);
    return size;
}

/* One character, or a byte of one, at the front of what is left of a string; 0: it is wrong. */
static size_t
take_character(struct json *json, char bytes[CODE_POINT_BYTES_MAX])
{
    static const char escapes[] = "\"\\/";
    const uint8_t byte = json->text.data[json->at++];
    uint32_t code_point;

    if (byte != '\\') {
        bytes[0] = (char)byte;
        return byte < 0x20 || byte == 0x7f ? 0 : 1;
    }
    if (json->at == json->text.size)
        return 0;
    bytes[0] = (char)json->text.data[json->at++];
    if (bytes[0] != 'u') /* the other escapes are control characters */
        return bytes[0] != '\0' && strchr(escapes, bytes[0]) != NULL ? 1 : 0;
    code_point = take_code_point(json);
    return code_point < 0x20 || code_point == 0x7f || code_point > 0x10ffff
               ? 0
               : put_utf8(code_point, bytes);
}

void
json_string(struct json *json, char *target, size_t size)
{
    size_t used = 0;

    KV_ASSERT(size > 0);
    target[0] = '\0';
    if (!expect(json, '"'))
        return;
    while (json->at < json->text.size && json->text.data[json->at] != '"') {
        char bytes[CODE_POINT_BYTES_MAX];
        const size_t count = take_character(json, bytes);

        if (count == 0) {
            json_fail(json, "a string has something that is not printable text");
            return;
        }
        if (used + count >= size) {
            json_fail(json, "a string is longer than %zu bytes", size - 1);
            return;
        }
        memcpy(target + used, bytes, count);
        used += count;
        target[used] = '\0'; /* it is text whenever the reading ends */
    }
    if (!expect(json, '"'))
        return;
    if (!escape_is_utf8(slice_of(target, used)))
        json_fail(json, "a string is not UTF-8");
}

uint64_t
json_integer(struct json *json, uint64_t max)
{
    const int first = peek(json);
    uint64_t value = 0;
    size_t digit_count = 0;

    KV_ASSERT(max <= JSON_INTEGER_MAX);
    for (; json->at < json->text.size && !json->has_failed; json->at++, digit_count++) {
        const uint8_t byte = json->text.data[json->at];

        if (byte < '0' || byte > '9')
            break;
        value = value * 10 + byte - '0';
        if (value > max) {
            json_fail(json, "a number is above %llu", (unsigned long long)max);
            return 0;
        }
    }
    if (digit_count == 0 || (first == '0' && digit_count > 1)) {
        json_fail(json, "a whole number is missing");
        return 0;
    }
    return value;
}

static size_t
digits_at(const char *text)
{
    return strspn(text, "0123456789");
}

/* number = int [ frac ] [ exp ], without the sign; strtod takes much more than that. */
static bool
is_number(const char *text)
{
    size_t digit_count = digits_at(text);

    if (digit_count == 0 || (digit_count > 1 && text[0] == '0'))
        return false;
    text += digit_count;
    if (*text == '.') {
        digit_count = digits_at(++text);
        if (digit_count == 0)
            return false;
        text += digit_count;
    }
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '+' || *text == '-';
        digit_count = digits_at(text);
        if (digit_count == 0)
            return false;
        text += digit_count;
    }
    return *text == '\0';
}

double
json_number(struct json *json, double max)
{
    char digits[NUMBER_BYTES_MAX + 1];
    size_t size = 0;
    double value;

    (void)peek(json);
    while (!json->has_failed && json->at + size < json->text.size && size < NUMBER_BYTES_MAX &&
           json->text.data[json->at + size] != '\0' &&
           strchr("0123456789+-.eE", json->text.data[json->at + size]) != NULL) {
        digits[size] = (char)json->text.data[json->at + size];
        size++;
    }
    digits[size] = '\0';
    if (!is_number(digits)) {
        json_fail(json, "a number that is not negative is missing");
        return 0.0;
    }
    value = strtod(digits, NULL);
    if (!(value <= max)) {
        json_fail(json, "a number is above %g", max);
        return 0.0;
    }
    json->at += size;
    return value;
}

bool
json_null(struct json *json)
{
    if (peek(json) != 'n' || json->text.size - json->at < 4 ||
        memcmp(json->text.data + json->at, "null", 4) != 0)
        return false;
    json->at += 4;
    return true;
}

void
json_end(struct json *json)
{
    if (peek(json) != -1)
        json_fail(json, "there is more than one document");
}
