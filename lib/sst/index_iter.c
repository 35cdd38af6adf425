/* index_iter.c - the top index, and for two-level tables the partition it points to.
 *
 * Invariant between successful calls on a two-level table: top is valid, part_block is the
 * partition that it points to and part is valid in it; or top is not valid and there is no
 * partition.  After KV_WANT_BLOCK top points to the partition that is missing.
 */
#include "sst/index_iter.h"

#include "base/assert.h"
#include "sst/table_reader_internal.h"

void
index_iter_init(struct index_iter *index, struct table_reader *table, struct read_ctx *ctx,
                bool passing)
{
    KV_ASSERT(table->state == TABLE_OPEN);
    index->table = table;
    index->ctx = ctx;
    index->passing = passing;
    index->part_block = NULL;
    block_iter_init(&index->top);
    block_iter_init(&index->part);
}

static void
let_go(struct index_iter *index)
{
    if (index->part_block != NULL && index->passing)
        read_ctx_unpin(index->ctx, index->part_block);
    index->part_block = NULL;
    index->part.valid = false;
}

void
index_iter_deinit(struct index_iter *index)
{
    let_go(index);
    block_iter_deinit(&index->top);
    block_iter_deinit(&index->part);
}

static enum kv_status
top_fault(const struct index_iter *index)
{
    return table_block_fault(index->table, index->table->footer.index.offset, &index->top);
}

static enum kv_status
part_fault(const struct index_iter *index)
{
    return table_block_fault(index->table, index->top.handle.offset, &index->part);
}

/* The partition that top points to, not positioned. */
static enum kv_status
load_part(struct index_iter *index)
{
    enum kv_status st;

    KV_ASSERT(index->top.valid && index->part_block == NULL);
    st = table_block_get(index->table, index->ctx, index->top.handle, index->passing,
                         &index->part_block);
    if (st != KV_OK)
        return st;
    if (!block_iter_open(&index->part, index->part_block->bytes, index->table->index_form))
        return part_fault(index);
    return KV_OK;
}

/* The first or last entry of the partition that top points to.  Partitions are never empty, so
 * that walks over untrusted bytes end. */
static enum kv_status
enter_part(struct index_iter *index, bool at_last)
{
    enum kv_status st = load_part(index);

    if (st != KV_OK)
        return st;
    if (!(at_last ? block_iter_seek_last(&index->part) : block_iter_seek_first(&index->part)))
        return part_fault(index);
    if (!index->part.valid)
        return KV_FAIL(KV_CORRUPT, "table %s: index partition at %llu is empty", index->table->path,
                       (unsigned long long)index->top.handle.offset);
    return KV_OK;
}

static bool
open_top(struct index_iter *index)
{
    let_go(index);
    return block_iter_open(&index->top, buffer_slice(&index->table->index),
                           index->table->index_form);
}

enum kv_status
index_iter_seek_first(struct index_iter *index)
{
    if (!open_top(index) || !block_iter_seek_first(&index->top))
        return top_fault(index);
    if (!index->table->two_level || !index->top.valid)
        return KV_OK;
    return enter_part(index, false);
}

enum kv_status
index_iter_seek_last(struct index_iter *index)
{
    if (!open_top(index) || !block_iter_seek_last(&index->top))
        return top_fault(index);
    if (!index->table->two_level || !index->top.valid)
        return KV_OK;
    return enter_part(index, true);
}

static enum kv_status
next_part(struct index_iter *index)
{
    let_go(index);
    if (block_iter_is_last(&index->top)) {
        index->top.valid = false;
        return KV_OK;
    }
    if (!block_iter_next(&index->top))
        return top_fault(index);
    return enter_part(index, false);
}

static enum kv_status
prev_part(struct index_iter *index)
{
    let_go(index);
    if (!block_iter_prev(&index->top))
        return top_fault(index);
    return index->top.valid ? enter_part(index, true) : KV_OK;
}

static bool
seek_top(struct index_iter *index, struct slice user_key, uint64_t footer)
{
    const struct restart_words *words = &index->table->index_words;
    struct restart_range range;

    if (words->count == 0)
        return true;
    range = restart_words_find(words, user_key);
    return block_iter_seek_within(&index->top, user_key, footer, range.low, range.high);
}

enum kv_status
index_iter_seek(struct index_iter *index, struct slice user_key, uint64_t footer)
{
    enum kv_status st;

    if (!open_top(index) || !seek_top(index, user_key, footer))
        return top_fault(index);
    if (!index->table->two_level || !index->top.valid)
        return KV_OK;
    st = load_part(index);
    if (st != KV_OK)
        return st;
    if (!block_iter_seek(&index->part, user_key, footer))
        return part_fault(index);
    return index->part.valid ? KV_OK : next_part(index);
}

enum kv_status
index_iter_next(struct index_iter *index)
{
    KV_ASSERT(index->top.valid);
    if (index->table->two_level) {
        if (index->part_block == NULL)
            return enter_part(index, false);
        if (block_iter_is_last(&index->part))
            return next_part(index);
        return block_iter_next(&index->part) ? KV_OK : part_fault(index);
    }
    if (block_iter_is_last(&index->top)) {
        index->top.valid = false;
        return KV_OK;
    }
    return block_iter_next(&index->top) ? KV_OK : top_fault(index);
}

enum kv_status
index_iter_prev(struct index_iter *index)
{
    KV_ASSERT(index->top.valid);
    if (!index->table->two_level)
        return block_iter_prev(&index->top) ? KV_OK : top_fault(index);
    if (index->part_block == NULL)
        return enter_part(index, true);
    if (!block_iter_prev(&index->part))
        return part_fault(index);
    return index->part.valid ? KV_OK : prev_part(index);
}

const struct block_iter *
index_iter_entry(const struct index_iter *index)
{
    if (!index->top.valid)
        return NULL;
    return index->table->two_level ? &index->part : &index->top;
}
