/* db_checkpoint.c - step by step, each begun by the end of the one before; none waits in place.
 *
 *     parent made and synced -> what a crash has left removed -> memtables flushed
 *     -> the moment: tables pinned, MANIFEST, OPTIONS, kvd.families as text
 *     -> directory made -> tables linked -> files written and synced, CURRENT last
 *     -> renamed -> parent synced
 *
 * The moment is in the call that reports the flush: the tables that are current then hold all up to
 * the end of some memtable, and nothing behind it.  From then on their versions are pinned, so no
 * table is deleted before it is linked.  Each file is synced with its directory, so the last one's
 * sync covers the links.
 *
 * A failure removes the directory, as far as it lets itself.
 */
#include "db/db_checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/db_internal.h"
#include "db/family_record.h"
#include "io/dir_removal.h"
#include "io/file_rewrite.h"
#include "version/file_name.h"

enum checkpoint_file {
    CHECKPOINT_MANIFEST,
    CHECKPOINT_OPTIONS,
    CHECKPOINT_FAMILIES,
    CHECKPOINT_IDENTITY,
    CHECKPOINT_CURRENT, /* last: without it there is no database */
    CHECKPOINT_FILE_COUNT,
};

enum checkpoint_step {
    CHECKPOINT_MAKE_PARENT,
    CHECKPOINT_SYNC_ABOVE,
    CHECKPOINT_LOOK,
    CHECKPOINT_CLEAR,
    CHECKPOINT_FLUSH,
    CHECKPOINT_MAKE,
    CHECKPOINT_LINK,
    CHECKPOINT_WRITE,
    CHECKPOINT_RENAME,
    CHECKPOINT_SYNC_PARENT,
    CHECKPOINT_GIVE_UP,
};

struct db_checkpoint {
    struct db *db;
    char parent[PATH_BYTES_MAX], above[PATH_BYTES_MAX]; /* above: what the parent is in */
    char path_tmp[PATH_BYTES_MAX];
    char name[CHECKPOINT_NAME_BYTES_MAX + sizeof(CHECKPOINT_TMP_SUFFIX)];
    struct db_checkpoint_info info;
    db_checkpoint_done_fn *on_done;
    void *owner;

    enum checkpoint_step step;
    bool is_cancelled;
    enum kv_status st; /* why it is given up */
    struct io_request request;
    char path[PATH_BYTES_MAX], path_to[PATH_BYTES_MAX];
    struct dir_removal removal;
    struct file_rewrite rewrite;

    /* From the moment on. */
    struct version **versions; /* owned array of owned references */
    uint32_t version_count;
    uint64_t *tables; /* owned: the numbers */
    uint64_t table_at;
    struct buffer contents[CHECKPOINT_FILE_COUNT];
    uint64_t manifest_number, options_number;
    enum checkpoint_file file_at;
};

static void run_step(struct db_checkpoint *checkpoint, enum checkpoint_step step);

static void
release_versions(struct db_checkpoint *checkpoint)
{
    for (uint32_t i = 0; i < checkpoint->version_count; i++)
        version_unref(checkpoint->versions[i]);
    free(checkpoint->versions);
    checkpoint->versions = NULL;
    checkpoint->version_count = 0;
}

void
db_checkpoint_free(struct db *db)
{
    struct db_checkpoint *checkpoint = db->checkpoint;

    if (checkpoint == NULL)
        return;
    KV_ASSERT(db_checkpoint_is_idle(db));
    db->checkpoint = NULL;
    release_versions(checkpoint);
    for (int i = 0; i < CHECKPOINT_FILE_COUNT; i++)
        buffer_deinit(&checkpoint->contents[i]);
    free(checkpoint->tables);
    dir_removal_deinit(&checkpoint->removal);
    file_rewrite_deinit(&checkpoint->rewrite);
    free(checkpoint);
}

bool
db_checkpoint_is_idle(const struct db *db)
{
    return db->checkpoint == NULL || db->checkpoint->step == CHECKPOINT_FLUSH;
}

const char *
db_checkpoint_current(const struct db *db)
{
    return db->checkpoint == NULL ? NULL : db->checkpoint->name;
}

static void
end(struct db_checkpoint *checkpoint, enum kv_status st)
{
    struct db *db = checkpoint->db;
    db_checkpoint_done_fn *on_done = checkpoint->on_done;
    void *owner = checkpoint->owner;
    const struct db_checkpoint_info info = checkpoint->info;

    checkpoint->step = CHECKPOINT_FLUSH; /* nothing is in flight */
    db_checkpoint_free(db);
    on_done(owner, st, &info);
}

