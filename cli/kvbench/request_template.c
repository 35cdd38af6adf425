/* request_template.c - neighbouring literals are one piece, so that filling in a request of a key
 * and a value is four copies: all up to the key, the key, all up to the value, its end.
 */
#include "cli/kvbench/request_template.h"

#include <stdio.h>

#include "base/assert.h"

enum { WORD_COUNT_MAX = 64, TEXT_BYTES_MAX = 64 * 1024, LENGTH_BYTES_MAX = 16 };

struct words {
    struct buffer bytes;
    struct slice_range {
        size_t offset;
        size_t size;
    } ranges[WORD_COUNT_MAX];
    uint32_t count;
};

static const char *const placeholders[] = {
    [REQUEST_KEY] = "__key__",
    [REQUEST_DATA] = "__data__",
    [REQUEST_TTL] = "__ttl__",
    [REQUEST_COUNT] = "__count__",
};

/* Appends one word to words->bytes; returns what follows, NULL: a quote is not closed. */
static const char *
take_word(struct words *words, const char *text)
{
    bool is_quoted = false;

    for (; *text != '\0' && (is_quoted || *text != ' '); text++) {
        if (*text == '"')
            is_quoted = !is_quoted;
        else if (*text == '\\' && is_quoted && (text[1] == '"' || text[1] == '\\'))
            buffer_append_byte(&words->bytes, (uint8_t) * ++text);
        else
            buffer_append_byte(&words->bytes, (uint8_t)*text);
    }
    return is_quoted ? NULL : text;
}

static bool
split(struct words *words, const char *text, const char **why_out)
{
    if (strlen(text) > TEXT_BYTES_MAX) {
        *why_out = "the command is too long";
        return false;
    }
    for (text += strspn(text, " "); *text != '\0'; text += strspn(text, " ")) {
        const size_t offset = words->bytes.size;

        if (words->count == WORD_COUNT_MAX) {
            *why_out = "the command has more than 64 words";
            return false;
        }
        text = take_word(words, text);
        if (text == NULL) {
            *why_out = "a quote in the command is not closed";
            return false;
        }
        words->ranges[words->count].offset = offset;
        words->ranges[words->count++].size = words->bytes.size - offset;
    }
    *why_out = "the command is empty";
    return words->count > 0;
}

static bool
add_piece(struct request_template *request, enum request_piece_kind kind, const char *literal,
          size_t size)
{
    struct request_piece *last = request->pieces + request->piece_count;

    if (kind == REQUEST_LITERAL && request->piece_count > 0 && last[-1].kind == REQUEST_LITERAL) {
        last[-1].size += (uint32_t)size;
    } else {
        if (request->piece_count == REQUEST_PIECE_COUNT_MAX)
            return false;
        *last = (struct request_piece){.offset = (uint32_t)request->literals.size,
                                       .size = (uint32_t)size,
                                       .kind = (uint8_t)kind};
        request->piece_count++;
    }
    buffer_append(&request->literals, literal, size);
    request->fixed_bytes += size;
    return true;
}

static bool
add_length(struct request_template *request, char sigil, size_t length)
{
    char line[LENGTH_BYTES_MAX + 4];
    const int size = snprintf(line, sizeof(line), "%c%zu\r\n", sigil, length);

    KV_ASSERT(size > 0 && (size_t)size < sizeof(line));
    return add_piece(request, REQUEST_LITERAL, line, (size_t)size);
}

static const char *
find(const char *text, size_t size, const char *wanted)
{
    return memmem(text, size, wanted, strlen(wanted));
}

/* The word's pieces: text and keys. */
static bool
add_text_and_keys(struct request_template *request, const char *word, size_t size)
{
    const size_t mark_size = strlen(placeholders[REQUEST_KEY]);
    size_t length = size;
    const char *at;

    for (at = word; (at = find(at, size - (size_t)(at - word), "__key__")) != NULL; at += mark_size)
        length += request->key_bytes - mark_size;
    if (!add_length(request, '$', length))
        return false;
    while ((at = find(word, size, "__key__")) != NULL) {
        const size_t before = (size_t)(at - word);

        if (before > 0 && !add_piece(request, REQUEST_LITERAL, word, before))
            return false;
        if (!add_piece(request, REQUEST_KEY, NULL, 0))
            return false;
        request->has_key = true;
        request->fixed_bytes += request->key_bytes;
        word += before + mark_size;
        size -= before + mark_size;
    }
    return size == 0 || add_piece(request, REQUEST_LITERAL, word, size);
}

