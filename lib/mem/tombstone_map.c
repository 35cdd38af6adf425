/* tombstone_map.c - stretches in ascending order, in a B+-tree of the keys they begin with.
 *
 *     tombstones   [a,g)@1  [c,e)@2  [b,z)@3          keys  a..b  b..z
 *                                                     seq    1     3
 *                                                                  └─ hid  b..c  c..e  e..g  g..
 *                                                                      seq  1     2     1     0
 *
 * A new tombstone replaces the stretches under it by one of its own, which keeps them as what it
 * hides.  Each add makes three stretches at most, and a stretch that was hidden never moves again,
 * so n tombstones take O(n) memory, however they overlap.
 *
 * A read asks with every key, so a node is searched by words (key_words.h) and what it needs of a
 * level comes from memory at once.
 *
 * Invariant: each stretch ends where the next begins, and no tombstone covers what is before the
 * first.  An inner node's key is the first one of its child, and only the root may be empty.  What
 * a stretch hides covers at least its own keys.
 */
#include "mem/tombstone_map.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "key/key_words.h"

struct hidden;
struct node;

/* What lies over a stretch. */
struct cover {
    uint64_t seq;         /* 0: no tombstone */
    struct hidden *under; /* what was there before the tombstone; NULL: nothing */
};

struct stretch {
    struct slice begin;
    struct cover cover;
};

struct hidden {
    struct hidden *older; /* all that the map has made, to free them */
    size_t count;
    struct stretch items[];
};

union slot {
    struct cover cover; /* in a leaf */
    struct node *child; /* owned */
};

struct node {
    struct key_words words; /* of begins, and how many there are */
    uint64_t covered;       /* a bit for each stretch of a leaf: it has a tombstone */
    uint64_t level;         /* 0: a leaf */
    struct slice begins[KEY_WORDS_COUNT_MAX];
    union slot slots[KEY_WORDS_COUNT_MAX];
};

_Static_assert(KEY_WORDS_COUNT_MAX == 64, "a bit for each stretch");

/* All stretches side by side, for a map that does not change. */
struct flat {
    size_t count;
    struct slice *begins; /* owned, as are the next two */
    struct cover *covers;
    uint64_t *covered; /* a bit for each */
    struct key_tree tree;
};

enum {
    FLAT_STRETCH_COUNT_MAX = 65536, /* a copy takes a millisecond or two */
    READS_BEFORE_FLAT = 64,         /* and one for each stretch */
};

struct tombstone_map {
    struct node *root;            /* owned */
    struct hidden *hidden_newest; /* owned */
    struct flat *flat;            /* owned; NULL: not asked often enough since the last change */
    size_t stretch_count_max;     /* there are no more */
    size_t read_count;            /* since the last change */
};

/* What a read wants to know of a key. */
struct answer {
    const struct slice *begin; /* of its stretch; NULL: it is before the first one */
    const struct slice *end;   /* NULL: there is none */
    const struct cover *cover; /* NULL: no tombstone */
};

/* Where a key is. */
struct place {
    const struct slice *begin; /* of its stretch; NULL: it is before the first one */
    const struct slice *end;   /* NULL: there is none */
    struct node *leaf;
    size_t index;
};

static struct node *
node_new(uint64_t level)
{
    struct node *node = kv_alloc_aligned(64, sizeof(*node));

    node->words.count = 0;
    node->covered = 0;
    node->level = level;
    return node;
}

static void
node_free(struct node *node)
{
    for (size_t i = 0; node->level > 0 && i < node->words.count; i++)
        node_free(node->slots[i].child);
    free(node);
}

static size_t
node_up_to(const struct node *node, struct slice key)
{
    return key_words_up_to(&node->words, node->begins, 1, key);
}

static size_t
node_below(const struct node *node, struct slice key)
{
    const size_t up_to = node_up_to(node, key);

    return up_to > 0 && slice_equal(node->begins[up_to - 1], key) ? up_to - 1 : up_to;
}

struct tombstone_map *
tombstone_map_new(void)
{
    struct tombstone_map *map = kv_alloc_zero(sizeof(*map));

    map->root = node_new(0);
    return map;
}

static void
drop_flat(struct tombstone_map *map)
{
    map->read_count = 0;
    if (map->flat == NULL)
        return;
    key_tree_deinit(&map->flat->tree);
    free(map->flat->begins);
    free(map->flat->covers);
    free(map->flat->covered);
    free(map->flat);
    map->flat = NULL;
}

