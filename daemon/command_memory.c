/* command_memory.c - MEMORY: what memory is used for.
 *
 * Redis's names stand for the same things here where kvd has them.  A value's use is what it takes
 * as an entry of a memtable or a block: nothing else of it is in memory, and often not even that.
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>

#include "base/limits.h"
#include "daemon/command_handlers.h"
#include "daemon/command_value.h"
#include "daemon/memory_use.h"
#include "daemon/server.h"

enum { ENTRY_BYTES = 16 }; /* sequence, lengths, and its part of an index */

/* SAMPLES is for values of many elements; false: the error reply has been written. */
static bool
parse_samples(struct command_call *call)
{
    int64_t count = 0;

    for (uint32_t i = 3; i < call->arg_count; i += 2) {
        if (argument_is(call->args[i], "samples") && i + 1 < call->arg_count) {
            if (!value_parse_int64(call, call->args[i + 1], &count))
                return false;
            if (count >= 0)
                continue;
        }
        resp_error(&call->reply, "ERR syntax error");
        return false;
    }
    return true;
}

static enum kv_status
memory_usage(struct command_call *call)
{
    struct slice value;
    bool exists;
    enum kv_status st;

    if (!parse_samples(call))
        return KV_OK;
    st = value_read(call, call->args[2], &exists, &value);
    if (st == KV_OK && exists)
        resp_integer(&call->reply, (int64_t)(ENTRY_BYTES + call->args[2].size + value.size));
    else if (st == KV_OK)
        resp_null(&call->reply);
    return st;
}

static void
number(struct command_call *call, const char *name, uint64_t value)
{
    resp_bulk_text(&call->reply, name);
    resp_integer(&call->reply, (int64_t)value);
}

static void
ratio(struct command_call *call, const char *name, uint64_t part, uint64_t whole)
{
    resp_bulk_text(&call->reply, name);
    resp_double(&call->reply, whole > 0 ? (double)part / (double)whole : 0);
}

/* The keys are in tables; in memory are those of the memtables and the cached blocks. */
static enum kv_status
memory_stats(struct command_call *call)
{
    struct memory_use use;
    uint64_t dataset;

    memory_use_measure(call->server, &use);
    dataset = use.memtables + use.block_cache;
    resp_map(&call->reply, 22);
    number(call, "peak.allocated", use.resident_peak);
    number(call, "total.allocated", use.used);
    number(call, "startup.allocated", 0);
    number(call, "replication.backlog", 0);
    number(call, "clients.slaves", 0);
    number(call, "clients.normal", use.clients);
    number(call, "cluster.links", 0);
    number(call, "aof.buffer", 0);
    number(call, "lua.caches", 0);
    number(call, "functions.caches", 0);
    number(call, "overhead.total", use.clients + use.table_readers);
    number(call, "keys.count", use.key_count);
    number(call, "keys.bytes-per-key", use.key_count > 0 ? use.used / use.key_count : 0);
    number(call, "dataset.bytes", dataset);
    resp_bulk_text(&call->reply, "dataset.percentage");
    resp_double(&call->reply, use.used > 0 ? 100.0 * (double)dataset / (double)use.used : 0);
    number(call, "allocator.allocated", use.heap_allocated);
    number(call, "allocator.active", use.heap_mapped);
    number(call, "allocator.resident", use.resident);
    ratio(call, "fragmentation", use.resident, use.used);
    number(call, "kvd.memtables", use.memtables);
    number(call, "kvd.block-cache", use.block_cache);
    number(call, "kvd.memory-limit", use.limit);
    return KV_OK;
}

static void
reply_text(struct command_call *call, struct buffer *text)
{
    resp_verbatim(&call->reply, "txt", buffer_slice(text));
    buffer_deinit(text);
}

static enum kv_status
memory_doctor(struct command_call *call)
{
    struct buffer text = {0};
    struct memory_use use;
    size_t finding_start;

    memory_use_measure(call->server, &use);
    buffer_append_format(
        &text,
        "%" PRIu64 " of the %" PRIu64 " bytes of memory-limit are used: memtables "
        "%" PRIu64 ", block cache %" PRIu64 ", table readers %" PRIu64 ", clients %" PRIu64 ".\n",
        use.used, use.limit, use.memtables, use.block_cache, use.table_readers, use.clients);
    finding_start = text.size;
    if (use.frozen_memtable_count >= FROZEN_MEMTABLE_COUNT_MAX)
        buffer_append_format(&text,
                             "Memtables wait for their flush: see KV.WORKERS and KV.JOBS.\n");
    if (use.clients > use.limit / 8)
        buffer_append_format(&text, "Clients have more than an eighth: see CLIENT LIST.\n");
    if (use.table_readers > use.limit / 4)
        buffer_append_format(&text, "Indexes and filters have more than a quarter: a larger "
                                    "memory-limit would help reads.\n");
    if (use.resident > use.limit + use.limit / 2)
        buffer_append_format(&text,
                             "The process has %" PRIu64 " bytes, much more than its limit: "
                             "try MEMORY PURGE.\n",
                             use.resident);
    if (text.size == finding_start)
        buffer_append_format(&text, "Nothing is wrong with that.\n");
    reply_text(call, &text);
    return KV_OK;
}

static enum kv_status
memory_malloc_stats(struct command_call *call)
{
    const struct mallinfo2 heap = mallinfo2();
    struct buffer text = {0};

    buffer_append_format(&text,
                         "glibc malloc, without the memtables, which are mapped for themselves\n"
                         "mapped:         %zu\nmapped alone:   %zu in %zu pieces\n"
                         "allocated:      %zu\nfree:           %zu in %zu pieces\n"
                         "free at the end: %zu\n",
                         heap.arena, heap.hblkhd, heap.hblks, heap.uordblks, heap.fordblks,
                         heap.ordblks, heap.keepcost);
    reply_text(call, &text);
    return KV_OK;
}

static enum kv_status
memory_purge(struct command_call *call)
{
    (void)malloc_trim(0);
    resp_simple(&call->reply, "OK");
    return KV_OK;
}

const struct subcommand memory_subcommands[] = {
    {"doctor", memory_doctor, 2, "DOCTOR\nReturn what is striking about the memory."},
    {"malloc-stats", memory_malloc_stats, 2, "MALLOC-STATS\nReturn the allocator's numbers."},
    {"purge", memory_purge, 2, "PURGE\nGive free memory back to the system."},
    {"stats", memory_stats, 2, "STATS\nReturn what memory is used for."},
    {"usage", memory_usage, -3,
     "USAGE <key> [SAMPLES <count>]\nReturn what a key and its value take, in bytes."},
    {NULL, NULL, 0, NULL},
};
