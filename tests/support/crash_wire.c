/* crash_wire.c - the few kinds of reply that SET, MSET, DEL, GET and PING have.
 *
 * The server is under test, so its bytes are checked like any others.
 */
#include "support/crash_wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/clock.h"

enum { READ_BYTES = 64 * 1024, BULK_BYTES_MAX = 512 << 20 };

uint64_t
wire_now_us(void)
{
    return clock_ns(CLOCK_MONOTONIC) / 1000;
}

int
wire_connect(const struct wire_address *address)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct sockaddr_in tcp = {.sin_family = AF_INET, .sin_port = htons(address->port)};
    const bool is_local = address->socket_path != NULL;
    const int fd = socket(is_local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int one = 1;
    int failed;

    if (fd < 0)
        return -1;
    tcp.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (is_local) {
        (void)snprintf(local.sun_path, sizeof(local.sun_path), "%s", address->socket_path);
        failed = connect(fd, (struct sockaddr *)&local, sizeof(local));
    } else {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        failed = connect(fd, (struct sockaddr *)&tcp, sizeof(tcp));
    }
    if (failed == 0)
        return fd;
    close(fd);
    return -1;
}

static bool
parse_number(struct slice digits, long long *number_out)
{
    char text[32];
    char *end;

    if (digits.size == 0 || digits.size >= sizeof(text))
        return false;
    memcpy(text, digits.data, digits.size);
    text[digits.size] = '\0';
    errno = 0;
    *number_out = strtoll(text, &end, 10);
    return *end == '\0' && errno == 0;
}

static struct reply
parse_bulk(struct slice input, struct reply reply)
{
    const size_t head = reply.size;

    if (!parse_number(reply.text, &reply.integer) || reply.integer < -1 ||
        reply.integer > BULK_BYTES_MAX) {
        reply.type = REPLY_BROKEN;
    } else if (reply.integer == -1) {
        reply.type = REPLY_NULL;
    } else if (input.size < head + (size_t)reply.integer + 2) {
        reply.type = REPLY_INCOMPLETE;
    } else {
        reply.text = slice_of(input.data + head, (size_t)reply.integer);
        reply.size = head + reply.text.size + 2;
        reply.type =
            memcmp(input.data + reply.size - 2, "\r\n", 2) == 0 ? REPLY_BULK : REPLY_BROKEN;
    }
    return reply;
}

struct reply
wire_parse(struct slice input)
{
    struct reply reply = {.type = REPLY_INCOMPLETE};
    const uint8_t *end = input.size < 3 ? NULL : memchr(input.data, '\n', input.size);

    if (end == NULL)
        return reply;
    reply.size = (size_t)(end - input.data) + 1;
    if (reply.size < 3 || end[-1] != '\r') {
        reply.type = REPLY_BROKEN;
        return reply;
    }
    reply.text = slice_of(input.data + 1, reply.size - 3);
    switch (input.data[0]) {
    case '+':
        reply.type = REPLY_TEXT;
        return reply;
    case '-':
        reply.type = REPLY_ERROR;
        return reply;
    case ':':
        reply.type = parse_number(reply.text, &reply.integer) ? REPLY_INTEGER : REPLY_BROKEN;
        return reply;
    case '$':
        return parse_bulk(input, reply);
    default:
        reply.type = REPLY_BROKEN;
        return reply;
    }
}

bool
wire_receive(int fd, struct buffer *in)
{
    ssize_t got = recv(fd, buffer_reserve(in, READ_BYTES), READ_BYTES, 0);

    if (got > 0)
        in->size += (size_t)got;
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR));
}

bool
wire_send(int fd, struct buffer *out)
{
    const ssize_t sent = send(fd, out->data, out->size, MSG_NOSIGNAL);

    if (sent > 0)
        buffer_consume(out, (size_t)sent);
    return sent >= 0 || errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

int
wire_connect_when_ready(const struct wire_address *address, double wait_s)
{
    const uint64_t deadline_us = wire_now_us() + (uint64_t)(wait_s * 1e6);
    const struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};

    while (wire_now_us() < deadline_us) {
        static const char ping[] = "*1\r\n$4\r\nPING\r\n";
        struct pollfd wait = {.fd = wire_connect(address), .events = POLLIN};
        char answer[8] = "";

        if (wait.fd >= 0 &&
            send(wait.fd, ping, sizeof(ping) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(ping) - 1 &&
            poll(&wait, 1, 1000) == 1 && recv(wait.fd, answer, sizeof(answer) - 1, 0) == 7 &&
            memcmp(answer, "+PONG\r\n", 7) == 0)
            return wait.fd;
        if (wait.fd >= 0)
            close(wait.fd);
        nanosleep(&pause, NULL);
    }
    fprintf(stderr, "no server answers within %.0f s\n", wait_s);
    return -1;
}
