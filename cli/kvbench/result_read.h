/* result_read.h - reads the document that report_json writes (RESULT.md), and nothing else.
 *
 * The document is untrusted: it may have at most RESULT_BYTES_MAX bytes, every name must be known,
 * every number in range, every total must agree with its buckets.
 */
#ifndef KV_KVBENCH_RESULT_READ_H
#define KV_KVBENCH_RESULT_READ_H

#include "base/status.h"
#include "cli/kvbench/result.h"

#define RESULT_FORMAT_NAME "kvbench-result"
enum { RESULT_BYTES_MAX = 256 * 1024 * 1024, RESULT_FORMAT_VERSION = 1 };

/* KV_OK: `result` is initialised and the caller's; its runs have ended.  KV_CORRUPT: it is zero; a
 * message says where in `name` (what to call the text) the fault is. */
MUST_CHECK enum kv_status result_parse(struct slice text, const char *name, struct result *result);
/* The same, of a file. */
MUST_CHECK enum kv_status result_read(const char *path, struct result *result);

#endif
