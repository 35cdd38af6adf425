#include "support/tool_db.h"
#include "support/arrival.h"

#include <stdio.h>
#include <stdlib.h>

#include "io/io_blocking.h"

void
tool_db_init(struct tool_db *tool, const char *dir)
{
    *tool = (struct tool_db){.io = io_blocking_new()};
    tool->options = (struct db_options){
        .io = tool->io,
        .dir = dir,
        .create_if_missing = true,
        .memory_limit_bytes = 256 << 20,
        .memtable_bytes = 16 << 20,
        .wal_bytes_max = 64 << 20,
        .wal_sync = WAL_SYNC_NEVER,
        .wal_recovery_mode = WAL_POINT_IN_TIME,
        .compression = COMPRESSION_LZ4,
        .bloom_bits_per_key = 10,
    };
}

void
tool_db_open(struct tool_db *tool)
{
    inline_port_init(&tool->port, tool->io);
    tool->options.port = &tool->port.port;
    if (db_open(&tool->options, &tool->db) != KV_OK)
        exit(65);
}

void
tool_db_turn(struct tool_db *tool)
{
    db_turn(tool->db);
    io_blocking_turn(tool->io);
}

void
tool_db_close(struct tool_db *tool)
{
    inline_port_deinit(&tool->port);
    while (!db_is_idle(tool->db))
        io_blocking_turn(tool->io);
    if (db_close(tool->db) != KV_OK)
        exit(74);
    io_blocking_free(tool->io);
}

enum kv_status
tool_db_fetch(struct tool_db *tool, struct read_ctx *ctx)
{
    struct arrival arrival = ARRIVAL;

    db_fetch(tool->db, ctx, &arrival.waiter);
    while (!arrival.is_here)
        tool_db_turn(tool);
    return arrival.st;
}

void
tool_db_flush(struct tool_db *tool)
{
    struct outcome outcome = {0};

    db_flush(tool->db, outcome_note, &outcome);
    while (!outcome.is_here)
        tool_db_turn(tool);
    if (outcome.st != KV_OK)
        exit(74);
}

void
tool_db_compact(struct tool_db *tool, bool is_manual)
{
    const struct db_compact_request everything = {.cf_id = CF_DEFAULT};
    struct db_stats stats;
    struct outcome outcome = {.is_here = !is_manual};

    if (is_manual)
        (void)db_compact(tool->db, &everything, outcome_note, &outcome);
    do {
        tool_db_turn(tool);
        if (outcome.st != KV_OK)
            exit(74); /* a plan that failed rests, and is not settled */
        db_get_stats(tool->db, &stats);
    } while (!outcome.is_here || !stats.compaction_is_settled || stats.obsolete_count > 0);
}

void
tool_db_write(struct tool_db *tool, struct write_batch *batch)
{
    uint64_t seq;
    enum kv_status st;

    while ((st = db_write(tool->db, batch, &seq)) == KV_BUSY)
        tool_db_turn(tool);
    if (st != KV_OK) {
        fprintf(stderr, "write: %s\n", kv_status_text(st));
        exit(74);
    }
    if (seq % 64 == 0)
        tool_db_turn(tool);
}
