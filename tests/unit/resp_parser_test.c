/* Goal: requests are understood however they are cut, and bad ones get Redis's words. */
#include <CUnit/Basic.h>

#include <stdlib.h>

#include "base/limits.h"
#include "base/random.h"
#include "resp/resp_number.h"
#include "resp/resp_parser.h"
#include "support/unit.h"

/* Describes all commands in `input` as "a|b;": each byte string, commands separated. */
static void
describe(struct resp_parser *parser, struct slice input, struct buffer *told)
{
    size_t consumed = 0;

    for (;;) {
        switch (resp_parser_next(parser, input, &consumed)) {
        case RESP_PARSE_COMMAND:
            for (uint32_t i = 0; i < parser->arg_count; i++) {
                buffer_append_slice(told, parser->args[i]);
                buffer_append_byte(told, i + 1 < parser->arg_count ? '|' : ';');
            }
            break;
        case RESP_PARSE_EMPTY:
            buffer_append_byte(told, '0');
            break;
        case RESP_PARSE_MORE:
            buffer_append_byte(told, '+');
            return;
        case RESP_PARSE_ERROR:
            buffer_append(told, parser->error, strlen(parser->error));
            return;
        }
        input.data += consumed;
        input.size -= consumed;
    }
}

static void
check(const char *text, size_t size, const char *expected)
{
    struct resp_parser parser;
    struct buffer told = {0};

    resp_parser_init(&parser);
    describe(&parser, slice_of(text, size), &told);
    CU_ASSERT_TRUE(slice_equal(buffer_slice(&told), slice_from_text(expected)));
    if (!slice_equal(buffer_slice(&told), slice_from_text(expected)))
        printf("\n  got %.*s\n  expected %s\n", (int)told.size, told.data, expected);
    buffer_deinit(&told);
    resp_parser_deinit(&parser);
}

#define CHECK(text, expected) check(text, sizeof(text) - 1, expected)

/* Method: whole commands of both forms. */
static void
commands_are_taken_apart(void)
{
    CHECK("", "+");
    CHECK("*1\r\n$4\r\nPING\r\n", "PING;+");
    CHECK("*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", "ECHO|;+");
    CHECK("*2\r\n$4\r\nECHO\r\n$4\r\n\r\n\r\n\r\n", "ECHO|\r\n\r\n;+");
    CHECK("*0\r\n*-1\r\n\r\n\nPING\r\n", "0000PING;+");
    CHECK("PING\r\nECHO a\n", "PING;ECHO|a;+");
    CHECK("  SET  a\t'b c'  \r\n", "SET|a|b c;+");
    CHECK("SET a\"b\\x41\\n\\q\\\"\" 'it\\'s' \"\"\r\n", "SET|abA\nq\"|it's|;+");
    CHECK("ECHO\va\vb \f c\r\n", "ECHO\va\vb|c;+");
}

/* Method: every error text, as redis-server 7.0.15 gives them (tests/system/protocol compares). */
static void
malformed_requests_get_redis_texts(void)
{
    CHECK("*a\r\n", "Protocol error: invalid multibulk length");
    CHECK("*01\r\n", "Protocol error: invalid multibulk length");
    CHECK("*2147483648\r\n", "Protocol error: invalid multibulk length");
    CHECK("*99999999999999999999999\r\n", "Protocol error: invalid multibulk length");
    CHECK("*1\r\nPING\r\n", "Protocol error: expected '$', got 'P'");
    CHECK("*1\r\n\r\n", "Protocol error: expected '$', got '\r'");
    CHECK("*1\r\n$-1\r\n", "Protocol error: invalid bulk length");
    CHECK("*1\r\n$x\r\n", "Protocol error: invalid bulk length");
    CHECK("*1\r\n$536870913\r\n", "Protocol error: invalid bulk length");
    CHECK("SET \"a\r\n", "Protocol error: unbalanced quotes in request");
    CHECK("SET \"a\"b\r\n", "Protocol error: unbalanced quotes in request");
}

/* Method: lines without an end, one byte over the limit. */
static void
endless_lines_are_refused(void)
{
    static char line[RESP_LINE_BYTES_MAX + 16];

    memset(line, '1', sizeof(line));
    check(line, RESP_LINE_BYTES_MAX, "+");
    check(line, RESP_LINE_BYTES_MAX + 1, "Protocol error: too big inline request");
    line[0] = '*';
    check(line, RESP_LINE_BYTES_MAX + 1, "Protocol error: too big mbulk count string");
    memcpy(line, "*1\r\n$", 5);
    check(line, RESP_LINE_BYTES_MAX + 5, "Protocol error: too big bulk count string");
}

