/* memtable_tree.c - a B+-tree: the ways down, and how it grows.
 *
 * Invariant: every node but the rightmost of its level is at least half full; memtable_has_room
 * counts on it.  Hence a full node splits in the middle, except the rightmost one when the new key
 * is the last: then the old node stays full, as ascending keys want it.
 *
 * Nodes are never freed and entries never move, so separators may point at entries.
 */
#include "mem/memtable_tree.h"

#include "mem/memtable_node.h"

/* How an insert came down: the inner nodes and the child taken in each, the root's level last. */
struct tree_path {
    struct mem_node *nodes[MEM_TREE_HEIGHT_MAX];
    unsigned indexes[MEM_TREE_HEIGHT_MAX];
};

/* The search that follows finds the whole node on its way, instead of waiting for its first line
 * and then for the others. */
static void
child_prefetch(const struct memtable *memtable, const struct mem_node *node, unsigned index)
{
    const struct mem_node *child = mem_at(memtable, node->links[index], MEM_LEAF_BYTES);

    if (child != NULL)
        node_prefetch(child);
}

bool
tree_seek(const struct memtable *memtable, const struct mem_family *family, struct slice key,
          struct tree_spot *spot)
{
    struct mem_node *node = mem_node_at(memtable, family->root);
    int index;

    for (; node != NULL && node->level > 0;
         node = mem_node_child(memtable, node, (unsigned)index)) {
        index = node_child_index(memtable, node, key);
        if (index < 0)
            return false;
        child_prefetch(memtable, node, (unsigned)index);
    }
    if (node == NULL)
        return false;
    index = node_search(memtable, node, key, &spot->exact);
    if (index < 0)
        return false;
    spot->leaf = node;
    spot->index = (unsigned)index;
    return true;
}

bool
tree_seek_below(const struct memtable *memtable, const struct mem_family *family, struct slice key,
                struct tree_spot *spot, bool *found)
{
    struct mem_node *node = mem_node_at(memtable, family->root);
    struct mem_node *turn = NULL; /* the lowest node on the way with a child to the left of it */
    unsigned turn_index = 0;
    int index;

    *found = false;
    while (node != NULL && node->level > 0) {
        index = node_child_index(memtable, node, key);
        if (index < 0)
            return false;
        turn_index = index > 0 ? (unsigned)index - 1 : turn_index;
        turn = index > 0 ? node : turn;
        node = mem_node_child(memtable, node, (unsigned)index);
    }
    if (node == NULL)
        return false;
    index = node_search(memtable, node, key, &spot->exact);
    if (index < 0)
        return false;
    *found = index > 0 || turn != NULL;
    if (index == 0)
        return turn == NULL ||
               tree_last_under(memtable, mem_node_child(memtable, turn, turn_index), spot);
    *spot = (struct tree_spot){.leaf = node, .index = (unsigned)index - 1};
    return true;
}

double
tree_part_below(const struct memtable *memtable, const struct mem_family *family, struct slice key)
{
    struct mem_node *node = mem_node_at(memtable, family->root);
    double part = 0, width = 1;
    bool exact;
    int index;

    for (; node != NULL && node->level > 0;
         node = mem_node_child(memtable, node, (unsigned)index)) {
        index = node_child_index(memtable, node, key);
        if (index < 0)
            return part;
        width /= node->count;
        part += width * index;
    }
    index = node == NULL ? -1 : node_search(memtable, node, key, &exact);
    return index < 0 ? part : part + width * index / node->count;
}

static void
tree_grow_root(struct memtable *memtable, struct mem_family *family, struct mem_node *right)
{
    struct mem_node *left = mem_node_at(memtable, family->root);
    struct mem_node *root = node_new(memtable, left->level + 1u);

    root->links[0] = mem_offset(memtable, left);
    root->links[1] = mem_offset(memtable, right);
    root->separators[0] = node_entries(left)[0];
    root->separators[1] = node_entries(right)[0];
    root->count = 2;
    node_rebuild(memtable, root);
    family->root = mem_offset(memtable, root);
}

/* The leaf is full: splits it, and as many of its ancestors as are full too. */
static void
tree_insert_split(struct memtable *memtable, struct mem_family *family, struct tree_path *path,
                  struct tree_spot *spot, struct mem_entry *entry)
{
    const unsigned height = mem_node_at(memtable, family->root)->level;
    struct mem_node *left = spot->leaf;
    struct mem_node *right =
        node_split(memtable, left, spot->index, (struct node_item){.entry = entry});

    if (right->next == 0)
        family->leaf_last = mem_offset(memtable, right);
    for (unsigned level = 1; level <= height; level++) {
        struct mem_node *parent = path->nodes[level];
        const unsigned index = path->indexes[level] + 1;
        const struct node_item item = {
            .entry = mem_entry_at(memtable, node_entries(right)[0]),
            .child = mem_offset(memtable, right),
        };

        KV_ASSERT(parent->level == level);
        if (index == 1)
            node_lower_first(memtable, parent, node_entries(left)[0]);
        if (parent->count < MEM_FANOUT) {
            node_insert(memtable, parent, index, item);
            return;
        }
        left = parent;
        right = node_split(memtable, parent, index, item);
    }
    tree_grow_root(memtable, family, right);
}

