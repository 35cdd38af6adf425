/* connection.c - hiredis's blocking connection, read by ourselves, and messages that say what to
 * do.
 *
 * A connection that failed once is never used again: replies could no longer be told apart. */
#include "cli/connection.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "base/alloc.h"

static struct timeval
timeval_of(uint32_t ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
}

static redisContext *
connect_to(const struct endpoint *endpoint, uint32_t timeout_ms)
{
    const struct timeval limit = timeval_of(timeout_ms);

    if (endpoint->socket_path != NULL)
        return timeout_ms == 0 ? redisConnectUnix(endpoint->socket_path)
                               : redisConnectUnixWithTimeout(endpoint->socket_path, limit);
    return timeout_ms == 0 ? redisConnect(endpoint->host, endpoint->port)
                           : redisConnectWithTimeout(endpoint->host, endpoint->port, limit);
}

static void
complain_no_connection(const struct endpoint *endpoint, const redisContext *context)
{
    const char *reason = context == NULL ? "out of memory" : context->errstr;

    if (endpoint->socket_path != NULL)
        complain("cannot connect to %s: %s; is kvd running? -s names another socket",
                 endpoint->socket_path, reason);
    else
        complain("cannot connect to %s port %u: %s; is kvd running? -h and -p name another server, "
                 "--path DIR needs none",
                 endpoint->host, endpoint->port, reason);
}

/* Runs a command whose only good answer is "OK". */
static enum exit_code
run_simple(struct connection *connection, const char *name, const char *argument)
{
    struct request request = {0};
    redisReply *reply = NULL;
    enum exit_code code;

    request_add_text(&request, name);
    request_add_text(&request, argument);
    code = connection_run(connection, &request, &reply);
    if (code == EXIT_OK && reply->type == REDIS_REPLY_ERROR) {
        complain("%s: %s", name, reply->str);
        code = EXIT_SERVER_ERROR;
    }
    freeReplyObject(reply);
    request_deinit(&request);
    return code;
}

static enum exit_code
prepare(struct connection *connection, const struct options *options)
{
    enum exit_code code = EXIT_OK;
    char number[16];

    if (options->password != NULL)
        code = run_simple(connection, "AUTH", options->password);
    if (code == EXIT_OK && options->db_index > 0) {
        (void)snprintf(number, sizeof(number), "%u", options->db_index);
        code = run_simple(connection, "SELECT", number);
    }
    if (code == EXIT_OK && options->family != NULL)
        code = run_simple(connection, "KV.USE", options->family);
    return code;
}

enum exit_code
connection_open(struct connection *connection, const struct endpoint *endpoint,
                const struct options *options)
{
    const struct timeval limit = timeval_of(options->timeout_ms);
    enum exit_code code;

    KV_ASSERT(connection->context == NULL);
    connection->context = connect_to(endpoint, options->timeout_ms);
    if (connection->context == NULL || connection->context->err != 0) {
        complain_no_connection(endpoint, connection->context);
        connection_close(connection);
        return EXIT_NO_CONNECTION;
    }
    if (options->timeout_ms > 0 && redisSetTimeout(connection->context, limit) != REDIS_OK) {
        complain("cannot set the timeout: %s", connection->context->errstr);
        connection_close(connection);
        return EXIT_NO_CONNECTION;
    }
    code = prepare(connection, options);
    if (code != EXIT_OK)
        connection_close(connection);
    return code;
}

void
connection_close(struct connection *connection)
{
    if (connection->context != NULL)
        redisFree(connection->context);
    connection->context = NULL;
    reply_reader_deinit(&connection->reader);
}

static enum exit_code
complain_lost(const char *error, int error_number)
{
    if (error_number == EAGAIN || error_number == EWOULDBLOCK)
        complain("no reply in time; the command may still be done (--timeout allows more)");
    else
        complain("the connection was lost: %s; the command may have been done", error);
    return EXIT_NO_CONNECTION;
}

/* Sends all of it.  EXIT_OK, or a message was printed. */
static enum exit_code
send_request(redisContext *context, const struct request *request)
{
    const char **words = kv_alloc(request->count * sizeof(words[0]));
    size_t *sizes = kv_alloc(request->count * sizeof(sizes[0]));
    int appended, is_sent = 0;

    for (uint32_t i = 0; i < request->count; i++) {
        words[i] = (const char *)request->words[i].data;
        sizes[i] = request->words[i].size;
    }
    appended = redisAppendCommandArgv(context, (int)request->count, words, sizes);
    free(words);
    free(sizes);
    if (appended != REDIS_OK)
        return complain_lost(context->errstr, 0);
    while (!is_sent) {
        if (redisBufferWrite(context, &is_sent) != REDIS_OK)
            return complain_lost(context->errstr, context->err == REDIS_ERR_IO ? errno : 0);
    }
    return EXIT_OK;
}

enum exit_code
connection_run(struct connection *connection, const struct request *request, redisReply **reply_out)
{
    enum exit_code code;
    const char *error;
    int error_number;

    KV_ASSERT(connection->context != NULL);
    KV_ASSERT(request->count > 0);
    *reply_out = NULL;
    code = send_request(connection->context, request);
    if (code == EXIT_OK) {
        *reply_out =
            reply_reader_next(&connection->reader, connection->context->fd, &error, &error_number);
        if (*reply_out == NULL)
            code = complain_lost(error, error_number);
    }
    if (code != EXIT_OK)
        connection_close(connection);
    return code;
}
