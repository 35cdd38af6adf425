/* tombstone_map.c - stretches in ascending order, in chunks of an array.
 *
 *     tombstones   [a,g)@1  [c,e)@2  [b,z)@3          keys  a..b  b..z
 *                                                     seq    1     3
 *                                                                  └─ hid  a..c  c..e  e..g  g..
 *                                                                      seq  1     2     1     0
 *
 * A new tombstone replaces the stretches under it by one of its own, which keeps them as what it
 * hides.  Each add makes three stretches at most, and a stretch that was hidden never moves again,
 * so n tombstones take O(n) memory, however they overlap.
 *
 * Invariant: the first stretch begins with the empty key, each one ends where the next begins, and
 * no chunk is empty.  What a stretch hides covers at least its own keys.
 */
#include "mem/tombstone_map.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/coding.h"

enum { CHUNK_ITEM_COUNT_MAX = 128 };

struct hidden;

struct item {
    uint64_t word; /* the first bytes of begin, as a number that orders like them */
    const uint8_t *begin;
    uint64_t begin_size;
    uint64_t seq;         /* 0: no tombstone */
    struct hidden *under; /* what was there before the tombstone; NULL: nothing */
};

struct hidden {
    struct hidden *older; /* all that the map has made, to free them */
    size_t count;
    struct item items[];
};

struct chunk {
    size_t count;
    struct item items[CHUNK_ITEM_COUNT_MAX];
};

struct tombstone_map {
    struct chunk **chunks; /* owned array of owned */
    size_t chunk_count, chunk_capacity;
    struct hidden *hidden_newest; /* owned */
};

struct spot {
    size_t chunk, index;
};

static struct slice
item_begin(const struct item *item)
{
    return slice_of(item->begin, item->begin_size);
}

static uint64_t
word_of(struct slice key)
{
    uint64_t word = 0;

    if (key.size >= sizeof(word))
        return __builtin_bswap64(load_fixed64(key.data));
    for (size_t i = 0; i < key.size; i++)
        word |= (uint64_t)key.data[i] << (8 * (7 - i));
    return word;
}

static struct item
item_of(struct slice begin, uint64_t seq, struct hidden *under)
{
    return (struct item){.word = word_of(begin),
                         .begin = begin.data,
                         .begin_size = begin.size,
                         .seq = seq,
                         .under = under};
}

static bool
begins_behind(const struct item *item, struct slice key, uint64_t word)
{
    if (item->word != word)
        return item->word > word;
    return slice_compare(item_begin(item), key) > 0;
}

/* The last of the items that begins at or before the key, which the first one does. */
static size_t
search_items(const struct item *items, size_t count, struct slice key, uint64_t word)
{
    size_t low = 0, high = count - 1;

    while (low < high) {
        const size_t middle = low + (high - low + 1) / 2;

        if (begins_behind(&items[middle], key, word))
            high = middle - 1;
        else
            low = middle;
    }
    return low;
}

static struct spot
find(const struct tombstone_map *map, struct slice key, uint64_t word)
{
    size_t low = 0, high = map->chunk_count - 1;

    while (low < high) {
        const size_t middle = low + (high - low + 1) / 2;

        if (begins_behind(&map->chunks[middle]->items[0], key, word))
            high = middle - 1;
        else
            low = middle;
    }
    return (struct spot){
        .chunk = low,
        .index = search_items(map->chunks[low]->items, map->chunks[low]->count, key, word)};
}

static struct item *
item_at(const struct tombstone_map *map, struct spot spot)
{
    KV_ASSERT(spot.chunk < map->chunk_count && spot.index < map->chunks[spot.chunk]->count);
    return &map->chunks[spot.chunk]->items[spot.index];
}

/* False: it was the last one. */
static bool
step(const struct tombstone_map *map, struct spot *spot)
{
    if (spot->index + 1 < map->chunks[spot->chunk]->count) {
        spot->index++;
        return true;
    }
    if (spot->chunk + 1 == map->chunk_count)
        return false;
    *spot = (struct spot){.chunk = spot->chunk + 1};
    return true;
}

static void
insert_chunk(struct tombstone_map *map, size_t at, struct chunk *chunk)
{
    if (map->chunk_count == map->chunk_capacity) {
        map->chunk_capacity = 2 * map->chunk_capacity + 1;
        map->chunks = kv_realloc(map->chunks, map->chunk_capacity * sizeof(struct chunk *));
    }
    memmove(&map->chunks[at + 1], &map->chunks[at],
            (map->chunk_count - at) * sizeof(struct chunk *));
    map->chunks[at] = chunk;
    map->chunk_count++;
}

/* Moves the upper half of a full chunk to a new one behind it. */
static void
halve(struct tombstone_map *map, size_t at)
{
    enum { HALF = CHUNK_ITEM_COUNT_MAX / 2 };
    struct chunk *left = map->chunks[at];
    struct chunk *right = kv_alloc(sizeof(*right));

    KV_ASSERT(left->count == CHUNK_ITEM_COUNT_MAX);
    right->count = left->count - HALF;
    memcpy(right->items, left->items + HALF, right->count * sizeof(right->items[0]));
    left->count = HALF;
    insert_chunk(map, at + 1, right);
}

