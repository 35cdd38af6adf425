/* file.h - whole-file and loop helpers over io_call: nothing here is asynchronous.
 *
 * For opening, recovery, the worker and the tools.  Each failure is logged with its path, or
 * with descriptor, offset and size where only those are known.  A missing file is a failure too:
 * who expects one to be absent asks file_exists first.
 */
#ifndef KV_IO_FILE_H
#define KV_IO_FILE_H

#include "base/buffer.h"
#include "base/status.h"
#include "io/io.h"

enum { PATH_BYTES_MAX = 4096, FILE_SYNC_COUNT_MAX = 256 };

/* "dir/name" into `path_out`, which has `size` bytes; KV_LIMIT if it does not fit. */
MUST_CHECK enum kv_status file_path(const char *dir, const char *name, char *path_out, size_t size);
MUST_CHECK enum kv_status file_exists(struct io *io, const char *path, bool *exists_out);
/* *fd_out is -1 on failure. */
MUST_CHECK enum kv_status file_open(struct io *io, const char *path, int open_flags, int *fd_out);
void file_close(struct io *io, int fd); /* -1 is fine */
MUST_CHECK enum kv_status file_size(struct io *io, int fd, uint64_t *size_out);
/* All of [offset, offset + size), or KV_CORRUPT if the file ends before. */
MUST_CHECK enum kv_status file_read(struct io *io, int fd, uint64_t offset, void *target,
                                    size_t size);
/* All of it, or a failure after which some of it may have been written. */
MUST_CHECK enum kv_status file_write(struct io *io, int fd, uint64_t offset, const void *data,
                                     size_t size);
/* Data, size and times.  Never call it again on a file that it has failed on. */
MUST_CHECK enum kv_status file_sync(struct io *io, int fd);
/* The same for up to FILE_SYNC_COUNT_MAX descriptors of different files, side by side.  Each was
 * tried, whatever became of the others; the first failure is returned. */
MUST_CHECK enum kv_status file_sync_all(struct io *io, const int *fds, uint32_t count);
MUST_CHECK enum kv_status file_sync_dir(struct io *io, const char *path);
MUST_CHECK enum kv_status file_rename(struct io *io, const char *from, const char *to);
MUST_CHECK enum kv_status file_unlink(struct io *io, const char *path);
/* Appends the whole file to `content`; KV_LIMIT if it is larger than size_max. */
MUST_CHECK enum kv_status file_read_all(struct io *io, const char *path, size_t size_max,
                                        struct buffer *content);
/* Writes `path_tmp`, syncs it, renames it to `path`, syncs `dir`: all or nothing after a crash.
 * On failure `path_tmp` is removed if that can be; `path` may be old or new, never torn. */
MUST_CHECK enum kv_status file_replace(struct io *io, const char *dir, const char *path_tmp,
                                       const char *path, struct slice content);

#endif
