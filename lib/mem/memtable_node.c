/* memtable_node.c - nodes that compare eight bytes at a time.
 *
 * Most keys differ within a few bytes behind what their neighbours share.  So a node cuts off the
 * prefix that all its keys have in common, and keeps the next eight bytes of each as a word; one
 * pass of vector compares finds the place, and a key's own bytes are only read where words are
 * equal.  The prefix is exact when a node is made, shrinks when a key comes that lacks it (the
 * words are then shifted, no key is read), and is found anew when a split leaves words that
 * share half of their bytes.
 *
 * Invariant: words ascend, those from `count` on are WORD_UNUSED, and every key of the node begins
 * with its prefix.
 */
#include "mem/memtable_node.h"

#include "key/key_words.h"

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

int
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

int
node_child_index(const struct memtable *memtable, struct mem_node *node, struct slice key)
{
    bool exact;
    const int index = node_search(memtable, node, key, &exact);

    return index <= 0 || exact ? index : index - 1;
}

void
node_prefetch_entry(const struct memtable *memtable, const struct mem_node *leaf, struct slice key)
{
    unsigned index;

    KV_ASSERT(leaf->level == 0);
    if (key.size < leaf->prefix_size)
        return;
    index = words_count_below(leaf->words, word_load(key, leaf->prefix_size));
    if (index < leaf->count)
        __builtin_prefetch(memtable->base + leaf->links[index]);
}

struct mem_node *
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

void
node_rebuild(const struct memtable *memtable, struct mem_node *node)
{
    const struct slice first = node_key(memtable, node, 0);
    const struct slice last = node_key(memtable, node, node->count - 1u);
    const size_t size = key_common_size(first, last);

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

void
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
    shared = key_common_size(key, node_prefix(memtable, node));
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

void
node_lower_first(const struct memtable *memtable, struct mem_node *node, uint32_t entry)
{
    const struct slice key = mem_entry_key(mem_entry_at(memtable, entry));
    const size_t shared = key_common_size(key, node_prefix(memtable, node));

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

struct mem_node *
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
