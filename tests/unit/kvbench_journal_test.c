/* Goal: a value says whether it is right, and a journal tells after any crash of kvbench what was
 * sent and what was acknowledged. */
#include <CUnit/Basic.h>
#include <fcntl.h>
#include <lz4.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/random.h"
#include "cli/kvbench/journal.h"
#include "support/quiet_log.h"
#include "support/unit.h"

/* Method: the share that LZ4 takes away is what was asked for, to some percent. */
static void
filler_compresses_as_asked(void)
{
    enum { VALUE_BYTES = 65536 };
    uint8_t *value = kv_alloc(VALUE_BYTES);
    char *compressed = kv_alloc((size_t)LZ4_compressBound(VALUE_BYTES));

    for (double share = 0.0; share <= 1.0; share += 0.25) {
        struct filler filler;
        int size;

        filler_init(&filler, unit_seed(), share);
        filler_fill(&filler, 12345, value, VALUE_BYTES);
        size = LZ4_compress_default((const char *)value, compressed, VALUE_BYTES,
                                    LZ4_compressBound(VALUE_BYTES));
        CU_ASSERT_DOUBLE_EQUAL(1.0 - (double)size / VALUE_BYTES, share, 0.05);
        filler_deinit(&filler);
    }
    free(value);
    free(compressed);
}

/* Method: values of many sizes, each with every kind of fault. */
static void
a_value_says_what_is_wrong_with_it(void)
{
    static const size_t sizes[] = {PAYLOAD_BYTES_MIN, 29, 64, 1000, 3 * 1024 * 1024};
    const struct payload written = {.key_id = 77, .version = 5, .run_tag = 9};
    const struct payload_bounds right = {
        .key_id = 77, .run_tag = 9, .version_min = 4, .version_max = 6};
    const struct payload_bounds unwritten = {.key_id = 77, .run_tag = 9, .version_max = 1};
    struct filler filler;
    struct payload found;

    filler_init(&filler, 1, 0.5);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint8_t *value = kv_alloc(sizes[i] + 1);
        const struct slice whole = slice_of(value, sizes[i]);
        struct payload_bounds bounds = right;

        payload_write(&filler, &written, value, sizes[i]);
        CU_ASSERT_EQUAL(payload_check(whole, &bounds, &found), PAYLOAD_GOOD);
        CU_ASSERT_EQUAL(memcmp(&found, &written, sizeof(found)), 0);
        CU_ASSERT_EQUAL(payload_check(slice_of(value, sizes[i] - 1), &bounds, &found),
                        PAYLOAD_TORN);
        CU_ASSERT_EQUAL(payload_check(slice_of(value, sizes[i] + 1), &bounds, &found),
                        PAYLOAD_TORN);
        value[sizes[i] - 1] ^= 1;
        CU_ASSERT_EQUAL(payload_check(whole, &bounds, &found), PAYLOAD_TORN);
        value[sizes[i] - 1] ^= 1;
        bounds.key_id = 78;
        CU_ASSERT_EQUAL(payload_check(whole, &bounds, &found), PAYLOAD_FOREIGN_KEY);
        bounds = right;
        bounds.version_min = 6;
        CU_ASSERT_EQUAL(payload_check(whole, &bounds, &found), PAYLOAD_STALE);
        bounds = right;
        bounds.version_max = 4;
        CU_ASSERT_EQUAL(payload_check(whole, &bounds, &found), PAYLOAD_UNSENT);
        bounds = right;
        bounds.run_tag = 10;
        CU_ASSERT_EQUAL(payload_check(whole, &bounds, &found), PAYLOAD_FOREIGN_RUN);
        bounds.version_min = 0;
        CU_ASSERT_EQUAL(payload_check(whole, &bounds, &found), PAYLOAD_GOOD);
        free(value);
    }
    CU_ASSERT_EQUAL(payload_check(slice_from_text("hello"), &right, &found), PAYLOAD_NOT_OURS);
    CU_ASSERT_EQUAL(payload_check(slice_of(NULL, 0), &right, &found), PAYLOAD_NOT_OURS);
    CU_ASSERT_EQUAL(payload_check(slice_from_text("hello"), &unwritten, &found), PAYLOAD_GOOD);
    CU_ASSERT_NOT_EQUAL(payload_new_run_tag(), payload_new_run_tag());
    CU_ASSERT_EQUAL(payload_check_missing(&right), PAYLOAD_MISSING);
    filler_deinit(&filler);
}

