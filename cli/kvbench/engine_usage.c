/* engine_usage.c - the CPU time of this process and its workers.
 *
 * getrusage knows of children only what has ended; of those that run, /proc does.  A worker that
 * dies in between moves from one to the other, so the sum never loses any.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/kvbench/engine_internal.h"
#include "daemon/worker_pool.h"

enum { STAT_BYTES_MAX = 1024 };

static uint64_t
usage_us(int who)
{
    struct rusage usage = {0};

    (void)getrusage(who, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000u +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* 0 if the process is gone. */
static uint64_t
process_cpu_us(pid_t pid)
{
    char path[32], text[STAT_BYTES_MAX];
    unsigned long long user_ticks = 0, system_ticks = 0;
    const char *rest;
    size_t size;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return 0;
    size = fread(text, 1, sizeof(text) - 1, file);
    (void)fclose(file);
    text[size] = '\0';
    /* The name may hold anything but ends at the last parenthesis; utime and stime are the 14th
     * and 15th field, the 11th and 12th behind the state. */
    rest = strrchr(text, ')');
    if (rest == NULL || sscanf(rest + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu",
                               &user_ticks, &system_ticks) != 2)
        return 0;
    return (uint64_t)(user_ticks + system_ticks) * 1000000u / (uint64_t)sysconf(_SC_CLK_TCK);
}

void
engine_get_usage(const struct engine *engine, struct engine_usage *usage)
{
    struct worker_info workers[ENGINE_WORKER_COUNT_MAX];
    uint32_t count = worker_pool_info(engine->pool, workers, ENGINE_WORKER_COUNT_MAX);

    if (count > ENGINE_WORKER_COUNT_MAX)
        count = ENGINE_WORKER_COUNT_MAX;
    usage->cpu_us = usage_us(RUSAGE_SELF);
    usage->worker_cpu_us = usage_us(RUSAGE_CHILDREN);
    for (uint32_t i = 0; i < count; i++) {
        if (workers[i].pid > 0)
            usage->worker_cpu_us += process_cpu_us(workers[i].pid);
    }
}
