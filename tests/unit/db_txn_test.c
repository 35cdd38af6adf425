/* Goal: a transaction reads what it has written, nobody else does before it is committed, and
 * nothing is left of one that is not. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "db/db_survey.h"
#include "db/db_txn.h"
#include "support/db_world.h"
#include "support/unit.h"

enum { KEY_COUNT = 24, ROUNDS = 3000, TEXT_BYTES = 32 };

static void
start(struct db_world *world)
{
    db_world_init(world);
    CU_ASSERT_EQUAL_FATAL(db_world_open(world), KV_OK);
}

static void
end(struct db_world *world)
{
    db_world_close(world);
    db_world_deinit(world);
}

static void
txn_put(struct db_world *world, const char *key, const char *value)
{
    struct write_batch batch;

    write_batch_init(&batch);
    if (value != NULL)
        write_batch_put(&batch, CF_DEFAULT, slice_from_text(key), slice_from_text(value));
    else
        write_batch_delete(&batch, CF_DEFAULT, slice_from_text(key));
    CU_ASSERT_EQUAL_FATAL(db_txn_write(world->db, &batch), KV_OK);
    write_batch_deinit(&batch);
}

/* A model of the keys "00" to "23"; an empty text: absent. */
struct model {
    char values[KEY_COUNT][TEXT_BYTES];
};

static void
check_key(struct db_world *world, const struct model *model, uint32_t number)
{
    const char *value;
    char key[TEXT_BYTES];

    (void)snprintf(key, sizeof(key), "%02u", number);
    value = db_world_get(world, key);
    CU_ASSERT_EQUAL_FATAL(value == NULL, model->values[number][0] == '\0');
    if (value != NULL)
        CU_ASSERT_STRING_EQUAL_FATAL(value, model->values[number]);
}

static void
change(struct db_world *world, struct model *model, struct random *rng)
{
    const uint32_t number = (uint32_t)random_below(rng, KEY_COUNT);
    char key[TEXT_BYTES];

    (void)snprintf(key, sizeof(key), "%02u", number);
    if (random_below(rng, 4) == 0)
        model->values[number][0] = '\0';
    else
        (void)snprintf(model->values[number], TEXT_BYTES, "%llu",
                       (unsigned long long)random_next(rng));
    txn_put(world, key, model->values[number][0] == '\0' ? NULL : model->values[number]);
}

/* Method: random transactions, committed or not, with reads between their writes; flushes and
 * reopenings in between; a model of what was committed and one of the transaction. */
static void
reads_see_own_writes(void)
{
    struct model committed = {0};
    struct db_world world;
    struct random rng;

    random_init(&rng, unit_seed());
    start(&world);
    for (int round = 0; round < ROUNDS; round++) {
        struct model own = committed;
        const uint64_t step_count = random_below(&rng, 12);
        const uint64_t seq_before = db_last_seq(world.db);
        uint64_t seq = 0;

        db_txn_begin(world.db);
        for (uint64_t i = 0; i < step_count; i++) {
            if (random_below(&rng, 2) == 0)
                change(&world, &own, &rng);
            else
                check_key(&world, &own, (uint32_t)random_below(&rng, KEY_COUNT));
        }
        if (random_below(&rng, 3) > 0) {
            CU_ASSERT_EQUAL_FATAL(db_txn_commit(world.db, &seq), KV_OK);
            CU_ASSERT_EQUAL_FATAL(seq,
                                  db_last_seq(world.db) > seq_before ? db_last_seq(world.db) : 0);
            committed = own;
        }
        db_txn_end(world.db);
        check_key(&world, &committed, (uint32_t)random_below(&rng, KEY_COUNT));
        if (random_below(&rng, 300) == 0)
            db_world_flush(&world);
        if (random_below(&rng, 300) == 0) {
            db_world_close(&world);
            CU_ASSERT_EQUAL_FATAL(db_world_open(&world), KV_OK);
        }
    }
    for (uint32_t i = 0; i < KEY_COUNT; i++)
        check_key(&world, &committed, i);
    end(&world);
}

