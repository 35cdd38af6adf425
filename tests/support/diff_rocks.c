#include "support/diff_rocks.h"

#include <stdio.h>
#include <stdlib.h>

#include "support/diff_engine.h"

static void
check(char *error)
{
    if (error == NULL)
        return;
    fprintf(stderr, "rocksdb: %s\n", error);
    abort();
}

/* --- opening and closing --- */

static rocksdb_options_t *
make_options(const char *more)
{
    rocksdb_options_t *base = rocksdb_options_create(), *options = rocksdb_options_create();
    char *error = NULL;

    rocksdb_options_set_create_if_missing(base, 1);
    rocksdb_options_set_create_missing_column_families(base, 1);
    rocksdb_options_set_write_buffer_size(base, 1 << 20);
    rocksdb_options_set_compression(base, 0);
    rocksdb_options_set_info_log_level(base, 4);
    rocksdb_get_options_from_string(base, more, options, &error);
    check(error);
    rocksdb_options_destroy(base);
    return options;
}

void
diff_rocks_open(struct diff_rocks *rocks, const char *dir, bool is_read_only)
{
    static const char *const names[DIFF_FAMILY_COUNT] = {"default", "append", "plain"};
    char *error = NULL;

    *rocks = (struct diff_rocks){.write = rocksdb_writeoptions_create(),
                                 .batch = rocksdb_writebatch_create()};
    rocks->options[0] = make_options("merge_operator=uint64add");
    rocks->options[1] = make_options("merge_operator=stringappend");
    rocks->options[2] = make_options("");
    rocksdb_writeoptions_disable_WAL(rocks->write, 1);
    if (is_read_only)
        rocks->db = rocksdb_open_for_read_only_column_families(
            rocks->options[0], dir, DIFF_FAMILY_COUNT, names,
            (const rocksdb_options_t *const *)rocks->options, rocks->families, 0, &error);
    else
        rocks->db = rocksdb_open_column_families(rocks->options[0], dir, DIFF_FAMILY_COUNT, names,
                                                 (const rocksdb_options_t *const *)rocks->options,
                                                 rocks->families, &error);
    check(error);
}

/* librocksdb's iterators look at their snapshot when they open tables, so it has to outlive them.
 */
static void
release_unused(struct diff_rocks *rocks, const rocksdb_snapshot_t *snapshot)
{
    bool is_used = snapshot == NULL;

    for (uint32_t i = 0; i < DIFF_SNAPSHOT_COUNT; i++)
        is_used |= rocks->snapshots[i] == snapshot;
    for (uint32_t i = 0; i < DIFF_SLOT_COUNT; i++)
        is_used |= rocks->iter_snapshots[i] == snapshot;
    if (!is_used)
        rocksdb_release_snapshot(rocks->db, snapshot);
}

static void
close_iter(struct diff_rocks *rocks, uint32_t slot)
{
    const rocksdb_snapshot_t *snapshot = rocks->iter_snapshots[slot];

    if (rocks->iters[slot] == NULL)
        return;
    rocksdb_iter_destroy(rocks->iters[slot]);
    rocksdb_readoptions_destroy(rocks->iter_options[slot]);
    rocks->iters[slot] = NULL;
    rocks->iter_snapshots[slot] = NULL;
    release_unused(rocks, snapshot);
}

static void
release(struct diff_rocks *rocks, uint32_t place)
{
    const rocksdb_snapshot_t *snapshot = rocks->snapshots[place];

    rocks->snapshots[place] = NULL;
    release_unused(rocks, snapshot);
}

/* What does not outlive an engine. */
static void
let_go(struct diff_rocks *rocks)
{
    for (uint32_t i = 0; i < DIFF_SLOT_COUNT; i++)
        close_iter(rocks, i);
    for (uint32_t i = 0; i < DIFF_SNAPSHOT_COUNT; i++)
        release(rocks, i);
}

void
diff_rocks_close(struct diff_rocks *rocks)
{
    let_go(rocks);
    for (uint32_t i = 0; i < DIFF_FAMILY_COUNT; i++)
        rocksdb_column_family_handle_destroy(rocks->families[i]);
    rocksdb_close(rocks->db);
    for (uint32_t i = 0; i < DIFF_FAMILY_COUNT; i++)
        rocksdb_options_destroy(rocks->options[i]);
    rocksdb_writeoptions_destroy(rocks->write);
    rocksdb_writebatch_destroy(rocks->batch);
    buffer_deinit(&rocks->scratch);
}

