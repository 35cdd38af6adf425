#include "support/merge_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

void
merge_model_init(struct merge_model *model, const char *rule)
{
    memset(model, 0, sizeof(*model));
    model->rule = rule;
}

void
merge_model_deinit(struct merge_model *model)
{
    for (unsigned i = 0; i < MERGE_MODEL_KEY_COUNT; i++)
        buffer_deinit(&model->values[i]);
}

const char *
merge_model_key(unsigned key)
{
    static char names[MERGE_MODEL_KEY_COUNT + 1][8];

    KV_ASSERT(key <= MERGE_MODEL_KEY_COUNT);
    snprintf(names[key], sizeof(names[key]), "key%03u", key);
    return names[key];
}

static bool
is_rule(const struct merge_model *model, const char *rule)
{
    return strcmp(model->rule, rule) == 0;
}

static void
random_bytes(const struct merge_model *model, struct random *random, struct merge_change *change)
{
    if (is_rule(model, "int64add")) {
        change->size = (size_t)snprintf((char *)change->bytes, sizeof(change->bytes), "%lld",
                                        (long long)random_below(random, 2000) - 1000);
        return;
    }
    /* Counters of the wrong length are zero, which is to be seen too. */
    if (is_rule(model, "uint64add"))
        change->size = random_below(random, 8) == 0 ? random_below(random, 12) : 8;
    else
        change->size = random_below(random, 9);
    for (size_t i = 0; i < change->size; i++)
        change->bytes[i] = (uint8_t)('a' + random_below(random, 26));
}

void
merge_model_random_change(const struct merge_model *model, struct random *random,
                          struct merge_change *change)
{
    const uint64_t kind = random_below(random, 100);

    change->type = kind < 70   ? TYPE_MERGE
                   : kind < 82 ? TYPE_VALUE
                   : kind < 97 ? TYPE_DELETION
                               : TYPE_RANGE_DELETION;
    change->key = (unsigned)random_below(random, MERGE_MODEL_KEY_COUNT);
    change->key_end = change->key + 1 + (unsigned)random_below(random, 4);
    if (change->key_end > MERGE_MODEL_KEY_COUNT)
        change->key_end = MERGE_MODEL_KEY_COUNT;
    random_bytes(model, random, change);
}

static uint64_t
counter_of(struct slice bytes)
{
    uint64_t counter = 0;

    for (size_t i = 0; bytes.size == 8 && i < 8; i++)
        counter |= (uint64_t)bytes.data[i] << (8 * i);
    return counter;
}

static void
put_counter(struct buffer *value, uint64_t counter)
{
    buffer_clear(value);
    for (int i = 0; i < 8; i++)
        buffer_append_byte(value, (uint8_t)(counter >> (8 * i)));
}

static void
put_xor(struct buffer *value, struct slice operand)
{
    for (size_t i = 0; i < operand.size; i++) {
        if (i < value->size)
            value->data[i] = (uint8_t)(value->data[i] ^ operand.data[i]);
        else
            buffer_append_byte(value, operand.data[i]);
    }
}

static void
put_decimal_sum(struct buffer *value, struct slice operand)
{
    char text[32] = "";
    long long sum;

    memcpy(text, operand.data, operand.size);
    sum = atoll(text);
    buffer_append_byte(value, '\0');
    sum += atoll((const char *)value->data);
    buffer_clear(value);
    buffer_append_format(value, "%lld", sum);
}

static void
set(struct buffer *value, struct slice bytes)
{
    buffer_clear(value);
    buffer_append_slice(value, bytes);
}

/* One operand onto one value. */
static void
merge(const struct merge_model *model, struct buffer *value, bool exists, struct slice operand)
{
    if (is_rule(model, "uint64add"))
        put_counter(value, (exists ? counter_of(buffer_slice(value)) : 0) + counter_of(operand));
    else if (!exists)
        set(value, operand);
    else if (is_rule(model, "max") && slice_compare(operand, buffer_slice(value)) > 0)
        set(value, operand);
    else if (is_rule(model, "min") && slice_compare(operand, buffer_slice(value)) < 0)
        set(value, operand);
    else if (is_rule(model, "put"))
        set(value, operand);
    else if (is_rule(model, "bytesxor"))
        put_xor(value, operand);
    else if (is_rule(model, "int64add"))
        put_decimal_sum(value, operand);
    else if (strncmp(model->rule, "append:", 7) == 0) {
        buffer_append(value, model->rule + 7, strlen(model->rule + 7));
        buffer_append_slice(value, operand);
    }
}

void
merge_model_apply(struct merge_model *model, const struct merge_change *change)
{
    const struct slice bytes = slice_of(change->bytes, change->size);
    struct buffer *value = &model->values[change->key];
    bool *exists = &model->exists[change->key];

    switch (change->type) {
    case TYPE_VALUE:
        set(value, bytes);
        *exists = true;
        break;
    case TYPE_MERGE:
        if (!*exists)
            buffer_clear(value);
        merge(model, value, *exists, bytes);
        *exists = true;
        break;
    case TYPE_DELETION:
        *exists = false;
        break;
    default:
        for (unsigned i = change->key; i < change->key_end; i++)
            model->exists[i] = false;
        break;
    }
}

void
merge_change_to_batch(const struct merge_change *change, struct write_batch *batch)
{
    const struct slice key = slice_from_text(merge_model_key(change->key));
    const struct slice bytes = slice_of(change->bytes, change->size);

    switch (change->type) {
    case TYPE_VALUE:
        write_batch_put(batch, 0, key, bytes);
        break;
    case TYPE_MERGE:
        write_batch_merge(batch, 0, key, bytes);
        break;
    case TYPE_DELETION:
        write_batch_delete(batch, 0, key);
        break;
    default:
        write_batch_delete_range(batch, 0, key, slice_from_text(merge_model_key(change->key_end)));
        break;
    }
}
