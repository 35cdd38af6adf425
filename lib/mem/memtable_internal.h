/* memtable_internal.h - the layout of a memtable's mapping, and access to it that checks bounds.
 *
 * Included in lib/mem and its tests only.  Offsets are bytes from the start of the mapping, a
 * multiple of 8, and 0 means none:
 *
 *     0                 struct mem_header, one page
 *     MEM_HEADER_BYTES  families, nodes, entries, versions, tombstones as they came
 *     used_bytes        nothing yet
 *
 * The reading side may be a worker that got a damaged mapping: it finds everything through the
 * mem_*_at functions, which return NULL for what does not lie whole inside used_bytes.
 */
#ifndef KV_MEM_MEMTABLE_INTERNAL_H
#define KV_MEM_MEMTABLE_INTERNAL_H

#include "base/assert.h"
#include "mem/mem_filter.h"
#include "mem/memtable.h"
#include "mem/tombstone_map.h"

#define MEM_MAGIC UINT64_C(0x656c6261746d766b) /* "kvmtable" */

enum {
    MEM_LAYOUT_VERSION = 2,
    MEM_HEADER_BYTES = 4096,
    MEM_FANOUT = 64,
    MEM_PREFIX_INLINE_BYTES = 48,
    MEM_GROUP_COUNT_MAX = 16,
    MEM_HINT_KEY_BYTES_MAX = 40,
    MEM_TREE_HEIGHT_MAX = 8, /* 32^8 leaves do not fit in a mapping */
};

struct mem_header {
    uint64_t magic;
    uint32_t layout_version;
    uint32_t frozen;
    uint64_t used_bytes; /* set by freeze */
    uint64_t entry_count;
    uint64_t seq_first; /* 0: empty */
    uint64_t seq_last;
    uint32_t family_newest; /* offset of the last family added; the others hang behind it */
    uint32_t family_count;
};

struct mem_family {
    uint32_t cf_id;
    uint32_t older; /* offset of the family added before */
    uint32_t root;  /* 0: no point entries */
    uint32_t leaf_first;
    uint32_t leaf_last;
    uint32_t tombstone_newest;
    uint64_t entry_count;
    uint64_t range_tombstone_count;
    uint64_t key_count_delta;
    uint32_t tombstone_map; /* 1 + its index among the owner's; 0: none.  Only the owner reads it */
    uint32_t entity_count;  /* newest versions of their keys that are entities */
};

/* A leaf has `count` entries in key order.  An inner node has `count` children; separator i is an
 * entry that no key of child i is below, except that child 0 also takes every smaller key.
 * All keys (separators) of a node begin with its prefix; word i is what follows it. */
struct mem_node {
    uint16_t count;
    uint16_t level; /* 0: a leaf */
    uint32_t next;  /* right neighbour on the same level */
    uint32_t prefix_size;
    uint32_t prefix_entry;                   /* an entry whose key begins with the prefix */
    uint8_t prefix[MEM_PREFIX_INLINE_BYTES]; /* as much of the prefix as fits */
    int64_t words[MEM_FANOUT];               /* words.h; WORD_UNUSED from `count` on */
    uint32_t links[MEM_FANOUT];              /* entries of a leaf, children of an inner node */
    uint32_t separators[];                   /* MEM_FANOUT entries, inner nodes only */
};

enum {
    MEM_LEAF_BYTES = sizeof(struct mem_node),
    MEM_INNER_BYTES = sizeof(struct mem_node) + MEM_FANOUT * sizeof(uint32_t),
    MEM_NODE_ALIGNMENT_BYTES = 64,
};

/* One per user key and family, for ever. */
struct mem_entry {
    uint32_t newest; /* version; 0: all were rolled back */
    uint32_t key_size;
    uint8_t key[];
};

/* `jump` skips many versions at once, so that an old snapshot finds its version of a hot key in
 * logarithmic time (skew-binary jump pointers: Myers, "An applicative random-access stack",
 * 1983).  Older versions have lower offsets. */
