/* diff_engine.h - kvd's engine under a differential test, on a simulated machine.
 *
 * Everything that makes work is tiny: logs, blocks, the cache, tables, levels.  Time is virtual and
 * chance comes from the seed, so the same operations give the same run.
 */
#ifndef KV_TESTS_SUPPORT_DIFF_ENGINE_H
#define KV_TESTS_SUPPORT_DIFF_ENGINE_H

#include "db/db_iter.h"
#include "db/db_snapshot.h"
#include "support/diff_op.h"
#include "support/inline_port.h"
#include "support/sim_liar.h"

struct diff_iter {
    struct db_iter *iter; /* NULL: none */
    struct read_ctx ctx;
    bool is_keys_only;
};

/* A batch that a crash may take back. */
struct diff_batch {
    uint64_t seq_last;
    struct write_batch batch; /* owned */
};

struct diff_engine {
    struct sim_io *sim;
    struct sim_liar *liar; /* for its afterlife */
    struct inline_port port;
    struct db_options options;
    struct db *db;
    uint32_t cf_ids[DIFF_FAMILY_COUNT];
    struct write_batch open_batch; /* of writes that go on */
    struct diff_batch *pending;    /* owned: not known to be durable, ascending */
    uint32_t pending_count, pending_capacity;
    struct diff_iter iters[DIFF_SLOT_COUNT];
    struct db_snapshot *snapshots[DIFF_SNAPSHOT_COUNT]; /* NULL: none */
    uint32_t compact_count; /* db_compacts that have not been answered */
    bool is_leaving;        /* so they may end in any way */
    bool has_cancelled;     /* likewise */
    struct random random;
    struct buffer scratch;
    struct db_compaction_totals totals; /* of the engines that were closed */
    uint64_t flush_count, crash_count, lost_count;
    char failure[200]; /* empty: none */
};

/* `dir`: what the engine finds, made by another; families are named "default", "append", "plain".
 */
void diff_engine_init(struct diff_engine *engine, uint64_t seed, const char *dir);
void diff_engine_deinit(struct diff_engine *engine);
/* Appends what it said to `answer`.  False: engine->failure says why. */
bool diff_engine_apply(struct diff_engine *engine, const struct diff_op *op, struct buffer *answer);
/* All that is there, forward or backward, through a new iterator, as of the snapshot of that place;
 * DIFF_SNAPSHOT_COUNT, or if there is none: now. */
bool diff_engine_scan(struct diff_engine *engine, uint32_t family, uint32_t snapshot,
                      bool is_forward, struct buffer *answer);
/* Closes, and writes its files into the directory; is_settled: when nothing is left to compact. */
bool diff_engine_export(struct diff_engine *engine, const char *dir, bool is_settled);
/* Opens what is in the directory, in place of what it had. */
bool diff_engine_import(struct diff_engine *engine, const char *dir);

/* How answers are written. */
void diff_answer_key(struct buffer *answer, struct slice key, struct slice value);
void diff_answer_value(struct buffer *answer, struct slice value);
void diff_answer_none(struct buffer *answer);

#endif