static void
give_up(struct db_checkpoint *checkpoint, enum kv_status st)
{
    KV_ASSERT(st != KV_OK);
    checkpoint->st = st;
    if (checkpoint->step <= CHECKPOINT_FLUSH)
        end(checkpoint, st);
    else
        run_step(checkpoint, CHECKPOINT_GIVE_UP);
}

/* --- the moment --- */

static void
pin_tables(struct db_checkpoint *checkpoint)
{
    struct version_set *set = checkpoint->db->versions;
    const struct column_family *family;
    uint64_t count = 0;

    while (version_set_family_at(set, checkpoint->version_count) != NULL)
        checkpoint->version_count++;
    checkpoint->versions =
        kv_alloc(sizeof(checkpoint->versions[0]) * (checkpoint->version_count + 1));
    for (uint32_t i = 0; (family = version_set_family_at(set, i)) != NULL; i++) {
        checkpoint->versions[i] = family->current;
        version_ref(family->current);
        checkpoint->info.table_bytes += family->current->bytes_total;
        for (uint32_t level = 0; level < LEVEL_COUNT; level++)
            count += family->current->levels[level].count;
    }
    checkpoint->tables = kv_alloc(sizeof(checkpoint->tables[0]) * (count + 1));
    for (uint32_t i = 0; i < checkpoint->version_count; i++) {
        for (uint32_t l = 0; l < LEVEL_COUNT; l++) {
            const struct version_level *level = &checkpoint->versions[i]->levels[l];

            for (uint32_t j = 0; j < level->count; j++)
                checkpoint->tables[checkpoint->info.table_count++] = level->files[j]->meta.number;
        }
    }
    KV_ASSERT(checkpoint->info.table_count == count);
}

static void
take_moment(struct db_checkpoint *checkpoint)
{
    struct db *db = checkpoint->db;
    struct buffer *contents = checkpoint->contents;

    pin_tables(checkpoint);
    checkpoint->manifest_number = version_set_next_file_number(db->versions);
    checkpoint->options_number = version_set_next_file_number(db->versions);
    checkpoint->info.seq = version_set_last_seq(db->versions);
    version_set_describe(db->versions, &contents[CHECKPOINT_MANIFEST]);
    db_format_options(db, &contents[CHECKPOINT_OPTIONS]);
    db_format_family_settings(db, &contents[CHECKPOINT_FAMILIES]);
    buffer_append_format(&contents[CHECKPOINT_IDENTITY], "%s", version_set_db_id(db->versions));
    buffer_append_format(&contents[CHECKPOINT_CURRENT], "MANIFEST-%06" PRIu64 "\n",
                         checkpoint->manifest_number);
}

static void
on_flushed(void *owner, enum kv_status st)
{
    struct db_checkpoint *checkpoint = owner;

    KV_ASSERT(checkpoint->step == CHECKPOINT_FLUSH);
    if (st != KV_OK) {
        give_up(checkpoint, st);
        return;
    }
    take_moment(checkpoint);
    run_step(checkpoint, CHECKPOINT_MAKE);
}

/* --- files --- */

static void
format_path(struct db_checkpoint *checkpoint, enum checkpoint_file file, char *path)
{
    const char *dir = checkpoint->path_tmp;
    enum kv_status st;

    switch (file) {
    case CHECKPOINT_MANIFEST:
        file_name_format(path, dir, FILE_MANIFEST, checkpoint->manifest_number);
        return;
    case CHECKPOINT_OPTIONS:
        file_name_format(path, dir, FILE_OPTIONS, checkpoint->options_number);
        return;
    case CHECKPOINT_IDENTITY:
        file_name_format(path, dir, FILE_IDENTITY, 0);
        return;
    case CHECKPOINT_CURRENT:
        file_name_format(path, dir, FILE_CURRENT, 0);
        return;
    case CHECKPOINT_FAMILIES:
    case CHECKPOINT_FILE_COUNT:
        break;
    }
    st = file_path(dir, FAMILY_SETTINGS_FILE, path, PATH_BYTES_MAX);
    KV_ASSERT(st == KV_OK); /* its length was checked at the beginning */
}

static void
on_written(struct file_rewrite *rewrite, enum kv_status st)
{
    struct db_checkpoint *checkpoint = rewrite->owner;

    if (st != KV_OK || checkpoint->is_cancelled) {
        give_up(checkpoint, st == KV_OK ? KV_CANCELLED : st);
        return;
    }
    checkpoint->file_at++;
    run_step(checkpoint,
             checkpoint->file_at < CHECKPOINT_FILE_COUNT ? CHECKPOINT_WRITE : CHECKPOINT_RENAME);
}

