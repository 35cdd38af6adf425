/* merge_fold.c - see the header.
 *
 * Copies go into chunks that never move, since the list of operands points into them; the first
 * chunk is kept from key to key, so a run of small counters allocates nothing.
 */
#include "merge/merge_fold.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "key/entity.h"
#include "merge/merge_entity.h"

enum { OPERAND_CAPACITY_MIN = 16, CHUNK_BYTES = 16 * 1024 };

struct merge_chunk {
    struct merge_chunk *next;
    size_t size;
    size_t capacity;
    uint8_t bytes[];
};

void
merge_fold_init(struct merge_fold *fold, const struct merge_operator *op)
{
    KV_ASSERT(op != NULL);
    *fold = (struct merge_fold){.op = op};
}

/* All but the oldest, which stands last. */
static void
drop_chunks(struct merge_fold *fold)
{
    while (fold->chunks != NULL && fold->chunks->next != NULL) {
        struct merge_chunk *next = fold->chunks->next;

        free(fold->chunks);
        fold->chunks = next;
    }
}

void
merge_fold_deinit(struct merge_fold *fold)
{
    drop_chunks(fold);
    free(fold->chunks);
    free(fold->operands);
    free(fold->seqs);
    buffer_deinit(&fold->value);
    buffer_deinit(&fold->entity);
    *fold = (struct merge_fold){.op = fold->op};
}

void
merge_fold_start(struct merge_fold *fold, struct slice key)
{
    drop_chunks(fold);
    if (fold->chunks != NULL)
        fold->chunks->size = 0;
    fold->operand_count = 0;
    fold->operand_bytes = 0;
    fold->key = key;
}

static struct slice
copy_of(struct merge_fold *fold, struct slice bytes)
{
    struct merge_chunk *chunk = fold->chunks;
    uint8_t *place;

    if (bytes.size == 0)
        return slice_of(NULL, 0);
    if (chunk == NULL || chunk->capacity - chunk->size < bytes.size) {
        const size_t capacity = bytes.size > CHUNK_BYTES ? bytes.size : CHUNK_BYTES;

        chunk = kv_alloc(sizeof(*chunk) + capacity);
        *chunk = (struct merge_chunk){.next = fold->chunks, .capacity = capacity};
        fold->chunks = chunk;
    }
    place = chunk->bytes + chunk->size;
    memcpy(place, bytes.data, bytes.size);
    chunk->size += bytes.size;
    return slice_of(place, bytes.size);
}

static void
grow(struct merge_fold *fold)
{
    const uint32_t capacity =
        fold->operand_capacity == 0 ? OPERAND_CAPACITY_MIN : fold->operand_capacity * 2;

    fold->operands = kv_realloc(fold->operands, sizeof(fold->operands[0]) * capacity);
    fold->seqs = kv_realloc(fold->seqs, sizeof(fold->seqs[0]) * capacity);
    fold->operand_capacity = capacity;
}

enum kv_status
merge_fold_add(struct merge_fold *fold, struct slice operand, uint64_t seq, bool copy)
{
    const uint32_t count = fold->operand_count;

    if (count > 0 && seq >= fold->seqs[count - 1])
        return KV_FAIL(KV_CORRUPT, "merge operands of a key are out of order: %llu behind %llu",
                       (unsigned long long)seq, (unsigned long long)fold->seqs[count - 1]);
    if (count == MERGE_OPERAND_COUNT_MAX)
        return KV_FAIL(KV_LIMIT, "a key has more than %d merge operands", MERGE_OPERAND_COUNT_MAX);
    if (operand.size > VALUE_BYTES_MAX - fold->operand_bytes)
        return KV_FAIL(KV_LIMIT, "a key's merge operands have more than %d bytes", VALUE_BYTES_MAX);
    if (count == fold->operand_capacity)
        grow(fold);
    fold->operands[count] = copy ? copy_of(fold, operand) : operand;
    fold->seqs[count] = seq;
    fold->operand_count++;
    fold->operand_bytes += operand.size;
    return KV_OK;
}

enum kv_status
merge_fold_finish(struct merge_fold *fold, const struct merge_version *base,
                  struct merge_version *result_out)
{
    struct merge_input input = {
        .key = fold->key, .operands = fold->operands, .operand_count = fold->operand_count};
    struct slice base_value = base->value;
    enum kv_status st = KV_OK;

    KV_ASSERT(fold->operand_count > 0);
    KV_ASSERT(base->type == TYPE_VALUE || base->type == TYPE_ENTITY || base->type == TYPE_DELETION);
    if (base->type == TYPE_ENTITY)
        st = entity_default_column(base->value, &base_value);
    if (st != KV_OK)
        return st;
    if (base->type != TYPE_DELETION)
        input.base = &base_value;
    st = merge_operator_full(fold->op, &input, &fold->value);
    *result_out = (struct merge_version){.type = TYPE_VALUE, .value = buffer_slice(&fold->value)};
    if (st == KV_OK && base->type == TYPE_ENTITY) {
        st = merge_entity_set_value(base->value, buffer_slice(&fold->value), &fold->entity);
        *result_out =
            (struct merge_version){.type = TYPE_ENTITY, .value = buffer_slice(&fold->entity)};
    }
    return st;
}

bool
merge_fold_combine(struct merge_fold *fold, struct slice *operand_out)
{
    const struct merge_input input = {
        .key = fold->key, .operands = fold->operands, .operand_count = fold->operand_count};

    if (fold->operand_count < 2 || !merge_operator_partial(fold->op, &input, &fold->value))
        return false;
    *operand_out = buffer_slice(&fold->value);
    return true;
}

struct slice
merge_fold_operand(const struct merge_fold *fold, uint32_t index, uint64_t *seq_out)
{
    KV_ASSERT(index < fold->operand_count);
    *seq_out = fold->seqs[index];
    return fold->operands[index];
}
