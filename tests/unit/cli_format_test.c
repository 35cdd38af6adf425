/* Goal: replies become the text that cli/reply_format.h promises, whatever bytes they hold. */
#include <CUnit/Basic.h>

#include "cli/escape.h"
#include "cli/reply_format.h"
#include "support/unit.h"

#define BYTES(text) slice_of((text), sizeof(text) - 1)

static redisReply
text_of(int type, struct slice bytes)
{
    return (redisReply){.type = type, .str = (char *)(uintptr_t)bytes.data, .len = bytes.size};
}

static redisReply
array_of(redisReply **elements, size_t count)
{
    return (redisReply){.type = REDIS_REPLY_ARRAY, .elements = count, .element = elements};
}

static void
check(const redisReply *reply, enum output output, enum reply_shape shape, const char *expected)
{
    struct slice words[] = {BYTES("MGET"), BYTES("one"), BYTES("two")};
    const struct request request = {.words = words, .count = 3};
    const struct reply_format format = {.output = output, .shape = shape, .request = &request};
    struct buffer text = {0};

    reply_format(&format, reply, &text);
    buffer_append_byte(&text, '\0');
    CU_ASSERT_STRING_EQUAL((const char *)text.data, expected);
    buffer_deinit(&text);
}

/* Method: RFC 3629's borders, each with its neighbours. */
static void
only_well_formed_utf8_passes(void)
{
    static const char *const good[] = {
        "",
        "a",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
    };
    static const char *const bad[] = {
        "\x80",      "\xc0\xaf",         "\xc1\xbf",         "\xc2",
        "\xc2 ",     "\xe0\x9f\xbf",     "\xed\xa0\x80",     "\xe1\x80",
        "\xe1\x80z", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "\xff",      "ab\xfe",
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        CU_ASSERT_TRUE(escape_is_utf8(slice_from_text(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT_FALSE(escape_is_utf8(slice_from_text(bad[i])));
    CU_ASSERT_TRUE(escape_is_utf8(BYTES("\0")));
}

static void
strings_are_exact_in_raw(void)
{
    const redisReply value = text_of(REDIS_REPLY_STRING, BYTES("a\n\x01"));
    const redisReply state = text_of(REDIS_REPLY_STATUS, BYTES("OK"));
    const redisReply number = {.type = REDIS_REPLY_INTEGER, .integer = -7};
    const redisReply null = {.type = REDIS_REPLY_NIL};

    check(&value, OUTPUT_RAW, SHAPE_PLAIN, "a\n\x01");
    check(&state, OUTPUT_RAW, SHAPE_PLAIN, "OK\n");
    check(&number, OUTPUT_RAW, SHAPE_PLAIN, "-7\n");
    check(&null, OUTPUT_RAW, SHAPE_PLAIN, "");
}

static void
one_value_in_the_other_formats(void)
{
    const redisReply text = text_of(REDIS_REPLY_STRING, BYTES("say \"\xc3\xbc\"\\\n\x01\x7f"));
    const redisReply bytes = text_of(REDIS_REPLY_STRING, BYTES("\x00\xff\x10\x80"));
    const redisReply error = text_of(REDIS_REPLY_ERROR, BYTES("ERR no"));
    const redisReply null = {.type = REDIS_REPLY_NIL};

    check(&text, OUTPUT_JSON, SHAPE_PLAIN, "\"say \\\"\xc3\xbc\\\"\\\\\\n\\u0001\\u007f\"\n");
    check(&bytes, OUTPUT_JSON, SHAPE_PLAIN, "{\"base64\":\"AP8QgA==\"}\n");
    check(&error, OUTPUT_JSON, SHAPE_PLAIN, "{\"error\":\"ERR no\"}\n");
    check(&null, OUTPUT_JSON, SHAPE_PLAIN, "null\n");
    check(&bytes, OUTPUT_HEX, SHAPE_PLAIN, "00ff1080\n");
    check(&null, OUTPUT_HEX, SHAPE_PLAIN, "(nil)\n");
    check(&bytes, OUTPUT_TABLE, SHAPE_PLAIN, "\\x00\\xff\\x10\\x80\n");
    check(&bytes, OUTPUT_PRETTY, SHAPE_PLAIN, "\"\\x00\\xff\\x10\\x80\"\n");
    check(&null, OUTPUT_PRETTY, SHAPE_PLAIN, "(nil)\n");
}

/* Method: an array with a value and a null, read plainly, by key and as a pair. */
static void
arrays_take_their_shape(void)
{
    redisReply one = text_of(REDIS_REPLY_STRING, BYTES("x"));
    redisReply null = {.type = REDIS_REPLY_NIL};
    redisReply *elements[] = {&one, &null};
    const redisReply array = array_of(elements, 2);
    const redisReply empty = array_of(NULL, 0);

    check(&array, OUTPUT_RAW, SHAPE_BY_KEY, "x\n\n");
    check(&array, OUTPUT_JSON, SHAPE_BY_KEY, "[\"x\",null]\n");
    check(&array, OUTPUT_TABLE, SHAPE_BY_KEY, "key  value\n---  -----\none  x\ntwo  (nil)\n");
    check(&array, OUTPUT_TABLE, SHAPE_PLAIN,
          "number  value\n------  -----\n1       x\n2       (nil)\n");
    check(&array, OUTPUT_JSON, SHAPE_PAIRS, "{\"x\":null}\n");
    check(&array, OUTPUT_PRETTY, SHAPE_PLAIN, "1) \"x\"\n2) (nil)\n");
    check(&empty, OUTPUT_PRETTY, SHAPE_PLAIN, "(empty array)\n");
    check(&empty, OUTPUT_JSON, SHAPE_PAIRS, "{}\n");
    check(&empty, OUTPUT_JSON, SHAPE_RECORDS, "[]\n");
}

static void
records_become_objects_and_rows(void)
{
    redisReply name = text_of(REDIS_REPLY_STRING, BYTES("id"));
    redisReply number = {.type = REDIS_REPLY_INTEGER, .integer = 12};
    redisReply *pair[] = {&name, &number};
    redisReply record = array_of(pair, 2);
    redisReply *records[] = {&record, &record};
    const redisReply array = array_of(records, 2);

    check(&array, OUTPUT_RAW, SHAPE_RECORDS, "id=12\nid=12\n");
    check(&array, OUTPUT_JSON, SHAPE_RECORDS, "[{\"id\":12},{\"id\":12}]\n");
    check(&array, OUTPUT_TABLE, SHAPE_RECORDS, "id\n--\n12\n12\n");
}

/* Method: a server that does not keep to its command's shape. */
static void
a_reply_of_another_shape_is_shown_plain(void)
{
    redisReply bytes = text_of(REDIS_REPLY_STRING, BYTES("\xff"));
    redisReply number = {.type = REDIS_REPLY_INTEGER, .integer = 1};
    redisReply *odd[] = {&bytes, &number, &number};
    redisReply *unnamed[] = {&number, &bytes};
    const redisReply odd_array = array_of(odd, 3);
    const redisReply unnamed_array = array_of(unnamed, 2);
    const redisReply bad_name = array_of(odd, 2);

    check(&odd_array, OUTPUT_JSON, SHAPE_PAIRS, "[{\"base64\":\"/w==\"},1,1]\n");
    check(&unnamed_array, OUTPUT_JSON, SHAPE_PAIRS, "[1,{\"base64\":\"/w==\"}]\n");
    check(&bad_name, OUTPUT_JSON, SHAPE_PAIRS, "[{\"base64\":\"/w==\"},1]\n");
    check(&odd_array, OUTPUT_TABLE, SHAPE_RECORDS,
          "number  value\n------  -----\n1       \\xff\n2       1\n3       1\n");
    check(&number, OUTPUT_JSON, SHAPE_INFO, "1\n");
    check(&number, OUTPUT_RAW, SHAPE_INFO, "1\n");
}

static void
info_is_lines_and_objects(void)
{
    const redisReply info =
        text_of(REDIS_REPLY_STRING, BYTES("# A\r\nx:1\r\ny:a:b\r\n\r\n# B\r\nz:\r\nno colon\r\n"));
    const redisReply bare = text_of(REDIS_REPLY_STRING, BYTES("x:1"));
    const redisReply empty = text_of(REDIS_REPLY_STRING, slice_of(NULL, 0));

    check(&info, OUTPUT_RAW, SHAPE_INFO, "# A\nx:1\ny:a:b\n\n# B\nz:\nno colon\n");
    check(&info, OUTPUT_JSON, SHAPE_INFO,
          "{\"A\":{\"x\":\"1\",\"y\":\"a:b\"},\"B\":{\"z\":\"\"}}\n");
    check(&bare, OUTPUT_JSON, SHAPE_INFO, "{\"\":{\"x\":\"1\"}}\n");
    check(&empty, OUTPUT_JSON, SHAPE_INFO, "{}\n");
    check(&bare, OUTPUT_TABLE, SHAPE_INFO, "name  value\n----  -----\nx     1\n");
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(only_well_formed_utf8_passes),
        UNIT_TEST(strings_are_exact_in_raw),
        UNIT_TEST(one_value_in_the_other_formats),
        UNIT_TEST(arrays_take_their_shape),
        UNIT_TEST(records_become_objects_and_rows),
        UNIT_TEST(a_reply_of_another_shape_is_shown_plain),
        UNIT_TEST(info_is_lines_and_objects),
        UNIT_TEST_END,
    };

    return unit_main("cli_format", tests, argc, argv);
}
