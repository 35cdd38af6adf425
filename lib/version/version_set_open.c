/* A directory becomes a version_set.
 *
 * Nothing in the directory is believed before it was checked: the lock first, then CURRENT, then
 * the MANIFEST, then that each live table is there with its exact size.  The file counter starts
 * above every number that is recorded or seen, so no number is ever used twice. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "version/file_name.h"
#include "version/version_set_internal.h"

enum { SMALL_FILE_BYTES_MAX = 4096 }; /* CURRENT and IDENTITY */

struct dir_scan {
    uint64_t number_max;
    uint64_t min_log;
    bool has_current, has_identity, has_min_log;
    bool has_data; /* tables or WALs */
};

static bool
scan_name(void *owner, const char *name)
{
    struct dir_scan *scan = owner;
    uint64_t number;
    const enum file_kind kind = file_name_parse(name, &number);

    if (number > scan->number_max)
        scan->number_max = number;
    scan->has_current |= kind == FILE_CURRENT;
    scan->has_identity |= kind == FILE_IDENTITY;
    scan->has_data |= kind == FILE_TABLE || kind == FILE_WAL;
    scan->has_min_log |= kind == FILE_WAL && number == scan->min_log;
    return true;
}

static enum kv_status
scan_dir(struct version_set *set, struct dir_scan *scan)
{
    const int result = io_list_dir(set->io, set->dir, scan_name, scan);

    if (result < 0)
        return KV_FAIL(kv_status_from_errno(result), "cannot list %s: %s", set->dir,
                       strerror(-result));
    return KV_OK;
}

static enum kv_status
make_dir(struct version_set *set, bool may_create)
{
    struct io_request request = {.op = IO_STAT, .path = set->dir};
    int64_t result = io_call(set->io, &request);

    if (result == 0)
        return KV_OK;
    if (result == -ENOENT && !may_create)
        return KV_FAIL(KV_NO_FILE, "there is no database in %s", set->dir);
    if (result == -ENOENT) {
        request = (struct io_request){.op = IO_MKDIR, .path = set->dir};
        result = io_call(set->io, &request);
    }
    if (result < 0)
        return KV_FAIL(kv_status_from_errno((int)result), "cannot use the directory %s: %s",
                       set->dir, strerror((int)-result));
    return KV_OK;
}

static enum kv_status
take_lock(struct version_set *set)
{
    char path[PATH_BYTES_MAX];
    enum kv_status st;
    int result;

    file_name_format(path, set->dir, FILE_LOCK, 0);
    st = file_open(set->io, path, O_RDWR | O_CREAT | O_CLOEXEC, &set->lock_fd);
    if (st != KV_OK)
        return st;
    result = io_lock_file(set->io, set->lock_fd);
    if (result == -EAGAIN || result == -EACCES)
        return KV_FAIL(KV_LOCKED,
                       "%s is held by another process: a kvd, or a RocksDB tool such as ldb, has "
                       "the database open",
                       path);
    if (result < 0)
        return KV_FAIL(kv_status_from_errno(result), "cannot lock %s: %s", path, strerror(-result));
    return KV_OK;
}

/* A small text file, without a newline at its end. */
static enum kv_status
read_small_file(struct version_set *set, enum file_kind kind, struct buffer *content)
{
    char path[PATH_BYTES_MAX];

    file_name_format(path, set->dir, kind, 0);
    return file_read_all(set->io, path, SMALL_FILE_BYTES_MAX, content);
}

static void
make_uuid(struct io *io, char *target, size_t size)
{
    const uint64_t high = io_random(io), low = io_random(io);
    const int used =
        snprintf(target, size, "%08x-%04x-4%03x-%04x-%012" PRIx64, (unsigned)(high >> 32),
                 (unsigned)(high >> 16) & 0xffff, (unsigned)high & 0xfff,
                 ((unsigned)(low >> 48) & 0x3fff) | 0x8000, low & UINT64_C(0xffffffffffff));

    KV_ASSERT(used == 36);
}

