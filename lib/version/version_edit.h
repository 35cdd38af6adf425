/* version_edit.h - one change to the set of tables, as RocksDB's MANIFEST records it
 * (FORMAT.md section 6). */
#ifndef KV_VERSION_VERSION_EDIT_H
#define KV_VERSION_VERSION_EDIT_H

#include "base/buffer.h"
#include "base/status.h"
#include "key/deadlines.h"

/* A table as the MANIFEST describes it. */
struct table_meta {
    uint64_t number;
    uint64_t bytes;
    struct buffer smallest, largest; /* internal keys, owned */
    uint64_t seq_smallest, seq_largest;
    uint64_t creation_time_s; /* 0: unknown */
    uint64_t oldest_ancestor_time_s;
    uint32_t checksum_crc32c; /* of the whole file, when has_checksum */
    bool has_checksum;        /* RocksDB's FileChecksumCrc32c */
    bool marked_for_compaction;
    bool has_counts; /* kvd's own field; RocksDB passes it over and forgets it */
    uint64_t entry_count, deletion_count;
    uint64_t range_tombstone_count; /* of the deletions; when has_counts */
    struct deadlines deadlines;     /* likewise */
};

/* What has_counts can vouch for: sums of such counts over all tables do not overflow. */
#define TABLE_ENTRY_COUNT_MAX (UINT64_C(1) << 40)

struct table_add {
    uint32_t level;
    struct table_meta meta;
};

struct table_remove {
    uint32_t level;
    uint64_t number;
};

/* Zeroed is an empty edit.  has_* say which of the scalars are there. */
struct version_edit {
    uint32_t cf_id;
    bool has_comparator, has_log_number, has_next_file, has_last_seq, has_min_log_to_keep,
        has_max_cf_id, has_prev_log, is_cf_add, is_cf_drop, in_atomic_group, has_db_id;
    struct buffer comparator, cf_name, db_id; /* owned */
    uint64_t log_number, next_file, last_seq, min_log_to_keep, prev_log;
    uint32_t max_cf_id;
    uint32_t atomic_group_rest;
    struct table_add *adds;       /* owned array */
    struct table_remove *removes; /* owned array */
    uint32_t add_count, remove_count;
};

void version_edit_deinit(struct version_edit *edit);
/* Returns the new entry, zeroed. */
struct table_meta *version_edit_add_table(struct version_edit *edit, uint32_t level);
void version_edit_remove_table(struct version_edit *edit, uint32_t level, uint64_t number);
void version_edit_encode(const struct version_edit *edit, struct buffer *target);
/* Untrusted bytes into a zeroed edit; deinit it in any case.  KV_CORRUPT, or KV_UNSUPPORTED for
 * what section 12 refuses. */
MUST_CHECK enum kv_status version_edit_decode(struct slice encoded, struct version_edit *edit);

/* Whether a value in it may have a deadline. */
static inline bool
table_meta_may_have_deadlines(const struct table_meta *meta)
{
    return !meta->has_counts || meta->deadlines.count > 0;
}

/* Whether it may have range tombstones. */
static inline bool
table_meta_may_have_tombstones(const struct table_meta *meta)
{
    return !meta->has_counts || meta->range_tombstone_count > 0;
}

#endif
