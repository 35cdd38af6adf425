#include "support/sim_model.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

enum { KEY_BYTES = 5 };

void
sim_model_init(struct sim_model *model)
{
    memset(model, 0, sizeof(*model));
    model->value_id_next = 1;
}

void
sim_model_deinit(struct sim_model *model)
{
    free(model->records);
    free(model->batches);
}

static void
push_record(struct sim_model *model, const struct model_record *record)
{
    KV_ASSERT(record->family < MODEL_FAMILY_COUNT && record->key_end <= MODEL_KEY_COUNT);
    if (model->record_count == model->record_capacity) {
        model->record_capacity = model->record_capacity == 0 ? 256 : model->record_capacity * 2;
        model->records =
            kv_realloc(model->records, model->record_capacity * sizeof(model->records[0]));
    }
    model->records[model->record_count] = *record;
    model->records[model->record_count++].incarnation = model->incarnations[record->family];
}

struct model_value
sim_model_put(struct sim_model *model, uint32_t family, uint32_t key, uint32_t bytes,
              uint64_t deadline_ms)
{
    const struct model_value value = {
        .id = model->value_id_next++, .bytes = bytes, .deadline_ms = deadline_ms};

    push_record(model, &(struct model_record){
                           .family = family, .key = key, .key_end = key + 1, .value = value});
    return value;
}

void
sim_model_delete(struct sim_model *model, uint32_t family, uint32_t key, uint32_t key_end)
{
    push_record(model, &(struct model_record){.family = family, .key = key, .key_end = key_end});
}

static size_t
records_before(const struct sim_model *model, size_t batch)
{
    return batch == 0 ? 0 : model->batches[batch - 1].record_end;
}

void
sim_model_cancel(struct sim_model *model)
{
    model->record_count = records_before(model, model->batch_count);
}

static void
apply(struct sim_model *model, const struct model_record *record)
{
    if (record->incarnation != model->incarnations[record->family])
        return;
    for (uint32_t key = record->key; key < record->key_end; key++)
        model->state.values[record->family][key] = record->value;
}

struct model_value
sim_model_pending_value(const struct sim_model *model, uint32_t family, uint32_t key)
{
    for (size_t i = model->record_count; i > records_before(model, model->batch_count); i--) {
        const struct model_record *record = &model->records[i - 1];

        if (record->family == family && record->key <= key && key < record->key_end)
            return record->value;
    }
    return model->state.values[family][key];
}

void
sim_model_renew(struct sim_model *model, uint32_t family)
{
    KV_ASSERT(family < MODEL_FAMILY_COUNT);
    model->incarnations[family]++;
    memset(model->state.values[family], 0, sizeof(model->state.values[family]));
}

/* Cuts the doubtful batches out of the middle: the pending records stay. */
void
sim_model_forget_doubtful(struct sim_model *model)
{
    const size_t kept = model->batch_count - model->doubtful_count;
    const size_t from = records_before(model, model->batch_count);
    const size_t to = records_before(model, kept);

    if (model->doubtful_count == 0)
        return;
    memmove(model->records + to, model->records + from,
            (model->record_count - from) * sizeof(model->records[0]));
    model->record_count -= from - to;
    model->batch_count = kept;
    model->doubtful_count = 0;
}

void
sim_model_submit(struct sim_model *model, uint64_t seq_last)
{
    size_t first;

    sim_model_forget_doubtful(model);
    KV_ASSERT(seq_last > sim_model_last_seq(model));
    first = records_before(model, model->batch_count);
    KV_ASSERT(model->record_count > first);
    if (model->batch_count == model->batch_capacity) {
        model->batch_capacity = model->batch_capacity == 0 ? 256 : model->batch_capacity * 2;
        model->batches =
            kv_realloc(model->batches, model->batch_capacity * sizeof(model->batches[0]));
    }
    model->batches[model->batch_count++] =
        (struct model_batch){.seq_last = seq_last, .record_end = model->record_count};
    for (size_t i = first; i < model->record_count; i++)
        apply(model, &model->records[i]);
}

