#include "merge/merge_entity.h"

#include "key/entity.h"

enum kv_status
merge_entity_set_value(struct slice entity, struct slice value, struct buffer *target)
{
    struct entity to;
    const enum kv_status st = entity_parse(entity, &to);

    if (st != KV_OK)
        return st;
    to.value = value;
    return entity_rewrite(entity, &to, target);
}
