/* memtable_survey.c - ends of a family's keys, and questions about all of them that the shape of
 * its tree answers. */
#include "mem/memtable_tree.h"

bool
tree_last_under(const struct memtable *memtable, struct mem_node *node, struct tree_spot *spot)
{
    while (node != NULL && node->level > 0)
        node = mem_node_child(memtable, node, node->count - 1u);
    if (node == NULL)
        return false;
    *spot = (struct tree_spot){.leaf = node, .index = node->count - 1u};
    return true;
}

bool
tree_seek_last(const struct memtable *memtable, const struct mem_family *family,
               struct tree_spot *spot)
{
    return tree_last_under(memtable, mem_node_at(memtable, family->root), spot);
}

/* A way down at random, at each node one of its children: nodes are half full at least, so no key
 * is favoured by much. */
bool
memtable_pick(const struct memtable *memtable, uint32_t cf_id, uint64_t random,
              struct slice *user_key)
{
    const struct mem_family *family = mem_family_find(memtable, cf_id);
    const struct mem_node *node;
    const struct mem_entry *entry;

    KV_ASSERT(memtable->pool != NULL);
    if (family == NULL || family->root == 0)
        return false;
    node = mem_node_at(memtable, family->root);
    while (node != NULL && node->level > 0) {
        node = mem_node_at(memtable, node->links[random % node->count]);
        random = random * UINT64_C(0x9e3779b97f4a7c15) + 1;
        random ^= random >> 29;
    }
    KV_ASSERT(node != NULL);
    entry = mem_entry_at(memtable, node->links[(random >> 8) % node->count]);
    KV_ASSERT(entry != NULL);
    *user_key = mem_entry_key(entry);
    return true;
}

/* The user key of the first or last entry of a leaf. */
static struct slice
leaf_key(const struct memtable *memtable, uint32_t leaf_offset, bool is_last)
{
    const struct mem_node *leaf = mem_node_at(memtable, leaf_offset);
    const struct mem_entry *entry;

    KV_ASSERT(leaf != NULL && leaf->level == 0);
    entry = mem_entry_at(memtable, leaf->links[is_last ? leaf->count - 1u : 0u]);
    KV_ASSERT(entry != NULL);
    return mem_entry_key(entry);
}

bool
memtable_key_span(const struct memtable *memtable, uint32_t cf_id, struct slice *first,
                  struct slice *last)
{
    const struct mem_family *family = mem_family_find(memtable, cf_id);

    KV_ASSERT(memtable->pool != NULL);
    if (family == NULL || family->root == 0)
        return false;
    *first = leaf_key(memtable, family->leaf_first, false);
    *last = leaf_key(memtable, family->leaf_last, true);
    return true;
}

double
memtable_part_below(const struct memtable *memtable, uint32_t cf_id, struct slice key)
{
    const struct mem_family *family = mem_family_find(memtable, cf_id);

    KV_ASSERT(memtable->pool != NULL);
    return family == NULL || family->root == 0 ? 0 : tree_part_below(memtable, family, key);
}

uint64_t
memtable_deletion_count(const struct memtable *memtable)
{
    KV_ASSERT(memtable->pool != NULL);
    return memtable->deletion_count;
}

bool
memtable_newest_deletion(const struct memtable *memtable, uint32_t *cf_id_out,
                         struct slice *user_key_out)
{
    const struct mem_entry *entry = mem_entry_at(memtable, memtable->deleted_entry);

    KV_ASSERT(memtable->pool != NULL);
    if (entry == NULL)
        return false;
    *cf_id_out = memtable->deleted_cf_id;
    *user_key_out = slice_of(entry->key, entry->key_size);
    return true;
}
