/* Goal: the operators do what RocksDB's do, whatever the bytes, and combining operands early
 * changes no result. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/coding.h"
#include "base/log.h"
#include "base/random.h"
#include "key/entity.h"
#include "merge/merge_entity.h"
#include "merge/merge_fold.h"
#include "support/quiet_log.h"
#include "support/unit.h"

enum { OPERAND_COUNT_MAX = 12 };

static struct merge_operator
operator_of(const char *spec)
{
    struct merge_operator op;

    CU_ASSERT_EQUAL(merge_operator_parse(slice_from_text(spec), &op), KV_OK);
    CU_ASSERT_PTR_NOT_NULL_FATAL(op.kind);
    return op;
}

/* `operands` oldest first, up to NULL; base NULL: none. */
static enum kv_status
full(const struct merge_operator *op, const char *base, const char *const *operands,
     struct buffer *value)
{
    struct slice newest_first[OPERAND_COUNT_MAX], base_slice = {0};
    struct merge_input input = {.operands = newest_first};
    size_t count = 0;

    while (operands[count] != NULL)
        count++;
    CU_ASSERT_TRUE_FATAL(count <= OPERAND_COUNT_MAX);
    for (size_t i = 0; i < count; i++)
        newest_first[count - 1 - i] = slice_from_text(operands[i]);
    input.operand_count = count;
    if (base != NULL) {
        base_slice = slice_from_text(base);
        input.base = &base_slice;
    }
    return merge_operator_full(op, &input, value);
}

static void
expect(const char *spec, const char *base, const char *const *operands, const char *expected)
{
    const struct merge_operator op = operator_of(spec);
    struct buffer value = {0};

    CU_ASSERT_EQUAL(full(&op, base, operands, &value), KV_OK);
    if (!slice_equal(buffer_slice(&value), slice_from_text(expected)))
        printf("%s: '%.*s', not '%s'\n", spec, (int)value.size, (const char *)value.data, expected);
    CU_ASSERT_TRUE(slice_equal(buffer_slice(&value), slice_from_text(expected)));
    buffer_deinit(&value);
}

#define OPERANDS(...)                                                                              \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

static void
texts_are_appended_with_the_delimiter(void)
{
    expect("stringappend", NULL, OPERANDS("a"), "a");
    expect("stringappend", NULL, OPERANDS("a", "b", ""), "a,b,");
    expect("stringappend", "x", OPERANDS("a", "b"), "x,a,b");
    expect("stringappend", "", OPERANDS("a"), ",a");
    expect("{id=StringAppendOperator;delimiter=ab;}", "x", OPERANDS("1", "2"), "xab1ab2");
    expect("{id=StringAppendTESTOperator;delimiter=-;}", "x", OPERANDS("1", "2"), "x-1-2");
    expect("{id=stringappend;delimiter=;}", "x", OPERANDS("1"), "x1");
}

static void
extremes_and_the_last_are_found(void)
{
    expect("max", NULL, OPERANDS("b", "abc"), "b");
    expect("max", "c", OPERANDS("b", "abc"), "c");
    expect("max", "ab", OPERANDS("abc"), "abc");
    expect("max", NULL, OPERANDS(""), "");
    expect("min", NULL, OPERANDS("b", "abc"), "abc");
    expect("min", "", OPERANDS("b"), "");
    expect("min", "z", OPERANDS("zz", "zzz"), "z");
    expect("put", "x", OPERANDS("1", "2"), "2");
    expect("put_v1", NULL, OPERANDS("2", ""), "");
}

static void
bytes_are_xored_and_the_longer_tail_stays(void)
{
    expect("bytesxor", "b", OPERANDS("1", "22", "", "0"), "Q2");
    expect("bytesxor", NULL, OPERANDS("ab"), "ab");
}

