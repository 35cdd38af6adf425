/* Goal: a flush or compaction folds operands where FORMAT.md section 8.2 allows it, and nowhere
 * else.
 * Method: a key's versions as text, newest first: "+5" an operand "5" at the sequence that stands
 * before it, p a put, d deletion, s single deletion, e an entity; "|" begins an older stripe;
 * the answer is what came out. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compact/merge_run.h"
#include "support/unit.h"

struct output {
    char text[400];
};

static char
letter_of(enum value_type type)
{
    switch (type) {
    case TYPE_VALUE:
        return 'p';
    case TYPE_MERGE:
        return '+';
    case TYPE_DELETION:
        return 'd';
    case TYPE_SINGLE_DELETION:
        return 's';
    default:
        return 'e';
    }
}

static enum value_type
type_of(char letter)
{
    switch (letter) {
    case 'p':
        return TYPE_VALUE;
    case '+':
        return TYPE_MERGE;
    case 'd':
        return TYPE_DELETION;
    default:
        return TYPE_SINGLE_DELETION;
    }
}

static enum kv_status
write_text(void *owner, struct slice encoded, struct slice value)
{
    struct output *output = owner;
    struct internal_key key;
    const size_t used = strlen(output->text);

    CU_ASSERT_TRUE(internal_key_parse(encoded, &key));
    snprintf(output->text + used, sizeof(output->text) - used, "%s%.*s%llu%c%.*s",
             used > 0 ? " " : "", (int)key.user_key.size, (const char *)key.user_key.data,
             (unsigned long long)key.seq, letter_of(key.type), (int)value.size,
             (const char *)value.data);
    return KV_OK;
}

/* One word is KEY SEQUENCE LETTER VALUE, the key one letter. */
static void
add_word(struct merge_run *run, const char *word, uint32_t stripe, bool *skips)
{
    struct internal_key key = {.user_key = slice_of(word, 1)};
    struct buffer encoded = {0};
    char *end;

    key.seq = strtoull(word + 1, &end, 10);
    key.type = type_of(*end);
    internal_key_append(&encoded, key.user_key, key.seq, key.type);
    CU_ASSERT_EQUAL(
        merge_run_add(run, &key, buffer_slice(&encoded), slice_from_text(end + 1), stripe, skips),
        KV_OK);
    memset(encoded.data, 'x', encoded.size); /* it was only lent */
    buffer_deinit(&encoded);
}

static void
expect_with(const char *spec, const struct range_tombstones *tombstones, bool is_bottom,
            const char *versions, const char *expected)
{
    struct output output = {""};
    struct merge_operator op;
    struct merge_run run;
    char copy[200], last_key = '\0';
    char *rest = copy, *word;
    uint32_t stripe = 9;
    bool skips = false;

    CU_ASSERT_EQUAL(merge_operator_parse(slice_from_text(spec), &op), KV_OK);
    merge_run_init(&run, &op, write_text, &output);
    run.tombstones = tombstones;
    snprintf(copy, sizeof(copy), "%s", versions);
    while ((word = strsep(&rest, " ")) != NULL) {
        if (word[0] != last_key || word[0] == '|')
            skips = false;
        if (word[0] == '|') {
            stripe--;
            continue;
        }
        if (last_key != '\0' && word[0] != last_key)
            CU_ASSERT_EQUAL(merge_run_finish(&run, is_bottom), KV_OK);
        last_key = word[0];
        if (!skips)
            add_word(&run, word, stripe, &skips);
    }
    CU_ASSERT_EQUAL(merge_run_finish(&run, is_bottom), KV_OK);
    merge_run_deinit(&run);
    if (strcmp(output.text, expected) != 0)
        printf("%s: '%s', not '%s'\n", versions, output.text, expected);
    CU_ASSERT_STRING_EQUAL(output.text, expected);
}

