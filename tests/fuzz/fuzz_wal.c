/* Goal: no log file upsets the reader or the replay, in any mode.
 * Method: the first byte chooses the mode and whether checksums are made right first, so that the
 * code behind them is reached. */
#include <fcntl.h>
#include <stdlib.h>

#include "base/coding.h"
#include "base/crc32c.h"
#include "io/file.h"
#include "support/quiet_log.h"
#include "support/sim_io.h"
#include "wal/log_writer.h"
#include "wal/wal_replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum kv_status
on_batch(void *owner, uint64_t log_number, struct slice batch)
{
    (void)log_number;
    *(size_t *)owner += batch.size;
    return KV_OK;
}

/* Walks the headers as far as they make sense. */
static void
correct_checksums(uint8_t *bytes, size_t size)
{
    size_t at = 0;

    while (at + LOG_HEADER_RECYCLABLE_BYTES <= size) {
        const bool is_recyclable = bytes[at + 6] >= 5 && bytes[at + 6] <= 8;
        const size_t header = is_recyclable ? LOG_HEADER_RECYCLABLE_BYTES : LOG_HEADER_BYTES;
        const size_t length = load_fixed16(bytes + at + 4);

        if (length > size - at - header)
            return;
        if (is_recyclable)
            put_fixed32(bytes + at + LOG_HEADER_BYTES, 1);
        put_fixed32(bytes + at, crc32c_mask(crc32c_extend(0, bytes + at + 6, header - 6 + length)));
        at += header + length;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t number = 1;
    struct sim_io *sim;
    uint8_t *copy;
    size_t total = 0;
    int fd;

    if (size < 2)
        return 0;
    quiet_log();
    copy = malloc(size - 1);
    memcpy(copy, data + 1, size - 1);
    if ((data[0] & 4) != 0)
        correct_checksums(copy, size - 1);
    sim = sim_io_new(NULL);
    if (file_open(sim_io_base(sim), "/000001.log", O_RDWR | O_CREAT, &fd) == KV_OK &&
        file_write(sim_io_base(sim), fd, 0, copy, size - 1) == KV_OK) {
        struct wal_replay replay = {.io = sim_io_base(sim),
                                    .dir = "",
                                    .mode = (enum wal_recovery_mode)(data[0] & 3),
                                    .on_batch = on_batch,
                                    .owner = &total,
                                    .seq_next = 1};

        (void)!wal_replay_run(&replay, &number, 1);
        KV_ASSERT(total < size);
    }
    file_close(sim_io_base(sim), fd);
    sim_io_free(sim);
    free(copy);
    return 0;
}