/* Method: what is not eight bytes long counts as 0, as in RocksDB; sums wrap. */
static void
counters_wrap_and_odd_lengths_are_zero(void)
{
    const struct merge_operator op = operator_of("uint64add");
    const uint8_t one[8] = {1}, minus_one[8] = {255, 255, 255, 255, 255, 255, 255, 255};
    const uint8_t odd[3] = {9, 9, 9};
    struct slice operands[] = {slice_of(one, 8), slice_of(odd, 3), slice_of(minus_one, 8),
                               slice_of(one, 8)};
    struct slice base = slice_of(odd, 3);
    struct merge_input input = {.operands = operands, .operand_count = 4, .base = &base};
    struct buffer value = {0};

    CU_ASSERT_EQUAL(merge_operator_full(&op, &input, &value), KV_OK);
    CU_ASSERT_EQUAL(value.size, 8);
    CU_ASSERT_EQUAL(load_fixed64(value.data), 1);
    base = slice_of(one, 8);
    CU_ASSERT_EQUAL(merge_operator_full(&op, &input, &value), KV_OK);
    CU_ASSERT_EQUAL(load_fixed64(value.data), 2);
    buffer_deinit(&value);
}

static void
decimal_sums_are_exact_or_refused(void)
{
    const struct merge_operator op = operator_of("int64add");
    static const char *const bad[] = {"",
                                      "+1",
                                      "01",
                                      " 1",
                                      "1 ",
                                      "-0",
                                      "1a",
                                      "0x1",
                                      "-",
                                      "00",
                                      "--1",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "99999999999999999999"};
    struct buffer value = {0};

    expect("int64add", NULL, OPERANDS("5", "-7"), "-2");
    expect("int64add", "9223372036854775807", OPERANDS("1", "-1"), "9223372036854775807");
    expect("int64add", "-9223372036854775808", OPERANDS("-1", "-5", "6"), "-9223372036854775808");
    expect("int64add", "0", OPERANDS("9223372036854775807", "-9223372036854775808"), "-1");
    CU_ASSERT_EQUAL(full(&op, "9223372036854775807", OPERANDS("1"), &value), KV_INVALID);
    CU_ASSERT_EQUAL(full(&op, "-9223372036854775808", OPERANDS("-1"), &value), KV_INVALID);
    CU_ASSERT_EQUAL(full(&op, "ten", OPERANDS("1"), &value), KV_INVALID);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_FALSE(merge_operator_accepts(&op, slice_from_text(bad[i])));
        CU_ASSERT_EQUAL(full(&op, "1", OPERANDS("1", bad[i]), &value), KV_INVALID);
    }
    CU_ASSERT_TRUE(merge_operator_accepts(&op, slice_from_text("-9223372036854775808")));
    CU_ASSERT_TRUE(merge_operator_accepts(&op, slice_from_text("0")));
    buffer_deinit(&value);
}

struct spec_case {
    const char *spec;
    enum kv_status st;
    const char *class_name;
    const char *delimiter; /* NULL: not looked at */
};

