/* memory_use.h - what kvd's memory is used for, as INFO and MEMORY say. */
#ifndef KV_DAEMON_MEMORY_USE_H
#define KV_DAEMON_MEMORY_USE_H

#include <stdint.h>

struct server;

/* All in bytes.  The first four are within `limit`, and `used` is their sum. */
struct memory_use {
    uint64_t memtables, block_cache, table_readers, clients;
    uint64_t used, limit;
    uint64_t block_cache_max;
    uint64_t resident, resident_peak;     /* of the process, from the kernel */
    uint64_t heap_allocated, heap_mapped; /* of malloc, which the memtables are not in */
    uint64_t frozen_memtable_count;
    uint64_t key_count; /* an estimate, of database 0 */
};

void memory_use_measure(struct server *server, struct memory_use *use);

#endif
