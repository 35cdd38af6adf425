/* Goal: a memtable answers like a sorted list of all that was written to it, in this process and
 * through its descriptor, and gives no damage a chance. */
#include <CUnit/Basic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/random.h"
#include "key/words.h"
#include "mem/memtable_internal.h"
#include "support/quiet_log.h"
#include "support/unit.h"

enum { FAMILY_COUNT = 4, CAPACITY_BYTES = 8 * 1024 * 1024 };

/* All that was written, in order; owns the bytes. */
struct model {
    struct batch_record *records;
    size_t count;
    size_t capacity;
};

static struct slice
copy_of(struct slice bytes)
{
    uint8_t *copy = kv_alloc(bytes.size + 1);

    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return slice_of(copy, bytes.size);
}

static void
model_add(struct model *model, const struct batch_record *record)
{
    if (model->count == model->capacity) {
        model->capacity = 2 * model->capacity + 64;
        model->records = kv_realloc(model->records, model->capacity * sizeof(model->records[0]));
    }
    model->records[model->count] = *record;
    model->records[model->count].key = copy_of(record->key);
    model->records[model->count++].value = copy_of(record->value);
}

static void
model_cut(struct model *model, uint64_t seq_max)
{
    while (model->count > 0 && model->records[model->count - 1].seq > seq_max) {
        model->count--;
        free((void *)(uintptr_t)model->records[model->count].key.data);
        free((void *)(uintptr_t)model->records[model->count].value.data);
    }
}

static void
model_deinit(struct model *model)
{
    model_cut(model, 0);
    free(model->records);
}

static uint64_t
model_covering(const struct model *model, uint32_t cf_id, struct slice key, uint64_t seq_max)
{
    uint64_t seq = 0;

    for (size_t i = 0; i < model->count && model->records[i].seq <= seq_max; i++) {
        const struct batch_record *record = &model->records[i];

        if (record->cf_id == cf_id && record->type == TYPE_RANGE_DELETION &&
            slice_compare(record->key, key) <= 0 && slice_compare(key, record->value) < 0)
            seq = record->seq;
    }
    return seq;
}

static const struct batch_record *
model_newest(const struct model *model, uint32_t cf_id, struct slice key, uint64_t seq_max)
{
    const struct batch_record *newest = NULL;

    for (size_t i = 0; i < model->count && model->records[i].seq <= seq_max; i++) {
        const struct batch_record *record = &model->records[i];

        if (record->cf_id == cf_id && record->type != TYPE_RANGE_DELETION &&
            slice_equal(record->key, key))
            newest = record;
    }
    return newest;
}

static int
compare_records(const void *a, const void *b)
{
    const struct batch_record *left = *(const struct batch_record *const *)a;
    const struct batch_record *right = *(const struct batch_record *const *)b;
    const int order = slice_compare(left->key, right->key);

    return order != 0 ? order : (left->seq < right->seq) - (left->seq > right->seq);
}

/* The family's point records (or range tombstones) in internal-key order; owned by the caller. */
static const struct batch_record **
model_sorted(const struct model *model, uint32_t cf_id, bool tombstones, size_t *count)
{
    const struct batch_record **sorted = kv_alloc((model->count + 1) * sizeof(*sorted));

    *count = 0;
    for (size_t i = 0; i < model->count; i++) {
        const struct batch_record *record = &model->records[i];

        if (record->cf_id == cf_id && (record->type == TYPE_RANGE_DELETION) == tombstones)
            sorted[(*count)++] = record;
    }
    qsort(sorted, *count, sizeof(*sorted), compare_records);
    return sorted;
}

static void
random_key(struct random *random, unsigned style, struct buffer *key)
{
    static const char common[] = "a prefix much longer than what a node keeps of it inline: ";

    buffer_clear(key);
    switch (style) {
    case 0:
        buffer_append_format(key, "key:%012u", (unsigned)random_below(random, 3000));
        break;
    case 1: /* nested: a, aa, aaa */
        for (uint64_t size = random_below(random, 300); size > 0; size--)
            buffer_append_byte(key, 'a');
        break;
    case 2: /* binary, few symbols, zeros at the end */
        for (uint64_t size = random_below(random, 14); size > 0; size--)
            buffer_append_byte(key, (uint8_t)(random_below(random, 3) * 127 + 1));
        for (uint64_t size = random_below(random, 3); size > 0; size--)
            buffer_append_byte(key, 0);
        break;
    case 3:
        buffer_append(key, common, random_below(random, 2) ? sizeof(common) - 1 : 20);
        buffer_append_format(key, "%llx", (unsigned long long)random_below(random, 5000));
        break;
    case 4: /* random bytes, some all ones */
        for (uint64_t size = random_below(random, 20); size > 0; size--)
            buffer_append_byte(key, random_below(random, 2) ? 0xff : (uint8_t)random_next(random));
        break;
    default: /* huge, differing at the end */
        memset(buffer_reserve(key, KEY_BYTES_MAX), 'k', KEY_BYTES_MAX);
        key->size = KEY_BYTES_MAX - 4;
        buffer_append_format(key, "%04u", (unsigned)random_below(random, 40));
    }
}

