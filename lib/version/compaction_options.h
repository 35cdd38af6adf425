/* compaction_options.h - how one column family's tables are kept in shape.
 *
 * The fields have RocksDB's names, units and meaning, and live in its OPTIONS file (CFOptions);
 * those marked kvd are ours, have no name there and are not stored.  A plain value: no ownership.
 * It lies in lib/version because the OPTIONS file holds it; lib/compact acts on it.
 */
#ifndef KV_VERSION_COMPACTION_OPTIONS_H
#define KV_VERSION_COMPACTION_OPTIONS_H

#include "base/buffer.h"
#include "base/limits.h"
#include "base/status.h"
#include "sst/compression.h"
#include "version/level_compressions.h"

/* RocksDB's "decide by the style". */
#define COMPACTION_TTL_AUTO UINT64_C(0xfffffffffffffffe)

enum compaction_style {
    COMPACTION_LEVELED,
    COMPACTION_UNIVERSAL,
    COMPACTION_FIFO,
    COMPACTION_OFF, /* kCompactionStyleNone: only what KV.COMPACT asks for */
};

struct compaction_options {
    enum compaction_style style;
    bool disable_auto_compactions;

    /* Leveled.  Level sizes are always dynamic (level_compaction_dynamic_level_bytes): the last
     * level's bytes decide those of the levels above, so nine tenths of all data are in it. */
    uint32_t level0_file_num_compaction_trigger; /* in universal: of sorted runs; in none: 0 */
    uint64_t max_bytes_for_level_base;           /* the first level below 0 has at most this */
    double max_bytes_for_level_multiplier;       /* each level to the next; > 1 */
    uint64_t target_file_size_base;              /* outputs are cut behind this many bytes */
    uint32_t target_file_size_multiplier;        /* of each level to the one above */
    uint64_t max_compaction_bytes;               /* of one plan's inputs; 0: 25 output files */
    /* Seconds.  ttl: of FIFO: older tables are dropped; of leveled: older tables that are not in
     * the last level move on.  COMPACTION_TTL_AUTO: leveled 30 days, others never.  0: never. */
    uint64_t ttl;
    uint64_t periodic_compaction_seconds; /* each table is rewritten that often; 0, AUTO: never */
    uint32_t deletion_percent_max;        /* kvd: tables with more deletions move on; 0: never */
    uint64_t deletion_age_s; /* kvd: but not from level 0, nor in the last level, before this age */

    /* When writers are slowed; the picker looks at the first only, as a share. */
    uint32_t level0_slowdown_writes_trigger, level0_stop_writes_trigger;
    uint64_t soft_pending_compaction_bytes_limit, hard_pending_compaction_bytes_limit;

    struct {
        uint32_t size_ratio; /* percent by which the next run may exceed the sum before it */
        uint32_t min_merge_width, max_merge_width;
        uint32_t max_size_amplification_percent;
    } universal;
    struct {
        uint64_t max_table_files_size; /* bytes of all tables; UINT64_MAX: no bound */
    } fifo;

    bool has_bottommost_compression;
    enum compression bottommost_compression; /* of tables below which is nothing */
    uint32_t compression_per_level_count;    /* 0: the family's compression everywhere */
    enum compression compression_per_level[LEVEL_COUNT]; /* [0] level 0, [1] the first used
                                                            below; the last counts for the rest */
};

/* What kvd starts with; compaction_options.c says why. */
struct compaction_options compaction_options_default(void);
/* What RocksDB 7.8.3 does when its OPTIONS file doesn't say. */
struct compaction_options compaction_options_rocksdb(void);

/* Of a table in `level` when the first level used below 0 is `base_level`. */
enum compression compaction_options_compression(const struct compaction_options *options,
                                                enum compression family_compression, uint32_t level,
                                                uint32_t base_level, bool is_bottommost);
/* Bytes of an output table at `level`; FIFO and level 0: no bound (UINT64_MAX). */
uint64_t compaction_options_file_bytes(const struct compaction_options *options, uint32_t level,
                                       uint32_t base_level);
/* 0: never. */
uint64_t compaction_options_ttl_s(const struct compaction_options *options);
uint64_t compaction_options_period_s(const struct compaction_options *options);
uint64_t compaction_options_job_bytes_max(const struct compaction_options *options);

/* "leveled", "universal", "fifo", "none": as in kvd's config; false: unknown. */
bool compaction_style_parse(const char *name, enum compaction_style *style_out);
const char *compaction_style_name(enum compaction_style style);

/* One setting of [CFOptions], untrusted; names that aren't of compaction are passed over.  Values
 * that would be nonsense are brought into bounds.  False: not a value of its kind. */
MUST_CHECK bool compaction_options_set(struct compaction_options *options, struct slice name,
                                       struct slice value);
/* Appends the settings as lines of [CFOptions]. */
void compaction_options_format(const struct compaction_options *options, struct buffer *target);

#endif
