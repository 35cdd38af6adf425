/* reply_table.c - replies as rows of a table: two columns where the reply has names for its
 * values, numbers as names where it has none. */
#include "base/alloc.h"
#include "cli/escape.h"
#include "cli/reply_format_internal.h"

enum { COLUMN_WIDTH_MAX = 60, COLUMN_COUNT_MAX = 32 };

struct table {
    size_t column_count;
    struct buffer *cells; /* owned array of owned, row by row; the first row is the head */
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
measure_columns(const struct table *table, size_t widths[COLUMN_COUNT_MAX])
{
    for (size_t i = 0; i < table->count; i++) {
        size_t *width = &widths[i % table->column_count];
        const size_t size = table->cells[i].size;

        if (size > *width)
            *width = size < COLUMN_WIDTH_MAX ? size : COLUMN_WIDTH_MAX;
    }
}

static void
append_repeated(struct buffer *target, uint8_t byte, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buffer_append_byte(target, byte);
}

static void
print_row(const struct buffer *cells, size_t count, const size_t widths[COLUMN_COUNT_MAX],
          struct buffer *target)
{
    for (size_t i = 0; i < count; i++) {
        const size_t size = cells[i].size;

        buffer_append_slice(target, buffer_slice(&cells[i]));
        if (i + 1 < count)
            append_repeated(target, ' ', 2 + (size < widths[i] ? widths[i] - size : 0));
    }
    buffer_append_byte(target, '\n');
}

static void
print_table(const struct table *table, struct buffer *target)
{
    size_t widths[COLUMN_COUNT_MAX] = {0};
    const size_t columns = table->column_count;

    KV_ASSERT(columns > 0 && columns <= COLUMN_COUNT_MAX);
    KV_ASSERT(table->count % columns == 0);
    measure_columns(table, widths);
    for (size_t i = 0; i < table->count; i += columns) {
        print_row(&table->cells[i], columns, widths, target);
        for (size_t column = 0; i == 0 && column < columns; column++) {
            append_repeated(target, '-', widths[column]);
            append_repeated(target, column + 1 < columns ? ' ' : '\n',
                            column + 1 < columns ? 2 : 1);
        }
    }
}

static bool
is_record_table(const struct reply_format *format, const redisReply *reply)
{
    return format->shape == SHAPE_RECORDS && reply_is_records(reply) && reply->elements > 0 &&
           reply->element[0]->elements > 0 && reply->element[0]->elements / 2 <= COLUMN_COUNT_MAX;
}

static void
fill_from_records(struct table *table, const redisReply *reply)
{
    table->column_count = reply->element[0]->elements / 2;
    for (size_t i = 0; i < table->column_count; i++)
        add_bytes(table, reply_bytes(reply->element[0]->element[2 * i]));
    for (size_t i = 0; i < reply->elements; i++) {
        for (size_t j = 1; j < reply->element[i]->elements; j += 2)
            add_value(table, reply->element[i]->element[j]);
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
    struct table table = {.column_count = 2};

    if (is_record_table(format, reply)) {
        fill_from_records(&table, reply);
    } else if (format->shape == SHAPE_INFO && reply->type == REDIS_REPLY_STRING) {
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