static void
explanations_have_the_particulars(void)
{
    const struct payload_bounds bounds = {
        .key_id = 77, .run_tag = 9, .version_min = 4, .version_max = 6};
    const struct payload found = {.key_id = 77, .version = 3, .run_tag = 9};
    char text[PAYLOAD_TEXT_BYTES];

    payload_explain(PAYLOAD_STALE, &bounds, &found, text);
    CU_ASSERT_STRING_EQUAL(text, "key 77 is older than the last acknowledged write: acknowledged "
                                 "version 4, sent 6 of run 00000009; found key 77 version 3 of run "
                                 "00000009");
    for (int verdict = PAYLOAD_GOOD; verdict <= PAYLOAD_MISSING; verdict++) {
        const struct payload_bounds widest = {UINT64_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, true};
        const struct payload longest = {UINT64_MAX, UINT32_MAX, UINT32_MAX};

        payload_explain((enum payload_verdict)verdict, &widest, &longest, text);
        CU_ASSERT_TRUE(strlen(text) > 20 && strlen(text) < PAYLOAD_TEXT_BYTES - 1);
    }
}

/* Method: one key through sends, acknowledgements and deletions. */
static void
a_ledger_knows_what_a_read_may_find(void)
{
    struct ledger ledger;
    struct payload_bounds bounds;

    CU_ASSERT_TRUE_FATAL(ledger_init(&ledger, 10, 7));
    CU_ASSERT_TRUE(ledger_bounds(&ledger, 3, 0).may_be_missing);
    CU_ASSERT_EQUAL(ledger_send(&ledger, 3, false), 1);
    CU_ASSERT_FALSE(ledger_is_quiet(&ledger, 3));
    bounds = ledger_bounds(&ledger, 3, ledger_floor(&ledger, 3));
    CU_ASSERT_TRUE(bounds.may_be_missing && bounds.version_min == 0 && bounds.version_max == 1);
    ledger_acknowledge(&ledger, 3, 1);
    CU_ASSERT_TRUE(ledger_is_quiet(&ledger, 3));
    CU_ASSERT_FALSE(ledger_bounds(&ledger, 3, 1).may_be_missing);
    CU_ASSERT_EQUAL(ledger_send(&ledger, 3, true), 2); /* a deletion in flight */
    CU_ASSERT_TRUE(ledger_bounds(&ledger, 3, 1).may_be_missing);
    ledger_acknowledge(&ledger, 3, 2);
    CU_ASSERT_TRUE(ledger_bounds(&ledger, 3, 2).may_be_missing);
    CU_ASSERT_EQUAL(ledger_send(&ledger, 3, false), 3);
    CU_ASSERT_TRUE(ledger_bounds(&ledger, 3, 2).may_be_missing);
    ledger_acknowledge(&ledger, 3, 3);
    CU_ASSERT_TRUE(
        ledger_bounds(&ledger, 3, 2).may_be_missing); /* for a read that was sent before */
    CU_ASSERT_FALSE(ledger_bounds(&ledger, 3, 3).may_be_missing);
    CU_ASSERT_TRUE(ledger_is_quiet(&ledger, 4));
    ledger_deinit(&ledger);
}

static void
make_path(char path[64])
{
    int fd;

    (void)snprintf(path, 64, "/tmp/kv-journal.XXXXXX");
    fd = mkstemp(path);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    (void)close(fd);
    (void)unlink(path);
}

static struct journal_head
sample_head(void)
{
    return (struct journal_head){.run_tag = 42, .key_count = 1000, .digits = 12, .prefix = "key:"};
}

/* Random work on journal and ledger together. */
static void
work(struct journal *journal, struct ledger *ledger, struct random *random, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t key_id = random_below(random, ledger->key_count);
        const bool is_deletion = random_below(random, 5) == 0;
        const uint32_t version = ledger_send(ledger, key_id, is_deletion);

        journal_note_sent(journal, key_id, version, is_deletion);
        if (random_below(random, 3) == 0)
            CU_ASSERT_EQUAL(journal_flush(journal), KV_OK);
        if (random_below(random, 10) > 0) {
            ledger_acknowledge(ledger, key_id, version);
            journal_note_acknowledged(journal, key_id, version);
        }
    }
    CU_ASSERT_EQUAL(journal_flush(journal), KV_OK);
}