static enum kv_status
write_identity(struct version_set *set)
{
    char path[PATH_BYTES_MAX], path_tmp[PATH_BYTES_MAX];

    file_name_format(path, set->dir, FILE_IDENTITY, 0);
    file_name_format(path_tmp, set->dir, FILE_TEMPORARY, 0);
    return file_replace(set->io, set->dir, path_tmp, path,
                        slice_of(set->db_id.data, set->db_id.size - 1));
}

static void
set_db_id(struct version_set *set, struct slice text)
{
    buffer_clear(&set->db_id);
    buffer_append_slice(&set->db_id, text);
    buffer_append_byte(&set->db_id, 0);
}

/* The MANIFEST's id counts, then IDENTITY's, then a new one. */
static enum kv_status
settle_identity(struct version_set *set, bool has_identity)
{
    struct buffer content = {0};
    char uuid[40];
    enum kv_status st = KV_OK;

    if (has_identity && set->db_id.size == 0) {
        st = read_small_file(set, FILE_IDENTITY, &content);
        if (st == KV_OK && content.size > 0 && content.data[content.size - 1] == '\n')
            content.size--;
        if (st == KV_OK && content.size > 0 && memchr(content.data, 0, content.size) == NULL)
            set_db_id(set, buffer_slice(&content));
        buffer_deinit(&content);
    }
    if (st != KV_OK)
        return st;
    if (set->db_id.size == 0) {
        make_uuid(set->io, uuid, sizeof(uuid));
        set_db_id(set, slice_from_text(uuid));
        has_identity = false;
    }
    return has_identity || set->read_only ? KV_OK : write_identity(set);
}

/* "MANIFEST-<digits>\n" and nothing else. */
static enum kv_status
read_current(struct version_set *set, uint64_t *number_out)
{
    struct buffer content = {0};
    enum kv_status st = read_small_file(set, FILE_CURRENT, &content);
    bool is_good = false;

    if (st == KV_OK && content.size > 0 && content.data[content.size - 1] == '\n') {
        content.data[content.size - 1] = 0;
        is_good = strlen((const char *)content.data) == content.size - 1 &&
                  file_name_parse((const char *)content.data, number_out) == FILE_MANIFEST;
    }
    if (st == KV_OK && !is_good)
        st = KV_FAIL(KV_CORRUPT, "%s/CURRENT does not hold MANIFEST-<number> and a newline",
                     set->dir);
    buffer_deinit(&content);
    return st;
}

static void
replace_reader(struct version_set *set, struct table_file *file, const char *path)
{
    const struct table_reader_options options = {
        .file_number = file->meta.number,
        .file_bytes = file->meta.bytes,
        .path = path,
        .smallest = buffer_slice(&file->meta.smallest),
        .largest = buffer_slice(&file->meta.largest),
        .seq_largest = file->meta.seq_largest,
    };

    KV_ASSERT(set->io != NULL);
    table_reader_unref(file->reader);
    file->reader = table_reader_new(&options);
}

/* There, with the size that the MANIFEST has.  A table may be called .ldb (LevelDB's name). */
static enum kv_status
check_table(struct version_set *set, struct table_file *file)
{
    char path[PATH_BYTES_MAX];
    struct io_request request = {.op = IO_STAT, .path = path};
    int64_t result;

    file_name_format(path, set->dir, FILE_TABLE, file->meta.number);
    result = io_call(set->io, &request);
    if (result == -ENOENT) {
        memcpy(path + strlen(path) - 4, ".ldb", 4);
        result = io_call(set->io, &request);
        if (result == 0)
            replace_reader(set, file, path);
        else
            memcpy(path + strlen(path) - 4, ".sst", 4);
    }
    if (result == -ENOENT)
        return KV_FAIL(KV_CORRUPT, "%s is missing; the MANIFEST has it with %" PRIu64 " bytes",
                       path, file->meta.bytes);
    if (result < 0)
        return KV_FAIL(kv_status_from_errno((int)result), "cannot stat %s: %s", path,
                       strerror((int)-result));
    if (request.size_out != file->meta.bytes)
        return KV_FAIL(KV_CORRUPT, "%s has %" PRIu64 " bytes; the MANIFEST has it with %" PRIu64,
                       path, request.size_out, file->meta.bytes);
    return KV_OK;
}

