/* memtable.c - versions on the tree's entries.
 *
 * A write finds the entry of its key in the family's tree and hangs a version in front of the
 * chain; nothing else moves.  Sequences ascend, so the chain is in order by construction, and
 * taking back the newest writes is cutting the front of chains.
 */
#include "base/hash.h"
#include "mem/memtable_tree.h"

enum {
    /* What a record takes beside its bytes: an entry, a version, and rounding up of both. */
    RECORD_OVERHEAD_BYTES = sizeof(struct mem_entry) + 7 + sizeof(struct mem_version) + 7,
    LEAF_BYTES_MAX = MEM_LEAF_BYTES + MEM_NODE_ALIGNMENT_BYTES,
    INNER_BYTES_MAX = MEM_INNER_BYTES + MEM_NODE_ALIGNMENT_BYTES,
};

_Static_assert(RECORD_OVERHEAD_BYTES >= sizeof(struct mem_tombstone) + KEY_FOOTER_BYTES + 7,
               "a range tombstone takes no more than a point record");

static uint64_t
smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The most bytes of nodes and families that `count` more records can take.  All nodes but the
 * rightmost ones are at least half full, which bounds how many there can be in the end; and no
 * record splits more than one node a level. */
static uint64_t
structure_bytes_max(const struct memtable *memtable, uint32_t count)
{
    enum { HALF = MEM_FANOUT / 2 };
    const uint64_t families_new = smaller(count, COLUMN_FAMILY_COUNT_MAX);
    const uint64_t families = families_new + (memtable ? mem_header(memtable)->family_count : 0);
    const uint64_t keys = count + (memtable ? memtable->key_count : 0);
    const uint64_t leaves_old = memtable ? memtable->leaf_count : 0;
    const uint64_t inners_old = memtable ? memtable->inner_count : 0;
    const uint64_t leaves = keys / HALF + families;
    const uint64_t inners = leaves / (HALF - 1) + families * MEM_TREE_HEIGHT_MAX;
    const uint64_t leaves_new = smaller(count, leaves - leaves_old);
    const uint64_t inners_new = smaller(leaves_new * MEM_TREE_HEIGHT_MAX, inners - inners_old);

    KV_ASSERT(leaves >= leaves_old);
    KV_ASSERT(inners >= inners_old);
    return families_new * sizeof(struct mem_family) + leaves_new * LEAF_BYTES_MAX +
           inners_new * INNER_BYTES_MAX;
}

static size_t
batch_room_bytes(const struct memtable *memtable, size_t batch_bytes, uint32_t count)
{
    return batch_bytes + (uint64_t)count * RECORD_OVERHEAD_BYTES +
           structure_bytes_max(memtable, count);
}

bool
memtable_has_room(const struct memtable *memtable, size_t batch_bytes, uint32_t count)
{
    KV_ASSERT(!memtable->frozen);
    return batch_room_bytes(memtable, batch_bytes, count) <=
           memtable->mapped_bytes - memtable->used_bytes;
}

size_t
memtable_room_for(size_t batch_bytes, uint32_t count)
{
    return batch_room_bytes(NULL, batch_bytes, count);
}

/* Checks and notes a record's sequence. */
static void
count_record(struct memtable *memtable, uint64_t seq)
{
    struct mem_header *header = mem_header(memtable);

    KV_ASSERT(!memtable->frozen);
    KV_ASSERT(seq > header->seq_last);
    KV_ASSERT(seq <= SEQUENCE_MAX);
    if (header->seq_first == 0)
        header->seq_first = seq;
    header->seq_last = seq;
    header->entry_count++;
}

/* What one version adds to the number of keys, modulo 2^64. */
static uint64_t
key_count_change(uint64_t footer)
{
    switch ((enum value_type)(footer & 0xff)) {
    case TYPE_VALUE:
    case TYPE_ENTITY:
        return 1;
    case TYPE_DELETION:
    case TYPE_SINGLE_DELETION:
        return (uint64_t)-1;
    default:
        return 0;
    }
}