void
tombstone_map_free(struct tombstone_map *map)
{
    if (map == NULL)
        return;
    drop_flat(map);
    while (map->hidden_newest != NULL) {
        struct hidden *older = map->hidden_newest->older;

        free(map->hidden_newest);
        map->hidden_newest = older;
    }
    node_free(map->root);
    free(map);
}

static struct place
find(const struct tombstone_map *map, struct slice key)
{
    struct node *node = map->root;
    struct place place = {0};

    for (;;) {
        const size_t up_to = node_up_to(node, key);

        if (up_to < node->words.count)
            place.end = &node->begins[up_to];
        if (up_to == 0) {
            KV_ASSERT(node == map->root);
            return place;
        }
        if (node->level == 0) {
            place.begin = &node->begins[up_to - 1];
            place.leaf = node;
            place.index = up_to - 1;
            return place;
        }
        node = node->slots[up_to - 1].child;
        key_words_prefetch(&node->words);
    }
}

/* For a place that is not before the first stretch. */
static struct cover *
cover_at(const struct place *place)
{
    KV_ASSERT(place->leaf != NULL);
    return &place->leaf->slots[place->index].cover;
}

/* After a change of its slots. */
static void
node_mark_covered(struct node *node)
{
    node->covered = 0;
    for (size_t i = 0; node->level == 0 && i < node->words.count; i++)
        node->covered |= (uint64_t)(node->slots[i].cover.seq != 0) << i;
}

/* Moves the upper half of a full node to a new one at its right. */
static struct node *
node_halve(struct node *node)
{
    enum { HALF = KEY_WORDS_COUNT_MAX / 2 };
    struct node *right = node_new(node->level);

    KV_ASSERT(node->words.count == KEY_WORDS_COUNT_MAX);
    memcpy(right->begins, node->begins + HALF, HALF * sizeof(node->begins[0]));
    memcpy(right->slots, node->slots + HALF, HALF * sizeof(node->slots[0]));
    key_words_build(&node->words, node->begins, 1, HALF);
    key_words_build(&right->words, right->begins, 1, HALF);
    node_mark_covered(node);
    node_mark_covered(right);
    return right;
}

/* Into a node that is not full. */
static void
node_put(struct node *node, size_t index, struct slice begin, union slot slot)
{
    const size_t behind = node->words.count - index;

    KV_ASSERT(node->words.count < KEY_WORDS_COUNT_MAX);
    memmove(&node->begins[index + 1], &node->begins[index], behind * sizeof(node->begins[0]));
    memmove(&node->slots[index + 1], &node->slots[index], behind * sizeof(node->slots[0]));
    node->begins[index] = begin;
    node->slots[index] = slot;
    key_words_insert(&node->words, node->begins, index);
    node_mark_covered(node);
}

/* Into any node; returns the new one at its right, or NULL.  The last node of its level stays full
 * when it splits at its end, as ascending keys want it. */
static struct node *
node_put_or_split(struct node *node, bool is_last, size_t index, struct slice begin,
                  union slot slot)
{
    struct node *right;

    if (node->words.count < KEY_WORDS_COUNT_MAX) {
        node_put(node, index, begin, slot);
        return NULL;
    }
    if (is_last && index == KEY_WORDS_COUNT_MAX) {
        right = node_new(node->level);
        node_put(right, 0, begin, slot);
        return right;
    }
    right = node_halve(node);
    if (index <= node->words.count)
        node_put(node, index, begin, slot);
    else
        node_put(right, index - node->words.count, begin, slot);
    return right;
}

/* Likewise, into the leaf under the node where it belongs. */
static struct node *
node_insert(struct node *node, bool is_last, const struct stretch *added)
{
    const size_t up_to = node_up_to(node, added->begin);
    struct node *right;
    size_t at;

    if (node->level == 0)
        return node_put_or_split(node, is_last, up_to, added->begin,
                                 (union slot){.cover = added->cover});
    at = up_to > 0 ? up_to - 1 : 0;
    right = node_insert(node->slots[at].child, is_last && at + 1 == node->words.count, added);
    if (up_to == 0) {
        node->begins[0] = added->begin;
        key_words_build(&node->words, node->begins, 1, node->words.count);
    }
    if (right == NULL)
        return NULL;
    return node_put_or_split(node, is_last, at + 1, right->begins[0], (union slot){.child = right});
}

