/* Goal: an iterator shows what an ordered map of the same history shows, in both directions, over
 * memtables and tables at any level, at the sequence of its making, however little fits in memory.
 *
 * Method: random writes to the engine and to a model; now and then a flush, tables moved to deeper
 * levels, as far as nothing in between overlaps, and in half of the runs full compactions, and a
 * snapshot that makes them keep what is old.  Iterators live on across all that, and each is
 * compared with the model as it was when it was made.  What is drawn depends on the seed alone, not
 * on what the cache holds, which is a matter of time: a seed that fails does so again. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "db/db_internal.h"
#include "db/db_iter.h"
#include "db/db_snapshot.h"
#include "support/db_world.h"
#include "support/unit.h"

enum { KEY_COUNT = 160, ITER_COUNT = 4, ROUND_COUNT = 60, WRITES_A_ROUND = 60, STEP_COUNT = 40 };

/* values[i] == 0: not there. */
struct model {
    uint32_t values[KEY_COUNT];
};

static struct db_world world;
static struct random rng, cache_rng;
static struct model now;
static uint32_t next_value;
static uint64_t put_percent;
static bool compacts;
static struct db_snapshot *keeper; /* NULL: none */
static uint64_t leap_count;        /* of all readers that were closed */
static char keys[KEY_COUNT][40];

static uint64_t
below(uint64_t limit)
{
    return random_below(&rng, limit);
}

/* Ascending; some are prefixes of others, one is empty, some share long beginnings. */
static void
make_keys(void)
{
    keys[0][0] = '\0';
    for (int i = 1; i < KEY_COUNT; i++) {
        if (i % 7 == 0)
            (void)snprintf(keys[i], sizeof(keys[i]), "k%03d", i);
        else if (i % 7 == 1)
            (void)snprintf(keys[i], sizeof(keys[i]), "k%03d+", i - 1);
        else
            (void)snprintf(keys[i], sizeof(keys[i]), "k%03d/long/%03d", i / 7 * 7, i);
    }
    for (int i = 1; i < KEY_COUNT; i++)
        CU_ASSERT_TRUE(strcmp(keys[i - 1], keys[i]) < 0);
}

static struct slice
key_at(int number)
{
    return slice_from_text(keys[number]);
}

static struct slice
value_text(char *text, size_t size, uint32_t value)
{
    /* Some fill several blocks' worth. */
    const int width = value % 31 == 0 ? 900 : 10 + (int)(value % 50);

    (void)snprintf(text, size, "%0*u", width, value);
    return slice_from_text(text);
}

static void
commit(struct write_batch *batch)
{
    enum kv_status st;
    uint64_t seq;

    while ((st = db_write(world.db, batch, &seq)) == KV_BUSY)
        db_world_turn(&world);
    CU_ASSERT_EQUAL_FATAL(st, KV_OK);
}

/* Every third key: it is put and deleted in turn, and never by a plain deletion.  Such a deletion
 * goes when a newer put hides it, though an older put may be left in another table or for a
 * snapshot; if a single deletion then takes the newer put along, the older one is back. */
static bool
is_deleted_singly(int number)
{
    return number % 3 == 0;
}

static void
add_put(struct write_batch *batch, int number)
{
    char text[1024];

    if (is_deleted_singly(number) && now.values[number] != 0)
        return;
    now.values[number] = ++next_value;
    write_batch_put(batch, CF_DEFAULT, key_at(number), value_text(text, sizeof(text), next_value));
}

static void
add_deletion(struct write_batch *batch, int number)
{
    if (!is_deleted_singly(number))
        write_batch_delete(batch, CF_DEFAULT, key_at(number));
    else if (now.values[number] != 0)
        write_batch_single_delete(batch, CF_DEFAULT, key_at(number));
    now.values[number] = 0;
}

static void
add_range_deletion(struct write_batch *batch, int number, int width)
{
    int end = number + 1 + (int)below((uint64_t)width);

    if (end >= KEY_COUNT)
        end = KEY_COUNT - 1;
    if (number >= end)
        return;
    write_batch_delete_range(batch, CF_DEFAULT, key_at(number), key_at(end));
    for (int i = number; i < end; i++)
        now.values[i] = 0;
}

