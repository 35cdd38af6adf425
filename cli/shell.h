/* shell.h - kvctl without a verb: commands line by line, from a terminal or from a pipe. */
#ifndef KV_CLI_SHELL_H
#define KV_CLI_SHELL_H

#include "cli/exit_code.h"
#include "cli/options.h"

/* Until the end of input or `quit`.  From a terminal the exit code tells only of a connection
 * that could not be made at the start; from a pipe it is the gravest one of all lines. */
enum exit_code shell_run(const struct options *options);

#endif
