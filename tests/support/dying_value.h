/* dying_value.h - a put of a value with a deadline, for tests. */
#ifndef KV_TESTS_SUPPORT_DYING_VALUE_H
#define KV_TESTS_SUPPORT_DYING_VALUE_H

#include <stdint.h>

#include "key/write_batch.h"

/* Adds a record of the default family; Unix milliseconds. */
void batch_put_until(struct write_batch *batch, const char *key, const char *value,
                     uint64_t deadline_ms);

#endif
