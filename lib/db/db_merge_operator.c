/* db_merge_operator.c - which merge operator a family has.
 *
 * OPTIONS says it, so that RocksDB reads the directory with the same one.  The setting of kvd may
 * give an operator to a family that has none; it may not replace one, since operands that are
 * stored already would change their meaning.
 */
#include "base/alloc.h"
#include "base/log.h"
#include "db/db_family.h"
#include "db/family_record.h"

enum {
    LONG_OPERAND_COUNT = 64,
    LOOK_EVERY = 16, /* looking costs more than a blind write */
};

void
db_family_parse_operator(struct db_family *family)
{
    /* One that kvd does not have is none: operands are kept as they are. */
    if (merge_operator_parse(slice_from_text(family->stored.merge_operator), &family->op) != KV_OK)
        family->op = (struct merge_operator){0};
}

const char *
db_family_merge_spec(const struct db_family *family)
{
    return family->op.kind != NULL ? family->stored.merge_operator : "nullptr";
}

const struct merge_operator *
db_merge_operator(struct db *db, uint32_t cf_id)
{
    static const struct merge_operator none;

    return db_has_family(db, cf_id) ? &db_family_of(db, cf_id)->op : &none;
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

bool
db_family_may_take_operator(const struct db_family *family, const char *spec)
{
    const char *stored_spec = family->stored.merge_operator;
    struct merge_operator op, stored;

    return merge_operator_parse(slice_from_text(spec), &op) == KV_OK &&
           merge_operator_parse(slice_from_text(stored_spec), &stored) == KV_OK &&
           may_replace(stored_spec, &stored, &op);
}

/* RocksDB writes delimiters that it cannot read again; what kvd writes, it can. */
static void
check_stored(struct db_family *family)
{
    struct family_options *options = &family->stored;
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

static enum kv_status
configure_default(struct db *db, const char *wanted)
{
    struct db_family *family = db_family_of(db, CF_DEFAULT);
    struct merge_operator op;
    const enum kv_status st = merge_operator_parse(slice_from_text(wanted), &op);

    if (st != KV_OK)
        return KV_FAIL(KV_INVALID, "merge-operator %s: not one that kvd has, or malformed", wanted);
    if (!db_family_may_take_operator(family, wanted))
        return KV_FAIL(
            KV_INVALID,
            "%s: merge-operator is %s, but its operands were written for %s; set that or "
            "nothing, or change merge_operator in its newest OPTIONS file if that is "
            "wrong",
            db->dir, wanted, family->stored.merge_operator);
    if (op.kind != NULL)
        store(&family->stored, &op);
    return KV_OK;
}

enum kv_status
db_merge_configure(struct db *db)
{
    const char *wanted = db->options.merge_operator;
    enum kv_status st = KV_OK;

    for (uint32_t i = 0; i < db->family_count; i++)
        check_stored(db->families[i]);
    if (wanted != NULL && wanted[0] != '\0')
        st = configure_default(db, wanted);
    for (uint32_t i = 0; i < db->family_count; i++)
        db_family_parse_operator(db->families[i]);
    return st;
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
