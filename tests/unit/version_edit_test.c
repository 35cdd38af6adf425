/* Goal: edits are RocksDB's to the byte, come back as they went, and no bytes whatever hurt. */
#include <CUnit/Basic.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/random.h"
#include "key/internal_key.h"
#include "support/quiet_log.h"
#include "support/unit.h"
#include "version/version_edit.h"

/* Method: the second edit of FORMAT's section 13.4, made by hand and compared to its bytes. */
static void
encoding_matches_the_known_vector(void)
{
    static const uint8_t expected[] = {0x67, 0, 4,   0xe6, 6, 9, 'a', 1, 1, 0, 0, 0, 0, 0,
                                       0,    9, 'c', 1,    3, 0, 0,   0, 0, 0, 0, 1, 3, 1};
    static const uint8_t head[] = "\x01\x1aleveldb.BytewiseComparator\x02\x06\x03\x07\x04\x02";
    struct version_edit edit = {0};
    struct table_meta *meta = version_edit_add_table(&edit, 0);
    struct buffer encoded = {0};

    meta->number = 4;
    meta->bytes = 870;
    meta->seq_smallest = 1;
    meta->seq_largest = 3;
    internal_key_append(&meta->smallest, slice_from_text("a"), 1, TYPE_VALUE);
    internal_key_append(&meta->largest, slice_from_text("c"), 3, TYPE_VALUE);
    version_edit_encode(&edit, &encoded);
    CU_ASSERT_TRUE(slice_equal(buffer_slice(&encoded), slice_of(expected, sizeof(expected))));
    version_edit_deinit(&edit);
    buffer_clear(&encoded);

    edit.has_comparator = edit.has_log_number = edit.has_next_file = edit.has_last_seq = true;
    buffer_append(&edit.comparator, "leveldb.BytewiseComparator", 26);
    edit.log_number = 6;
    edit.next_file = 7;
    edit.last_seq = 2;
    version_edit_encode(&edit, &encoded);
    CU_ASSERT_TRUE(slice_equal(buffer_slice(&encoded), slice_of(head, sizeof(head) - 1)));
    version_edit_deinit(&edit);
    buffer_deinit(&encoded);
}

static void
random_bytes(struct random *random, struct buffer *target, size_t size)
{
    for (size_t i = 0; i < size; i++)
        buffer_append_byte(target, (uint8_t)random_next(random));
}

static void
make_random_edit(struct random *random, struct version_edit *edit)
{
    const uint64_t flags = random_next(random);

    edit->cf_id = (uint32_t)random_below(random, 3);
    edit->has_log_number = (flags & 1) != 0;
    edit->has_next_file = (flags & 2) != 0;
    edit->has_last_seq = (flags & 4) != 0;
    edit->has_min_log_to_keep = (flags & 8) != 0;
    edit->has_max_cf_id = (flags & 16) != 0;
    edit->is_cf_add = (flags & 32) != 0;
    edit->is_cf_drop = !edit->is_cf_add && (flags & 64) != 0;
    edit->in_atomic_group = (flags & 128) != 0;
    edit->has_db_id = (flags & 256) != 0;
    edit->has_prev_log = (flags & 512) != 0;
    edit->log_number = random_next(random) >> 8;
    edit->next_file = random_next(random) >> 8;
    edit->last_seq = random_next(random) >> 8;
    edit->min_log_to_keep = random_next(random) >> 8;
    edit->max_cf_id = (uint32_t)random_next(random);
    edit->atomic_group_rest = (uint32_t)random_below(random, 9);
    if (edit->is_cf_add)
        buffer_append(&edit->cf_name, "family", 6);
    if (edit->has_db_id)
        random_bytes(random, &edit->db_id, 36);
    for (uint64_t i = random_below(random, 4); i > 0; i--)
        version_edit_remove_table(edit, (uint32_t)random_below(random, 7), random_next(random));
    for (uint64_t i = random_below(random, 4); i > 0; i--) {
        struct table_meta *meta = version_edit_add_table(edit, (uint32_t)random_below(random, 7));

        meta->number = random_next(random);
        meta->bytes = random_next(random);
        meta->seq_smallest = random_below(random, 1000);
        meta->seq_largest = meta->seq_smallest + random_below(random, 1000);
        random_bytes(random, &meta->smallest, 8 + random_below(random, 20));
        random_bytes(random, &meta->largest, 8 + random_below(random, 20));
        meta->creation_time_s = random_below(random, 3);
        meta->oldest_ancestor_time_s = random_below(random, 3);
        meta->has_checksum = random_below(random, 2) == 1;
        meta->checksum_crc32c = meta->has_checksum ? (uint32_t)random_next(random) : 0;
        meta->marked_for_compaction = random_below(random, 2) == 1;
        meta->has_counts = random_below(random, 2) == 1;
        meta->entry_count = meta->has_counts ? random_below(random, 1 << 20) : 0;
        meta->deletion_count = random_below(random, meta->entry_count + 1);
        if (meta->has_counts && random_below(random, 3) == 0)
            meta->range_tombstone_count = random_below(random, meta->deletion_count + 1);
        meta->deadlines.count = random_below(random, meta->entry_count - meta->deletion_count + 1);
        if (meta->deadlines.count > 0) {
            meta->deadlines.oldest_ms = random_next(random) / 2;
            meta->deadlines.newest_ms = meta->deadlines.oldest_ms + random_below(random, 1000);
            meta->deadlines.due_ms =
                random_below(random, 3) == 0 ? DEADLINE_NONE : meta->deadlines.newest_ms;
        }
    }
}

