/* db_obsolete.c - files that nobody needs are deleted one after the other, a part at a time.
 *
 *     reported --> [waits in db->obsolete] --> blocks dropped --> opened --> unlinked --> no name
 * is left? --> its space freed, a part, a pause, a part ... --> closed --> pause --> the next
 *
 * A large compaction or a dropped family leaves many files at once.  To free a large file at once
 * holds everybody up: mounted with `discard` the disk finishes nothing else meanwhile (9 ms for
 * 31 MB, and the log's writes wait), and what the page cache has of it keeps a core busy (8 ms for
 * 64 MiB).  To drop its blocks from the block cache costs the loop's time.  So all of it goes in
 * parts: holes are punched from the front, and the close has only the rest to free.  The more files
 * wait, the larger the parts: many workers may leave files faster than they would go.  If space is
 * short, or the engine closes, files go whole: somebody waits for that.
 *
 * A file that has lost parts reads as zeros there, so nobody may meet one.  By name nobody can: the
 * name goes first, and a file that has another one, in a checkpoint or a backup, is left whole.
 * After a crash the file system frees what has no name; should the name be there again, no MANIFEST
 * knows it, and it is purged at open, unread.  By descriptor nobody in the server does:
 *   - reads pin a version, and a table that any version has is not reported;
 *   - a block that is on its way for a read that pins nothing meanwhile: the file waits for it;
 *   - a job's inputs are pinned by its compaction, until the worker has answered or is dead;
 *   - of the death of a worker from outside nobody can be sure: once one is lost with a compaction,
 *     files go whole until the next start, as they do when they cannot be opened or the file system
 *     punches no holes.
 * Somebody else who has the file open, kvctl inspect or a stock RocksDB as a secondary, reads
 * zeros, and its checksums tell it; RocksDB's own DeleteScheduler cuts files in the same way when
 * it paces itself.
 *
 * A file that waits at a stop or a crash is purged at the next open.
 */
#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/db_internal.h"
#include "io/file.h"
#include "version/file_name.h"

#ifdef KV_DEBUG
enum { DROP_COUNT_MAX = 2, PART_BYTES = 64 * 1024 }; /* small tables go by steps, too */
#else
enum { DROP_COUNT_MAX = 250 /* blocks, in some 150 us */, PART_BYTES = 1024 * 1024 };
#endif

enum {
    PAUSE_US = 2000, /* so up to half a gigabyte a second while few files wait */
    FEW_FILES = 16,
    PART_BYTES_MAX = 16 * PART_BYTES,
};

struct obsolete_file {
    struct list link;
    uint64_t number;
};

static void go_on(struct db *db);

static bool
is_freeing(const struct db *db)
{
    return db->unlink.fd >= 0;
}

static void
on_pause_over(struct io_timer *timer)
{
    go_on(KV_CONTAINER_OF(timer, struct db, unlink.pause));
}

static void
pause_then_go_on(struct db *db)
{
    if (list_empty(&db->obsolete) && !is_freeing(db))
        return;
    db->unlink.pause.on_expire = on_pause_over;
    io_timer_start(db->io, &db->unlink.pause, io_now_us(db->io) + PAUSE_US);
}

static void
submit(struct db *db, struct io_request request)
{
    KV_ASSERT(!db->unlink.is_busy && request.done != NULL);
    db->unlink.is_busy = true;
    db->unlink.request = request;
    db->unlink.request.owner = db;
    io_submit(db->io, &db->unlink.request);
}

/* The file is gone, or nothing more can be done about it. */
static void
end_file(struct db *db)
{
    KV_ASSERT(!is_freeing(db) && db->obsolete_count > 0);
    db->obsolete_count--;
    pause_then_go_on(db);
}

/* --- freeing --- */

static void
on_closed(struct io_request *request)
{
    struct db *db = request->owner;

    db->unlink.is_busy = false;
    db->unlink.fd = -1;
    end_file(db);
}

static void
close_file(struct db *db)
{
    KV_ASSERT(is_freeing(db));
    submit(db, (struct io_request){
                   .op = IO_CLOSE, .fd = db->unlink.fd, .is_last = true, .done = on_closed});
}

/* What can't be freed in parts is freed as a whole, by the close. */
static void
on_punched(struct io_request *request)
{
    struct db *db = request->owner;

    db->unlink.is_busy = false;
    if (request->result < 0) {
        close_file(db);
        return;
    }
    db->unlink.freed_bytes += request->size;
    pause_then_go_on(db);
}

static uint64_t
part_bytes(const struct db *db)
{
    const uint64_t bytes = (uint64_t)PART_BYTES * (1 + db->obsolete_count / FEW_FILES);

    return bytes < PART_BYTES_MAX ? bytes : PART_BYTES_MAX;
}

