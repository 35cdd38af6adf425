/* worker_channel.c - sendmsg and recvmsg, done carefully once.
 *
 * Three traps: a packet longer than the buffer is cut without an error (MSG_TRUNC); descriptors
 * arrive whether we want them or not, and must be closed even when the message is refused; more
 * of them than the control buffer holds are closed by the kernel (MSG_CTRUNC).
 *
 * A message that is too long for a packet is put into a memfd, and a LARGE with its descriptor
 * goes in its place.  kvd takes no descriptors, and so none of these from a worker.
 */
#include "ipc/worker_channel.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"

enum { FD_COUNT_MAX = 8 }; /* accepted so that they can be counted and closed */

union fd_control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(FD_COUNT_MAX * sizeof(int))];
};

void
worker_channel_prepare(int socket)
{
    const int bytes = 2 * WORKER_MSG_BYTES_MAX;

    /* A smaller buffer than we ask for shows itself as EMSGSIZE when a message needs more. */
    (void)setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static void
attach_fd(struct msghdr *header, union fd_control *control, int fd)
{
    struct cmsghdr *cmsg;

    memset(control, 0, sizeof(*control));
    header->msg_control = control->bytes;
    header->msg_controllen = CMSG_SPACE(sizeof(int));
    cmsg = CMSG_FIRSTHDR(header);
    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
}

static enum kv_status
send_failed(const struct worker_msg *msg)
{
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
        return KV_CANCELLED;
    if (errno == EAGAIN)
        return KV_BUSY;
    return KV_FAIL(kv_status_from_errno(-errno), "sending %s to the other process: %s",
                   worker_msg_name(msg->kind), strerror(errno));
}

static enum kv_status
send_packet(int socket, int flags, const struct worker_msg *msg, const struct buffer *encoded,
            int fd)
{
    union fd_control control;
    struct iovec part = {.iov_base = encoded->data, .iov_len = encoded->size};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t sent;

    if (fd >= 0)
        attach_fd(&header, &control, fd);
    do
        sent = sendmsg(socket, &header, flags);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return send_failed(msg);
    KV_ASSERT((size_t)sent == encoded->size); /* a packet goes whole or not at all */
    return KV_OK;
}

static enum kv_status
write_all(int fd, struct slice bytes)
{
    while (bytes.size > 0) {
        const ssize_t written = write(fd, bytes.data, bytes.size);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return KV_FAIL(KV_IO, "a message of %zu bytes: %s", bytes.size, strerror(errno));
        bytes = slice_of(bytes.data + written, bytes.size - (size_t)written);
    }
    return KV_OK;
}

static enum kv_status
send_large(int socket, int flags, const struct buffer *encoded)
{
    const struct worker_msg msg = {.kind = WORKER_MSG_LARGE, .large = {.bytes = encoded->size}};
    const int fd = memfd_create("kvd-message", MFD_CLOEXEC);
    struct buffer packet = {0};
    enum kv_status st;

    if (fd < 0)
        return KV_FAIL(KV_IO, "memfd_create: %s", strerror(errno));
    st = write_all(fd, buffer_slice(encoded));
    if (st == KV_OK) {
        worker_msg_encode(&msg, &packet);
        st = send_packet(socket, flags, &msg, &packet, fd);
    }
    close(fd);
    buffer_deinit(&packet);
    return st;
}

enum kv_status
worker_channel_send(int socket, enum worker_channel_mode mode, const struct worker_msg *msg, int fd)
{
    const int flags = MSG_NOSIGNAL | (mode == CHANNEL_NOWAIT ? MSG_DONTWAIT : 0);
    struct buffer encoded = {0};
    enum kv_status st;

    KV_ASSERT(socket >= 0);
    worker_msg_encode(msg, &encoded);
    if (encoded.size <= WORKER_MSG_BYTES_MAX) {
        st = send_packet(socket, flags, msg, &encoded, fd);
    } else {
        KV_ASSERT(fd < 0);
        st = send_large(socket, flags, &encoded);
    }
    buffer_deinit(&encoded);
    return st;
}

/* Takes the first descriptor into *fd_out if it is wanted; closes all others.
 * Returns how many came. */
static size_t
collect_fds(struct msghdr *header, int *fd_out)
{
    size_t count = 0;
    int fds[FD_COUNT_MAX];

    for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(header); cmsg != NULL;
         cmsg = CMSG_NXTHDR(header, cmsg)) {
        if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
            continue;
        const size_t here = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        KV_ASSERT(here <= FD_COUNT_MAX);
        memcpy(fds, CMSG_DATA(cmsg), here * sizeof(int));
        for (size_t i = 0; i < here; i++, count++) {
            if (fd_out != NULL && count == 0)
                *fd_out = fds[i];
            else
                close(fds[i]);
        }
    }
    return count;
}

