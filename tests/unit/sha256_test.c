/* Goal: SHA-256 is that of FIPS 180-4. */
#include <CUnit/Basic.h>

#include <stdio.h>
#include <string.h>

#include "base/sha256.h"
#include "support/unit.h"

static bool
is_hash(const char *text, const char *expected)
{
    uint8_t digest[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];

    sha256(slice_from_text(text), digest);
    for (int i = 0; i < SHA256_BYTES; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return strcmp(hex, expected) == 0;
}

/* Method: the examples of the standard, which need one and two blocks, and one of exactly one. */
static void
the_standard_s_examples_hold(void)
{
    CU_ASSERT_TRUE(is_hash("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
    CU_ASSERT_TRUE(
        is_hash("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    CU_ASSERT_TRUE(is_hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                           "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"));
    CU_ASSERT_TRUE(is_hash("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                           "a8ae6e6ee929abea3afcfc5258c8ccd6f85273e0d4626d26c7279f3250f77c8e"));
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(the_standard_s_examples_hold),
        UNIT_TEST_END,
    };

    return unit_main("sha256", tests, argc, argv);
}