static void
expect(const char *versions, const char *expected)
{
    expect_with("int64add", NULL, false, versions, expected);
}

static void
operands_fold_into_the_value_below(void)
{
    expect("k3+1 k2+2 k1p10", "k3p13");
    expect("k2+1 k1d", "k2p1");
    expect("k9+1 k5p2 k1p7", "k9p3"); /* nothing behind a value is asked for */
    expect("k2p5 k1+1", "k2p5 k1+1");
    expect("a1+1 b1+2 b0p1 c1p7", "a1+1 b1p3 c1p7");
}

static void
without_a_base_one_operand_stays(void)
{
    expect("k3+1 k2+2 k1+4", "k3+7");
    expect("k3+1", "k3+1");
    expect_with("stringappendtest", NULL, false, "k3+a k2+b", "k3+a k2+b");
    expect_with("stringappendtest", NULL, false, "k3+a k2+b k1pc", "k3pc,b,a");
    expect_with("nullptr", NULL, false, "k3+1 k2+2 k1p3", "k3+1 k2+2 k1p3");
}

static void
stripes_are_kept_apart(void)
{
    /* FORMAT.md 8.2: put10 +1 S +2 +4 -> 2=6 | 1=11 */
    expect("k4+4 k3+2 | k2+1 k1p10", "k4+6 k2p11");
    expect("k4+4 | k3+2 | k2p1", "k4+4 k3+2 k2p1");
    expect("k4+4 k3p2 | k2+1 k1+5", "k4p6 k2+6");
    expect("k4+4 k3d | k2+1 k1p5", "k4p4 k2p6");
}

static void
at_the_bottom_nothing_is_below(void)
{
    expect_with("int64add", NULL, true, "k3+1 k2+2", "k3p3");
    expect_with("int64add", NULL, true, "a3+1 | a2+2 b1+5", "a3+1 a2p2 b1p5");
    expect_with("int64add", NULL, true, "a3+x b1+5", "a3+x b1p5");
}

static void
a_single_deletion_is_not_folded_into(void)
{
    expect("k4+1 k3+2 k2s k1p5", "k4+3 k2s k1p5");
}

static void
what_cannot_be_folded_stays_as_it_came(void)
{
    expect("k3+1 k2+2 k1pten", "k3+1 k2+2 k1pten");
    expect("k3+1 k2+x k1p1", "k3+1 k2+x k1p1");
    expect("k2+1 k1p9223372036854775807", "k2+1 k1p9223372036854775807");
}

/* Method: a tombstone between two versions hides the older one from the newer. */
static void
a_range_tombstone_ends_a_run(void)
{
    struct range_tombstones tombstones = {0};

    range_tombstones_add(&tombstones, slice_from_text("k"), slice_from_text("l"), 5);
    range_tombstones_index(&tombstones);
    expect_with("int64add", &tombstones, false, "k9+1 k8+2 k3+4 k1p10", "k9p3");
    expect_with("int64add", &tombstones, false, "k4+1 k3p2", "k4p3");
    expect_with("int64add", &tombstones, false, "k9+1 | k3+4 k1p10", "k9+1 k3p14");
    expect_with("int64add", &tombstones, false, "l9+1 l3p4", "l9p5");
    expect_with("int64add", &tombstones, false, "k9+x k3+4 k1p10", "k9+x k3+4 k1p10");
    range_tombstones_deinit(&tombstones);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(operands_fold_into_the_value_below),
        UNIT_TEST(without_a_base_one_operand_stays),
        UNIT_TEST(stripes_are_kept_apart),
        UNIT_TEST(at_the_bottom_nothing_is_below),
        UNIT_TEST(a_single_deletion_is_not_folded_into),
        UNIT_TEST(what_cannot_be_folded_stays_as_it_came),
        UNIT_TEST(a_range_tombstone_ends_a_run),
        UNIT_TEST_END,
    };

    return unit_main("merge_run", tests, argc, argv);
}