static void
add_random_record(struct write_batch *batch)
{
    const int number = (int)below(KEY_COUNT);
    const uint64_t kind = below(100);

    if (kind < put_percent)
        add_put(batch, number);
    else if (kind < 90)
        add_deletion(batch, number);
    else
        add_range_deletion(batch, number, kind < 97 ? 12 : KEY_COUNT);
}

static void
write_some(void)
{
    struct write_batch batch;

    write_batch_init(&batch);
    for (uint64_t rest = below(WRITES_A_ROUND); rest > 0; rest--) {
        add_random_record(&batch);
        if (below(4) == 0) {
            commit(&batch);
            write_batch_clear(&batch);
        }
    }
    commit(&batch);
    write_batch_deinit(&batch);
}

/* --- tables in deeper levels --- */

static void
on_applied(void *owner, enum kv_status st)
{
    CU_ASSERT_EQUAL(st, KV_OK);
    *(bool *)owner = true;
}

static struct slice
user_of(const struct buffer *internal)
{
    return internal_key_user(buffer_slice(internal));
}

static bool
fits_into(const struct version_level *level, const struct table_meta *meta)
{
    for (uint32_t i = 0; i < level->count; i++) {
        const struct table_meta *other = &level->files[i]->meta;

        if (slice_compare(user_of(&meta->smallest), user_of(&other->largest)) <= 0 &&
            slice_compare(user_of(&other->smallest), user_of(&meta->largest)) <= 0)
            return false;
    }
    return true;
}

static void
move_table(const struct table_file *file, uint32_t to)
{
    struct version_edit edit = {.cf_id = CF_DEFAULT};
    struct table_meta *meta = version_edit_add_table(&edit, to);
    struct table_meta copy = file->meta;
    bool is_done = false;

    copy.smallest = copy.largest = (struct buffer){0};
    buffer_append_slice(&copy.smallest, buffer_slice(&file->meta.smallest));
    buffer_append_slice(&copy.largest, buffer_slice(&file->meta.largest));
    *meta = copy;
    version_edit_remove_table(&edit, 0, file->meta.number);
    version_set_apply(world.db->versions, &edit, 1, on_applied, &is_done);
    while (!is_done)
        db_world_turn(&world);
}

/* The oldest table of level 0 goes as deep as it can without passing what it overlaps. */
static void
sink_table(void)
{
    const struct version *version = version_set_family(world.db->versions, CF_DEFAULT)->current;
    const struct version_level *level_0 = &version->levels[0];
    const struct table_file *oldest;
    uint32_t to = 0;

    if (level_0->count == 0)
        return;
    oldest = level_0->files[level_0->count - 1];
    while (to + 1 < LEVEL_COUNT && fits_into(&version->levels[to + 1], &oldest->meta))
        to++;
    if (to > 0)
        move_table(oldest, to);
}

/* Everything goes to the bottom; what a snapshot sees stays. */
static void
compact_all(void)
{
    struct db_stats stats;

    db_world_flush(&world);
    db_compaction_pause(world.db, false);
    db_world_compact(&world, true);
    for (db_get_stats(world.db, &stats); !stats.compaction_is_settled;
         db_get_stats(world.db, &stats))
        db_world_turn(&world);
    db_compaction_pause(world.db, true);
}

/* Takes one, or lets it go. */
static void
change_keeper(void)
{
    if (keeper == NULL) {
        CU_ASSERT_EQUAL_FATAL(db_snapshot_create(world.db, &keeper), KV_OK);
        return;
    }
    db_snapshot_release(world.db, keeper);
    keeper = NULL;
}

/* --- reading --- */

static void
fetch(struct read_ctx *ctx)
{
    CU_ASSERT_FATAL(ctx->want_count > 0);
    CU_ASSERT_EQUAL_FATAL(db_world_fetch(&world, ctx), KV_OK);
}

