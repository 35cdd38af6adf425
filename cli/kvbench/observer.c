/* observer.c - IDLE -> asked -> IDLE, at most once a second.  A server that has no such section, as
 * all but kvd, is asked once.
 */
#include "cli/kvbench/observer.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "cli/kvbench/dial.h"

static const char request[] = "*2\r\n$4\r\nINFO\r\n$3\r\nkvd\r\n";
static const uint64_t INTERVAL_NS = 1000000000;

bool
observer_find_number(struct slice info, const char *name, uint64_t *number_out)
{
    const size_t name_size = strlen(name);

    while (info.size > 0) {
        const uint8_t *end = memchr(info.data, '\n', info.size);
        const size_t size = end == NULL ? info.size : (size_t)(end - info.data);
        uint64_t number = 0;
        size_t at = name_size + 1;

        if (size > at && memcmp(info.data, name, name_size) == 0 && info.data[name_size] == ':') {
            for (; at < size && info.data[at] >= '0' && info.data[at] <= '9'; at++) {
                if (__builtin_mul_overflow(number, 10, &number) ||
                    __builtin_add_overflow(number, (uint64_t)(info.data[at] - '0'), &number))
                    return false;
            }
            *number_out = number;
            return at > name_size + 1;
        }
        info = end == NULL ? slice_of(NULL, 0) : slice_of(end + 1, info.size - size - 1);
    }
    return false;
}

static void
hang_up(struct observer *observer)
{
    if (observer->fd >= 0)
        (void)close(observer->fd);
    observer->fd = -1;
}

/* A server that answers with nothing, with an error or not at all is left alone. */
static void
take_reply(struct observer *observer)
{
    const struct reply_parser *reply = &observer->parser;
    uint64_t delayed_count;

    observer->is_waiting = false;
    if (reply->is_error || !observer_find_number(reply->bulk, "writes_delayed", &delayed_count)) {
        hang_up(observer);
        return;
    }
    if (observer->is_known && delayed_count >= observer->delayed_count)
        run_note_delayed(observer->run, delayed_count - observer->delayed_count);
    observer->delayed_count = delayed_count;
    observer->is_known = true;
}

static void
receive(struct observer *observer)
{
    struct io_uring_sqe *sqe = ring_get_sqe(observer->ring, &observer->on_received);

    io_uring_prep_recv(sqe, observer->fd, observer->bytes, sizeof(observer->bytes), 0);
}

static void
on_sent(struct ring_event *event, int32_t result, uint32_t flags)
{
    struct observer *observer = KV_CONTAINER_OF(event, struct observer, on_sent);

    (void)flags;
    /* The reception then ends too. */
    if (result != (int32_t)sizeof(request) - 1 && observer->fd >= 0)
        (void)shutdown(observer->fd, SHUT_RDWR);
}

static void
on_received(struct ring_event *event, int32_t result, uint32_t flags)
{
    struct observer *observer = KV_CONTAINER_OF(event, struct observer, on_received);
    struct slice input = slice_of(observer->bytes, result > 0 ? (size_t)result : 0);
    enum reply_parse parsed;

    (void)flags;
    if (result <= 0) {
        hang_up(observer);
        return;
    }
    parsed = reply_parser_next(&observer->parser, &input);
    if (parsed == REPLY_MORE)
        receive(observer);
    else if (parsed == REPLY_BROKEN || input.size > 0)
        hang_up(observer);
    else
        take_reply(observer);
}

enum exit_code
observer_open(struct observer *observer, const struct bench_options *options, struct ring *ring)
{
    KV_ASSERT(ring != NULL);
    observer->ring = ring;
    observer->on_sent.on_complete = on_sent;
    observer->on_received.on_complete = on_received;
    reply_parser_init(&observer->parser, true);
    return dial(options, &observer->fd);
}

void
observer_close(struct observer *observer)
{
    hang_up(observer);
    reply_parser_deinit(&observer->parser);
}

void
observer_turn(struct observer *observer, struct run *run, uint64_t now_ns)
{
    struct io_uring_sqe *sqe;

    observer->run = run;
    if (observer->fd < 0 || observer->is_waiting || now_ns - observer->asked_ns < INTERVAL_NS)
        return;
    observer->asked_ns = now_ns;
    observer->is_waiting = true;
    sqe = ring_get_sqe(observer->ring, &observer->on_sent);
    io_uring_prep_send(sqe, observer->fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
    receive(observer);
}