static bool
is_entity(const struct mem_version *version)
{
    return (version->footer & 0xff) == TYPE_ENTITY;
}

static uint64_t
version_seq(const struct mem_version *version)
{
    return version->footer >> 8;
}

/* The skew-binary rule: two jumps of equal length before us become one. */
static uint32_t
jump_from(const struct memtable *memtable, uint32_t older)
{
    const struct mem_version *first = mem_version_at(memtable, older);
    const struct mem_version *second, *third;

    if (first == NULL || first->jump == 0)
        return older;
    second = mem_version_at(memtable, first->jump);
    if (second->jump == 0)
        return older;
    third = mem_version_at(memtable, second->jump);
    return first->depth - second->depth == second->depth - third->depth ? second->jump : older;
}

static void
version_push(struct memtable *memtable, struct mem_family *family, struct mem_entry *entry,
             const struct batch_record *record)
{
    struct mem_version *version = mem_allocate(memtable, sizeof(*version) + record->value.size, 8);
    const uint32_t older = entry->newest;

    KV_ASSERT(record->type != TYPE_RANGE_DELETION);
    version->footer = footer_pack(record->seq, record->type);
    version->older = older;
    family->entity_count += is_entity(version);
    family->entity_count -= older != 0 && is_entity(mem_version_at(memtable, older));
    version->jump = jump_from(memtable, older);
    version->depth = older == 0 ? 0 : mem_version_at(memtable, older)->depth + 1;
    version->value_size = (uint32_t)record->value.size;
    if (record->value.size > 0)
        memcpy(version->value, record->value.data, record->value.size);
    entry->newest = mem_offset(memtable, version);
    family->entry_count++;
    family->key_count_delta += key_count_change(version->footer);
    if (record->type == TYPE_DELETION || record->type == TYPE_SINGLE_DELETION) {
        memtable->deletion_count++;
        memtable->deleted_entry = mem_offset(memtable, entry);
        memtable->deleted_cf_id = family->cf_id;
    }
}

/* Puts come in the order in which they were looked at, or not at all.  NULL: nothing is known. */
static const struct mem_hint *
take_hint(struct mem_hints *hints, const struct batch_record *record)
{
    while (hints->next < hints->count) {
        const struct mem_hint *hint = &hints->items[hints->next++];

        if (hint->finger.family->cf_id == record->cf_id &&
            slice_equal(hint->finger.key, record->key))
            return hint;
    }
    return NULL;
}

void
memtable_add(struct memtable *memtable, const struct batch_record *record)
{
    const struct mem_hint *hint;
    struct mem_family *family;

    if (record->type == TYPE_RANGE_DELETION && slice_compare(record->key, record->value) >= 0)
        return; /* an empty range deletes nothing */
    count_record(memtable, record->seq);
    if (record->type == TYPE_RANGE_DELETION) {
        family = mem_family_find_or_add(memtable, record->cf_id);
        mem_tombstone_add(memtable, family, record);
        return;
    }
    hint = take_hint(&memtable->hints, record);
    if (hint != NULL) {
        mem_filter_add(&memtable->filter, hint->hash);
        version_push(memtable, hint->finger.family, tree_insert_at(memtable, &hint->finger),
                     record);
        return;
    }
    family = mem_family_find_or_add(memtable, record->cf_id);
    mem_filter_add(&memtable->filter, hash_xxph3(record->key.data, record->key.size));
    version_push(memtable, family, tree_insert(memtable, family, record->key), record);
}

/* Whether the record makes an entry in a tree. */
static bool
is_point(const struct batch_record *record)
{
    return record->type != TYPE_RANGE_DELETION;
}