struct reader {
    struct db_iter *iter; /* NULL: free */
    struct read_ctx ctx;
    struct model model;
    int lower, upper; /* keys in [lower, upper) */
    int at;           /* -1: at no key */
    bool keys_only;
    bool pauses;
};

static struct reader readers[ITER_COUNT];

static void
reader_open(struct reader *reader)
{
    struct db_iter_options options = {.cf_id = CF_DEFAULT, .seq_max = SEQUENCE_MAX};

    reader->model = now;
    reader->lower = below(2) == 0 ? 0 : (int)below(KEY_COUNT);
    reader->upper = below(2) == 0 ? KEY_COUNT : (int)below(KEY_COUNT);
    reader->keys_only = below(5) == 0;
    reader->pauses = below(3) == 0;
    reader->at = -1;
    options.lower = key_at(reader->lower);
    options.has_upper = reader->upper < KEY_COUNT;
    if (options.has_upper)
        options.upper = key_at(reader->upper);
    options.keys_only = reader->keys_only;
    options.ahead_bytes_max = below(2) == 0 ? 0 : 64 * 1024;
    options.skip_count_max = reader->pauses ? 1 + (uint32_t)below(20) : 0;
    read_ctx_init(&reader->ctx, db_block_cache(world.db));
    reader->iter = db_iter_new(world.db, &reader->ctx, &options);
}

static void
reader_close(struct reader *reader)
{
    struct db_iter_stats stats;

    db_iter_get_stats(reader->iter, &stats);
    leap_count += stats.leap_count;
    db_iter_free(reader->iter);
    read_ctx_deinit(&reader->ctx);
    reader->iter = NULL;
}

enum move { MOVE_FIRST, MOVE_LAST, MOVE_SEEK, MOVE_SEEK_FOR_PREV, MOVE_NEXT, MOVE_PREV };

static enum kv_status
call(struct reader *reader, enum move move, struct slice target)
{
    switch (move) {
    case MOVE_FIRST:
        return db_iter_seek_first(reader->iter);
    case MOVE_LAST:
        return db_iter_seek_last(reader->iter);
    case MOVE_SEEK:
        return db_iter_seek(reader->iter, target);
    case MOVE_SEEK_FOR_PREV:
        return db_iter_seek_for_prev(reader->iter, target);
    case MOVE_NEXT:
        return db_iter_next(reader->iter);
    case MOVE_PREV:
        return db_iter_prev(reader->iter);
    }
    return KV_CORRUPT;
}

static bool
is_forward(enum move move)
{
    return move == MOVE_FIRST || move == MOVE_SEEK || move == MOVE_NEXT;
}

/* The call, until it has an answer. */
static void
make_move(struct reader *reader, enum move move, struct slice target)
{
    enum kv_status st;

    for (int tries = 0;; tries++) {
        CU_ASSERT_FATAL(tries < 10000);
        st = call(reader, move, target);
        CU_ASSERT_EQUAL(st == KV_WANT_BLOCK, reader->ctx.want_count > 0);
        if (st == KV_WANT_BLOCK) {
            if (random_below(&cache_rng, 2) == 0)
                block_cache_drop_unpinned(db_block_cache(world.db));
            fetch(&reader->ctx);
            continue;
        }
        CU_ASSERT_EQUAL_FATAL(st, KV_OK);
        if (db_iter_state(reader->iter) != DB_ITER_PAUSED)
            return;
        CU_ASSERT_TRUE_FATAL(reader->pauses);
        move = is_forward(move) ? MOVE_NEXT : MOVE_PREV;
    }
}

/* The first live key from `from` on in the direction; -1: none. */
static int
expected(const struct reader *reader, int from, bool forward)
{
    if (forward && from < reader->lower)
        from = reader->lower;
    if (!forward && from >= reader->upper)
        from = reader->upper - 1;
    for (; from >= reader->lower && from < reader->upper; from += forward ? 1 : -1) {
        if (reader->model.values[from] != 0)
            return from;
    }
    return -1;
}

