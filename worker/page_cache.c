/* page_cache.c - asked with reads that do not wait.
 *
 * preadv2 with RWF_NOWAIT gives a byte or says EAGAIN, which is all that must be known, and neither
 * reads nor maps anything.  The probes lie evenly over the tables, so many more tables than probes
 * cost no more than a few.
 */
#include "worker/page_cache.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/file.h"
#include "ipc/worker_msg.h"

enum { PROBE_COUNT = 64 };

static bool
has_byte(int fd, uint64_t offset)
{
    uint8_t byte;
    const struct iovec where = {.iov_base = &byte, .iov_len = 1};

    return preadv2(fd, &where, 1, (off_t)offset, RWF_NOWAIT) == 1;
}

/* How many of `count` probes, `step` bytes apart, find something. */
static uint32_t
probe_table(const char *dir, uint64_t file_number, uint64_t offset, uint64_t step, uint32_t count)
{
    char path[PATH_BYTES_MAX];
    uint32_t found = 0;
    int fd;

    if (!worker_output_path(path, sizeof(path), dir, file_number))
        return 0;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return 0; /* the compaction will say what is wrong */
    for (uint32_t i = 0; i < count; i++)
        found += has_byte(fd, offset + i * step);
    close(fd);
    return found;
}

static uint64_t
bytes_at(const struct compaction_spec *spec, uint32_t level)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < spec->input_count; i++)
        bytes += spec->inputs[i].level == level ? spec->inputs[i].file_bytes : 0;
    return bytes;
}

bool
page_cache_has_inputs(const char *dir, const struct compaction_spec *spec)
{
    /* They come level by level. */
    const uint32_t level = spec->inputs[spec->input_count - 1].level;
    const uint64_t step = bytes_at(spec, level) / PROBE_COUNT + 1;
    uint64_t next = step / 2; /* where the next probe lies, from the begin of the table at hand */
    uint32_t probes = 0, found = 0;

    for (uint32_t i = 0; i < spec->input_count; i++) {
        const struct compact_input *input = &spec->inputs[i];
        uint32_t count;

        if (input->level != level)
            continue;
        count =
            next < input->file_bytes ? (uint32_t)((input->file_bytes - next - 1) / step) + 1 : 0;
        if (count > 0)
            found += probe_table(dir, input->file_number, next, step, count);
        probes += count;
        next = next + count * step - input->file_bytes;
    }
    return found > 0 && found >= probes / 2;
}

void
page_cache_forget(int fd)
{
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

void
page_cache_read_nothing_ahead(int fd)
{
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
}

void
page_cache_want(int fd, uint64_t offset, uint64_t bytes)
{
    (void)posix_fadvise(fd, (off_t)offset, (off_t)bytes, POSIX_FADV_WILLNEED);
}
