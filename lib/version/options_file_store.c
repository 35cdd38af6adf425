/* OPTIONS files in the directory: the highest number counts, the two newest are kept. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "io/file.h"
#include "version/file_name.h"
#include "version/options_file.h"

enum { OPTIONS_FILE_BYTES_MAX = 64 * 1024 * 1024, DELETE_COUNT_MAX = 64 };

struct listing {
    uint64_t newest[2]; /* numbers, 0: none */
    uint64_t older[DELETE_COUNT_MAX];
    uint32_t older_count;
};

static bool
note_newest(void *owner, const char *name)
{
    struct listing *listing = owner;
    uint64_t number;

    if (file_name_parse(name, &number) != FILE_OPTIONS)
        return true;
    if (number > listing->newest[0]) {
        listing->newest[1] = listing->newest[0];
        listing->newest[0] = number;
    } else if (number > listing->newest[1]) {
        listing->newest[1] = number;
    }
    return true;
}

/* What does not fit is deleted next time. */
static bool
note_older(void *owner, const char *name)
{
    struct listing *listing = owner;
    uint64_t number;

    if (file_name_parse(name, &number) == FILE_OPTIONS && number < listing->newest[1])
        listing->older[listing->older_count++] = number;
    return listing->older_count < DELETE_COUNT_MAX;
}

static enum kv_status
list(struct io *io, const char *dir, io_name_fn *on_name, struct listing *listing)
{
    const int result = io_list_dir(io, dir, on_name, listing);

    if (result < 0)
        return KV_FAIL(kv_status_from_errno(result), "cannot list %s: %s", dir, strerror(-result));
    return KV_OK;
}

enum kv_status
options_file_load(struct io *io, const char *dir, struct options_file *options_out)
{
    struct listing listing = {0};
    struct buffer content = {0};
    char path[PATH_BYTES_MAX];
    enum kv_status st = list(io, dir, note_newest, &listing);

    *options_out = (struct options_file){0};
    if (st != KV_OK)
        return st;
    if (listing.newest[0] == 0)
        return KV_NO_FILE; /* nothing is wrong with that */
    file_name_format(path, dir, FILE_OPTIONS, listing.newest[0]);
    st = file_read_all(io, path, OPTIONS_FILE_BYTES_MAX, &content);
    if (st == KV_OK)
        st = options_file_parse(buffer_slice(&content), options_out);
    options_out->number = listing.newest[0];
    if (st != KV_OK)
        kv_log(LOG_LEVEL_WARNING, "%s cannot be used (%s)", path, kv_status_text(st));
    buffer_deinit(&content);
    return st;
}

static enum kv_status
delete_old(struct io *io, const char *dir)
{
    struct listing listing = {0};
    char path[PATH_BYTES_MAX];
    enum kv_status st = list(io, dir, note_newest, &listing);

    if (st == KV_OK && listing.newest[1] > 0)
        st = list(io, dir, note_older, &listing);
    for (uint32_t i = 0; i < listing.older_count && st == KV_OK; i++) {
        file_name_format(path, dir, FILE_OPTIONS, listing.older[i]);
        st = file_unlink(io, path);
    }
    return st;
}

enum kv_status
options_file_store(struct io *io, const char *dir, uint64_t number_tmp, uint64_t number,
                   const struct options_file *options)
{
    char path[PATH_BYTES_MAX], path_tmp[PATH_BYTES_MAX + 8];
    struct buffer content = {0};
    enum kv_status st;

    KV_ASSERT(number_tmp < number);
    file_name_format(path, dir, FILE_OPTIONS, number);
    file_name_format(path_tmp, dir, FILE_OPTIONS, number_tmp);
    strcat(path_tmp, ".dbtmp");
    options_file_format(options, &content);
    st = file_replace(io, dir, path_tmp, path, buffer_slice(&content));
    buffer_deinit(&content);
    return st == KV_OK ? delete_old(io, dir) : st;
}
