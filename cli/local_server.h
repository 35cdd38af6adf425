/* local_server.h - a private kvd for one run of kvctl on a directory that nobody serves.
 *
 * It listens on a Unix socket in a fresh directory of mode 0700 and ends with kvctl, however
 * kvctl ends.  There is at most one in the process.
 */
#ifndef KV_CLI_LOCAL_SERVER_H
#define KV_CLI_LOCAL_SERVER_H

#include "cli/exit_code.h"

/* `kvd_path` NULL: kvd beside kvctl, else in ../sbin, else in PATH.  Comes back when the server
 * answers; *socket_path_out is borrowed until the stop.  EXIT_NO_CONNECTION: it has ended, and what
 * it said was shown. */
enum exit_code local_server_start(const char *data_dir, const char *kvd_path,
                                  const char **socket_path_out);
/* Ends it cleanly and waits; shows what it had to say.  Does nothing when none runs. */
enum exit_code local_server_stop(void);

/* From now on a signal that ends kvctl ends the private kvd too. */
void local_server_handle_signals(void);

#endif