void
mem_add_group(struct memtable *memtable, const struct batch_record *records, unsigned count)
{
    struct tree_finger fingers[MEM_GROUP_COUNT_MAX];
    uint64_t hashes[MEM_GROUP_COUNT_MAX];
    unsigned at = 0;

    KV_ASSERT(count <= MEM_GROUP_COUNT_MAX);
    if (count == 1) {
        memtable_add(memtable, records);
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        if (!is_point(&records[i]))
            continue;
        hashes[at] = hash_xxph3(records[i].key.data, records[i].key.size);
        mem_filter_prefetch(&memtable->filter, hashes[at]);
        fingers[at++] = (struct tree_finger){
            .family = mem_family_find_or_add(memtable, records[i].cf_id),
            .key = records[i].key,
        };
    }
    tree_find_leaves(memtable, fingers, at);
    at = 0;
    for (unsigned i = 0; i < count; i++) {
        if (is_point(&records[i])) {
            const struct tree_finger *finger = &fingers[at];

            mem_filter_add(&memtable->filter, hashes[at++]);
            count_record(memtable, records[i].seq);
            version_push(memtable, finger->family, tree_insert_at(memtable, finger), &records[i]);
        } else {
            memtable_add(memtable, &records[i]);
        }
    }
}

/* The newest version with sequence <= seq_max; NULL: none. */
static const struct mem_version *
entry_version(const struct memtable *memtable, const struct mem_entry *entry, uint64_t seq_max)
{
    const struct mem_version *version = mem_version_at(memtable, entry->newest);

    while (version != NULL && version_seq(version) > seq_max) {
        const struct mem_version *jump = mem_version_at(memtable, version->jump);

        if (jump != NULL && version_seq(jump) > seq_max)
            version = jump;
        else
            version = mem_version_at(memtable, version->older);
    }
    return version;
}

/* Whether no range tombstone can matter to who reads the present: the entry's newest version is
 * newer than all of them, since it lies behind the last. */
static bool
is_above_tombstones(const struct memtable *memtable, const struct mem_family *family,
                    const struct mem_entry *entry, uint64_t seq_max)
{
    return family->tombstone_newest == 0 ||
           (entry != NULL && entry->newest > family->tombstone_newest &&
            seq_max >= mem_header(memtable)->seq_last);
}

/* NULL: there is none. */
static const struct mem_entry *
family_entry(const struct memtable *memtable, const struct mem_family *family, struct slice key)
{
    struct tree_spot spot;
    const struct mem_entry *entry;

    if (family->root == 0)
        return NULL;
    if (!tree_seek(memtable, family, key, &spot))
        KV_ASSERT(false && "a memtable of our own is sound");
    if (!spot.exact)
        return NULL;
    entry = mem_entry_at(memtable, spot.leaf->links[spot.index]);
    KV_ASSERT(entry != NULL);
    return entry;
}

static enum lookup_kind
kind_of(enum value_type type)
{
    switch (type) {
    case TYPE_VALUE:
    case TYPE_ENTITY:
        return LOOKUP_VALUE;
    case TYPE_MERGE:
        return LOOKUP_MERGE;
    default:
        return LOOKUP_TOMBSTONE;
    }
}

void
memtable_get(const struct memtable *memtable, uint32_t cf_id, struct slice key, uint64_t seq_max,
             struct lookup *found)
{
    memtable_get_hashed(memtable, cf_id, key, hash_xxph3(key.data, key.size), seq_max, found);
}

void
memtable_get_hashed(const struct memtable *memtable, uint32_t cf_id, struct slice key,
                    uint64_t hash, uint64_t seq_max, struct lookup *found)
{
    const struct mem_family *family = mem_family_find(memtable, cf_id);
    const struct mem_version *version = NULL;
    const struct mem_entry *entry = NULL;
    uint64_t covering_seq = 0;

    KV_ASSERT(memtable->pool != NULL);
    *found = (struct lookup){.kind = LOOKUP_ABSENT};
    if (family == NULL)
        return;
    if (mem_filter_may_contain(&memtable->filter, hash))
        entry = family_entry(memtable, family, key);
    /* The version comes near while tombstones are looked for. */
    if (entry != NULL)
        __builtin_prefetch(memtable->base + entry->newest);
    if (!is_above_tombstones(memtable, family, entry, seq_max))
        covering_seq = mem_tombstone_covering(memtable, family, key, seq_max);
    if (entry != NULL)
        version = entry_version(memtable, entry, seq_max);
    if (covering_seq > 0 && (version == NULL || version_seq(version) < covering_seq)) {
        found->kind = LOOKUP_TOMBSTONE;
        found->type = TYPE_RANGE_DELETION;
        found->seq = covering_seq;
        return;
    }
    if (version == NULL)
        return;
    found->type = (enum value_type)(version->footer & 0xff);
    found->kind = kind_of(found->type);
    found->seq = version_seq(version);
    found->value = slice_of(version->value, version->value_size);
}

