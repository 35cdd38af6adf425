#include "wal/wal_file.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "io/file.h"

void
wal_file_name(char *target, const char *dir, uint64_t number)
{
    const int size = snprintf(target, PATH_BYTES_MAX, "%s/%06" PRIu64 ".log", dir, number);

    KV_ASSERT(size > 0 && size < PATH_BYTES_MAX);
}
