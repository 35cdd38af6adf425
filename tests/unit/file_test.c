/* Goal: file.h's loops survive short counts and errors, and every failure is logged once. */
#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "io/file.h"
#include "io/io_blocking.h"
#include "support/scratch_dir.h"
#include "support/unit.h"

/* An io in front of io_blocking that gives short counts and fails the n-th call. */
struct stingy_io {
    struct io io; /* first */
    struct io *base;
    size_t transfer_max;
    uint32_t call_count;
    uint32_t fail_at; /* call number from 1; 0: never */
    int fail_errno;
};

static int64_t
stingy_call(struct io *io, struct io_request *request)
{
    struct stingy_io *stingy = KV_CONTAINER_OF(io, struct stingy_io, io);
    struct io_request part = *request;
    int64_t result;

    if (++stingy->call_count == stingy->fail_at)
        return -stingy->fail_errno;
    if (part.size > stingy->transfer_max && (part.op == IO_READ || part.op == IO_WRITE))
        part.size = stingy->transfer_max;
    result = io_call(stingy->base, &part);
    request->size_out = part.size_out;
    return result;
}

static const struct io_ops stingy_ops = {.call = stingy_call};
static struct stingy_io stingy;
static struct io *io = &stingy.io;
static char dir[SCRATCH_PATH_BYTES];
static char paths[2][SCRATCH_PATH_BYTES + 16];
static uint32_t line_count;
static char last_line[1100];

static void
keep_line(void *owner, enum log_level level, const char *line)
{
    (void)owner;
    (void)level;
    line_count++;
    strncpy(last_line, line, sizeof(last_line) - 1);
}

static void
setup(void)
{
    scratch_dir_make(dir, NULL);
    CU_ASSERT_EQUAL(file_path(dir, "tmp", paths[0], sizeof(paths[0])), KV_OK);
    CU_ASSERT_EQUAL(file_path(dir, "name", paths[1], sizeof(paths[1])), KV_OK);
    stingy = (struct stingy_io){.io.ops = &stingy_ops, .transfer_max = 7, .fail_errno = EIO};
    stingy.base = io_blocking_new();
    line_count = 0;
    log_set_sink(keep_line, NULL);
}

static void
teardown(void)
{
    log_set_sink(NULL, NULL);
    io_blocking_free(stingy.base);
    unlink(paths[0]);
    unlink(paths[1]);
    CU_ASSERT_EQUAL(rmdir(dir), 0);
}

/* Method: seven bytes a call at most; what was written is read whole, by both ways to read. */
static void
short_counts_are_continued(void)
{
    const char text[] = "a text that takes more than one of these small steps";
    char again[sizeof(text)];
    struct buffer all = {0};
    uint64_t size;
    int fd;

    setup();
    CU_ASSERT_EQUAL(file_open(io, paths[0], O_RDWR | O_CREAT, &fd), KV_OK);
    CU_ASSERT_EQUAL(file_write(io, fd, 0, text, sizeof(text)), KV_OK);
    CU_ASSERT_EQUAL(file_sync(io, fd), KV_OK);
    CU_ASSERT_EQUAL(file_size(io, fd, &size), KV_OK);
    CU_ASSERT_EQUAL(size, sizeof(text));
    CU_ASSERT_EQUAL(file_read(io, fd, 0, again, sizeof(again)), KV_OK);
    CU_ASSERT_EQUAL(memcmp(text, again, sizeof(text)), 0);
    CU_ASSERT_EQUAL(line_count, 0);
    CU_ASSERT_EQUAL(file_read(io, fd, 1, again, sizeof(again)), KV_CORRUPT);
    CU_ASSERT_EQUAL(line_count, 1);
    file_close(io, fd);
    buffer_append(&all, "*", 1);
    CU_ASSERT_EQUAL(file_read_all(io, paths[0], sizeof(text), &all), KV_OK);
    CU_ASSERT_EQUAL(all.size, sizeof(text) + 1);
    CU_ASSERT_EQUAL(memcmp(all.data + 1, text, sizeof(text)), 0);
    CU_ASSERT_EQUAL(file_read_all(io, paths[0], sizeof(text) - 1, &all), KV_LIMIT);
    CU_ASSERT_EQUAL(all.size, sizeof(text) + 1);
    buffer_deinit(&all);
    teardown();
}

