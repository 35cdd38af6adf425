/* kv_dump DIR [FAMILY] - prints every live key of a database as `ldb scan --hex` does:
 * "0xKEY ==> 0xVALUE".  Opens it read-write through the engine, with flushes done in place. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/io_blocking.h"
#include "support/inline_port.h"

#include "db/db.h"

struct arrival {
    struct db_waiter waiter;
    bool is_here;
    enum kv_status st;
};

static void
on_arrived(struct db_waiter *waiter, enum kv_status st)
{
    struct arrival *arrival = KV_CONTAINER_OF(waiter, struct arrival, waiter);

    arrival->is_here = true;
    arrival->st = st;
}

static enum kv_status
fetch(struct db *db, struct io *io, struct read_ctx *ctx)
{
    struct arrival arrival = {.waiter = {.on_arrived = on_arrived}};

    db_fetch(db, ctx, &arrival.waiter);
    while (!arrival.is_here) {
        db_turn(db);
        io_blocking_turn(io);
    }
    return arrival.st;
}

static void
print_hex(struct slice bytes)
{
    printf("0x");
    for (size_t i = 0; i < bytes.size; i++)
        printf("%02X", bytes.data[i]);
}

static enum kv_status
dump(struct db *db, struct io *io, uint32_t cf_id)
{
    struct read_ctx ctx;
    struct db_scan *scan;
    bool found = false, started = false;
    enum kv_status st;

    read_ctx_init(&ctx, db_block_cache(db));
    scan = db_scan_new(db, &ctx, cf_id);
    do {
        st = started ? db_scan_next(scan, &found) : db_scan_seek(scan, slice_of(NULL, 0), &found);
        if (st == KV_WANT_BLOCK) {
            st = fetch(db, io, &ctx);
            found = true;
            continue;
        }
        started = true;
        if (st == KV_OK && found) {
            print_hex(db_scan_key(scan));
            printf(" ==> ");
            print_hex(db_scan_value(scan));
            putchar('\n');
        }
    } while (st == KV_OK && found);
    db_scan_free(scan);
    read_ctx_deinit(&ctx);
    return st;
}

int
main(int argc, char **argv)
{
    struct io *io = io_blocking_new();
    struct inline_port port;
    struct db_options options = {
        .io = io,
        .port = &port.port,
        .memory_limit_bytes = 256 << 20,
        .memtable_bytes = 64 << 20,
        .wal_bytes_max = 128 << 20,
        .wal_recovery_mode = WAL_POINT_IN_TIME,
        .compression = COMPRESSION_LZ4,
        .bloom_bits_per_key = 10,
    };
    uint32_t cf_id = CF_DEFAULT;
    enum kv_status st;
    struct db *db;

    if (argc < 2) {
        fprintf(stderr, "usage: kv_dump DIR [FAMILY]\n");
        return 64;
    }
    options.dir = argv[1];
    inline_port_init(&port, io);
    st = db_open(&options, &db);
    if (st != KV_OK)
        return 65;
    if (argc > 2 && !db_find_family(db, slice_from_text(argv[2]), &cf_id))
        return 66;
    st = dump(db, io, cf_id);
    if (st != KV_OK)
        fprintf(stderr, "kv_dump: %s\n", kv_status_text(st));
    inline_port_deinit(&port);
    while (!db_is_idle(db))
        io_blocking_turn(io);
    if (db_close(db) != KV_OK || st != KV_OK)
        return 65;
    io_blocking_free(io);
    return 0;
}