static bool
add_word(struct request_template *request, const char *word, size_t size, const char **why_out)
{
    *why_out = "the command has too many parts";
    for (unsigned kind = REQUEST_DATA; kind <= REQUEST_COUNT; kind++) {
        const char *mark = placeholders[kind];

        if (find(word, size, mark) == NULL)
            continue;
        if (size != strlen(mark)) {
            *why_out = "__data__, __ttl__ and __count__ must be words of their own";
            return false;
        }
        if (kind == REQUEST_DATA && request->has_data) {
            *why_out = "__data__ may stand there once";
            return false;
        }
        request->has_data |= kind == REQUEST_DATA;
        request->fixed_bytes += REQUEST_NUMBER_BYTES_MAX;
        return add_piece(request, (enum request_piece_kind)kind, NULL, 0);
    }
    return add_text_and_keys(request, word, size) && add_piece(request, REQUEST_LITERAL, "\r\n", 2);
}

bool
request_template_init(struct request_template *request, const char *text, uint32_t key_bytes,
                      const char **why_out)
{
    struct words words = {0};
    bool is_good;

    *request = (struct request_template){.key_bytes = key_bytes};
    is_good = split(&words, text, why_out) && add_length(request, '*', words.count);
    for (uint32_t i = 0; is_good && i < words.count; i++) {
        const char *word = (const char *)words.bytes.data + words.ranges[i].offset;

        is_good =
            add_word(request, words.ranges[i].size == 0 ? "" : word, words.ranges[i].size, why_out);
    }
    buffer_deinit(&words.bytes);
    return is_good;
}

void
request_template_deinit(struct request_template *request)
{
    buffer_deinit(&request->literals);
}

/* A number as decimal digits at `target`; returns their count. */
static uint32_t
put_decimal(uint8_t *target, uint64_t value)
{
    uint8_t digits[20];
    uint32_t count = 0;

    do {
        digits[count++] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (uint32_t i = 0; i < count; i++)
        target[i] = digits[count - 1 - i];
    return count;
}

static uint8_t *
put_length(uint8_t *at, uint64_t length)
{
    *at++ = '$';
    at += put_decimal(at, length);
    *at++ = '\r';
    *at++ = '\n';
    return at;
}

static uint8_t *
put_number(uint8_t *at, uint64_t number)
{
    uint8_t digits[20];
    const uint32_t count = put_decimal(digits, number);

    at = put_length(at, count);
    memcpy(at, digits, count);
    at += count;
    *at++ = '\r';
    *at++ = '\n';
    return at;
}

void
request_template_append(const struct request_template *request, struct buffer *target,
                        const struct request_values *values, uint8_t **value_out)
{
    const size_t bound = request->fixed_bytes + (request->has_data ? values->value_bytes : 0);
    uint8_t *const start = buffer_reserve(target, bound), *at = start;

    KV_ASSERT(values->key.size == request->key_bytes);
    *value_out = NULL;
    for (uint32_t i = 0; i < request->piece_count; i++) {
        const struct request_piece *piece = &request->pieces[i];

        if (piece->kind == REQUEST_LITERAL) {
            memcpy(at, request->literals.data + piece->offset, piece->size);
            at += piece->size;
        } else if (piece->kind == REQUEST_KEY) {
            memcpy(at, values->key.data, values->key.size);
            at += values->key.size;
        } else if (piece->kind == REQUEST_DATA) {
            at = put_length(at, values->value_bytes);
            *value_out = at;
            at += values->value_bytes;
            *at++ = '\r';
            *at++ = '\n';
        } else {
            at = put_number(at, piece->kind == REQUEST_TTL ? values->ttl_s : values->count);
        }
    }
    KV_ASSERT((size_t)(at - start) <= bound);
    target->size += (size_t)(at - start);
}
