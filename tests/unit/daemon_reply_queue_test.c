/* Goal: no reply leaves before its sequence is durable, and each command keeps exactly one. */
#include <CUnit/Basic.h>

#include "base/random.h"
#include "daemon/reply_queue.h"
#include "support/unit.h"

static struct reply_progress
reached(uint64_t durable)
{
    return (struct reply_progress){.seqs = {durable, durable, durable}};
}

static void
add(struct reply_queue *queue, const char *reply, uint64_t seq, uint64_t durable)
{
    const struct reply_progress progress = reached(durable);

    buffer_append_slice(&queue->bytes, slice_from_text(reply));
    reply_queue_commit(queue, seq, REPLY_DURABLE, &progress);
}

static void
release(struct reply_queue *queue, uint64_t durable)
{
    const struct reply_progress progress = reached(durable);

    reply_queue_release(queue, &progress);
}

static bool
leaves(struct reply_queue *queue, const char *expected)
{
    struct buffer out = {0};
    bool is_equal;

    reply_queue_move_free(queue, &out);
    is_equal = slice_equal(buffer_slice(&out), slice_from_text(expected));
    buffer_deinit(&out);
    return is_equal;
}

/* Method: free, held and free again behind the held one. */
static void
a_held_reply_holds_what_is_behind_it(void)
{
    struct reply_queue queue = {0};

    add(&queue, "a", 0, 10);
    add(&queue, "b", 11, 10);
    add(&queue, "c", 0, 10);
    add(&queue, "d", 12, 10);
    CU_ASSERT_TRUE(leaves(&queue, "a"));
    release(&queue, 10);
    CU_ASSERT_TRUE(leaves(&queue, ""));
    release(&queue, 11);
    CU_ASSERT_TRUE(leaves(&queue, "bc"));
    add(&queue, "e", 11, 11);
    CU_ASSERT_TRUE(leaves(&queue, ""));
    release(&queue, 12);
    CU_ASSERT_TRUE(leaves(&queue, "de"));
    CU_ASSERT_FALSE(reply_queue_is_held(&queue));
    reply_queue_deinit(&queue);
}

static void
push(struct reply_queue *queue, const char *bytes, uint64_t seq, uint64_t durable)
{
    const struct reply_progress progress = reached(durable);

    buffer_append_slice(&queue->bytes, slice_from_text(bytes));
    reply_queue_commit_push(queue, seq, &progress);
}

/* Method: pushes and replies by turns; what tells of a lost write is an error or nothing at all. */
static void
a_failed_write_takes_its_pushes_along(void)
{
    const struct reply_progress progress = reached(11);
    struct reply_queue queue = {0};

    push(&queue, "p", 0, 10);
    push(&queue, "q", 11, 10);
    add(&queue, "a", 12, 10);
    push(&queue, "r", 0, 10);
    push(&queue, "s", 12, 10);
    add(&queue, "b", 11, 10);
    CU_ASSERT_TRUE(leaves(&queue, "p"));
    CU_ASSERT_EQUAL(reply_queue_fail(&queue, &progress, slice_from_text("-")), 1);
    CU_ASSERT_TRUE(leaves(&queue, "q-rb"));
    push(&queue, "t", 12, 11);
    release(&queue, 12);
    CU_ASSERT_TRUE(leaves(&queue, "t"));
    reply_queue_deinit(&queue);
}

/* Method: of four held replies, those that saw what is lost become errors, in their places. */
static void
a_failed_write_replaces_what_it_told(void)
{
    const struct reply_progress progress = reached(11);
    struct reply_queue queue = {0};

    add(&queue, "a", 0, 10);
    add(&queue, "b", 11, 10);
    add(&queue, "c", 0, 10);
    add(&queue, "d", 12, 10);
    add(&queue, "e", 9, 10);
    CU_ASSERT_EQUAL(reply_queue_fail(&queue, &progress, slice_from_text("-")), 1);
    CU_ASSERT_TRUE(leaves(&queue, "abc-e"));
    add(&queue, "f", 0, 11);
    CU_ASSERT_TRUE(leaves(&queue, "f"));
    reply_queue_deinit(&queue);
}

