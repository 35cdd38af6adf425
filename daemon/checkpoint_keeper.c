/* checkpoint_keeper.c - what to remove is looked up in the folder each time, so a crash, or
 * somebody who removes one by hand, needs no thought of its own.
 *
 *     tidy: list -> something called *.tmp that is not being made -> synced -> removed -> tidy
 *                -> more save-* than are kept -> the oldest one is called *.tmp -> tidy
 *
 * The folder is synced before the first file goes: a power cut must not leave a checkpoint under
 * its own name that lacks some.  Nor may one be made under a name while what is left of it goes.
 *
 * A removal that fails ends the tidying until the next save.
 */
#include "daemon/checkpoint_keeper.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "daemon/server.h"
#include "resp/resp_number.h"

#define FOLDER "checkpoints"

static void tidy(struct checkpoint_keeper *keeper);

/* --- what is there --- */

struct folder_scan {
    const char *current; /* that is being made; NULL: none */
    char remnant[NAME_MAX + 1];
    uint64_t save_count, oldest_ms, newest_ms;
};

/* The time in a name that SAVE has given; 0: it is no such name. */
static uint64_t
time_of_save(const char *name)
{
    const size_t size = strlen(CHECKPOINT_SAVE_PREFIX);
    int64_t ms;

    if (strncmp(name, CHECKPOINT_SAVE_PREFIX, size) != 0 ||
        !resp_parse_int64(slice_from_text(name + size), &ms) || ms <= 0)
        return 0;
    return (uint64_t)ms;
}

static bool
is_remnant(const char *name, const char *current)
{
    const size_t suffix = strlen(CHECKPOINT_TMP_SUFFIX), size = strlen(name);

    if (size <= suffix || strcmp(name + size - suffix, CHECKPOINT_TMP_SUFFIX) != 0)
        return false;
    return current == NULL || strlen(current) != size - suffix ||
           memcmp(name, current, size - suffix) != 0;
}

static bool
scan_name(void *owner, const char *name)
{
    struct folder_scan *scan = owner;
    const uint64_t ms = time_of_save(name);

    if (is_remnant(name, scan->current))
        (void)snprintf(scan->remnant, sizeof(scan->remnant), "%s", name);
    if (ms == 0)
        return true;
    scan->save_count++;
    if (ms > scan->newest_ms)
        scan->newest_ms = ms;
    if (scan->oldest_ms == 0 || ms < scan->oldest_ms)
        scan->oldest_ms = ms;
    return true;
}

static void
scan_folder(const struct checkpoint_keeper *keeper, struct folder_scan *scan)
{
    const int result = io_list_dir(keeper->server->io, keeper->parent, scan_name, scan);

    if (result < 0 && result != -ENOENT)
        kv_log(LOG_LEVEL_WARNING, "cannot list %s: %s", keeper->parent, strerror(-result));
}

/* --- tidying --- */

static void
on_removed(struct dir_removal *removal, enum kv_status st)
{
    struct checkpoint_keeper *keeper = removal->owner;

    if (st == KV_OK)
        tidy(keeper);
}

static void
submit(struct checkpoint_keeper *keeper, struct io_request request)
{
    keeper->request = request;
    keeper->request.owner = keeper;
    keeper->has_request = true;
    io_submit(keeper->server->io, &keeper->request);
}

static void
on_name_synced(struct io_request *request)
{
    struct checkpoint_keeper *keeper = request->owner;

    keeper->has_request = false;
    if (request->result < 0)
        kv_log(LOG_LEVEL_WARNING, "cannot sync %s: %s", request->path,
               strerror((int)-request->result));
    else if (!keeper->removal.is_cancelled)
        dir_removal_start(&keeper->removal, keeper->server->io, on_removed);
}

static void
remove_remnant(struct checkpoint_keeper *keeper, const char *name)
{
    if (file_path(keeper->parent, name, keeper->removal.dir, sizeof(keeper->removal.dir)) != KV_OK)
        return;
    keeper->removal.owner = keeper;
    submit(keeper,
           (struct io_request){.op = IO_SYNC_DIR, .path = keeper->parent, .done = on_name_synced});
}

