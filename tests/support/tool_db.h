/* tool_db.h - a database for the test tools: opened over io_blocking, flushes done in place. */
#ifndef KV_TESTS_SUPPORT_TOOL_DB_H
#define KV_TESTS_SUPPORT_TOOL_DB_H

#include "db/db.h"
#include "support/inline_port.h"

struct tool_db {
    struct io *io;
    struct inline_port port;
    struct db_options options; /* may be changed before tool_db_open */
    struct db *db;
};

void tool_db_init(struct tool_db *tool, const char *dir);
/* Exits with 65 when it cannot. */
void tool_db_open(struct tool_db *tool);
/* Cleanly; exits with 74 when something is not durable. */
void tool_db_close(struct tool_db *tool);
void tool_db_turn(struct tool_db *tool);
/* Waits for what ctx wants. */
enum kv_status tool_db_fetch(struct tool_db *tool, struct read_ctx *ctx);
void tool_db_flush(struct tool_db *tool);
/* Until the picker has nothing to do; is_manual: and all is in the last level. */
void tool_db_compact(struct tool_db *tool, bool is_manual);
/* Writes, and waits for room and for durability of what came long before. */
void tool_db_write(struct tool_db *tool, struct write_batch *batch);

#endif
