/* dir_removal.c - list some names, unlink them one after the other, again until there is none.
 *
 * Listing is a call that waits, so it is asked for few names each time; those before are gone by
 * then, and the system finds the next ones without looking at all the rest.
 */
#include "io/dir_removal.h"

#include <errno.h>
#include <string.h>

enum { NAMES_A_ROUND = 256 };

static void on_step_done(struct io_request *request);

static bool
take_name(void *owner, const char *name)
{
    struct dir_removal *removal = owner;

    buffer_append(&removal->names, name, strlen(name) + 1);
    return ++removal->name_count < NAMES_A_ROUND;
}

static void
end(struct dir_removal *removal, enum kv_status st)
{
    KV_ASSERT(removal->is_busy);
    removal->is_busy = false;
    removal->on_removed(removal, st);
}

static void
submit(struct dir_removal *removal, enum io_op op, const char *path)
{
    removal->request =
        (struct io_request){.op = op, .path = path, .done = on_step_done, .owner = removal};
    io_submit(removal->io, &removal->request);
}

static void
fail(struct dir_removal *removal, const char *path, int error)
{
    if (error == -ENOENT)
        end(removal, KV_OK);
    else
        end(removal,
            KV_FAIL(kv_status_from_errno(error), "cannot remove %s: %s", path, strerror(-error)));
}

/* The next name, or the next round of names, or the directory itself. */
static void
go_on(struct dir_removal *removal)
{
    int result;

    if (removal->is_cancelled) {
        end(removal, KV_CANCELLED);
        return;
    }
    if (removal->name_at == removal->names.size) {
        buffer_clear(&removal->names);
        removal->name_at = removal->name_count = 0;
        result = io_list_dir(removal->io, removal->dir, take_name, removal);
        if (result < 0) {
            fail(removal, removal->dir, result);
            return;
        }
    }
    if (removal->names.size == 0) {
        submit(removal, IO_RMDIR, removal->dir);
        return;
    }
    if (file_path(removal->dir, (const char *)removal->names.data + removal->name_at, removal->path,
                  sizeof(removal->path)) != KV_OK) {
        end(removal, KV_LIMIT);
        return;
    }
    removal->name_at += strlen((const char *)removal->names.data + removal->name_at) + 1;
    submit(removal, IO_UNLINK, removal->path);
}

static void
on_step_done(struct io_request *request)
{
    struct dir_removal *removal = request->owner;

    if (request->result < 0 && (request->op == IO_RMDIR || request->result != -ENOENT))
        fail(removal, request->path, (int)request->result);
    else if (request->op == IO_RMDIR)
        end(removal, KV_OK);
    else
        go_on(removal);
}

/* The first step does nothing but come back from the loop. */
void
dir_removal_start(struct dir_removal *removal, struct io *io, dir_removed_fn *on_removed)
{
    KV_ASSERT(!removal->is_busy && removal->dir[0] != '\0' && on_removed != NULL);
    removal->io = io;
    removal->on_removed = on_removed;
    removal->is_busy = true;
    removal->is_cancelled = false;
    buffer_clear(&removal->names);
    removal->name_at = removal->name_count = 0;
    submit(removal, IO_STAT, removal->dir);
}

bool
dir_removal_is_busy(const struct dir_removal *removal)
{
    return removal->is_busy;
}

void
dir_removal_deinit(struct dir_removal *removal)
{
    KV_ASSERT(!removal->is_busy);
    buffer_deinit(&removal->names);
}
