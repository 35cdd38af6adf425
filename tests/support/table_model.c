#include "support/table_model.h"

#include <CUnit/Basic.h>

#include "base/alloc.h"
#include "base/crc32c.h"
#include "support/test_table.h"

struct slice
table_model_key(const struct table_model *model, size_t i)
{
    return slice_of(model->bytes.data + model->entries[i].key_offset, model->entries[i].key_size);
}

struct slice
table_model_value(const struct table_model *model, size_t i)
{
    return slice_of(model->bytes.data + model->entries[i].value_offset,
                    model->entries[i].value_size);
}

void
table_model_add(struct table_model *model, struct slice user_key, uint64_t seq,
                enum value_type type, struct slice value)
{
    struct model_entry *entry;

    if (model->count == model->capacity) {
        model->capacity = model->capacity == 0 ? 64 : model->capacity * 2;
        model->entries = kv_realloc(model->entries, model->capacity * sizeof(model->entries[0]));
    }
    entry = &model->entries[model->count++];
    entry->key_offset = model->bytes.size;
    entry->key_size = user_key.size + KEY_FOOTER_BYTES;
    buffer_append_slice(&model->bytes, user_key);
    buffer_put_fixed64(&model->bytes, footer_pack(seq, type));
    entry->value_offset = model->bytes.size;
    entry->value_size = value.size;
    buffer_append_slice(&model->bytes, value);
}

void
table_model_deinit(struct table_model *model)
{
    buffer_deinit(&model->bytes);
    free(model->entries);
}

void
table_model_make_value(struct buffer *value, size_t size, struct random *random)
{
    buffer_clear(value);
    while (value->size < size / 2)
        buffer_append_byte(value, (uint8_t)random_next(random));
    while (value->size < size)
        buffer_append_byte(value, 'v');
}

static enum kv_status
append_to_buffer(void *owner, struct slice bytes)
{
    buffer_append_slice(owner, bytes);
    return KV_OK;
}

void
table_model_build(const struct table_model *model, struct buffer *file,
                  struct table_summary *summary)
{
    struct table_build_options options =
        test_table_options(MODEL_TABLE_NUMBER, model->compression, 0);
    const struct model_tombstone *t = model->tombstones;
    struct table_builder *builder;

    options.db_identity = "identity";
    options.session_identity = "session";
    options.creation_time_s = MODEL_CREATION_TIME_S;
    builder = table_builder_new(&options, append_to_buffer, file);
    for (size_t i = 0; i < model->count; i++)
        CU_ASSERT_EQUAL(
            table_builder_add(builder, table_model_key(model, i), table_model_value(model, i)),
            KV_OK);
    for (size_t i = 0; i < model->tombstone_count; i++)
        table_builder_add_tombstone(builder, slice_from_text(t[i].begin), slice_from_text(t[i].end),
                                    t[i].seq);
    if (model->snapshots != NULL)
        table_builder_set_snapshots(builder, model->snapshots, model->snapshot_count);
    CU_ASSERT_EQUAL(table_builder_finish(builder, summary), KV_OK);
    CU_ASSERT_EQUAL(summary->file_bytes, file->size);
    CU_ASSERT_EQUAL(summary->checksum_crc32c, crc32c_extend(0, file->data, file->size));
    table_builder_free(builder);
}
