/* version_set.h - which tables make up the database, now and for readers of before.
 *
 * One column family has a chain of immutable versions; each lists the family's tables by level.
 * A change is a set of version_edits that is appended to the MANIFEST, synced, and only then
 * becomes the current version.  Owns file numbers, column families, CURRENT, MANIFEST and
 * IDENTITY; knows which files are obsolete.  Single-threaded; asynchronous once opened.
 */
#ifndef KV_VERSION_VERSION_SET_H
#define KV_VERSION_VERSION_SET_H

#include "base/limits.h"
#include "base/status.h"
#include "sst/table_reader.h"
#include "version/version_edit.h"

struct io;
struct version_set;
struct table_share;

/* One table of a version; shared by all versions that list it, reference-counted. */
struct table_file {
    struct table_meta meta;
    struct table_reader *reader; /* owned; opens itself on the first read */
    uint32_t ref_count;
    uint32_t level;
    struct table_share *share; /* what all levels that ever listed this number have in common */
};

struct version_level {
    struct table_file **files; /* L0: newest first (FORMAT.md 6.6); L1+: ascending by key */
    uint32_t count;
};

struct version {
    struct version_set *set; /* borrowed; outlives its versions */
    uint32_t ref_count;
    uint32_t cf_id;
    uint64_t serial; /* its number in this run; a later one may lack what this one has */
    struct version_level levels[LEVEL_COUNT];
    uint64_t bytes_total;
    uint32_t deadline_table_count;  /* that have values with a deadline, or may */
    uint32_t tombstone_table_count; /* that have range tombstones, or may */
};

/* Made by an applied edit with is_cf_add, freed by one with is_cf_drop. */
struct column_family {
    uint32_t id; /* first: see base/id_array.h */
    char name[COLUMN_FAMILY_NAME_BYTES_MAX + 1];
    uint64_t log_number;     /* WALs below hold nothing of it that is not in tables */
    struct version *current; /* owned reference */
};

struct version_set_options {
    struct io *io;
    const char *dir; /* copied */
    bool create_if_missing;
    bool read_only;              /* tools: writes nothing, takes no lock */
    uint64_t manifest_bytes_max; /* a longer MANIFEST is replaced; 0: 64 MiB */
};

/* Reads CURRENT and the MANIFEST, checks that every live table is there with its size, or makes
 * a new database.  Does not write the new MANIFEST yet (version_set_start).  Blocking.
 * KV_CORRUPT and KV_UNSUPPORTED come with a logged line that says which file and why. */
MUST_CHECK enum kv_status version_set_open(const struct version_set_options *options,
                                           struct version_set **set_out);
/* NULL is fine.  No request of the set may be in flight and no version be held by others; changes
 * that still wait are dropped without on_applied.  Nothing is reported obsolete. */
void version_set_close(struct version_set *set);

/* Writes a new MANIFEST with everything that is live, together with `edits` (what recovery
 * flushed and the new log numbers), switches CURRENT, and makes the result current.  Blocking.
 * Called once at the end of recovery.  Takes over the edits' contents (not the array). */
MUST_CHECK enum kv_status version_set_start(struct version_set *set, struct version_edit *edits,
                                            uint32_t edit_count);

/* Instead, for a disk without space: nothing is written.  The first change writes the new MANIFEST,
 * with all the patience of version_set_apply; until then CURRENT names the old one. */
void version_set_start_later(struct version_set *set);

/* Deletes the tables that the MANIFEST has never named, which a process had not finished when it
 * died, and nothing else.  That is safe before the start, when the MANIFEST's last changes may not
 * be durable: they are in what was read.  Blocking, right after version_set_open. */
void version_set_purge_unborn(struct version_set *set);

/* Deletes every file in the directory that nothing names: tables, MANIFESTs, temporary files,
 * WALs below the log number; WALs >= are kept.  Blocking, at open. */
void version_set_purge(struct version_set *set);

uint64_t version_set_next_file_number(struct version_set *set); /* takes one */
uint64_t version_set_last_seq(const struct version_set *set);
/* Of the MANIFEST that says what there is; before version_set_start the one that was found. */
uint64_t version_set_manifest_number(const struct version_set *set);
/* Raises the last sequence that the next MANIFEST record will carry. */
void version_set_raise_last_seq(struct version_set *set, uint64_t seq);
const char *version_set_db_id(const struct version_set *set);

