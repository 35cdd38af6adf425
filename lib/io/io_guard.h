/* io_guard.h - makes AddressSanitizer see what the kernel does with our buffers.
 *
 * No sanitizer instruments the kernel: a read into a buffer that is too short, or one that was
 * freed meanwhile, corrupts memory in silence.  So at submission the whole buffer must be
 * addressable, and while a read is in flight its buffer is poisoned: who touches or frees it is
 * caught.  Without ASan, or in release builds, this is nothing.
 */
#ifndef KV_IO_IO_GUARD_H
#define KV_IO_IO_GUARD_H

#include "io/io.h"

#ifdef KV_DEBUG
#if defined(__SANITIZE_ADDRESS__)
#define KV_IO_HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KV_IO_HAS_ASAN 1
#endif
#endif
#endif

#ifdef KV_IO_HAS_ASAN
#include <sanitizer/asan_interface.h>

static inline void
io_guard_submitted(const struct io_request *request)
{
    if (request->op != IO_READ && request->op != IO_WRITE)
        return;
    KV_ASSERT(__asan_region_is_poisoned(request->buffer, request->size) == NULL);
    if (request->op == IO_READ)
        __asan_poison_memory_region(request->buffer, request->size);
}

/* Before anyone, a simulated kernel included, touches the buffer. */
static inline void
io_guard_completed(const struct io_request *request)
{
    if (request->op == IO_READ)
        __asan_unpoison_memory_region(request->buffer, request->size);
}

#else

static inline void
io_guard_submitted(const struct io_request *request)
{
    (void)request;
}

static inline void
io_guard_completed(const struct io_request *request)
{
    (void)request;
}

#endif
#endif
