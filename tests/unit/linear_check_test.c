/* Goal: the judge of histories lets every linearizable one pass and no other.
 *
 * Method: histories whose verdict is known; random small ones, which an exhaustive search over all
 * orders judges too; large ones of a server that is right, and the same with one lost write. */
#include <CUnit/Basic.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/random.h"
#include "support/linear_check.h"
#include "support/linear_model.h"
#include "support/unit.h"

enum {
    SMALL_COUNT = 4000,
    SMALL_OPS = 6,
    LARGE_COUNT = 40,
    LARGE_OPS = 600,
    CLIENT_COUNT = 12,
    CONFIGURATION_COUNT_MAX = 5000000,
};

static struct linear_report report;

static enum linear_verdict
judge(struct slice text)
{
    struct linear_history history;
    enum linear_verdict verdict;

    CU_ASSERT_TRUE_FATAL(linear_history_parse(&history, text));
    report.configuration_count_max = CONFIGURATION_COUNT_MAX;
    verdict = linear_check(&history, &report);
    linear_history_deinit(&history);
    return verdict;
}

static bool
is_good(const char *text)
{
    return judge(slice_from_text(text)) == LINEAR_YES;
}

static void
what_follows_each_other_has_one_order(void)
{
    CU_ASSERT_TRUE(is_good(""));
    CU_ASSERT_TRUE(is_good("1 2 k GET = nil\n3 4 k SET a = OK\n5 6 k GET = $a\n7 8 k DEL = 1\n"
                           "9 10 k DEL = 0\n11 12 k INCR = 1\n13 14 k INCR = 2\n"
                           "15 16 k APPEND 5 = 2\n17 18 k INCR = 26\n19 20 k GETSET x = $26\n"
                           "21 22 k INCR = ERR\n23 24 k SETNX y = 0\n25 26 k GET = $x\n"));
    CU_ASSERT_FALSE(is_good("1 2 k SET a = OK\n3 4 k GET = nil\n"));
    CU_ASSERT_FALSE(is_good("1 2 k SET a = OK\n3 4 k SET b = OK\n5 6 k GET = $a\n"));
    CU_ASSERT_FALSE(is_good("1 2 k INCR = 1\n3 4 k INCR = 1\n"));
    CU_ASSERT_FALSE(is_good("1 2 k SET a = OK\n3 4 k SETNX b = 1\n"));
    CU_ASSERT_FALSE(is_good("1 2 k SET 007 = OK\n3 4 k INCR = 8\n"));
    CU_ASSERT_FALSE(is_good("1 2 k SET a = OK\n3 4 k APPEND b = 1\n"));
    CU_ASSERT_TRUE(is_good("1 2 k SET 9223372036854775807 = OK\n3 4 k INCR = ERR\n"));
    /* Keys do not know each other. */
    CU_ASSERT_TRUE(is_good("1 2 k SET a = OK\n3 4 j GET = nil\n"));
}

static void
what_overlaps_may_have_any(void)
{
    CU_ASSERT_TRUE(is_good("1 4 k SET a = OK\n2 3 k GET = nil\n"));
    CU_ASSERT_TRUE(is_good("1 4 k SET a = OK\n2 3 k GET = $a\n"));
    CU_ASSERT_TRUE(is_good("1 10 k SET a = OK\n2 3 k GET = nil\n4 5 k GET = $a\n"));
    /* A value that was seen is not unseen again. */
    CU_ASSERT_FALSE(is_good("1 10 k SET a = OK\n2 3 k GET = $a\n4 5 k GET = nil\n"));
    CU_ASSERT_FALSE(is_good("1 10 k SET a = OK\n2 11 k SET b = OK\n3 4 k GET = $a\n5 6 k GET = $b\n"
                            "7 8 k GET = $a\n"));
    CU_ASSERT_PTR_NOT_NULL(report.culprit);
}

static void
what_was_never_answered_happens_late_or_not_at_all(void)
{
    CU_ASSERT_TRUE(is_good("1 - k SET a =\n2 3 k GET = nil\n4 5 k GET = nil\n"));
    CU_ASSERT_TRUE(is_good("1 - k SET a =\n2 3 k GET = nil\n4 5 k GET = $a\n"));
    CU_ASSERT_FALSE(is_good("1 - k SET a =\n2 3 k GET = $a\n4 5 k GET = nil\n"));
    CU_ASSERT_FALSE(is_good("2 3 k GET = $a\n4 - k SET a =\n"));
    CU_ASSERT_FALSE(is_good("1 - k INCR =\n2 3 k INCR = 3\n"));
    CU_ASSERT_TRUE(is_good("1 - k INCR =\n2 - k INCR =\n3 4 k INCR = 3\n"));
    /* Acknowledged, then gone with a crash. */
    CU_ASSERT_FALSE(is_good("1 2 k APPEND a = 1\n3 4 k APPEND b = 2\n5 - k APPEND c =\n"
                            "6 7 k GET = $a\n"));
}

