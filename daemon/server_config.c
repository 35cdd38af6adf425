/* server_config.c - changes of settings while the server runs.
 *
 * A change is a whole new struct config: it is checked, compared with the old one, and only then
 * taken over, so several settings change together or not at all.
 */
#include <stdio.h>

#include "base/log.h"
#include "daemon/config_file.h"
#include "daemon/notify.h"
#include "daemon/server.h"

struct db_compaction_settings
server_compaction_settings(const struct config *config)
{
    struct db_compaction_settings settings = {
        .job_count = (uint32_t)config->compaction_jobs,
        .level0_trigger = (uint32_t)config->compaction_trigger,
        .rate_bytes_per_s = config->compaction_rate_bytes_per_s,
        .has_style = config->compaction_style != 0,
        .has_bottommost_compression = config->bottommost_compression != 0,
        .level_compressions = config->level_compressions,
        .fifo_bytes_max = config->fifo_bytes_max,
        .ttl_s = config->table_ttl_us / 1000000,
    };

    if (settings.job_count == 0)
        settings.job_count = config->workers > 1 ? (uint32_t)config->workers - 1 : 1;
    if (settings.has_style)
        settings.style = (enum compaction_style)(config->compaction_style - 1);
    if (settings.has_bottommost_compression)
        settings.bottommost_compression = (enum compression)(config->bottommost_compression - 1);
    return settings;
}

/* Tells everyone who has a copy of a setting. */
static void
push_settings(struct server *server)
{
    const struct config *config = &server->config;
    struct db_compaction_settings settings;

    log_set_level((enum log_level)config->loglevel);
    ring_set_busy_poll(server->ring, config->busy_poll_us);
    if (server->db == NULL)
        return;
    db_set_wal_sync(server->db, (enum wal_sync)config->wal_sync, config->wal_sync_interval_us);
    db_set_memtable_bytes(server->db, config->memtable_bytes);
    db_set_memory_limit(server->db, config->memory_limit_bytes);
    settings = server_compaction_settings(config);
    db_set_compaction(server->db, &settings);
    /* There may be room for those who wait now. */
    server->is_full = false;
}

void
server_find_slow(struct server *server)
{
    const struct config *config = &server->config;

    server->slow_us = config->slowlog_us;
    if (config->latency_threshold_us > 0 && config->latency_threshold_us < server->slow_us)
        server->slow_us = config->latency_threshold_us;
}

bool
server_apply_config(struct server *server, const struct config *config, char *error)
{
    const uint64_t clients_before = server->config.maxclients;

    KV_ASSERT(config != &server->config);
    if (!config_check(config, error))
        return false;
    for (uint32_t i = 0; config_option_at(i) != NULL; i++)
        KV_ASSERT(config_option_at(i)->is_mutable || !config_differs(config, &server->config, i));
    config_copy(&server->config, config);
    server_find_slow(server);
    if (config->maxclients != clients_before && config->maxclients < server->client_count_max)
        server->client_count_max = (uint32_t)config->maxclients;
    else if (config->maxclients != clients_before)
        server_raise_client_limit(server);
    push_settings(server);
    return true;
}

/* Takes from `loaded` what may change now; logs what may not. */
static void
merge_loaded(const struct server *server, struct config *loaded)
{
    for (uint32_t i = 0; config_option_at(i) != NULL; i++) {
        const struct config_option *option = config_option_at(i);
        struct buffer value = {0};
        char error[CONFIG_ERROR_BYTES];
        bool is_kept = false;

        if (!config_differs(loaded, &server->config, i))
            continue;
        config_format(&server->config, i, &value);
        (void)buffer_reserve(&value, 1);
        /* The command line stays above the file. */
        if (server->config.source[i] == CONFIG_FROM_COMMAND_LINE || !option->is_mutable) {
            if (!option->is_mutable)
                kv_log(LOG_LEVEL_WARNING, "reload: %s changes with a restart only", option->name);
            is_kept = config_set(loaded, i, buffer_slice(&value), server->config.source[i], error);
            KV_ASSERT(is_kept);
        } else {
            kv_log(LOG_LEVEL_NOTICE, "reload: %s changes", option->name);
        }
        buffer_deinit(&value);
    }
}

void
server_reload_config(struct server *server)
{
    struct config loaded;
    char error[CONFIG_ERROR_BYTES];

    if (server->config.file == NULL) {
        kv_log(LOG_LEVEL_WARNING, "reload: kvd was started without a configuration file");
        return;
    }
    notify_reloading();
    config_init(&loaded);
    if (!config_file_load(&loaded, server->config.file, error)) {
        kv_log(LOG_LEVEL_WARNING, "reload: nothing has changed: %s", error);
    } else {
        merge_loaded(server, &loaded);
        if (!server_apply_config(server, &loaded, error))
            kv_log(LOG_LEVEL_WARNING, "reload: nothing has changed: %s", error);
    }
    config_deinit(&loaded);
    notify_ready();
}
