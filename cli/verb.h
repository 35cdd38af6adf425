/* verb.h - the subcommands that send one command to the server.
 *
 * A verb says which words are sent, and which replies are an exit code other than 0.
 */
#ifndef KV_CLI_VERB_H
#define KV_CLI_VERB_H

#include <hiredis/hiredis.h>

#include "cli/exit_code.h"
#include "cli/request.h"

/* How the formats read a reply. */
enum reply_shape {
    SHAPE_PLAIN,
    SHAPE_BY_KEY,  /* an array with a value for each word behind the first */
    SHAPE_PAIRS,   /* an array of names and values in turn */
    SHAPE_RECORDS, /* an array of arrays of names and values in turn */
    SHAPE_INFO,    /* text: "# Section" and "name:value" lines */
};

/* Which replies mean that something was not there or not done. */
enum verb_outcome {
    OUTCOME_ANY,       /* none */
    OUTCOME_VALUE,     /* null: not found */
    OUTCOME_VALUES,    /* an array of nothing but nulls: not found */
    OUTCOME_COUNT,     /* 0: not found */
    OUTCOME_CONDITION, /* of SET */
};

struct verb {
    const char *name;
    const char *arguments; /* for the help */
    const char *summary;
    const char *command; /* the words that are sent before the arguments; "": none */
    uint32_t argument_count_min, argument_count_max;
    enum verb_outcome outcome;
    bool in_shell; /* the shell knows it too: no Redis command has this name */
};

/* NULL when index is past the end. */
const struct verb *verb_at(size_t index);
const struct verb *verb_find(const char *name); /* or NULL */

/* Fills in the request; EXIT_USAGE with a message when the arguments are wrong. */
enum exit_code verb_build(const struct verb *verb, int argument_count, char **arguments,
                          struct request *request);
/* The shape of the reply to a request, also to one that was not made by a verb. */
enum reply_shape verb_shape(const struct request *request);
/* `verb` NULL: a command of the shell.  Error replies are EXIT_SERVER_ERROR. */
enum exit_code verb_judge(const struct verb *verb, const struct request *request,
                          const redisReply *reply);

#endif
