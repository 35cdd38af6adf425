/* pieces.c - a socket that keeps messages apart, filled before anybody reads: so there is no other
 * process to wait for, and no chance in where the cuts are.
 */
#include "support/pieces.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"

int
pieces_open(struct slice bytes, size_t piece_bytes)
{
    const int buffer_bytes = 212992; /* as much as Linux gives to anybody */
    int ends[2];

    KV_ASSERT(piece_bytes > 0 && piece_bytes <= PIECE_BYTES_MAX);
    KV_ASSERT(bytes.size <= PIECES_BYTES_MAX && bytes.size / piece_bytes < PIECE_COUNT_MAX);
    KV_ASSERT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    KV_ASSERT(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof(buffer_bytes)) == 0);
    for (size_t at = 0; at < bytes.size; at += piece_bytes) {
        const size_t rest = bytes.size - at;
        const size_t size = rest < piece_bytes ? rest : piece_bytes;

        KV_ASSERT(send(ends[1], bytes.data + at, size, MSG_DONTWAIT) == (ssize_t)size);
    }
    (void)close(ends[1]);
    return ends[0];
}
