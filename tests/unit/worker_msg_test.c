/* Goal: what one process encodes the other decodes, over a real socket, and nothing else is
 * taken for a message. */
#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/random.h"
#include "ipc/worker_channel.h"
#include "key/internal_key.h"
#include "support/quiet_log.h"
#include "support/unit.h"

static void
put(struct buffer *target, const char *text)
{
    buffer_append(target, text, strlen(text));
}

static void
make_flush(struct worker_msg *msg, uint32_t output_count, size_t name_bytes)
{
    struct worker_flush *flush = &msg->flush;

    *msg = (struct worker_msg){.kind = WORKER_MSG_FLUSH};
    flush->job_id = 7;
    flush->creation_time_s = 1700000000;
    flush->now_ms = 1700000000123;
    flush->seq_first = 1;
    flush->seq_last = SEQUENCE_MAX;
    put(&flush->db_identity, "db");
    put(&flush->session_identity, "SESSION");
    flush->snapshot_count = 3;
    flush->snapshots = kv_alloc_zero(3 * sizeof(uint64_t));
    for (uint32_t i = 0; i < 3; i++)
        flush->snapshots[i] = 100 + i;
    flush->output_count = output_count;
    flush->outputs = kv_alloc_zero(output_count * sizeof(*flush->outputs));
    for (uint32_t i = 0; i < output_count; i++) {
        flush->outputs[i].cf_id = i;
        flush->outputs[i].file_number = UINT64_MAX - i;
        for (size_t k = 0; k < name_bytes; k++)
            buffer_append_byte(&flush->outputs[i].cf_name, 'a');
        put(&flush->outputs[i].merge_operator, "nullptr");
        flush->outputs[i].compression = 4;
        flush->outputs[i].block_bytes = 4096;
        flush->outputs[i].bloom_bits_per_key = 10;
    }
}

static void
make_table(struct worker_msg *msg, size_t key_bytes)
{
    *msg = (struct worker_msg){.kind = WORKER_MSG_TABLE};
    msg->table = (struct worker_table){.job_id = 7,
                                       .file_number = 12,
                                       .file_bytes = UINT64_MAX,
                                       .seq_smallest = 1,
                                       .seq_largest = 9,
                                       .entry_count = 5,
                                       .deletion_count = 2,
                                       .superseded_count = 1,
                                       .range_tombstone_count = 1,
                                       .deadlines = {3, 10, 30, 20},
                                       .checksum_crc32c = 0xdeadbeef};
    for (size_t i = 0; i < key_bytes; i++) {
        buffer_append_byte(&msg->table.smallest, 'a');
        buffer_append_byte(&msg->table.largest, 'b');
    }
}

static const uint8_t key_5[] = {'k', 1, 5, 0, 0, 0, 0, 0, 0},
                     key_7[] = {'z', 1, 7, 0, 0, 0, 0, 0, 0};
static const uint64_t compact_snapshots[] = {3, 9};

/* With `range_count` ranges below, all the same. */
static void
make_compact(struct worker_msg *msg, struct compact_input inputs[2], struct compact_range *ranges,
             uint32_t range_count)
{
    for (uint32_t i = 0; i < 2; i++)
        inputs[i] = (struct compact_input){.file_number = 7 + i,
                                           .file_bytes = 1000,
                                           .level = i,
                                           .smallest = slice_of(key_5, sizeof(key_5)),
                                           .largest = slice_of(key_7, sizeof(key_7)),
                                           .seq_smallest = 5,
                                           .seq_largest = 7};
    for (uint32_t i = 0; i < range_count; i++)
        ranges[i] = (struct compact_range){
            .smallest = slice_from_text("a"), .largest = slice_from_text("b"), .bytes = i};
    *msg = (struct worker_msg){.kind = WORKER_MSG_COMPACT};
    msg->compact = (struct worker_compact){
        .job_id = 8,
        .session_identity = "SESSION",
        .spec = {.db_identity = "db",
                 .creation_time_s = 1700000000,
                 .now_ms = 1700000000456,
                 .cf_id = 3,
                 .cf_name = "three",
                 .merge_operator = "{id=StringAppendOperator;delimiter=-;}",
                 .inputs = inputs,
                 .input_count = 2,
                 .begin = slice_from_text("a"),
                 .end = slice_from_text("zz"),
                 .snapshots = compact_snapshots,
                 .snapshot_count = 2,
                 .output_level = 1,
                 .below = ranges,
                 .below_count = range_count,
                 .grandparents = ranges,
                 .grandparent_count = range_count < 2 ? range_count : 2,
                 .grandparent_bytes_max = 11,
                 .output_bytes_max = 12,
                 .output_number_first = 20,
                 .output_number_count = 13,
                 .compression = COMPRESSION_ZSTD,
                 .block_bytes = 8192,
                 .bloom_bits_per_key = 15,
                 .rate_bytes_per_s = 14,
                 .leaves_core = true},
    };
}

