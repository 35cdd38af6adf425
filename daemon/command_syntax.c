/* command_syntax.c - from the notation of command_syntax.h to nodes, and from these to a reply.
 *
 * A reply says how many things follow before they do, so there are nodes in between.  Invariant:
 * nodes[i + 1] to nodes[i + node_count - 1] are inside of nodes[i].
 */
#include "daemon/command_syntax.h"

#include <ctype.h>
#include <string.h>

#include "base/assert.h"

struct reader {
    const char *at;
    struct syntax *syntax;
};

static bool
take(struct reader *reader, const char *text)
{
    const size_t size = strlen(text);

    if (strncmp(reader->at, text, size) != 0)
        return false;
    reader->at += size;
    return true;
}

static void
expect(struct reader *reader, const char *text)
{
    KV_ASSERT(take(reader, text));
}

/* Up to one of `ends`, or to the end of the text; not empty. */
static struct slice
take_word(struct reader *reader, const char *ends)
{
    const size_t size = strcspn(reader->at, ends);
    const struct slice word = slice_of((const uint8_t *)reader->at, size);

    KV_ASSERT(size > 0);
    reader->at += size;
    return word;
}

static struct syntax_node *
add_node(struct reader *reader)
{
    struct syntax *syntax = reader->syntax;

    KV_ASSERT(syntax->node_count < SYNTAX_NODE_COUNT_MAX);
    syntax->nodes[syntax->node_count] = (struct syntax_node){0};
    return &syntax->nodes[syntax->node_count++];
}

/* <name type key_spec>, behind the bracket. */
static void
read_value(struct reader *reader, struct syntax_node *node)
{
    node->name = take_word(reader, " >");
    node->type = take(reader, " ") ? take_word(reader, " >") : slice_from_text("string");
    if (take(reader, " "))
        node->key_spec = (uint32_t)(*reader->at++ - '0');
    KV_ASSERT(node->key_spec <= 9);
    expect(reader, ">");
}

static uint32_t read_all(struct reader *reader, const char *between);

/* name(...) or name{...} */
static void
read_group(struct reader *reader, struct syntax_node *node)
{
    node->name = take_word(reader, "({");
    if (take(reader, "(")) {
        node->type = slice_from_text("oneof");
        node->child_count = read_all(reader, "|");
        expect(reader, ")");
    } else {
        expect(reader, "{");
        node->type = slice_from_text("block");
        node->child_count = read_all(reader, " ");
        expect(reader, "}");
    }
}

/* Behind the word of an argument, unless it is all of it. */
static bool
goes_on(const struct reader *reader)
{
    return reader->at[0] == ' ' && (reader->at[1] == '<' || islower((unsigned char)reader->at[1]));
}

/* What is inside of the brackets, if there are some. */
static void
read_core(struct reader *reader, struct syntax_node *node)
{
    if (isupper((unsigned char)*reader->at)) {
        node->token = take_word(reader, " |)]}@~.");
        if (!goes_on(reader)) {
            node->name = node->token;
            node->type = slice_from_text("pure-token");
        } else {
            expect(reader, " ");
        }
    }
    if (node->name.size == 0 && take(reader, "<"))
        read_value(reader, node);
    else if (node->name.size == 0)
        read_group(reader, node);
    node->is_multiple = take(reader, "...");
    if (take(reader, "@"))
        node->since = take_word(reader, " |)]}~");
    if (take(reader, "~"))
        node->deprecated_since = take_word(reader, " |)]}");
}

static void
read_argument(struct reader *reader)
{
    const uint32_t index = reader->syntax->node_count;
    struct syntax_node *node = add_node(reader);

    node->is_optional = take(reader, "[");
    read_core(reader, node);
    if (node->is_optional)
        expect(reader, "]");
    if (take(reader, "...")) {
        node->is_multiple = true;
        node->is_multiple_token = node->token.size > 0;
    }
    node->node_count = reader->syntax->node_count - index;
}

/* Returns how many there are, not counting those inside of them. */
static uint32_t
read_all(struct reader *reader, const char *between)
{
    uint32_t count = 0;

    do {
        read_argument(reader);
        count++;
    } while (take(reader, between));
    return count;
}

void
syntax_parse(const char *text, struct syntax *syntax)
{
    struct reader reader = {.at = text, .syntax = syntax};

    syntax->node_count = 0;
    syntax->argument_count = read_all(&reader, " ");
    KV_ASSERT(*reader.at == '\0');
}

/* --- as a reply --- */

static bool
is_type(const struct syntax_node *node, const char *type)
{
    return slice_equal(node->type, slice_from_text(type));
}

static void
describe_name(const struct syntax_node *node, struct resp_writer *reply)
{
    char name[64];

    KV_ASSERT(node->name.size < sizeof(name));
    for (size_t i = 0; i < node->name.size; i++)
        name[i] = (char)tolower(node->name.data[i]);
    resp_bulk_text(reply, "name");
    resp_bulk(reply, slice_of((const uint8_t *)name, node->name.size));
}

static void
describe_text(const char *name, struct slice value, struct resp_writer *reply)
{
    if (value.size == 0)
        return;
    resp_bulk_text(reply, name);
    resp_bulk(reply, value);
}

static void
describe_flags(const struct syntax_node *node, struct resp_writer *reply)
{
    const size_t count =
        (size_t)node->is_optional + (size_t)node->is_multiple + (size_t)node->is_multiple_token;

    if (count == 0)
        return;
    resp_bulk_text(reply, "flags");
    resp_set(reply, count);
    if (node->is_optional)
        resp_simple(reply, "optional");
    if (node->is_multiple)
        resp_simple(reply, "multiple");
    if (node->is_multiple_token)
        resp_simple(reply, "multiple_token");
}

static size_t
count_fields(const struct syntax_node *node)
{
    return 2 + (size_t)is_type(node, "key") + (size_t)(node->token.size > 0) +
           (size_t)(node->since.size > 0) + (size_t)(node->deprecated_since.size > 0) +
           (size_t)(node->is_optional || node->is_multiple) + (size_t)(node->child_count > 0);
}

static void
describe_all(const struct syntax_node *node, uint32_t count, struct resp_writer *reply)
{
    resp_array(reply, count);
    for (uint32_t i = 0; i < count; i++) {
        resp_map(reply, count_fields(node));
        describe_name(node, reply);
        describe_text("type", node->type, reply);
        if (is_type(node, "key")) {
            resp_bulk_text(reply, "key_spec_index");
            resp_integer(reply, node->key_spec);
        }
        describe_text("token", node->token, reply);
        describe_text("since", node->since, reply);
        describe_text("deprecated_since", node->deprecated_since, reply);
        describe_flags(node, reply);
        if (node->child_count > 0) {
            resp_bulk_text(reply, "arguments");
            describe_all(node + 1, node->child_count, reply);
        }
        node += node->node_count;
    }
}

void
syntax_describe(const struct syntax *syntax, struct resp_writer *reply)
{
    KV_ASSERT(syntax->argument_count > 0);
    describe_all(syntax->nodes, syntax->argument_count, reply);
}
