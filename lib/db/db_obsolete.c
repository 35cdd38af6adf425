/* db_obsolete.c - files that nobody needs are deleted one after the other, with pauses.
 *
 *     reported --> [waits in db->obsolete] --> blocks dropped --> unlinked --> pause --> the next
 *
 * A large compaction or a dropped family leaves many files at once.  To free a large file's space
 * costs the file system time that readers and the log would miss, and to drop its blocks from the
 * cache costs the loop's, so these go a part at a time, too.  A file that a fetch is
 * about to open waits: its reader found it in a version that is gone by now, and must not be told
 * that it isn't there.  What is left at a stop or a crash is purged at the next open.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/db_internal.h"
#include "io/file.h"
#include "version/file_name.h"

#ifdef KV_DEBUG
enum { UNLINK_PAUSE_US = 2000, DROP_COUNT_MAX = 2 }; /* small tables go by steps, too */
#else
enum { UNLINK_PAUSE_US = 2000, DROP_COUNT_MAX = 250 /* blocks, in some 150 us */ };
#endif

struct obsolete_file {
    struct list link;
    uint64_t number;
};

static void unlink_next(struct db *db);

static void
on_pause_over(struct io_timer *timer)
{
    unlink_next(KV_CONTAINER_OF(timer, struct db, unlink.pause));
}

static void
pause_then_go_on(struct db *db)
{
    if (list_empty(&db->obsolete))
        return;
    db->unlink.pause.on_expire = on_pause_over;
    io_timer_start(db->io, &db->unlink.pause, io_now_us(db->io) + UNLINK_PAUSE_US);
}

static void
on_unlinked(struct io_request *request)
{
    struct db *db = request->owner;

    if (request->result < 0)
        kv_log(LOG_LEVEL_WARNING, "%s: unlink: %s; it will be deleted at the next start",
               db->unlink.path, strerror((int)-request->result));
    db->unlink.is_busy = false;
    db->obsolete_count--;
    pause_then_go_on(db);
}

/* The first file that may go; NULL: none may now. */
static struct obsolete_file *
first_free(struct db *db)
{
    for (struct list *node = db->obsolete.next; node != &db->obsolete; node = node->next) {
        struct obsolete_file *file = LIST_ENTRY(node, struct obsolete_file, link);

        if (!block_fetcher_is_opening(db->fetcher, file->number))
            return file;
    }
    return NULL;
}

static void
unlink_next(struct db *db)
{
    struct obsolete_file *file = first_free(db);

    KV_ASSERT(!db->unlink.is_busy);
    if (file == NULL || !block_cache_drop_table(db->cache, file->number, DROP_COUNT_MAX)) {
        pause_then_go_on(db);
        return;
    }
    file_name_format(db->unlink.path, db->dir, FILE_TABLE, file->number);
    list_remove(&file->link);
    free(file);
    db->unlink.is_busy = true;
    db->unlink.request = (struct io_request){
        .op = IO_UNLINK, .path = db->unlink.path, .done = on_unlinked, .owner = db};
    io_submit(db->io, &db->unlink.request);
}

void
db_delete_file(void *owner, uint64_t file_number)
{
    struct db *db = owner;
    struct obsolete_file *file = kv_alloc_zero(sizeof(*file));
    const bool is_first = list_empty(&db->obsolete) && !db->unlink.is_busy;

    file->number = file_number;
    list_push_back(&db->obsolete, &file->link);
    db->obsolete_count++;
    if (is_first)
        pause_then_go_on(db);
}

void
db_forget_obsolete(struct db *db)
{
    io_timer_stop(db->io, &db->unlink.pause);
    while (!list_empty(&db->obsolete)) {
        struct obsolete_file *file = LIST_ENTRY(db->obsolete.next, struct obsolete_file, link);

        list_remove(&file->link);
        free(file);
        db->obsolete_count--;
    }
}
