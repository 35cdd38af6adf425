/* Goal: replies are counted right, wherever the pieces end, and nonsense is refused. */
#include <CUnit/Basic.h>
#include <stdio.h>

#include "base/random.h"
#include "cli/kvbench/observer.h"
#include "cli/kvbench/reply_parser.h"
#include "support/unit.h"

/* Feeds `text` in pieces of `piece_bytes` and writes down what comes out: one letter a reply, and
 * the text of errors and bulk strings. */
static enum reply_parse
parse_in_pieces(const char *text, size_t size, size_t piece_bytes, struct buffer *told)
{
    struct reply_parser parser;
    enum reply_parse parsed = REPLY_MORE;

    reply_parser_init(&parser, true);
    for (size_t at = 0; at < size && parsed != REPLY_BROKEN; at += piece_bytes) {
        const size_t here = size - at < piece_bytes ? size - at : piece_bytes;
        struct slice input = slice_of(text + at, here);

        while ((parsed = reply_parser_next(&parser, &input)) == REPLY_DONE) {
            buffer_append_format(told, "%c", parser.is_error ? 'e' : parser.is_null ? 'n' : 'r');
            buffer_append_slice(told, parser.is_error ? parser.error : parser.bulk);
            buffer_append_byte(told, '|');
        }
        if (parsed == REPLY_BROKEN)
            CU_ASSERT_PTR_NOT_NULL(parser.broken)
        else
            CU_ASSERT_EQUAL(input.size, 0);
    }
    reply_parser_deinit(&parser);
    return parsed;
}

static void
expect(const char *text, const char *wanted)
{
    for (size_t piece_bytes = 1; piece_bytes <= strlen(text); piece_bytes++) {
        struct buffer told = {0};

        CU_ASSERT_EQUAL(parse_in_pieces(text, strlen(text), piece_bytes, &told), REPLY_MORE);
        CU_ASSERT_TRUE(slice_equal(buffer_slice(&told), slice_from_text(wanted)));
        buffer_deinit(&told);
    }
}

/* Method: each type of RESP2 and RESP3, alone and in a row, cut at every place. */
static void
every_type_is_one_reply(void)
{
    expect("+OK\r\n", "r|");
    expect("-ERR no\r\n", "eERR no|");
    expect(":42\r\n:-1\r\n", "r|r|");
    expect("$5\r\nhe\r\no\r\n$0\r\n\r\n", "rhe\r\no|r|");
    expect("$-1\r\n*-1\r\n_\r\n*0\r\n", "n|n|n|n|");
    expect("#t\r\n,3.14\r\n(12345678901234567890\r\n", "r|r|r|");
    expect("=7\r\ntxt:abc\r\n!7\r\nERR bad\r\n", "rtxt:abc|eERR bad|");
    expect("+OK\r\n$3\r\nabc\r\n-E\r\n+OK\r\n", "r|rabc|eE|r|");
}

/* Method: elements are counted through; an error or a null inside is not the reply's. */
static void
aggregates_are_one_reply(void)
{
    expect("*2\r\n$1\r\na\r\n$-1\r\n+OK\r\n", "r|r|");
    expect("*2\r\n*2\r\n:1\r\n*0\r\n-ERR in\r\n:1\r\n", "r|r|");
    expect("%2\r\n+a\r\n:1\r\n+b\r\n~2\r\n:1\r\n:2\r\n+OK\r\n", "r|r|");
    expect("*1\r\n|1\r\n+k\r\n+v\r\n:7\r\n+OK\r\n", "r|r|");
}

static void
pushes_and_attributes_are_no_replies(void)
{
    expect(">2\r\n+invalidate\r\n*1\r\n$1\r\na\r\n+OK\r\n", "r|");
    expect("|1\r\n+ttl\r\n:3\r\n$2\r\nab\r\n", "rab|");
    expect(">0\r\n+OK\r\n>1\r\n|1\r\n+a\r\n+b\r\n+x\r\n+OK\r\n", "r|r|");
}

static void
nonsense_is_refused(void)
{
    const char *const bad[] = {"OK\r\n",
                               "\r\n",
                               "$x\r\n",
                               "$-2\r\n",
                               "$99999999999999999999\r\n",
                               "*-5\r\n",
                               "*99999999999\r\n",
                               "$\r\n",
                               ">-1\r\n",
                               "%5000000000\r\n",
                               "HTTP/1.1 400\r\n"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct buffer told = {0};

        CU_ASSERT_EQUAL(parse_in_pieces(bad[i], strlen(bad[i]), 100, &told), REPLY_BROKEN);
        buffer_deinit(&told);
    }
}

