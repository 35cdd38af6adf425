/* status.h - the one error type of the project.
 *
 * A function that can fail returns an enum kv_status and nothing else; results leave through
 * out-parameters.  The function that first sees a failure logs it with every particular it
 * knows (KV_FAIL); the ones above only pass it on.
 */
#ifndef KV_BASE_STATUS_H
#define KV_BASE_STATUS_H

#define KV_STATUS_LIST(X)                                                                          \
    X(KV_OK, "ok")                                                                                 \
    X(KV_WANT_BLOCK, "a block must be read first")                                                 \
    X(KV_CORRUPT, "stored bytes do not pass their checks")                                         \
    X(KV_IO, "the operating system reported an I/O error")                                         \
    X(KV_NO_SPACE, "no space is left on the device")                                               \
    X(KV_NO_FILE, "a file does not exist")                                                         \
    X(KV_LIMIT, "a static limit was reached")                                                      \
    X(KV_INVALID, "the request is malformed")                                                      \
    X(KV_UNSUPPORTED, "the stored data uses a feature that this version does not have")            \
    X(KV_LOCKED, "another process holds the lock")                                                 \
    X(KV_BUSY, "no room now, try again later")                                                     \
    X(KV_READ_ONLY, "writes are refused until the fault is gone")                                  \
    X(KV_STALLED, "memory is full of writes, and flushes make no progress")                        \
    X(KV_CANCELLED, "the work was cancelled")

#define KV_STATUS_ENUM(code, text) code,
enum kv_status { KV_STATUS_LIST(KV_STATUS_ENUM) KV_STATUS_COUNT };
#undef KV_STATUS_ENUM

#define MUST_CHECK __attribute__((warn_unused_result))

/* Never NULL. */
const char *kv_status_text(enum kv_status status);

/* The status for a negative errno as the kernel returns it (-ENOSPC, -ENOENT, ...). */
enum kv_status kv_status_from_errno(int negative_errno);

/* Logs "file:line: text: <message>" and evaluates to `status`, which must not be KV_OK. */
#define KV_FAIL(status, ...) kv_log_failure((status), __FILE__, __LINE__, __VA_ARGS__)

enum kv_status kv_log_failure(enum kv_status status, const char *file, int line, const char *format,
                              ...) __attribute__((format(printf, 4, 5)));

#endif
