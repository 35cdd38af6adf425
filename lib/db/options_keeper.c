/* Each OPTIONS file is a new one with a number of its own; the one before it stays, as with
 * RocksDB, and the one before that goes. */
#include "db/options_keeper.h"

#include <string.h>

#include "base/log.h"
#include "version/file_name.h"

enum { DELAY_US = 100 * 1000 };

void
options_keeper_init(struct options_keeper *keeper, struct db *db)
{
    *keeper = (struct options_keeper){.db = db, .rewrite = {.dir = db->dir, .owner = keeper}};
}

void
options_keeper_deinit(struct options_keeper *keeper)
{
    KV_ASSERT(keeper->on_stored == NULL);
    io_timer_stop(keeper->db->io, &keeper->timer);
    file_rewrite_deinit(&keeper->rewrite);
    buffer_deinit(&keeper->names_gone);
}

static void
on_timer(struct io_timer *timer)
{
    struct options_keeper *keeper = KV_CONTAINER_OF(timer, struct options_keeper, timer);

    keeper->timer_runs = false;
    keeper->is_due = true;
}

void
options_keeper_note(struct options_keeper *keeper, const char *name_gone)
{
    struct io *io = keeper->db->io;

    keeper->is_old = true;
    if (name_gone != NULL)
        buffer_append(&keeper->names_gone, name_gone, strlen(name_gone) + 1);
    if (keeper->timer_runs || keeper->is_due)
        return;
    keeper->timer_runs = true;
    keeper->timer.on_expire = on_timer;
    io_timer_start(io, &keeper->timer, io_now_us(io) + DELAY_US);
}

bool
options_keeper_may_name(const struct options_keeper *keeper, const char *name)
{
    struct slice names = buffer_slice(&keeper->names_gone);

    while (names.size > 0) {
        if (slice_equal(slice_take_until(&names, 0), slice_from_text(name)))
            return true;
    }
    return false;
}

static void
tell(struct options_keeper *keeper)
{
    void (*on_stored)(struct db * db) = keeper->on_stored;

    keeper->on_stored = NULL;
    on_stored(keeper->db);
}

static void
on_unlinked(struct io_request *request)
{
    struct options_keeper *keeper = request->owner;

    if (request->result < 0)
        kv_log(LOG_LEVEL_WARNING, "%s: unlink: %s; it will be deleted at the next start",
               keeper->unlink_path, strerror((int)-request->result));
    tell(keeper);
}

static void
unlink_older(struct options_keeper *keeper, uint64_t number)
{
    file_name_format(keeper->unlink_path, keeper->db->dir, FILE_OPTIONS, number);
    keeper->unlink = (struct io_request){
        .op = IO_UNLINK, .path = keeper->unlink_path, .done = on_unlinked, .owner = keeper};
    io_submit(keeper->db->io, &keeper->unlink);
}

static void
on_rewritten(struct file_rewrite *rewrite, enum kv_status st)
{
    struct options_keeper *keeper = rewrite->owner;
    struct db *db = keeper->db;
    const uint64_t superfluous = db->options_number_before;

    if (st != KV_OK) {
        kv_log(LOG_LEVEL_WARNING, "%s cannot be written: RocksDB's tools see older options",
               rewrite->path);
        keeper->is_old = true; /* the next change or the end writes it */
        tell(keeper);
        return;
    }
    buffer_clear(&keeper->names_gone); /* nothing has gone while it was written */
    db->options_number_before = db->options_number;
    db->options_number = keeper->number;
    if (superfluous != 0)
        unlink_older(keeper, superfluous);
    else
        tell(keeper);
}

void
options_keeper_store(struct options_keeper *keeper, void (*on_stored)(struct db *db))
{
    struct db *db = keeper->db;
    const uint64_t number_tmp = version_set_next_file_number(db->versions);

    KV_ASSERT(keeper->on_stored == NULL && on_stored != NULL);
    io_timer_stop(db->io, &keeper->timer);
    keeper->timer_runs = keeper->is_due = keeper->is_old = false;
    keeper->on_stored = on_stored;
    keeper->number = version_set_next_file_number(db->versions);
    file_name_format(keeper->rewrite.path, db->dir, FILE_OPTIONS, keeper->number);
    file_name_format(keeper->rewrite.path_tmp, db->dir, FILE_TEMPORARY, number_tmp);
    buffer_clear(&keeper->rewrite.content);
    db_format_options(db, &keeper->rewrite.content);
    file_rewrite_start(&keeper->rewrite, db->io, on_rewritten);
}