/* Method: nested arrays of the greatest size; their number of elements must not run over. */
static void
too_many_elements_are_refused(void)
{
    struct buffer text = {0}, told = {0};

    for (int i = 0; i < 8; i++)
        buffer_append_format(&text, "*1073741824\r\n");
    CU_ASSERT_EQUAL(parse_in_pieces((char *)text.data, text.size, text.size, &told), REPLY_BROKEN);
    buffer_deinit(&text);
    buffer_deinit(&told);
}

/* Method: a line of 100,000 bytes, as errors may be; what is kept is its beginning. */
static void
a_long_error_is_cut(void)
{
    struct buffer text = {0}, told = {0};

    buffer_append_byte(&text, '-');
    for (int i = 0; i < 100000; i++)
        buffer_append_byte(&text, 'x');
    buffer_append_format(&text, "\r\n+OK\r\n");
    CU_ASSERT_EQUAL(parse_in_pieces((char *)text.data, text.size, 1000, &told), REPLY_MORE);
    CU_ASSERT_TRUE(told.size > 100 && told.size < 1000);
    CU_ASSERT_TRUE(slice_starts_with(buffer_slice(&told), slice_from_text("exxxx")));
    CU_ASSERT_EQUAL(memcmp(told.data + told.size - 3, "|r|", 3), 0);
    buffer_deinit(&text);
    buffer_deinit(&told);
}

/* Method: random rows of replies in random pieces give as many as were written. */
static void
random_rows_are_counted(void)
{
    struct random random;

    random_init(&random, unit_seed());
    for (int round = 0; round < 300; round++) {
        const uint32_t count = 1 + (uint32_t)random_below(&random, 50);
        struct buffer text = {0}, told = {0};
        size_t bar_count = 0;

        for (uint32_t i = 0; i < count; i++) {
            const int size = (int)random_below(&random, 40);

            switch (random_below(&random, 4)) {
            case 0:
                buffer_append_format(&text, "+OK\r\n");
                break;
            case 1:
                buffer_append_format(&text, "$%d\r\n%*s\r\n", size, size, "");
                break;
            case 2:
                buffer_append_format(&text, "*2\r\n$%d\r\n%*s\r\n*1\r\n:3\r\n", size, size, "");
                break;
            default:
                buffer_append_format(&text, "$-1\r\n");
            }
        }
        CU_ASSERT_EQUAL(
            parse_in_pieces((char *)text.data, text.size, 1 + random_below(&random, 64), &told),
            REPLY_MORE);
        for (size_t i = 0; i < told.size; i++)
            bar_count += told.data[i] == '|';
        CU_ASSERT_EQUAL(bar_count, count);
        buffer_deinit(&text);
        buffer_deinit(&told);
    }
}

/* Method: a name that is the end or the beginning of another one, numbers that are none. */
static void
a_number_of_info_is_found(void)
{
    const struct slice info =
        slice_from_text("# Kvd\r\nold_writes_delayed:1\r\nwrites_delayed2:2\r\n"
                        "writes_delayed:42\r\nempty:\r\n"
                        "big:99999999999999999999\r\nlast:7");
    uint64_t number = 0;

    CU_ASSERT_TRUE(observer_find_number(info, "writes_delayed", &number) && number == 42);
    CU_ASSERT_TRUE(observer_find_number(info, "last", &number) && number == 7);
    CU_ASSERT_FALSE(observer_find_number(info, "empty", &number));
    CU_ASSERT_FALSE(observer_find_number(info, "big", &number));
    CU_ASSERT_FALSE(observer_find_number(info, "absent", &number));
    CU_ASSERT_FALSE(observer_find_number(slice_of(NULL, 0), "last", &number));
}

int
main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        UNIT_TEST(every_type_is_one_reply),
        UNIT_TEST(aggregates_are_one_reply),
        UNIT_TEST(pushes_and_attributes_are_no_replies),
        UNIT_TEST(nonsense_is_refused),
        UNIT_TEST(too_many_elements_are_refused),
        UNIT_TEST(a_long_error_is_cut),
        UNIT_TEST(random_rows_are_counted),
        UNIT_TEST(a_number_of_info_is_found),
        UNIT_TEST_END,
    };

    return unit_main("kvbench replies", tests, argc, argv);
}