/* Cuts the stretch that has the key in two, if it does not begin there. */
static void
cut_at(struct tombstone_map *map, struct slice key)
{
    const struct place place = find(map, key);
    struct stretch added = {.begin = key};
    struct node *left = map->root, *right;

    if (place.begin != NULL) {
        if (slice_equal(*place.begin, key))
            return;
        added.cover = *cover_at(&place);
    }
    right = node_insert(left, true, &added);
    if (right == NULL)
        return;
    map->root = node_new(left->level + 1);
    node_put(map->root, 0, left->begins[0], (union slot){.child = left});
    node_put(map->root, 1, right->begins[0], (union slot){.child = right});
}

/* The stretches that begin in [low, high). */
struct collection {
    struct slice low, high;
    size_t count;
    bool is_bare;          /* none of them has a tombstone */
    struct stretch *items; /* NULL: only counted */
};

static void
collect(const struct node *node, struct collection *collection)
{
    const size_t end = node_below(node, collection->high);
    size_t at = node_below(node, collection->low);

    if (node->level > 0) {
        for (at = at > 0 ? at - 1 : 0; at < end; at++)
            collect(node->slots[at].child, collection);
        return;
    }
    for (; at < end; at++) {
        const struct cover *cover = &node->slots[at].cover;

        if (cover->seq != 0 || cover->under != NULL)
            collection->is_bare = false;
        if (collection->items != NULL)
            collection->items[collection->count] =
                (struct stretch){.begin = node->begins[at], .cover = *cover};
        collection->count++;
    }
}

static struct hidden *
hide(struct tombstone_map *map, struct collection *collection)
{
    const size_t count = collection->count;
    struct hidden *hidden = kv_alloc(sizeof(*hidden) + count * sizeof(hidden->items[0]));

    hidden->older = map->hidden_newest;
    hidden->count = count;
    map->hidden_newest = hidden;
    collection->count = 0;
    collection->items = hidden->items;
    collect(map->root, collection);
    KV_ASSERT(collection->count == count);
    return hidden;
}

static void
node_remove(struct node *node, size_t at, size_t count)
{
    const size_t left = node->words.count - count;

    memmove(&node->begins[at], &node->begins[at + count], (left - at) * sizeof(node->begins[0]));
    memmove(&node->slots[at], &node->slots[at + count], (left - at) * sizeof(node->slots[0]));
    node->words.count = (uint32_t)left;
    if (left > 0)
        key_words_build(&node->words, node->begins, 1, left);
    node_mark_covered(node);
}

/* The stretches that begin between the two, which stay. */
static void
remove_between(struct node *node, struct slice low, struct slice high)
{
    const size_t first = node_up_to(node, low);
    const size_t end = node_below(node, high);
    size_t at = first > 0 ? first - 1 : 0;
    size_t kept = at;

    if (node->level == 0) {
        if (first < end)
            node_remove(node, first, end - first);
        return;
    }
    for (; at < end; at++) {
        struct node *child = node->slots[at].child;

        remove_between(child, low, high);
        if (child->words.count == 0) {
            node_free(child);
            continue;
        }
        node->begins[kept] = child->begins[0];
        node->slots[kept++].child = child;
    }
    node_remove(node, kept, end - kept);
}

void
tombstone_map_add(struct tombstone_map *map, struct slice begin, struct slice end, uint64_t seq)
{
    struct collection collection = {.low = begin, .high = end, .is_bare = true};
    struct hidden *under = NULL;
    struct place place;

    KV_ASSERT(slice_compare(begin, end) < 0);
    KV_ASSERT(seq > 0);
    drop_flat(map);
    map->stretch_count_max += 2;
    cut_at(map, begin);
    cut_at(map, end);
    collect(map->root, &collection);
    KV_ASSERT(collection.count > 0);
    if (!collection.is_bare)
        under = hide(map, &collection);
    place = find(map, begin);
    *cover_at(&place) = (struct cover){.seq = seq, .under = under};
    node_mark_covered(place.leaf);
    if (collection.count == 1)
        return;
    remove_between(map->root, begin, end);
    while (map->root->level > 0 && map->root->words.count == 1) {
        struct node *child = map->root->slots[0].child;

        free(map->root);
        map->root = child;
    }
}

/* --- reading --- */