static const enum value_type point_types[] = {TYPE_VALUE,           TYPE_VALUE, TYPE_DELETION,
                                              TYPE_SINGLE_DELETION, TYPE_MERGE, TYPE_ENTITY};

static struct memtable *
new_memtable(struct memtable_pool *pool)
{
    struct memtable *memtable = NULL;

    CU_ASSERT_EQUAL_FATAL(memtable_new(pool, 0, &memtable), KV_OK);
    return memtable;
}

/* Adds a random record to both; `next_seq` moves on by one to three. */
static void
add_random(struct random *random, unsigned style, struct memtable *memtable, struct model *model,
           uint64_t *next_seq)
{
    static const uint8_t bytes[70000];
    struct buffer key = {0};
    struct buffer end = {0};
    struct batch_record record = {.cf_id = (uint32_t)random_below(random, FAMILY_COUNT) * 1000};

    random_key(random, style, &key);
    record.key = buffer_slice(&key);
    if (random_below(random, 50) == 0) {
        random_key(random, style, &end);
        record.type = TYPE_RANGE_DELETION;
        record.value = buffer_slice(&end);
    } else {
        record.type = point_types[random_below(random, 6)];
        record.value =
            slice_of(bytes, random_below(random, random_below(random, 500) ? 120 : 70000));
    }
    record.seq = *next_seq;
    if (memtable_has_room(memtable, key.size + record.value.size, 1)) {
        memtable_add(memtable, &record);
        if (record.type != TYPE_RANGE_DELETION || slice_compare(record.key, record.value) < 0) {
            model_add(model, &record);
            *next_seq += 1 + random_below(random, 3);
        }
    }
    buffer_deinit(&key);
    buffer_deinit(&end);
}

static bool
shows(const struct iter *iter, const struct batch_record *record)
{
    struct slice user_key;

    if (!iter->valid || iter->key.size < KEY_FOOTER_BYTES)
        return false;
    user_key = internal_key_user(iter->key);
    return slice_equal(user_key, record->key) &&
           internal_key_footer(iter->key) == footer_pack(record->seq, record->type) &&
           slice_equal(iter->value, record->value);
}

/* Both iterators of every family show exactly what the model has. */
static void
check_walk(const struct memtable *memtable, const struct model *model)
{
    for (uint32_t i = 0; i < 2 * FAMILY_COUNT; i++) {
        const uint32_t cf_id = i / 2 * 1000;
        const bool tombstones = i % 2 == 1;
        struct iter *iter = tombstones ? memtable_tombstone_iter_new(memtable, cf_id)
                                       : memtable_iter_new(memtable, cf_id);
        size_t count, wrong = 0;
        const struct batch_record **sorted = model_sorted(model, cf_id, tombstones, &count);

        CU_ASSERT_EQUAL(iter_seek_first(iter), KV_OK);
        for (size_t at = 0; at < count && iter->valid; at++) {
            wrong += !shows(iter, sorted[at]);
            wrong += iter_next(iter) != KV_OK;
        }
        CU_ASSERT_EQUAL(wrong, 0);
        CU_ASSERT_FALSE(iter->valid);
        iter_free(iter);
        free(sorted);
    }
}

