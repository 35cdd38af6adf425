/* file_rewrite.h - file_replace from the loop: a whole file is written anew, all or nothing.
 *
 *     open `path_tmp` -> write -> sync -> close -> rename to `path` -> sync `dir`
 *
 * Embedded in its owner; zeroed is idle.  It may be used again when it is not busy.
 */
#ifndef KV_IO_FILE_REWRITE_H
#define KV_IO_FILE_REWRITE_H

#include "base/buffer.h"
#include "io/file.h"
#include "io/io.h"

struct file_rewrite;
/* Never from inside file_rewrite_start.  On failure `path` may be old or new, never torn; what
 * failed has been logged. */
typedef void file_rewritten_fn(struct file_rewrite *rewrite, enum kv_status st);

enum file_rewrite_step {
    REWRITE_IDLE,
    REWRITE_OPEN,
    REWRITE_WRITE,
    REWRITE_SYNC,
    REWRITE_CLOSE,
    REWRITE_RENAME,
    REWRITE_SYNC_DIR,
    REWRITE_FAILED_CLOSE,
    REWRITE_FAILED_UNLINK,
};

struct file_rewrite {
    /* Filled in by the owner before each start; the texts and `content` are kept until the end. */
    const char *dir; /* borrowed */
    char path_tmp[PATH_BYTES_MAX], path[PATH_BYTES_MAX];
    struct buffer content; /* owned */
    void *owner;

    /* Private. */
    struct io *io;
    file_rewritten_fn *on_rewritten;
    enum file_rewrite_step step;
    enum kv_status st;
    int fd;
    size_t done_bytes;
    struct io_request request;
};

void file_rewrite_start(struct file_rewrite *rewrite, struct io *io,
                        file_rewritten_fn *on_rewritten);
bool file_rewrite_is_busy(const struct file_rewrite *rewrite);
/* Not while it is busy. */
void file_rewrite_deinit(struct file_rewrite *rewrite);

#endif