static void
write_file(struct db_checkpoint *checkpoint)
{
    struct file_rewrite *rewrite = &checkpoint->rewrite;

    /* There may be no settings of families, and then there is no file. */
    if (checkpoint->contents[checkpoint->file_at].size == 0)
        checkpoint->file_at++;
    KV_ASSERT(checkpoint->file_at < CHECKPOINT_FILE_COUNT);
    rewrite->dir = checkpoint->path_tmp;
    rewrite->owner = checkpoint;
    buffer_deinit(&rewrite->content);
    rewrite->content = checkpoint->contents[checkpoint->file_at];
    checkpoint->contents[checkpoint->file_at] = (struct buffer){0};
    format_path(checkpoint, checkpoint->file_at, rewrite->path);
    file_name_format(rewrite->path_tmp, rewrite->dir, FILE_TEMPORARY, checkpoint->options_number);
    file_rewrite_start(rewrite, checkpoint->db->io, on_written);
}

/* --- the steps --- */

static void
on_removed(struct dir_removal *removal, enum kv_status st)
{
    struct db_checkpoint *checkpoint = removal->owner;

    if (checkpoint->step == CHECKPOINT_GIVE_UP)
        end(checkpoint, checkpoint->st);
    else if (st != KV_OK || checkpoint->is_cancelled)
        give_up(checkpoint, st == KV_OK ? KV_CANCELLED : st);
    else
        run_step(checkpoint, CHECKPOINT_FLUSH);
}

static void
remove_tmp(struct db_checkpoint *checkpoint)
{
    memcpy(checkpoint->removal.dir, checkpoint->path_tmp, sizeof(checkpoint->path_tmp));
    checkpoint->removal.owner = checkpoint;
    dir_removal_start(&checkpoint->removal, checkpoint->db->io, on_removed);
    checkpoint->removal.is_cancelled = checkpoint->is_cancelled;
}

/* The step's request has worked: what is next? */
static enum checkpoint_step
next_step(struct db_checkpoint *checkpoint)
{
    switch (checkpoint->step) {
    case CHECKPOINT_MAKE_PARENT:
        return checkpoint->request.result == 0 ? CHECKPOINT_SYNC_ABOVE : CHECKPOINT_LOOK;
    case CHECKPOINT_SYNC_ABOVE:
        return CHECKPOINT_LOOK;
    case CHECKPOINT_LOOK:
        return CHECKPOINT_CLEAR;
    case CHECKPOINT_LINK:
        checkpoint->table_at++;
        /* fall through */
    case CHECKPOINT_MAKE:
        return checkpoint->table_at < checkpoint->info.table_count ? CHECKPOINT_LINK
                                                                   : CHECKPOINT_WRITE;
    default:
        KV_ASSERT(checkpoint->step == CHECKPOINT_RENAME);
        return CHECKPOINT_SYNC_PARENT;
    }
}

/* Whether the step's result is what it should be. */
static enum kv_status
check(const struct db_checkpoint *checkpoint)
{
    const struct io_request *request = &checkpoint->request;
    const int64_t result = request->result;

    if (checkpoint->step == CHECKPOINT_LOOK) {
        if (result == 0)
            return KV_INVALID;
        if (result == -ENOENT)
            return KV_OK;
    }
    if (result >= 0 || (checkpoint->step == CHECKPOINT_MAKE_PARENT && result == -EEXIST))
        return KV_OK;
    return KV_FAIL(kv_status_from_errno((int)result), "checkpoint %s: %s%s%s: %s",
                   checkpoint->info.path, request->path, request->path_to != NULL ? " to " : "",
                   request->path_to != NULL ? request->path_to : "", strerror((int)-result));
}

static void
on_step_done(struct io_request *request)
{
    struct db_checkpoint *checkpoint = request->owner;
    enum kv_status st = check(checkpoint);

    if (st == KV_OK && checkpoint->step == CHECKPOINT_SYNC_PARENT) {
        end(checkpoint, KV_OK);
        return;
    }
    /* One that has its name is all there, though perhaps not for ever: it is not taken back. */
    if (st != KV_OK && checkpoint->step == CHECKPOINT_SYNC_PARENT)
        end(checkpoint, st);
    else if (st == KV_OK && checkpoint->is_cancelled && checkpoint->step != CHECKPOINT_RENAME)
        give_up(checkpoint, KV_CANCELLED);
    else if (st != KV_OK)
        give_up(checkpoint, st);
    else
        run_step(checkpoint, next_step(checkpoint));
}

