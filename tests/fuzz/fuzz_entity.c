/* Goal: no bytes that claim to be an entity do harm; what is accepted can be changed and reads
 * back, with the columns of others; and what is told of its deadline is the same everywhere. */
#include <stdlib.h>

#include "base/coding.h"
#include "compact/dead_value.h"
#include "key/entity.h"
#include "support/quiet_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool holds)
{
    if (!holds)
        abort();
}

static void
change(struct slice encoded, const struct entity *before, const struct entity *to)
{
    struct buffer once = {0}, twice = {0};
    struct entity after;

    check(entity_rewrite(encoded, to, &once) == KV_OK);
    check(entity_parse(buffer_slice(&once), &after) == KV_OK);
    check(slice_equal(after.value, to->value));
    check(after.deadline_ms == to->deadline_ms);
    check(after.has_others == before->has_others);
    check(entity_rewrite(buffer_slice(&once), to, &twice) == KV_OK);
    check(slice_equal(buffer_slice(&once), buffer_slice(&twice)));
    buffer_deinit(&once);
    buffer_deinit(&twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    struct entity before, to = {.deadline_ms = DEADLINE_NONE};
    struct buffer key = {0}, buried = {0};

    quiet_log();
    if (!get_fixed64(&input, &to.deadline_ms) || !get_lstr(&input, &to.value))
        return 0;
    internal_key_append(&key, slice_from_text("k"), 7, TYPE_ENTITY);
    check(internal_key_footer(dead_value_bury(buffer_slice(&key), &buried)) ==
          footer_pack(7, TYPE_DELETION));
    if (entity_parse(input, &before) == KV_OK) {
        check(entity_deadline(input) == before.deadline_ms);
        check(dead_value_is(buffer_slice(&key), input, to.deadline_ms) ==
              entity_is_dead(&before, to.deadline_ms));
        change(input, &before, &to);
    } else {
        check(entity_deadline(input) == DEADLINE_NONE);
    }
    buffer_deinit(&key);
    buffer_deinit(&buried);
    return 0;
}