/* Random seeks find the first record that is not before the target. */
static void
check_seeks(struct random *random, unsigned style, const struct memtable *memtable,
            const struct model *model, uint64_t next_seq)
{
    size_t wrong = 0;

    for (uint32_t i = 0; i < 2 * FAMILY_COUNT; i++) {
        const uint32_t cf_id = i / 2 * 1000;
        const bool tombstones = i % 2 == 1;
        struct iter *iter = tombstones ? memtable_tombstone_iter_new(memtable, cf_id)
                                       : memtable_iter_new(memtable, cf_id);
        size_t count;
        const struct batch_record **sorted = model_sorted(model, cf_id, tombstones, &count);
        struct buffer target = {0};

        for (unsigned round = 0; round < 100; round++) {
            size_t at = 0;

            random_key(random, style, &target);
            buffer_put_fixed64(&target, footer_pack(random_below(random, next_seq + 2),
                                                    (enum value_type)random_below(random, 23)));
            while (at < count) {
                struct slice wanted = buffer_slice(&target);
                const int order = slice_compare(sorted[at]->key, internal_key_user(wanted));

                if (order > 0 || (order == 0 && footer_pack(sorted[at]->seq, sorted[at]->type) <=
                                                    internal_key_footer(wanted)))
                    break;
                at++;
            }
            wrong += iter_seek(iter, buffer_slice(&target)) != KV_OK;
            wrong += at == count ? iter->valid : !shows(iter, sorted[at]);
            if (iter->valid && at + 1 < count) {
                wrong += iter_next(iter) != KV_OK;
                wrong += !shows(iter, sorted[at + 1]);
            }
        }
        buffer_deinit(&target);
        iter_free(iter);
        free(sorted);
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

static bool
answer_is_right(const struct lookup *found, const struct batch_record *newest, uint64_t covering)
{
    if (covering > 0 && (newest == NULL || newest->seq < covering))
        return found->kind == LOOKUP_TOMBSTONE && found->type == TYPE_RANGE_DELETION &&
               found->seq == covering;
    if (newest == NULL)
        return found->kind == LOOKUP_ABSENT;
    if (found->seq != newest->seq || found->type != newest->type)
        return false;
    switch (newest->type) {
    case TYPE_VALUE:
    case TYPE_ENTITY:
        return found->kind == LOOKUP_VALUE && slice_equal(found->value, newest->value);
    case TYPE_MERGE:
        return found->kind == LOOKUP_MERGE && slice_equal(found->value, newest->value);
    default:
        return found->kind == LOOKUP_TOMBSTONE;
    }
}

static void
check_gets(struct random *random, unsigned style, const struct memtable *memtable,
           const struct model *model, uint64_t next_seq)
{
    struct buffer key = {0};
    size_t wrong = 0;

    for (unsigned round = 0; round < 400; round++) {
        const uint32_t cf_id = (uint32_t)random_below(random, FAMILY_COUNT) * 1000;
        const uint64_t seq_max =
            random_below(random, 2) ? SEQUENCE_MAX : random_below(random, next_seq + 2);
        struct lookup found;
        uint64_t covering;

        random_key(random, style, &key);
        covering = model_covering(model, cf_id, buffer_slice(&key), seq_max);
        memtable_get(memtable, cf_id, buffer_slice(&key), seq_max, &found);
        wrong += !answer_is_right(&found, model_newest(model, cf_id, buffer_slice(&key), seq_max),
                                  covering);
        wrong +=
            memtable_covering_tombstone(memtable, cf_id, buffer_slice(&key), seq_max) != covering;
    }
    CU_ASSERT_EQUAL(wrong, 0);
    buffer_deinit(&key);
}

static void
check_counters(const struct memtable *memtable, const struct model *model)
{
    struct memtable_family found[FAMILY_COUNT];
    const uint32_t count = memtable_families(memtable, found, FAMILY_COUNT);
    struct memtable_family wanted[FAMILY_COUNT] = {0};
    uint32_t at = 0;

    for (size_t i = 0; i < model->count; i++) {
        struct memtable_family *family = &wanted[model->records[i].cf_id / 1000];
        const enum value_type type = model->records[i].type;

        family->entry_count += type != TYPE_RANGE_DELETION;
        family->range_tombstone_count += type == TYPE_RANGE_DELETION;
        family->key_count_delta += type == TYPE_VALUE || type == TYPE_ENTITY;
        family->key_count_delta -= type == TYPE_DELETION || type == TYPE_SINGLE_DELETION;
    }
    for (uint32_t i = 0; i < FAMILY_COUNT; i++) {
        if (wanted[i].entry_count + wanted[i].range_tombstone_count == 0)
            continue;
        CU_ASSERT_FATAL(at < count);
        CU_ASSERT_EQUAL(found[at].cf_id, i * 1000);
        CU_ASSERT_EQUAL(found[at].entry_count, wanted[i].entry_count);
        CU_ASSERT_EQUAL(found[at].range_tombstone_count, wanted[i].range_tombstone_count);
        if (wanted[i].range_tombstone_count == 0) /* for those see the test of it */
            CU_ASSERT_EQUAL(found[at].key_count_delta, wanted[i].key_count_delta);
        at++;
    }
    CU_ASSERT_EQUAL(at, count);
    CU_ASSERT_EQUAL(memtable_entry_count(memtable), model->count);
    CU_ASSERT_EQUAL(memtable_seq_first(memtable), model->count ? model->records[0].seq : 0);
    CU_ASSERT_EQUAL(memtable_seq_last(memtable),
                    model->count ? model->records[model->count - 1].seq : 0);
}

static void
check_all(struct random *random, unsigned style, const struct memtable *memtable,
          const struct model *model, uint64_t next_seq)
{
    check_counters(memtable, model);
    check_walk(memtable, model);
    check_gets(random, style, memtable, model, next_seq);
    check_seeks(random, style, memtable, model, next_seq);
}

/* Freezes the memtable, opens its descriptor a second time, compares, and closes that. */
static void
check_second_mapping(struct random *random, unsigned style, struct memtable *memtable,
                     const struct model *model, uint64_t next_seq)
{
    struct memtable *second = NULL;

    memtable_freeze(memtable);
    CU_ASSERT_EQUAL_FATAL(memtable_open(memtable_fd(memtable), &second), KV_OK);
    check_counters(second, model);
    check_walk(second, model);
    check_seeks(random, style, second, model, next_seq);
    memtable_unref(second);
    check_all(random, style, memtable, model, next_seq);
}

/* Method: for each style of keys, random writes with looks in between, a rollback, more writes,
 * freeze, a second mapping; all in memtables of one pool, so that mappings are used again. */
static void
answers_like_a_sorted_list(void)
{
    struct memtable_pool *pool = memtable_pool_new(CAPACITY_BYTES, 1);
    struct random random;

    random_init(&random, unit_seed());
    for (unsigned style = 0; style <= 5; style++) {
        struct memtable *memtable = new_memtable(pool);
        const unsigned count = style == 5 ? 60 : 1500;
        struct model model = {0};
        uint64_t next_seq = 1 + random_below(&random, 1000);
        uint64_t seq_max;

        CU_ASSERT_EQUAL(memtable_entry_count(memtable), 0);
        for (unsigned round = 0; round < 3; round++) {
            for (unsigned i = 0; i < count; i++)
                add_random(&random, style, memtable, &model, &next_seq);
            check_all(&random, style, memtable, &model, next_seq);
        }
        seq_max = next_seq - random_below(&random, count);
        memtable_rollback(memtable, seq_max);
        model_cut(&model, seq_max);
        next_seq = seq_max + 1;
        check_all(&random, style, memtable, &model, next_seq);
        for (unsigned i = 0; i < count; i++)
            add_random(&random, style, memtable, &model, &next_seq);
        check_second_mapping(&random, style, memtable, &model, next_seq);
        memtable_unref(memtable);
        model_deinit(&model);
    }
    memtable_pool_free(pool);
}

static bool
family_3000_is_gone(void *owner, uint32_t cf_id)
{
    (void)owner;
    return cf_id != 3000;
}

/* Puts the record into the batch and, unless it will be passed over, into the model. */
static void
batch_and_model_add(struct write_batch *batch, struct model *model,
                    const struct batch_record *record)
{
    switch (record->type) {
    case TYPE_RANGE_DELETION:
        write_batch_delete_range(batch, record->cf_id, record->key, record->value);
        if (slice_compare(record->key, record->value) >= 0)
            return;
        break;
    case TYPE_DELETION:
        write_batch_delete(batch, record->cf_id, record->key);
        break;
    case TYPE_MERGE:
        write_batch_merge(batch, record->cf_id, record->key, record->value);
        break;
    default:
        write_batch_put(batch, record->cf_id, record->key, record->value);
    }
    if (record->cf_id != 3000)
        model_add(model, record);
}

static void
apply_random_batch(struct random *random, unsigned style, struct memtable *memtable,
                   struct model *model, uint64_t *next_seq)
{
    static const enum value_type types[] = {TYPE_VALUE, TYPE_VALUE, TYPE_MERGE, TYPE_DELETION};
    const uint64_t count = 1 + random_below(random, 40);
    struct buffer key = {0};
    struct buffer end = {0};
    struct write_batch batch;

    write_batch_init(&batch);
    write_batch_set_sequence(&batch, *next_seq);
    for (uint64_t i = 0; i < count; i++) {
        struct batch_record record = {.cf_id = (uint32_t)random_below(random, FAMILY_COUNT) * 1000,
                                      .seq = (*next_seq)++};

        random_key(random, style, &key);
        random_key(random, style, &end);
        record.key = buffer_slice(&key);
        record.type = types[random_below(random, 4)];
        if (random_below(random, 60) == 0)
            record.type = TYPE_RANGE_DELETION;
        if (record.type != TYPE_DELETION)
            record.value = buffer_slice(&end);
        batch_and_model_add(&batch, model, &record);
    }
    CU_ASSERT_FATAL(memtable_has_room(memtable, batch.bytes.size, write_batch_count(&batch)));
    memtable_apply(memtable, buffer_slice(&batch.bytes), family_3000_is_gone, NULL);
    write_batch_deinit(&batch);
    buffer_deinit(&key);
    buffer_deinit(&end);
}

/* Method: random batches, of all sizes around the group's, with one family passed over. */
static void
batches_apply_like_single_records(void)
{
    struct memtable_pool *pool = memtable_pool_new(CAPACITY_BYTES, 1);
    struct random random;

    random_init(&random, unit_seed());
    for (unsigned style = 0; style <= 4; style++) {
        struct memtable *memtable = new_memtable(pool);
        struct model model = {0};
        uint64_t next_seq = 1;

        for (unsigned i = 0; i < 200; i++)
            apply_random_batch(&random, style, memtable, &model, &next_seq);
        check_second_mapping(&random, style, memtable, &model, next_seq);
        memtable_unref(memtable);
        model_deinit(&model);
    }
    memtable_pool_free(pool);
}

static void
add_number(struct memtable *memtable, uint32_t cf_id, uint64_t number, uint64_t seq)
{
    char key[32];
    const int size = snprintf(key, sizeof(key), "key:%012llu", (unsigned long long)number);
    const struct batch_record record = {.cf_id = cf_id,
                                        .type = TYPE_VALUE,
                                        .seq = seq,
                                        .key = slice_of(key, (size_t)size),
                                        .value = slice_of(&number, sizeof(number))};

    memtable_add(memtable, &record);
}

/* Each number is found, and what lies between two is not. */
static void
check_numbers(const struct memtable *memtable, uint64_t count)
{
    struct lookup found;
    size_t wrong = 0;

    for (uint64_t number = 0; number < count; number++) {
        char key[32];
        const int size = snprintf(key, sizeof(key), "key:%012llux", (unsigned long long)number);

        memtable_get(memtable, 0, slice_of(key, (size_t)size - 1), SEQUENCE_MAX, &found);
        wrong += found.kind != LOOKUP_VALUE || memcmp(found.value.data, &number, 8) != 0;
        memtable_get(memtable, 0, slice_of(key, (size_t)size), SEQUENCE_MAX, &found);
        wrong += found.kind != LOOKUP_ABSENT;
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

/* Method: numbers in ascending, descending and shuffled order; the walk must count through. */
static void
many_keys_come_back_in_order(void)
{
    enum { COUNT = 40000 };
    struct memtable_pool *pool = memtable_pool_new(CAPACITY_BYTES, 1);

    for (unsigned order = 0; order < 3; order++) {
        struct memtable *memtable = new_memtable(pool);
        struct iter *iter;
        uint64_t count = 0, number;

        for (uint64_t i = 0; i < COUNT; i++) {
            const uint64_t shuffled = i * 7919 % COUNT;

            add_number(memtable, 0, order == 0 ? i : order == 1 ? COUNT - 1 - i : shuffled, i + 1);
        }
        iter = memtable_iter_new(memtable, 0);
        CU_ASSERT_EQUAL(iter_seek_first(iter), KV_OK);
        for (; iter->valid; count++) {
            memcpy(&number, iter->value.data, sizeof(number));
            if (number != count || iter_next(iter) != KV_OK)
                break;
        }
        CU_ASSERT_EQUAL(count, COUNT);
        iter_free(iter);
        check_numbers(memtable, COUNT);
        memtable_unref(memtable);
    }
    memtable_pool_free(pool);
}

/* Method: a hundred thousand versions of one key; every read of an old one must be right (and
 * fast: a walk of the chain for each would take minutes under the sanitizers). */
static void
a_hot_key_keeps_all_versions_in_reach(void)
{
    enum { COUNT = 100000 };
    struct memtable_pool *pool = memtable_pool_new(CAPACITY_BYTES, 0);
    struct memtable *memtable = new_memtable(pool);
    const struct slice key = slice_from_text("key:000000000007");
    struct lookup found;
    size_t wrong = 0;

    for (uint64_t seq = 2; seq <= 2 * COUNT; seq += 2)
        add_number(memtable, 0, 7, seq);
    memtable_get(memtable, 0, key, 1, &found);
    CU_ASSERT_EQUAL(found.kind, LOOKUP_ABSENT);
    for (uint64_t seq = 2; seq <= 2 * COUNT + 1; seq++) {
        memtable_get(memtable, 0, key, seq, &found);
        wrong += found.seq != seq / 2 * 2;
    }
    CU_ASSERT_EQUAL(wrong, 0);
    memtable_unref(memtable);
    memtable_pool_free(pool);
}

/* Method: a thousand families, ids far apart, found and listed in order. */
static void
a_thousand_families_fit(void)
{
    enum { COUNT = 1000 };
    struct memtable_pool *pool = memtable_pool_new(CAPACITY_BYTES, 0);
    struct memtable *memtable = new_memtable(pool);
    struct memtable_family families[COUNT];
    struct lookup found;
    size_t wrong = 0;

    for (uint32_t i = 0; i < 2 * COUNT; i++)
        add_number(memtable, i * 7 % COUNT * 65536, i, i + 1);
    CU_ASSERT_EQUAL(memtable_families(memtable, NULL, 0), COUNT);
    CU_ASSERT_EQUAL(memtable_families(memtable, families, COUNT), COUNT);
    for (uint32_t i = 0; i < COUNT; i++)
        wrong += families[i].cf_id != i * 65536 || families[i].entry_count != 2;
    memtable_get(memtable, 5, slice_of("", 0), SEQUENCE_MAX, &found);
    CU_ASSERT_EQUAL(found.kind, LOOKUP_ABSENT);
    CU_ASSERT_EQUAL(wrong, 0);
    memtable_unref(memtable);
    memtable_pool_free(pool);
}

/* Method: fill small memtables to the brim with sizes chosen to waste; has_room must say stop
 * before mem_allocate asserts, and must not stop while most of the mapping is free. */
static void
what_has_room_fits(void)
{
    static const uint8_t bytes[4096];
    struct memtable_pool *pool = memtable_pool_new(256 * 1024, 1);
    struct random random;

    random_init(&random, unit_seed());
    for (unsigned round = 0; round < 60; round++) {
        struct memtable *memtable = new_memtable(pool);
        const uint32_t count = 1 + (uint32_t)random_below(&random, 200);
        const size_t value_size_max = 1 + random_below(&random, round % 3 == 0 ? 4000 : 20);
        const uint32_t families = round % 5 == 0 ? 300 : 2;
        struct buffer key = {0};
        uint64_t seq = 1;

        for (;;) {
            const size_t value_size = random_below(&random, value_size_max);
            const size_t record_bytes = 24 + value_size;

            if (!memtable_has_room(memtable, count * record_bytes, count))
                break;
            for (uint32_t i = 0; i < count; i++, seq++) {
                struct batch_record record = {.seq = seq, .type = TYPE_VALUE};

                random_key(&random, round % 2 ? 0 : 2, &key);
                if (round % 7 == 0) {
                    buffer_clear(&key);
                    buffer_append_format(&key, "%09llu", (unsigned long long)seq);
                }
                record.cf_id = (uint32_t)random_below(&random, families);
                record.key = buffer_slice(&key);
                record.value = slice_of(bytes, value_size);
                memtable_add(memtable, &record);
            }
        }
        CU_ASSERT(memtable_bytes_used(memtable) <= memtable_bytes_mapped(memtable));
        CU_ASSERT(memtable_room_for(count * (24 + value_size_max), count) >
                      memtable_bytes_mapped(memtable) / 2 ||
                  memtable_bytes_used(memtable) > memtable_bytes_mapped(memtable) / 4);
        buffer_deinit(&key);
        memtable_unref(memtable);
    }
    memtable_pool_free(pool);
}

/* Method: the descriptor refuses a writable mapping, resizing and more seals; a memtable larger
 * than usual can be had; the pool hands the same descriptor out again, emptied and writable. */
static void
mappings_are_sealed_and_used_again(void)
{
    struct memtable_pool *pool = memtable_pool_new(CAPACITY_BYTES, 1);
    struct memtable *memtable = new_memtable(pool);
    struct memtable *large = NULL;
    const int fd = memtable_fd(memtable);
    struct lookup found;

    add_number(memtable, 0, 1, 5);
    memtable_freeze(memtable);
    CU_ASSERT_EQUAL(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    CU_ASSERT_EQUAL(ftruncate(fd, 4096), -1);
    CU_ASSERT_EQUAL(pwrite(fd, "x", 1, 0), -1);
    CU_ASSERT_EQUAL(memtable_new(pool, 2 * CAPACITY_BYTES, &large), KV_OK);
    CU_ASSERT(memtable_has_room(large, CAPACITY_BYTES + CAPACITY_BYTES / 2, 1));
    memtable_ref(memtable);
    memtable_unref(memtable);
    memtable_unref(memtable);
    memtable_unref(large);
    memtable = new_memtable(pool);
    CU_ASSERT_EQUAL(memtable_fd(memtable), fd);
    CU_ASSERT_EQUAL(memtable_seq_first(memtable), 0);
    memtable_get(memtable, 0, slice_from_text("key:000000000001"), SEQUENCE_MAX, &found);
    CU_ASSERT_EQUAL(found.kind, LOOKUP_ABSENT);
    add_number(memtable, 0, 1, 3);
    CU_ASSERT_EQUAL(memtable_entry_count(memtable), 1);
    memtable_unref(memtable);
    memtable_pool_free(pool);
}

/* Method: descriptors that are no memfd, not sealed, empty, and not frozen. */
static void
only_a_sealed_frozen_memtable_opens(void)
{
    struct memtable_pool *pool = memtable_pool_new(CAPACITY_BYTES, 1);
    struct memtable *memtable = new_memtable(pool);
    struct memtable *opened = NULL;
    int fds[2];
    const int unsealed = memfd_create("test", 0);

    quiet_log();
    CU_ASSERT_EQUAL(pipe(fds), 0);
    CU_ASSERT_EQUAL(ftruncate(unsealed, 65536), 0);
    CU_ASSERT_EQUAL(memtable_open(-1, &opened), KV_CORRUPT);
    CU_ASSERT_EQUAL(memtable_open(fds[0], &opened), KV_CORRUPT);
    CU_ASSERT_EQUAL(memtable_open(unsealed, &opened), KV_CORRUPT);
    CU_ASSERT_EQUAL(memtable_open(memtable_fd(memtable), &opened), KV_CORRUPT);
    CU_ASSERT_EQUAL(memtable_new(pool, (size_t)5 << 30, &opened), KV_NO_SPACE);
    CU_ASSERT_PTR_NULL(opened);
    memtable_freeze(memtable);
    CU_ASSERT_EQUAL(memtable_open(memtable_fd(memtable), &opened), KV_OK);
    log_set_sink(NULL, NULL);
    memtable_unref(opened);
    memtable_unref(memtable);
    close(fds[0]);
    close(fds[1]);
    close(unsealed);
    memtable_pool_free(pool);
}

static int
compare_words(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

/* Method: the dispatched count against the portable one and against a loop, and the order of
 * words against the order of bytes. */
static void
words_order_like_bytes(void)
{
    struct random random;
    struct buffer a = {0};
    struct buffer b = {0};

    random_init(&random, unit_seed());
    for (unsigned round = 0; round < 2000; round++) {
        int64_t words[WORDS_COUNT], steps[WORDS_STEP_COUNT];
        const int64_t wanted =
            random_below(&random, 4) ? (int64_t)random_next(&random) : WORD_UNUSED;
        int order;

        for (unsigned i = 0; i < WORDS_COUNT; i++)
            words[i] = random_below(&random, 8) ? (int64_t)random_next(&random) : WORD_UNUSED;
        CU_ASSERT_EQUAL(words_count_below(words, wanted),
                        words_count_below_portable(words, wanted));
        qsort(words, WORDS_COUNT, sizeof(words[0]), compare_words);
        words_make_steps(words, steps);
        CU_ASSERT_EQUAL(words_find(words, steps, wanted), words_count_below(words, wanted));
        CU_ASSERT_EQUAL(words_find_portable(words, steps, wanted),
                        words_count_below(words, wanted));
        random_key(&random, 2, &a);
        random_key(&random, 2, &b);
        order = slice_compare(buffer_slice(&a), buffer_slice(&b));
        if (word_load(buffer_slice(&a), 0) < word_load(buffer_slice(&b), 0))
            CU_ASSERT(order < 0);
        if (order == 0)
            CU_ASSERT_EQUAL(word_load(buffer_slice(&a), 0), word_load(buffer_slice(&b), 0));
    }
    buffer_deinit(&a);
    buffer_deinit(&b);
}

/* Method: more families than any array on a stack would have. */
static void
a_family_is_found_among_many(void)
{
    enum { FAMILIES = 300 };
    struct memtable_pool *pool = memtable_pool_new(CAPACITY_BYTES, 0);
    struct memtable_family family;
    struct memtable *memtable;

    CU_ASSERT_EQUAL_FATAL(memtable_new(pool, 0, &memtable), KV_OK);
    for (uint32_t i = 1; i <= FAMILIES; i++) {
        const struct batch_record record = {.cf_id = 2 * i,
                                            .type = TYPE_VALUE,
                                            .seq = i,
                                            .key = slice_from_text("key"),
                                            .value = slice_from_text("value")};

        memtable_add(memtable, &record);
    }
    for (uint32_t i = 1; i <= FAMILIES; i++) {
        CU_ASSERT_TRUE(memtable_find_family(memtable, 2 * i, &family));
        CU_ASSERT_EQUAL(family.cf_id, 2 * i);
        CU_ASSERT_EQUAL(family.key_count_delta, 1);
        CU_ASSERT_FALSE(memtable_find_family(memtable, 2 * i + 1, &family));
    }
    memtable_unref(memtable);
    memtable_pool_free(pool);
}

static void
add(struct memtable *memtable, uint64_t seq, enum value_type type, const char *key,
    const char *value)
{
    const struct batch_record record = {
        .type = type, .seq = seq, .key = slice_from_text(key), .value = slice_from_text(value)};

    memtable_add(memtable, &record);
}

static uint64_t
key_count(const struct memtable *memtable)
{
    struct memtable_family family;

    CU_ASSERT_TRUE(memtable_find_family(memtable, 0, &family));
    return family.key_count_delta;
}

/* Goal: whoever empties a family sees it in the number of keys, and a rollback undoes that. */
static void
a_tombstone_over_all_keys_empties_the_count(void)
{
    struct memtable_pool *pool = memtable_pool_new(1 << 20, 1);
    struct memtable *memtable;

    CU_ASSERT_EQUAL_FATAL(memtable_new(pool, 0, &memtable), KV_OK);
    add(memtable, 1, TYPE_VALUE, "b", "1");
    add(memtable, 2, TYPE_VALUE, "c", "1");
    add(memtable, 3, TYPE_VALUE, "d", "1");
    add(memtable, 4, TYPE_RANGE_DELETION, "b", "d");
    CU_ASSERT_EQUAL(key_count(memtable), 3);
    add(memtable, 5, TYPE_RANGE_DELETION, "b", "d1");
    CU_ASSERT_EQUAL(key_count(memtable), 0);
    add(memtable, 6, TYPE_VALUE, "b", "2");
    CU_ASSERT_EQUAL(key_count(memtable), 1);
    add(memtable, 7, TYPE_RANGE_DELETION, "a", "z");
    CU_ASSERT_EQUAL(key_count(memtable), 0);
    memtable_rollback(memtable, 6);
    CU_ASSERT_EQUAL(key_count(memtable), 1);
    memtable_rollback(memtable, 4);
    CU_ASSERT_EQUAL(key_count(memtable), 3);
    CU_ASSERT_EQUAL(memtable_covering_tombstone(memtable, 0, slice_from_text("c"), 9), 4);
    CU_ASSERT_EQUAL(memtable_covering_tombstone(memtable, 0, slice_from_text("d"), 9), 0);
    memtable_unref(memtable);
    memtable_pool_free(pool);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(words_order_like_bytes),
        UNIT_TEST(answers_like_a_sorted_list),
        UNIT_TEST(batches_apply_like_single_records),
        UNIT_TEST(many_keys_come_back_in_order),
        UNIT_TEST(a_hot_key_keeps_all_versions_in_reach),
        UNIT_TEST(a_thousand_families_fit),
        UNIT_TEST(what_has_room_fits),
        UNIT_TEST(mappings_are_sealed_and_used_again),
        UNIT_TEST(only_a_sealed_frozen_memtable_opens),
        UNIT_TEST(a_family_is_found_among_many),
        UNIT_TEST(a_tombstone_over_all_keys_empties_the_count),
        UNIT_TEST_END,
    };

    return unit_main("memtable", tests, argc, argv);
}
