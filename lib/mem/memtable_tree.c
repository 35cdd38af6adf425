/* memtable_tree.c - a B+-tree whose nodes compare eight bytes at a time.
 *
 * Most keys differ within a few bytes behind what their neighbours share.  So a node cuts off the
 * prefix that all its keys have in common, and keeps the next eight bytes of each as a word; one
 * pass of vector compares finds the place, and a key's own bytes are only read where words are
 * equal.  The prefix is exact when a node is made, shrinks when a key comes that lacks it (the
 * words are then shifted, no key is read), and is found anew when a split leaves words that
 * share half of their bytes.
 *
 * Invariant: every node but the rightmost of its level is at least half full; memtable_has_room
 * counts on it.  Hence a full node splits in the middle, except the rightmost one when the new key
 * is the last: then the old node stays full, as ascending keys want it.
 *
 * Nodes are never freed and entries never move, so separators may point at entries.
 */
#include "mem/memtable_tree.h"

#include "mem/words.h"

/* How an insert came down: the inner nodes and the child taken in each, the root's level last. */
struct tree_path {
    struct mem_node *nodes[MEM_TREE_HEIGHT_MAX];
    unsigned indexes[MEM_TREE_HEIGHT_MAX];
};

/* What a node takes in: an entry, and in an inner node the child that the entry separates. */
struct node_item {
    struct mem_entry *entry;
    uint32_t child; /* 0 in a leaf */
};

static size_t
common_size(struct slice a, struct slice b)
{
    const size_t size_max = a.size < b.size ? a.size : b.size;
    size_t size = 0;

    while (size + 8 <= size_max) {
        const uint64_t differing = load_fixed64(a.data + size) ^ load_fixed64(b.data + size);

        if (differing != 0)
            return size + (size_t)__builtin_ctzll(differing) / 8;
        size += 8;
    }
    while (size < size_max && a.data[size] == b.data[size])
        size++;
    return size;
}

/* The entries that a node's words are made of. */
static uint32_t *
node_entries(struct mem_node *node)
{
    return node->level == 0 ? node->links : node->separators;
}

/* data is NULL: damaged. */
static struct slice
node_prefix(const struct memtable *memtable, const struct mem_node *node)
{
    const uint32_t size = node->prefix_size;
    const struct mem_entry *entry;

    if (size <= MEM_PREFIX_INLINE_BYTES)
        return slice_of(node->prefix, size);
    entry = mem_entry_at(memtable, node->prefix_entry);
    if (entry == NULL || entry->key_size < size)
        return slice_of(NULL, 0);
    return slice_of(entry->key, size);
}

/* Among entries [low, high), whose words equal the key's: the first that is not below the key.
 * -1: damaged. */
static int
search_ties(const struct memtable *memtable, struct mem_node *node, unsigned low, unsigned high,
            struct slice key, bool *exact)
{
    const size_t skip = node->prefix_size;
    const struct slice wanted = slice_of(key.data + skip, key.size - skip);

