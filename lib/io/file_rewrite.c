/* file_rewrite.c - the steps of file_replace, each begun by the end of the one before.
 *
 * The order is what makes it all or nothing: the new bytes are on stable storage before their name
 * is, and the name is before anybody is told.
 */
#include "io/file_rewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static void run_step(struct file_rewrite *rewrite, enum file_rewrite_step step);

static const char *
step_verb(enum file_rewrite_step step)
{
    switch (step) {
    case REWRITE_OPEN:
        return "open";
    case REWRITE_WRITE:
        return "write";
    case REWRITE_SYNC:
        return "sync";
    case REWRITE_CLOSE:
        return "close";
    case REWRITE_RENAME:
        return "rename";
    case REWRITE_SYNC_DIR:
        return "sync the directory of";
    default:
        return "tidy up";
    }
}

static void
end(struct file_rewrite *rewrite)
{
    KV_ASSERT(rewrite->step != REWRITE_IDLE && rewrite->fd < 0);
    rewrite->step = REWRITE_IDLE;
    rewrite->on_rewritten(rewrite, rewrite->st);
}

/* What there is of the new file goes, as far as it lets itself. */
static void
fail(struct file_rewrite *rewrite, int error)
{
    const enum file_rewrite_step step = rewrite->step;

    rewrite->st =
        KV_FAIL(kv_status_from_errno(error), "cannot %s %s: %s", step_verb(step),
                step == REWRITE_SYNC_DIR ? rewrite->path : rewrite->path_tmp, strerror(-error));
    if (rewrite->fd >= 0)
        run_step(rewrite, REWRITE_FAILED_CLOSE);
    else if (step == REWRITE_SYNC_DIR)
        end(rewrite);
    else
        run_step(rewrite, REWRITE_FAILED_UNLINK);
}

/* The step has worked. */
static void
go_on(struct file_rewrite *rewrite)
{
    switch (rewrite->step) {
    case REWRITE_OPEN:
        rewrite->fd = (int)rewrite->request.result;
        run_step(rewrite, rewrite->content.size > 0 ? REWRITE_WRITE : REWRITE_SYNC);
        break;
    case REWRITE_WRITE:
        rewrite->done_bytes += (size_t)rewrite->request.result;
        run_step(rewrite,
                 rewrite->done_bytes < rewrite->content.size ? REWRITE_WRITE : REWRITE_SYNC);
        break;
    case REWRITE_SYNC:
        run_step(rewrite, REWRITE_CLOSE);
        break;
    case REWRITE_CLOSE:
        rewrite->fd = -1;
        run_step(rewrite, REWRITE_RENAME);
        break;
    case REWRITE_RENAME:
        run_step(rewrite, REWRITE_SYNC_DIR);
        break;
    case REWRITE_FAILED_CLOSE:
        rewrite->fd = -1;
        run_step(rewrite, REWRITE_FAILED_UNLINK);
        break;
    default:
        end(rewrite);
        break;
    }
}

static void
on_step_done(struct io_request *request)
{
    struct file_rewrite *rewrite = request->owner;
    const bool is_tidying =
        rewrite->step == REWRITE_FAILED_CLOSE || rewrite->step == REWRITE_FAILED_UNLINK;

    if (rewrite->step == REWRITE_WRITE && request->result == 0)
        request->result = -EIO;
    if (rewrite->step == REWRITE_CLOSE && request->result < 0)
        rewrite->fd = -1; /* gone in any case, and its bytes are synced */
    if (request->result < 0 && !is_tidying && rewrite->step != REWRITE_CLOSE)
        fail(rewrite, (int)request->result);
    else
        go_on(rewrite);
}

static void
run_step(struct file_rewrite *rewrite, enum file_rewrite_step step)
{
    struct io_request *request = &rewrite->request;

    rewrite->step = step;
    *request = (struct io_request){
        .fd = rewrite->fd, .path = rewrite->path_tmp, .done = on_step_done, .owner = rewrite};
    switch (step) {
    case REWRITE_OPEN:
        request->op = IO_OPEN;
        request->open_flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
        break;
    case REWRITE_WRITE:
        request->op = IO_WRITE;
        request->buffer = rewrite->content.data + rewrite->done_bytes;
        request->size = rewrite->content.size - rewrite->done_bytes;
        request->offset = rewrite->done_bytes;
        break;
    case REWRITE_SYNC:
        request->op = IO_FSYNC;
        break;
    case REWRITE_RENAME:
        request->op = IO_RENAME;
        request->path_to = rewrite->path;
        break;
    case REWRITE_SYNC_DIR:
        request->op = IO_SYNC_DIR;
        request->path = rewrite->dir;
        break;
    case REWRITE_FAILED_UNLINK:
        request->op = IO_UNLINK;
        break;
    default:
        KV_ASSERT(step == REWRITE_CLOSE || step == REWRITE_FAILED_CLOSE);
        request->op = IO_CLOSE;
        break;
    }
    io_submit(rewrite->io, request);
}

void
file_rewrite_start(struct file_rewrite *rewrite, struct io *io, file_rewritten_fn *on_rewritten)
{
    KV_ASSERT(!file_rewrite_is_busy(rewrite));
    KV_ASSERT(rewrite->dir != NULL && rewrite->path[0] != '\0' && rewrite->path_tmp[0] != '\0');
    rewrite->io = io;
    rewrite->on_rewritten = on_rewritten;
    rewrite->st = KV_OK;
    rewrite->fd = -1;
    rewrite->done_bytes = 0;
    run_step(rewrite, REWRITE_OPEN);
}

bool
file_rewrite_is_busy(const struct file_rewrite *rewrite)
{
    return rewrite->step != REWRITE_IDLE;
}

void
file_rewrite_deinit(struct file_rewrite *rewrite)
{
    KV_ASSERT(!file_rewrite_is_busy(rewrite));
    buffer_deinit(&rewrite->content);
}