static enum kv_status
round_trip(const struct worker_msg *msg, struct worker_msg *back)
{
    struct buffer encoded = {0};
    enum kv_status st;

    worker_msg_encode(msg, &encoded);
    st = worker_msg_decode(buffer_slice(&encoded), back);
    buffer_deinit(&encoded);
    return st;
}

/* Method: each kind with its fields set, the largest flush and the longest keys among them. */
static void
messages_come_back_as_they_were(void)
{
    struct worker_msg msg, back;

    msg = (struct worker_msg){.kind = WORKER_MSG_HELLO};
    msg.hello.protocol_version = 1;
    msg.hello.pid = 4711;
    snprintf(msg.hello.build, sizeof(msg.hello.build), "0.1.0");
    CU_ASSERT_EQUAL_FATAL(round_trip(&msg, &back), KV_OK);
    CU_ASSERT_EQUAL(back.hello.pid, 4711);
    CU_ASSERT_STRING_EQUAL(back.hello.build, "0.1.0");
    worker_msg_deinit(&back);

    make_flush(&msg, WORKER_JOB_OUTPUT_COUNT_MAX, WORKER_TEXT_BYTES_MAX);
    CU_ASSERT_EQUAL_FATAL(round_trip(&msg, &back), KV_OK);
    CU_ASSERT_EQUAL(back.flush.output_count, WORKER_JOB_OUTPUT_COUNT_MAX);
    CU_ASSERT_EQUAL(back.flush.outputs[255].file_number, UINT64_MAX - 255);
    CU_ASSERT_EQUAL(strlen((char *)back.flush.outputs[255].cf_name.data), WORKER_TEXT_BYTES_MAX);
    CU_ASSERT_STRING_EQUAL(back.flush.outputs[0].merge_operator.data, "nullptr");
    CU_ASSERT_STRING_EQUAL(back.flush.session_identity.data, "SESSION");
    CU_ASSERT_EQUAL(back.flush.snapshot_count, 3);
    CU_ASSERT_EQUAL(back.flush.snapshots[2], 102);
    worker_msg_deinit(&msg);
    worker_msg_deinit(&back);

    make_table(&msg, KEY_BOUND_BYTES_MAX + KEY_FOOTER_BYTES);
    CU_ASSERT_EQUAL_FATAL(round_trip(&msg, &back), KV_OK);
    CU_ASSERT_TRUE(
        slice_equal(buffer_slice(&back.table.largest), buffer_slice(&msg.table.largest)));
    CU_ASSERT_EQUAL(back.table.checksum_crc32c, 0xdeadbeef);
    CU_ASSERT_EQUAL(back.table.superseded_count, 1);
    CU_ASSERT_EQUAL(back.table.deadlines.count, 3);
    CU_ASSERT_EQUAL(back.table.deadlines.oldest_ms, 10);
    CU_ASSERT_EQUAL(back.table.deadlines.newest_ms, 30);
    CU_ASSERT_EQUAL(back.table.deadlines.due_ms, 20);
    CU_ASSERT_EQUAL(back.table.file_bytes, UINT64_MAX);
    worker_msg_deinit(&msg);
    worker_msg_deinit(&back);

    msg = (struct worker_msg){.kind = WORKER_MSG_FAILED};
    msg.failed.job_id = 3;
    msg.failed.status = KV_NO_SPACE;
    put(&msg.failed.reason, "no room");
    CU_ASSERT_EQUAL_FATAL(round_trip(&msg, &back), KV_OK);
    CU_ASSERT_EQUAL(back.failed.status, KV_NO_SPACE);
    CU_ASSERT_STRING_EQUAL(back.failed.reason.data, "no room");
    worker_msg_deinit(&msg);
    worker_msg_deinit(&back);

    msg = (struct worker_msg){.kind = WORKER_MSG_SHUTDOWN};
    CU_ASSERT_EQUAL_FATAL(round_trip(&msg, &back), KV_OK);
    CU_ASSERT_EQUAL(back.kind, WORKER_MSG_SHUTDOWN);
}