static void
prepare_request(struct db_checkpoint *checkpoint)
{
    struct io_request *request = &checkpoint->request;

    *request = (struct io_request){.done = on_step_done, .owner = checkpoint};
    switch (checkpoint->step) {
    case CHECKPOINT_MAKE_PARENT:
    case CHECKPOINT_MAKE:
        request->op = IO_MKDIR;
        request->path =
            checkpoint->step == CHECKPOINT_MAKE ? checkpoint->path_tmp : checkpoint->parent;
        break;
    case CHECKPOINT_LOOK:
        request->op = IO_STAT;
        request->path = checkpoint->info.path;
        break;
    case CHECKPOINT_LINK:
        file_name_format(checkpoint->path, checkpoint->db->dir, FILE_TABLE,
                         checkpoint->tables[checkpoint->table_at]);
        file_name_format(checkpoint->path_to, checkpoint->path_tmp, FILE_TABLE,
                         checkpoint->tables[checkpoint->table_at]);
        request->op = IO_LINK;
        request->path = checkpoint->path;
        request->path_to = checkpoint->path_to;
        break;
    case CHECKPOINT_RENAME:
        request->op = IO_RENAME;
        request->path = checkpoint->path_tmp;
        request->path_to = checkpoint->info.path;
        break;
    default:
        KV_ASSERT(checkpoint->step == CHECKPOINT_SYNC_ABOVE ||
                  checkpoint->step == CHECKPOINT_SYNC_PARENT);
        request->op = IO_SYNC_DIR;
        request->path =
            checkpoint->step == CHECKPOINT_SYNC_ABOVE ? checkpoint->above : checkpoint->parent;
        break;
    }
}

static void
run_step(struct db_checkpoint *checkpoint, enum checkpoint_step step)
{
    checkpoint->step = step;
    switch (step) {
    case CHECKPOINT_CLEAR:
        remove_tmp(checkpoint);
        return;
    case CHECKPOINT_GIVE_UP:
        release_versions(checkpoint);
        remove_tmp(checkpoint);
        return;
    case CHECKPOINT_FLUSH:
        db_flush(checkpoint->db, on_flushed, checkpoint);
        return;
    case CHECKPOINT_WRITE:
        release_versions(checkpoint); /* all is linked */
        write_file(checkpoint);
        return;
    default:
        prepare_request(checkpoint);
        io_submit(checkpoint->db->io, &checkpoint->request);
        return;
    }
}

void
db_checkpoint_cancel(struct db *db)
{
    struct db_checkpoint *checkpoint = db->checkpoint;

    if (checkpoint == NULL)
        return;
    checkpoint->is_cancelled = checkpoint->removal.is_cancelled = true;
    if (checkpoint->step != CHECKPOINT_FLUSH)
        return;
    db_flush_forget(db, checkpoint);
    end(checkpoint, KV_CANCELLED);
}

static bool
is_name(const char *name)
{
    const size_t size = strlen(name), suffix = strlen(CHECKPOINT_TMP_SUFFIX);

    return size > 0 && size <= CHECKPOINT_NAME_BYTES_MAX && strchr(name, '/') == NULL &&
           strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
           (size < suffix || strcmp(name + size - suffix, CHECKPOINT_TMP_SUFFIX) != 0);
}

/* The part before the last slash, or ".". */
static void
find_above(struct db_checkpoint *checkpoint)
{
    char *slash;

    memcpy(checkpoint->above, checkpoint->parent, sizeof(checkpoint->above));
    slash = strrchr(checkpoint->above, '/');
    if (slash == NULL)
        strcpy(checkpoint->above, ".");
    else if (slash == checkpoint->above)
        slash[1] = '\0';
    else
        *slash = '\0';
}

enum kv_status
db_checkpoint(struct db *db, const char *parent, const char *name, db_checkpoint_done_fn *on_done,
              void *owner)
{
    struct db_checkpoint *checkpoint;

    KV_ASSERT(is_name(name) && on_done != NULL);
    if (db->checkpoint != NULL)
        return KV_BUSY;
    if (db->fault != KV_OK || db->is_closing)
        return db->fault == KV_NO_SPACE ? KV_NO_SPACE : KV_READ_ONLY;
    /* Room for the suffix and the names of files. */
    if (strlen(parent) + 2 * sizeof(checkpoint->name) > PATH_BYTES_MAX)
        return KV_LIMIT;
    checkpoint = kv_alloc_zero(sizeof(*checkpoint));
    checkpoint->db = db;
    checkpoint->on_done = on_done;
    checkpoint->owner = owner;
    (void)snprintf(checkpoint->parent, sizeof(checkpoint->parent), "%s", parent);
    find_above(checkpoint);
    (void)snprintf(checkpoint->name, sizeof(checkpoint->name), "%s", name);
    (void)snprintf(checkpoint->info.path, sizeof(checkpoint->info.path), "%s/%s", parent, name);
    (void)snprintf(checkpoint->path_tmp, sizeof(checkpoint->path_tmp), "%s/%s%s", parent, name,
                   CHECKPOINT_TMP_SUFFIX);
    db->checkpoint = checkpoint;
    run_step(checkpoint, CHECKPOINT_MAKE_PARENT);
    return KV_OK;
}
