/* key_chooser.h - which of the keys 0 to count - 1 comes next. */
#ifndef KV_KVBENCH_KEY_CHOOSER_H
#define KV_KVBENCH_KEY_CHOOSER_H

#include <stdbool.h>

#include "cli/kvbench/zipf.h"

enum distribution {
    DISTRIBUTION_UNIFORM,
    DISTRIBUTION_ZIPFIAN,    /* the popular keys lie scattered over all of them */
    DISTRIBUTION_LATEST,     /* Zipf's law from the newest key backwards */
    DISTRIBUTION_HOTSPOT,    /* a share of the draws goes to a share of the keys */
    DISTRIBUTION_SEQUENTIAL, /* 0, 1, 2, ... and round */
    DISTRIBUTION_COUNT,
};

struct key_chooser_options {
    enum distribution distribution;
    double theta;    /* zipfian, latest */
    double hot_keys; /* hotspot: share of the keys, over 0 up to 1 */
    double hot_ops;  /* hotspot: share of the draws, 0 to 1 */
};

/* The numbers 0 to count - 1 in an order that looks random, always the same one. */
struct permutation {
    uint64_t count;
    uint64_t half_mask;
    unsigned half_bits;
};

struct key_chooser {
    struct key_chooser_options options;
    uint64_t count;
    uint64_t next; /* sequential */
    uint64_t hot_count;
    struct zipf zipf;
    struct permutation permutation; /* of the keys that there were at the start */
};

enum { KEY_COUNT_BITS_MAX = 62 };

void key_chooser_init(struct key_chooser *chooser, const struct key_chooser_options *options,
                      uint64_t count);
/* Keys were added.  Only uniform, latest and sequential draw new ones: popularity among the others
 * stays where it is. */
void key_chooser_grow(struct key_chooser *chooser, uint64_t count);
uint64_t key_chooser_next(struct key_chooser *chooser, struct random *random);

void permutation_init(struct permutation *permutation, uint64_t count);
uint64_t permutation_at(const struct permutation *permutation, uint64_t index);

/* The names of --distribution; NULL beyond the last one. */
const char *distribution_name(enum distribution distribution);
bool distribution_from_name(const char *name, enum distribution *distribution_out);

#endif