static void
flatten(const struct node *node, struct flat *flat)
{
    for (size_t i = 0; i < node->words.count; i++) {
        if (node->level > 0) {
            flatten(node->slots[i].child, flat);
            continue;
        }
        flat->begins[flat->count] = node->begins[i];
        flat->covers[flat->count] = node->slots[i].cover;
        if (node->slots[i].cover.seq != 0)
            flat->covered[flat->count / 64] |= UINT64_C(1) << flat->count % 64;
        flat->count++;
    }
}

static struct flat *
flat_new(const struct tombstone_map *map)
{
    const size_t count_max = map->stretch_count_max;
    struct flat *flat = kv_alloc_zero(sizeof(*flat));

    flat->begins = kv_alloc(count_max * sizeof(flat->begins[0]));
    flat->covers = kv_alloc(count_max * sizeof(flat->covers[0]));
    flat->covered = kv_alloc_zero((count_max / 64 + 1) * sizeof(flat->covered[0]));
    flatten(map->root, flat);
    KV_ASSERT(flat->count > 0 && flat->count <= count_max);
    key_tree_init(&flat->tree, flat->begins, flat->count);
    return flat;
}

static struct answer
ask_flat(const struct flat *flat, struct slice key)
{
    const size_t up_to = key_tree_up_to(&flat->tree, key), at = up_to - 1;
    struct answer answer = {.end = up_to < flat->count ? &flat->begins[up_to] : NULL};

    if (up_to == 0)
        return answer;
    answer.begin = &flat->begins[at];
    if ((flat->covered[at / 64] >> at % 64 & 1) != 0)
        answer.cover = &flat->covers[at];
    return answer;
}

static struct answer
ask(struct tombstone_map *map, struct slice key)
{
    struct answer answer;
    struct place place;

    if (map->flat == NULL && map->root->words.count > 0 &&
        map->stretch_count_max <= FLAT_STRETCH_COUNT_MAX &&
        ++map->read_count > READS_BEFORE_FLAT + map->stretch_count_max)
        map->flat = flat_new(map);
    if (map->flat != NULL)
        return ask_flat(map->flat, key);
    place = find(map, key);
    answer = (struct answer){.begin = place.begin, .end = place.end};
    if (place.begin != NULL && (place.leaf->covered >> place.index & 1) != 0)
        answer.cover = cover_at(&place);
    return answer;
}

/* The last of what is hidden that begins at or before the key, which the first one does. */
static size_t
search_hidden(const struct hidden *hidden, struct slice key)
{
    size_t low = 0, high = hidden->count - 1;

    while (low < high) {
        const size_t middle = low + (high - low + 1) / 2;

        if (slice_compare(hidden->items[middle].begin, key) > 0)
            high = middle - 1;
        else
            low = middle;
    }
    return low;
}

/* What the stretch was covered by before it was hidden, or before that, until seq_max has seen it;
 * cuts `keys` to where that holds, if it is not NULL. */
static uint64_t
covering(const struct cover *cover, struct slice key, uint64_t seq_max, struct key_stretch *keys)
{
    while (cover != NULL && cover->seq > seq_max) {
        const struct hidden *under = cover->under;
        const struct stretch *item;
        bool has_end;
        size_t at;

        if (under == NULL)
            return 0;
        at = search_hidden(under, key);
        item = &under->items[at];
        cover = &item->cover;
        has_end = at + 1 < under->count;
        if (keys != NULL)
            key_stretch_cut(keys, &(struct key_stretch){
                                      .begin = item->begin,
                                      .has_begin = true,
                                      .end = has_end ? item[1].begin : slice_of(NULL, 0),
                                      .has_end = has_end,
                                  });
    }
    return cover == NULL ? 0 : cover->seq;
}

void
tombstone_map_find(struct tombstone_map *map, struct slice key, uint64_t seq_max,
                   struct tombstone_stretch *stretch_out)
{
    const struct answer answer = ask(map, key);

    *stretch_out = (struct tombstone_stretch){0};
    if (answer.end != NULL) {
        stretch_out->keys.end = *answer.end;
        stretch_out->keys.has_end = true;
    }
    if (answer.begin == NULL)
        return;
    stretch_out->keys.begin = *answer.begin;
    stretch_out->keys.has_begin = true;
    stretch_out->seq = covering(answer.cover, key, seq_max, &stretch_out->keys);
}

uint64_t
tombstone_map_covering(struct tombstone_map *map, struct slice key, uint64_t seq_max)
{
    const struct answer answer = ask(map, key);

    return covering(answer.cover, key, seq_max, NULL);
}