static void
expect_same_compaction(const struct worker_compact *back, const struct worker_compact *sent)
{
    const struct compaction_spec *a = &back->spec, *b = &sent->spec;

    CU_ASSERT_EQUAL(back->job_id, sent->job_id);
    CU_ASSERT_STRING_EQUAL(back->session_identity, sent->session_identity);
    CU_ASSERT_STRING_EQUAL(a->db_identity, b->db_identity);
    CU_ASSERT_STRING_EQUAL(a->cf_name, b->cf_name);
    CU_ASSERT_STRING_EQUAL(a->merge_operator, b->merge_operator);
    CU_ASSERT_EQUAL_FATAL(a->input_count, b->input_count);
    CU_ASSERT_EQUAL(a->inputs[1].file_number, 8);
    CU_ASSERT_EQUAL(a->inputs[1].level, 1);
    CU_ASSERT_TRUE(slice_equal(a->inputs[1].largest, b->inputs[1].largest));
    CU_ASSERT_EQUAL(a->inputs[0].seq_largest, 7);
    CU_ASSERT_TRUE(slice_equal(a->begin, b->begin) && slice_equal(a->end, b->end));
    CU_ASSERT_EQUAL_FATAL(a->snapshot_count, 2);
    CU_ASSERT_EQUAL(a->snapshots[1], 9);
    CU_ASSERT_EQUAL_FATAL(a->below_count, b->below_count);
    CU_ASSERT_EQUAL(a->below[1].bytes, 1);
    CU_ASSERT_TRUE(slice_equal(a->below[1].smallest, b->below[1].smallest));
    CU_ASSERT_EQUAL(a->grandparent_count, 2);
    CU_ASSERT_EQUAL(a->cf_id, 3);
    CU_ASSERT_EQUAL(a->output_level, 1);
    CU_ASSERT_EQUAL(a->grandparent_bytes_max, 11);
    CU_ASSERT_EQUAL(a->output_bytes_max, 12);
    CU_ASSERT_EQUAL(a->output_number_first, 20);
    CU_ASSERT_EQUAL(a->output_number_count, 13);
    CU_ASSERT_EQUAL(a->compression, COMPRESSION_ZSTD);
    CU_ASSERT_EQUAL(a->block_bytes, 8192);
    CU_ASSERT_EQUAL(a->bloom_bits_per_key, 15);
    CU_ASSERT_EQUAL(a->rate_bytes_per_s, 14);
    CU_ASSERT_TRUE(a->leaves_core);
    CU_ASSERT_EQUAL(a->creation_time_s, 1700000000);
    CU_ASSERT_EQUAL(a->now_ms, 1700000000456);
}

/* Method: once as a packet, once with so much below that it has to go through a file, of which
 * nothing must be left open. */
