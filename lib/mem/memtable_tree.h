/* memtable_tree.h - the B+-tree of one family in a memtable: user keys to entries.
 *
 * Included in lib/mem only.  Reading works on damaged mappings and says so; writing is for the
 * memtable's owner, who knows that it is sound.
 */
#ifndef KV_MEM_MEMTABLE_TREE_H
#define KV_MEM_MEMTABLE_TREE_H

#include "mem/memtable_internal.h"

struct tree_spot {
    struct mem_node *leaf;
    unsigned index; /* of the first entry >= key; the leaf's count: it is in the next leaf */
    bool exact;     /* that entry has the very key */
};

/* The family has a tree.  False: the mapping is damaged. */
bool tree_seek(const struct memtable *memtable, const struct mem_family *family, struct slice key,
               struct tree_spot *spot);
/* The last entry below `key`, with `exact` unset; *found false: there is none.  Likewise. */
bool tree_seek_below(const struct memtable *memtable, const struct mem_family *family,
                     struct slice key, struct tree_spot *spot, bool *found);
/* The last entry under a node (NULL: the mapping is damaged), and of all; likewise. */
bool tree_last_under(const struct memtable *memtable, struct mem_node *node,
                     struct tree_spot *spot);
bool tree_seek_last(const struct memtable *memtable, const struct mem_family *family,
                    struct tree_spot *spot);
/* The way down to a key, as a part of all that there is: 0 to 1. */
double tree_part_below(const struct memtable *memtable, const struct mem_family *family,
                       struct slice key);
/* The entry of `key`, made if there was none. */
struct mem_entry *tree_insert(struct memtable *memtable, struct mem_family *family,
                              struct slice key);

/* Descends for all fingers at once, a level at a time, so that their waits for memory overlap. */
void tree_find_leaves(const struct memtable *memtable, struct tree_finger *fingers, unsigned count);
/* Begins to load the entry that tree_find_entry will look at.  The finger's leaf is known. */
void tree_prefetch_entry(const struct memtable *memtable, const struct tree_finger *finger);
/* The entry of the finger's key, or NULL. */
const struct mem_entry *tree_find_entry(const struct memtable *memtable,
                                        const struct tree_finger *finger);
/* As tree_insert. */
struct mem_entry *tree_insert_at(struct memtable *memtable, const struct tree_finger *finger);

#endif
