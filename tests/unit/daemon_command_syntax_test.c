/* Goal: the notation of arguments is read as command_syntax.h says; and each command's is in it. */
#include <CUnit/Basic.h>
#include <string.h>

#include "daemon/command_arguments.h"
#include "daemon/command_syntax.h"
#include "support/unit.h"

static bool
is_text(struct slice slice, const char *text)
{
    return slice_equal(slice, slice_from_text(text));
}

/* Method: one text with everything, node by node. */
static void
each_mark_means_what_it_says(void)
{
    static struct syntax syntax;
    const struct syntax_node *nodes = syntax.nodes;

    syntax_parse(
        "<a> <b key 1>... [C@1.2.3] [D <d integer>...] [E e{<f>~1.0.0 [G]}]... h(I|J <k>@2.0.0)",
        &syntax);
    CU_ASSERT_EQUAL(syntax.argument_count, 6);
    CU_ASSERT_EQUAL(syntax.node_count, 10);
    CU_ASSERT_TRUE(is_text(nodes[0].name, "a") && is_text(nodes[0].type, "string"));
    CU_ASSERT_FALSE(nodes[0].is_optional || nodes[0].is_multiple || nodes[0].token.size > 0);
    CU_ASSERT_TRUE(is_text(nodes[1].type, "key") && nodes[1].key_spec == 1);
    CU_ASSERT_TRUE(nodes[1].is_multiple && !nodes[1].is_multiple_token);
    CU_ASSERT_TRUE(is_text(nodes[2].token, "C") && is_text(nodes[2].type, "pure-token"));
    CU_ASSERT_TRUE(nodes[2].is_optional && is_text(nodes[2].since, "1.2.3"));
    CU_ASSERT_TRUE(is_text(nodes[3].token, "D") && is_text(nodes[3].type, "integer"));
    CU_ASSERT_TRUE(nodes[3].is_multiple && !nodes[3].is_multiple_token);
    CU_ASSERT_TRUE(is_text(nodes[4].type, "block") && is_text(nodes[4].name, "e"));
    CU_ASSERT_TRUE(nodes[4].is_multiple && nodes[4].is_multiple_token && nodes[4].is_optional);
    CU_ASSERT_EQUAL(nodes[4].child_count, 2);
    CU_ASSERT_EQUAL(nodes[4].node_count, 3);
    CU_ASSERT_TRUE(is_text(nodes[5].name, "f") && is_text(nodes[5].deprecated_since, "1.0.0"));
    CU_ASSERT_TRUE(is_text(nodes[6].token, "G") && nodes[6].is_optional);
    CU_ASSERT_TRUE(is_text(nodes[7].type, "oneof") && is_text(nodes[7].name, "h"));
    CU_ASSERT_EQUAL(nodes[7].child_count, 2);
    CU_ASSERT_TRUE(is_text(nodes[9].token, "J") && is_text(nodes[9].name, "k"));
    CU_ASSERT_TRUE(is_text(nodes[9].since, "2.0.0"));
}

static bool
is_known_type(struct slice type)
{
    static const char *const types[] = {"string",    "integer",    "double", "key",  "pattern",
                                        "unix-time", "pure-token", "oneof",  "block"};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (is_text(type, types[i]))
            return true;
    }
    return false;
}

/* Method: both tables: a text that is not well-formed is a failed assertion of the parser. */
static void
the_tables_are_well_formed(void)
{
    static const struct command_arguments *const tables[] = {command_arguments_redis,
                                                             command_arguments_own};
    static struct syntax syntax;

    for (size_t i = 0; i < 2; i++) {
        for (const struct command_arguments *row = tables[i]; row->name != NULL; row++) {
            CU_ASSERT_TRUE(row[1].name == NULL || strcmp(row->name, row[1].name) < 0);
            CU_ASSERT_PTR_EQUAL(command_arguments_find(row->name), row->text);
            syntax_parse(row->text, &syntax);
            for (uint32_t node = 0; node < syntax.node_count; node++)
                CU_ASSERT_TRUE(is_known_type(syntax.nodes[node].type));
        }
    }
    CU_ASSERT_PTR_NULL(command_arguments_find("kv.stats"));
    CU_ASSERT_PTR_NULL(command_arguments_find("multi"));
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(each_mark_means_what_it_says),
        UNIT_TEST(the_tables_are_well_formed),
        UNIT_TEST_END,
    };

    return unit_main("daemon_command_syntax", tests, argc, argv);
}