uint64_t
memtable_covering_tombstone(const struct memtable *memtable, uint32_t cf_id, struct slice key,
                            uint64_t seq_max)
{
    const struct mem_family *family = mem_family_find(memtable, cf_id);

    KV_ASSERT(memtable->pool != NULL);
    return family == NULL ? 0 : mem_tombstone_covering(memtable, family, key, seq_max);
}

/* What a rollback has seen so far. */
struct rollback {
    uint64_t seq_max;
    uint64_t seq_last; /* the newest that stays */
};

static void
rollback_entry(struct memtable *memtable, struct mem_family *family, struct mem_entry *entry,
               struct rollback *rollback)
{
    const struct mem_version *version = mem_version_at(memtable, entry->newest);

    while (version != NULL && version_seq(version) > rollback->seq_max) {
        family->entry_count--;
        family->key_count_delta -= key_count_change(version->footer);
        mem_header(memtable)->entry_count--;
        family->entity_count -= is_entity(version);
        entry->newest = version->older;
        version = mem_version_at(memtable, entry->newest);
        family->entity_count += version != NULL && is_entity(version);
    }
    if (version != NULL && version_seq(version) > rollback->seq_last)
        rollback->seq_last = version_seq(version);
}

static void
rollback_tombstones(struct memtable *memtable, struct mem_family *family, struct rollback *rollback)
{
    const uint32_t newest = family->tombstone_newest;
    const struct mem_tombstone *tombstone = mem_tombstone_at(memtable, newest);
    uint64_t seq = 0;

    for (; tombstone != NULL; tombstone = mem_tombstone_at(memtable, family->tombstone_newest)) {
        seq = internal_key_footer(mem_tombstone_key(tombstone)) >> 8;
        if (seq <= rollback->seq_max)
            break;
        mem_header(memtable)->entry_count--;
        mem_tombstone_drop_newest(memtable, family);
    }
    if (family->tombstone_newest != newest)
        mem_tombstone_map_rebuild(memtable, family);
    if (tombstone != NULL && seq > rollback->seq_last)
        rollback->seq_last = seq;
}

void
memtable_rollback(struct memtable *memtable, uint64_t seq_max)
{
    struct mem_header *header = mem_header(memtable);
    struct rollback rollback = {.seq_max = seq_max};
    struct mem_family *family = mem_family_at(memtable, header->family_newest);

    KV_ASSERT(!memtable->frozen);
    if (header->seq_last <= seq_max)
        return;
    for (; family != NULL; family = mem_family_at(memtable, family->older)) {
        struct mem_node *leaf = mem_node_at(memtable, family->leaf_first);

        for (; leaf != NULL; leaf = mem_node_at(memtable, leaf->next)) {
            for (unsigned i = 0; i < leaf->count; i++)
                rollback_entry(memtable, family, mem_entry_at(memtable, leaf->links[i]), &rollback);
        }
        rollback_tombstones(memtable, family, &rollback);
    }
    header->seq_last = rollback.seq_last;
    if (header->seq_last == 0)
        header->seq_first = 0;
    KV_ASSERT((header->seq_last == 0) == (header->entry_count == 0));
}

uint64_t
memtable_entry_count(const struct memtable *memtable)
{
    return mem_header(memtable)->entry_count;
}

uint64_t
memtable_seq_first(const struct memtable *memtable)
{
    return mem_header(memtable)->seq_first;
}

uint64_t
memtable_seq_last(const struct memtable *memtable)
{
    return mem_header(memtable)->seq_last;
}