/* The smallest log number of all families: WALs below may be retired. */
uint64_t version_set_min_log(const struct version_set *set);
struct column_family *version_set_family(struct version_set *set, uint32_t cf_id); /* or NULL */
struct column_family *version_set_family_by_name(struct version_set *set, struct slice name);
/* Live families ascending by id; NULL when index is past the end. */
struct column_family *version_set_family_at(struct version_set *set, uint32_t index);
/* The largest id of a family that ever was or is about to be; the next new one takes this + 1. */
uint32_t version_set_max_family_id(const struct version_set *set);

typedef void version_applied_fn(void *owner, enum kv_status st);
/* Appends the edits as one atomic change, syncs, installs, then calls on_applied (never from
 * inside).  Takes over the edits' contents (not the array).  The set itself fills in next file,
 * last sequence, max family id, comparator and atomic group.  Edits of a family that was dropped
 * meanwhile are left out and their new tables reported obsolete; if that leaves nothing,
 * on_applied gets KV_CANCELLED, else always KV_OK.  Changes queue up and are applied in order. When
 * the MANIFEST cannot be written, the set switches to a new MANIFEST file and tries again there,
 * first at once and then at growing intervals; on_applied waits until it has worked, and
 * version_set_is_failing says so meanwhile. */
void version_set_apply(struct version_set *set, struct version_edit *edits, uint32_t edit_count,
                       version_applied_fn *on_applied, void *owner);
bool version_set_is_failing(const struct version_set *set);

/* The reader of a table that is to come into a version by a change: the version takes it over,
 * opened or not.  The set keeps it until then, or until it is forgotten. */
struct table_reader *version_set_make_ahead(struct version_set *set, const struct table_meta *meta);
void version_set_forget_ahead(struct version_set *set, uint64_t number_first,
                              uint64_t number_count);

/* Appends the bytes of a MANIFEST that says what is current, and the numbers taken so far. */
void version_set_describe(struct version_set *set, struct buffer *target);

/* Index of the first table of a sorted level whose largest key is >= `target`, an internal key. */
uint32_t version_level_find(const struct version_level *level, struct slice target);
/* Index of the first table of a sorted level whose largest user key is >= `user_key`. */
uint32_t version_level_find_user(const struct version_level *level, struct slice user_key);

/* Without any table, and of no family; one reference, the caller's. */
struct version *version_new_empty(struct version_set *set);
void version_ref(struct version *version);
void version_unref(struct version *version);
/* Of one table: its file stays, whatever versions come and go. */
void table_file_ref(struct table_file *file);
void table_file_unref(struct table_file *file);
/* Called when a table is in no version any more and nobody has a reference to it; the file may be
 * deleted. */
void version_set_on_obsolete(struct version_set *set,
                             void (*on_obsolete)(void *owner, uint64_t file_number), void *owner);

/* The newest entry of `key` with sequence <= seq_max in the tables of this version. */
MUST_CHECK enum kv_status version_get(struct version *version, struct read_ctx *ctx,
                                      struct slice key, uint64_t seq_max, struct lookup *found);

/* The same for a target, whose `located` may be empty. */
MUST_CHECK enum kv_status version_find(struct version *version, struct read_ctx *ctx,
                                       const struct table_target *target, struct lookup *found);

/* A point read that was begun, and is best ended soon: what it will touch is near, and the tables
 * whose filters exclude the key have been passed. */
struct version_probe {
    const struct version *version; /* NULL: only the target is known */
    struct table_target target;
    uint32_t level, index; /* of the first table to ask; level LEVEL_COUNT: none */
};
/* Begins the reads of `count` <= READ_PREFETCH_COUNT_MAX probes that have nothing but their
 * targets, except those in the set `skipped` (bit i: probes[i]); see table_prefetch.h. */
void version_prefetch(const struct version *version, const struct block_cache *cache,
                      struct version_probe *probes, unsigned count, uint32_t skipped);
/* As version_get, for the key of a probe that was begun in this version. */
MUST_CHECK enum kv_status version_get_probed(struct version *version, struct read_ctx *ctx,
                                             const struct version_probe *probe,
                                             struct lookup *found);
/* Iterators over the point entries of all tables (one for each L0 table, one for each deeper
 * level that has tables), for merge_iter; the caller frees them and keeps the version. */
uint32_t version_iter_count(const struct version *version);
void version_iters(struct version *version, struct read_ctx *ctx, struct iter **iters_out);
/* The sequence of the newest range tombstone <= seq_max that covers `key` in any table; 0: none. */
MUST_CHECK enum kv_status version_covering_tombstone(struct version *version, struct read_ctx *ctx,
                                                     struct slice key, uint64_t seq_max,
                                                     uint64_t *seq_out);

#endif
