/* index_builder.c - an entry is kept as
 *
 *     lstr (separator as internal key) | lstr (handle)
 *
 * and the user-key form is the same without the key's footer.  A separator that was shortened
 * lies between two user keys; its footer is that of the newest possible version, which sorts
 * first.
 */
#include "sst/index_builder.h"

#include "base/assert.h"
#include "base/coding.h"
#include "key/internal_key.h"
#include "sst/index_separator.h"

void
index_builder_init(struct index_builder *builder)
{
    *builder = (struct index_builder){0};
}

void
index_builder_deinit(struct index_builder *builder)
{
    buffer_deinit(&builder->entries);
    buffer_deinit(&builder->separator);
}

/* The last key of the table stays as it is: a reader may take it for the table's largest. */
static void
make_separator(struct index_builder *builder, struct slice last, struct slice next)
{
    const struct slice last_user = internal_key_user(last);
    const struct slice next_user = next.size == 0 ? last_user : internal_key_user(next);
    bool shortened;

    buffer_clear(&builder->separator);
    shortened = index_separator_append(&builder->separator, last_user, next_user);
    buffer_put_fixed64(&builder->separator, shortened ? footer_pack(SEQUENCE_MAX, TYPE_SEEK)
                                                      : internal_key_footer(last));
}

void
index_builder_add(struct index_builder *builder, struct slice last, struct slice next,
                  uint64_t offset, uint64_t size)
{
    uint8_t handle[2 * VARINT64_BYTES_MAX];
    size_t handle_size;

    KV_ASSERT(last.size >= KEY_FOOTER_BYTES);
    KV_ASSERT(next.size == 0 || next.size >= KEY_FOOTER_BYTES);
    make_separator(builder, last, next);
    if (next.size > 0 && slice_equal(internal_key_user(last), internal_key_user(next)))
        builder->has_internal_keys = true;
    handle_size = put_varint64(handle, offset);
    handle_size += put_varint64(handle + handle_size, size);
    buffer_put_lstr(&builder->entries, buffer_slice(&builder->separator));
    buffer_put_lstr(&builder->entries, slice_of(handle, handle_size));
    builder->entry_count++;
}

void
index_builder_finish(const struct index_builder *builder, struct block_builder *block)
{
    struct slice rest = buffer_slice(&builder->entries);

    KV_ASSERT(block_builder_empty(block));
    for (uint64_t i = 0; i < builder->entry_count; i++) {
        struct slice key, handle;
        const bool complete = get_lstr(&rest, &key) && get_lstr(&rest, &handle);

        KV_ASSERT(complete && key.size >= KEY_FOOTER_BYTES);
        if (!builder->has_internal_keys)
            key = internal_key_user(key);
        block_builder_add_index(block, key, handle);
    }
    KV_ASSERT(rest.size == 0);
    block_builder_finish(block);
}