static void
on_renamed(struct io_request *request)
{
    struct checkpoint_keeper *keeper = request->owner;

    keeper->has_request = false;
    if (request->result == 0)
        tidy(keeper);
    else
        kv_log(LOG_LEVEL_WARNING, "cannot rename %s: %s", request->path,
               strerror((int)-request->result));
}

/* Half of it must never be taken for a checkpoint. */
static void
retire_save(struct checkpoint_keeper *keeper, uint64_t ms)
{
    char name[48], name_tmp[sizeof(name) + sizeof(CHECKPOINT_TMP_SUFFIX)];

    (void)snprintf(name, sizeof(name), CHECKPOINT_SAVE_PREFIX "%" PRIu64, ms);
    (void)snprintf(name_tmp, sizeof(name_tmp), "%s" CHECKPOINT_TMP_SUFFIX, name);
    if (file_path(keeper->parent, name, keeper->path, sizeof(keeper->path)) != KV_OK ||
        file_path(keeper->parent, name_tmp, keeper->removal.dir, sizeof(keeper->removal.dir)) !=
            KV_OK)
        return;
    submit(keeper, (struct io_request){.op = IO_RENAME,
                                       .path = keeper->path,
                                       .path_to = keeper->removal.dir,
                                       .done = on_renamed});
}

static void
tidy(struct checkpoint_keeper *keeper)
{
    struct folder_scan scan = {.current = db_checkpoint_current(keeper->server->db)};

    if (keeper->has_request || dir_removal_is_busy(&keeper->removal) ||
        keeper->server->shutdown != SHUTDOWN_NONE)
        return;
    scan_folder(keeper, &scan);
    if (scan.remnant[0] != '\0')
        remove_remnant(keeper, scan.remnant);
    else if (scan.save_count > keeper->server->config.checkpoints_kept)
        retire_save(keeper, scan.oldest_ms);
}

/* --- begin and end --- */

void
checkpoint_keeper_init(struct checkpoint_keeper *keeper, struct server *server)
{
    struct folder_scan scan = {0};
    char *dir = realpath(server->config.dir, NULL);

    KV_ASSERT(server->db != NULL && keeper->server == NULL);
    keeper->server = server;
    /* An engine that is open has a directory whose name leaves that room. */
    (void)snprintf(keeper->parent, sizeof(keeper->parent), "%.*s/" FOLDER,
                   PATH_BYTES_MAX - (int)sizeof(FOLDER) - 1,
                   dir != NULL ? dir : server->config.dir);
    free(dir);
    keeper->last_time_s = -1;
    scan_folder(keeper, &scan);
    keeper->last_save_s =
        scan.newest_ms > 0 ? scan.newest_ms / 1000 : server->started_wall_us / 1000000;
    keeper->last_save_seq = db_last_seq(server->db);
    tidy(keeper);
}

void
checkpoint_keeper_stop(struct checkpoint_keeper *keeper)
{
    keeper->is_scheduled = false;
    keeper->removal.is_cancelled = true;
    db_checkpoint_cancel(keeper->server->db);
}

bool
checkpoint_keeper_is_idle(const struct checkpoint_keeper *keeper)
{
    return !keeper->has_request && !dir_removal_is_busy(&keeper->removal);
}

void
checkpoint_keeper_deinit(struct checkpoint_keeper *keeper)
{
    KV_ASSERT(checkpoint_keeper_is_idle(keeper));
    dir_removal_deinit(&keeper->removal);
    *keeper = (struct checkpoint_keeper){0};
}

/* --- making them --- */

/* Both would be at work in the same NAME.tmp. */
static bool
is_removing(const struct checkpoint_keeper *keeper, const char *name)
{
    char path[PATH_BYTES_MAX];
    const int size =
        snprintf(path, sizeof(path), "%s/%s" CHECKPOINT_TMP_SUFFIX, keeper->parent, name);

    return !checkpoint_keeper_is_idle(keeper) && size < (int)sizeof(path) &&
           strcmp(path, keeper->removal.dir) == 0;
}