/* Cuts the stretch that has the key in two, if it does not begin there. */
static void
cut_at(struct tombstone_map *map, struct slice key)
{
    struct spot spot = find(map, key, word_of(key));
    const struct item *item = item_at(map, spot);
    struct chunk *chunk;
    struct item added;

    if (slice_equal(item_begin(item), key))
        return;
    added = item_of(key, item->seq, item->under);
    if (map->chunks[spot.chunk]->count == CHUNK_ITEM_COUNT_MAX) {
        halve(map, spot.chunk);
        spot = find(map, key, added.word);
    }
    chunk = map->chunks[spot.chunk];
    memmove(&chunk->items[spot.index + 2], &chunk->items[spot.index + 1],
            (chunk->count - spot.index - 1) * sizeof(chunk->items[0]));
    chunk->items[spot.index + 1] = added;
    chunk->count++;
}

struct tombstone_map *
tombstone_map_new(void)
{
    struct tombstone_map *map = kv_alloc_zero(sizeof(*map));
    struct chunk *chunk = kv_alloc(sizeof(*chunk));

    chunk->count = 1;
    chunk->items[0] = item_of(slice_of(NULL, 0), 0, NULL);
    insert_chunk(map, 0, chunk);
    return map;
}

void
tombstone_map_free(struct tombstone_map *map)
{
    if (map == NULL)
        return;
    while (map->hidden_newest != NULL) {
        struct hidden *older = map->hidden_newest->older;

        free(map->hidden_newest);
        map->hidden_newest = older;
    }
    for (size_t i = 0; i < map->chunk_count; i++)
        free(map->chunks[i]);
    free(map->chunks);
    free(map);
}

/* How many stretches lie in [begin, end), both of which are borders or the end of all. */
static size_t
count_until(const struct tombstone_map *map, struct spot spot, struct slice end, bool *is_bare)
{
    size_t count = 0;
    bool more = true;

    *is_bare = true;
    while (more && slice_compare(item_begin(item_at(map, spot)), end) < 0) {
        const struct item *item = item_at(map, spot);

        if (item->seq != 0 || item->under != NULL)
            *is_bare = false;
        count++;
        more = step(map, &spot);
    }
    return count;
}

static struct hidden *
hide(struct tombstone_map *map, struct spot spot, size_t count)
{
    struct hidden *hidden = kv_alloc(sizeof(*hidden) + count * sizeof(hidden->items[0]));

    hidden->older = map->hidden_newest;
    hidden->count = count;
    map->hidden_newest = hidden;
    for (size_t i = 0; i < count; i++) {
        hidden->items[i] = *item_at(map, spot);
        (void)step(map, &spot);
    }
    return hidden;
}

static void
remove_chunk(struct tombstone_map *map, size_t at)
{
    free(map->chunks[at]);
    map->chunk_count--;
    memmove(&map->chunks[at], &map->chunks[at + 1],
            (map->chunk_count - at) * sizeof(struct chunk *));
}

/* `count` items from the spot on. */
static void
remove_items(struct tombstone_map *map, struct spot spot, size_t count)
{
    while (count > 0) {
        struct chunk *chunk = map->chunks[spot.chunk];
        const size_t there = chunk->count - spot.index;
        const size_t part = count < there ? count : there;

        memmove(&chunk->items[spot.index], &chunk->items[spot.index + part],
                (there - part) * sizeof(chunk->items[0]));
        chunk->count -= part;
        count -= part;
        if (chunk->count == 0)
            remove_chunk(map, spot.chunk);
        else
            spot = (struct spot){.chunk = spot.chunk + 1};
    }
}

void
tombstone_map_add(struct tombstone_map *map, struct slice begin, struct slice end, uint64_t seq)
{
    struct hidden *under = NULL;
    struct spot spot, next;
    size_t count;
    bool is_bare;

    KV_ASSERT(slice_compare(begin, end) < 0);
    KV_ASSERT(seq > 0);
    cut_at(map, end);
    cut_at(map, begin);
    spot = find(map, begin, word_of(begin));
    count = count_until(map, spot, end, &is_bare);
    KV_ASSERT(count > 0);
    if (!is_bare)
        under = hide(map, spot, count);
    *item_at(map, spot) = item_of(begin, seq, under);
    next = spot;
    if (count > 1 && step(map, &next))
        remove_items(map, next, count - 1);
}

/* The stretch as it was before it was hidden, or before that, until seq_max has seen it. */
static struct item
go_back(const struct item *item, struct slice key, uint64_t seq_max, struct key_stretch *keys)
{
    const uint64_t word = word_of(key);

    while (item->seq > seq_max) {
        const struct hidden *under = item->under;
        size_t at;

        if (under == NULL)
            return (struct item){0};
        at = search_items(under->items, under->count, key, word);
        item = &under->items[at];
        if (keys != NULL) {
            const struct key_stretch inner = {.begin = item_begin(item),
                                              .has_begin = true,
                                              .end = at + 1 < under->count ? item_begin(item + 1)
                                                                           : slice_of(NULL, 0),
                                              .has_end = at + 1 < under->count};

            key_stretch_cut(keys, &inner);
        }
    }
    return *item;
}

void
tombstone_map_find(const struct tombstone_map *map, struct slice key, uint64_t seq_max,
                   struct tombstone_stretch *stretch_out)
{
    struct spot spot = find(map, key, word_of(key));
    const struct item *item = item_at(map, spot);

    *stretch_out =
        (struct tombstone_stretch){.keys = {.begin = item_begin(item), .has_begin = true}};
    if (step(map, &spot)) {
        stretch_out->keys.end = item_begin(item_at(map, spot));
        stretch_out->keys.has_end = true;
    }
    stretch_out->seq = go_back(item, key, seq_max, &stretch_out->keys).seq;
}

uint64_t
tombstone_map_covering(const struct tombstone_map *map, struct slice key, uint64_t seq_max)
{
    const struct spot spot = find(map, key, word_of(key));

    return go_back(item_at(map, spot), key, seq_max, NULL).seq;
}
