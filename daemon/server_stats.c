/* server_stats.c - counting and looking up; nothing here changes what a client sees. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/server.h"

void
server_free_histograms(struct server *server)
{
    for (size_t i = 0; i < COMMAND_COUNT_MAX; i++) {
        free(server->histograms[i]);
        server->histograms[i] = NULL;
    }
}

void
server_reset_stats(struct server *server)
{
    const uint64_t turn_count = server->stats.turn_count;
    struct turn_watch turn_watch = server->stats.turn_watch;
    struct db_stats stats;

    memset(&server->stats, 0, sizeof(server->stats));
    /* The turn goes on: parts of it are over, and their times must stay. */
    turn_watch_reset(&turn_watch);
    server->stats.turn_watch = turn_watch;
    server->turn_began_at = 0;
    server_free_histograms(server);
    /* Clients compare it. */
    server->stats.turn_count = turn_count;
    db_get_stats(server->db, &stats);
    server->stats.expired_count_before = stats.expired_count;
    server->stats.ops_sampled_us = server->now_us;
}

void
server_count_error(struct server *server, struct slice reply)
{
    struct server_stats *stats = &server->stats;
    struct error_stats *errors = stats->errors;
    size_t size = 0;

    stats->error_count++;
    while (size < reply.size && size < ERROR_PREFIX_BYTES - 1 && reply.data[size] > ' ')
        size++;
    for (uint32_t i = 0; i < stats->error_prefix_count; i++) {
        if (strlen(errors[i].prefix) == size && memcmp(errors[i].prefix, reply.data, size) == 0) {
            errors[i].count++;
            return;
        }
    }
    if (stats->error_prefix_count == ERROR_PREFIX_COUNT_MAX) {
        errors[ERROR_PREFIX_COUNT_MAX - 1].count++;
        return;
    }
    memcpy(errors[stats->error_prefix_count].prefix, reply.data, size);
    errors[stats->error_prefix_count].prefix[size] = '\0';
    errors[stats->error_prefix_count].count = 1;
    stats->error_prefix_count++;
}

uint64_t
server_ops_per_second(const struct server *server)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < 16; i++)
        sum += server->stats.ops_samples[i];
    return sum / 16;
}

uint64_t
server_client_memory_bytes(struct server *server)
{
    uint64_t sum = 0;

    for (struct list *node = server->clients.next; node != &server->clients; node = node->next)
        sum += client_memory_bytes(LIST_ENTRY(node, struct client, all_link));
    if (sum > server->stats.peak_memory_bytes)
        server->stats.peak_memory_bytes = sum;
    return sum;
}

struct client *
server_find_client(struct server *server, uint64_t id)
{
    for (struct list *node = server->clients.next; node != &server->clients; node = node->next) {
        struct client *client = LIST_ENTRY(node, struct client, all_link);

        if (client->id == id)
            return client;
    }
    return NULL;
}

/* 0 is the family "default", n is "db<n>", or an id of no family if it is not there. */
bool
server_find_database(struct server *server, uint64_t database, uint32_t *cf_id_out)
{
    char name[32];

    if (database >= server->config.databases)
        return false;
    if (database == 0) {
        *cf_id_out = CF_DEFAULT;
        return true;
    }
    (void)snprintf(name, sizeof(name), "db%llu", (unsigned long long)database);
    if (!db_find_family(server->db, slice_from_text(name), cf_id_out))
        *cf_id_out = CF_NONE - (uint32_t)database;
    return true;
}

void
server_log_stats(struct server *server)
{
    const struct server_stats *stats = &server->stats;
    struct db_stats db;

    kv_log(LOG_LEVEL_NOTICE,
           "clients %u, connections %llu (%llu rejected), commands %llu (%llu/s), errors %llu, "
           "in %llu bytes, out %llu bytes, block waits %llu, write waits %llu",
           server->client_count, (unsigned long long)stats->connection_count,
           (unsigned long long)stats->rejected_connection_count,
           (unsigned long long)stats->command_count,
           (unsigned long long)server_ops_per_second(server),
           (unsigned long long)stats->error_count, (unsigned long long)stats->net_in_bytes,
           (unsigned long long)stats->net_out_bytes, (unsigned long long)stats->fetch_count,
           (unsigned long long)stats->busy_count);
    if (server->db == NULL)
        return;
    db_get_stats(server->db, &db);
    kv_log(LOG_LEVEL_NOTICE,
           "sequence %llu (%llu durable), memtables %llu of %llu bytes, tables %llu of %llu bytes, "
           "flushes %llu (%llu failed), cache %llu of %llu bytes, read-only %s",
           (unsigned long long)db.last_seq, (unsigned long long)db.durable_seq,
           (unsigned long long)db.memtable_count, (unsigned long long)db.memtable_bytes,
           (unsigned long long)db.table_count, (unsigned long long)db.table_bytes,
           (unsigned long long)db.flush_count, (unsigned long long)db.flush_failure_count,
           (unsigned long long)db.cache.bytes_used, (unsigned long long)db.cache.bytes_max,
           db.read_only ? "yes" : "no");
}
