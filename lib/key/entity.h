/* entity.h - wide-column entities: values that carry metadata (FORMAT.md section 15).
 *
 *     varint32 version = 1 | varint32 n | n x (lstr name, varint32 value size) | values in order
 *
 * Names are sorted bytewise and unique; the default column has the empty name and is what a
 * plain read returns.
 */
#ifndef KV_KEY_ENTITY_H
#define KV_KEY_ENTITY_H

#include "base/slice.h"
#include "base/status.h"

/* The value of the default column, empty if there is none; borrows from `entity`.  KV_CORRUPT:
 * untrusted bytes that are not an entity; KV_UNSUPPORTED: another version. */
MUST_CHECK enum kv_status entity_default_column(struct slice entity, struct slice *value_out);

#endif