/* --- writing --- */

static void
add_write(struct diff_rocks *rocks, const struct diff_op *op)
{
    rocksdb_column_family_handle_t *family = rocks->families[op->family];
    char bytes[DIFF_KEY_BYTES_MAX], end_bytes[DIFF_KEY_BYTES_MAX];
    const struct slice key = diff_key(op->key, bytes), end = diff_key(op->key_end, end_bytes);
    const char *value;

    diff_op_value(op, &rocks->scratch);
    value = rocks->scratch.size == 0 ? "" : (const char *)rocks->scratch.data;
    if (op->kind == DIFF_PUT)
        rocksdb_writebatch_put_cf(rocks->batch, family, bytes, key.size, value,
                                  rocks->scratch.size);
    else if (op->kind == DIFF_DELETE)
        rocksdb_writebatch_delete_cf(rocks->batch, family, bytes, key.size);
    else if (op->kind == DIFF_SINGLE_DELETE)
        rocksdb_writebatch_singledelete_cf(rocks->batch, family, bytes, key.size);
    else if (op->kind == DIFF_DELETE_RANGE)
        rocksdb_writebatch_delete_range_cf(rocks->batch, family, bytes, key.size, end_bytes,
                                           end.size);
    else
        rocksdb_writebatch_merge_cf(rocks->batch, family, bytes, key.size, value,
                                    rocks->scratch.size);
}

static void
commit(struct diff_rocks *rocks)
{
    char *error = NULL;

    if (rocksdb_writebatch_count(rocks->batch) == 0)
        return;
    rocksdb_write(rocks->db, rocks->write, rocks->batch, &error);
    check(error);
    rocksdb_writebatch_clear(rocks->batch);
}

/* --- reading --- */

/* Options of a read through the snapshot of that place, if there is one. */
static rocksdb_readoptions_t *
options_at(struct diff_rocks *rocks, uint32_t place)
{
    rocksdb_readoptions_t *options = rocksdb_readoptions_create();

    if (place < DIFF_SNAPSHOT_COUNT && rocks->snapshots[place] != NULL)
        rocksdb_readoptions_set_snapshot(options, rocks->snapshots[place]);
    return options;
}

static uint32_t
place_of(const struct diff_op *op)
{
    return diff_op_uses_snapshot(op) ? diff_op_snapshot(op) : DIFF_SNAPSHOT_COUNT;
}

static void
get(struct diff_rocks *rocks, const struct diff_op *op, struct buffer *answer)
{
    char bytes[DIFF_KEY_BYTES_MAX], *error = NULL, *value;
    const struct slice key = diff_key(op->key, bytes);
    rocksdb_readoptions_t *options = options_at(rocks, place_of(op));
    size_t size;

    value = rocksdb_get_cf(rocks->db, options, rocks->families[op->family], bytes, key.size, &size,
                           &error);
    check(error);
    if (value != NULL)
        diff_answer_value(answer, slice_of(value, size));
    else
        diff_answer_none(answer);
    free(value);
    rocksdb_readoptions_destroy(options);
}

static void
open_iter(struct diff_rocks *rocks, const struct diff_op *op)
{
    const uint32_t slot = op->slot;
    rocksdb_readoptions_t *options = options_at(rocks, place_of(op));
    struct slice bound;

    close_iter(rocks, slot);
    rocks->is_keys_only[slot] = diff_op_is_keys_only(op);
    if (diff_op_has_lower(op)) {
        bound = diff_key(op->key, rocks->bounds[slot][0]);
        rocksdb_readoptions_set_iterate_lower_bound(options, rocks->bounds[slot][0], bound.size);
    }
    if (diff_op_has_upper(op)) {
        bound = diff_key(op->key_end, rocks->bounds[slot][1]);
        rocksdb_readoptions_set_iterate_upper_bound(options, rocks->bounds[slot][1], bound.size);
    }
    rocks->iter_options[slot] = options;
    rocks->iter_snapshots[slot] =
        diff_op_uses_snapshot(op) ? rocks->snapshots[diff_op_snapshot(op)] : NULL;
    rocks->iters[slot] =
        rocksdb_create_iterator_cf(rocks->db, options, rocks->families[op->family]);
}