/* The last part is the close's. */
static void
free_part(struct db *db)
{
    const uint64_t bytes = part_bytes(db);

    KV_ASSERT(is_freeing(db));
    if (db->unlink.freed_bytes + bytes >= db->unlink.file_bytes || db->is_closing ||
        space_reserve_is_short(&db->space.reserve)) {
        close_file(db);
        return;
    }
    submit(db, (struct io_request){.op = IO_PUNCH,
                                   .fd = db->unlink.fd,
                                   .offset = db->unlink.freed_bytes,
                                   .size = bytes,
                                   .done = on_punched});
}

static void
on_looked(struct io_request *request)
{
    struct db *db = request->owner;

    db->unlink.is_busy = false;
    if (request->result < 0 || request->link_count_out > 0) {
        close_file(db);
        return;
    }
    db->unlink.freed_bytes = 0;
    db->unlink.file_bytes = request->size_out;
    free_part(db);
}

/* --- one file --- */

static void
on_unlinked(struct io_request *request)
{
    struct db *db = request->owner;

    db->unlink.is_busy = false;
    if (request->result < 0)
        kv_log(LOG_LEVEL_WARNING, "%s: unlink: %s; it will be deleted at the next start",
               db->unlink.path, strerror((int)-request->result));
    if (!is_freeing(db))
        end_file(db);
    else if (request->result < 0)
        close_file(db);
    else
        submit(db, (struct io_request){.op = IO_STAT, .fd = db->unlink.fd, .done = on_looked});
}

static void
unlink_file(struct db *db)
{
    submit(db, (struct io_request){.op = IO_UNLINK, .path = db->unlink.path, .done = on_unlinked});
}

/* What cannot be opened, for want of descriptors perhaps, can be unlinked all the same. */
static void
on_opened(struct io_request *request)
{
    struct db *db = request->owner;

    KV_ASSERT(!is_freeing(db));
    db->unlink.is_busy = false;
    if (request->result >= 0)
        db->unlink.fd = (int)request->result;
    unlink_file(db);
}

/* The first file that may go; NULL: none may now. */
static struct obsolete_file *
first_free(struct db *db)
{
    for (struct list *node = db->obsolete.next; node != &db->obsolete; node = node->next) {
        struct obsolete_file *file = LIST_ENTRY(node, struct obsolete_file, link);

        if (!block_fetcher_needs(db->fetcher, file->number))
            return file;
    }
    return NULL;
}

/* A link that somebody has put in the table's place is not followed. */
static void
begin_next(struct db *db)
{
    struct obsolete_file *file = first_free(db);

    if (file == NULL || !block_cache_drop_table(db->cache, file->number, DROP_COUNT_MAX)) {
        pause_then_go_on(db);
        return;
    }
    file_name_format(db->unlink.path, db->dir, FILE_TABLE, file->number);
    list_remove(&file->link);
    free(file);
    if (db->unlink.is_unsure)
        unlink_file(db);
    else
        submit(db, (struct io_request){.op = IO_OPEN,
                                       .path = db->unlink.path,
                                       .open_flags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW,
                                       .done = on_opened});
}

static void
go_on(struct db *db)
{
    KV_ASSERT(!db->unlink.is_busy);
    if (is_freeing(db))
        free_part(db);
    else
        begin_next(db);
}

void
db_delete_file(void *owner, uint64_t file_number)
{
    struct db *db = owner;
    struct obsolete_file *file = kv_alloc_zero(sizeof(*file));
    const bool is_first = list_empty(&db->obsolete) && !db->unlink.is_busy && !is_freeing(db);

    file->number = file_number;
    list_push_back(&db->obsolete, &file->link);
    db->obsolete_count++;
    if (is_first)
        pause_then_go_on(db);
}

void
db_delete_whole(struct db *db)
{
    if (!db->unlink.is_unsure && !db->is_closing)
        kv_log(LOG_LEVEL_NOTICE,
               "a worker from outside was lost with a compaction and may still be "
               "reading: tables are deleted as a whole from now on");
    db->unlink.is_unsure = true;
}

/* A file that is half freed has no name: the close frees the rest. */
void
db_forget_obsolete(struct db *db)
{
    KV_ASSERT(!db->unlink.is_busy);
    io_timer_stop(db->io, &db->unlink.pause);
    if (is_freeing(db)) {
        file_close(db->io, db->unlink.fd);
        db->unlink.fd = -1;
        db->obsolete_count--;
    }
    while (!list_empty(&db->obsolete)) {
        struct obsolete_file *file = LIST_ENTRY(db->obsolete.next, struct obsolete_file, link);

        list_remove(&file->link);
        free(file);
        db->obsolete_count--;
    }
}
