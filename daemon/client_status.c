/* client_status.c - what the engine's statuses mean to the one who sent the command. */
#include <inttypes.h>

#include "daemon/client_internal.h"
#include "daemon/server.h"

/* The log has no space, or there is little left for anything. */
static void
reply_no_space(struct server *server, struct resp_writer *reply)
{
    struct db_space_info space;

    db_get_space(server->db, &space);
    if (space.is_refusing)
        resp_error_format(reply,
                          "MISCONF The disk is nearly full: %" PRIu64 " MB are free, %" PRIu64
                          " MB are kept to flush and compact. Deletions are accepted%s, other "
                          "writes when there is room again. Nothing was written by this command.",
                          space.free_bytes >> 20, (space.kept_bytes >> 20) + 1,
                          space.is_full ? " of ranges only (FLUSHALL, FLUSHDB, KV.DELRANGE)" : "");
    else
        resp_error(reply, "MISCONF No space is left for the write-ahead log: writes are refused "
                          "until there is. Nothing was written by this command.");
}

void
client_reply_status(struct server *server, struct resp_writer *reply, enum kv_status st)
{
    switch (st) {
    case KV_READ_ONLY:
        resp_error(reply, "MISCONF Errors writing to the write-ahead log: writes are refused "
                          "until it works again. Nothing was written by this command.");
        break;
    case KV_NO_SPACE:
        reply_no_space(server, reply);
        break;
    case KV_STALLED:
        resp_error(reply, "MISCONF Memory is full of writes that no worker has flushed for 10 "
                          "seconds: writes are refused until one does; see KV.WORKERS and the "
                          "log. Nothing was written by this command.");
        break;
    case KV_LIMIT:
        resp_error(reply, "ERR the command is larger than a static limit allows");
        break;
    case KV_CORRUPT:
        resp_error(reply, "ERR stored data that this command needs is damaged; see the log");
        break;
    case KV_INVALID:
        resp_error(reply, "ERR the merge operands of this key cannot be applied to its value");
        break;
    case KV_CANCELLED:
        resp_error(reply, "NOFAMILY the column family was dropped meanwhile. Nothing was written "
                          "by this command.");
        break;
    case KV_UNSUPPORTED:
        resp_error(reply, "ERR stored data that this command needs uses a feature that kvd does "
                          "not have; see the log");
        break;
    default:
        resp_error_format(reply, "ERR %s; see the log", kv_status_text(st));
        break;
    }
}