static bool
shows(const struct reader *reader, int number)
{
    char text[1024];

    if (number < 0)
        return db_iter_state(reader->iter) == DB_ITER_AT_END;
    if (db_iter_state(reader->iter) != DB_ITER_AT_KEY ||
        !slice_equal(db_iter_key(reader->iter), key_at(number)))
        return false;
    return reader->keys_only ||
           slice_equal(db_iter_value(reader->iter),
                       value_text(text, sizeof(text), reader->model.values[number]));
}

static void
step(struct reader *reader)
{
    /* From an end only a seek leads on. */
    const enum move move = (enum move)below(reader->at < 0 ? 4 : 14);
    const enum move made = move > MOVE_PREV ? (below(3) > 0 ? MOVE_NEXT : MOVE_PREV) : move;
    const int target = (int)below(KEY_COUNT);
    int from = 0;

    switch (made) {
    case MOVE_FIRST:
        break;
    case MOVE_LAST:
        from = KEY_COUNT - 1;
        break;
    case MOVE_SEEK:
    case MOVE_SEEK_FOR_PREV:
        from = target;
        break;
    case MOVE_NEXT:
        from = reader->at + 1;
        break;
    case MOVE_PREV:
        from = reader->at - 1;
        break;
    }
    make_move(reader, made, key_at(target));
    reader->at = from < 0 || (from >= KEY_COUNT && is_forward(made))
                     ? -1
                     : expected(reader, from, is_forward(made));
    if (!shows(reader, reader->at))
        (void)printf("\nmove %d target %d: expected %d, state %d, key %.*s\n", (int)made, target,
                     reader->at, (int)db_iter_state(reader->iter),
                     (int)db_iter_key(reader->iter).size,
                     (const char *)db_iter_key(reader->iter).data);
    CU_ASSERT_TRUE_FATAL(shows(reader, reader->at));
    CU_ASSERT_TRUE(db_iter_seq_seen(reader->iter) <= db_last_seq(world.db));
}

static void
use_readers(void)
{
    for (int i = 0; i < ITER_COUNT; i++) {
        struct reader *reader = &readers[i];

        if (reader->iter == NULL)
            reader_open(reader);
        for (uint64_t rest = below(STEP_COUNT); rest > 0; rest--)
            step(reader);
        if (below(3) == 0)
            reader_close(reader);
    }
}

static void
a_round(void)
{
    write_some();
    use_readers();
    if (below(3) == 0)
        db_world_flush(&world);
    else if (below(4) == 0)
        db_world_settle(&world);
    if (below(4) == 0)
        sink_table();
    if (compacts && below(4) == 0)
        compact_all();
    if (compacts && below(8) == 0)
        change_keeper();
    if (below(10) == 0)
        block_cache_drop_unpinned(db_block_cache(world.db));
}

static void
run(uint64_t seed)
{
    random_init(&rng, seed);
    random_init(&cache_rng, seed);
    put_percent = below(2) == 0 ? 60 : 10; /* a few keys in a desert */
    compacts = below(2) == 0;
    memset(&now, 0, sizeof(now));
    next_value = 0;
    db_world_init(&world);
    world.options.block_bytes = 256;
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    db_compaction_pause(world.db, true); /* tables are moved by the test */
    for (int round = 0; round < ROUND_COUNT; round++)
        a_round();
    for (int i = 0; i < ITER_COUNT; i++) {
        if (readers[i].iter != NULL)
            reader_close(&readers[i]);
    }
    if (keeper != NULL)
        change_keeper();
    db_world_deinit(&world);
}

static void
it_shows_what_an_ordered_map_shows(void)
{
    make_keys();
    for (uint64_t i = 0; i < 8; i++)
        run(unit_seed() + i);
    CU_ASSERT_TRUE(leap_count > 0);
}

static void
put_number(struct write_batch *batch, int number)
{
    char key[16];

    (void)snprintf(key, sizeof(key), "key%06d", number);
    write_batch_put(batch, CF_DEFAULT, slice_from_text(key),
                    slice_from_text("a value of some length"));
}