static void
move(rocksdb_iterator_t *iter, enum diff_kind kind, struct slice key)
{
    if (kind == DIFF_ITER_FIRST)
        rocksdb_iter_seek_to_first(iter);
    else if (kind == DIFF_ITER_LAST)
        rocksdb_iter_seek_to_last(iter);
    else if (kind == DIFF_ITER_SEEK)
        rocksdb_iter_seek(iter, (const char *)key.data, key.size);
    else if (kind == DIFF_ITER_SEEK_FOR_PREV)
        rocksdb_iter_seek_for_prev(iter, (const char *)key.data, key.size);
    else if (kind == DIFF_ITER_NEXT)
        rocksdb_iter_next(iter);
    else
        rocksdb_iter_prev(iter);
}

static void
answer_place(const rocksdb_iterator_t *iter, bool is_keys_only, struct buffer *answer)
{
    size_t key_size, value_size;
    const char *key, *value;
    char *error = NULL;

    if (!rocksdb_iter_valid(iter)) {
        rocksdb_iter_get_error(iter, &error);
        check(error);
        diff_answer_none(answer);
        return;
    }
    key = rocksdb_iter_key(iter, &key_size);
    value = rocksdb_iter_value(iter, &value_size);
    diff_answer_key(answer, slice_of(key, key_size),
                    slice_of(value, is_keys_only ? 0 : value_size));
}

static void
use_iter(struct diff_rocks *rocks, const struct diff_op *op, struct buffer *answer)
{
    rocksdb_iterator_t *iter = rocks->iters[op->slot];
    const bool steps = op->kind == DIFF_ITER_NEXT || op->kind == DIFF_ITER_PREV;
    char bytes[DIFF_KEY_BYTES_MAX];

    if (iter == NULL)
        return;
    for (uint32_t i = 0; i < (steps ? op->number : 1); i++) {
        if (steps && !rocksdb_iter_valid(iter))
            return;
        move(iter, op->kind, diff_key(op->key, bytes));
        answer_place(iter, rocks->is_keys_only[op->slot], answer);
    }
}

void
diff_rocks_scan(struct diff_rocks *rocks, uint32_t family, uint32_t snapshot, bool is_forward,
                struct buffer *answer)
{
    rocksdb_readoptions_t *options = options_at(rocks, snapshot);
    rocksdb_iterator_t *iter =
        rocksdb_create_iterator_cf(rocks->db, options, rocks->families[family]);
    enum diff_kind kind = is_forward ? DIFF_ITER_FIRST : DIFF_ITER_LAST;

    do {
        move(iter, kind, slice_of(NULL, 0));
        answer_place(iter, false, answer);
        kind = is_forward ? DIFF_ITER_NEXT : DIFF_ITER_PREV;
    } while (rocksdb_iter_valid(iter));
    rocksdb_iter_destroy(iter);
    rocksdb_readoptions_destroy(options);
}

static void
take(struct diff_rocks *rocks, uint32_t place)
{
    if (rocks->snapshots[place] == NULL)
        rocks->snapshots[place] = rocksdb_create_snapshot(rocks->db);
}

static void
flush(struct diff_rocks *rocks, const struct diff_op *op)
{
    rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();
    char *error = NULL;

    rocksdb_flush_cf(rocks->db, options, rocks->families[op->family], &error);
    check(error);
    rocksdb_flushoptions_destroy(options);
}

void
diff_rocks_apply(struct diff_rocks *rocks, const struct diff_op *op, struct buffer *answer)
{
    if (diff_op_writes(op)) {
        add_write(rocks, op);
        if (!op->goes_on)
            commit(rocks);
        return;
    }
    commit(rocks);
    if (op->kind == DIFF_GET || op->kind == DIFF_SNAPSHOT_GET)
        get(rocks, op, answer);
    else if (op->kind == DIFF_ITER_OPEN)
        open_iter(rocks, op);
    else if (op->kind == DIFF_ITER_CLOSE)
        close_iter(rocks, op->slot);
    else if (op->kind <= DIFF_ITER_PREV)
        use_iter(rocks, op, answer);
    else if (op->kind == DIFF_SNAPSHOT)
        take(rocks, diff_op_snapshot(op));
    else if (op->kind == DIFF_RELEASE)
        release(rocks, diff_op_snapshot(op));
    else if (op->kind == DIFF_REOPEN || op->kind == DIFF_CRASH || op->kind == DIFF_HAND_OVER)
        let_go(rocks); /* as the other side's cannot live on */
    else if (op->kind == DIFF_FLUSH && op->number % 8 == 0)
        flush(rocks, op);
    else if (op->kind == DIFF_COMPACT && op->number % 4 == 0)
        rocksdb_compact_range_cf(rocks->db, rocks->families[op->family], NULL, 0, NULL, 0);
}
