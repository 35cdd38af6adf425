/* compaction_spec.h - what a compaction is to do: the same struct for the engine that orders it,
 * the message that carries it, and the code that runs it.
 *
 * Everything in it is borrowed from whoever made it, until the compaction is over.
 *
 * With `begin` and `end` only the versions of the user keys begin <= key < end are looked at, and
 * range tombstones are cut to them: one plan may be several compactions side by side.
 */
#ifndef KV_COMPACT_COMPACTION_SPEC_H
#define KV_COMPACT_COMPACTION_SPEC_H

#include "base/slice.h"
#include "sst/compression.h"

/* A table that is read. */
struct compact_input {
    uint64_t file_number;
    uint64_t file_bytes;
    uint32_t level;
    struct slice smallest, largest; /* internal keys, as in the MANIFEST */
    uint64_t seq_smallest, seq_largest;
    uint64_t entry_count; /* with range tombstones; 0: not known.  What the outputs are held to */
};

/* User keys that a table outside may hold; both ends belong to it. */
struct compact_range {
    struct slice smallest, largest;
    uint64_t bytes; /* of the table; counts for grandparents only */
};

struct compaction_spec {
    const char *db_identity; /* for the tables' properties */
    uint64_t creation_time_s;
    uint64_t
        now_ms; /* since 1970: what has died by then goes, if no snapshot sees it; 0: nothing */
    uint32_t cf_id;
    const char *cf_name;
    const char *merge_operator; /* as OPTIONS has it (merge_operator_parse), or "nullptr" */

    /* By level, within one by key; level 0 in any order. */
    const struct compact_input *inputs;
    uint32_t input_count;
    struct slice begin, end; /* user keys; empty: no bound */
    /* Live ones, ascending, at most COMPACT_SNAPSHOT_COUNT_MAX. */
    const uint64_t *snapshots;
    uint32_t snapshot_count;

    uint32_t output_level;
    /* Every table that is no input and may hold versions older than the inputs': those of the
     * levels below the output, and older ones of the output's level if it is level 0.  In any
     * order; those outside [begin, end) may be left out.  None: the output is bottommost, so
     * deletions go and sequence numbers become 0. */
    const struct compact_range *below;
    uint32_t below_count;
    /* The tables of the level below the output, ascending.  An output ends early rather than
     * overlap more than grandparent_bytes_max of them (0: they don't matter). */
    const struct compact_range *grandparents;
    uint32_t grandparent_count;
    uint64_t grandparent_bytes_max;

    uint64_t output_bytes_max; /* a table is closed behind this; 0: one table */
    /* Reserved for the outputs.  The last one takes all that is left, however large. */
    uint64_t output_number_first;
    uint32_t output_number_count; /* 1 .. COMPACT_OUTPUT_COUNT_MAX */
    enum compression compression;
    uint32_t block_bytes; /* 0: BLOCK_BYTES_TARGET */
    uint32_t bloom_bits_per_key;
    uint64_t rate_bytes_per_s; /* of writing; 0: as fast as it goes */
    /* Nothing waits for it but who asked for it: while anybody else waits for a core, it leaves
     * its own, and takes several times as long (worker/give_way.h). */
    bool leaves_core;
};

enum {
    COMPACT_SNAPSHOT_COUNT_MAX = 1024, /* that a job, also a flush, is told of */
    COMPACT_INPUT_COUNT_MAX = 64 * 1024,
    COMPACT_RANGE_COUNT_MAX = 1024 * 1024, /* below, and grandparents */
    COMPACT_OUTPUT_COUNT_MAX = 64 * 1024,
};

#endif