static void
a_transaction_is_refused_only_for_a_reason(void)
{
    CU_ASSERT_TRUE(is_good("2 3 k CAS 1 nil a = OK\n4 5 k GET = $a\n"));
    CU_ASSERT_FALSE(is_good("1 2 k SET a = OK\n4 5 k CAS 3 nil b = OK\n"));
    CU_ASSERT_FALSE(is_good("1 2 k SET a = OK\n4 5 k CAS 3 $a b = nil\n"));
    CU_ASSERT_TRUE(is_good("1 2 k SET a = OK\n3 8 k CAS 3 $a b = nil\n4 5 k SET a = OK\n"));
    CU_ASSERT_TRUE(is_good("1 2 k SET a = OK\n3 - k DEL =\n9 10 k CAS 8 $a b = nil\n"));
    CU_ASSERT_FALSE(is_good("1 2 k SET a = OK\n3 8 k CAS 3 $a b = nil\n4 5 k GET = $a\n"));
    CU_ASSERT_FALSE(is_good("1 9 k CAS 1 nil a = OK\n2 8 k CAS 2 nil b = OK\n"));
    CU_ASSERT_TRUE(is_good("1 - k CAS 1 nil a =\n2 8 k CAS 2 nil b = OK\n10 11 k GET = $b\n"));
    CU_ASSERT_FALSE(is_good("3 - k CAS 1 nil a =\n1 2 k SET b = OK\n10 11 k GET = $a\n"));
}

static void
what_is_no_history_is_refused(void)
{
    static const char *const bad[] = {
        "1 2 k GET\n",     "1 2 k GET =\n",          "2 1 k GET = nil\n",    "x 2 k GET = nil\n",
        "1 - k GET = a\n", "1 2 k SET = OK\n",       "1 2 k HSET a = 1\n",   "1 2 k SET a b = OK\n",
        "1 2\n",           "1 2 k CAS 3 a b = OK\n", "1 2 k CAS a b = OK\n",
    };
    struct linear_history history;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_FALSE(linear_history_parse(&history, slice_from_text(bad[i])));
        linear_history_deinit(&history);
    }
}

static void
too_hard_is_no_verdict(void)
{
    struct buffer text = {0};
    struct linear_history history;
    struct linear_report small = {.configuration_count_max = 100};

    for (int i = 0; i < 30; i++)
        buffer_append_format(&text, "%d 99 k SET v%d = OK\n", i, i);
    buffer_append_format(&text, "100 101 k GET = nil\n");
    CU_ASSERT_TRUE_FATAL(linear_history_parse(&history, buffer_slice(&text)));
    CU_ASSERT_EQUAL(linear_check(&history, &small), LINEAR_TOO_HARD);
    linear_history_deinit(&history);
    buffer_deinit(&text);
}

/* --- every order there is --- */

static bool
may_be_next(const struct linear_history *history, uint32_t done, uint32_t next)
{
    for (uint32_t i = 0; i < history->op_count; i++) {
        if ((done >> i & 1) == 0 && history->ops[i].return_time < history->ops[next].call_time)
            return false;
    }
    return (done >> next & 1) == 0;
}

static bool
has_an_order(const struct linear_history *history, struct linear_model *model, uint32_t done,
             uint32_t state)
{
    bool is_complete = true;

    for (uint32_t i = 0; i < history->op_count; i++) {
        uint32_t next;

        is_complete &= (done >> i & 1) != 0 || history->ops[i].return_time == LINEAR_NEVER;
        if (may_be_next(history, done, i) &&
            linear_model_step(model, &history->ops[i], state, &next) &&
            has_an_order(history, model, done | 1u << i, next))
            return true;
    }
    return is_complete;
}

static void
append_small_op(struct buffer *text, struct random *random)
{
    static const char *const forms[] = {
        "GET = nil",     "GET = $a",       "GET = $b",  "SET a = OK",  "SET b = OK",
        "DEL = 1",       "DEL = 0",        "INCR = 1",  "INCR = 2",    "INCR = ERR",
        "APPEND a = 1",  "APPEND a = 2",   "GET = $aa", "SETNX a = 1", "SETNX b = 0",
        "GETSET a = $b", "GETSET b = nil", "GET = $1",
    };
    static const char *const lost[] = {"SET a =", "DEL =", "INCR =", "APPEND a =", "SETNX b ="};
    const uint64_t call = random_below(random, 20);

    if (random_below(random, 5) == 0)
        buffer_append_format(text, "%" PRIu64 " - k %s\n", call * 2, lost[random_below(random, 5)]);
    else
        buffer_append_format(text, "%" PRIu64 " %" PRIu64 " k %s\n", call * 2,
                             call * 2 + 1 + 2 * random_below(random, 8),
                             forms[random_below(random, sizeof(forms) / sizeof(forms[0]))]);
}

