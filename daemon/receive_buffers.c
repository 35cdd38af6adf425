/* receive_buffers.c - one mapping for the bytes, one for the ring of free buffers.
 *
 * The kernel takes from the front, buffers come back at the end as soon as they are parsed, so
 * they are used in turn.
 */
#include "daemon/receive_buffers.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"

struct receive_buffers {
    struct ring *ring;              /* borrowed */
    struct io_uring_buf_ring *free; /* owned mapping, shared with the kernel */
    uint8_t *bytes;                 /* owned mapping */
};

static const size_t RING_BYTES = RECEIVE_BUFFER_COUNT * sizeof(struct io_uring_buf);
static const size_t ALL_BYTES = (size_t)RECEIVE_BUFFER_COUNT * RECEIVE_BUFFER_BYTES;

static void *
map(size_t size)
{
    void *mapping = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    KV_ASSERT(mapping != MAP_FAILED);
    return mapping;
}

enum kv_status
receive_buffers_open(struct ring *ring, struct receive_buffers **out)
{
    struct receive_buffers *buffers = kv_alloc_zero(sizeof(*buffers));
    struct io_uring_buf_reg registration = {
        .ring_entries = RECEIVE_BUFFER_COUNT,
        .bgid = RECEIVE_BUFFER_GROUP,
    };
    int failed;

    buffers->ring = ring;
    buffers->free = map(RING_BYTES);
    buffers->bytes = map(ALL_BYTES);
    registration.ring_addr = (uintptr_t)buffers->free;
    failed = io_uring_register_buf_ring(ring_uring(ring), &registration, 0);
    if (failed < 0) {
        (void)munmap(buffers->free, RING_BYTES);
        (void)munmap(buffers->bytes, ALL_BYTES);
        free(buffers);
        return KV_FAIL(KV_UNSUPPORTED,
                       "io_uring: registering a buffer ring: %s (Linux 6.1 or newer is needed)",
                       strerror(-failed));
    }
    io_uring_buf_ring_init(buffers->free);
    for (uint32_t id = 0; id < RECEIVE_BUFFER_COUNT; id++)
        receive_buffers_give_back(buffers, IORING_CQE_F_BUFFER | id << IORING_CQE_BUFFER_SHIFT);
    *out = buffers;
    return KV_OK;
}

void
receive_buffers_close(struct receive_buffers *buffers)
{
    if (buffers == NULL)
        return;
    (void)io_uring_unregister_buf_ring(ring_uring(buffers->ring), RECEIVE_BUFFER_GROUP);
    (void)munmap(buffers->free, RING_BYTES);
    (void)munmap(buffers->bytes, ALL_BYTES);
    free(buffers);
}

static uint32_t
buffer_id(uint32_t cqe_flags)
{
    const uint32_t id = cqe_flags >> IORING_CQE_BUFFER_SHIFT;

    KV_ASSERT(cqe_flags & IORING_CQE_F_BUFFER);
    KV_ASSERT(id < RECEIVE_BUFFER_COUNT);
    return id;
}

uint8_t *
receive_buffers_at(struct receive_buffers *buffers, uint32_t cqe_flags)
{
    return buffers->bytes + (size_t)buffer_id(cqe_flags) * RECEIVE_BUFFER_BYTES;
}

void
receive_buffers_give_back(struct receive_buffers *buffers, uint32_t cqe_flags)
{
    const uint32_t id = buffer_id(cqe_flags);

    io_uring_buf_ring_add(buffers->free, receive_buffers_at(buffers, cqe_flags),
                          RECEIVE_BUFFER_BYTES, (uint16_t)id, RECEIVE_BUFFER_COUNT - 1, 0);
    io_uring_buf_ring_advance(buffers->free, 1);
}