static void
compactions_come_back_as_they_were(void)
{
    enum { MANY = 50000 };
    struct compact_range *ranges = kv_alloc(MANY * sizeof(*ranges));
    struct compact_input inputs[2];
    struct worker_msg msg, back;
    int pair[2], got, next_free;

    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    worker_channel_prepare(pair[0]);
    next_free = dup(pair[0]);
    close(next_free);
    for (uint32_t count = 2; count <= MANY; count += MANY - 2) {
        make_compact(&msg, inputs, ranges, count);
        CU_ASSERT_EQUAL_FATAL(worker_channel_send(pair[0], CHANNEL_NOWAIT, &msg, -1), KV_OK);
        CU_ASSERT_EQUAL_FATAL(worker_channel_receive(pair[1], CHANNEL_WAIT, &back, &got), KV_OK);
        CU_ASSERT_EQUAL_FATAL(back.kind, WORKER_MSG_COMPACT);
        CU_ASSERT_EQUAL(got, -1);
        CU_ASSERT_TRUE(fcntl(next_free, F_GETFD) < 0);
        expect_same_compaction(&back.compact, &msg.compact);
        worker_msg_deinit(&back);
    }
    /* kvd takes no files. */
    CU_ASSERT_EQUAL(worker_channel_send(pair[0], CHANNEL_NOWAIT, &msg, -1), KV_OK);
    CU_ASSERT_EQUAL(worker_channel_receive(pair[1], CHANNEL_WAIT, &back, NULL), KV_CORRUPT);
    close(pair[0]);
    close(pair[1]);
    free(ranges);
}

/* Method: a description that fits, and what breaks one limit each. */
static void
impossible_compactions_do_not_fit(void)
{
    struct compact_range ranges[2];
    struct compact_input inputs[2];
    struct worker_msg msg;
    struct compaction_spec *spec = &msg.compact.spec;

#define DOES_NOT_FIT(change)                                                                       \
    make_compact(&msg, inputs, ranges, 2);                                                         \
    CU_ASSERT_TRUE(worker_compact_fits(spec));                                                     \
    change;                                                                                        \
    CU_ASSERT_FALSE(worker_compact_fits(spec))
    DOES_NOT_FIT(spec->input_count = 0);
    DOES_NOT_FIT(inputs[0].level = 2);
    DOES_NOT_FIT(inputs[0].level = 1);
    DOES_NOT_FIT(inputs[1].level = LEVEL_COUNT);
    DOES_NOT_FIT(inputs[0].file_number = 0);
    DOES_NOT_FIT(inputs[0].file_number = 32);
    DOES_NOT_FIT(inputs[0].smallest.size = 7);
    DOES_NOT_FIT(inputs[0].smallest = slice_of(key_7, sizeof(key_7));
                 inputs[0].largest = slice_of(key_5, sizeof(key_5)));
    DOES_NOT_FIT(inputs[0].seq_largest = SEQUENCE_MAX + 1);
    DOES_NOT_FIT(spec->end = slice_from_text("a"));
    DOES_NOT_FIT(ranges[1].smallest = slice_from_text("c"));
    DOES_NOT_FIT(spec->output_level = LEVEL_COUNT);
    DOES_NOT_FIT(spec->output_number_count = 0);
    DOES_NOT_FIT(spec->output_number_first = UINT64_MAX);
    DOES_NOT_FIT(spec->compression = COMPRESSION_BZIP2);
    DOES_NOT_FIT(spec->block_bytes = BLOCK_BYTES_MAX);
    DOES_NOT_FIT(spec->bloom_bits_per_key = 101);
#undef DOES_NOT_FIT
}

/* Method: a status that is not a failure of a job, or not of this version, is still a failure. */
static void
a_failure_never_decodes_as_success(void)
{
    for (int status = 0; status < KV_STATUS_COUNT; status++) {
        struct worker_msg msg = {.kind = WORKER_MSG_FAILED}, back;

        msg.failed.job_id = 1;
        msg.failed.status = (enum kv_status)status;
        CU_ASSERT_EQUAL_FATAL(round_trip(&msg, &back), KV_OK);
        CU_ASSERT_NOT_EQUAL(back.failed.status, KV_OK);
        worker_msg_deinit(&back);
    }
}

