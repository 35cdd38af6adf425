/* server_data.c - the engine and the workers under the server: starting and stopping them.
 *
 * The workers' pool is there first, since recovery may hand out work as soon as it is done.
 * Stopping goes the other way round, with the loop running until nothing of the engine's is under
 * way: first what is in flight, then the workers (their jobs end with KV_CANCELLED), then the
 * engine.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/command_flush.h"
#include "daemon/notify.h"
#include "daemon/server.h"
#include "daemon/worker_pool.h"
#include "merge/merge_library.h"

enum {
    SESSION_ID_CHARS = 20,
    IDLE_US_MAX = 30 * 1000 * 1000,
    IDLE_TURN_US = 10 * 1000,
    PROGRESS_EXTENDS_US = 60 * 1000 * 1000,
};

static int
exit_code_of_data(enum kv_status st)
{
    switch (st) {
    case KV_OK:
        return 0;
    case KV_CORRUPT:
    case KV_UNSUPPORTED:
        return EX_DATAERR;
    case KV_LOCKED:
        return EX_UNAVAILABLE;
    case KV_INVALID:
        return EX_CONFIG;
    default:
        return EX_IOERR;
    }
}

/* The directory is there and ours to use.  Exit code. */
static int
prepare_dir(const char *dir)
{
    if (mkdir(dir, 0750) == 0)
        kv_log(LOG_LEVEL_NOTICE, "made the data directory %s", dir);
    else if (errno != EEXIST) {
        kv_log(LOG_LEVEL_WARNING, "making the data directory %s: %s", dir, strerror(errno));
        return errno == EACCES || errno == EPERM || errno == EROFS ? EX_NOPERM : EX_CANTCREAT;
    }
    if (access(dir, R_OK | W_OK | X_OK) != 0) {
        kv_log(LOG_LEVEL_WARNING, "data directory %s: %s", dir, strerror(errno));
        return EX_NOPERM;
    }
    return 0;
}

/* What RocksDB calls a session: an identity of this run, in its tables' properties. */
static void
make_session_identity(const struct server *server, char identity[SESSION_ID_CHARS + 1])
{
    for (uint32_t i = 0; i < SESSION_ID_CHARS; i++) {
        const char digit = server->run_id[i];

        identity[i] = digit >= 'a' ? (char)(digit - 'a' + 'A') : digit;
    }
    identity[SESSION_ID_CHARS] = '\0';
}

static enum kv_status
open_pool(struct server *server)
{
    const struct config *config = &server->config;
    char session[SESSION_ID_CHARS + 1], socket_path[PATH_MAX];
    struct worker_pool_options options = {
        .ring = server->ring,
        .dir = config->dir,
        .session_identity = session,
        .binary_path = config->worker_path[0] == '\0' ? NULL : config->worker_path,
        .worker_count = (uint32_t)config->workers,
        .no_jail = config->worker_jail == 0,
        .merge_library = config->merge_library[0] == '\0' ? NULL : config->merge_library,
        .journal = notify_log_is_journal(),
    };

    make_session_identity(server, session);
    if (config->worker_socket[0] != '\0') {
        options.socket_path = config->worker_socket;
    } else if (config->workers == CONFIG_WORKERS_EXTERNAL) {
        (void)snprintf(socket_path, sizeof(socket_path), "%s/worker.sock", config->dir);
        options.socket_path = socket_path;
    }
    return worker_pool_open(&options, &server->pool);
}

static void
on_recovery_progress(void *owner, uint64_t bytes_done, uint64_t bytes_total)
{
    const uint64_t percent = bytes_total == 0 ? 100 : bytes_done * 100 / bytes_total;

    (void)owner;
    notify_status("replaying the log: %llu%% of %llu bytes", (unsigned long long)percent,
                  (unsigned long long)bytes_total);
    notify_extend_timeout(PROGRESS_EXTENDS_US);
    notify_alive();
}