/* Method: tables full of keys, then one range tombstone over nearly all.  The iterator must find
 * the few that are left without looking at the others, in both directions. */
static void
a_deleted_stretch_is_leapt_over(void)
{
    enum { COUNT = 20000 };
    struct db_iter_options options = {.cf_id = CF_DEFAULT, .seq_max = SEQUENCE_MAX};
    struct reader reader = {0};
    struct db_iter_stats stats;
    struct write_batch batch;

    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    write_batch_init(&batch);
    for (int i = 0; i < COUNT; i++)
        put_number(&batch, i);
    commit(&batch);
    db_world_flush(&world);
    write_batch_clear(&batch);
    write_batch_delete_range(&batch, CF_DEFAULT, slice_from_text("key000001"),
                             slice_from_text("key019999"));
    commit(&batch);
    write_batch_deinit(&batch);
    for (int in_table = 0; in_table < 2; in_table++) {
        read_ctx_init(&reader.ctx, db_block_cache(world.db));
        reader.iter = db_iter_new(world.db, &reader.ctx, &options);
        make_move(&reader, MOVE_FIRST, slice_of(NULL, 0));
        CU_ASSERT_TRUE(slice_equal(db_iter_key(reader.iter), slice_from_text("key000000")));
        make_move(&reader, MOVE_NEXT, slice_of(NULL, 0));
        CU_ASSERT_TRUE(slice_equal(db_iter_key(reader.iter), slice_from_text("key019999")));
        make_move(&reader, MOVE_PREV, slice_of(NULL, 0));
        CU_ASSERT_TRUE(slice_equal(db_iter_key(reader.iter), slice_from_text("key000000")));
        db_iter_get_stats(reader.iter, &stats);
        CU_ASSERT_TRUE(stats.skip_count < 100);
        CU_ASSERT_TRUE(stats.leap_count >= 2 && stats.leap_count < 20); /* one a place and way */
        reader_close(&reader);
        db_world_flush(&world);
    }
    db_world_deinit(&world);
}

/* Method: every key has been deleted one by one; a call may not look at all of them at once. */
static void
a_crowd_of_deletions_makes_it_pause(void)
{
    enum { COUNT = 3000 };
    struct db_iter_options options = {
        .cf_id = CF_DEFAULT, .seq_max = SEQUENCE_MAX, .skip_count_max = 500};
    struct reader reader = {0};
    struct write_batch batch;
    int pause_count = 0;
    char key[16];

    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    write_batch_init(&batch);
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(key, sizeof(key), "key%06d", i);
        write_batch_delete(&batch, CF_DEFAULT, slice_from_text(key));
    }
    put_number(&batch, COUNT);
    commit(&batch);
    write_batch_deinit(&batch);
    read_ctx_init(&reader.ctx, db_block_cache(world.db));
    reader.iter = db_iter_new(world.db, &reader.ctx, &options);
    CU_ASSERT_EQUAL(db_iter_seek_first(reader.iter), KV_OK);
    while (db_iter_state(reader.iter) == DB_ITER_PAUSED) {
        pause_count++;
        CU_ASSERT_FATAL(pause_count < 100);
        CU_ASSERT_EQUAL(db_iter_next(reader.iter), KV_OK);
    }
    CU_ASSERT_EQUAL(db_iter_state(reader.iter), DB_ITER_AT_KEY);
    CU_ASSERT_TRUE(slice_equal(db_iter_key(reader.iter), slice_from_text("key003000")));
    CU_ASSERT_TRUE(pause_count >= 5);
    reader_close(&reader);
    db_world_deinit(&world);
}