/* More than the small memtable holds at first, and more than a usual one of the engine. */
static void
a_large_transaction_reads_its_writes(void)
{
    enum { VALUE_BYTES = 50 * 1000, COUNT = 80 };
    char *value = malloc(VALUE_BYTES + 1);
    struct db_world world;
    char key[TEXT_BYTES];
    uint64_t seq;

    CU_ASSERT_PTR_NOT_NULL_FATAL(value);
    memset(value, 'v', VALUE_BYTES);
    value[VALUE_BYTES] = '\0';
    start(&world);
    db_txn_begin(world.db);
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(key, sizeof(key), "large%d", i);
        txn_put(&world, key, value);
        CU_ASSERT_PTR_NOT_NULL(db_world_get(&world, key));
        CU_ASSERT_PTR_NOT_NULL(db_world_get(&world, "large0"));
    }
    CU_ASSERT_EQUAL(db_txn_commit(world.db, &seq), KV_OK);
    db_txn_end(world.db);
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(key, sizeof(key), "large%d", i);
        CU_ASSERT_PTR_NOT_NULL(db_world_get(&world, key));
    }
    end(&world);
    free(value);
}

/* FLUSHDB inside MULTI has to reach what the same transaction has set. */
static void
the_key_bound_is_behind_own_keys(void)
{
    struct buffer bound = {0};
    struct db_world world;
    bool found;

    start(&world);
    db_world_put(&world, "b", "1");
    db_txn_begin(world.db);
    txn_put(&world, "z", "1");
    CU_ASSERT_EQUAL(db_key_bound(world.db, CF_DEFAULT, &bound, &found), KV_OK);
    CU_ASSERT(found && slice_compare(buffer_slice(&bound), slice_from_text("z")) > 0);
    db_txn_end(world.db);
    CU_ASSERT_EQUAL(db_key_bound(world.db, CF_DEFAULT, &bound, &found), KV_OK);
    CU_ASSERT(found && slice_compare(buffer_slice(&bound), slice_from_text("c")) < 0);
    buffer_deinit(&bound);
    end(&world);
}

/* Method: a transaction of half a memtable again and again: some fit, some want another memtable,
 * and as the loop turns only after some that have to wait, many have to.  Each is admitted first,
 * and then committed or ended. */
static void
what_is_admitted_is_committed(void)
{
    enum { VALUE_BYTES = 400 * 1000, TXN_COUNT = 60 };
    char *value = malloc(VALUE_BYTES + 1);
    uint32_t status_counts[2] = {0};
    struct db_world world;

    CU_ASSERT_PTR_NOT_NULL_FATAL(value);
    memset(value, 'v', VALUE_BYTES);
    value[VALUE_BYTES] = '\0';
    start(&world);
    for (int i = 0; i < TXN_COUNT; i++) {
        const uint64_t seq_before = db_last_seq(world.db);
        enum kv_status admitted;
        uint64_t seq;

        db_txn_begin(world.db);
        CU_ASSERT_EQUAL(db_txn_admit(world.db), KV_OK);
        txn_put(&world, "large", value);
        txn_put(&world, "small", "1");
        admitted = db_txn_admit(world.db);
        CU_ASSERT_EQUAL(db_last_seq(world.db), seq_before);
        CU_ASSERT_FATAL(admitted == KV_OK || admitted == KV_BUSY);
        status_counts[admitted == KV_BUSY]++;
        if (i % 4 != 3) {
            CU_ASSERT_EQUAL(db_txn_commit(world.db, &seq), admitted);
            CU_ASSERT_EQUAL(db_last_seq(world.db), seq_before + (admitted == KV_OK ? 2 : 0));
        }
        db_txn_end(world.db);
        if (admitted == KV_BUSY && i % 5 == 0)
            db_world_settle(&world);
    }
    CU_ASSERT(status_counts[0] > 0 && status_counts[1] > 0);
    end(&world);
    free(value);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(reads_see_own_writes),
        UNIT_TEST(a_large_transaction_reads_its_writes),
        UNIT_TEST(the_key_bound_is_behind_own_keys),
        UNIT_TEST(what_is_admitted_is_committed),
        UNIT_TEST_END,
    };

    return unit_main("db_txn", tests, argc, argv);
}