struct db_options
server_db_options(const struct config *config)
{
    return (struct db_options){
        .dir = config->dir,
        .create_if_missing = true,
        .memory_limit_bytes = config->memory_limit_bytes,
        .memtable_bytes = config->memtable_bytes,
        .wal_bytes_max = config->wal_max_bytes,
        .wal_sync = (enum wal_sync)config->wal_sync,
        .wal_interval_us = config->wal_sync_interval_us,
        .wal_recovery_mode = (enum wal_recovery_mode)config->wal_recovery_mode,
        .compression = (enum compression)config->compression,
        .block_bytes = (uint32_t)config->block_bytes,
        .bloom_bits_per_key = (uint32_t)config->bloom_bits,
        .direct_reads = config->direct_reads != 0,
        .compaction = server_compaction_settings(config),
        .merge_operator = config->merge_operator,
    };
}

static enum kv_status
open_db(struct server *server)
{
    struct db_options options = server_db_options(&server->config);

    options.io = server->io;
    options.port = worker_pool_port(server->pool);
    options.owner = server;
    options.on_durable = server_on_durable;
    options.on_synced = server_on_synced;
    options.on_write_failed = server_on_write_failed;
    options.on_writable = server_on_writable;
    options.on_recovery_progress = on_recovery_progress;
    return db_open(&options, &server->db);
}

/* A file that is not there is a mistake in the settings, not in the data. */
static enum kv_status
load_merge_library(const char *path)
{
    enum kv_status st = KV_OK;

    if (path[0] != '\0')
        st = merge_library_load(path);
    return st == KV_OK ? KV_OK : KV_INVALID;
}

/* A lease's id says which run of the server it is of: it counts from the time of its start. */
static void
begin_keeping(struct server *server)
{
    snapshot_leases_init(&server->leases, server->db, server->io,
                         server->started_wall_us / 1000 + 1);
    checkpoint_keeper_init(&server->keeper, server);
}

int
server_open_data(struct server *server)
{
    int code = prepare_dir(server->config.dir);
    enum kv_status st;

    KV_ASSERT(server->db == NULL && server->pool == NULL);
    if (code != 0)
        return code;
    notify_status("recovering");
    st = load_merge_library(server->config.merge_library);
    if (st == KV_OK)
        st = open_pool(server);
    if (st == KV_OK)
        st = open_db(server);
    if (st != KV_OK)
        kv_log(LOG_LEVEL_WARNING, "%s cannot be opened: %s", server->config.dir,
               kv_status_text(st));
    else
        begin_keeping(server);
    return exit_code_of_data(st);
}

static bool
is_idle(const struct server *server)
{
    return db_is_idle(server->db) && checkpoint_keeper_is_idle(&server->keeper);
}

/* Turns the loop until the engine has nothing in flight; a dead disk is not waited for.  Without
 * workers the engine gets no turn of its own, in which it might ask for one. */
static void
run_until_idle(struct server *server)
{
    const uint64_t begin_us = io_now_us(server->io);

    while (!is_idle(server) && io_now_us(server->io) - begin_us < IDLE_US_MAX) {
        if (server->pool != NULL)
            db_turn(server->db);
        (void)ring_turn(server->ring, IDLE_TURN_US);
    }
}

int
server_close_data(struct server *server)
{
    enum kv_status st = KV_OK;

    if (server->db != NULL) {
        checkpoint_keeper_stop(&server->keeper);
        run_until_idle(server);
        db_stop(server->db);
    }
    worker_pool_close(server->pool);
    server->pool = NULL;
    if (server->db == NULL)
        return 0;
    run_until_idle(server);
    if (!is_idle(server)) {
        kv_log(LOG_LEVEL_WARNING, "the disk does not answer; leaving without a clean close");
        return EX_IOERR;
    }
    snapshot_leases_deinit(&server->leases);
    checkpoint_keeper_deinit(&server->keeper);
    st = db_close(server->db);
    server->db = NULL;
    flush_tickets_free(server);
    return exit_code_of_data(st);
}
