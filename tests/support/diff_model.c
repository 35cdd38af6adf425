#include "support/diff_model.h"

#include "base/alloc.h"
#include "base/assert.h"

void
diff_model_init(struct diff_model *model, uint32_t key_count)
{
    model->key_count = key_count;
    model->cells = kv_alloc_zero(sizeof(model->cells[0]) * key_count * DIFF_FAMILY_COUNT);
}

void
diff_model_deinit(struct diff_model *model)
{
    for (uint32_t i = 0; i < model->key_count * DIFF_FAMILY_COUNT; i++)
        buffer_deinit(&model->cells[i].value);
    free(model->cells);
}

static struct diff_cell *
cell_of(const struct diff_model *model, uint32_t family, uint32_t key)
{
    KV_ASSERT(family < DIFF_FAMILY_COUNT && key < model->key_count);
    return &model->cells[(size_t)family * model->key_count + key];
}

const struct diff_cell *
diff_model_cell(const struct diff_model *model, uint32_t family, uint32_t key)
{
    return cell_of(model, family, key);
}

static void
clear(struct diff_cell *cell)
{
    buffer_clear(&cell->value);
    cell->exists = false;
}

static void
put(struct diff_cell *cell, const struct diff_op *op)
{
    diff_op_value(op, &cell->value);
    cell->exists = true;
}

/* Little-endian; what isn't eight bytes is 0. */
static uint64_t
number_of(const struct buffer *bytes)
{
    uint64_t number = 0;

    for (size_t i = 0; bytes->size == 8 && i < 8; i++)
        number |= (uint64_t)bytes->data[i] << (8 * i);
    return number;
}

static void
merge(struct diff_cell *cell, const struct diff_op *op)
{
    struct buffer operand = {0};

    diff_op_value(op, &operand);
    if (op->family == 0) {
        const uint64_t sum = number_of(&cell->value) + number_of(&operand);

        buffer_clear(&cell->value);
        for (int i = 0; i < 8; i++)
            buffer_append_byte(&cell->value, (uint8_t)(sum >> (8 * i)));
    } else {
        if (cell->exists)
            buffer_append_byte(&cell->value, ',');
        buffer_append_slice(&cell->value, buffer_slice(&operand));
    }
    cell->exists = true;
    buffer_deinit(&operand);
}

/* Every third key is deleted singly, so whatever is asked for, it is put and deleted in turn. */
static enum diff_kind
allowed_kind(const struct diff_cell *cell, const struct diff_op *op)
{
    if (op->kind == DIFF_DELETE_RANGE || !diff_op_writes(op))
        return op->kind;
    if (op->key % 3 == 0)
        return cell->exists ? DIFF_SINGLE_DELETE : DIFF_PUT;
    if (op->kind == DIFF_SINGLE_DELETE)
        return DIFF_DELETE;
    if (op->kind == DIFF_MERGE && op->family == DIFF_FAMILY_COUNT - 1)
        return DIFF_PUT; /* it has no operator */
    return op->kind;
}

void
diff_model_apply(struct diff_model *model, struct diff_op *op)
{
    struct diff_cell *cell = cell_of(model, op->family, op->key);

    op->kind = allowed_kind(cell, op);
    switch (op->kind) {
    case DIFF_PUT:
        put(cell, op);
        break;
    case DIFF_MERGE:
        merge(cell, op);
        break;
    case DIFF_SINGLE_DELETE:
    case DIFF_DELETE:
        clear(cell);
        break;
    case DIFF_DELETE_RANGE:
        for (uint32_t key = op->key; key < op->key_end && key < model->key_count; key++)
            clear(cell_of(model, op->family, key));
        break;
    default:
        break;
    }
}
