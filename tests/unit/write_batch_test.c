/* Goal: batches are RocksDB's bytes, and no bytes upset the reader. */
#include <CUnit/Basic.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/random.h"
#include "key/write_batch.h"
#include "support/quiet_log.h"
#include "support/unit.h"

/* Reads all; the status of the last call. */
static enum kv_status
read_through(struct slice encoded, uint32_t *record_count)
{
    struct write_batch_reader reader;
    struct batch_record record;
    enum kv_status st = write_batch_reader_init(&reader, encoded);
    bool found = st == KV_OK;

    *record_count = 0;
    while (found) {
        st = write_batch_reader_next(&reader, &record, &found);
        if (found)
            *record_count += 1;
    }
    return st;
}

/* Method: the worked example of FORMAT.md section 13.3. */
static void
a_batch_has_the_bytes_of_the_worked_example(void)
{
    static const uint8_t expected[] = {4,   0,   0,   0, 0, 0, 0,   0, 2, 0, 0, 0, 1, 1, 'w', 3,
                                       'w', 'a', 'l', 6, 1, 1, 'c', 8, 7, 0, 0, 0, 0, 0, 0,   0};
    static const uint8_t seven[8] = {7};
    struct write_batch batch;

    write_batch_init(&batch);
    write_batch_put(&batch, 0, slice_from_text("w"), slice_from_text("wal"));
    write_batch_merge(&batch, 1, slice_from_text("c"), slice_of(seven, sizeof(seven)));
    write_batch_set_sequence(&batch, 4);
    CU_ASSERT_EQUAL(write_batch_count(&batch), 2);
    CU_ASSERT_EQUAL(write_batch_sequence(&batch), 4);
    CU_ASSERT_TRUE(slice_equal(buffer_slice(&batch.bytes), slice_of(expected, sizeof(expected))));
    write_batch_clear(&batch);
    CU_ASSERT_EQUAL(batch.bytes.size, WRITE_BATCH_HEADER_BYTES);
    CU_ASSERT_EQUAL(write_batch_count(&batch), 0);
    write_batch_deinit(&batch);
}

static void
add_one_of_each(struct write_batch *batch, uint32_t cf_id, struct slice key, struct slice value)
{
    write_batch_put(batch, cf_id, key, value);
    write_batch_put_entity(batch, cf_id, key, value);
    write_batch_delete(batch, cf_id, key);
    write_batch_single_delete(batch, cf_id, key);
    write_batch_delete_range(batch, cf_id, key, value);
    write_batch_merge(batch, cf_id, key, value);
}

/* Method: each kind, in families of one to five bytes, with strings around the one-byte varint. */
static void
every_kind_comes_back_in_order(void)
{
    static const enum value_type types[6] = {TYPE_VALUE,          TYPE_ENTITY,
                                             TYPE_DELETION,       TYPE_SINGLE_DELETION,
                                             TYPE_RANGE_DELETION, TYPE_MERGE};
    static const uint32_t families[] = {0, 1, 200, 70000, UINT32_MAX};
    static const size_t sizes[] = {0, 1, 127, 128, 300};
    uint8_t text[300];
    struct write_batch batch;
    struct write_batch_reader reader;
    struct batch_record record;
    bool found;
    uint64_t seq = 1000;

    memset(text, 'x', sizeof(text));
    write_batch_init(&batch);
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 5; j++)
            add_one_of_each(&batch, families[i], slice_of(text, sizes[j]),
                            slice_of(text, sizes[4 - j]));
    write_batch_set_sequence(&batch, seq);
    CU_ASSERT_EQUAL(write_batch_reader_init(&reader, buffer_slice(&batch.bytes)), KV_OK);
    CU_ASSERT_EQUAL(reader.count, 150);
    for (int i = 0; i < 150; i++) {
        const bool has_value =
            types[i % 6] != TYPE_DELETION && types[i % 6] != TYPE_SINGLE_DELETION;

        CU_ASSERT_EQUAL(write_batch_reader_next(&reader, &record, &found), KV_OK);
        CU_ASSERT_TRUE(found);
        CU_ASSERT_EQUAL(record.type, types[i % 6]);
        CU_ASSERT_EQUAL(record.cf_id, families[i / 30]);
        CU_ASSERT_EQUAL(record.seq, seq++);
        CU_ASSERT_EQUAL(record.key.size, sizes[i / 6 % 5]);
        CU_ASSERT_EQUAL(record.value.size, has_value ? sizes[4 - i / 6 % 5] : 0);
    }
    CU_ASSERT_EQUAL(write_batch_reader_next(&reader, &record, &found), KV_OK);
    CU_ASSERT_FALSE(found);
    write_batch_deinit(&batch);
}