static enum kv_status
check_family(struct version_set *set, struct column_family *family)
{
    enum kv_status result = KV_OK;

    version_set_raise_next_file(set, family->log_number);
    for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
        for (uint32_t i = 0; i < family->current->levels[level].count; i++) {
            struct table_file *file = family->current->levels[level].files[i];
            const enum kv_status st = check_table(set, file);

            version_set_raise_next_file(set, file->meta.number);
            version_set_raise_last_seq(set, file->meta.seq_largest);
            if (st != KV_OK)
                result = st; /* goes on, so that all that is wrong is named */
        }
    }
    return result;
}

/* A last record that does not pass its checks was torn by a power cut, unless the state without
 * it has lost what it stands on: a table (checked already) or the oldest WAL it needs. */
static enum kv_status
check_damaged_tail(struct version_set *set)
{
    struct dir_scan scan = {.min_log = version_set_min_log(set)};
    enum kv_status st;

    if (scan.min_log > 0) {
        st = scan_dir(set, &scan);
        if (st != KV_OK)
            return st;
        if (!scan.has_min_log)
            return KV_FAIL(KV_CORRUPT,
                           "%s/MANIFEST-%06" PRIu64 " is damaged at its end: WAL %" PRIu64
                           " that would be needed without the end is gone",
                           set->dir, set->manifest.number, scan.min_log);
    }
    kv_log(LOG_LEVEL_WARNING, "%s/MANIFEST-%06" PRIu64 " ends in a torn record, which is dropped",
           set->dir, set->manifest.number);
    return KV_OK;
}

static enum kv_status
load(struct version_set *set, const struct dir_scan *scan)
{
    bool tail_was_damaged;
    uint64_t number;
    enum kv_status st = read_current(set, &number);

    if (st == KV_OK)
        st = manifest_replay(set, number, &tail_was_damaged);
    if (st != KV_OK)
        return st;
    set->manifest.number = number;
    version_set_raise_next_file(set, number);
    version_set_raise_next_file(set, scan->number_max);
    version_set_raise_next_file(set, set->min_log_to_keep);
    for (uint32_t i = 0; i < set->family_count; i++) {
        const enum kv_status checked = check_family(set, set->families[i]);

        st = st == KV_OK ? checked : st;
    }
    if (st == KV_OK && tail_was_damaged)
        st = check_damaged_tail(set);
    return st != KV_OK ? st : settle_identity(set, scan->has_identity);
}

/* The directory's own name must be durable too, whoever made it and whenever.  A parent that may
 * not be read belongs to somebody who made ours. */
static enum kv_status
sync_parent(struct version_set *set)
{
    char path[PATH_BYTES_MAX];
    struct io_request request = {.op = IO_SYNC_DIR, .path = path};
    size_t size = strlen(set->dir);
    int64_t result;

    while (size > 1 && set->dir[size - 1] == '/')
        size--;
    while (size > 0 && set->dir[size - 1] != '/')
        size--;
    KV_ASSERT(size + 2 <= sizeof(path));
    memcpy(path, size > 0 ? set->dir : ".", size > 0 ? size : 1);
    path[size > 0 ? size : 1] = '\0';
    result = io_call(set->io, &request);
    if (result < 0 && result != -EACCES)
        return KV_FAIL(kv_status_from_errno((int)result), "cannot sync %s, where %s is: %s", path,
                       set->dir, strerror((int)-result));
    return KV_OK;
}

