/* Goal: DUMP's payloads are Redis's, RESTORE takes every form of them, and nothing else. */
#include <CUnit/Basic.h>

#include <stdlib.h>

#include "base/coding.h"
#include "base/crc64.h"
#include "base/random.h"
#include "daemon/lzf.h"
#include "daemon/rdb_payload.h"
#include "support/unit.h"

enum { VALUE_MAX = 100000 };

static struct buffer scratch;

/* A body with the footer that makes it one of RDB version 10. */
static struct buffer
payload_of(const void *body, size_t size)
{
    struct buffer payload = {0};

    buffer_append(&payload, body, size);
    buffer_put_fixed16(&payload, 10);
    buffer_put_fixed64(&payload, crc64_extend(0, payload.data, payload.size));
    return payload;
}

static bool
reads_as(const void *body, size_t size, const char *text)
{
    struct buffer payload = payload_of(body, size);
    struct slice value;
    const bool is_good =
        rdb_payload_read(buffer_slice(&payload), VALUE_MAX, &scratch, &value) == RDB_PAYLOAD_GOOD &&
        slice_equal(value, slice_from_text(text));

    buffer_deinit(&payload);
    return is_good;
}

static enum rdb_payload_verdict
verdict_on(const void *body, size_t size)
{
    struct buffer payload = payload_of(body, size);
    struct slice value;
    const enum rdb_payload_verdict verdict =
        rdb_payload_read(buffer_slice(&payload), VALUE_MAX, &scratch, &value);

    buffer_deinit(&payload);
    return verdict;
}

static bool
dumps_as(const char *value, const void *body, size_t size)
{
    struct buffer expected = payload_of(body, size), payload = {0};
    bool is_same;

    rdb_payload_append(&payload, slice_from_text(value));
    is_same = slice_equal(buffer_slice(&expected), buffer_slice(&payload));
    buffer_deinit(&expected);
    buffer_deinit(&payload);
    return is_same;
}

/* Method: the check value of CRC-64/Jones as Redis has it, whole and in two parts of any size. */
static void
the_checksum_is_redis_s(void)
{
    static const char digits[] = "123456789", text[] = "This is a test of the emergency broadcast";

    CU_ASSERT_EQUAL(crc64_extend(0, digits, 9), UINT64_C(0xe9c6d914c4b8d9ca));
    for (size_t i = 0; i < sizeof(text); i++)
        CU_ASSERT_EQUAL(crc64_extend(crc64_extend(0, text, i), text + i, sizeof(text) - i),
                        crc64_extend(0, text, sizeof(text)));
}

/* Method: a value of each form, written and read, against bytes that redis-server 7.0.15 writes. */
static void
each_form_is_redis_s(void)
{
    CU_ASSERT_TRUE(dumps_as("abc", "\0\3abc", 5));
    CU_ASSERT_TRUE(dumps_as("", "\0\0", 2));
    CU_ASSERT_TRUE(dumps_as("12", "\0\xc0\x0c", 3));
    CU_ASSERT_TRUE(dumps_as("-128", "\0\xc0\x80", 3));
    CU_ASSERT_TRUE(dumps_as("-129", "\0\xc1\x7f\xff", 4));
    CU_ASSERT_TRUE(dumps_as("32767", "\0\xc1\xff\x7f", 4));
    CU_ASSERT_TRUE(dumps_as("32768", "\0\xc2\0\x80\0\0", 6));
    CU_ASSERT_TRUE(dumps_as("-2147483648", "\0\xc2\0\0\0\x80", 6));
    CU_ASSERT_TRUE(dumps_as("2147483648",
                            "\0\x0a"
                            "2147483648",
                            12));
    CU_ASSERT_TRUE(dumps_as("012",
                            "\0\3"
                            "012",
                            5));
    CU_ASSERT_TRUE(reads_as("\0\xc1\x7f\xff", 4, "-129"));
    CU_ASSERT_TRUE(reads_as("\0\xc2\0\0\0\x80", 6, "-2147483648"));
    CU_ASSERT_TRUE(reads_as("\0\x40\3abc", 6, "abc"));
    CU_ASSERT_TRUE(reads_as("\0\x80\0\0\0\3abc", 9, "abc"));
    CU_ASSERT_TRUE(reads_as("\0\x81\0\0\0\0\0\0\0\3abc", 13, "abc"));
    CU_ASSERT_TRUE(reads_as("\0\3abc and more", 14, "abc"));
    /* "abab" then 9 bytes from 2 back. */
    CU_ASSERT_TRUE(reads_as("\0\xc3\6\x0b\1ab\xe0\0\1", 10, "abababababa"));
}