/* Method: one reply of each level, in each order of what is reached; then a failure of the log with
 * one that is given to the system but not on stable storage. */
static void
a_reply_waits_for_its_own_level(void)
{
    struct reply_progress progress = {.seqs = {[REPLY_DURABLE] = 5}};
    struct reply_queue queue = {0};

    buffer_append(&queue.bytes, "a", 1);
    reply_queue_commit(&queue, 6, REPLY_SUBMITTED, &progress);
    buffer_append(&queue.bytes, "b", 1);
    reply_queue_commit(&queue, 6, REPLY_SYNCED, &progress);
    buffer_append(&queue.bytes, "c", 1);
    reply_queue_commit(&queue, 5, REPLY_DURABLE, &progress);
    CU_ASSERT_TRUE(leaves(&queue, ""));
    progress.seqs[REPLY_SYNCED] = 6;
    reply_queue_release(&queue, &progress);
    CU_ASSERT_TRUE(leaves(&queue, "")); /* in their order */
    progress.seqs[REPLY_SUBMITTED] = 6;
    reply_queue_release(&queue, &progress);
    CU_ASSERT_TRUE(leaves(&queue, "abc"));
    buffer_append(&queue.bytes, "d", 1);
    reply_queue_commit(&queue, 7, REPLY_SYNCED, &progress);
    buffer_append(&queue.bytes, "e", 1);
    reply_queue_commit(&queue, 7, REPLY_DURABLE, &progress);
    progress.seqs[REPLY_DURABLE] = progress.seqs[REPLY_SUBMITTED] = 7;
    reply_queue_release(&queue, &progress);
    CU_ASSERT_TRUE(leaves(&queue, ""));
    CU_ASSERT_EQUAL(reply_queue_fail(&queue, &progress, slice_from_text("-")), 1);
    CU_ASSERT_TRUE(leaves(&queue, "-e"));
    reply_queue_deinit(&queue);
}

/* Method: random replies, tries taken back, releases and sends against a plain list. */
static void
random_histories_match_a_list(void)
{
    enum { REPLY_COUNT = 2000 };
    static uint64_t seqs[REPLY_COUNT];
    struct reply_queue queue = {0};
    struct reply_progress progress;
    struct random random;
    uint64_t seq = 0, durable = 0;
    uint32_t made = 0, left = 0;

    random_init(&random, unit_seed());
    while (left < REPLY_COUNT) {
        struct buffer out = {0};

        if (made < REPLY_COUNT && random_below(&random, 3) > 0) {
            const size_t before = queue.bytes.size;

            buffer_append(&queue.bytes, "tried", 5);
            if (random_below(&random, 2) == 0)
                reply_queue_take_back(&queue, before);
            else
                queue.bytes.size = before;
            seqs[made] = random_below(&random, 2) == 0 ? ++seq : random_below(&random, seq + 1);
            buffer_append(&queue.bytes, &made, sizeof(made));
            progress = reached(durable);
            reply_queue_commit(&queue, seqs[made], REPLY_DURABLE, &progress);
            made++;
        }
        if (random_below(&random, 4) == 0) {
            durable += random_below(&random, seq - durable + 1);
            release(&queue, durable);
        }
        reply_queue_move_free(&queue, &out);
        CU_ASSERT_EQUAL(out.size % sizeof(made), 0);
        for (size_t at = 0; at < out.size; at += sizeof(made)) {
            CU_ASSERT_EQUAL(memcmp(out.data + at, &left, sizeof(left)), 0);
            CU_ASSERT_TRUE(seqs[left] <= durable);
            left++;
        }
        if (left < made)
            CU_ASSERT_TRUE(seqs[left] > durable);
        buffer_deinit(&out);
    }
    reply_queue_deinit(&queue);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(a_held_reply_holds_what_is_behind_it),
        UNIT_TEST(a_failed_write_replaces_what_it_told),
        UNIT_TEST(a_failed_write_takes_its_pushes_along),
        UNIT_TEST(a_reply_waits_for_its_own_level),
        UNIT_TEST(random_histories_match_a_list),
        UNIT_TEST_END,
    };

    return unit_main("daemon_reply_queue", tests, argc, argv);
}