/* Method: 2,000 random edits are encoded, decoded and encoded again. */
static void
edits_come_back(void)
{
    struct random random;

    random_init(&random, unit_seed());
    for (int i = 0; i < 2000; i++) {
        struct version_edit edit = {0}, back = {0};
        struct buffer first = {0}, second = {0};

        make_random_edit(&random, &edit);
        version_edit_encode(&edit, &first);
        CU_ASSERT_EQUAL(version_edit_decode(buffer_slice(&first), &back), KV_OK);
        CU_ASSERT_EQUAL(back.add_count, edit.add_count);
        CU_ASSERT_EQUAL(back.cf_id, edit.cf_id);
        for (uint32_t j = 0; j < edit.add_count && j < back.add_count; j++) {
            CU_ASSERT_EQUAL(back.adds[j].meta.has_counts, edit.adds[j].meta.has_counts);
            CU_ASSERT_EQUAL(back.adds[j].meta.entry_count, edit.adds[j].meta.entry_count);
            CU_ASSERT_EQUAL(back.adds[j].meta.deletion_count, edit.adds[j].meta.deletion_count);
            CU_ASSERT_EQUAL(back.adds[j].meta.range_tombstone_count,
                            edit.adds[j].meta.range_tombstone_count);
            CU_ASSERT_EQUAL(memcmp(&back.adds[j].meta.deadlines, &edit.adds[j].meta.deadlines,
                                   sizeof(struct deadlines)),
                            0);
        }
        version_edit_encode(&back, &second);
        CU_ASSERT_TRUE(slice_equal(buffer_slice(&first), buffer_slice(&second)));
        version_edit_deinit(&edit);
        version_edit_deinit(&back);
        buffer_deinit(&first);
        buffer_deinit(&second);
    }
}

/* Method: 20,000 edits with bytes changed, cut or added: the decoder returns, and ASan is quiet. */
static void
damaged_edits_do_no_harm(void)
{
    struct random random;

    quiet_log();
    random_init(&random, unit_seed());
    for (int i = 0; i < 20000; i++) {
        struct version_edit edit = {0}, back = {0};
        struct buffer bytes = {0};
        uint8_t *exact;
        enum kv_status st;

        make_random_edit(&random, &edit);
        version_edit_encode(&edit, &bytes);
        buffer_append_byte(&bytes, (uint8_t)random_next(&random));
        for (uint64_t n = random_below(&random, 4); n > 0; n--)
            bytes.data[random_below(&random, bytes.size)] = (uint8_t)random_next(&random);
        bytes.size = 1 + random_below(&random, bytes.size);
        exact = kv_alloc(bytes.size);
        memcpy(exact, bytes.data, bytes.size);
        st = version_edit_decode(slice_of(exact, bytes.size), &back);
        CU_ASSERT_TRUE(st == KV_OK || st == KV_CORRUPT || st == KV_UNSUPPORTED);
        free(exact);
        version_edit_deinit(&edit);
        version_edit_deinit(&back);
        buffer_deinit(&bytes);
    }
    log_set_sink(NULL, NULL);
}