enum kv_status
checkpoint_keeper_make(const struct checkpoint_keeper *keeper, const char *name,
                       db_checkpoint_done_fn *on_done, void *owner)
{
    if (is_removing(keeper, name))
        return KV_BUSY;
    return db_checkpoint(keeper->server->db, keeper->parent, name, on_done, owner);
}

static void
on_saved(void *owner, enum kv_status st, const struct db_checkpoint_info *info)
{
    struct checkpoint_keeper *keeper = owner;
    struct io *io = keeper->server->io;
    checkpoint_saved_fn *tell = keeper->on_saved;

    KV_ASSERT(keeper->is_saving);
    keeper->is_saving = false;
    keeper->last_failed = st != KV_OK;
    keeper->last_time_s = (int64_t)((io_now_us(io) - keeper->save_begun_us) / 1000000);
    if (st == KV_OK) {
        keeper->last_save_s = io_wall_us(io) / 1000000;
        keeper->last_save_seq = info->seq;
        keeper->save_count++;
        kv_log(LOG_LEVEL_NOTICE, "checkpoint %s: %" PRIu64 " tables, %" PRIu64 " MB", info->path,
               info->table_count, info->table_bytes >> 20);
    }
    keeper->on_saved = NULL;
    tidy(keeper);
    if (tell != NULL)
        tell(keeper->owner, st, info);
}

enum kv_status
checkpoint_keeper_save(struct checkpoint_keeper *keeper, checkpoint_saved_fn *tell, void *owner)
{
    struct server *server = keeper->server;
    char name[48];
    enum kv_status st;

    (void)snprintf(name, sizeof(name), CHECKPOINT_SAVE_PREFIX "%" PRIu64,
                   io_wall_us(server->io) / 1000);
    st = checkpoint_keeper_make(keeper, name, on_saved, keeper);
    if (st != KV_OK)
        return st;
    KV_ASSERT(!keeper->is_saving);
    keeper->is_saving = true;
    keeper->is_scheduled = false;
    keeper->on_saved = tell;
    keeper->owner = owner;
    keeper->save_begun_us = io_now_us(server->io);
    return KV_OK;
}

void
checkpoint_keeper_schedule(struct checkpoint_keeper *keeper)
{
    keeper->is_scheduled = true;
}

void
checkpoint_keeper_tick(struct checkpoint_keeper *keeper)
{
    enum kv_status st;

    if (!keeper->is_scheduled || db_checkpoint_current(keeper->server->db) != NULL)
        return;
    keeper->is_scheduled = false;
    st = checkpoint_keeper_save(keeper, NULL, NULL);
    keeper->last_failed |= st != KV_OK;
    if (st != KV_OK)
        kv_log(LOG_LEVEL_WARNING, "the scheduled checkpoint cannot be made: %s",
               kv_status_text(st));
}

void
checkpoint_keeper_format(const struct checkpoint_keeper *keeper, struct buffer *target)
{
    const struct server *server = keeper->server;
    const uint64_t seq = db_last_seq(server->db);
    const int64_t current_s =
        keeper->is_saving ? (int64_t)((io_now_us(server->io) - keeper->save_begun_us) / 1000000)
                          : -1;

    buffer_append_format(target, "rdb_changes_since_last_save:%" PRIu64 "\r\n",
                         seq > keeper->last_save_seq ? seq - keeper->last_save_seq : 0);
    buffer_append_format(target, "rdb_bgsave_in_progress:%d\r\n", keeper->is_saving);
    buffer_append_format(target, "rdb_last_save_time:%" PRIu64 "\r\n", keeper->last_save_s);
    buffer_append_format(target, "rdb_last_bgsave_status:%s\r\n",
                         keeper->last_failed ? "err" : "ok");
    buffer_append_format(target, "rdb_last_bgsave_time_sec:%" PRId64 "\r\n", keeper->last_time_s);
    buffer_append_format(target, "rdb_current_bgsave_time_sec:%" PRId64 "\r\n", current_s);
    buffer_append_format(target, "rdb_saves:%" PRIu64 "\r\n", keeper->save_count);
}
