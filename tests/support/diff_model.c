#include "support/diff_model.h"

#include "base/alloc.h"
#include "base/assert.h"

void
diff_model_init(struct diff_model *model, uint32_t key_count)
{
    *model = (struct diff_model){.key_count = key_count};
    model->cells = kv_alloc_zero(sizeof(model->cells[0]) * key_count * DIFF_FAMILY_COUNT);
}

static uint32_t
cell_count(const struct diff_model *model)
{
    return model->key_count * DIFF_FAMILY_COUNT;
}

/* --- snapshots --- */

/* The one that was taken last before `number`; NULL: none. */
static struct diff_past *
past_before(struct diff_model *model, uint64_t number)
{
    struct diff_past *found = NULL;

    for (uint32_t i = 0; i < DIFF_SNAPSHOT_COUNT; i++) {
        struct diff_past *past = &model->pasts[i];

        if (past->number != 0 && past->number < number &&
            (found == NULL || past->number > found->number))
            found = past;
    }
    return found;
}

static void
take(struct diff_model *model, struct diff_past *past)
{
    if (past->number != 0)
        return;
    past->number = ++model->snapshot_number;
    past->cells = kv_alloc_zero(sizeof(past->cells[0]) * cell_count(model));
    past->has_cell = kv_alloc_zero(sizeof(past->has_cell[0]) * cell_count(model));
}

/* What it has kept becomes the one's before it. */
static void
release(struct diff_model *model, struct diff_past *past)
{
    struct diff_past *before = past_before(model, past->number);

    for (uint32_t i = 0; past->number != 0 && i < cell_count(model); i++) {
        if (past->has_cell[i] && before != NULL && !before->has_cell[i]) {
            before->has_cell[i] = true;
            before->cells[i] = past->cells[i];
        } else {
            buffer_deinit(&past->cells[i].value);
        }
    }
    free(past->cells);
    free(past->has_cell);
    *past = (struct diff_past){0};
}

static void
release_all(struct diff_model *model)
{
    for (uint32_t i = 0; i < DIFF_SNAPSHOT_COUNT; i++)
        release(model, &model->pasts[i]);
}

/* Before the cell changes. */
static void
keep(struct diff_model *model, const struct diff_cell *cell)
{
    struct diff_past *past = past_before(model, UINT64_MAX);
    const size_t index = (size_t)(cell - model->cells);

    if (past == NULL || past->has_cell[index])
        return;
    past->has_cell[index] = true;
    past->cells[index].exists = cell->exists;
    buffer_append_slice(&past->cells[index].value, buffer_slice(&cell->value));
}

static const struct diff_cell *
cell_in_past(const struct diff_model *model, const struct diff_past *past,
             const struct diff_cell *cell)
{
    const size_t index = (size_t)(cell - model->cells);
    const struct diff_past *found = NULL;

    for (uint32_t i = 0; i < DIFF_SNAPSHOT_COUNT; i++) {
        const struct diff_past *other = &model->pasts[i];

        if (other->number >= past->number && other->number != 0 && other->has_cell[index] &&
            (found == NULL || other->number < found->number))
            found = other;
    }
    return found != NULL ? &found->cells[index] : cell;
}

/* --- cells --- */

void
diff_model_deinit(struct diff_model *model)
{
    release_all(model);
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
diff_model_cell(const struct diff_model *model, const struct diff_op *op)
{
    const struct diff_cell *cell = cell_of(model, op->family, op->key);
    const struct diff_past *past = &model->pasts[diff_op_snapshot(op)];

    return diff_op_uses_snapshot(op) && past->number != 0 ? cell_in_past(model, past, cell) : cell;
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
    if (diff_op_writes(op) && op->kind != DIFF_DELETE_RANGE)
        keep(model, cell);
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
        for (uint32_t key = op->key; key < op->key_end && key < model->key_count; key++) {
            cell = cell_of(model, op->family, key);
            keep(model, cell);
            clear(cell);
        }
        break;
    case DIFF_SNAPSHOT:
        take(model, &model->pasts[diff_op_snapshot(op)]);
        break;
    case DIFF_RELEASE:
        release(model, &model->pasts[diff_op_snapshot(op)]);
        break;
    case DIFF_REOPEN:
    case DIFF_CRASH:
    case DIFF_HAND_OVER: /* they don't outlive an engine */
        release_all(model);
        break;
    default:
        break;
    }
}