static enum kv_status
receive_failed(void)
{
    if (errno == ECONNRESET || errno == ENOTCONN)
        return KV_CANCELLED;
    if (errno == EAGAIN)
        return KV_BUSY;
    return KV_FAIL(kv_status_from_errno(-errno), "receiving from the other process: %s",
                   strerror(errno));
}

static enum kv_status
receive_packet(int socket, enum worker_channel_mode mode, struct buffer *packet, int *fd_out)
{
    const int flags = MSG_CMSG_CLOEXEC | (mode == CHANNEL_NOWAIT ? MSG_DONTWAIT : 0);
    union fd_control control;
    struct iovec part = {.iov_base = buffer_reserve(packet, WORKER_MSG_BYTES_MAX),
                         .iov_len = WORKER_MSG_BYTES_MAX};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof(control.bytes)};
    size_t fd_count;
    ssize_t received;

    do
        received = recvmsg(socket, &header, flags);
    while (received < 0 && errno == EINTR);
    if (received < 0)
        return receive_failed();
    fd_count = collect_fds(&header, fd_out);
    if (received == 0)
        return KV_CANCELLED; /* an empty packet is no message, and so is as good as the end */
    if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
        return KV_FAIL(KV_CORRUPT, "a packet from the other process was too long");
    if (fd_count > (fd_out != NULL ? 1u : 0u))
        return KV_FAIL(KV_CORRUPT, "%zu descriptors came where none or one was due", fd_count);
    packet->size = (size_t)received;
    return KV_OK;
}

/* Exchanges a LARGE for the message that it stands for. */
static enum kv_status
unfold_large(int fd, struct worker_msg *msg)
{
    const uint64_t bytes = msg->large.bytes;
    struct buffer content = {0};
    enum kv_status st = KV_OK;

    worker_msg_deinit(msg);
    if (fd < 0)
        return KV_FAIL(KV_CORRUPT, "LARGE came without a file");
    buffer_reserve(&content, bytes);
    while (content.size < bytes) {
        const ssize_t got =
            pread(fd, content.data + content.size, bytes - content.size, (off_t)content.size);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            st = KV_FAIL(KV_CORRUPT, "LARGE: a file of %zu bytes instead of %" PRIu64 ": %s",
                         content.size, bytes, got < 0 ? strerror(errno) : "it ends");
            break;
        }
        content.size += (size_t)got;
    }
    if (st == KV_OK)
        st = worker_msg_decode_large(buffer_slice(&content), msg);
    buffer_deinit(&content);
    return st;
}

enum kv_status
worker_channel_receive(int socket, enum worker_channel_mode mode, struct worker_msg *msg_out,
                       int *fd_out)
{
    struct buffer packet = {0};
    enum kv_status st;

    KV_ASSERT(socket >= 0);
    memset(msg_out, 0, sizeof(*msg_out));
    if (fd_out != NULL)
        *fd_out = -1;
    st = receive_packet(socket, mode, &packet, fd_out);
    if (st == KV_OK)
        st = worker_msg_decode(buffer_slice(&packet), msg_out);
    if (st == KV_OK && msg_out->kind == WORKER_MSG_LARGE && fd_out != NULL) {
        st = unfold_large(*fd_out, msg_out);
        if (*fd_out >= 0)
            close(*fd_out);
        *fd_out = -1;
    }
    if (st != KV_OK && fd_out != NULL && *fd_out >= 0) {
        close(*fd_out);
        *fd_out = -1;
    }
    buffer_deinit(&packet);
    return st;
}
