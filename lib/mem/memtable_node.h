/* memtable_node.h - a node of a memtable's tree: finding a key's place in it, and adding one.
 *
 * Included in lib/mem only.  Searching works on damaged mappings and says so; the rest is for the
 * memtable's owner, who knows that it is sound.  A node is what mem_node_at or mem_node_child gave,
 * or a new one; it lives as long as its memtable and never moves.
 */
#ifndef KV_MEM_MEMTABLE_NODE_H
#define KV_MEM_MEMTABLE_NODE_H

#include "mem/memtable_internal.h"

/* What a node takes in: an entry, and in an inner node the child that the entry separates. */
struct node_item {
    struct mem_entry *entry;
    uint32_t child; /* 0 in a leaf */
};

/* The number of the node's keys that are below `key`; *exact: the next one is the very key.
 * -1: damaged. */
int node_search(const struct memtable *memtable, struct mem_node *node, struct slice key,
                bool *exact);
/* Which child of an inner node has the key; -1: damaged. */
int node_child_index(const struct memtable *memtable, struct mem_node *node, struct slice key);
/* Begins to load the entry that a search in the leaf will look at. */
void node_prefetch_entry(const struct memtable *memtable, const struct mem_node *leaf,
                         struct slice key);

/* A node without entries.  There is room. */
struct mem_node *node_new(struct memtable *memtable, unsigned level);
/* Gives the node the longest prefix that there is, and words to match. */
void node_rebuild(const struct memtable *memtable, struct mem_node *node);
/* Puts the item in front of entry `index` of a node that is not full. */
void node_insert(const struct memtable *memtable, struct mem_node *node, unsigned index,
                 struct node_item item);
/* Child 0 of a node took keys below separator 0; before it splits, that must be put right. */
void node_lower_first(const struct memtable *memtable, struct mem_node *node, uint32_t entry);
/* Inserts into a full node; returns the new node at its right, which no parent knows yet. */
struct mem_node *node_split(struct memtable *memtable, struct mem_node *node, unsigned index,
                            struct node_item item);

/* The entries that a node's words are made of. */
static inline uint32_t *
node_entries(struct mem_node *node)
{
    return node->level == 0 ? node->links : node->separators;
}

/* Of a memtable of one's own. */
static inline struct slice
node_key(const struct memtable *memtable, struct mem_node *node, unsigned index)
{
    const struct mem_entry *entry = mem_entry_at(memtable, node_entries(node)[index]);

    KV_ASSERT(entry != NULL);
    return mem_entry_key(entry);
}

/* All that a search in the node reads, and the links that it leads to. */
static inline void
node_prefetch(const struct mem_node *node)
{
    const char *line = (const char *)node;

    for (size_t i = 0; i < MEM_LEAF_BYTES; i += 64)
        __builtin_prefetch(line + i);
}

#endif