    while (low < high) {
        const unsigned middle = (low + high) / 2;
        const struct mem_entry *entry = mem_entry_at(memtable, node_entries(node)[middle]);
        int order;

        if (entry == NULL || entry->key_size < skip)
            return -1;
        order = slice_compare(slice_of(entry->key + skip, entry->key_size - skip), wanted);
        if (order == 0) {
            *exact = true;
            return (int)middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return (int)low;
}

/* The number of the node's keys that are below `key`; -1: damaged. */
static int
node_search(const struct memtable *memtable, struct mem_node *node, struct slice key, bool *exact)
{
    const struct slice prefix = node_prefix(memtable, node);
    const unsigned count = node->count;
    const size_t shared = key.size < prefix.size ? key.size : prefix.size;
    unsigned low, high;
    int64_t word;
    int order;

    *exact = false;
    if (prefix.data == NULL)
        return -1;
    order = shared == 0 ? 0 : memcmp(key.data, prefix.data, shared);
    if (order < 0 || (order == 0 && key.size < prefix.size))
        return 0;
    if (order > 0)
        return (int)count;
    word = word_load(key, prefix.size);
    low = words_count_below(node->words, word);
    if (low >= count)
        return (int)count;
    for (high = low; high < count && node->words[high] == word;)
        high++;
    if (low == high)
        return (int)low;
    return search_ties(memtable, node, low, high, key, exact);
}

/* Which child of an inner node has the key; -1: damaged. */
static int
node_child_index(const struct memtable *memtable, struct mem_node *node, struct slice key)
{
    bool exact;
    const int index = node_search(memtable, node, key, &exact);

    return index <= 0 || exact ? index : index - 1;
}

/* All that a search in the node reads, and the links that it leads to. */
static void
node_prefetch(const struct mem_node *node)
{
    const char *line = (const char *)node;

    for (size_t i = 0; i < MEM_LEAF_BYTES; i += 64)
        __builtin_prefetch(line + i);
}

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

static struct mem_node *
node_new(struct memtable *memtable, unsigned level)
{
    const size_t size = level == 0 ? MEM_LEAF_BYTES : MEM_INNER_BYTES;
    struct mem_node *node = mem_allocate(memtable, size, MEM_NODE_ALIGNMENT_BYTES);

    KV_ASSERT(level < MEM_TREE_HEIGHT_MAX);
    memset(node, 0, offsetof(struct mem_node, words));
    node->level = (uint16_t)level;
    for (unsigned i = 0; i < MEM_FANOUT; i++)
        node->words[i] = WORD_UNUSED;
    if (level == 0)
        memtable->leaf_count++;
    else
        memtable->inner_count++;
    return node;
}

static struct slice
node_key(const struct memtable *memtable, struct mem_node *node, unsigned index)
{
    const struct mem_entry *entry = mem_entry_at(memtable, node_entries(node)[index]);

    KV_ASSERT(entry != NULL);
    return mem_entry_key(entry);
}

static void
node_set_prefix(struct mem_node *node, uint32_t entry, struct slice prefix)
{
    const size_t inline_size =
        prefix.size < MEM_PREFIX_INLINE_BYTES ? prefix.size : MEM_PREFIX_INLINE_BYTES;

    node->prefix_entry = entry;
    node->prefix_size = (uint32_t)prefix.size;
    if (inline_size > 0)
        memcpy(node->prefix, prefix.data, inline_size);
}

/* Gives the node the longest prefix that there is, and words to match. */
static void
node_rebuild(const struct memtable *memtable, struct mem_node *node)
{
    const struct slice first = node_key(memtable, node, 0);
    const struct slice last = node_key(memtable, node, node->count - 1u);
    const size_t size = common_size(first, last);

    KV_ASSERT(size >= node->prefix_size);
    node_set_prefix(node, node_entries(node)[0], slice_of(first.data, size));
    for (unsigned i = 0; i < node->count; i++)
        node->words[i] = word_load(node_key(memtable, node, i), size);
}

/* Shortens the prefix: its end moves into the front of the words. */
static void
node_shrink_prefix(const struct memtable *memtable, struct mem_node *node, size_t size)
{
    const struct slice prefix = node_prefix(memtable, node);
    const size_t moved_bytes = prefix.size - size;
    const uint64_t front = word_plain(word_load(prefix, size));

    KV_ASSERT(size < prefix.size);
    for (unsigned i = 0; i < node->count; i++) {
        const uint64_t back = moved_bytes >= 8 ? 0 : word_plain(node->words[i]) >> 8 * moved_bytes;

        node->words[i] = word_flip(front | back);
    }
    node->prefix_size = (uint32_t)size;
}

static void
node_insert(const struct memtable *memtable, struct mem_node *node, unsigned index,
            struct node_item item)
{
    const struct slice key = mem_entry_key(item.entry);
    const uint32_t entry = mem_offset(memtable, item.entry);
    const size_t behind = node->count - index;
    uint32_t *entries = node_entries(node);
    size_t shared;

    KV_ASSERT(node->count < MEM_FANOUT);
    KV_ASSERT(index <= node->count);
    if (node->count == 0)
        node_set_prefix(node, entry, key);
    shared = common_size(key, node_prefix(memtable, node));
    if (shared < node->prefix_size)
        node_shrink_prefix(memtable, node, shared);
    memmove(node->words + index + 1, node->words + index, behind * sizeof(node->words[0]));
    memmove(entries + index + 1, entries + index, behind * sizeof(entries[0]));
    node->words[index] = word_load(key, node->prefix_size);
    entries[index] = entry;
    if (node->level > 0) {
        memmove(node->links + index + 1, node->links + index, behind * sizeof(node->links[0]));
        node->links[index] = item.child;
    }
    node->count++;
}

/* Child 0 of a node took keys below separator 0; before it splits, that must be put right. */
static void
node_lower_first(const struct memtable *memtable, struct mem_node *node, uint32_t entry)
{
    const struct slice key = mem_entry_key(mem_entry_at(memtable, entry));
    const size_t shared = common_size(key, node_prefix(memtable, node));

    KV_ASSERT(node->level > 0);
    if (shared < node->prefix_size)
        node_shrink_prefix(memtable, node, shared);
    node->words[0] = word_load(key, node->prefix_size);
    node->separators[0] = entry;
}

/* After a split: a longer prefix is worth reading all keys when half of each word is shared. */
static void
node_sharpen(const struct memtable *memtable, struct mem_node *node)
{
    const uint64_t differing = (uint64_t)node->words[0] ^ (uint64_t)node->words[node->count - 1u];

    if (differing >> 32 == 0)
        node_rebuild(memtable, node);
}

/* Moves the upper half of a full node to a new one at its right. */
static void
node_halve(const struct memtable *memtable, struct mem_node *node, struct mem_node *right)
{
    enum { HALF = MEM_FANOUT / 2 };

    KV_ASSERT(node->count == MEM_FANOUT);
    KV_ASSERT(right->count == 0);
    memcpy(right->words, node->words + HALF, HALF * sizeof(node->words[0]));
    memcpy(right->links, node->links + HALF, HALF * sizeof(node->links[0]));
    if (node->level > 0)
        memcpy(right->separators, node->separators + HALF, HALF * sizeof(node->links[0]));
    memcpy(right->prefix, node->prefix, sizeof(node->prefix));
    right->prefix_size = node->prefix_size;
    right->prefix_entry = node->prefix_entry;
    for (unsigned i = HALF; i < MEM_FANOUT; i++)
        node->words[i] = WORD_UNUSED;
    node->count = HALF;
    right->count = HALF;
    node_sharpen(memtable, node);
    node_sharpen(memtable, right);
}

/* Inserts into a full node; returns the new node at its right. */
static struct mem_node *
node_split(struct memtable *memtable, struct mem_node *node, unsigned index, struct node_item item)
{
    const bool appends = node->next == 0 && index == MEM_FANOUT;
    struct mem_node *right = node_new(memtable, node->level);

    right->next = node->next;
    node->next = mem_offset(memtable, right);
    memtable->split_count++;
    if (appends) {
        node_insert(memtable, right, 0, item);
        return right;
    }
    node_halve(memtable, node, right);
    if (index <= node->count)
        node_insert(memtable, node, index, item);
    else
        node_insert(memtable, right, index - node->count, item);
    return right;
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
    const struct mem_node *leaf = finger->leaf;
    unsigned index;

    if (finger->key.size < leaf->prefix_size)
        return;
    index = words_count_below(leaf->words, word_load(finger->key, leaf->prefix_size));
    if (index < leaf->count)
        __builtin_prefetch(memtable->base + leaf->links[index]);
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