/* Method: messages that are well formed for protobuf and break one limit each. */
static void
values_outside_the_limits_are_refused(void)
{
    struct worker_msg msg, back;

    make_table(&msg, KEY_FOOTER_BYTES - 1);
    CU_ASSERT_EQUAL(round_trip(&msg, &back), KV_CORRUPT);
    CU_ASSERT_EQUAL(back.kind, WORKER_MSG_NONE);
    worker_msg_deinit(&msg);

    make_table(&msg, 20);
    msg.table.seq_smallest = 10;
    CU_ASSERT_EQUAL(round_trip(&msg, &back), KV_CORRUPT);
    msg.table.seq_smallest = 1;
    msg.table.seq_largest = SEQUENCE_MAX + 1;
    CU_ASSERT_EQUAL(round_trip(&msg, &back), KV_CORRUPT);
    msg.table.seq_largest = 9;
    msg.table.deletion_count = 6;
    CU_ASSERT_EQUAL(round_trip(&msg, &back), KV_CORRUPT);
    msg.table.deletion_count = 2;
    msg.table.superseded_count = 6;
    CU_ASSERT_EQUAL(round_trip(&msg, &back), KV_CORRUPT);
    msg.table.superseded_count = 1;
    msg.table.deadlines.count = 4;
    CU_ASSERT_EQUAL(round_trip(&msg, &back), KV_CORRUPT);
    msg.table.deadlines = (struct deadlines){3, 10, 30, 9};
    CU_ASSERT_EQUAL(round_trip(&msg, &back), KV_CORRUPT);
    msg.table.deadlines = (struct deadlines){3, 40, 30, 40};
    CU_ASSERT_EQUAL(round_trip(&msg, &back), KV_CORRUPT);
    worker_msg_deinit(&msg);

    make_flush(&msg, 2, 3);
    msg.flush.outputs[1].cf_id = 0;
    CU_ASSERT_EQUAL(round_trip(&msg, &back), KV_CORRUPT);
    msg.flush.outputs[1].cf_id = 1;
    msg.flush.snapshots[2] = msg.flush.snapshots[1];
    CU_ASSERT_EQUAL(round_trip(&msg, &back), KV_CORRUPT);
    msg.flush.snapshots[2]++;
    msg.flush.outputs[0].cf_name.data[1] = 0;
    CU_ASSERT_EQUAL(round_trip(&msg, &back), KV_CORRUPT);
    msg.flush.outputs[0].cf_name.data[1] = 'a';
    CU_ASSERT_EQUAL(round_trip(&msg, &back), KV_OK);
    worker_msg_deinit(&back);
    worker_msg_deinit(&msg);

    msg = (struct worker_msg){.kind = WORKER_MSG_WELCOME};
    msg.welcome.heartbeat_ms = 1000;
    put(&msg.welcome.dir, "relative/path");
    CU_ASSERT_EQUAL(round_trip(&msg, &back), KV_CORRUPT);
    worker_msg_deinit(&msg);
}

/* Method: single bytes of real messages are changed and messages are cut, at random places; the
 * sanitizers watch, and what still decodes must encode again. */
static void
damaged_messages_do_no_harm(void)
{
    struct compact_range ranges[2];
    struct compact_input inputs[2];
    struct random random;
    struct worker_msg msgs[3];

    random_init(&random, unit_seed());
    make_flush(&msgs[0], 5, 9);
    make_table(&msgs[1], 30);
    make_compact(&msgs[2], inputs, ranges, 2);
    for (int i = 0; i < 30000; i++) {
        struct buffer encoded = {0}, again = {0};
        struct worker_msg back;

        worker_msg_encode(&msgs[i % 3], &encoded);
        for (uint64_t hits = 1 + random_below(&random, 3); hits > 0; hits--)
            encoded.data[random_below(&random, encoded.size)] = (uint8_t)random_next(&random);
        if (random_below(&random, 4) == 0)
            encoded.size = random_below(&random, encoded.size + 1);
        if (worker_msg_decode(buffer_slice(&encoded), &back) == KV_OK) {
            worker_msg_encode(&back, &again);
            CU_ASSERT_TRUE(again.size > 0);
            worker_msg_deinit(&back);
        }
        buffer_deinit(&again);
        buffer_deinit(&encoded);
    }
    worker_msg_deinit(&msgs[0]);
    worker_msg_deinit(&msgs[1]);
    worker_msg_deinit(&msgs[2]);
}