/* Method: the limits before authentication, at and over the edge. */
static void
strangers_get_small_limits(void)
{
    struct resp_parser parser;
    size_t consumed;

    resp_parser_init(&parser);
    parser.is_anonymous = true;
    CU_ASSERT_EQUAL(resp_parser_next(&parser, slice_from_text("*10\r\n"), &consumed),
                    RESP_PARSE_MORE);
    resp_parser_restart(&parser);
    CU_ASSERT_EQUAL(resp_parser_next(&parser, slice_from_text("*11\r\n"), &consumed),
                    RESP_PARSE_ERROR);
    CU_ASSERT_STRING_EQUAL(parser.error, "Protocol error: unauthenticated multibulk length");
    CU_ASSERT_EQUAL(resp_parser_next(&parser, slice_from_text("*1\r\n$16384\r\n"), &consumed),
                    RESP_PARSE_MORE);
    resp_parser_restart(&parser);
    CU_ASSERT_EQUAL(resp_parser_next(&parser, slice_from_text("*1\r\n$16385\r\n"), &consumed),
                    RESP_PARSE_ERROR);
    CU_ASSERT_STRING_EQUAL(parser.error, "Protocol error: unauthenticated bulk length");
    resp_parser_deinit(&parser);
}

/* Method: for every prefix of a big argument, the number of bytes that complete it. */
static void
the_missing_bytes_of_a_bulk_are_known(void)
{
    const char text[] = "*2\r\n$3\r\nGET\r\n$10\r\n0123456789\r\n";
    const size_t size = sizeof(text) - 1;
    struct resp_parser parser;
    size_t consumed;

    resp_parser_init(&parser);
    for (size_t cut = 1; cut < size; cut++) {
        CU_ASSERT_EQUAL(resp_parser_next(&parser, slice_of(text, cut), &consumed), RESP_PARSE_MORE);
        if (cut >= size - 12)
            CU_ASSERT_EQUAL(resp_parser_bytes_missing(&parser, cut), size - cut);
    }
    CU_ASSERT_EQUAL(resp_parser_next(&parser, slice_of(text, size), &consumed), RESP_PARSE_COMMAND);
    CU_ASSERT_EQUAL(consumed, size);
    CU_ASSERT_EQUAL(resp_parser_bytes_missing(&parser, size), 0);
    resp_parser_deinit(&parser);
}

/* Method: random streams of commands, fed in random pieces that move in memory each time, give
 * the same commands as in one piece. */
static void
cuts_change_nothing(void)
{
    struct random random;

    random_init(&random, unit_seed());
    for (int round = 0; round < 300; round++) {
        struct buffer stream = {0}, whole = {0}, cut = {0};
        struct resp_parser parser;
        size_t start = 0, fed = 0;

        for (uint64_t c = random_below(&random, 6); c > 0; c--) {
            const uint64_t args = random_below(&random, 4);

            if (random_below(&random, 4) == 0) {
                buffer_append_format(&stream, "inline 'x y' %d\r\n", round);
                continue;
            }
            buffer_append_format(&stream, "*%d\r\n", (int)args);
            for (uint64_t i = 0; i < args; i++) {
                const int size = (int)random_below(&random, 40);
                buffer_append_format(&stream, "$%d\r\n%.*s\r\n", size, size,
                                     "0123456789\r\n0123456789\r\n0123456789\r\n01234567");
            }
        }
        resp_parser_init(&parser);
        describe(&parser, buffer_slice(&stream), &whole);
        resp_parser_restart(&parser);
        while (fed < stream.size) {
            const size_t left = stream.size - fed;
            uint8_t *moved;
            struct slice input;
            size_t consumed;

            fed += 1 + (size_t)random_below(&random, left < 9 ? left : 9);
            moved = malloc(fed - start + 1);
            memcpy(moved, stream.data + start, fed - start);
            input = slice_of(moved, fed - start);
            for (;;) {
                const enum resp_parse parse = resp_parser_next(&parser, input, &consumed);

                if (parse == RESP_PARSE_MORE)
                    break;
                if (parse == RESP_PARSE_EMPTY)
                    buffer_append_byte(&cut, '0');
                CU_ASSERT_NOT_EQUAL(parse, RESP_PARSE_ERROR);
                for (uint32_t i = 0; parse == RESP_PARSE_COMMAND && i < parser.arg_count; i++) {
                    buffer_append_slice(&cut, parser.args[i]);
                    buffer_append_byte(&cut, i + 1 < parser.arg_count ? '|' : ';');
                }
                input.data += consumed;
                input.size -= consumed;
                start += consumed;
            }
            free(moved);
        }
        buffer_append_byte(&cut, '+');
        CU_ASSERT_TRUE(slice_equal(buffer_slice(&cut), buffer_slice(&whole)));
        buffer_deinit(&stream);
        buffer_deinit(&whole);
        buffer_deinit(&cut);
        resp_parser_deinit(&parser);
    }
}