/* Method: bodies by hand: what is passed over, what is refused, what is damage. */
static void
each_tag_gets_its_due(void)
{
    static const struct {
        const char *body;
        size_t size;
        uint32_t count;
        enum kv_status expected;
    } cases[] = {
        {"", 0, 0, KV_OK},
        {"", 0, 1, KV_CORRUPT},
        {"\x03\x02hi", 4, 0, KV_OK},
        {"\x0d", 1, 0, KV_OK},
        {"\x03\x02h", 3, 0, KV_CORRUPT},
        {"\x00\x01k", 3, 1, KV_OK},
        {"\x00\x01k", 3, 0, KV_CORRUPT},
        {"\x00\x01k", 3, 2, KV_CORRUPT},
        {"\x04\x00\x01k", 4, 1, KV_OK},
        {"\x01\x01k", 3, 1, KV_CORRUPT},
        {"\x01\xff\xff\xff\xff\xffk", 7, 1, KV_CORRUPT},
        {"\x0e\x01\x01k\x01l", 6, 1, KV_OK},
        {"\x16\x01k\x02\x01\x00", 6, 1, KV_OK},
        {"\x17\x01\x01k\x02\x01\x00", 7, 1, KV_OK},
        {"\x09", 1, 0, KV_UNSUPPORTED},
        {"\x0a\x01x", 3, 0, KV_UNSUPPORTED},
        {"\x0b\x01x", 3, 0, KV_UNSUPPORTED},
        {"\x0c\x01x", 3, 0, KV_UNSUPPORTED},
        {"\x10\x01\x01k\x01v", 6, 1, KV_UNSUPPORTED},
        {"\x11\x01k\x01v", 5, 1, KV_UNSUPPORTED},
        {"\x12", 1, 0, KV_UNSUPPORTED},
        {"\x13", 1, 0, KV_UNSUPPORTED},
        {"\x14", 1, 0, KV_CORRUPT},
        {"\x15\x01t\x01x", 5, 0, KV_UNSUPPORTED},
        {"\x18", 1, 0, KV_CORRUPT},
        {"\xff", 1, 0, KV_CORRUPT},
    };

    quiet_log();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buffer encoded = {0};
        uint32_t record_count;

        buffer_put_fixed64(&encoded, 7);
        buffer_put_fixed32(&encoded, cases[i].count);
        buffer_append(&encoded, cases[i].body, cases[i].size);
        CU_ASSERT_EQUAL(read_through(buffer_slice(&encoded), &record_count), cases[i].expected);
        buffer_deinit(&encoded);
    }
    log_set_sink(NULL, NULL);
}

