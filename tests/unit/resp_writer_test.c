/* Goal: each reply has the bytes that Redis 7.0 would send, in both protocols. */
#include <CUnit/Basic.h>

#include <math.h>
#include <stdint.h>

#include "resp/resp_writer.h"
#include "support/unit.h"

typedef void write_fn(struct resp_writer *writer);

static void
check(write_fn *write, const char *resp2, const char *resp3)
{
    const char *expected[] = {resp2, resp3};

    for (uint8_t protocol = 2; protocol <= 3; protocol++) {
        struct buffer target = {0};
        struct resp_writer writer = {.target = &target, .protocol = protocol};

        write(&writer);
        CU_ASSERT_TRUE(slice_equal(buffer_slice(&target), slice_from_text(expected[protocol - 2])));
        buffer_deinit(&target);
    }
}

static void
write_scalars(struct resp_writer *writer)
{
    resp_simple(writer, "OK");
    resp_error(writer, "ERR a\r\nb");
    resp_error_format(writer, "ERR %s %d\r\n", "x", 1);
    resp_integer(writer, INT64_MIN);
    resp_integer(writer, 0);
    resp_bulk(writer, slice_of("a\0b", 3));
    resp_bulk(writer, slice_of(NULL, 0));
}

static void
write_absences(struct resp_writer *writer)
{
    resp_null(writer);
    resp_null_array(writer);
}

static void
write_collections(struct resp_writer *writer)
{
    resp_array(writer, 2);
    resp_map(writer, 7);
    resp_set(writer, 0);
}

static void
write_resp3_kinds(struct resp_writer *writer)
{
    resp_boolean(writer, true);
    resp_boolean(writer, false);
    resp_double(writer, 1.5);
    resp_double(writer, INFINITY);
    resp_double(writer, -INFINITY);
    resp_double(writer, 0.1);
    resp_verbatim(writer, "txt", slice_from_text("ab"));
}

/* Method: every function of the header, against bytes read off a redis-server 7.0.15. */
static void
replies_have_redis_bytes(void)
{
    static const char scalars[] = "+OK\r\n-ERR a  b\r\n-ERR x 1\r\n:-9223372036854775808\r\n:0\r\n"
                                  "$3\r\na\0b\r\n$0\r\n\r\n";
    struct buffer target = {0};
    struct resp_writer writer = {.target = &target, .protocol = 2};

    write_scalars(&writer);
    CU_ASSERT_TRUE(slice_equal(buffer_slice(&target), slice_of(scalars, sizeof(scalars) - 1)));
    buffer_deinit(&target);
    check(write_absences, "$-1\r\n*-1\r\n", "_\r\n_\r\n");
    check(write_collections, "*2\r\n*14\r\n*0\r\n", "*2\r\n%7\r\n~0\r\n");
    check(write_resp3_kinds,
          ":1\r\n:0\r\n$3\r\n1.5\r\n$3\r\ninf\r\n$4\r\n-inf\r\n"
          "$19\r\n0.10000000000000001\r\n$2\r\nab\r\n",
          "#t\r\n#f\r\n,1.5\r\n,inf\r\n,-inf\r\n,0.10000000000000001\r\n=6\r\ntxt:ab\r\n");
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(replies_have_redis_bytes),
        UNIT_TEST_END,
    };

    return unit_main("resp_writer", tests, argc, argv);
}
