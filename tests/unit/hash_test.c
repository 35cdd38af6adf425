/* Goal: the hashes that are stored in files are RocksDB's, bit by bit. */
#include <CUnit/Basic.h>

#include "base/hash.h"
#include "base/slice.h"
#include "support/unit.h"

static const struct {
    size_t size;
    uint64_t hash;
} xxph3_vectors[] = {
    {0, UINT64_C(0x5342c3010fe1dd04)},    {1, UINT64_C(0x7198d737cfe7f386)},
    {2, UINT64_C(0x391ee7c983900289)},    {3, UINT64_C(0xc0360a11b4791b98)},
    {4, UINT64_C(0xf28e842dedde83ae)},    {7, UINT64_C(0x94a704424645a947)},
    {8, UINT64_C(0x223c9d9c7f17db6e)},    {9, UINT64_C(0x93557756b5dae4dd)},
    {15, UINT64_C(0x961e85f5512575df)},   {16, UINT64_C(0x4bfe2ff1655e8360)},
    {17, UINT64_C(0x6dff1ac96eef2848)},   {31, UINT64_C(0x447754ee46b2f79d)},
    {32, UINT64_C(0x05e0c55fd9add145)},   {33, UINT64_C(0x836364faed762c18)},
    {64, UINT64_C(0x85a0b1306d97b7f5)},   {65, UINT64_C(0x761d1aecf631ff50)},
    {96, UINT64_C(0xea1eec322790bfdb)},   {97, UINT64_C(0xa178f7429a14e134)},
    {127, UINT64_C(0x30aa9487dae35c2f)},  {128, UINT64_C(0x7aa5db2c8097080b)},
    {129, UINT64_C(0xa06d81743056cebc)},  {144, UINT64_C(0x9ae3190c27ffbe3b)},
    {160, UINT64_C(0x2bf66d966bf9ea9e)},  {239, UINT64_C(0x5b757db9a7dd327e)},
    {240, UINT64_C(0xd1253a6dec8c35fc)},  {241, UINT64_C(0xb78df6016a18c222)},
    {256, UINT64_C(0x4ab6ef4d2088e650)},  {320, UINT64_C(0x6aea39ea3e78cd3c)},
    {1023, UINT64_C(0x6ff7ce6a43955c74)}, {1024, UINT64_C(0xa63b91fd35ca4f09)},
    {1025, UINT64_C(0x95936fd408f00c5e)}, {1088, UINT64_C(0x24d4bf310a290533)},
    {2048, UINT64_C(0x3b0abe545fd1dc29)}, {2049, UINT64_C(0xeb54fdc455a74f85)},
    {5000, UINT64_C(0x9033f9a07f53af5d)},
};

/* Method: the vectors of FORMAT's section 13.1, which cover every class of length and its borders:
 * the bytes 0, 1, 2, ... */
static void
xxph3_matches_the_vectors_of_every_length_class(void)
{
    uint8_t bytes[5000];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof(xxph3_vectors) / sizeof(xxph3_vectors[0]); i++)
        CU_ASSERT_EQUAL(hash_xxph3(bytes, xxph3_vectors[i].size), xxph3_vectors[i].hash);
}

static void
xxph3_matches_the_vectors_of_words(void)
{
    CU_ASSERT_EQUAL(hash_xxph3("", 0), UINT64_C(0x5342c3010fe1dd04));
    CU_ASSERT_EQUAL(hash_xxph3("a", 1), UINT64_C(0x88d868bf607681c7));
    CU_ASSERT_EQUAL(hash_xxph3("abc", 3), UINT64_C(0xd39eeb71bb5342e8));
    CU_ASSERT_EQUAL(hash_xxph3("hello", 5), UINT64_C(0xa0bbc238c97657b5));
    CU_ASSERT_EQUAL(hash_xxph3("0123456789abcdef", 16), UINT64_C(0x402c83c1955d056d));
}

/* Method: 13.1 again; the last three have bytes above 0x7f in the tail, which are sign-extended. */
static void
hash32_matches_the_vectors(void)
{
    CU_ASSERT_EQUAL(hash32("", 0, 0xbc9f1d34), 0xbc9f1d34);
    CU_ASSERT_EQUAL(hash32("", 0, 397), 0x18d);
    CU_ASSERT_EQUAL(hash32("a", 1, 0xbc9f1d34), 0x286e9db0);
    CU_ASSERT_EQUAL(hash32("a", 1, 397), 0x5c8473b1);
    CU_ASSERT_EQUAL(hash32("abc", 3, 0xbc9f1d34), 0x855d012f);
    CU_ASSERT_EQUAL(hash32("abc", 3, 397), 0x1d9aa392);
    CU_ASSERT_EQUAL(hash32("hello", 5, 0xbc9f1d34), 0xf795964e);
    CU_ASSERT_EQUAL(hash32("hello", 5, 397), 0xbe006c87);
    CU_ASSERT_EQUAL(hash32("\x80", 1, 0xbc9f1d34), 0x91b755f4);
    CU_ASSERT_EQUAL(hash32("ab\xff", 3, 0xbc9f1d34), 0x0ff101a5);
    CU_ASSERT_EQUAL(hash32("abcd\xe9\xe8\xf0", 7, 0xbc9f1d34), 0x667a90ee);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(xxph3_matches_the_vectors_of_every_length_class),
        UNIT_TEST(xxph3_matches_the_vectors_of_words),
        UNIT_TEST(hash32_matches_the_vectors),
        UNIT_TEST_END,
    };

    return unit_main("hash", tests, argc, argv);
}