static void
headers_and_keys_out_of_range_are_refused(void)
{
    struct write_batch batch;
    struct buffer by_hand = {0};
    uint32_t record_count;
    uint8_t *big = calloc(1, KEY_BYTES_MAX + 1);

    quiet_log();
    write_batch_init(&batch);
    for (size_t size = 0; size < WRITE_BATCH_HEADER_BYTES; size++)
        CU_ASSERT_EQUAL(read_through(slice_of(batch.bytes.data, size), &record_count), KV_CORRUPT);
    write_batch_delete(&batch, 0, slice_of(big, KEY_BYTES_MAX));
    CU_ASSERT_EQUAL(read_through(buffer_slice(&batch.bytes), &record_count), KV_OK);
    put_fixed64(batch.bytes.data, SEQUENCE_MAX);
    CU_ASSERT_EQUAL(read_through(buffer_slice(&batch.bytes), &record_count), KV_CORRUPT);
    buffer_put_fixed64(&by_hand, 7);
    buffer_put_fixed32(&by_hand, 1);
    buffer_append(&by_hand, "\0", 1); /* a deletion */
    buffer_put_lstr(&by_hand, slice_of(big, KEY_BYTES_MAX + 1));
    CU_ASSERT_EQUAL(read_through(buffer_slice(&by_hand), &record_count), KV_UNSUPPORTED);
    log_set_sink(NULL, NULL);
    buffer_deinit(&by_hand);
    write_batch_deinit(&batch);
    free(big);
}

/* Method: cut a batch at every byte, in memory of exactly that size so that the sanitizer sees
 * each read past it; flip bytes at random. */
static void
damaged_batches_are_read_within_their_bounds(void)
{
    struct write_batch batch;
    struct random random;
    uint32_t record_count;

    random_init(&random, unit_seed());
    quiet_log();
    write_batch_init(&batch);
    add_one_of_each(&batch, 0, slice_from_text("key"), slice_from_text("value"));
    add_one_of_each(&batch, 3, slice_from_text("key"), slice_from_text("value"));
    for (size_t size = 1; size < batch.bytes.size; size++) {
        uint8_t *copy = malloc(size);

        memcpy(copy, batch.bytes.data, size);
        CU_ASSERT_EQUAL(read_through(slice_of(copy, size), &record_count), KV_CORRUPT);
        free(copy);
    }
    for (int i = 0; i < 20000; i++) {
        uint8_t *copy = malloc(batch.bytes.size);

        memcpy(copy, batch.bytes.data, batch.bytes.size);
        for (int j = 0; j < 3; j++)
            copy[random_below(&random, batch.bytes.size)] = (uint8_t)random_next(&random);
        (void)!read_through(slice_of(copy, batch.bytes.size), &record_count);
        CU_ASSERT_TRUE(record_count <= 12);
        free(copy);
    }
    log_set_sink(NULL, NULL);
    write_batch_deinit(&batch);
}

/* Method: two batches joined are read as the one that all records were put into. */
static void
joined_batches_read_as_one(void)
{
    struct write_batch joined, second, whole;

    write_batch_init(&joined);
    write_batch_init(&second);
    write_batch_init(&whole);
    write_batch_put(&joined, 0, slice_from_text("a"), slice_from_text("1"));
    write_batch_delete(&second, 7, slice_from_text("b"));
    write_batch_put(&second, 0, slice_from_text("c"), slice_from_text("3"));
    write_batch_put(&whole, 0, slice_from_text("a"), slice_from_text("1"));
    write_batch_delete(&whole, 7, slice_from_text("b"));
    write_batch_put(&whole, 0, slice_from_text("c"), slice_from_text("3"));
    write_batch_set_sequence(&joined, 5);
    write_batch_set_sequence(&second, 6);
    write_batch_set_sequence(&whole, 5);
    write_batch_append(&joined, buffer_slice(&second.bytes));
    CU_ASSERT(slice_equal(buffer_slice(&joined.bytes), buffer_slice(&whole.bytes)));
    write_batch_deinit(&joined);
    write_batch_deinit(&second);
    write_batch_deinit(&whole);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(a_batch_has_the_bytes_of_the_worked_example),
        UNIT_TEST(every_kind_comes_back_in_order),
        UNIT_TEST(each_tag_gets_its_due),
        UNIT_TEST(headers_and_keys_out_of_range_are_refused),
        UNIT_TEST(damaged_batches_are_read_within_their_bounds),
        UNIT_TEST(joined_batches_read_as_one),
        UNIT_TEST_END,
    };

    return unit_main("write_batch", tests, argc, argv);
}
