/* server_cpu.c - /proc/PID/stat counts in ticks of 10 ms, which is fine for runs of seconds. */
#include "cli/kvbench/server_cpu.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { STAT_BYTES_MAX = 4096 };

bool
server_cpu_ns(uint64_t pid, uint64_t *cpu_ns_out)
{
    const long ticks_per_second = sysconf(_SC_CLK_TCK);
    char path[64], text[STAT_BYTES_MAX];
    const char *after_name;
    uint64_t user, system;
    size_t size;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%" PRIu64 "/stat", pid);
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    size = fread(text, 1, sizeof(text) - 1, file);
    (void)fclose(file);
    text[size] = '\0';
    /* The name is in parentheses and may have anything in it. */
    after_name = strrchr(text, ')');
    if (after_name == NULL || ticks_per_second <= 0 ||
        sscanf(after_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64,
               &user, &system) != 2)
        return false;
    *cpu_ns_out = (user + system) * (1000000000 / (uint64_t)ticks_per_second);
    return true;
}
