/* linear_model.c - what each operation answers and leaves behind, as Redis defines it. */
#include "support/linear_model.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/hash.h"

enum { DIGITS_MAX = 24 };

void
linear_model_init(struct linear_model *model)
{
    *model = (struct linear_model){.value_count = 1, .value_capacity = 64, .slot_count = 128};
    model->values = kv_alloc_zero(model->value_capacity * sizeof(model->values[0]));
    model->slots = kv_alloc_zero(model->slot_count * sizeof(model->slots[0]));
}

void
linear_model_deinit(struct linear_model *model)
{
    for (uint32_t i = 0; i < model->value_count; i++)
        buffer_deinit(&model->values[i]);
    free(model->values);
    free(model->slots);
    buffer_deinit(&model->result);
    buffer_deinit(&model->next);
}

/* --- states --- */

/* Where the value is, or belongs. */
static uint32_t
find_slot(const struct linear_model *model, struct slice value)
{
    uint32_t at = hash32(value.data, value.size, 1) % model->slot_count;

    while (model->slots[at] != LINEAR_ABSENT &&
           !slice_equal(buffer_slice(&model->values[model->slots[at]]), value))
        at = (at + 1) % model->slot_count;
    return at;
}

static void
grow(struct linear_model *model)
{
    const uint32_t capacity = model->value_capacity * 2;

    model->values = kv_realloc(model->values, capacity * sizeof(model->values[0]));
    memset(model->values + model->value_capacity, 0,
           model->value_capacity * sizeof(model->values[0]));
    model->value_capacity = capacity;
    free(model->slots);
    model->slot_count = capacity * 2;
    model->slots = kv_alloc_zero(model->slot_count * sizeof(model->slots[0]));
    for (uint32_t i = 1; i < model->value_count; i++)
        model->slots[find_slot(model, buffer_slice(&model->values[i]))] = i;
}

static uint32_t
state_of(struct linear_model *model, struct slice value)
{
    uint32_t at = find_slot(model, value);

    if (model->slots[at] != LINEAR_ABSENT)
        return model->slots[at];
    if (model->value_count == model->value_capacity) {
        grow(model);
        at = find_slot(model, value);
    }
    buffer_append_slice(&model->values[model->value_count], value);
    model->slots[at] = model->value_count;
    return model->value_count++;
}

static struct slice
value_of(const struct linear_model *model, uint32_t state)
{
    KV_ASSERT(state < model->value_count);
    return buffer_slice(&model->values[state]);
}

/* --- operations --- */

static void
answer(struct linear_model *model, const char *text)
{
    buffer_append_slice(&model->result, slice_from_text(text));
}

static void
answer_value(struct linear_model *model, uint32_t state)
{
    if (state == LINEAR_ABSENT) {
        answer(model, "nil");
        return;
    }
    buffer_append_byte(&model->result, '$');
    buffer_append_slice(&model->result, value_of(model, state));
}

/* Only as it would be printed again. */
static bool
parse_integer(struct slice text, int64_t *number_out)
{
    char digits[DIGITS_MAX], printed[DIGITS_MAX];

    *number_out = 0;
    if (text.size == 0 || text.size >= sizeof(digits))
        return false;
    memcpy(digits, text.data, text.size);
    digits[text.size] = '\0';
    errno = 0;
    *number_out = strtoll(digits, NULL, 10);
    snprintf(printed, sizeof(printed), "%" PRId64, *number_out);
    return errno == 0 && strcmp(digits, printed) == 0;
}

static uint32_t
increment(struct linear_model *model, uint32_t state)
{
    int64_t number = 0;

    if ((state != LINEAR_ABSENT && !parse_integer(value_of(model, state), &number)) ||
        number == INT64_MAX) {
        answer(model, "ERR");
        return state;
    }
    buffer_append_format(&model->result, "%" PRId64, number + 1);
    return state_of(model, buffer_slice(&model->result));
}

static uint32_t
append(struct linear_model *model, uint32_t state, struct slice more)
{
    if (state != LINEAR_ABSENT)
        buffer_append_slice(&model->next, value_of(model, state));
    buffer_append_slice(&model->next, more);
    buffer_append_format(&model->result, "%zu", model->next.size);
    return state_of(model, buffer_slice(&model->next));
}

/* It may be refused at any time (linear_check says when it may not), but happens only if it may. */
static bool
compare_and_set(struct linear_model *model, const struct linear_op *op, uint32_t state,
                uint32_t *state_out)
{
    bool is_as_read;

    answer_value(model, state);
    is_as_read = slice_equal(buffer_slice(&model->result), op->old);
    *state_out = state;
    if (op->return_time != LINEAR_NEVER && slice_equal(op->result, slice_from_text("nil")))
        return true;
    if (is_as_read)
        *state_out = state_of(model, op->value);
    return op->return_time == LINEAR_NEVER ||
           (is_as_read && slice_equal(op->result, slice_from_text("OK")));
}

bool
linear_model_step(struct linear_model *model, const struct linear_op *op, uint32_t state,
                  uint32_t *state_out)
{
    buffer_clear(&model->result);
    buffer_clear(&model->next);
    *state_out = state;
    switch (op->kind) {
    case LINEAR_GET:
        answer_value(model, state);
        break;
    case LINEAR_SET:
        answer(model, "OK");
        *state_out = state_of(model, op->value);
        break;
    case LINEAR_DEL:
        answer(model, state == LINEAR_ABSENT ? "0" : "1");
        *state_out = LINEAR_ABSENT;
        break;
    case LINEAR_INCR:
        *state_out = increment(model, state);
        break;
    case LINEAR_APPEND:
        *state_out = append(model, state, op->value);
        break;
    case LINEAR_SETNX:
        answer(model, state == LINEAR_ABSENT ? "1" : "0");
        if (state == LINEAR_ABSENT)
            *state_out = state_of(model, op->value);
        break;
    case LINEAR_GETSET:
        answer_value(model, state);
        *state_out = state_of(model, op->value);
        break;
    default:
        return compare_and_set(model, op, state, state_out);
    }
    return op->return_time == LINEAR_NEVER || slice_equal(buffer_slice(&model->result), op->result);
}
