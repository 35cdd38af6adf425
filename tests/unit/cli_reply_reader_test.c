/* Goal: every reply is read as it was sent, however it is cut; what is none is an error. */
#include <CUnit/Basic.h>
#include <string.h>
#include <unistd.h>

#include "cli/reply_reader.h"
#include "support/unit.h"

/* The first reply in the bytes, of which there is no more to come. */
static redisReply *
read_from(const char *bytes, size_t size, const char **error)
{
    struct reply_reader reader = {0};
    int ends[2], error_number;
    redisReply *reply;

    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    CU_ASSERT_EQUAL_FATAL(write(ends[1], bytes, size), (ssize_t)size);
    (void)close(ends[1]);
    reply = reply_reader_next(&reader, ends[0], error, &error_number);
    (void)close(ends[0]);
    reply_reader_deinit(&reader);
    return reply;
}

/* Method: one reply with all types in it; and each beginning of it, which is not enough. */
static void
a_reply_is_read_as_it_is(void)
{
    static const char bytes[] =
        "*7\r\n+OK\r\n-ERR no\r\n:-12\r\n$3\r\na\r\n\r\n$-1\r\n*0\r\n*-1\r\n";
    const char *error = NULL;
    redisReply *reply = read_from(bytes, sizeof(bytes) - 1, &error);

    CU_ASSERT_PTR_NOT_NULL_FATAL(reply);
    CU_ASSERT_EQUAL(reply->type, REDIS_REPLY_ARRAY);
    CU_ASSERT_EQUAL_FATAL(reply->elements, 7);
    CU_ASSERT_EQUAL(reply->element[0]->type, REDIS_REPLY_STATUS);
    CU_ASSERT_STRING_EQUAL(reply->element[0]->str, "OK");
    CU_ASSERT_EQUAL(reply->element[1]->type, REDIS_REPLY_ERROR);
    CU_ASSERT_STRING_EQUAL(reply->element[1]->str, "ERR no");
    CU_ASSERT_EQUAL(reply->element[2]->integer, -12);
    CU_ASSERT_EQUAL(reply->element[3]->len, 3);
    CU_ASSERT_EQUAL(memcmp(reply->element[3]->str, "a\r\n", 4), 0);
    CU_ASSERT_EQUAL(reply->element[4]->type, REDIS_REPLY_NIL);
    CU_ASSERT_EQUAL(reply->element[5]->type, REDIS_REPLY_ARRAY);
    CU_ASSERT_EQUAL(reply->element[5]->elements, 0);
    CU_ASSERT_EQUAL(reply->element[6]->type, REDIS_REPLY_NIL);
    freeReplyObject(reply);
    for (size_t size = 0; size < sizeof(bytes) - 1; size++) {
        CU_ASSERT_PTR_NULL(read_from(bytes, size, &error));
        CU_ASSERT_STRING_EQUAL(error, "Server closed the connection");
    }
}

/* Method: replies one behind another, and a string longer than is received at once, through a pipe
 * that is read while its other end is closed already. */
static void
replies_follow_each_other(void)
{
    enum { LONG_BYTES = 50000 };
    static char bytes[LONG_BYTES + 64];
    struct reply_reader reader = {0};
    const char *error;
    int ends[2], error_number;
    int size = sprintf(bytes, ":1\r\n$%d\r\n", LONG_BYTES);
    redisReply *reply;

    memset(bytes + size, 'x', LONG_BYTES);
    size += LONG_BYTES + sprintf(bytes + size + LONG_BYTES, "\r\n:2\r\n");
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    CU_ASSERT_EQUAL_FATAL(write(ends[1], bytes, (size_t)size), size);
    (void)close(ends[1]);
    reply = reply_reader_next(&reader, ends[0], &error, &error_number);
    CU_ASSERT_EQUAL(reply->integer, 1);
    freeReplyObject(reply);
    reply = reply_reader_next(&reader, ends[0], &error, &error_number);
    CU_ASSERT_EQUAL(reply->len, LONG_BYTES);
    freeReplyObject(reply);
    reply = reply_reader_next(&reader, ends[0], &error, &error_number);
    CU_ASSERT_EQUAL(reply->integer, 2);
    freeReplyObject(reply);
    CU_ASSERT_PTR_NULL(reply_reader_next(&reader, ends[0], &error, &error_number));
    (void)close(ends[0]);
    reply_reader_deinit(&reader);
}

/* Method: arrays in arrays, as deep as allowed and one deeper; and bytes that no server sends. */
static void
what_is_no_reply_is_refused(void)
{
    static const char *const wrong[] = {"\r\n",
                                        "?\r\n",
                                        ":\r\n",
                                        ":1a\r\n",
                                        "$x\r\n",
                                        "$-2\r\n",
                                        "*-2\r\n",
                                        "$1\r\nab\r\n",
                                        "$99999999999999\r\n",
                                        "*1073741825\r\n",
                                        "*1\r\n!1\r\n"};
    char deep[4 * (REPLY_DEPTH_MAX + 1) + 8] = "";
    const char *error;
    redisReply *reply;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CU_ASSERT_PTR_NULL(read_from(wrong[i], strlen(wrong[i]), &error));
        CU_ASSERT_EQUAL(strncmp(error, "Protocol error", 14), 0);
    }
    for (int i = 0; i < REPLY_DEPTH_MAX - 1; i++)
        strcat(deep, "*1\r\n");
    strcat(deep, ":1\r\n");
    reply = read_from(deep, strlen(deep), &error);
    CU_ASSERT_PTR_NOT_NULL(reply);
    freeReplyObject(reply);
    memmove(deep + 4, deep, strlen(deep) + 1);
    memcpy(deep, "*1\r\n", 4);
    CU_ASSERT_PTR_NULL(read_from(deep, strlen(deep), &error));
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(a_reply_is_read_as_it_is),
        UNIT_TEST(replies_follow_each_other),
        UNIT_TEST(what_is_no_reply_is_refused),
        UNIT_TEST_END,
    };

    return unit_main("cli_reply_reader", tests, argc, argv);
}
