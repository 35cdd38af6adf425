/* outside_worker.c - see the header. */
#include "support/outside_worker.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "support/patience.h"

int
outside_worker_connect(const char *socket_path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
    CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

enum kv_status
outside_worker_receive(struct ring *ring, int fd, struct worker_msg *msg, int *memtable_fd)
{
    const struct patience patience = patience_begin(ring);
    enum kv_status st = KV_BUSY;

    while (st == KV_BUSY && patience_turn(&patience))
        st = worker_channel_receive(fd, CHANNEL_NOWAIT, msg, memtable_fd);
    return st;
}

void
outside_worker_send(int fd, const struct worker_msg *msg)
{
    CU_ASSERT_EQUAL(worker_channel_send(fd, CHANNEL_NOWAIT, msg, -1), KV_OK);
}

int
outside_worker_join(struct ring *ring, const char *socket_path, const char *dir)
{
    struct worker_msg msg = {.kind = WORKER_MSG_HELLO};
    const int fd = outside_worker_connect(socket_path);

    msg.hello.protocol_version = WORKER_PROTOCOL_VERSION;
    outside_worker_send(fd, &msg);
    CU_ASSERT_EQUAL_FATAL(outside_worker_receive(ring, fd, &msg, NULL), KV_OK);
    CU_ASSERT_EQUAL(msg.kind, WORKER_MSG_WELCOME);
    CU_ASSERT_STRING_EQUAL(msg.welcome.dir.data, dir);
    worker_msg_deinit(&msg);
    msg = (struct worker_msg){.kind = WORKER_MSG_PROGRESS};
    outside_worker_send(fd, &msg);
    return fd;
}