/* Method: every form was tried on RocksDB 7.8.3, which reads the same but for its own ";". */
static void
options_are_read_as_rocksdb_reads_them(void)
{
    static const struct spec_case cases[] = {
        {"", KV_OK, "nullptr", NULL},
        {"nullptr", KV_OK, "nullptr", NULL},
        {"uint64add", KV_OK, "UInt64AddOperator", NULL},
        {"UInt64AddOperator", KV_OK, "UInt64AddOperator", NULL},
        {"stringappend", KV_OK, "StringAppendOperator", ","},
        {"StringAppendOperator", KV_OK, "StringAppendOperator", ","},
        {"{id=StringAppendOperator;delimiter={;};}", KV_OK, "StringAppendOperator", ";"},
        {"{id=StringAppendOperator;delimiter=;;}", KV_OK, "StringAppendOperator", ";"},
        {"{id=StringAppendOperator;delimiter=a;b;}", KV_OK, "StringAppendOperator", "a;b"},
        {"{id=StringAppendOperator;delimiter= ;}", KV_OK, "StringAppendOperator", ""},
        {"{id=StringAppendOperator;delimiter=;}", KV_OK, "StringAppendOperator", ""},
        {"{id=StringAppendOperator;delimiter=ab;}", KV_OK, "StringAppendOperator", "ab"},
        {"{delimiter=x;id=stringappend}", KV_OK, "StringAppendOperator", "x"},
        {"id=stringappend;delimiter=\\#;", KV_OK, "StringAppendOperator", "#"},
        {"{id=stringappend;delimiter=\\n}", KV_OK, "StringAppendOperator", "\n"},
        {"{id=stringappend;delimiter={a;b}}", KV_OK, "StringAppendOperator", "a;b"},
        {"{id=stringappend;delimiter={{x}}}", KV_OK, "StringAppendOperator", "{x}"},
        {" { id = stringappend ; delimiter = y } ", KV_OK, "StringAppendOperator", "y"},
        {"{id=stringappendtest;delimiter=-}", KV_OK, "StringAppendTESTOperator", "-"},
        {"{id=stringappend;delimiter=a{b}", KV_OK, "StringAppendOperator", "a{b"},
        {"{id=stringappend;delimiter={a{b;}}", KV_INVALID, "nullptr", NULL},
        {"{id=stringappend;delimiter= { ; } ;}", KV_OK, "StringAppendOperator", ";"},
        {"{id=stringappend;delim=x;}", KV_INVALID, "nullptr", NULL},
        {"{id=max;foo=1}", KV_INVALID, "nullptr", NULL},
        {"{id=max;delimiter=1}", KV_INVALID, "nullptr", NULL},
        {"{id=max;}", KV_OK, "MaxOperator", NULL},
        {"{}", KV_UNSUPPORTED, "nullptr", NULL},
        {"{id}", KV_INVALID, "nullptr", NULL},
        {"my.Operator", KV_UNSUPPORTED, "nullptr", NULL},
        {"{id=my.Operator;x=1;}", KV_INVALID, "nullptr", NULL},
        {"put", KV_OK, "PutOperator", NULL},
        {"put_v1", KV_OK, "PutOperator", NULL},
        {"bytesxor", KV_OK, "BytesXOR", NULL},
        {"min", KV_OK, "kvd.MinOperator", NULL},
        {"int64add", KV_OK, "kvd.Int64AddOperator", NULL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct spec_case *it = &cases[i];
        struct merge_operator op;
        const enum kv_status st = merge_operator_parse(slice_from_text(it->spec), &op);

        if (st != it->st || strcmp(merge_operator_class(&op), it->class_name) != 0)
            printf("%s: %s, %s\n", it->spec, kv_status_text(st), merge_operator_class(&op));
        CU_ASSERT_EQUAL(st, it->st);
        CU_ASSERT_STRING_EQUAL(merge_operator_class(&op), it->class_name);
        if (it->delimiter != NULL)
            CU_ASSERT_TRUE(slice_equal(slice_of(op.delimiter, op.delimiter_bytes),
                                       slice_from_text(it->delimiter)));
    }
}

/* --- folding --- */

static struct slice
random_operand(struct random *random, const char *spec, uint8_t *bytes, size_t capacity)
{
    size_t size = random_below(random, 10);

    if (strcmp(spec, "int64add") == 0)
        return slice_of(
            bytes, (size_t)snprintf((char *)bytes, capacity, "%lld",
                                    (long long)random_next(random) >> random_below(random, 60)));
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)random_next(random);
    return slice_of(bytes, random_below(random, 3) == 0 ? size : 8);
}

/* Method: a random cut of the operands in two, the newer and the older part combined if the
 * operator can, must give what all of them give at once, failures included. */
static void
combining_early_changes_nothing(void)
{
    static const char *const specs[] = {"uint64add", "stringappend", "max",     "put",
                                        "bytesxor",  "min",          "int64add"};
    struct random random;

    random_init(&random, unit_seed());
    for (int round = 0; round < 4000; round++) {
        const char *spec = specs[round % 7];
        const struct merge_operator op = operator_of(spec);
        uint8_t bytes[OPERAND_COUNT_MAX + 1][32] = {{0}};
        struct slice operands[OPERAND_COUNT_MAX], base;
        const size_t count = 2 + random_below(&random, OPERAND_COUNT_MAX - 1);
        const size_t first = random_below(&random, count - 1);
        const size_t run = 2 + random_below(&random, count - first - 1);
        struct merge_input input = {.operands = operands, .operand_count = count};
        struct merge_input part = {.operands = operands + first, .operand_count = run};
        struct buffer whole = {0}, again = {0}, combined = {0};
        enum kv_status st;

        for (size_t i = 0; i < count; i++)
            operands[i] = random_operand(&random, spec, bytes[i], sizeof(bytes[i]));
        base = random_operand(&random, spec, bytes[count], sizeof(bytes[count]));
        input.base = random_below(&random, 2) == 0 ? &base : NULL;
        st = merge_operator_full(&op, &input, &whole);
        CU_ASSERT_TRUE(st == KV_OK || strcmp(spec, "int64add") == 0);
        if (merge_operator_partial(&op, &part, &combined)) {
            operands[first] = buffer_slice(&combined);
            memmove(&operands[first + 1], &operands[first + run],
                    (count - first - run) * sizeof(operands[0]));
            input.operand_count = count - run + 1;
        } else {
            CU_ASSERT_STRING_EQUAL(spec, "int64add");
        }
        CU_ASSERT_EQUAL(merge_operator_full(&op, &input, &again), st);
        if (st == KV_OK)
            CU_ASSERT_TRUE(slice_equal(buffer_slice(&whole), buffer_slice(&again)));
        buffer_deinit(&whole);
        buffer_deinit(&again);
        buffer_deinit(&combined);
    }
}

