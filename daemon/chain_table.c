/* chain_table.c - as many slots as entries at least, so a chain is about one entry long.
 *
 * Invariant: an entry is in the chain of slots[hash & (slot_count - 1)].
 */
#include "daemon/chain_table.h"

#include "base/alloc.h"

enum { SLOT_COUNT_FIRST = 64 };

static struct chain_node **
slot_of(const struct chain_table *table, uint64_t hash)
{
    KV_ASSERT(table->slot_count > 0);
    return &table->slots[hash & (table->slot_count - 1)];
}

static void
put(struct chain_table *table, struct chain_node *node)
{
    struct chain_node **slot = slot_of(table, node->hash);

    node->next = *slot;
    *slot = node;
}

static void
grow(struct chain_table *table)
{
    const struct chain_table old = *table;

    table->slot_count = old.slot_count == 0 ? SLOT_COUNT_FIRST : 2 * old.slot_count;
    table->slots = kv_alloc_zero(table->slot_count * sizeof(table->slots[0]));
    for (uint32_t i = 0; i < old.slot_count; i++) {
        for (struct chain_node *node = old.slots[i], *next; node != NULL; node = next) {
            next = node->next;
            put(table, node);
        }
    }
    free(old.slots);
}

void
chain_table_deinit(struct chain_table *table)
{
    KV_ASSERT(table->count == 0);
    free(table->slots);
    *table = (struct chain_table){0};
}

void
chain_table_insert(struct chain_table *table, struct chain_node *node)
{
    if (table->count == table->slot_count)
        grow(table);
    put(table, node);
    table->count++;
}

void
chain_table_remove(struct chain_table *table, struct chain_node *node)
{
    struct chain_node **place = slot_of(table, node->hash);

    while (*place != node) {
        KV_ASSERT(*place != NULL);
        place = &(*place)->next;
    }
    *place = node->next;
    table->count--;
}

static struct chain_node *
first_from(struct chain_node *node, uint64_t hash)
{
    while (node != NULL && node->hash != hash)
        node = node->next;
    return node;
}

struct chain_node *
chain_table_find(const struct chain_table *table, uint64_t hash)
{
    return table->count == 0 ? NULL : first_from(*slot_of(table, hash), hash);
}

struct chain_node *
chain_table_find_next(const struct chain_node *node)
{
    return first_from(node->next, node->hash);
}