static void
check_same_ledger(const struct ledger *a, const struct ledger *b)
{
    CU_ASSERT_EQUAL_FATAL(a->key_count, b->key_count);
    CU_ASSERT_EQUAL(a->run_tag, b->run_tag);
    CU_ASSERT_EQUAL(memcmp(a->entries, b->entries, a->key_count * sizeof(a->entries[0])), 0);
}

/* Method: random work, closed, read; continued with another head, more work, read again. */
static void
a_journal_is_read_as_it_was_written_and_continued(void)
{
    struct journal_head head = sample_head(), found;
    struct journal journal;
    struct ledger ledger, read;
    struct random random;
    uint64_t torn_bytes;
    char path[64], name[JOURNAL_PREFIX_BYTES + JOURNAL_DIGITS_MAX];

    random_init(&random, unit_seed());
    make_path(path);
    CU_ASSERT_EQUAL_FATAL(journal_open(&journal, path, &head, &ledger), KV_OK);
    for (int round = 0; round < 3; round++) {
        work(&journal, &ledger, &random, 5000);
        CU_ASSERT_EQUAL(journal_close(&journal), KV_OK);
        CU_ASSERT_EQUAL_FATAL(journal_read(path, &found, &read, &torn_bytes), KV_OK);
        CU_ASSERT_EQUAL(torn_bytes, 0);
        CU_ASSERT_TRUE(found.key_count == head.key_count && found.digits == head.digits);
        CU_ASSERT_STRING_EQUAL(found.prefix, head.prefix);
        check_same_ledger(&ledger, &read);
        ledger_deinit(&ledger);
        ledger_deinit(&read);
        head.run_tag = 1234;
        CU_ASSERT_EQUAL_FATAL(journal_open(&journal, path, &head, &ledger), KV_OK);
        CU_ASSERT_EQUAL(head.run_tag, 42);
    }
    CU_ASSERT_EQUAL(journal_close(&journal), KV_OK);
    ledger_deinit(&ledger);
    CU_ASSERT_EQUAL(journal_key_name(&head, 17, name), 16);
    CU_ASSERT_STRING_EQUAL(name, "key:000000000017");
    quiet_log();
    head.key_count++;
    CU_ASSERT_EQUAL(journal_open(&journal, path, &head, &ledger), KV_INVALID);
    CU_ASSERT_EQUAL(journal_read("/nonexistent/journal", &found, &read, &torn_bytes), KV_NO_FILE);
    log_set_sink(NULL, NULL);
    (void)unlink(path);
}

/* Method: more records at once than go in a frame. */
static void
a_large_flush_becomes_several_frames(void)
{
    enum { KEY_COUNT = 400000 };
    struct journal_head head = sample_head(), found;
    struct journal journal;
    struct ledger ledger, read;
    uint64_t torn_bytes;
    char path[64];

    head.key_count = KEY_COUNT;
    make_path(path);
    CU_ASSERT_EQUAL_FATAL(journal_open(&journal, path, &head, &ledger), KV_OK);
    for (uint64_t i = 0; i < KEY_COUNT; i++)
        journal_note_sent(&journal, i, ledger_send(&ledger, i, false), false);
    CU_ASSERT_EQUAL(journal_close(&journal), KV_OK);
    CU_ASSERT_EQUAL_FATAL(journal_read(path, &found, &read, &torn_bytes), KV_OK);
    check_same_ledger(&ledger, &read);
    ledger_deinit(&ledger);
    ledger_deinit(&read);
    (void)unlink(path);
}

static struct buffer
read_file(const char *path)
{
    struct buffer content = {0};
    FILE *file = fopen(path, "r");
    uint8_t bytes[4096];
    size_t size;

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    while ((size = fread(bytes, 1, sizeof(bytes), file)) > 0)
        buffer_append(&content, bytes, size);
    (void)fclose(file);
    return content;
}

/* Method: a journal cut at every byte is good, and has nothing that is not before the cut; with a
 * byte changed anywhere it is refused, or taken for one that was cut. */