static enum kv_status
decode_text(const char *bytes, size_t size, struct version_edit *edit)
{
    *edit = (struct version_edit){0};
    return version_edit_decode(slice_of(bytes, size), edit);
}

#define DECODE(text, edit) decode_text(text, sizeof(text) - 1, edit)

/* Method: hand-made records for each rule about tags that kvd does not use itself. */
static void
foreign_tags_are_skipped_or_refused(void)
{
    struct version_edit edit;

    quiet_log();
    /* WAL additions in the old form are not length-prefixed; log number 5 follows. */
    CU_ASSERT_EQUAL(DECODE("\x84\x40\x07\x02\x64\x01\x02\x05", &edit), KV_OK);
    CU_ASSERT_EQUAL(edit.log_number, 5);
    CU_ASSERT_EQUAL(DECODE("\x85\x40\x07\x02\x05", &edit), KV_OK);
    CU_ASSERT_EQUAL(edit.log_number, 5);
    /* New forms and unknown skippable tags are an lstr. */
    CU_ASSERT_EQUAL(DECODE("\x87\x40\x03"
                           "abc"
                           "\xff\x40\x01"
                           "x"
                           "\x02\x05",
                           &edit),
                    KV_OK);
    CU_ASSERT_EQUAL(edit.log_number, 5);
    CU_ASSERT_EQUAL(DECODE("\x0b\x00", &edit), KV_UNSUPPORTED);
    /* Compaction cursors are passed over; an empty timestamp bound too, a real one is refused. */
    CU_ASSERT_EQUAL(DECODE("\x05\x01\x02zz\x02\x05", &edit), KV_OK);
    CU_ASSERT_EQUAL(DECODE("\x86\x40\x00", &edit), KV_OK);
    CU_ASSERT_EQUAL(DECODE("\x86\x40\x01x", &edit), KV_UNSUPPORTED);
    CU_ASSERT_EQUAL(DECODE("\x82\x40\x01\x01\x01\x00\x00\x00", &edit), KV_UNSUPPORTED);
    CU_ASSERT_EQUAL(DECODE("\x06\x07\x01", &edit), KV_UNSUPPORTED);
    CU_ASSERT_EQUAL(DECODE("\x06\x06\x01", &edit), KV_OK);
    version_edit_deinit(&edit);
    /* A file on another path, and one with an unknown field that must be understood. */
#define FILE_HEAD                                                                                  \
    "\x67\x00\x04\x01\x09"                                                                         \
    "a\1\1\0\0\0\0\0\0"                                                                            \
    "\x09"                                                                                         \
    "c\1\3\0\0\0\0\0\0"                                                                            \
    "\x01\x03"
    CU_ASSERT_EQUAL(DECODE(FILE_HEAD "\x41\x01\x01\x01", &edit), KV_UNSUPPORTED);
    version_edit_deinit(&edit);
    CU_ASSERT_EQUAL(DECODE(FILE_HEAD "\x41\x01\x00\x01", &edit), KV_OK);
    version_edit_deinit(&edit);
    CU_ASSERT_EQUAL(DECODE(FILE_HEAD "\x42\x00\x01", &edit), KV_UNSUPPORTED);
    version_edit_deinit(&edit);
    CU_ASSERT_EQUAL(DECODE(FILE_HEAD "\x3f\x02zz\x01\xc8\x01\x09", &edit), KV_OK);
    CU_ASSERT_EQUAL(edit.cf_id, 9); /* named after its files */
    version_edit_deinit(&edit);
    CU_ASSERT_EQUAL(DECODE(FILE_HEAD "\x04\x01\x05\x01", &edit), KV_UNSUPPORTED);
    version_edit_deinit(&edit);
    log_set_sink(NULL, NULL);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(encoding_matches_the_known_vector),
        UNIT_TEST(edits_come_back),
        UNIT_TEST(damaged_edits_do_no_harm),
        UNIT_TEST(foreign_tags_are_skipped_or_refused),
        UNIT_TEST_END,
    };

    return unit_main("version_edit", tests, argc, argv);
}
