/* dial.h - connections to the server, ready for the first request. */
#ifndef KV_KVBENCH_DIAL_H
#define KV_KVBENCH_DIAL_H

#include "cli/exit_code.h"
#include "cli/kvbench/bench_options.h"

/* Connects, speaks HELLO, AUTH and SELECT as far as they are asked for, and PING.  EXIT_OK: the
 * caller owns *fd_out.  EXIT_NO_CONNECTION or EXIT_SERVER_ERROR: a message was printed. */
enum exit_code dial(const struct bench_options *options, int *fd_out);

#endif
