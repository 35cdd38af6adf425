/* dial.c - one connection after another and blocking: nothing is measured yet, and a message about
 * the first that fails is worth more than speed.
 */
#include "cli/kvbench/dial.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/assert.h"
#include "cli/kvbench/reply_parser.h"

enum { REQUEST_BYTES_MAX = 4096 };

static enum exit_code
refuse(const struct bench_options *options, const char *what)
{
    if (options->socket_path != NULL)
        complain("cannot connect to %s: %s", options->socket_path, what);
    else
        complain("cannot connect to %s:%llu: %s", options->host, (unsigned long long)options->port,
                 what);
    return EXIT_NO_CONNECTION;
}

/* For connect and for the first replies. */
static void
set_timeouts(int fd, uint64_t timeout_ns)
{
    const struct timeval timeout = {
        .tv_sec = (time_t)(timeout_ns / 1000000000),
        .tv_usec = (suseconds_t)(timeout_ns % 1000000000 / 1000),
    };

    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
}

/* -1 with errno. */
static int
connect_to(const struct bench_options *options, int family, const struct sockaddr *address,
           socklen_t size)
{
    const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    int saved;

    if (fd < 0)
        return -1;
    set_timeouts(fd, options->timeout_ns);
    if (family != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    if (connect(fd, address, size) == 0)
        return fd;
    saved = errno == EINPROGRESS || errno == EAGAIN ? ETIMEDOUT : errno;
    (void)close(fd);
    errno = saved;
    return -1;
}

static enum exit_code
connect_unix(const struct bench_options *options, int *fd_out)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(options->socket_path) >= sizeof(address.sun_path))
        return refuse(options, "the path is too long for a socket");
    memcpy(address.sun_path, options->socket_path, strlen(options->socket_path) + 1);
    *fd_out = connect_to(options, AF_UNIX, (const struct sockaddr *)&address, sizeof(address));
    return *fd_out >= 0 ? EXIT_OK : refuse(options, strerror(errno));
}

static enum exit_code
connect_tcp(const struct bench_options *options, int *fd_out)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char port[8];
    int failed;

    (void)snprintf(port, sizeof(port), "%u", (unsigned)options->port);
    failed = getaddrinfo(options->host, port, &hints, &found);
    if (failed != 0)
        return refuse(options, gai_strerror(failed));
    *fd_out = -1;
    errno = EADDRNOTAVAIL;
    for (const struct addrinfo *at = found; at != NULL && *fd_out < 0; at = at->ai_next)
        *fd_out = connect_to(options, at->ai_family, at->ai_addr, at->ai_addrlen);
    failed = errno;
    freeaddrinfo(found);
    return *fd_out >= 0 ? EXIT_OK : refuse(options, strerror(failed));
}

/* Sends one request, and passes its reply over. */
static enum exit_code
converse(const struct bench_options *options, int fd, struct reply_parser *parser,
         const struct buffer *request)
{
    uint8_t bytes[REQUEST_BYTES_MAX];
    enum reply_parse parsed = REPLY_MORE;

    if (send(fd, request->data, request->size, MSG_NOSIGNAL) != (ssize_t)request->size)
        return refuse(options, strerror(errno));
    while (parsed == REPLY_MORE) {
        const ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
        struct slice input = slice_of(bytes, got > 0 ? (size_t)got : 0);

        if (got <= 0)
            return refuse(options, got == 0          ? "the server closed the connection"
                                   : errno == EAGAIN ? "no reply in time"
                                                     : strerror(errno));
        parsed = reply_parser_next(parser, &input);
        if (parsed == REPLY_BROKEN)
            return refuse(options, parser->broken);
    }
    if (!parser->is_error)
        return EXIT_OK;
    complain("the server says: %.*s", (int)parser->error.size, (const char *)parser->error.data);
    return EXIT_SERVER_ERROR;
}

static void
put_word(struct buffer *request, const char *word)
{
    buffer_append_format(request, "$%zu\r\n", strlen(word));
    buffer_append(request, word, strlen(word));
    buffer_append(request, "\r\n", 2);
}

static enum exit_code
greet(const struct bench_options *options, int fd)
{
    char db[24];
    const char *const commands[][2] = {
        {"HELLO", options->is_resp3 ? "3" : NULL},
        {"AUTH", options->password},
        {"SELECT", options->db_index > 0 ? db : NULL},
        {"PING", ""},
    };
    struct reply_parser parser;
    struct buffer request = {0};
    enum exit_code code = EXIT_OK;

    (void)snprintf(db, sizeof(db), "%llu", (unsigned long long)options->db_index);
    reply_parser_init(&parser, false);
    if (options->is_resp3 && options->password != NULL) {
        /* HELLO itself is refused before AUTH; only as its part does it work everywhere. */
        buffer_append_format(&request, "*5\r\n");
        put_word(&request, "HELLO");
        put_word(&request, "3");
        put_word(&request, "AUTH");
        put_word(&request, "default");
        put_word(&request, options->password);
        code = converse(options, fd, &parser, &request);
    }
    for (size_t i = 0; code == EXIT_OK && i < sizeof(commands) / sizeof(commands[0]); i++) {
        const char *argument = commands[i][1];

        if (argument == NULL || (i < 2 && options->is_resp3 && options->password != NULL))
            continue;
        buffer_clear(&request);
        buffer_append_format(&request, "*%d\r\n", *argument == '\0' ? 1 : 2);
        put_word(&request, commands[i][0]);
        if (*argument != '\0')
            put_word(&request, argument);
        code = converse(options, fd, &parser, &request);
    }
    buffer_deinit(&request);
    reply_parser_deinit(&parser);
    return code;
}

enum exit_code
dial(const struct bench_options *options, int *fd_out)
{
    enum exit_code code;

    KV_ASSERT(options->timeout_ns > 0);
    *fd_out = -1;
    code =
        options->socket_path != NULL ? connect_unix(options, fd_out) : connect_tcp(options, fd_out);
    if (code == EXIT_OK)
        code = greet(options, *fd_out);
    if (code != EXIT_OK && *fd_out >= 0) {
        (void)close(*fd_out);
        *fd_out = -1;
    }
    return code;
}
