/* table_model.h - the entries that a table should hold, in its order, and the table made of them.
 *
 * For tests that compare our tables with another's idea of them.
 */
#ifndef KV_TESTS_SUPPORT_TABLE_MODEL_H
#define KV_TESTS_SUPPORT_TABLE_MODEL_H

#include "base/buffer.h"
#include "base/random.h"
#include "key/internal_key.h"
#include "sst/table_builder.h"

enum { MODEL_TABLE_NUMBER = 4, MODEL_CREATION_TIME_S = 1700000000 };

struct model_entry {
    size_t key_offset, key_size; /* internal key, in model.bytes */
    size_t value_offset, value_size;
};

struct model_tombstone {
    const char *begin, *end;
    uint64_t seq;
};

struct table_model {
    struct buffer bytes;
    struct model_entry *entries;
    size_t count, capacity;
    const struct model_tombstone *tombstones;
    size_t tombstone_count;
    const uint64_t *snapshots; /* NULL: none are told to the builder */
    size_t snapshot_count;
    enum compression compression;
    bool scan_only; /* holds merge operands, for which there is no operator */
    bool has_internal_index;
};

void table_model_deinit(struct table_model *model);
/* In the order of the table.  Copies. */
void table_model_add(struct table_model *model, struct slice user_key, uint64_t seq,
                     enum value_type type, struct slice value);
/* Half random, half one byte again and again. */
void table_model_make_value(struct buffer *value, size_t size, struct random *random);
/* The internal key and the value of entry i; borrowed until the next add. */
struct slice table_model_key(const struct table_model *model, size_t i);
struct slice table_model_value(const struct table_model *model, size_t i);
/* Appends the table to `file` and checks the summary against it; deinit the summary. */
void table_model_build(const struct table_model *model, struct buffer *file,
                       struct table_summary *summary);

#endif
