/* faulty_io.h - a struct io in front of io_blocking that makes chosen submitted requests fail and
 * lets no timer wait; included by the one test that uses it. */
#ifndef KV_TESTS_UNIT_FAULTY_IO_H
#define KV_TESTS_UNIT_FAULTY_IO_H

#include "io/io_blocking.h"

/* The next fail_count submitted requests of the kind fail_op fail with -ENOENT. */
struct faulty_io {
    struct io base;
    struct io *real;
    enum io_op fail_op;
    int fail_count;
};

static struct faulty_io *
faulty_of(struct io *io)
{
    return KV_CONTAINER_OF(io, struct faulty_io, base);
}

static int64_t
faulty_call(struct io *io, struct io_request *request)
{
    return faulty_of(io)->real->ops->call(faulty_of(io)->real, request);
}

static void
faulty_submit(struct io *io, struct io_request *request)
{
    struct faulty_io *faulty = faulty_of(io);
    struct io_request instead = *request;

    if (faulty->fail_count > 0 && request->op == faulty->fail_op) {
        faulty->fail_count--;
        /* A request that cannot work stands in for it, so that `done` comes from the turn. */
        *request = (struct io_request){
            .op = IO_STAT, .path = "/nonexistent", .done = instead.done, .owner = instead.owner};
    }
    faulty->real->ops->submit(faulty->real, request);
}

static int
faulty_list(struct io *io, const char *path, io_name_fn *on_name, void *owner)
{
    return io_list_dir(faulty_of(io)->real, path, on_name, owner);
}

static int
faulty_lock(struct io *io, int fd)
{
    return io_lock_file(faulty_of(io)->real, fd);
}

static uint64_t
faulty_now(struct io *io)
{
    return io_now_us(faulty_of(io)->real);
}

static uint64_t
faulty_wall(struct io *io)
{
    return io_wall_us(faulty_of(io)->real);
}

static uint64_t
faulty_random(struct io *io)
{
    return io_random(faulty_of(io)->real);
}

/* Nobody waits in a test: a timer is due at once. */
static void
faulty_timer_start(struct io *io, struct io_timer *timer, uint64_t deadline_us)
{
    (void)deadline_us;
    io_timer_start(faulty_of(io)->real, timer, 0);
}

static void
faulty_timer_stop(struct io *io, struct io_timer *timer)
{
    io_timer_stop(faulty_of(io)->real, timer);
}

static const struct io_ops faulty_ops = {
    .call = faulty_call,
    .submit = faulty_submit,
    .list_dir = faulty_list,
    .lock_file = faulty_lock,
    .now_us = faulty_now,
    .wall_us = faulty_wall,
    .random = faulty_random,
    .timer_start = faulty_timer_start,
    .timer_stop = faulty_timer_stop,
};

#endif
