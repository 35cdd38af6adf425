/* Goal: what the user types becomes the right words, and replies the right exit codes. */
#include <CUnit/Basic.h>

#include "cli/target.h"
#include "cli/verb.h"
#include "support/unit.h"

#define BYTES(text) slice_of((text), sizeof(text) - 1)

static void
check_word(const struct request *request, uint32_t index, struct slice expected)
{
    CU_ASSERT_TRUE_FATAL(index < request->count);
    CU_ASSERT_TRUE(slice_equal(request->words[index], expected));
}

static void
a_line_is_split_at_spaces_outside_quotes(void)
{
    struct request request = {0};

    CU_ASSERT_TRUE(
        request_split(&request, slice_from_text("  set \"a\\x00\\\" b\" 'it\\'s'\t\"\"  ")));
    CU_ASSERT_EQUAL_FATAL(request.count, 4);
    check_word(&request, 0, BYTES("set"));
    check_word(&request, 1, BYTES("a\0\" b"));
    check_word(&request, 2, BYTES("it's"));
    check_word(&request, 3, BYTES(""));
    CU_ASSERT_TRUE(request_word_is(&request, 0, "SET"));
    CU_ASSERT_FALSE(request_word_is(&request, 0, "SE"));
    CU_ASSERT_FALSE(request_word_is(&request, 9, "SET"));
    request_clear(&request);
    CU_ASSERT_TRUE(request_split(&request, slice_from_text("   ")));
    CU_ASSERT_EQUAL(request.count, 0);
    CU_ASSERT_FALSE(request_split(&request, slice_from_text("get \"a")));
    CU_ASSERT_FALSE(request_split(&request, slice_from_text("get 'a'b")));
    request_deinit(&request);
}

/* Builds the verb of words[0]; `expected` are the words that go out, joined by spaces. */
static void
check_build(int count, const char *const *words, const char *expected)
{
    char *arguments[8] = {0};
    struct request request = {0};
    struct buffer joined = {0};

    for (int i = 1; i < count; i++)
        arguments[i - 1] = (char *)(uintptr_t)words[i];
    CU_ASSERT_EQUAL(verb_build(verb_find(words[0]), count - 1, arguments, &request), EXIT_OK);
    for (uint32_t i = 0; i < request.count; i++) {
        buffer_append_format(&joined, "%s", i == 0 ? "" : " ");
        buffer_append_slice(&joined, request.words[i]);
    }
    CU_ASSERT_TRUE(slice_equal(buffer_slice(&joined), slice_from_text(expected)));
    buffer_deinit(&joined);
    request_deinit(&request);
}

static void
verbs_become_commands(void)
{
    check_build(2, (const char *[]){"get", "k"}, "GET k");
    check_build(5, (const char *[]){"set", "k", "v", "EX", "5"}, "SET k v EX 5");
    check_build(3, (const char *[]){"delete", "a", "b"}, "DEL a b");
    check_build(2, (const char *[]){"incr", "n"}, "INCR n");
    check_build(3, (const char *[]){"incr", "n", "-4"}, "INCRBY n -4");
    check_build(3, (const char *[]){"incr", "n", "1e3"}, "INCRBYFLOAT n 1e3");
    check_build(3, (const char *[]){"command", "xadd", "s"}, "xadd s");
    check_build(1, (const char *[]){"workers"}, "KV.WORKERS");
    CU_ASSERT_PTR_NULL(verb_find("nonsense"));
}

static void
check_code(const char *line, const redisReply *reply, enum exit_code expected)
{
    struct request request = {0};

    CU_ASSERT_TRUE(request_split(&request, slice_from_text(line)));
    CU_ASSERT_EQUAL(verb_judge(verb_find("set"), &request, reply), expected);
    request_deinit(&request);
}

