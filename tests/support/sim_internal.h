/* sim_internal.h - shared by sim_io.c (requests, time, power) and sim_execute.c (operations and
 * their faults), included nowhere else.
 */
#ifndef KV_TESTS_SUPPORT_SIM_INTERNAL_H
#define KV_TESTS_SUPPORT_SIM_INTERNAL_H

#include "io/timer_heap.h"
#include "support/sim_io.h"
#include "support/sim_tree.h"

enum { SIM_FD_FIRST = 1000 };

struct sim_fd {
    struct sim_node *node; /* NULL: closed */
    int open_flags;
};

struct sim_io {
    struct io io; /* first */
    struct sim_options options;
    struct random schedule; /* latencies, faults, cuts */
    struct random dice;     /* what io_random gives */
    struct sim_tree tree;
    struct sim_fd *fds; /* owned; fds[i] is descriptor FD_FIRST + i */
    uint32_t fd_count, fd_capacity;
    struct list in_flight;
    uint32_t in_flight_count;
    struct timer_heap timers;
    uint64_t now_us;
    int64_t wall_shift_us;
    uint64_t order;
    uint64_t op_count, cut_at;
    uint64_t hash;
    uint32_t unlink_count;
    bool down;
    struct sim_fault faults[SIM_FAULT_COUNT_MAX];
    uint32_t fault_count;
};

enum { SIM_FAULT_NONE = 0, SIM_FAULT_SHORT = -1 }; /* above 0: an errno */

/* A number off the schedule, below `bound`. */
static inline uint64_t
sim_draw(struct sim_io *sim, uint64_t bound)
{
    return random_below(&sim->schedule, bound);
}

struct sim_fd *sim_fd_find(struct sim_io *sim, int fd); /* NULL: not open */
bool sim_has_suffix(const char *path, const char *suffix);
/* The name that faults and the trace know the request by. */
const char *sim_path_of(struct sim_io *sim, const struct io_request *request);
/* What is to go wrong with this request; each call uses up what was planned. */
int sim_choose_fault(struct sim_io *sim, const struct io_request *request);
/* The request's effect and result, as in a CQE. */
int64_t sim_execute(struct sim_io *sim, struct io_request *request, int fault);
/* The effect that is left when the machine or the process stops in the middle of it. */
void sim_interrupt(struct sim_io *sim, const struct io_request *request);
void sim_close_all(struct sim_io *sim);

#endif
