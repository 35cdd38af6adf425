/* dialogue.h - a connection that is made when it is needed, and commands that end in printed
 * replies; what a verb and the shell share. */
#ifndef KV_CLI_DIALOGUE_H
#define KV_CLI_DIALOGUE_H

#include "base/limits.h"
#include "cli/target.h"
#include "cli/verb.h"

struct dialogue {
    struct options options;
    struct target target;
    struct connection connection;
    char family[COLUMN_FAMILY_NAME_BYTES_MAX + 1]; /* that KV.USE has chosen; options borrow it */
    bool has_target;
    bool for_person; /* standard output is a terminal */
    bool in_shell;
};

void dialogue_init(struct dialogue *dialogue, const struct options *options, bool in_shell);
/* Ends the private kvd, if there is one. */
enum exit_code dialogue_close(struct dialogue *dialogue);

/* Finds the server and connects, if that is not so already. */
enum exit_code dialogue_connect(struct dialogue *dialogue);
/* Runs a request; *reply_out is the caller's when EXIT_OK. */
enum exit_code dialogue_run(struct dialogue *dialogue, const struct request *request,
                            redisReply **reply_out);
/* Runs a request and prints the reply; errors go to standard error.  `verb` as in verb_judge. */
enum exit_code dialogue_show(struct dialogue *dialogue, const struct verb *verb,
                             const struct request *request);

#endif
