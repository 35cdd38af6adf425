/* diff_rocks.h - librocksdb under a differential test, in a directory of its own.
 *
 * Where a call fails the process ends: this side is the measure.
 */
#ifndef KV_TESTS_SUPPORT_DIFF_ROCKS_H
#define KV_TESTS_SUPPORT_DIFF_ROCKS_H

#include <rocksdb/c.h>

#include "support/diff_op.h"

struct diff_rocks {
    rocksdb_t *db;
    rocksdb_options_t *options[DIFF_FAMILY_COUNT];
    rocksdb_column_family_handle_t *families[DIFF_FAMILY_COUNT];
    rocksdb_writeoptions_t *write;
    rocksdb_writebatch_t *batch;
    const rocksdb_snapshot_t *snapshots[DIFF_SNAPSHOT_COUNT]; /* NULL: none */
    rocksdb_iterator_t *iters[DIFF_SLOT_COUNT];               /* NULL: none */
    rocksdb_readoptions_t *iter_options[DIFF_SLOT_COUNT];
    const rocksdb_snapshot_t *iter_snapshots[DIFF_SLOT_COUNT]; /* that they read through, or NULL */
    bool is_keys_only[DIFF_SLOT_COUNT];
    char bounds[DIFF_SLOT_COUNT][2][DIFF_KEY_BYTES_MAX]; /* borrowed by them */
    struct buffer scratch;
};

/* Makes the directory's database if there is none. */
void diff_rocks_open(struct diff_rocks *rocks, const char *dir, bool is_read_only);
void diff_rocks_close(struct diff_rocks *rocks);
/* Appends what it said to `answer`, as diff_engine_apply does. */
void diff_rocks_apply(struct diff_rocks *rocks, const struct diff_op *op, struct buffer *answer);
/* Through the snapshot of that place; DIFF_SNAPSHOT_COUNT, or if there is none: now. */
void diff_rocks_scan(struct diff_rocks *rocks, uint32_t family, uint32_t snapshot, bool is_forward,
                     struct buffer *answer);

#endif