static struct mem_entry *
entry_new(struct memtable *memtable, struct slice key)
{
    struct mem_entry *entry = mem_allocate(memtable, sizeof(*entry) + key.size, 8);

    entry->newest = 0;
    entry->key_size = (uint32_t)key.size;
    if (key.size > 0)
        memcpy(entry->key, key.data, key.size);
    memtable->key_count++;
    return entry;
}

static struct mem_entry *
tree_insert_first(struct memtable *memtable, struct mem_family *family, struct slice key)
{
    struct mem_entry *entry = entry_new(memtable, key);
    struct mem_node *leaf = node_new(memtable, 0);

    KV_ASSERT(family->root == 0);
    node_insert(memtable, leaf, 0, (struct node_item){.entry = entry});
    family->root = family->leaf_first = family->leaf_last = mem_offset(memtable, leaf);
    return entry;
}

/* Ascending keys go behind the last one without a descent.  NULL: not such a key, or no room. */
static struct mem_entry *
tree_try_append(struct memtable *memtable, struct mem_family *family, struct slice key)
{
    struct mem_node *leaf = mem_node_at(memtable, family->leaf_last);
    struct mem_entry *entry;

    KV_ASSERT(leaf != NULL);
    if (leaf->count == MEM_FANOUT)
        return NULL;
    if (slice_compare(key, node_key(memtable, leaf, leaf->count - 1u)) <= 0)
        return NULL;
    entry = entry_new(memtable, key);
    node_insert(memtable, leaf, leaf->count, (struct node_item){.entry = entry});
    return entry;
}

/* Like tree_seek, but notes the way; damage is impossible in a memtable that is written to. */
static void
tree_descend(const struct memtable *memtable, const struct mem_family *family, struct slice key,
             struct tree_path *path, struct tree_spot *spot)
{
    struct mem_node *node = mem_node_at(memtable, family->root);
    int index;

    while (node->level > 0) {
        index = node_child_index(memtable, node, key);
        KV_ASSERT(index >= 0);
        path->nodes[node->level] = node;
        path->indexes[node->level] = (unsigned)index;
        child_prefetch(memtable, node, (unsigned)index);
        node = mem_node_at(memtable, node->links[index]);
        KV_ASSERT(node != NULL);
    }
    index = node_search(memtable, node, key, &spot->exact);
    KV_ASSERT(index >= 0);
    spot->leaf = node;
    spot->index = (unsigned)index;
}

struct mem_entry *
tree_insert(struct memtable *memtable, struct mem_family *family, struct slice key)
{
    struct tree_path path;
    struct tree_spot spot;
    struct mem_entry *entry;

    if (family->root == 0)
        return tree_insert_first(memtable, family, key);
    entry = tree_try_append(memtable, family, key);
    if (entry != NULL)
        return entry;
    tree_descend(memtable, family, key, &path, &spot);
    if (spot.exact)
        return mem_entry_at(memtable, spot.leaf->links[spot.index]);
    entry = entry_new(memtable, key);
    if (spot.leaf->count < MEM_FANOUT)
        node_insert(memtable, spot.leaf, spot.index, (struct node_item){.entry = entry});
    else
        tree_insert_split(memtable, family, &path, &spot, entry);
    return entry;
}

/* One step down for one finger; false: it has arrived, or there is nothing to descend. */
static bool
finger_descend(const struct memtable *memtable, struct tree_finger *finger)
{
    int index;

    if (finger->leaf == NULL || finger->leaf->level == 0)
        return false;
    index = node_child_index(memtable, finger->leaf, finger->key);
    KV_ASSERT(index >= 0);
    /* The child is not looked at yet: it is on its way. */
    finger->leaf = mem_at(memtable, finger->leaf->links[index], MEM_LEAF_BYTES);
    node_prefetch(finger->leaf);
    return true;
}

void
tree_find_leaves(const struct memtable *memtable, struct tree_finger *fingers, unsigned count)
{
    bool more = true;

    KV_ASSERT(count <= MEM_GROUP_COUNT_MAX);
    for (unsigned i = 0; i < count; i++) {
        fingers[i].leaf = mem_node_at(memtable, fingers[i].family->root);
        fingers[i].split_count = memtable->split_count;
    }
    while (more) {
        more = false;
        for (unsigned i = 0; i < count; i++)
            more |= finger_descend(memtable, &fingers[i]);
    }
}

void
tree_prefetch_entry(const struct memtable *memtable, const struct tree_finger *finger)
{
    node_prefetch_entry(memtable, finger->leaf, finger->key);
}

const struct mem_entry *
tree_find_entry(const struct memtable *memtable, const struct tree_finger *finger)
{
    bool exact;
    const int index = node_search(memtable, finger->leaf, finger->key, &exact);

    KV_ASSERT(index >= 0);
    return exact ? mem_entry_at(memtable, finger->leaf->links[index]) : NULL;
}

struct mem_entry *
tree_insert_at(struct memtable *memtable, const struct tree_finger *finger)
{
    struct mem_node *leaf = finger->leaf;
    struct mem_entry *entry;
    bool exact;
    int index;

    if (leaf == NULL || leaf->count == MEM_FANOUT || finger->split_count != memtable->split_count)
        return tree_insert(memtable, finger->family, finger->key);
    index = node_search(memtable, leaf, finger->key, &exact);
    KV_ASSERT(index >= 0);
    if (exact)
        return mem_entry_at(memtable, leaf->links[index]);
    entry = entry_new(memtable, finger->key);
    node_insert(memtable, leaf, (unsigned)index, (struct node_item){.entry = entry});
    return entry;
}
