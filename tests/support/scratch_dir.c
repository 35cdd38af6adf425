#include "support/scratch_dir.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"

enum { BASE_BYTES_MAX = 64 };

void
scratch_dir_make(char dir[SCRATCH_PATH_BYTES], const char *base)
{
    const char *wish = getenv("TMPDIR");
    int size;

    if (base == NULL)
        base = wish != NULL && strlen(wish) <= BASE_BYTES_MAX ? wish : "/tmp";
    size = snprintf(dir, SCRATCH_PATH_BYTES, "%s/kvd-test-XXXXXX", base);
    KV_ASSERT(size > 0 && size < SCRATCH_PATH_BYTES);
    KV_ASSERT(mkdtemp(dir) != NULL);
}

void
scratch_dir_make_in_memory(char dir[SCRATCH_PATH_BYTES])
{
    const bool has_wish = getenv("TMPDIR") != NULL;

    scratch_dir_make(dir, !has_wish && access("/dev/shm", W_OK) == 0 ? "/dev/shm" : NULL);
}

void
scratch_dir_remove(const char *dir)
{
    char command[2 * SCRATCH_PATH_BYTES];
    const int size = snprintf(command, sizeof(command), "rm -rf '%s'", dir);

    KV_ASSERT(size > 0 && (size_t)size < sizeof(command));
    KV_ASSERT(system(command) == 0);
}
