/* wal_bench - what a durable group costs on this disk, through the ring.
 *
 *     wal_bench <directory> [group_bytes] [count]
 *
 * Prints the latency of one group at a time in a prepared segment, beside a plain growing file
 * with fdatasync, and the CPU cost of an append. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "io/file.h"
#include "io/ring.h"
#include "wal/wal.h"

enum { RECORD_BYTES = 130, COUNT_DEFAULT = 3000 };

static uint64_t file_number;
static uint64_t durable_seq;

static uint64_t
next_file_number(void *owner)
{
    (void)owner;
    return ++file_number;
}

static void
on_durable(void *owner, uint64_t seq)
{
    (void)owner;
    durable_seq = seq;
}

static void
on_failed(void *owner, enum kv_status st)
{
    (void)owner;
    fprintf(stderr, "the log failed: %s\n", kv_status_text(st));
    exit(1);
}

static int
compare_u64(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void
report(const char *name, uint64_t *took_us, uint32_t count)
{
    uint64_t total_us = 0;

    for (uint32_t i = 0; i < count; i++)
        total_us += took_us[i];
    qsort(took_us, count, sizeof(*took_us), compare_u64);
    printf("%-28s p50 %llu us  p99 %llu us  max %llu us  %.0f groups/s\n", name,
           (unsigned long long)took_us[count / 2], (unsigned long long)took_us[count * 99 / 100],
           (unsigned long long)took_us[count - 1], 1e6 * count / (double)total_us);
}

static void
wait_idle(struct ring *ring, struct wal *wal)
{
    do {
        wal_turn(wal);
        (void)ring_turn(ring, 1000);
    } while (!wal_is_idle(wal));
}

static void
bench_groups(struct ring *ring, struct wal *wal, size_t group_bytes, uint64_t *took_us,
             uint32_t count)
{
    struct io *io = ring_io(ring);
    uint8_t record[RECORD_BYTES] = {1};
    uint64_t seq = wal_durable_seq(wal);

    for (uint32_t i = 0; i < count; i++) {
        const uint64_t started_us = io_now_us(io);

        for (size_t bytes = 0; bytes < group_bytes; bytes += RECORD_BYTES)
            if (wal_append(wal, slice_of(record, sizeof(record)), ++seq) != KV_OK)
                exit(1);
        while (durable_seq < seq) {
            wal_turn(wal);
            (void)ring_turn(ring, 1000000);
        }
        took_us[i] = io_now_us(io) - started_us;
    }
}

static void
bench_growing_file(struct io *io, const char *dir, size_t group_bytes, uint64_t *took_us,
                   uint32_t count)
{
    char path[PATH_BYTES_MAX];
    uint8_t *data = calloc(1, group_bytes);
    int fd;

    snprintf(path, sizeof(path), "%s/growing", dir);
    if (file_open(io, path, O_RDWR | O_CREAT | O_TRUNC, &fd) != KV_OK)
        exit(1);
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t started_us = io_now_us(io);
        struct io_request sync = {.op = IO_FDATASYNC, .fd = fd};

        if (file_write(io, fd, i * group_bytes, data, group_bytes) != KV_OK ||
            io_call(io, &sync) < 0)
            exit(1);
        took_us[i] = io_now_us(io) - started_us;
    }
    file_close(io, fd);
    (void)!file_unlink(io, path);
    free(data);
}

static void
bench_append(struct io *io, struct ring *ring, struct wal *wal)
{
    enum { APPENDS = 1000000, PER_TURN = 1000 };
    uint8_t record[RECORD_BYTES] = {1};
    uint64_t seq = wal_durable_seq(wal), append_us = 0;

    for (uint32_t i = 0; i < APPENDS / PER_TURN; i++) {
        const uint64_t started_us = io_now_us(io);

        for (uint32_t j = 0; j < PER_TURN; j++)
            (void)!wal_append(wal, slice_of(record, sizeof(record)), ++seq);
        append_us += io_now_us(io) - started_us;
        wal_turn(wal);
        (void)ring_turn(ring, 0);
    }
    wait_idle(ring, wal);
    printf("append of %d bytes: %.1f ns\n", RECORD_BYTES, 1e3 * (double)append_us / APPENDS);
}

int
main(int argc, char **argv)
{
    const size_t group_bytes = argc > 2 ? strtoul(argv[2], NULL, 10) : 4000;
    const uint32_t count = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : COUNT_DEFAULT;
    uint64_t *took_us = kv_alloc(count * sizeof(*took_us));
    struct wal_options options = {.segment_bytes = 64 * 1024 * 1024,
                                  .recycle_count_max = 1,
                                  .next_file_number = next_file_number,
                                  .on_durable = on_durable,
                                  .on_failed = on_failed};
    struct ring *ring;
    struct wal *wal;

    if (argc < 2 || ring_open(256, &ring) != KV_OK)
        return 2;
    options.io = ring_io(ring);
    options.dir = argv[1];
    if (wal_open(&options, &wal) != KV_OK)
        return 1;
    wait_idle(ring, wal);
    bench_groups(ring, wal, group_bytes, took_us, count);
    report("prepared segment", took_us, count);
    bench_growing_file(options.io, argv[1], group_bytes, took_us, count);
    report("growing file + fdatasync", took_us, count);
    bench_append(options.io, ring, wal);
    wal_close(wal);
    ring_close(ring);
    free(took_us);
    return 0;
}
