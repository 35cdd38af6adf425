/* Goal: a look ahead sees whole requests as the parser will, and nothing else. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/random.h"
#include "resp/resp_parser.h"
#include "resp/resp_peek.h"
#include "support/unit.h"

static bool
peek(const char *text, struct slice *name, struct slice *argument, size_t *size)
{
    return resp_peek(slice_from_text(text), name, argument, size);
}

/* Method: requests of several lengths, with more behind them. */
static void
whole_requests_are_seen(void)
{
    static const char get[] = "*2\r\n$3\r\nGET\r\n$5\r\nhello\r\n";
    struct slice name, argument;
    size_t size;

    CU_ASSERT_TRUE_FATAL(peek("*2\r\n$3\r\nGET\r\n$5\r\nhello\r\n*1\r\n", &name, &argument, &size));
    CU_ASSERT_EQUAL(size, sizeof(get) - 1);
    CU_ASSERT_TRUE(slice_equal(name, slice_from_text("GET")));
    CU_ASSERT_TRUE(slice_equal(argument, slice_from_text("hello")));
    CU_ASSERT_TRUE_FATAL(peek("*1\r\n$4\r\nPING\r\n", &name, &argument, &size));
    CU_ASSERT_EQUAL(argument.size, 0);
    CU_ASSERT_TRUE(peek("*3\r\n$3\r\nset\r\n$0\r\n\r\n$1\r\nv\r\n", &name, &argument, &size));
    CU_ASSERT_EQUAL(argument.size, 0);
}

/* Method: every proper beginning of a request, and other things. */
static void
all_else_is_left_to_the_parser(void)
{
    static const char set[] = "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n";
    static const char *others[] = {
        "",
        "PING\r\n",
        "*0\r\n",
        "*-1\r\n",
        "*10\r\n$1\r\na\r\n",
        "*2\r\n$03\r\nGET\r\n$1\r\na\r\n",
        "*2\r\n$99999999999999999999\r\n",
        "*1\r\n:3\r\nGET\r\n",
        "*1\n$4\nPING\n",
        "*1\r\n$65536\r\n",
        "*\r\n",
    };
    struct slice name, argument;
    size_t size;

    for (size_t i = 0; i + 1 < sizeof(set); i++) {
        uint8_t *exact = malloc(i + 1); /* so that a sanitizer sees a byte read too many */

        CU_ASSERT_PTR_NOT_NULL_FATAL(exact);
        memcpy(exact, set, i);
        CU_ASSERT_FALSE(resp_peek(slice_of(exact, i), &name, &argument, &size));
        free(exact);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        CU_ASSERT_FALSE(peek(others[i], &name, &argument, &size));
}

static void
put_random_request(struct buffer *target, struct random *random)
{
    char head[32];
    const uint64_t count = 1 + random_below(random, RESP_PEEK_ARG_COUNT_MAX);

    buffer_append(target, head, (size_t)snprintf(head, sizeof(head), "*%u\r\n", (unsigned)count));
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t size = random_below(random, 20);

        buffer_append(target, head,
                      (size_t)snprintf(head, sizeof(head), "$%u\r\n", (unsigned)size));
        for (uint64_t k = 0; k < size; k++)
            buffer_append_byte(target, (uint8_t)random_below(random, 256));
        buffer_append(target, "\r\n", 2);
    }
}

/* Method: random requests; what is peeked is what the parser then takes. */
static void
peek_and_parser_agree(void)
{
    struct resp_parser parser;
    struct buffer bytes = {0};
    struct random random;
    struct slice name, argument;
    size_t size, consumed;

    random_init(&random, unit_seed());
    resp_parser_init(&parser);
    for (unsigned round = 0; round < 2000; round++) {
        buffer_clear(&bytes);
        put_random_request(&bytes, &random);
        CU_ASSERT_TRUE_FATAL(resp_peek(buffer_slice(&bytes), &name, &argument, &size));
        CU_ASSERT_EQUAL_FATAL(resp_parser_next(&parser, buffer_slice(&bytes), &consumed),
                              RESP_PARSE_COMMAND);
        CU_ASSERT_EQUAL(consumed, size);
        CU_ASSERT_TRUE(slice_equal(parser.args[0], name));
        CU_ASSERT_TRUE(parser.arg_count == 1 || slice_equal(parser.args[1], argument));
    }
    resp_parser_deinit(&parser);
    buffer_deinit(&bytes);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(whole_requests_are_seen),
        UNIT_TEST(all_else_is_left_to_the_parser),
        UNIT_TEST(peek_and_parser_agree),
        UNIT_TEST_END,
    };

    return unit_main("resp_peek", tests, argc, argv);
}
