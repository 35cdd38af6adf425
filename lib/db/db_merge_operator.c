/* db_merge_operator.c - which merge operator a family has.
 *
 * OPTIONS says it, so that RocksDB reads the directory with the same one.  The setting of kvd may
 * give an operator to a family that has none; it may not replace one, since operands that are
 * stored already would change their meaning.
 */
#include "base/alloc.h"
#include "base/log.h"
#include "db/db_internal.h"

enum {
    LONG_OPERAND_COUNT = 64,
    LOOK_EVERY = 16, /* looking costs more than a blind write */
};

const char *
db_merge_operator_spec(const struct db *db, const char *cf_name)
{
    const struct family_options *options = db_family_options(db, cf_name);
    struct merge_operator op;

    if (options == NULL || options->merge_operator[0] == '\0' ||
        merge_operator_parse(slice_from_text(options->merge_operator), &op) != KV_OK)
        return "nullptr";
    return options->merge_operator;
}

const struct merge_operator *
db_merge_operator(struct db *db, uint32_t cf_id)
{
    struct column_family *family = version_set_family(db->versions, cf_id);
    struct family_operator *entry;

    KV_ASSERT(family != NULL);
    for (uint32_t i = 0; i < db->merge_operator_count; i++) {
        if (db->merge_operators[i]->cf_id == cf_id)
            return &db->merge_operators[i]->op;
    }
    db->merge_operators =
        kv_realloc(db->merge_operators,
                   sizeof(db->merge_operators[0]) * ((size_t)db->merge_operator_count + 1));
    entry = kv_alloc_zero(sizeof(*entry));
    db->merge_operators[db->merge_operator_count++] = entry;
    entry->cf_id = cf_id;
    if (merge_operator_parse(slice_from_text(db_merge_operator_spec(db, family->name)),
                             &entry->op) != KV_OK)
        KV_ASSERT(false && "the spec is one that kvd has, or none");
    return &entry->op;
}

/* The stored options of the default family; made if there are none. */
static struct family_options *
default_options(struct db *db)
{
    struct options_file *file = &db->family_options;
    struct family_options *options;

    for (uint32_t i = 0; i < file->family_count; i++) {
        if (strcmp(file->families[i].name, "default") == 0)
            return &file->families[i];
    }
    file->families =
        kv_realloc(file->families, sizeof(file->families[0]) * ((size_t)file->family_count + 1));
    options = &file->families[file->family_count++];
    *options =
        (struct family_options){.name = "default", .compaction = compaction_options_default()};
    return options;
}

/* None is stored, or the same.  RocksDB writes a class without options for an empty delimiter, so
 * then the setting knows better. */
static bool
may_replace(const char *stored_spec, const struct merge_operator *stored,
            const struct merge_operator *op)
{
    if (stored->kind == NULL)
        return true;
    if (stored->kind != op->kind)
        return false;
    return strchr(stored_spec, '=') == NULL ||
           slice_equal(slice_of(stored->delimiter, stored->delimiter_bytes),
                       slice_of(op->delimiter, op->delimiter_bytes));
}

static void
store(struct family_options *options, const struct merge_operator *op)
{
    struct buffer spec = {0};

    merge_operator_format(op, &spec);
    KV_ASSERT(spec.size < sizeof(options->merge_operator));
    memset(options->merge_operator, 0, sizeof(options->merge_operator));
    memcpy(options->merge_operator, spec.data, spec.size);
    buffer_deinit(&spec);
}

/* RocksDB writes delimiters that it cannot read again; what kvd writes, it can. */
static void
check_stored(struct db *db)
{
    for (uint32_t i = 0; i < db->family_options.family_count; i++) {
        struct family_options *options = &db->family_options.families[i];
        struct merge_operator op;

        if (merge_operator_parse(slice_from_text(options->merge_operator), &op) != KV_OK)
            kv_log(LOG_LEVEL_WARNING,
                   "column family %s: merge operator %s is not one that kvd has (see "
                   "merge-library): keys with operands cannot be read, and operands are kept as "
                   "they are",
                   options->name, options->merge_operator);
        else if (op.kind != NULL && strchr(options->merge_operator, '=') != NULL)
            store(options, &op);
    }
}

enum kv_status
db_merge_configure(struct db *db)
{
    const char *wanted = db->options.merge_operator;
    struct merge_operator op, stored;
    struct family_options *options;
    enum kv_status st;

    check_stored(db);
    if (wanted == NULL || wanted[0] == '\0')
        return KV_OK;
    st = merge_operator_parse(slice_from_text(wanted), &op);
    if (st != KV_OK)
        return KV_FAIL(KV_INVALID, "merge-operator %s: not one that kvd has, or malformed", wanted);
    options = default_options(db);
    st = merge_operator_parse(slice_from_text(options->merge_operator), &stored);
    if (st != KV_OK || !may_replace(options->merge_operator, &stored, &op))
        return KV_FAIL(
            KV_INVALID,
            "%s: merge-operator is %s, but its operands were written for %s; set that or "
            "nothing, or change merge_operator in its newest OPTIONS file if that is "
            "wrong",
            db->dir, wanted, options->merge_operator);
    if (op.kind != NULL)
        store(options, &op);
    return KV_OK;
}

/* Few enough of the sequences, whatever pattern writers have. */
static bool
is_time_to_look(uint64_t seq)
{
    return ((seq * UINT64_C(0x9e3779b97f4a7c15)) >> 32) % LOOK_EVERY == 0;
}

static bool
is_operand_of(const struct iter *iter, struct slice key)
{
    struct internal_key found;

    return iter->valid && internal_key_parse(iter->key, &found) && found.type == TYPE_MERGE &&
           slice_equal(found.user_key, key);
}

bool
db_merge_is_long(struct db *db, uint32_t cf_id, struct slice key)
{
    struct buffer target = {0};
    struct lookup found;
    struct iter *iter;
    uint32_t count = 0;
    enum kv_status st;

    memtable_get(db->active, cf_id, key, SEQUENCE_MAX, &found);
    if (found.kind != LOOKUP_MERGE || !is_time_to_look(found.seq))
        return false;
    internal_key_append(&target, key, found.seq, TYPE_SEEK);
    iter = memtable_iter_new(db->active, cf_id);
    st = iter_seek(iter, buffer_slice(&target));
    while (st == KV_OK && count < LONG_OPERAND_COUNT && is_operand_of(iter, key)) {
        count++;
        st = iter_next(iter);
    }
    iter_free(iter);
    buffer_deinit(&target);
    return count >= LONG_OPERAND_COUNT;
}
