/* linear_history.c - from the text of a history to operations, those of a key together. */
#include "support/linear_history.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"

enum { WORDS_MAX = 9, NUMBER_BYTES_MAX = 19 };

static const struct {
    const char *name;
    uint32_t argument_count;
} kinds[LINEAR_KIND_COUNT] = {
    [LINEAR_GET] = {"GET", 0},       [LINEAR_SET] = {"SET", 1},       [LINEAR_DEL] = {"DEL", 0},
    [LINEAR_INCR] = {"INCR", 0},     [LINEAR_APPEND] = {"APPEND", 1}, [LINEAR_SETNX] = {"SETNX", 1},
    [LINEAR_GETSET] = {"GETSET", 1}, [LINEAR_CAS] = {"CAS", 3},
};

static uint32_t
split(struct slice line, struct slice *words)
{
    uint32_t count = 0;
    size_t at = 0;

    while (count < WORDS_MAX) {
        size_t start;

        while (at < line.size && line.data[at] == ' ')
            at++;
        if (at == line.size)
            break;
        start = at;
        while (at < line.size && line.data[at] != ' ')
            at++;
        words[count++] = slice_of(line.data + start, at - start);
    }
    return count;
}

static bool
parse_time(struct slice word, uint64_t *time_out)
{
    *time_out = 0;
    for (size_t i = 0; i < word.size; i++) {
        if (word.data[i] < '0' || word.data[i] > '9')
            return false;
        *time_out = *time_out * 10 + (word.data[i] - (uint64_t)'0');
    }
    return word.size > 0 && word.size < NUMBER_BYTES_MAX;
}

static bool
parse_kind(struct slice word, enum linear_kind *kind_out)
{
    for (uint32_t i = 0; i < LINEAR_KIND_COUNT; i++) {
        *kind_out = (enum linear_kind)i;
        if (slice_equal(word, slice_from_text(kinds[i].name)))
            return true;
    }
    return false;
}

static bool
parse_line(struct slice line, struct linear_op *op)
{
    struct slice words[WORDS_MAX];
    const uint32_t count = split(line, words);
    uint32_t argument_count;

    *op = (struct linear_op){.line = line, .return_time = LINEAR_NEVER};
    if (count < 5 || !parse_time(words[0], &op->call_time) || !parse_kind(words[3], &op->kind))
        return false;
    op->key = words[2];
    argument_count = kinds[op->kind].argument_count;
    if (count < 5 + argument_count || !slice_equal(words[4 + argument_count], slice_from_text("=")))
        return false;
    if (op->kind == LINEAR_CAS) {
        if (!parse_time(words[4], &op->watch_time) || op->watch_time > op->call_time)
            return false;
        op->old = words[5];
    }
    if (argument_count > 0)
        op->value = words[3 + argument_count];
    if (slice_equal(words[1], slice_from_text("-")))
        return count == 5 + argument_count;
    if (!parse_time(words[1], &op->return_time) || count != 6 + argument_count)
        return false;
    op->result = words[5 + argument_count];
    return op->return_time > op->call_time;
}

static int
compare_ops(const void *left, const void *right)
{
    const struct linear_op *a = left, *b = right;
    const int order = slice_compare(a->key, b->key);

    if (order != 0)
        return order;
    return (a->call_time > b->call_time) - (a->call_time < b->call_time);
}

static void
arrange(struct linear_history *history)
{
    if (history->op_count == 0)
        return;
    qsort(history->ops, history->op_count, sizeof(history->ops[0]), compare_ops);
    for (uint32_t i = 0; i < history->op_count; i++) {
        history->pending_count += history->ops[i].return_time == LINEAR_NEVER;
        history->key_count += i == 0 || !slice_equal(history->ops[i].key, history->ops[i - 1].key);
    }
}

bool
linear_history_parse(struct linear_history *history, struct slice text)
{
    uint32_t capacity = 0;

    *history = (struct linear_history){0};
    while (text.size > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.size);
        const size_t size = end != NULL ? (size_t)(end - text.data) : text.size;

        if (history->op_count == capacity) {
            capacity = capacity == 0 ? 256 : capacity * 2;
            history->ops = kv_realloc(history->ops, capacity * sizeof(history->ops[0]));
        }
        if (size > 0 && !parse_line(slice_of(text.data, size), &history->ops[history->op_count])) {
            fprintf(stderr, "no operation: %.*s\n", (int)size, (const char *)text.data);
            return false;
        }
        history->op_count += size > 0;
        text = slice_of(text.data + size + (end != NULL), text.size - size - (end != NULL));
    }
    arrange(history);
    return true;
}

void
linear_history_deinit(struct linear_history *history)
{
    free(history->ops);
    *history = (struct linear_history){0};
}