/* Method: other types, later versions, wrong checksums, lengths that lie. */
static void
anything_else_is_refused(void)
{
    struct buffer payload = payload_of("\0\3abc", 5);
    struct slice value;

    for (size_t i = 0; i < payload.size; i++) {
        payload.data[i] ^= 1;
        CU_ASSERT_EQUAL(rdb_payload_read(buffer_slice(&payload), VALUE_MAX, &scratch, &value),
                        RDB_PAYLOAD_DAMAGED);
        payload.data[i] ^= 1;
        CU_ASSERT_EQUAL(rdb_payload_read(slice_of(payload.data, i), VALUE_MAX, &scratch, &value),
                        RDB_PAYLOAD_DAMAGED);
    }
    buffer_deinit(&payload);
    CU_ASSERT_EQUAL(verdict_on("", 0), RDB_PAYLOAD_MALFORMED);
    CU_ASSERT_EQUAL(verdict_on("\1\0", 2), RDB_PAYLOAD_OTHER_TYPE);
    CU_ASSERT_EQUAL(verdict_on("\x7f\0", 2), RDB_PAYLOAD_MALFORMED);
    CU_ASSERT_EQUAL(verdict_on("\0", 1), RDB_PAYLOAD_MALFORMED);
    CU_ASSERT_EQUAL(verdict_on("\0\4abc", 5), RDB_PAYLOAD_MALFORMED);
    CU_ASSERT_EQUAL(verdict_on("\0\x81\xff\xff\xff\xff\xff\xff\xff\xff", 10),
                    RDB_PAYLOAD_MALFORMED);
    CU_ASSERT_EQUAL(verdict_on("\0\x82\0\0\0\0", 6), RDB_PAYLOAD_MALFORMED);
    CU_ASSERT_EQUAL(verdict_on("\0\xc4\0", 3), RDB_PAYLOAD_MALFORMED);
    CU_ASSERT_EQUAL(verdict_on("\0\xc2\0\0", 4), RDB_PAYLOAD_MALFORMED);
    CU_ASSERT_EQUAL(verdict_on("\0\xc3\6\x0c\1ab\xe0\0\1", 10), RDB_PAYLOAD_MALFORMED);
    CU_ASSERT_EQUAL(verdict_on("\0\xc3\6\x0b\1ab\xe0\0\2", 10), RDB_PAYLOAD_MALFORMED);
    CU_ASSERT_EQUAL(verdict_on("\0\xc3\5\x0b\1ab\xe0\0", 9), RDB_PAYLOAD_MALFORMED);
    CU_ASSERT_EQUAL(verdict_on("\0\xc3\1\x80\7\xff\xff\xff\0", 9), RDB_PAYLOAD_MALFORMED);
}

/* Method: random values, numbers among them, there and back. */
static void
what_is_dumped_is_restored(void)
{
    struct random random;

    random_init(&random, unit_seed());
    for (int i = 0; i < 2000; i++) {
        struct buffer payload = {0}, original = {0};
        const size_t size = random_below(&random, i % 3 == 0 ? 20000 : 20);
        struct slice value;

        for (size_t k = 0; k < size; k++)
            buffer_append_byte(&original, (uint8_t)('0' + random_below(&random, i % 2 ? 10 : 3)));
        rdb_payload_append(&payload, buffer_slice(&original));
        CU_ASSERT_EQUAL(rdb_payload_read(buffer_slice(&payload), VALUE_MAX, &scratch, &value),
                        RDB_PAYLOAD_GOOD);
        CU_ASSERT_TRUE(slice_equal(value, buffer_slice(&original)));
        if (size > 11) /* no number: its size is bounded */
            CU_ASSERT_EQUAL(rdb_payload_read(buffer_slice(&payload), size - 1, &scratch, &value),
                            RDB_PAYLOAD_MALFORMED);
        buffer_deinit(&payload);
        buffer_deinit(&original);
    }
    buffer_deinit(&scratch);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(the_checksum_is_redis_s),
        UNIT_TEST(each_form_is_redis_s),
        UNIT_TEST(anything_else_is_refused),
        UNIT_TEST(what_is_dumped_is_restored),
        UNIT_TEST_END,
    };

    return unit_main("daemon_rdb_payload", tests, argc, argv);
}
