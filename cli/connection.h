/* connection.h - one connection to a server, with what it needs before the first command. */
#ifndef KV_CLI_CONNECTION_H
#define KV_CLI_CONNECTION_H

#include <hiredis/hiredis.h>

#include "cli/exit_code.h"
#include "cli/options.h"
#include "cli/reply_reader.h"
#include "cli/request.h"

struct endpoint {
    const char *socket_path; /* borrowed; NULL: TCP */
    const char *host;        /* borrowed */
    uint16_t port;
};

/* Zeroed is closed. */
struct connection {
    redisContext *context; /* owned; sends */
    struct reply_reader reader;
};

/* Connects, authenticates and selects the database: EXIT_OK, or EXIT_NO_CONNECTION or
 * EXIT_SERVER_ERROR with a message. */
enum exit_code connection_open(struct connection *connection, const struct endpoint *endpoint,
                               const struct options *options);
void connection_close(struct connection *connection);

/* EXIT_OK: *reply_out is the reply, which may be an error; the caller frees it.  Otherwise the
 * connection is closed and a message was printed. */
enum exit_code connection_run(struct connection *connection, const struct request *request,
                              redisReply **reply_out);

#endif