static void
torn_tails_are_dropped_and_damage_is_refused(void)
{
    struct journal_head head = sample_head(), found;
    struct journal journal;
    struct ledger ledger, read;
    struct random random;
    struct buffer content;
    size_t whole_bytes, head_bytes;
    char path[64];

    random_init(&random, unit_seed());
    make_path(path);
    CU_ASSERT_EQUAL_FATAL(journal_open(&journal, path, &head, &ledger), KV_OK);
    head_bytes = (size_t)lseek(journal.fd, 0, SEEK_END);
    work(&journal, &ledger, &random, 100);
    CU_ASSERT_EQUAL(journal_close(&journal), KV_OK);
    content = read_file(path);
    quiet_log();
    for (size_t cut = 0; cut < content.size; cut++) {
        const enum kv_status st =
            journal_parse(slice_of(content.data, cut), 1000, &found, &read, &whole_bytes);

        CU_ASSERT_EQUAL(st, cut < head_bytes ? KV_CORRUPT : KV_OK);
        if (st != KV_OK)
            continue;
        CU_ASSERT_TRUE(whole_bytes <= cut);
        for (uint64_t i = 0; i < read.key_count; i++)
            CU_ASSERT_TRUE(read.entries[i].acknowledged <= ledger.entries[i].acknowledged);
        ledger_deinit(&read);
    }
    for (size_t at = 0; at < content.size; at++) {
        const uint8_t kept = content.data[at];

        content.data[at] ^= (uint8_t)(1u << random_below(&random, 8));
        if (journal_parse(buffer_slice(&content), 1000, &found, &read, &whole_bytes) == KV_OK) {
            CU_ASSERT_TRUE(whole_bytes < content.size);
            ledger_deinit(&read);
        }
        content.data[at] = kept;
    }
    log_set_sink(NULL, NULL);
    ledger_deinit(&ledger);
    buffer_deinit(&content);
    (void)unlink(path);
}

/* Method: half a frame at the end, as a kill leaves it; the journal is continued behind the rest.
 */
static void
a_torn_journal_can_be_continued(void)
{
    struct journal_head head = sample_head(), found;
    struct journal journal;
    struct ledger ledger, read;
    uint64_t torn_bytes;
    char path[64];

    make_path(path);
    CU_ASSERT_EQUAL_FATAL(journal_open(&journal, path, &head, &ledger), KV_OK);
    journal_note_sent(&journal, 1, 1, false);
    CU_ASSERT_EQUAL(journal_flush(&journal), KV_OK);
    CU_ASSERT_EQUAL(write(journal.fd, "\x12\x34\x56\x78\x09\x00\x00\x00S", 9), 9);
    CU_ASSERT_EQUAL(journal_close(&journal), KV_OK);
    ledger_deinit(&ledger);
    CU_ASSERT_EQUAL_FATAL(journal_read(path, &found, &read, &torn_bytes), KV_OK);
    CU_ASSERT_EQUAL(torn_bytes, 9);
    ledger_deinit(&read);
    CU_ASSERT_EQUAL_FATAL(journal_open(&journal, path, &head, &ledger), KV_OK);
    CU_ASSERT_EQUAL(ledger.entries[1].sent, 1);
    journal_note_acknowledged(&journal, 1, 1);
    CU_ASSERT_EQUAL(journal_close(&journal), KV_OK);
    ledger_deinit(&ledger);
    CU_ASSERT_EQUAL_FATAL(journal_read(path, &found, &read, &torn_bytes), KV_OK);
    CU_ASSERT_EQUAL(torn_bytes, 0);
    CU_ASSERT_EQUAL(read.entries[1].acknowledged, 1);
    ledger_deinit(&read);
    (void)unlink(path);
}

static const struct unit_test tests[] = {
    UNIT_TEST(filler_compresses_as_asked),
    UNIT_TEST(a_value_says_what_is_wrong_with_it),
    UNIT_TEST(explanations_have_the_particulars),
    UNIT_TEST(a_ledger_knows_what_a_read_may_find),
    UNIT_TEST(a_journal_is_read_as_it_was_written_and_continued),
    UNIT_TEST(a_large_flush_becomes_several_frames),
    UNIT_TEST(torn_tails_are_dropped_and_damage_is_refused),
    UNIT_TEST(a_torn_journal_can_be_continued),
    UNIT_TEST_END,
};

int
main(int argc, char **argv)
{
    return unit_main("kvbench journal", tests, argc, argv);
}
