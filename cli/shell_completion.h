/* shell_completion.h - the names of the server's commands, for the Tab key.
 *
 * libedit calls back without a context, so there is one list in the process. */
#ifndef KV_CLI_SHELL_COMPLETION_H
#define KV_CLI_SHELL_COMPLETION_H

#include "cli/dialogue.h"

/* Borrows the dialogue until the end; the names are asked for at the first Tab. */
void shell_completion_start(struct dialogue *dialogue);
void shell_completion_end(void);

#endif
