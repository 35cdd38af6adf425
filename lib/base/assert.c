#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void
kv_assert_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "<0>%s:%d: assertion failed: %s\n", file, line, condition);
    abort();
}
