/* reply_table.c - replies as rows of a table: two columns where the reply has names for its
 * values, numbers as names where it has none. */
#include "base/alloc.h"
#include "cli/escape.h"
#include "cli/reply_format_internal.h"

enum { COLUMN_WIDTH_MAX = 60 };

/* Rows of two cells; zeroed is empty. */
struct table {
    struct buffer *cells; /* owned array of owned; two a row */
    size_t count, capacity;
};

static struct buffer *
add_cell(struct table *table)
{
    if (table->count == table->capacity) {
        table->capacity = table->capacity == 0 ? 16 : table->capacity * 2;
        table->cells = kv_realloc(table->cells, table->capacity * sizeof(table->cells[0]));
    }
    table->cells[table->count] = (struct buffer){0};
    return &table->cells[table->count++];
}

static void
table_deinit(struct table *table)
{
    for (size_t i = 0; i < table->count; i++)
        buffer_deinit(&table->cells[i]);
    free(table->cells);
}

static void
add_bytes(struct table *table, struct slice bytes)
{
    escape_append(add_cell(table), bytes);
}

static void
add_value(struct table *table, const redisReply *reply)
{
    struct buffer *cell;

    if (reply_is_text(reply)) {
        add_bytes(table, reply_bytes(reply));
        return;
    }
    cell = add_cell(table);
    if (reply->type == REDIS_REPLY_INTEGER)
        buffer_append_format(cell, "%lld", reply->integer);
    else if (reply->type == REDIS_REPLY_ARRAY)
        buffer_append_format(cell, "(array of %zu)", reply->elements);
    else
        buffer_append_format(cell, "(nil)");
}

static void
add_heads(struct table *table, const char *left, const char *right)
{
    add_bytes(table, slice_from_text(left));
    add_bytes(table, slice_from_text(right));
}

static void
print_rule(struct buffer *target, size_t width)
{
    for (size_t i = 0; i < width; i++)
        buffer_append_byte(target, '-');
}

static void
print_table(const struct table *table, struct buffer *target)
{
    size_t width = 0, right_width = 0;

    KV_ASSERT(table->count % 2 == 0);
    for (size_t i = 0; i < table->count; i++) {
        const size_t size = table->cells[i].size;
        size_t *widest = i % 2 == 0 ? &width : &right_width;

        if (size > *widest)
            *widest = size < COLUMN_WIDTH_MAX ? size : COLUMN_WIDTH_MAX;
    }
    for (size_t i = 0; i < table->count; i += 2) {
        const struct buffer *left = &table->cells[i];

        buffer_append_slice(target, buffer_slice(left));
        buffer_append_format(target, "%*s", left->size < width ? (int)(width - left->size) : 0, "");
        buffer_append_format(target, "  ");
        buffer_append_slice(target, buffer_slice(left + 1));
        buffer_append_byte(target, '\n');
        if (i == 0) {
            print_rule(target, width);
            buffer_append_format(target, "  ");
            print_rule(target, right_width);
            buffer_append_byte(target, '\n');
        }
    }
}

static void
fill_from_info(struct table *table, const redisReply *reply)
{
    struct slice rest = reply_bytes(reply), line;

    add_heads(table, "name", "value");
    while (reply_next_line(&rest, &line)) {
        const uint8_t *colon = line.size == 0 ? NULL : memchr(line.data, ':', line.size);
        const size_t name_size = colon == NULL ? line.size : (size_t)(colon - line.data);

        if (line.size == 0)
            continue;
        add_bytes(table, slice_of(line.data, name_size));
        if (colon == NULL)
            (void)add_cell(table);
        else
            add_bytes(table, slice_of(colon + 1, line.size - name_size - 1));
    }
}

static void
fill_from_array(struct table *table, const struct reply_format *format, const redisReply *reply)
{
    const bool by_key =
        format->shape == SHAPE_BY_KEY && reply->elements + 1 == format->request->count;

    add_heads(table, by_key ? "key" : "number", "value");
    for (size_t i = 0; i < reply->elements; i++) {
        if (by_key)
            add_bytes(table, format->request->words[i + 1]);
        else
            buffer_append_format(add_cell(table), "%zu", i + 1);
        add_value(table, reply->element[i]);
    }
}

static void
fill_from_pairs(struct table *table, const redisReply *reply)
{
    add_heads(table, "name", "value");
    for (size_t i = 0; i < reply->elements; i++)
        add_value(table, reply->element[i]);
}

void
reply_format_table(const struct reply_format *format, const redisReply *reply,
                   struct buffer *target)
{
    struct table table = {0};

    if (format->shape == SHAPE_INFO && reply->type == REDIS_REPLY_STRING) {
        fill_from_info(&table, reply);
    } else if (format->shape == SHAPE_PAIRS && reply_is_pairs(reply)) {
        fill_from_pairs(&table, reply);
    } else if (reply->type == REDIS_REPLY_ARRAY) {
        fill_from_array(&table, format, reply);
    } else {
        add_value(&table, reply);
        buffer_append_slice(target, buffer_slice(&table.cells[0]));
        buffer_append_byte(target, '\n');
        table_deinit(&table);
        return;
    }
    print_table(&table, target);
    table_deinit(&table);
}
