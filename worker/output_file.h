/* output_file.h - a new file that is written once from front to end, past the page cache.
 *
 * Blocks of half a MiB leave with O_DIRECT, so that a flush does not push out what others cache and
 * the final sync has little left to do; the part block at the end goes through the page cache.
 * Where the file system refuses O_DIRECT everything does, with a sync now and then.
 */
#ifndef KV_WORKER_OUTPUT_FILE_H
#define KV_WORKER_OUTPUT_FILE_H

#include "base/slice.h"
#include "base/status.h"
#include "io/file.h"
#include "worker/heartbeat.h"

struct output_file {
    struct io *io;               /* borrowed */
    struct heartbeat *heartbeat; /* borrowed; beats with each block */
    int fd;                      /* -1: not open */
    int fd_direct;               /* the same file; -1: refused */
    uint8_t *block;              /* owned; aligned */
    size_t fill;                 /* bytes of it in use */
    uint64_t offset;             /* of the block in the file */
    uint64_t synced;             /* bytes known to be on the disk */
    char path[PATH_BYTES_MAX];
};

/* Makes the file, which must not exist.  On failure there is nothing to close. */
MUST_CHECK enum kv_status output_file_open(struct output_file *file, struct io *io,
                                           struct heartbeat *heartbeat, const char *path);
MUST_CHECK enum kv_status output_file_append(struct output_file *file, struct slice bytes);
/* Writes what is left and syncs; the directory is the caller's to sync. */
MUST_CHECK enum kv_status output_file_finish(struct output_file *file);
/* Writes what is left; the caller gets the descriptor, to sync and to close it. */
MUST_CHECK enum kv_status output_file_finish_unsynced(struct output_file *file, int *fd_out);
/* Finished or not.  The file stays. */
void output_file_close(struct output_file *file);

/* Reads the file back from the disk and compares it with what was meant to be written.
 * `into_cache`: afterwards the page cache has it.  KV_CORRUPT: it differs. */
struct output_expected {
    const char *path;
    uint64_t bytes;
    uint32_t checksum_crc32c;
    bool into_cache;
};
MUST_CHECK enum kv_status output_file_verify(struct io *io, struct heartbeat *heartbeat,
                                             const struct output_expected *expected);

#endif