struct mem_version {
    uint64_t footer;
    uint32_t older;
    uint32_t jump;
    uint32_t depth; /* number of older versions */
    uint32_t value_size;
    uint8_t value[];
};

/* bytes: the begin key as an encoded internal key, then the end key. */
struct mem_tombstone {
    uint32_t older;
    uint32_t key_size; /* begin key and footer */
    uint32_t end_size;
    uint32_t unused;
    uint64_t key_count_cut; /* what it took from the family's key_count_delta */
    uint8_t bytes[];
};

_Static_assert(sizeof(struct mem_header) <= MEM_HEADER_BYTES, "the header is one page");
_Static_assert(sizeof(struct mem_family) == 56, "layout");
_Static_assert(sizeof(struct mem_node) == 832, "layout: whole cache lines");
_Static_assert(sizeof(struct mem_version) == 24, "layout");
_Static_assert(sizeof(struct mem_entry) == 8, "layout");
_Static_assert(sizeof(struct mem_tombstone) == 24, "layout");

/* Where the insert of a key will lead. */
struct tree_finger {
    struct mem_family *family;
    struct slice key;
    struct mem_node *leaf; /* NULL: not known */
    uint64_t split_count;  /* the leaf is right as long as the memtable's is the same */
};

/* What was found out about keys that will probably be put soon.  A hint is true for ever, but for
 * its leaf, which says itself when it is not: so none has to be taken back. */
struct mem_hints {
    uint32_t next, count;
    struct mem_hint {
        struct tree_finger finger; /* its key is in `key` */
        uint64_t hash;
        uint8_t key[MEM_HINT_KEY_BYTES_MAX];
    } items[MEM_GROUP_COUNT_MAX];
};

struct memtable {
    uint8_t *base;     /* owned: the mapping */
    size_t used_bytes; /* everything below has been given out */
    size_t mapped_bytes;
    size_t populated_bytes;     /* pages below are known to be there */
    size_t ready_bytes;         /* what is below may be written to; memtable_pool.c draws it */
    size_t locked_bytes;        /* what is below, from ready_bytes on, was guarded; 0: nothing is */
    size_t guarded_bytes;       /* what is below may be written to by nobody */
    struct memtable_pool *pool; /* NULL: opened from a descriptor; outlives its memtables */
    struct memtable *next_spare;
    uint32_t ref_count;
    int fd; /* owned; -1 in an opened one */
    bool frozen;
    uint32_t *family_slots;                /* owned: hash table of family offsets, 0 is free */
    uint32_t family_slot_count;            /* a power of two */
    struct tombstone_map **tombstone_maps; /* owned array of owned: of families with tombstones */
    uint32_t tombstone_map_count;
    struct mem_filter filter; /* of the keys in all trees; none in an opened memtable */
    uint64_t key_count;       /* entries in all trees */
    uint64_t leaf_count;
    uint64_t inner_count;
    uint64_t split_count;    /* changes when remembered leaves may be wrong */
    uint64_t deletion_count; /* of single keys, since it was made */
    uint32_t deleted_entry;  /* the newest one's; 0: none */
    uint32_t deleted_cf_id;
    struct mem_hints hints;
};

static inline struct mem_header *
mem_header(const struct memtable *memtable)
{
    return (struct mem_header *)(void *)memtable->base;
}

/* NULL: not whole inside the used part. */
static inline void *
mem_at(const struct memtable *memtable, uint32_t offset, size_t size)
{
    if (offset % 8 != 0 || offset < MEM_HEADER_BYTES || size > memtable->used_bytes ||
        offset > memtable->used_bytes - size)
        return NULL;
    return memtable->base + offset;
}

static inline uint32_t
mem_offset(const struct memtable *memtable, const void *place)
{
    return (uint32_t)((const uint8_t *)place - memtable->base);
}

