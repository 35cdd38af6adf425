/* command_syntax.h - the arguments of a command: written as people write them, told as Redis does.
 *
 *     <name>  <name type>     an argument; its type is `string` if there is none
 *     <name key>  <name key 1>    one that is a key, of the first or second run of the row's keys
 *     TOKEN                   a word that stands for itself; its name is the same in lower case
 *     TOKEN <name>  TOKEN name(...)  TOKEN name{...}    an argument behind a word
 *     name(a|b)               one of several
 *     name{a b}               several
 *     [a]                     may be absent
 *     a...  [a]...            may be repeated; outside of the brackets, with its word
 *     a@6.0.0  a~6.0.0        there since a version of Redis, not to be used since one
 *
 * So SET is  <key key> <value> [condition(NX|XX)@2.6.12] [GET@6.2.0] ...
 *
 * Such texts are our own, so one that is not well-formed is a failed assertion.
 */
#ifndef KV_DAEMON_COMMAND_SYNTAX_H
#define KV_DAEMON_COMMAND_SYNTAX_H

#include "base/slice.h"
#include "resp/resp_writer.h"

enum { SYNTAX_NODE_COUNT_MAX = 40 };

/* An argument. */
struct syntax_node {
    struct slice name, type, token;       /* parts of the text; token: empty if it has none */
    struct slice since, deprecated_since; /* empty: not said */
    uint32_t key_spec;                    /* if its type is `key` */
    bool is_optional, is_multiple, is_multiple_token;
    uint32_t child_count;
    uint32_t node_count; /* its own and those inside of it */
};

/* Nodes are followed by those inside of them.  Valid as long as the text. */
struct syntax {
    struct syntax_node nodes[SYNTAX_NODE_COUNT_MAX];
    uint32_t node_count;
    uint32_t argument_count; /* of the outermost */
};

void syntax_parse(const char *text, struct syntax *syntax);
/* The array of them: `arguments` of COMMAND DOCS. */
void syntax_describe(const struct syntax *syntax, struct resp_writer *reply);

#endif