static void
a_fold_keeps_copies_and_order(void)
{
    const struct merge_operator op = operator_of("stringappend");
    const struct merge_version nothing = {.type = TYPE_DELETION};
    struct merge_version result;
    struct merge_fold fold;
    char text[16];

    merge_fold_init(&fold, &op);
    for (int round = 0; round < 3; round++) {
        struct slice operand;
        uint64_t seq;

        merge_fold_start(&fold, slice_from_text("key"));
        for (unsigned i = 0; i < 5000; i++) {
            snprintf(text, sizeof(text), "%u", i);
            CU_ASSERT_EQUAL(merge_fold_add(&fold, slice_from_text(text), 10000 - i, true), KV_OK);
        }
        operand = merge_fold_operand(&fold, 4321, &seq);
        CU_ASSERT_TRUE(slice_equal(operand, slice_from_text("4321")));
        CU_ASSERT_EQUAL(seq, 10000 - 4321);
        CU_ASSERT_EQUAL(merge_fold_finish(&fold, &nothing, &result), KV_OK);
        CU_ASSERT_EQUAL(result.type, TYPE_VALUE);
        CU_ASSERT_TRUE(slice_starts_with(result.value, slice_from_text("4999,4998,4997")));
        CU_ASSERT_TRUE(merge_fold_combine(&fold, &operand));
        CU_ASSERT_EQUAL(operand.size, result.value.size);
    }
    merge_fold_deinit(&fold);
}

static void
a_fold_has_bounds(void)
{
    const struct merge_operator op = operator_of("uint64add");
    const struct merge_operator none = {0};
    const struct merge_version nothing = {.type = TYPE_DELETION};
    const struct slice eight = slice_from_text("12345678");
    struct merge_version result;
    struct slice operand;
    struct merge_fold fold;

    quiet_log();
    merge_fold_init(&fold, &op);
    merge_fold_start(&fold, eight);
    for (uint32_t i = 0; i < MERGE_OPERAND_COUNT_MAX; i++) {
        if (merge_fold_add(&fold, eight, SEQUENCE_MAX - i, false) != KV_OK)
            CU_FAIL("a fold is full too early");
    }
    CU_ASSERT_EQUAL(merge_fold_add(&fold, eight, 1, false), KV_LIMIT);
    CU_ASSERT_EQUAL(merge_fold_finish(&fold, &nothing, &result), KV_OK);
    merge_fold_start(&fold, eight);
    CU_ASSERT_EQUAL(merge_fold_add(&fold, eight, 7, false), KV_OK);
    CU_ASSERT_EQUAL(merge_fold_add(&fold, eight, 7, false), KV_CORRUPT);
    CU_ASSERT_EQUAL(merge_fold_add(&fold, slice_of(eight.data, VALUE_BYTES_MAX), 6, false),
                    KV_LIMIT);
    CU_ASSERT_FALSE(merge_fold_combine(&fold, &operand)); /* of one */
    merge_fold_deinit(&fold);

    merge_fold_init(&fold, &none);
    merge_fold_start(&fold, eight);
    CU_ASSERT_EQUAL(merge_fold_add(&fold, eight, 7, false), KV_OK);
    CU_ASSERT_EQUAL(merge_fold_add(&fold, eight, 6, false), KV_OK);
    CU_ASSERT_FALSE(merge_fold_combine(&fold, &operand));
    CU_ASSERT_EQUAL(merge_fold_finish(&fold, &nothing, &result), KV_UNSUPPORTED);
    merge_fold_deinit(&fold);
    log_set_sink(NULL, NULL);
}

