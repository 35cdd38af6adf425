#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/log.h"

#define KV_STATUS_TEXT(code, text) [code] = (text),
static const char *const status_text[] = {KV_STATUS_LIST(KV_STATUS_TEXT)};
#undef KV_STATUS_TEXT

const char *
kv_status_text(enum kv_status status)
{
    KV_ASSERT((unsigned)status < KV_STATUS_COUNT);
    return status_text[status];
}

enum kv_status
kv_status_from_errno(int negative_errno)
{
    KV_ASSERT(negative_errno < 0);
    switch (-negative_errno) {
    case ENOENT:
        return KV_NO_FILE;
    case ENOSPC:
    case EDQUOT:
        return KV_NO_SPACE;
    case ECANCELED:
        return KV_CANCELLED;
    default:
        return KV_IO;
    }
}

enum kv_status
kv_log_failure(enum kv_status status, const char *file, int line, const char *format, ...)
{
    char message[512];
    const char *base = strrchr(file, '/');
    va_list args;

    KV_ASSERT(status != KV_OK);
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    kv_log(LOG_LEVEL_WARNING, "%s (%s) [%s:%d]", message, kv_status_text(status),
           base != NULL ? base + 1 : file, line);
    return status;
}
