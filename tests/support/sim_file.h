/* sim_file.h - the bytes of one simulated file: what reads see, what is on the platter, and what
 * lies between them.
 *
 *     cache   the file as everyone sees it (the page cache)
 *     disk    what is on stable storage for certain
 *     pieces  writes and size changes since, in order; any part of them may be on the platter too
 *
 * Invariant: disk with all pieces applied is cache, unless a failed sync has `lost` some.
 */
#ifndef KV_TESTS_SUPPORT_SIM_FILE_H
#define KV_TESTS_SUPPORT_SIM_FILE_H

#include "base/buffer.h"
#include "base/random.h"

enum { SIM_SECTOR_BYTES = 512 };

struct sim_piece {
    uint64_t offset; /* of a resize: the new size */
    size_t size;
    uint8_t *data; /* owned; NULL: a resize */
};

struct sim_file {
    struct buffer cache;
    struct buffer disk;
    struct sim_piece *pieces; /* owned */
    size_t piece_count;
    size_t piece_capacity;
    bool lost;
    uint64_t kept_bytes; /* on the disk for it up to here, whatever its size is */
    uint64_t hole_bytes; /* from the front: nothing on the disk is for them */
};

/* What it takes of the disk. */
uint64_t sim_file_bytes_used(const struct sim_file *file);
void sim_file_deinit(struct sim_file *file);
/* The bytes that a read at `offset` gets; `direct` looks past a page cache that lies. */
size_t sim_file_read(const struct sim_file *file, uint64_t offset, void *target, size_t size,
                     bool direct);
/* `durable`: these bytes, and a size that covers them, are on the platter when it returns. */
void sim_file_write(struct sim_file *file, uint64_t offset, const void *data, size_t size,
                    bool durable);
void sim_file_resize(struct sim_file *file, uint64_t size);
/* This part, up to the size, reads as zeros. */
void sim_file_punch(struct sim_file *file, uint64_t offset, uint64_t size);
void sim_file_sync(struct sim_file *file);
/* fsyncgate: what was dirty is clean now, on the platter or not; reads still show it. */
void sim_file_fail_sync(struct sim_file *file, struct random *random);
/* Reads show what the platter and the dirty pieces hold: the page cache was evicted. */
void sim_file_drop_cache(struct sim_file *file);
/* Of the pieces, survives by chance: none, all, some sectors, or some sectors with torn ones
 * among them (cut at a multiple of 128 or 32 bytes).  Size and zeros may survive without data. */
void sim_file_power_cut(struct sim_file *file, struct random *random);
void sim_file_flip_bit(struct sim_file *file, uint64_t bit_offset);

#endif