static inline struct mem_family *
mem_family_at(const struct memtable *memtable, uint32_t offset)
{
    return mem_at(memtable, offset, sizeof(struct mem_family));
}

static inline struct mem_node *
mem_node_at(const struct memtable *memtable, uint32_t offset)
{
    struct mem_node *node = mem_at(memtable, offset, MEM_LEAF_BYTES);

    if (node == NULL || node->count == 0 || node->count > MEM_FANOUT)
        return NULL;
    if (node->level > 0 && mem_at(memtable, offset, MEM_INNER_BYTES) == NULL)
        return NULL;
    return node;
}

/* The child `index` of an inner node. */
static inline struct mem_node *
mem_node_child(const struct memtable *memtable, const struct mem_node *node, unsigned index)
{
    struct mem_node *child = mem_node_at(memtable, node->links[index]);

    return child != NULL && child->level + 1 == node->level ? child : NULL;
}

static inline struct mem_entry *
mem_entry_at(const struct memtable *memtable, uint32_t offset)
{
    struct mem_entry *entry = mem_at(memtable, offset, sizeof(*entry));

    if (entry == NULL || entry->key_size > memtable->used_bytes - offset - sizeof(*entry))
        return NULL;
    return entry;
}

static inline struct mem_version *
mem_version_at(const struct memtable *memtable, uint32_t offset)
{
    struct mem_version *version = mem_at(memtable, offset, sizeof(*version));

    if (version == NULL || version->value_size > memtable->used_bytes - offset - sizeof(*version))
        return NULL;
    return version;
}

static inline struct mem_tombstone *
mem_tombstone_at(const struct memtable *memtable, uint32_t offset)
{
    struct mem_tombstone *tombstone = mem_at(memtable, offset, sizeof(*tombstone));

    if (tombstone == NULL || tombstone->key_size < KEY_FOOTER_BYTES ||
        (uint64_t)tombstone->key_size + tombstone->end_size >
            memtable->used_bytes - offset - sizeof(*tombstone))
        return NULL;
    return tombstone;
}

static inline struct slice
mem_entry_key(const struct mem_entry *entry)
{
    return slice_of(entry->key, entry->key_size);
}

static inline struct slice
mem_tombstone_key(const struct mem_tombstone *tombstone)
{
    return slice_of(tombstone->bytes, tombstone->key_size);
}

static inline struct slice
mem_tombstone_end(const struct mem_tombstone *tombstone)
{
    return slice_of(tombstone->bytes + tombstone->key_size, tombstone->end_size);
}

/* memtable_pool.c: `alignment` is a power of two >= 8.  Asserts that there is room. */
void *mem_allocate(struct memtable *memtable, size_t size, size_t alignment);

/* memtable_family.c */
/* Whether the list is whole; of an opened memtable this must come first. */
bool mem_families_are_sound(const struct memtable *memtable);
struct mem_family *mem_family_find(const struct memtable *memtable, uint32_t cf_id);
struct mem_family *mem_family_find_or_add(struct memtable *memtable, uint32_t cf_id);

/* memtable_tombstone.c */
void mem_tombstone_add(struct memtable *memtable, struct mem_family *family,
                       const struct batch_record *record);
uint64_t mem_tombstone_covering(const struct memtable *memtable, const struct mem_family *family,
                                struct slice key, uint64_t seq_max);
/* Takes the newest one back; its sequence is known to be above all that stays. */
void mem_tombstone_drop_newest(struct memtable *memtable, struct mem_family *family);
/* After the last one was taken back. */
void mem_tombstone_map_rebuild(struct memtable *memtable, const struct mem_family *family);
void mem_tombstone_maps_free(struct memtable *memtable);

/* memtable.c: adds up to MEM_GROUP_COUNT_MAX records. */
void mem_add_group(struct memtable *memtable, const struct batch_record *records, unsigned count);

#endif
