/* merge_entity.h - a merge onto an entity changes its default column and keeps the others. */
#ifndef KV_MERGE_MERGE_ENTITY_H
#define KV_MERGE_MERGE_ENTITY_H

#include "base/buffer.h"
#include "base/status.h"

/* Replaces *target by `entity` with `value` in the default column, which is made if there is none.
 * Neither may lie in the target.  KV_CORRUPT, KV_UNSUPPORTED: as entity_default_column;
 * KV_LIMIT: longer than VALUE_BYTES_MAX. */
MUST_CHECK enum kv_status merge_entity_set_value(struct slice entity, struct slice value,
                                                 struct buffer *target);

#endif