static void
rebuild_state(struct sim_model *model)
{
    const size_t end = records_before(model, model->batch_count - model->doubtful_count);

    memset(&model->state, 0, sizeof(model->state));
    for (size_t i = 0; i < end; i++)
        apply(model, &model->records[i]);
}

static size_t
batches_up_to(const struct sim_model *model, uint64_t seq)
{
    size_t count = model->batch_count;

    while (count > 0 && model->batches[count - 1].seq_last > seq)
        count--;
    return count;
}

void
sim_model_take_back(struct sim_model *model, uint64_t seq)
{
    const size_t kept = batches_up_to(model, seq);

    KV_ASSERT(model->record_count == records_before(model, model->batch_count));
    model->doubtful_count = model->batch_count - kept;
    rebuild_state(model);
}

bool
sim_model_has_boundary(const struct sim_model *model, uint64_t seq)
{
    const size_t count = batches_up_to(model, seq);

    return count == 0 ? seq == 0 : model->batches[count - 1].seq_last == seq;
}

uint64_t
sim_model_boundary_below(const struct sim_model *model, uint64_t seq)
{
    const size_t count = batches_up_to(model, seq);

    return count == 0 ? 0 : model->batches[count - 1].seq_last;
}

bool
sim_model_recover(struct sim_model *model, uint64_t seq)
{
    if (!sim_model_has_boundary(model, seq))
        return false;
    model->batch_count = batches_up_to(model, seq);
    model->doubtful_count = 0;
    sim_model_cancel(model);
    rebuild_state(model);
    return true;
}

uint64_t
sim_model_last_seq(const struct sim_model *model)
{
    const size_t count = model->batch_count - model->doubtful_count;

    return count == 0 ? 0 : model->batches[count - 1].seq_last;
}

struct slice
sim_model_key(uint32_t key, char *target)
{
    KV_ASSERT(key <= MODEL_KEY_COUNT && MODEL_KEY_COUNT < 100);
    snprintf(target, KEY_BYTES + 1, "key%c%c", (char)('0' + key / 10), (char)('0' + key % 10));
    return slice_of(target, KEY_BYTES);
}

int
sim_model_key_number(struct slice key)
{
    const uint8_t *text = key.data;
    int number;

    if (key.size != KEY_BYTES || memcmp(text, "key", 3) != 0)
        return -1;
    number = (text[3] - '0') * 10 + (text[4] - '0');
    return number >= 0 && number < MODEL_KEY_COUNT ? number : -1;
}

struct model_time
sim_model_see_time(struct sim_model *model, uint64_t now_ms)
{
    if (now_ms > model->peak_ms)
        model->peak_ms = now_ms;
    return (struct model_time){.now_ms = now_ms, .peak_ms = model->peak_ms};
}

bool
sim_model_may_exist(struct model_value value, struct model_time time)
{
    return value.id != 0 && (value.deadline_ms == 0 || time.now_ms <= value.deadline_ms);
}

bool
sim_model_must_exist(struct model_value value, struct model_time time)
{
    return value.id != 0 && (value.deadline_ms == 0 || time.peak_ms <= value.deadline_ms);
}

/* Words that differ from value to value and from word to word, half of them compressible. */
static uint64_t
word_at(uint64_t id, uint64_t index)
{
    return (id * 2 + index % 2) * UINT64_C(0x9e3779b97f4a7c15) ^ (id % 2 == 0 ? 0 : index);
}

void
sim_model_fill(struct model_value value, uint8_t *target)
{
    for (uint32_t i = 0; i < value.bytes; i += 8) {
        const uint64_t word = word_at(value.id, i / 8);

        memcpy(target + i, &word, value.bytes - i < 8 ? value.bytes - i : 8);
    }
}

bool
sim_model_is_value(struct model_value value, struct slice bytes)
{
    const uint8_t *data = bytes.data;

    if (bytes.size != value.bytes)
        return false;
    for (uint32_t i = 0; i < value.bytes; i += 8) {
        const uint64_t word = word_at(value.id, i / 8);

        if (memcmp(data + i, &word, value.bytes - i < 8 ? value.bytes - i : 8) != 0)
            return false;
    }
    return true;
}
