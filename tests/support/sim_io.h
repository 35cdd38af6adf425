/* sim_io.h - a struct io on a simulated machine, in which power fails and disks lie.
 *
 * Everything is in memory, time is virtual, and every decision comes from one seed: the same
 * calls give the same run, down to sim_io_trace_hash.
 *
 *     struct sim_io *sim = sim_io_new(&(struct sim_options){.seed = seed, .latency_us_max = 500});
 *     struct io *io = sim_io_base(sim);
 *     ... use io; let time pass with sim_io_turn ...
 *     sim_io_power_cut(sim);      the machine is down: io_call gives -EIO and changes nothing
 *     ... free the engine, whose last wishes go nowhere ...
 *     sim_io_boot(sim);           what survived is there; no descriptor is
 *
 * What is durable: writes with write_sync, when they complete; a file's bytes and size, after its
 * fsync or fdatasync; names, only after IO_SYNC_DIR of their directory.  Of all else any part may
 * survive a cut, torn inside a sector as well (sim_file.h, sim_tree.h).  So a file may have its
 * name back whose parts were freed when it had none.
 *
 * What it refuses, to find misuse: O_DIRECT with a buffer, offset or size that is not a multiple
 * of 512 bytes (-EINVAL), a descriptor that is closed (-EBADF; numbers are never used again),
 * writing through one that is open for reading only (-EBADF).  It asserts that the bytes of a
 * write do not change while it is in flight, and under ASan nobody can touch the target of a read.
 *
 * The root directory is there from the beginning; others are made with IO_MKDIR.
 */
#ifndef KV_TESTS_SUPPORT_SIM_IO_H
#define KV_TESTS_SUPPORT_SIM_IO_H

#include "io/io.h"

struct sim_io;

/* Zero is a good disk.  sim_io_options gives the live ones, which may be changed at any time. */
struct sim_options {
    uint64_t seed;
    /* A submitted request completes 1 to this many virtual us later, now and then 20 times as
     * late; hence in any order.  0: 100. */
    uint64_t latency_us_max;
    /* A cut leaves any subset of the unsynced directory changes and IO_SYNC_DIR makes only those
     * in that directory durable, as POSIX allows; else both work on a prefix, as a journal does. */
    bool harsh_directories;
    bool no_direct_io; /* O_DIRECT is refused with -EINVAL, as on some file systems */
    bool trace;        /* each event to standard error */
    /* All files together, by their sizes; growing beyond is -ENOSPC, or a short write if some
     * fits.  0: no limit.  Lower it below what is used and raise it again at will. */
    uint64_t capacity_bytes;
    /* Random failures with -EIO, and short counts, per thousand requests of the kind. */
    uint32_t read_error_permille;
    uint32_t write_error_permille; /* some of it may have been written */
    uint32_t sync_error_permille;  /* as below; IO_SYNC_DIR changes nothing */
    uint32_t short_permille;       /* reads and writes: at least one byte (sector), not all */
};

/* The fault on the requests of kind `op` whose file's or path's name ends in path_suffix.
 *
 * A failing fsync is as Linux does it: the dirty pages become clean, reads go on to show them,
 * the next fsync returns 0, and a power cut loses them. */
struct sim_fault {
    enum io_op op;
    const char *path_suffix; /* NULL: any; borrowed for ever */
    const char *path_part;   /* what the path must contain as well; NULL: nothing; likewise */
    uint32_t skip_count;     /* so many pass first */
    uint32_t fail_count;     /* then so many fail; 0: all */
    int error;               /* a positive errno, or 0: a short count */
};

enum { SIM_FAULT_COUNT_MAX = 16 };

/* `options` is copied; NULL: all zero. */
struct sim_io *sim_io_new(const struct sim_options *options);
/* Nothing may be in flight unless the machine is down. */
void sim_io_free(struct sim_io *sim);
struct io *sim_io_base(struct sim_io *sim);
struct sim_options *sim_io_options(struct sim_io *sim);

/* Lets time pass to the next completion or timers, and delivers it.  False: there is none. */
bool sim_io_turn(struct sim_io *sim);
/* Lets this much time pass, with all that happens in it. */
void sim_io_advance(struct sim_io *sim, uint64_t duration_us);
/* Turns until no request is in flight; timers come as they come. */
void sim_io_drain(struct sim_io *sim);
uint64_t sim_io_now(const struct sim_io *sim);
/* Shifts io_wall_us, forwards or back. */
void sim_io_jump_wall(struct sim_io *sim, int64_t shift_us);
uint32_t sim_io_in_flight_count(const struct sim_io *sim);

void sim_io_add_fault(struct sim_io *sim, const struct sim_fault *fault);
void sim_io_clear_faults(struct sim_io *sim);

/* The power fails: each request in flight is dropped, done, or done in part; what was not synced
 * survives by chance.  Then the machine is down until sim_io_boot.
 * While it is down every request fails with -EIO, also those that were in flight, which come from
 * sim_io_turn for who wants to wait for them.  Closing always succeeds.  Timers run. */
void sim_io_power_cut(struct sim_io *sim);
/* The process dies: as above, but what it wrote into the page cache stays. */
void sim_io_kill(struct sim_io *sim);
/* The power fails in the middle of the op_number-th operation from now (1: the next), called or
 * submitted; 0: never.  For sweeps over every point of a run; sim_io_op_count tells how many. */
void sim_io_cut_at(struct sim_io *sim, uint64_t op_number);
uint64_t sim_io_op_count(const struct sim_io *sim);
bool sim_io_is_down(const struct sim_io *sim);
/* Forgets requests and timers without calling anybody, but not without touching them: boot first,
 * then free what they live in, or let none be left.  All descriptors and locks are gone. */
void sim_io_boot(struct sim_io *sim);

/* Reads show the platter again: memory was short and pages were evicted.  Only matters after a
 * failed sync. */
void sim_io_drop_caches(struct sim_io *sim);
/* Bit rot, on the platter and in the cache.  False: no such file, or it is empty. */
bool sim_io_flip_bit(struct sim_io *sim, const char *path, uint64_t bit_offset);
/* In any byte of any file whose name ends in path_suffix. */
bool sim_io_flip_random_bit(struct sim_io *sim, const char *path_suffix);
uint64_t sim_io_used_bytes(const struct sim_io *sim);
/* Descriptors: 0 after a cut or a kill. */
uint32_t sim_io_open_count(const struct sim_io *sim);
/* The path of the request or of its descriptor's file, "?" if there is none; valid until the next
 * operation. */
const char *sim_io_path(struct sim_io *sim, const struct io_request *request);

/* Of every operation, its result and its time so far. */
uint64_t sim_io_trace_hash(const struct sim_io *sim);

#endif
