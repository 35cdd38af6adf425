/* assert.h - checks on ourselves, never on input.
 *
 * KV_ASSERT stays in release builds: a wrong database is worse than a dead one, and the WAL
 * makes dying safe.  KV_DCHECK is for checks too slow for that; every test build has them.
 */
#ifndef KV_BASE_ASSERT_H
#define KV_BASE_ASSERT_H

#include <stddef.h>

_Noreturn void kv_assert_failed(const char *file, int line, const char *condition);

#define KV_ASSERT(condition)                                                                       \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            kv_assert_failed(__FILE__, __LINE__, #condition);                                      \
    } while (0)

#ifdef KV_DEBUG
#define KV_DCHECK(condition) KV_ASSERT(condition)
#else
#define KV_DCHECK(condition) ((void)sizeof(condition))
#endif

/* The struct of `type` whose member `member` is at `pointer`. */
#define KV_CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

#endif
