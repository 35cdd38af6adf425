/* Goal: no MANIFEST hurts, and what is accepted is encoded to the same again.
 * Method: the input is one record for the decoder; it is also a list of records (lstr) of a whole
 * MANIFEST with right checksums, which is opened read-only on the simulated machine. */
#include <fcntl.h>

#include "base/assert.h"
#include "base/coding.h"
#include "base/log.h"
#include "io/file.h"
#include "support/sim_io.h"
#include "version/version_edit.h"
#include "version/version_set.h"
#include "wal/log_writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
write_file(struct io *io, const char *path, struct slice content)
{
    enum kv_status st;
    int fd;

    st = file_open(io, path, O_CREAT | O_WRONLY, &fd);
    KV_ASSERT(st == KV_OK);
    st = file_write(io, fd, 0, content.data, content.size);
    KV_ASSERT(st == KV_OK);
    file_close(io, fd);
}

static void
open_as_manifest(struct slice input)
{
    /* log 0, next file 2, last sequence 0: what each MANIFEST must have */
    static const uint8_t start[] = {2, 0, 3, 2, 4, 0};
    struct sim_io *sim = sim_io_new(NULL);
    struct io *io = sim_io_base(sim);
    const struct version_set_options options = {.io = io, .dir = "/db", .read_only = true};
    struct io_request mkdir = {.op = IO_MKDIR, .path = "/db"};
    struct log_writer writer;
    struct buffer framed = {0};
    struct version_set *set;
    struct slice record;
    enum kv_status st;

    log_writer_init(&writer, false, 1);
    log_writer_append(&writer, &framed, slice_of(start, sizeof(start)));
    while (get_lstr(&input, &record))
        log_writer_append(&writer, &framed, record);
    KV_ASSERT(io_call(io, &mkdir) == 0);
    write_file(io, "/db/CURRENT", slice_from_text("MANIFEST-000001\n"));
    write_file(io, "/db/MANIFEST-000001", buffer_slice(&framed));
    st = version_set_open(&options, &set);
    KV_ASSERT(st != KV_IO);
    version_set_close(set);
    buffer_deinit(&framed);
    sim_io_free(sim);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct version_edit edit = {0}, back = {0};
    struct buffer first = {0}, second = {0};

    log_set_level(LOG_LEVEL_WARNING + 1);
    if (version_edit_decode(slice_of(data, size), &edit) == KV_OK) {
        version_edit_encode(&edit, &first);
        KV_ASSERT(version_edit_decode(buffer_slice(&first), &back) == KV_OK);
        version_edit_encode(&back, &second);
        KV_ASSERT(slice_equal(buffer_slice(&first), buffer_slice(&second)));
    }
    version_edit_deinit(&edit);
    version_edit_deinit(&back);
    buffer_deinit(&first);
    buffer_deinit(&second);
    open_as_manifest(slice_of(data, size));
    return 0;
}
