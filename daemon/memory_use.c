#include "daemon/memory_use.h"

#include <malloc.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/server.h"

/* 0: the kernel does not say. */
static uint64_t
resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long long pages_all = 0, pages_resident = 0;

    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu %llu", &pages_all, &pages_resident) != 2)
        pages_resident = 0;
    fclose(file);
    return pages_resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t
resident_peak_bytes(void)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) != 0 || usage.ru_maxrss < 0)
        return 0;
    return (uint64_t)usage.ru_maxrss * 1024;
}

void
memory_use_measure(struct server *server, struct memory_use *use)
{
    const struct mallinfo2 heap = mallinfo2();
    struct db_stats stats;

    db_get_stats(server->db, &stats);
    *use = (struct memory_use){.memtables = stats.memtable_bytes,
                               .block_cache = stats.cache.bytes_used,
                               .block_cache_max = stats.cache.bytes_max,
                               .table_readers = stats.table_reader_bytes,
                               .clients = server_client_memory_bytes(server),
                               .limit = server->config.memory_limit_bytes,
                               .resident = resident_bytes(),
                               .resident_peak = resident_peak_bytes(),
                               .heap_allocated = heap.uordblks + heap.hblkhd,
                               .heap_mapped = heap.arena + heap.hblkhd,
                               .frozen_memtable_count = stats.frozen_count,
                               .key_count = stats.key_count_estimate};
    use->used = use->memtables + use->block_cache + use->table_readers + use->clients;
}