/* Method: the edges of the range, and each form that Redis refuses. */
static void
integers_are_strict(void)
{
    const char *good[] = {"0", "1", "-1", "9223372036854775807", "-9223372036854775808"};
    const char *bad[] = {"",
                         "-",
                         "+1",
                         "01",
                         "-0",
                         " 1",
                         "1 ",
                         "1a",
                         "0x1",
                         "9223372036854775808",
                         "-9223372036854775809",
                         "18446744073709551617",
                         "99999999999999999999"};
    uint8_t text[INT64_TEXT_BYTES_MAX];
    int64_t value;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CU_ASSERT_TRUE(resp_parse_int64(slice_from_text(good[i]), &value));
        CU_ASSERT_TRUE(
            slice_equal(slice_of(text, resp_put_int64(text, value)), slice_from_text(good[i])));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT_FALSE(resp_parse_int64(slice_from_text(bad[i]), &value));
}

/* Now and then a byte is another one, and the end is missing. */
static void
put_doubtful_request(struct buffer *bytes, struct random *random)
{
    static const char strange[] = "*$0129\r\n-a";
    const unsigned count = (unsigned)random_below(random, 19);

    buffer_clear(bytes);
    buffer_append_format(bytes, "*%u\r\n", count);
    for (unsigned i = 0; i < count; i++) {
        const unsigned size = (unsigned)random_below(random, random_below(random, 8) ? 20 : 200);

        buffer_append_format(bytes, "$%u\r\n%0*u\r\n", size, (int)size, size > 0 ? 7 : 0);
    }
    for (uint64_t i = random_below(random, 3); i > 0; i--)
        bytes->data[random_below(random, bytes->size)] =
            (uint8_t)strange[random_below(random, sizeof(strange) - 1)];
    bytes->size -= random_below(random, 3) > 0 ? 0 : random_below(random, bytes->size);
}

/* Goal: reading a short request in one pass is a matter of time only.
 * Method: random requests, many of them damaged, are read by two parsers, one of which has limits
 * that make it read all piece by piece. */
static void
one_pass_and_many_agree(void)
{
    struct resp_parser fast, slow;
    struct buffer bytes = {0};
    struct random random;
    size_t consumed_fast, consumed_slow;
    uint32_t command_count = 0;

    random_init(&random, unit_seed());
    for (unsigned round = 0; round < 20000; round++) {
        enum resp_parse parse;

        resp_parser_init(&fast);
        resp_parser_init(&slow);
        slow.bulk_bytes_max = 65534; /* below what a short request may have */
        fast.bulk_bytes_max = 65535;
        put_doubtful_request(&bytes, &random);
        parse = resp_parser_next(&fast, buffer_slice(&bytes), &consumed_fast);
        CU_ASSERT_EQUAL_FATAL(resp_parser_next(&slow, buffer_slice(&bytes), &consumed_slow), parse);
        CU_ASSERT_EQUAL(consumed_fast, consumed_slow);
        if (parse == RESP_PARSE_ERROR)
            CU_ASSERT_STRING_EQUAL(fast.error, slow.error);
        if (parse == RESP_PARSE_COMMAND) {
            command_count++;
            CU_ASSERT_EQUAL_FATAL(fast.arg_count, slow.arg_count);
            for (uint32_t i = 0; i < fast.arg_count; i++)
                CU_ASSERT_TRUE(slice_equal(fast.args[i], slow.args[i]));
        }
        CU_ASSERT_EQUAL(fast.position, slow.position);
        resp_parser_deinit(&fast);
        resp_parser_deinit(&slow);
    }
    CU_ASSERT_TRUE(command_count > 1000);
    buffer_deinit(&bytes);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(commands_are_taken_apart),
        UNIT_TEST(malformed_requests_get_redis_texts),
        UNIT_TEST(endless_lines_are_refused),
        UNIT_TEST(strangers_get_small_limits),
        UNIT_TEST(the_missing_bytes_of_a_bulk_are_known),
        UNIT_TEST(cuts_change_nothing),
        UNIT_TEST(one_pass_and_many_agree),
        UNIT_TEST(integers_are_strict),
        UNIT_TEST_END,
    };

    return unit_main("resp_parser", tests, argc, argv);
}