/* Method: with GET the reply is the old value, so what null means depends on the condition. */
static void
set_tells_whether_its_condition_was_met(void)
{
    const redisReply null = {.type = REDIS_REPLY_NIL};
    const redisReply done = {.type = REDIS_REPLY_STATUS, .str = (char[]){"OK"}, .len = 2};
    const redisReply old = {.type = REDIS_REPLY_STRING, .str = (char[]){"x"}, .len = 1};
    const redisReply error = {.type = REDIS_REPLY_ERROR, .str = (char[]){"ERR"}, .len = 3};

    check_code("SET k v", &done, EXIT_OK);
    check_code("SET k v", &error, EXIT_SERVER_ERROR);
    check_code("SET k v nx", &null, EXIT_CONDITION_FAILED);
    check_code("SET k v XX", &null, EXIT_CONDITION_FAILED);
    check_code("SET k v GET", &null, EXIT_OK);
    check_code("SET k v GET", &old, EXIT_OK);
    check_code("SET k v NX GET", &null, EXIT_OK);
    check_code("SET k v NX GET", &old, EXIT_CONDITION_FAILED);
    check_code("SET k v XX GET", &null, EXIT_CONDITION_FAILED);
    check_code("SET k v XX GET", &old, EXIT_OK);
    /* The words before the options are data. */
    check_code("SET NX GET", &done, EXIT_OK);
}

static void
missing_keys_are_code_1(void)
{
    const struct request request = {0};
    redisReply null = {.type = REDIS_REPLY_NIL};
    redisReply value = {.type = REDIS_REPLY_STRING, .str = (char[]){""}};
    redisReply *none[] = {&null, &null}, *one[] = {&null, &value};
    const redisReply all_null = {.type = REDIS_REPLY_ARRAY, .elements = 2, .element = none};
    const redisReply some = {.type = REDIS_REPLY_ARRAY, .elements = 2, .element = one};
    const redisReply zero = {.type = REDIS_REPLY_INTEGER};

    CU_ASSERT_EQUAL(verb_judge(verb_find("get"), &request, &null), EXIT_NOT_FOUND);
    CU_ASSERT_EQUAL(verb_judge(verb_find("get"), &request, &value), EXIT_OK);
    CU_ASSERT_EQUAL(verb_judge(verb_find("mget"), &request, &all_null), EXIT_NOT_FOUND);
    CU_ASSERT_EQUAL(verb_judge(verb_find("mget"), &request, &some), EXIT_OK);
    CU_ASSERT_EQUAL(verb_judge(verb_find("exists"), &request, &zero), EXIT_NOT_FOUND);
    CU_ASSERT_EQUAL(verb_judge(verb_find("delete"), &request, &zero), EXIT_OK);
    CU_ASSERT_EQUAL(verb_judge(NULL, &request, &null), EXIT_OK);
}

static void
endpoints_are_read_strictly(void)
{
    static const char *const bad[] = {
        "",
        "12",
        "12\n",
        "12\nunix /a",
        "12\nunix a\n",
        "12\nunix \n",
        "0\nunix /a\n",
        "x\nunix /a\n",
        "12\nunix /a\nmore",
        "12\ntcp host\n",
        "12\ntcp host 0\n",
        "12\ntcp host 65536\n",
        "12\ntcp  1\n",
        "12\npigeon /a\n",
    };
    struct target target;
    int64_t pid;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT_FALSE(target_parse_endpoint(&target, slice_from_text(bad[i]), &pid));
    CU_ASSERT_FALSE(target_parse_endpoint(&target, BYTES("12\nunix /a\0b\n"), &pid));
    CU_ASSERT_TRUE(target_parse_endpoint(&target, slice_from_text("12\nunix /a b/c\n"), &pid));
    CU_ASSERT_EQUAL(pid, 12);
    CU_ASSERT_STRING_EQUAL(target.endpoint.socket_path, "/a b/c");
    CU_ASSERT_TRUE(target_parse_endpoint(&target, slice_from_text("7\ntcp ::1 7379\n"), &pid));
    CU_ASSERT_PTR_NULL(target.endpoint.socket_path);
    CU_ASSERT_STRING_EQUAL(target.endpoint.host, "::1");
    CU_ASSERT_EQUAL(target.endpoint.port, 7379);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(a_line_is_split_at_spaces_outside_quotes),
        UNIT_TEST(verbs_become_commands),
        UNIT_TEST(set_tells_whether_its_condition_was_met),
        UNIT_TEST(missing_keys_are_code_1),
        UNIT_TEST(endpoints_are_read_strictly),
        UNIT_TEST_END,
    };

    return unit_main("cli_request", tests, argc, argv);
}
