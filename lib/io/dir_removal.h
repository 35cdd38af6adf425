/* dir_removal.h - a directory and the files in it are removed, from the loop.
 *
 * A step at a time, a few names in memory at once, however many files there are.  What is in a
 * directory of its own in it stays, and so does the directory: that is a failure.  What is not
 * there (any more) is none.  Embedded in its owner; zeroed is idle.  It may be used again when it
 * is not busy.
 */
#ifndef KV_IO_DIR_REMOVAL_H
#define KV_IO_DIR_REMOVAL_H

#include "base/buffer.h"
#include "io/file.h"
#include "io/io.h"

struct dir_removal;
/* Never from inside dir_removal_start.  What failed has been logged. */
typedef void dir_removed_fn(struct dir_removal *removal, enum kv_status st);

struct dir_removal {
    /* Filled in by the owner before each start, and kept until the end. */
    char dir[PATH_BYTES_MAX];
    void *owner;
    bool is_cancelled; /* set by the owner at any time: it ends soon, with KV_CANCELLED */

    /* Private. */
    struct io *io;
    dir_removed_fn *on_removed;
    bool is_busy;
    struct buffer names; /* owned: each with a zero behind it; of this round */
    size_t name_at;
    uint32_t name_count;
    char path[PATH_BYTES_MAX];
    struct io_request request;
};

void dir_removal_start(struct dir_removal *removal, struct io *io, dir_removed_fn *on_removed);
bool dir_removal_is_busy(const struct dir_removal *removal);
/* Not while it is busy. */
void dir_removal_deinit(struct dir_removal *removal);

#endif
