/* info.c - INFO: what redis_exporter and people read.
 *
 * Fields of Redis's name have Redis's meaning; what Redis has no word for is in the sections
 * Kvd and Workers.  A field that kvd has nothing for is left out, not faked.
 */
#include "daemon/info.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "daemon/command_value.h"
#include "daemon/memory_use.h"
#include "daemon/server.h"

#define LINE(...) buffer_append_format(target, __VA_ARGS__)

static void
info_server(struct server *server, struct buffer *target)
{
    const uint64_t uptime_s = (server->now_us - server->started_us) / 1000000;
    struct utsname system;

    uname(&system);
    LINE("redis_version:7.0.15\r\n");
    LINE("redis_mode:standalone\r\n");
    LINE("kvd_version:%s\r\n", KV_VERSION);
    LINE("os:%s %s %s\r\n", system.sysname, system.release, system.machine);
    LINE("arch_bits:64\r\n");
    LINE("multiplexing_api:io_uring\r\n");
    LINE("gcc_version:%d.%d.%d\r\n", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
    LINE("process_id:%d\r\n", (int)getpid());
    LINE("run_id:%s\r\n", server->run_id);
    LINE("tcp_port:%" PRIu64 "\r\n", server->config.port);
    LINE("server_time_usec:%" PRIu64 "\r\n", io_wall_us(server->io));
    LINE("uptime_in_seconds:%" PRIu64 "\r\n", uptime_s);
    LINE("uptime_in_days:%" PRIu64 "\r\n", uptime_s / 86400);
    LINE("config_file:%s\r\n", server->config.file != NULL ? server->config.file : "");
}

static uint32_t
count_waiting(const struct list *head)
{
    uint32_t count = 0;

    for (const struct list *node = head->next; node != head; node = node->next)
        count++;
    return count;
}

static void
info_clients(struct server *server, struct buffer *target)
{
    LINE("connected_clients:%u\r\n", server->client_count);
    LINE("maxclients:%" PRIu64 "\r\n", server->config.maxclients);
    LINE("blocked_clients:0\r\n");
    LINE("clients_awaiting_durability:%u\r\n", count_waiting(&server->held_clients));
    LINE("clients_awaiting_room:%u\r\n", count_waiting(&server->busy_clients));
}

static void
info_memory(struct server *server, struct buffer *target)
{
    struct memory_use use;

    memory_use_measure(server, &use);
    LINE("used_memory:%" PRIu64 "\r\n", use.used);
    LINE("used_memory_rss:%" PRIu64 "\r\n", use.resident);
    LINE("maxmemory:0\r\n");
    LINE("maxmemory_policy:noeviction\r\n");
    LINE("memory_limit:%" PRIu64 "\r\n", use.limit);
    LINE("mem_memtables:%" PRIu64 "\r\n", use.memtables);
    LINE("mem_block_cache:%" PRIu64 "\r\n", use.block_cache);
    LINE("mem_block_cache_max:%" PRIu64 "\r\n", use.block_cache_max);
    LINE("mem_table_readers:%" PRIu64 "\r\n", use.table_readers);
    LINE("mem_clients_normal:%" PRIu64 "\r\n", use.clients);
    LINE("mem_fragmentation_ratio:%.2f\r\n",
         use.used > 0 ? (double)use.resident / (double)use.used : 1.0);
}

static void
info_persistence(struct server *server, struct buffer *target)
{
    struct db_stats stats;

    db_get_stats(server->db, &stats);
    LINE("loading:0\r\n");
    LINE("async_loading:0\r\n");
    checkpoint_keeper_format(&server->keeper, target);
    LINE("aof_enabled:1\r\n");
    LINE("aof_rewrite_in_progress:0\r\n");
    LINE("aof_last_bgrewrite_status:ok\r\n");
    LINE("aof_last_write_status:%s\r\n", stats.read_only ? "err" : "ok");
    LINE("recovery_batches:%" PRIu64 "\r\n", stats.recovered_batch_count);
    LINE("recovery_wal_bytes:%" PRIu64 "\r\n", stats.recovery_wal_bytes);
    LINE("recovery_time_usec:%" PRIu64 "\r\n", stats.recovery_us);
}

static void
info_stats(struct server *server, struct buffer *target)
{
    const struct server_stats *stats = &server->stats;
    struct db_stats db_stats;

    db_get_stats(server->db, &db_stats);
    LINE("total_connections_received:%" PRIu64 "\r\n", stats->connection_count);
    LINE("total_commands_processed:%" PRIu64 "\r\n", stats->command_count);
    LINE("instantaneous_ops_per_sec:%" PRIu64 "\r\n", server_ops_per_second(server));
    LINE("total_net_input_bytes:%" PRIu64 "\r\n", stats->net_in_bytes);
    LINE("total_net_output_bytes:%" PRIu64 "\r\n", stats->net_out_bytes);
    LINE("rejected_connections:%" PRIu64 "\r\n", stats->rejected_connection_count);
    LINE("expired_keys:%" PRIu64 "\r\n",
         stats->expired_count + db_stats.expired_count - stats->expired_count_before);
    LINE("evicted_keys:0\r\n");
    LINE("evicted_clients:%" PRIu64 "\r\n", stats->memory_close_count);
    LINE("keyspace_hits:%" PRIu64 "\r\n", stats->keyspace_hit_count);
    LINE("keyspace_misses:%" PRIu64 "\r\n", stats->keyspace_miss_count);
    LINE("pubsub_channels:%u\r\n", server->pubsub.topic_counts[TOPIC_CHANNEL]);
    LINE("pubsub_patterns:%u\r\n", server->pubsub.topic_counts[TOPIC_PATTERN]);
    LINE("pubsubshard_channels:%u\r\n", server->pubsub.topic_counts[TOPIC_SHARD]);
    LINE("total_error_replies:%" PRIu64 "\r\n", stats->error_count);
    LINE("client_query_buffer_limit_disconnections:%" PRIu64 "\r\n",
         stats->query_limit_close_count);
    LINE("client_output_buffer_limit_disconnections:%" PRIu64 "\r\n",
         stats->output_limit_close_count);
    LINE("client_timeout_disconnections:%" PRIu64 "\r\n", stats->timeout_close_count);
    LINE("reads_from_disk:%" PRIu64 "\r\n", stats->fetch_count);
    LINE("writes_delayed:%" PRIu64 "\r\n", stats->busy_count);
    LINE("write_failures:%" PRIu64 "\r\n", stats->write_failure_count);
}

static void
info_replication(struct server *server, struct buffer *target)
{
    LINE("role:master\r\n");
    LINE("connected_slaves:0\r\n");
    LINE("master_replid:%s\r\n", server->run_id);
    LINE("master_repl_offset:%" PRIu64 "\r\n", db_durable_seq(server->db));
}

static void
info_cpu(struct server *server, struct buffer *target)
{
    struct rusage self, children;

    (void)server;
    getrusage(RUSAGE_SELF, &self);
    getrusage(RUSAGE_CHILDREN, &children);
    LINE("used_cpu_sys:%ld.%06ld\r\n", (long)self.ru_stime.tv_sec, (long)self.ru_stime.tv_usec);
    LINE("used_cpu_user:%ld.%06ld\r\n", (long)self.ru_utime.tv_sec, (long)self.ru_utime.tv_usec);
    LINE("used_cpu_sys_children:%ld.%06ld\r\n", (long)children.ru_stime.tv_sec,
         (long)children.ru_stime.tv_usec);
    LINE("used_cpu_user_children:%ld.%06ld\r\n", (long)children.ru_utime.tv_sec,
         (long)children.ru_utime.tv_usec);
}

static void
info_commandstats(struct server *server, struct buffer *target)
{
    for (uint32_t i = 0; i < command_count(); i++) {
        const struct command_stats *stats = &server->stats.commands[i];

        if (stats->call_count == 0 && stats->rejected_count == 0)
            continue;
        LINE("cmdstat_%s:calls=%" PRIu64 ",usec=%" PRIu64 ",usec_per_call=%.2f"
             ",rejected_calls=%" PRIu64 ",failed_calls=%" PRIu64 "\r\n",
             command_at(i)->name, stats->call_count, stats->time_us,
             stats->call_count > 0 ? (double)stats->time_us / (double)stats->call_count : 0.0,
             stats->rejected_count, stats->failed_count);
    }
}

static void
info_latencystats(struct server *server, struct buffer *target)
{
    for (uint32_t i = 0; server->config.latency_tracking && i < command_count(); i++) {
        const struct latency_histogram *histogram = server->histograms[i];

        if (histogram == NULL)
            continue;
        LINE("latency_percentiles_usec_%s:p50=%" PRIu64 ".000,p99=%" PRIu64 ".000,p99.9=%" PRIu64
             ".000\r\n",
             command_at(i)->name, latency_histogram_at(histogram, 0.5),
             latency_histogram_at(histogram, 0.99), latency_histogram_at(histogram, 0.999));
    }
}

static void
info_errorstats(struct server *server, struct buffer *target)
{
    for (uint32_t i = 0; i < server->stats.error_prefix_count; i++)
        LINE("errorstat_%s:count=%" PRIu64 "\r\n", server->stats.errors[i].prefix,
             server->stats.errors[i].count);
}

static void
info_cluster(struct server *server, struct buffer *target)
{
    (void)server;
    LINE("cluster_enabled:0\r\n");
}

/* Databases beyond 0 are families called db<n>. */
static void
info_keyspace(struct server *server, struct buffer *target)
{
    for (uint64_t database = 0; database < server->config.databases; database++) {
        uint32_t cf_id;
        struct db_key_counts counts;

        if (!server_find_database(server, database, &cf_id))
            continue;
        db_key_counts(server->db, cf_id, &counts);
        if (counts.key_count > 0)
            LINE("db%" PRIu64 ":keys=%" PRIu64 ",expires=%" PRIu64 "\r\n", database,
                 counts.key_count, counts.deadline_count);
    }
}

static void
info_kvd(struct server *server, struct buffer *target)
{
    struct db_stats stats;
    struct db_space_info space;

    db_get_space(server->db, &space);
    db_get_stats(server->db, &stats);
    LINE("db_identity:%s\r\n", db_identity(server->db));
    LINE("last_sequence:%" PRIu64 "\r\n", stats.last_seq);
    LINE("durable_sequence:%" PRIu64 "\r\n", stats.durable_seq);
    LINE("read_only:%d\r\n", stats.read_only);
    LINE("fault:%s\r\n", stats.fault == KV_OK ? "none" : kv_status_text(stats.fault));
    LINE("log_rollbacks:%" PRIu64 "\r\n", db_rollback_count(server->db));
    LINE("disk_state:%s\r\n", space.state);
    LINE("disk_free_bytes:%" PRIu64 "\r\n", space.free_bytes);
    LINE("disk_total_bytes:%" PRIu64 "\r\n", space.total_bytes);
    LINE("disk_reserve_bytes:%" PRIu64 "\r\n", space.kept_bytes);
    LINE("disk_refused_writes:%" PRIu64 "\r\n", space.refused_count);
    LINE("snapshots:%" PRIu32 "\r\n", server->leases.count);
    LINE("snapshot_oldest_age_sec:%" PRIu64 "\r\n", stats.snapshot_oldest_age_us / 1000000);
    LINE("snapshot_oldest_sequence:%" PRIu64 "\r\n", stats.snapshot_oldest_seq);
    LINE("snapshots_created:%" PRIu64 "\r\n", server->leases.created_count);
    LINE("snapshots_expired:%" PRIu64 "\r\n", server->leases.expired_count);
    LINE("column_families:%" PRIu64 "\r\n", stats.family_count);
    LINE("memtables:%" PRIu64 "\r\n", stats.memtable_count);
    LINE("memtables_frozen:%" PRIu64 "\r\n", stats.frozen_count);
    LINE("memtable_entries:%" PRIu64 "\r\n", stats.memtable_entry_count);
    LINE("flushes:%" PRIu64 "\r\n", stats.flush_count);
    LINE("flush_bytes:%" PRIu64 "\r\n", stats.flush_bytes);
    LINE("flush_failures:%" PRIu64 "\r\n", stats.flush_failure_count);
    LINE("tables:%" PRIu64 "\r\n", stats.table_count);
    LINE("table_bytes:%" PRIu64 "\r\n", stats.table_bytes);
    LINE("block_cache_hits:%" PRIu64 "\r\n", stats.cache.hit_count);
    LINE("block_cache_misses:%" PRIu64 "\r\n", stats.cache.miss_count);
    LINE("block_cache_evictions:%" PRIu64 "\r\n", stats.cache.evict_count);
    LINE("block_fetches:%" PRIu64 "\r\n", stats.read_fetch_count);
    LINE("block_fetch_bytes:%" PRIu64 "\r\n", stats.read_fetch_bytes);
    LINE("wal_number:%" PRIu64 "\r\n", stats.wal_number);
    LINE("wal_bytes:%" PRIu64 "\r\n", stats.wal.segment_bytes_live);
    LINE("wal_groups:%" PRIu64 "\r\n", stats.wal.group_count);
    LINE("wal_records:%" PRIu64 "\r\n", stats.wal.record_count);
    LINE("wal_written_bytes:%" PRIu64 "\r\n", stats.wal.written_bytes);
    LINE("wal_syncs:%" PRIu64 "\r\n", stats.wal.sync_count);
    LINE("wal_write_usec_max:%" PRIu64 "\r\n", stats.wal.write_us_max);
    LINE("wal_write_usec_avg:%" PRIu64 "\r\n",
         stats.wal.group_count > 0 ? stats.wal.write_us_total / stats.wal.group_count : 0);
    LINE("wal_direct_io:%d\r\n", stats.wal.direct_io);
    LINE("accept_failures:%" PRIu64 "\r\n", server->stats.accept_failure_count);
    turn_watch_format(&server->stats.turn_watch, target);
}

/* What a byte of a user's has cost in bytes written to tables. */
static double
write_amplification(const struct db_stats *stats)
{
    if (stats->flush_bytes == 0)
        return 0;
    return (double)(stats->flush_bytes + stats->compaction.written_bytes) /
           (double)stats->flush_bytes;
}

static void
info_compaction(struct server *server, struct buffer *target)
{
    struct db_stats stats;
    const struct db_compaction_totals *totals = &stats.compaction;

    db_get_stats(server->db, &stats);
    for (unsigned level = 0; level < LEVEL_COUNT; level++)
        LINE("level%u:tables=%" PRIu64 ",bytes=%" PRIu64 ",score=%.2f,written_bytes=%" PRIu64
             "\r\n",
             level, stats.level_table_count[level], stats.level_bytes[level],
             stats.level_score[level], totals->level_written_bytes[level]);
    LINE("compaction_debt_bytes:%" PRIu64 "\r\n", stats.compaction_debt_bytes);
    LINE("compactions_running:%" PRIu64 "\r\n", stats.compaction_running_count);
    LINE("compactions_resting:%" PRIu64 "\r\n", stats.compaction_parked_count);
    LINE("compactions_paused:%d\r\n", stats.compaction_is_paused);
    LINE("compactions:%" PRIu64 "\r\n", totals->count);
    LINE("compaction_failures:%" PRIu64 "\r\n", totals->failure_count);
    LINE("compaction_read_bytes:%" PRIu64 "\r\n", totals->read_bytes);
    LINE("compaction_written_bytes:%" PRIu64 "\r\n", totals->written_bytes);
    LINE("compaction_moved_bytes:%" PRIu64 "\r\n", totals->moved_bytes);
    LINE("compaction_moves:%" PRIu64 "\r\n", totals->move_count);
    LINE("compaction_dropped_bytes:%" PRIu64 "\r\n", totals->dropped_bytes);
    LINE("write_amplification:%.2f\r\n", write_amplification(&stats));
    LINE("write_rate_limit:%" PRIu64 "\r\n", /* 0: none */
         stats.write_rate_bytes_per_s == UINT64_MAX ? 0 : stats.write_rate_bytes_per_s);
    LINE("write_delays:%" PRIu64 "\r\n", stats.write_delay_count);
    LINE("write_delay_usec:%" PRIu64 "\r\n", stats.write_delay_us);
    LINE("obsolete_tables:%" PRIu64 "\r\n", stats.obsolete_count);
}

static const struct {
    const char *name; /* lower case */
    const char *title;
    void (*format)(struct server *server, struct buffer *target);
    bool is_default;
} sections[] = {
    {"server", "Server", info_server, true},
    {"clients", "Clients", info_clients, true},
    {"memory", "Memory", info_memory, true},
    {"persistence", "Persistence", info_persistence, true},
    {"stats", "Stats", info_stats, true},
    {"replication", "Replication", info_replication, true},
    {"cpu", "CPU", info_cpu, true},
    {"commandstats", "Commandstats", info_commandstats, false},
    {"errorstats", "Errorstats", info_errorstats, true},
    {"latencystats", "Latencystats", info_latencystats, false},
    {"cluster", "Cluster", info_cluster, true},
    {"keyspace", "Keyspace", info_keyspace, true},
    {"kvd", "Kvd", info_kvd, true},
    {"compaction", "Compaction", info_compaction, true},
};

enum { SECTION_COUNT = sizeof(sections) / sizeof(sections[0]) };

static bool
is_wanted(size_t section, const struct slice *names, uint32_t name_count)
{
    if (name_count == 0)
        return sections[section].is_default;
    for (uint32_t i = 0; i < name_count; i++) {
        if (argument_is(names[i], sections[section].name) || argument_is(names[i], "all") ||
            argument_is(names[i], "everything"))
            return true;
        if (argument_is(names[i], "default") && sections[section].is_default)
            return true;
    }
    return false;
}

void
info_format(struct server *server, const struct slice *names, uint32_t name_count,
            struct buffer *target)
{
    bool is_first = true;

    for (size_t i = 0; i < SECTION_COUNT; i++) {
        if (!is_wanted(i, names, name_count))
            continue;
        LINE("%s# %s\r\n", is_first ? "" : "\r\n", sections[i].title);
        sections[i].format(server, target);
        is_first = false;
    }
}
