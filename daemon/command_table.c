/* command_table.c - every command, by group and name, and finding one by its name.
 *
 * The index is made at the first use: all groups' rows in one table, so that a row has a number,
 * and an open hash of these numbers, four slots a row at least, so a look-up is one hash, about one
 * compare and no allocation.
 */
#include "daemon/command_table.h"

#include "base/assert.h"
#include "daemon/command_rows.h"

static const struct command *const groups[] = {
    command_rows_bitmap,    command_rows_cluster, command_rows_connection,
    command_rows_generic,   command_rows_pubsub,  command_rows_server,
    command_rows_snapshots, command_rows_string,  command_rows_transactions,
};

enum { GROUP_COUNT = sizeof(groups) / sizeof(groups[0]), SLOT_COUNT = 4 * COMMAND_COUNT_MAX };
static_assert((SLOT_COUNT & (SLOT_COUNT - 1)) == 0, "a slot is found by a mask");

static struct command rows[COMMAND_COUNT_MAX];
static uint32_t row_count;         /* 0: the index is not made yet */
static uint16_t slots[SLOT_COUNT]; /* a row's number + 1; 0: empty */

static uint8_t
lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
}

static uint32_t
hash(const uint8_t *name, size_t size)
{
    uint32_t value = 2166136261u;

    for (size_t i = 0; i < size; i++)
        value = (value ^ lower(name[i])) * 16777619u;
    return value ^ value >> 15;
}

static bool
is_name(const char *name, struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if ((uint8_t)name[i] != lower(text.data[i]) || name[i] == '\0')
            return false;
    }
    return name[text.size] == '\0';
}

/* The name that was looked up last, as it was written, and its row: a pipeline asks for the same
 * one again and again. */
static struct {
    const struct command *row; /* NULL: none yet */
    size_t size;
    uint8_t name[COMMAND_NAME_BYTES_MAX];
} last;

static void
add_to_index(const struct command *row)
{
    const size_t size = strlen(row->name);
    uint32_t slot = hash((const uint8_t *)row->name, size);

    KV_ASSERT(size <= COMMAND_NAME_BYTES_MAX && row_count < COMMAND_COUNT_MAX);
    KV_ASSERT(row->run != NULL && row->arity != 0 && row->summary != NULL);
    while (slots[slot & (SLOT_COUNT - 1)] != 0)
        slot++;
    rows[row_count++] = *row;
    slots[slot & (SLOT_COUNT - 1)] = (uint16_t)row_count;
}

static void
ensure_index(void)
{
    if (row_count > 0)
        return;
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        for (const struct command *row = groups[i]; row->name != NULL; row++)
            add_to_index(row);
    }
}

const struct command *
command_find(struct slice name)
{
    uint32_t slot;

    if (last.row != NULL && slice_equal(name, slice_of(last.name, last.size)))
        return last.row;
    ensure_index();
    if (name.size == 0 || name.size > COMMAND_NAME_BYTES_MAX)
        return NULL;
    for (slot = hash(name.data, name.size); slots[slot & (SLOT_COUNT - 1)] != 0; slot++) {
        const struct command *row = &rows[slots[slot & (SLOT_COUNT - 1)] - 1];

        if (!is_name(row->name, name))
            continue;
        last.row = row;
        last.size = name.size;
        memcpy(last.name, name.data, name.size);
        return row;
    }
    return NULL;
}

const struct command *
command_at(uint32_t index)
{
    ensure_index();
    return index < row_count ? &rows[index] : NULL;
}

uint32_t
command_count(void)
{
    ensure_index();
    return row_count;
}

uint32_t
command_index(const struct command *command)
{
    KV_ASSERT(command >= rows && command < rows + row_count);
    return (uint32_t)(command - rows);
}
