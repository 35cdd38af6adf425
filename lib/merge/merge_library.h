/* merge_library.h - loads a shared object with merge operators (kvd_merge_operator.h).
 *
 * The operators loaded are the process's, like its log: merge_operator_parse finds them by name
 * from then on, and they stay for ever.
 */
#ifndef KV_MERGE_MERGE_LIBRARY_H
#define KV_MERGE_MERGE_LIBRARY_H

#include "base/status.h"

enum { MERGE_LIBRARY_OPERATOR_COUNT_MAX = 32, MERGE_LIBRARY_NAME_BYTES_MAX = 100 };

/* KV_NO_FILE: it cannot be loaded.  KV_UNSUPPORTED: it has another interface version.  KV_INVALID:
 * a name that is taken or malformed, or a function that is missing; KV_LIMIT: too many operators.
 * Then none of it has been added. */
MUST_CHECK enum kv_status merge_library_load(const char *path);

#endif