/* Walks over a desert and back from within; returns the entries that were stepped over. */
static uint64_t
cross(const char *from, const char *first, const char *last)
{
    struct db_iter_options options = {.cf_id = CF_DEFAULT, .seq_max = SEQUENCE_MAX};
    struct reader reader = {0};
    struct db_iter_stats stats;

    read_ctx_init(&reader.ctx, db_block_cache(world.db));
    reader.iter = db_iter_new(world.db, &reader.ctx, &options);
    make_move(&reader, MOVE_SEEK, slice_from_text(from));
    CU_ASSERT_TRUE(slice_equal(db_iter_key(reader.iter), slice_from_text(first)));
    make_move(&reader, MOVE_SEEK_FOR_PREV, slice_from_text("key999998"));
    CU_ASSERT_TRUE(slice_equal(db_iter_key(reader.iter), slice_from_text(last)));
    db_iter_get_stats(reader.iter, &stats);
    reader_close(&reader);
    return stats.skip_count;
}

static void
write_one(bool is_deletion, int number)
{
    struct write_batch batch;
    char key[16];

    write_batch_init(&batch);
    (void)snprintf(key, sizeof(key), "key%06d", number);
    if (is_deletion)
        write_batch_delete(&batch, CF_DEFAULT, slice_from_text(key));
    else
        put_number(&batch, number);
    commit(&batch);
    write_batch_deinit(&batch);
}

/* Method: keys in a table, all but the first and the last deleted one by one in memory.  The first
 * walk passes them all, the next one none; a key that comes back in the middle is found from both
 * sides; and a walk that began before it did tells the others nothing that is not true. */
static void
a_desert_is_crossed_once(void)
{
    enum { COUNT = 20000 };
    struct db_iter_options options = {
        .cf_id = CF_DEFAULT, .seq_max = SEQUENCE_MAX, .skip_count_max = 2500};
    struct reader early = {.pauses = true};
    struct write_batch batch;
    char key[16];

    db_world_init(&world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
    db_compaction_pause(world.db, true);
    write_batch_init(&batch);
    for (int i = 0; i < COUNT; i++)
        put_number(&batch, i);
    put_number(&batch, 999999);
    commit(&batch);
    db_world_flush(&world);
    write_batch_clear(&batch);
    for (int i = 1; i < COUNT; i++) {
        (void)snprintf(key, sizeof(key), "key%06d", i);
        write_batch_delete(&batch, CF_DEFAULT, slice_from_text(key));
    }
    commit(&batch);
    write_batch_deinit(&batch);
    CU_ASSERT_TRUE(cross("key000001", "key999999", "key000000") > 2 * (COUNT - 1));
    for (int in_table = 0; in_table < 2; in_table++) {
        CU_ASSERT_TRUE(cross("key000001", "key999999", "key000000") < 300);
        CU_ASSERT_TRUE(cross("key010000", "key999999", "key000000") < 300);
        db_world_flush(&world);
    }

    read_ctx_init(&early.ctx, db_block_cache(world.db));
    early.iter = db_iter_new(world.db, &early.ctx, &options);
    write_one(false, 5000);
    CU_ASSERT_TRUE(cross("key000001", "key005000", "key005000") < 600);
    make_move(&early, MOVE_SEEK, slice_from_text("key000001"));
    CU_ASSERT_TRUE(slice_equal(db_iter_key(early.iter), slice_from_text("key999999")));
    CU_ASSERT_TRUE(cross("key000001", "key005000", "key005000") < 600);
    make_move(&early, MOVE_SEEK_FOR_PREV, slice_from_text("key999998"));
    CU_ASSERT_TRUE(slice_equal(db_iter_key(early.iter), slice_from_text("key000000")));
    CU_ASSERT_TRUE(cross("key000001", "key005000", "key005000") < 600);
    write_one(true, 5000);
    (void)cross("key000001", "key999999", "key000000");
    CU_ASSERT_TRUE(cross("key000001", "key999999", "key000000") < 300);
    reader_close(&early);
    db_world_deinit(&world);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(it_shows_what_an_ordered_map_shows),
        UNIT_TEST(a_deleted_stretch_is_leapt_over),
        UNIT_TEST(a_crowd_of_deletions_makes_it_pause),
        UNIT_TEST(a_desert_is_crossed_once),
        UNIT_TEST_END,
    };

    return unit_main("db_iter", tests, argc, argv);
}
