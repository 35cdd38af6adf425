/* payload.h - values: filler that compresses as much as one wants, and values that prove
 * themselves.
 *
 * A proven value (--verify) starts with a header, little-endian:
 *
 *      0  fixed32  magic
 *      4  fixed32  masked CRC-32C of all bytes behind it
 *      8  fixed64  key id
 *     16  fixed32  version: 1 for the first write of a key in this run, then 2, ...
 *     20  fixed32  run tag
 *     24  fixed32  size of the whole value
 *
 * so whatever comes back says whose it is, which write it is from, and that it is whole.
 */
#ifndef KV_KVBENCH_PAYLOAD_H
#define KV_KVBENCH_PAYLOAD_H

#include "base/slice.h"

enum { PAYLOAD_BYTES_MIN = 28, PAYLOAD_TEXT_BYTES = 256 };

/* Where the bytes come from: a pool, filled once; a value is some run of it. */
struct filler {
    uint8_t *pool; /* owned */
    size_t pool_bytes;
};

/* `compressible` is the share of a value that a good compressor takes away: 0 (random bytes) to 1
 * (all the same). */
void filler_init(struct filler *filler, uint64_t seed, double compressible);
void filler_deinit(struct filler *filler);
/* The same salt gives the same bytes; another one (almost always) others. */
void filler_fill(const struct filler *filler, uint64_t salt, uint8_t *target, size_t size);

struct payload {
    uint64_t key_id;
    uint32_t version;
    uint32_t
        run_tag; /* the same for all values of a run and of the runs that continue its journal */
};

/* One that no other run has, whatever its seed: what a run of the same seed wrote is another's. */
uint32_t payload_new_run_tag(void);

/* `size` >= PAYLOAD_BYTES_MIN. */
void payload_write(const struct filler *filler, const struct payload *payload, uint8_t *target,
                   size_t size);

enum payload_verdict {
    PAYLOAD_GOOD,
    PAYLOAD_NOT_OURS,    /* no value of kvbench --verify */
    PAYLOAD_TORN,        /* too short, too long, or bytes that were changed */
    PAYLOAD_FOREIGN_KEY, /* whole, but another key's */
    PAYLOAD_FOREIGN_RUN, /* another run's, though this run has had a write acknowledged */
    PAYLOAD_STALE,       /* older than the last acknowledged write */
    PAYLOAD_UNSENT,      /* newer than the last write that was sent */
    PAYLOAD_MISSING,     /* no value, though an acknowledged write and no deletion since */
};

/* What a read may find; see ledger.h, which makes it. */
struct payload_bounds {
    uint64_t key_id;
    uint32_t run_tag;
    uint32_t version_min; /* acknowledged; 0: what was there before the run may be */
    uint32_t version_max; /* sent */
    bool may_be_missing;
};

/* *found_out is what the header says, as far as there is one; zero else. */
enum payload_verdict payload_check(struct slice value, const struct payload_bounds *bounds,
                                   struct payload *found_out);
/* The same for a read that found no key. */
enum payload_verdict payload_check_missing(const struct payload_bounds *bounds);

/* What is wrong, for counting: "is the value of another key". */
const char *payload_verdict_text(enum payload_verdict verdict);
/* One line that says exactly what is wrong. */
void payload_explain(enum payload_verdict verdict, const struct payload_bounds *bounds,
                     const struct payload *found, char text[PAYLOAD_TEXT_BYTES]);

#endif
