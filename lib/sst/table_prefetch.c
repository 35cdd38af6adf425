/* table_prefetch.c - the steps of table_reader_find, each for all keys.
 *
 * Data blocks are untrusted here too: whatever their bytes say, only addresses inside of them are
 * read; a prefetch may be of any address.
 */
#include "sst/table_prefetch.h"

#include "base/assert.h"
#include "base/coding.h"
#include "base/limits.h"
#include "sst/table_reader_internal.h"

enum { LINE_BYTES = 64, RESTART_COUNT_NEAR = 16, INTERVAL_BYTES_NEAR = 1024 };

static const struct block_form data_form = {.keys_internal = true};

enum table_hint
table_reader_hint(const struct table_reader *table, const struct table_target *target)
{
    if (table->state != TABLE_OPEN)
        return TABLE_UNKNOWN;
    if (filter_reader_may_contain_hash(&table->filter, target->key, target->filter_hash))
        return TABLE_MAY_CONTAIN;
    return table->tombstones.count > 0 ? TABLE_MAY_COVER : TABLE_EXCLUDES;
}

void
table_prefetch_ask(const struct table_question *questions, unsigned count)
{
    struct tombstone_question asked[READ_PREFETCH_COUNT_MAX];
    uint8_t places[READ_PREFETCH_COUNT_MAX]; /* of those that were asked */
    unsigned asked_count = 0;

    KV_ASSERT(count <= READ_PREFETCH_COUNT_MAX);
    for (unsigned i = 0; i < count; i++) {
        const struct table_question *question = &questions[i];

        KV_ASSERT(question->table->state == TABLE_OPEN);
        if (question->table->tombstones.count == 0)
            continue;
        places[asked_count] = (uint8_t)i;
        asked[asked_count++] = (struct tombstone_question){
            .tombstones = &question->table->tombstones,
            .key = question->target->key,
            .seq_max = question->target->seq_max,
        };
    }
    range_tombstones_ask(asked, asked_count);
    for (unsigned i = 0; i < asked_count; i++) {
        struct table_target *target = questions[places[i]].target;

        target->asked = questions[places[i]].table;
        target->is_covered = asked[i].is_covered;
        target->tombstone_seq = asked[i].seq;
    }
}

static void
prefetch_lines(const uint8_t *data, size_t size)
{
    for (size_t at = 0; at < size; at += LINE_BYTES)
        __builtin_prefetch(data + at);
}

static void
step_to_words(struct table_prefetch *item, const struct block_cache *cache)
{
    const struct table_reader *table = item->table;

    (void)cache;
    if (table->block_places == NULL ||
        !restart_search_begin(&table->index_words, item->target->key, &item->search))
        item->table = NULL;
}

static void
step_to_offset(struct table_prefetch *item, const struct block_cache *cache)
{
    const struct table_reader *table = item->table;

    (void)cache;
    if (restart_search_end(&table->index_words, &item->search, &item->index_at))
        __builtin_prefetch(&table->block_places[item->index_at]);
    else
        item->table = NULL;
}

static void
step_to_slot(struct table_prefetch *item, const struct block_cache *cache)
{
    const struct block_handle handle =
        table_place_unpack(item->table->block_places[item->index_at]);

    item->id = (struct block_id){.table_id = item->table->file_number, .offset = handle.offset};
    item->target->located = item->table;
    item->target->located_offset = handle.offset;
    item->target->located_size = handle.size;
    block_cache_prefetch_slot(cache, item->id);
}

static void
step_to_entry(struct table_prefetch *item, const struct block_cache *cache)
{
    block_cache_prefetch_entry(cache, item->id);
}

static void
step_to_block(struct table_prefetch *item, const struct block_cache *cache)
{
    const struct block *block = block_cache_peek(cache, item->id);

    if (block == NULL || block->bytes.size < LINE_BYTES) {
        item->table = NULL;
        return;
    }
    item->block = block->bytes;
    prefetch_lines(block->bytes.data + block->bytes.size - LINE_BYTES, LINE_BYTES + 1);
}

/* The first keys of all restart intervals, when they are few, else of some of them. */
static void
step_to_restarts(struct table_prefetch *item, const struct block_cache *cache)
{
    struct block_iter iter;
    uint32_t stride;

    (void)cache;
    block_iter_init(&iter);
    if (!block_iter_open(&iter, item->block, data_form)) {
        item->table = NULL;
        return;
    }
    stride = 1 + iter.restart_count / RESTART_COUNT_NEAR;
    for (uint32_t i = 0; i < iter.restart_count; i += stride)
        __builtin_prefetch(block_iter_restart_address(&iter, i));
}

/* The interval that has the key. */
static void
step_to_interval(struct table_prefetch *item, const struct block_cache *cache)
{
    struct table_target *target = item->target;
    struct block_iter iter;
    struct slice interval;

    (void)cache;
    block_iter_init(&iter);
    if (!block_iter_open(&iter, item->block, data_form))
        return;
    target->restart_located =
        block_iter_find_interval(&iter, target->key, &target->located_restart, &interval);
    if (target->restart_located)
        prefetch_lines(interval.data,
                       interval.size < INTERVAL_BYTES_NEAR ? interval.size : INTERVAL_BYTES_NEAR);
}

typedef void step_fn(struct table_prefetch *item, const struct block_cache *cache);

static step_fn *const steps[] = {
    step_to_words, step_to_offset,   step_to_slot,     step_to_entry,
    step_to_block, step_to_restarts, step_to_interval,
};

void
table_prefetch_run(struct table_prefetch *items, unsigned count, const struct block_cache *cache)
{
    for (size_t step = 0; step < sizeof(steps) / sizeof(steps[0]); step++) {
        for (unsigned i = 0; i < count; i++) {
            if (items[i].table != NULL)
                steps[step](&items[i], cache);
        }
    }
}