static bool
fd_is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

/* Method: a memfd travels with a flush; one that comes where none is wanted is closed and the
 * message refused; so are two at once. */
static void
descriptors_arrive_only_where_they_are_due(void)
{
    const int memory = memfd_create("x", MFD_CLOEXEC);
    struct worker_msg msg, back;
    int pair[2], got = -1, next_free;

    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    worker_channel_prepare(pair[0]);
    make_flush(&msg, WORKER_JOB_OUTPUT_COUNT_MAX, WORKER_TEXT_BYTES_MAX);
    CU_ASSERT_EQUAL(worker_channel_send(pair[0], CHANNEL_NOWAIT, &msg, memory), KV_OK);
    CU_ASSERT_EQUAL(worker_channel_receive(pair[1], CHANNEL_WAIT, &back, &got), KV_OK);
    CU_ASSERT_TRUE_FATAL(got >= 0);
    CU_ASSERT_EQUAL(fcntl(got, F_GETFD), FD_CLOEXEC);
    worker_msg_deinit(&back);

    next_free = dup(memory);
    close(next_free);
    CU_ASSERT_EQUAL(worker_channel_send(pair[0], CHANNEL_NOWAIT, &msg, memory), KV_OK);
    CU_ASSERT_EQUAL(worker_channel_receive(pair[1], CHANNEL_WAIT, &back, NULL), KV_CORRUPT);
    CU_ASSERT_FALSE(fd_is_open(next_free));
    CU_ASSERT_EQUAL(back.kind, WORKER_MSG_NONE);

    CU_ASSERT_EQUAL(worker_channel_receive(pair[1], CHANNEL_NOWAIT, &back, NULL), KV_BUSY);
    worker_msg_deinit(&msg);
    close(got);
    close(memory);
    close(pair[0]);
    CU_ASSERT_EQUAL(worker_channel_receive(pair[1], CHANNEL_WAIT, &back, NULL), KV_CANCELLED);
    close(pair[1]);
}

/* Method: raw packets: one that is too long, one that is noise, one that is empty. */
static void
packets_that_are_no_messages_are_refused(void)
{
    static uint8_t noise[WORKER_MSG_BYTES_MAX + 1];
    const int room = 4 * WORKER_MSG_BYTES_MAX;
    struct worker_msg back;
    int pair[2];

    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    (void)setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    memset(noise, 0xff, sizeof(noise));
    CU_ASSERT_EQUAL(send(pair[0], noise, sizeof(noise), 0), (ssize_t)sizeof(noise));
    CU_ASSERT_EQUAL(worker_channel_receive(pair[1], CHANNEL_WAIT, &back, NULL), KV_CORRUPT);
    CU_ASSERT_EQUAL(send(pair[0], noise, 100, 0), 100);
    CU_ASSERT_EQUAL(worker_channel_receive(pair[1], CHANNEL_WAIT, &back, NULL), KV_CORRUPT);
    CU_ASSERT_EQUAL(send(pair[0], noise, 0, 0), 0);
    CU_ASSERT_EQUAL(worker_channel_receive(pair[1], CHANNEL_WAIT, &back, NULL), KV_CANCELLED);
    close(pair[0]);
    close(pair[1]);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(messages_come_back_as_they_were),
        UNIT_TEST(compactions_come_back_as_they_were),
        UNIT_TEST(impossible_compactions_do_not_fit),
        UNIT_TEST(a_failure_never_decodes_as_success),
        UNIT_TEST(values_outside_the_limits_are_refused),
        UNIT_TEST(damaged_messages_do_no_harm),
        UNIT_TEST(descriptors_arrive_only_where_they_are_due),
        UNIT_TEST(packets_that_are_no_messages_are_refused),
        UNIT_TEST_END,
    };

    quiet_log();
    return unit_main("worker_msg", tests, argc, argv);
}