/* As RocksDB: MANIFEST-000001, which names nothing. */
static enum kv_status
create(struct version_set *set, const struct dir_scan *scan, bool may_create)
{
    struct family_draft *draft;
    enum kv_status st;

    if (scan->has_data)
        return KV_FAIL(KV_CORRUPT, "%s holds tables or WALs but no CURRENT", set->dir);
    if (!may_create)
        return KV_FAIL(KV_NO_FILE, "there is no database in %s", set->dir);
    st = sync_parent(set);
    if (st == KV_OK)
        st = settle_identity(set, scan->has_identity);
    if (st != KV_OK)
        return st;
    draft = draft_make(set, 0, NULL);
    strcpy(draft->name, "default");
    st = version_builder_finish(&draft->builder, 0, &draft->version);
    KV_ASSERT(st == KV_OK); /* it is empty */
    drafts_install(set);
    set->next_file = scan->number_max + 1;
    return manifest_roll_blocking(set);
}

static struct version_set *
set_new(const struct version_set_options *options)
{
    struct version_set *set = kv_alloc_zero(sizeof(*set));
    const size_t size = strlen(options->dir) + 1;

    set->io = options->io;
    set->dir = kv_alloc(size);
    memcpy(set->dir, options->dir, size);
    set->read_only = options->read_only;
    set->lock_fd = -1;
    set->manifest_bytes_max =
        options->manifest_bytes_max != 0 ? options->manifest_bytes_max : MANIFEST_BYTES_MAX_DEFAULT;
    list_init(&set->queue);
    list_init(&set->batch);
    manifest_init(&set->manifest);
    return set;
}

enum kv_status
version_set_open(const struct version_set_options *options, struct version_set **set_out)
{
    const bool may_create = options->create_if_missing && !options->read_only;
    struct dir_scan scan = {.min_log = UINT64_MAX};
    struct version_set *set;
    enum kv_status st;

    KV_ASSERT(options->io != NULL && options->dir != NULL);
    *set_out = NULL;
    if (strlen(options->dir) + DIR_ROOM_BYTES > PATH_BYTES_MAX)
        return KV_FAIL(KV_LIMIT, "the directory's name is too long: %.200s...", options->dir);
    set = set_new(options);
    st = make_dir(set, may_create);
    if (st == KV_OK && !set->read_only)
        st = take_lock(set);
    if (st == KV_OK)
        st = scan_dir(set, &scan);
    if (st == KV_OK)
        st = scan.has_current ? load(set, &scan) : create(set, &scan, may_create);
    if (st != KV_OK) {
        version_set_close(set);
        return st;
    }
    *set_out = set;
    return KV_OK;
}

enum kv_status
version_set_start(struct version_set *set, struct version_edit *edits, uint32_t edit_count)
{
    struct version_change *change = change_new(edits, edit_count);
    enum kv_status st;

    KV_ASSERT(!set->started && !set->read_only);
    list_push_back(&set->queue, &change->link);
    batch_prepare(set);
    st = manifest_roll_blocking(set);
    set->started = st == KV_OK;
    return st;
}

void
version_set_start_later(struct version_set *set)
{
    KV_ASSERT(!set->started && !set->read_only);
    KV_ASSERT(set->manifest.number != 0 && set->manifest.fd < 0); /* hence the first change rolls */
    set->started = true;
}

void
version_set_close(struct version_set *set)
{
    if (set == NULL)
        return;
    set->on_obsolete = NULL;
    batch_drop(set);
    manifest_deinit(set);
    version_set_forget_ahead(set, 0, UINT64_MAX);
    free(set->ahead);
    while (set->family_count > 0)
        version_set_remove_family(set, set->families[set->family_count - 1]);
    KV_ASSERT(set->live_version_count == 0);
    file_close(set->io, set->lock_fd);
    free(set->families);
    free(set->by_name);
    buffer_deinit(&set->db_id);
    buffer_deinit(&set->named);
    free(set->dir);
    free(set);
}
