/* Goal: every command is found by its name in any case, and nothing else is; patterns match as
 * Redis's do. */
#include <CUnit/Basic.h>

#include <ctype.h>
#include <stdlib.h>

#include "daemon/command_table.h"
#include "daemon/glob.h"
#include "support/unit.h"

/* Method: all rows, as they are, in capitals, cut short and made longer. */
static void
commands_are_found_by_name(void)
{
    CU_ASSERT_TRUE(command_count() > 0);
    for (uint32_t i = 0; i < command_count(); i++) {
        const struct command *command = command_at(i);
        char name[COMMAND_NAME_BYTES_MAX + 2] = "";
        const size_t size = strlen(command->name);

        for (size_t k = 0; k < size; k++) {
            CU_ASSERT_TRUE(islower((unsigned char)command->name[k]) || command->name[k] == '.' ||
                           command->name[k] == '_' || isdigit((unsigned char)command->name[k]));
            name[k] = (char)toupper((unsigned char)command->name[k]);
        }
        CU_ASSERT_PTR_EQUAL(command_find(slice_from_text(command->name)), command);
        CU_ASSERT_PTR_EQUAL(command_find(slice_of(name, size)), command);
        CU_ASSERT_PTR_NOT_EQUAL(command_find(slice_of(name, size - 1)), command);
        CU_ASSERT_PTR_NOT_EQUAL(command_find(slice_of(name, size + 1)), command);
        CU_ASSERT_EQUAL(command_index(command), i);
        CU_ASSERT_TRUE(command->group != NULL && command->since != NULL);
        CU_ASSERT_TRUE(command->summary != NULL && command->complexity != NULL);
        CU_ASSERT_TRUE((command->key_first == 0) == (command->key_step == 0));
    }
    CU_ASSERT_PTR_NULL(command_at(command_count()));
    CU_ASSERT_PTR_NULL(command_find(slice_of("", 0)));
    CU_ASSERT_PTR_NULL(command_find(slice_from_text("a name that is longer than any command's")));
}

static bool
matches(const char *pattern, const char *text)
{
    return glob_match(slice_from_text(pattern), slice_from_text(text), false);
}

/* Method: each element of a pattern, and the cases where implementations differ. */
static void
patterns_match_as_in_redis(void)
{
    CU_ASSERT_TRUE(matches("", ""));
    CU_ASSERT_TRUE(matches("*", "") && matches("**", "abc") && matches("a*c", "abbc"));
    CU_ASSERT_TRUE(matches("h?llo", "hello") && !matches("h?llo", "hllo"));
    CU_ASSERT_TRUE(matches("h[ae]llo", "hallo") && !matches("h[ae]llo", "hillo"));
    CU_ASSERT_TRUE(matches("h[^e]llo", "hallo") && !matches("h[^e]llo", "hello"));
    CU_ASSERT_TRUE(matches("h[a-c]llo", "hbllo") && matches("h[c-a]llo", "hbllo"));
    CU_ASSERT_TRUE(matches("a\\*", "a*") && !matches("a\\*", "ab"));
    CU_ASSERT_TRUE(matches("[\\]]", "]") && matches("a[bc", "ab"));
    CU_ASSERT_TRUE(matches("*a*b*c", "xxaxxbxxc") && !matches("*a*b*c", "xxbxxaxxc"));
    CU_ASSERT_FALSE(matches("abc", "ab") || matches("ab", "abc") || matches("?", ""));
    CU_ASSERT_TRUE(glob_match(slice_from_text("MAX*"), slice_from_text("maxclients"), true));
    CU_ASSERT_TRUE(glob_match(slice_from_text("[A-C]x"), slice_from_text("bX"), true));
}

/* Method: a pattern of many stars against a long text that does not match ends in good time. */
static void
many_stars_are_no_attack(void)
{
    enum { SIZE = 20000 };
    uint8_t *text = malloc(SIZE), *pattern = malloc(200);

    memset(text, 'a', SIZE);
    for (int i = 0; i < 200; i++)
        pattern[i] = i % 2 == 0 ? '*' : 'a';
    pattern[199] = 'b';
    CU_ASSERT_FALSE(glob_match(slice_of(pattern, 200), slice_of(text, SIZE), false));
    free(text);
    free(pattern);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(commands_are_found_by_name),
        UNIT_TEST(patterns_match_as_in_redis),
        UNIT_TEST(many_stars_are_no_attack),
        UNIT_TEST_END,
    };

    return unit_main("daemon_command_table", tests, argc, argv);
}
