/* arguments.h - the command line: kvd [FILE] [--name value]... */
#ifndef KV_DAEMON_ARGUMENTS_H
#define KV_DAEMON_ARGUMENTS_H

#include "daemon/config.h"

enum arguments_action {
    ARGUMENTS_RUN,
    ARGUMENTS_CHECK,  /* --check-config */
    ARGUMENTS_PRINT,  /* --print-config */
    ARGUMENTS_LEAVE,  /* what was asked for (--help, --version) is on standard output */
    ARGUMENTS_FAILED, /* a message is on standard error; *exit_code_out is set */
};

/* Fills in `config` from defaults, the file, then the options.  `config` is initialised in any
 * case. */
enum arguments_action arguments_read(int argc, char **argv, struct config *config,
                                     int *exit_code_out);
/* All settings with their sources, in the form of the file. */
void arguments_print_config(const struct config *config);

#endif