/* Method: every failing helper gives the status of its errno and one line with the path. */
static void
failures_are_logged_with_their_path(void)
{
    char path[16];
    bool exists = true;
    int fd = 0;

    setup();
    CU_ASSERT_EQUAL(file_open(io, paths[0], O_RDONLY, &fd), KV_NO_FILE);
    CU_ASSERT_EQUAL(fd, -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(last_line, paths[0]));
    file_close(io, fd);
    CU_ASSERT_EQUAL(file_unlink(io, paths[0]), KV_NO_FILE);
    CU_ASSERT_EQUAL(file_rename(io, paths[0], paths[1]), KV_NO_FILE);
    CU_ASSERT_PTR_NOT_NULL(strstr(last_line, paths[1]));
    CU_ASSERT_EQUAL(file_sync_dir(io, paths[0]), KV_NO_FILE);
    CU_ASSERT_EQUAL(line_count, 4);
    CU_ASSERT_EQUAL(file_exists(io, paths[0], &exists), KV_OK);
    CU_ASSERT_FALSE(exists);
    CU_ASSERT_EQUAL(line_count, 4);
    CU_ASSERT_EQUAL(file_path(dir, "a-long-name", path, sizeof(path)), KV_LIMIT);
    CU_ASSERT_EQUAL(line_count, 5);
    teardown();
}

/* Method: fail each call of a replacement in turn.  The name holds the old or the new content,
 * whole, and success is never claimed. */
static void
a_replacement_is_all_or_nothing(void)
{
    setup();
    CU_ASSERT_EQUAL(file_replace(io, dir, paths[0], paths[1], slice_from_text("old content")),
                    KV_OK);
    for (uint32_t fail_at = 1;; fail_at++) {
        struct buffer found = {0};
        bool exists = true;
        enum kv_status st;

        stingy.call_count = 0;
        stingy.fail_at = fail_at;
        stingy.fail_errno = ENOSPC;
        st = file_replace(io, dir, paths[0], paths[1], slice_from_text("new content"));
        if (stingy.call_count < fail_at) {
            CU_ASSERT_EQUAL(st, KV_OK);
            CU_ASSERT_TRUE(fail_at >= 8);
            break;
        }
        stingy.fail_at = 0;
        CU_ASSERT_EQUAL(file_read_all(io, paths[1], 100, &found), KV_OK);
        CU_ASSERT_TRUE(slice_equal(buffer_slice(&found), slice_from_text("old content")) ||
                       slice_equal(buffer_slice(&found), slice_from_text("new content")));
        CU_ASSERT_EQUAL(file_exists(io, paths[0], &exists), KV_OK);
        CU_ASSERT_FALSE(exists);
        if (st == KV_OK) /* only the close may fail unnoticed: the data was synced */
            CU_ASSERT_PTR_NOT_NULL(strstr(last_line, "close"));
        buffer_deinit(&found);
    }
    teardown();
}

/* Method: one of three cannot be synced.  The others are, and the failure is told. */
static void
a_failure_of_one_sync_among_many_is_told(void)
{
    int fds[3];

    setup();
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(file_open(io, paths[0], O_RDWR | O_CREAT, &fds[i]), KV_OK);
    stingy.call_count = 0;
    CU_ASSERT_EQUAL(file_sync_all(io, fds, 3), KV_OK);
    CU_ASSERT_EQUAL(stingy.call_count, 3);
    stingy.fail_at = 5;
    CU_ASSERT_EQUAL(file_sync_all(io, fds, 3), KV_IO);
    CU_ASSERT_EQUAL(stingy.call_count, 6);
    CU_ASSERT_EQUAL(line_count, 1);
    CU_ASSERT_EQUAL(file_sync_all(io, fds, 0), KV_OK);
    for (int i = 0; i < 3; i++)
        file_close(io, fds[i]);
    teardown();
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(short_counts_are_continued),
        UNIT_TEST(failures_are_logged_with_their_path),
        UNIT_TEST(a_replacement_is_all_or_nothing),
        UNIT_TEST(a_failure_of_one_sync_among_many_is_told),
        UNIT_TEST_END,
    };

    return unit_main("file", tests, argc, argv);
}
