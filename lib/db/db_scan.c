/* db_scan.c - a db_iter that goes forward over everything, for tests and tools. */
#include "base/alloc.h"
#include "db/db_iter.h"

struct db_scan {
    struct db_iter *iter;
};

struct db_scan *
db_scan_new(struct db *db, struct read_ctx *ctx, uint32_t cf_id)
{
    const struct db_iter_options options = {.cf_id = cf_id, .seq_max = SEQUENCE_MAX};
    struct db_scan *scan = kv_alloc_zero(sizeof(*scan));

    scan->iter = db_iter_new(db, ctx, &options);
    return scan;
}

void
db_scan_free(struct db_scan *scan)
{
    if (scan == NULL)
        return;
    db_iter_free(scan->iter);
    free(scan);
}

enum kv_status
db_scan_seek(struct db_scan *scan, struct slice from, bool *found)
{
    const enum kv_status st = db_iter_seek(scan->iter, from);

    *found = db_iter_state(scan->iter) == DB_ITER_AT_KEY;
    return st;
}

enum kv_status
db_scan_next(struct db_scan *scan, bool *found)
{
    const enum kv_status st = db_iter_next(scan->iter);

    *found = db_iter_state(scan->iter) == DB_ITER_AT_KEY;
    return st;
}

struct slice
db_scan_key(const struct db_scan *scan)
{
    return db_iter_key(scan->iter);
}

struct slice
db_scan_value(const struct db_scan *scan)
{
    return db_iter_value(scan->iter);
}
