#include "support/dying_value.h"

#include <CUnit/Basic.h>

#include "db/db.h"
#include "key/entity.h"

void
batch_put_until(struct write_batch *batch, const char *key, const char *value, uint64_t deadline_ms)
{
    const struct entity entity = {.value = slice_from_text(value), .deadline_ms = deadline_ms};
    struct buffer encoded = {0};

    CU_ASSERT_EQUAL_FATAL(entity_rewrite(slice_of(NULL, 0), &entity, &encoded), KV_OK);
    write_batch_put_entity(batch, CF_DEFAULT, slice_from_text(key), buffer_slice(&encoded));
    buffer_deinit(&encoded);
}