static void
small_histories_are_judged_as_by_trying_all_orders(void)
{
    struct buffer text = {0};
    struct random random;
    uint32_t good_count = 0;

    random_init(&random, unit_seed());
    for (int i = 0; i < SMALL_COUNT; i++) {
        struct linear_history history;
        struct linear_model model;
        bool expected;

        buffer_clear(&text);
        for (uint64_t count = 1 + random_below(&random, SMALL_OPS); count > 0; count--)
            append_small_op(&text, &random);
        CU_ASSERT_TRUE_FATAL(linear_history_parse(&history, buffer_slice(&text)));
        linear_model_init(&model);
        expected = has_an_order(&history, &model, 0, LINEAR_ABSENT);
        good_count += expected;
        if ((judge(buffer_slice(&text)) == LINEAR_YES) != expected) {
            printf("%.*s is %sgood\n", (int)text.size, (char *)text.data, expected ? "" : "not ");
            CU_FAIL("judged otherwise");
        }
        linear_model_deinit(&model);
        linear_history_deinit(&history);
    }
    CU_ASSERT_TRUE(good_count > SMALL_COUNT / 20 && good_count < SMALL_COUNT * 19 / 20);
    buffer_deinit(&text);
}

/* --- a server with one register --- */

struct register_client {
    uint64_t call;
    uint32_t written; /* 0: reads */
    uint32_t read;
    bool is_busy, is_done;
};

/* What each of CLIENT_COUNT clients asks happens at a random moment before its answer.  After half
 * of the time, the server may lose all but the first write. */
static void
record_register(struct buffer *text, struct random *random, bool loses)
{
    struct register_client clients[CLIENT_COUNT] = {0};
    uint32_t value = 0, written_count = 0;
    uint64_t now = 1;

    while (now < 3 * LARGE_OPS) {
        struct register_client *client = &clients[random_below(random, CLIENT_COUNT)];

        now++;
        if (!client->is_busy) {
            *client = (struct register_client){.call = now, .is_busy = true};
            if (random_below(random, 2) == 0)
                client->written = ++written_count;
        } else if (!client->is_done) {
            client->is_done = true;
            client->read = value;
            value = client->written != 0 ? client->written : value;
        } else {
            client->is_busy = false;
            if (client->written != 0)
                buffer_append_format(text, "%" PRIu64 " %" PRIu64 " k SET v%u = OK\n", client->call,
                                     now, client->written);
            else if (client->read == 0)
                buffer_append_format(text, "%" PRIu64 " %" PRIu64 " k GET = nil\n", client->call,
                                     now);
            else
                buffer_append_format(text, "%" PRIu64 " %" PRIu64 " k GET = $v%u\n", client->call,
                                     now, client->read);
            /* The value was acknowledged to this client; now it is the first one again. */
            if (loses && now > LARGE_OPS && client->written == value && value > 1) {
                value = 1;
                loses = false;
                now++;
                buffer_append_format(text, "%" PRIu64 " %" PRIu64 " k GET = $v%u\n", now, now + 1,
                                     value);
                now += 2;
            }
        }
    }
    for (uint32_t i = 0; i < CLIENT_COUNT; i++) {
        if (clients[i].is_busy && clients[i].written != 0)
            buffer_append_format(text, "%" PRIu64 " - k SET v%u =\n", clients[i].call,
                                 clients[i].written);
    }
}

static void
large_histories_are_judged(void)
{
    struct buffer text = {0};
    struct random random;

    random_init(&random, unit_seed());
    for (int i = 0; i < LARGE_COUNT; i++) {
        buffer_clear(&text);
        record_register(&text, &random, false);
        CU_ASSERT_EQUAL(judge(buffer_slice(&text)), LINEAR_YES);
        buffer_clear(&text);
        record_register(&text, &random, true);
        CU_ASSERT_EQUAL(judge(buffer_slice(&text)), LINEAR_NO);
    }
    buffer_deinit(&text);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(what_follows_each_other_has_one_order),
        UNIT_TEST(what_overlaps_may_have_any),
        UNIT_TEST(what_was_never_answered_happens_late_or_not_at_all),
        UNIT_TEST(a_transaction_is_refused_only_for_a_reason),
        UNIT_TEST(what_is_no_history_is_refused),
        UNIT_TEST(too_hard_is_no_verdict),
        UNIT_TEST(small_histories_are_judged_as_by_trying_all_orders),
        UNIT_TEST(large_histories_are_judged),
        UNIT_TEST_END,
    };

    return unit_main("linear_check", tests, argc, argv);
}
