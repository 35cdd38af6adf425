/* compact_rig.h - tables in a scratch directory, compacted and looked at.
 *
 * Tables are written as text, "a@5:p=x a@3:d [b-e)@7": versions of keys in the order of a table,
 * p put, d deletion, s single deletion, m merge operand, e entity, and range tombstones.
 */
#ifndef KV_TESTS_SUPPORT_COMPACT_RIG_H
#define KV_TESTS_SUPPORT_COMPACT_RIG_H

#include "compact/compaction_run.h"
#include "support/scratch_dir.h"
#include "support/table_model.h"

/* One table of the directory. */
struct rig_table {
    uint32_t level;
    struct table_summary summary; /* owned */
};

struct compact_rig {
    char dir[SCRATCH_PATH_BYTES];
    struct io *io;
    uint64_t number_next;
};

void compact_rig_init(struct compact_rig *rig);
/* In memory where the system has a place for that: for many small tables. */
void compact_rig_init_in_memory(struct compact_rig *rig);
void compact_rig_deinit(struct compact_rig *rig);

/* A table that is being written. */
struct rig_writer {
    struct compact_rig *rig;
    struct table_builder *builder;
    struct buffer bytes;
};
void rig_writer_begin(struct rig_writer *writer, struct compact_rig *rig,
                      enum compression compression);
void rig_writer_add(struct rig_writer *writer, struct slice user_key, uint64_t seq,
                    enum value_type type, struct slice value);
void rig_writer_finish(struct rig_writer *writer, struct table_summary *summary);

/* From text. */
void rig_write_table(struct compact_rig *rig, const char *text, struct table_summary *summary);
struct compact_input rig_input(const struct table_summary *summary, uint32_t level);
/* Appends the table as text, range tombstones last; with values if they are short. */
void rig_print_table(struct compact_rig *rig, const struct table_summary *summary,
                     struct buffer *text);

/* Walks a table; false from on_version stops. */
struct rig_visitor {
    void (*on_version)(void *owner, const struct internal_key *key, struct slice value);
    void (*on_tombstone)(void *owner, const struct range_tombstone *tombstone);
    void *owner;
};
void rig_visit_table(struct compact_rig *rig, const struct table_summary *summary,
                     const struct rig_visitor *visitor);

#endif