/* --- entities --- */

/* Method: an entity with and without a default column; the others stay, byte for byte. */
static void
a_merge_onto_an_entity_keeps_its_columns(void)
{
    static const uint8_t with[] = {1, 2, 0, 1, 1, 'e', 2, 'v', 'x', 'y'};
    static const uint8_t with_expected[] = {1, 2, 0, 3, 1, 'e', 2, 'v', ',', 'z', 'x', 'y'};
    static const uint8_t without[] = {1, 1, 1, 'e', 2, 'x', 'y'};
    static const uint8_t without_expected[] = {1, 2, 0, 2, 1, 'e', 2, ',', 'z', 'x', 'y'};
    static const uint8_t empty[] = {1, 0};
    static const uint8_t empty_expected[] = {1, 1, 0, 2, ',', 'z'};
    static const struct {
        struct slice entity, expected;
    } cases[] = {{{with, sizeof(with)}, {with_expected, sizeof(with_expected)}},
                 {{without, sizeof(without)}, {without_expected, sizeof(without_expected)}},
                 {{empty, sizeof(empty)}, {empty_expected, sizeof(empty_expected)}}};
    const struct merge_operator op = operator_of("stringappend");
    struct merge_fold fold;

    merge_fold_init(&fold, &op);
    for (size_t i = 0; i < 3; i++) {
        const struct merge_version base = {.type = TYPE_ENTITY, .value = cases[i].entity};
        struct merge_version result;
        struct slice value;

        merge_fold_start(&fold, slice_from_text("k"));
        CU_ASSERT_EQUAL(merge_fold_add(&fold, slice_from_text("z"), 9, true), KV_OK);
        CU_ASSERT_EQUAL(merge_fold_finish(&fold, &base, &result), KV_OK);
        CU_ASSERT_EQUAL(result.type, TYPE_ENTITY);
        CU_ASSERT_TRUE(slice_equal(result.value, cases[i].expected));
        CU_ASSERT_EQUAL(entity_default_column(result.value, &value), KV_OK);
    }
    merge_fold_deinit(&fold);
}

/* Method: 20,000 random changes and cuts of a good entity; ASan is quiet, and what is accepted
 * reads back. */
static void
damaged_entities_are_refused(void)
{
    static const uint8_t good[] = {1, 3, 0, 1, 1, 'e', 2, 1, 'f', 0, 'v', 'x', 'y'};
    struct random random;
    struct buffer target = {0};

    random_init(&random, unit_seed());
    quiet_log();
    for (int round = 0; round < 20000; round++) {
        const size_t size = random_below(&random, sizeof(good) + 1);
        uint8_t *copy = malloc(size + 1);
        struct slice value;

        memcpy(copy, good, size);
        for (uint64_t i = random_below(&random, 3); i > 0 && size > 0; i--)
            copy[random_below(&random, size)] = (uint8_t)random_next(&random);
        if (merge_entity_set_value(slice_of(copy, size), slice_from_text("new"), &target) ==
            KV_OK) {
            CU_ASSERT_EQUAL(entity_default_column(buffer_slice(&target), &value), KV_OK);
            CU_ASSERT_TRUE(slice_equal(value, slice_from_text("new")));
        }
        free(copy);
    }
    buffer_deinit(&target);
    log_set_sink(NULL, NULL);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(texts_are_appended_with_the_delimiter),
        UNIT_TEST(extremes_and_the_last_are_found),
        UNIT_TEST(bytes_are_xored_and_the_longer_tail_stays),
        UNIT_TEST(counters_wrap_and_odd_lengths_are_zero),
        UNIT_TEST(decimal_sums_are_exact_or_refused),
        UNIT_TEST(options_are_read_as_rocksdb_reads_them),
        UNIT_TEST(combining_early_changes_nothing),
        UNIT_TEST(a_fold_keeps_copies_and_order),
        UNIT_TEST(a_fold_has_bounds),
        UNIT_TEST(a_merge_onto_an_entity_keeps_its_columns),
        UNIT_TEST(damaged_entities_are_refused),
        UNIT_TEST_END,
    };

    return unit_main("merge_operator", tests, argc, argv);
}
