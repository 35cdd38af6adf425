/* sim_call.h - what a test does by hand on a simulated machine, request by request.
 *
 * Each runs in place and returns what the request does: a number, or a negative errno.
 */
#ifndef KV_TESTS_SUPPORT_SIM_CALL_H
#define KV_TESTS_SUPPORT_SIM_CALL_H

#include "support/sim_io.h"

int64_t sim_call(struct sim_io *sim, struct io_request request);
int sim_open(struct sim_io *sim, const char *path, int flags);
int64_t sim_write_text(struct sim_io *sim, int fd, uint64_t offset, const char *text);
int64_t sim_sync(struct sim_io *sim, int fd);
int64_t sim_sync_dir(struct sim_io *sim, const char *path);
/* Whether the file is there and holds exactly `text`, of up to 63 bytes. */
bool sim_file_holds(struct sim_io *sim, const char *path, const char *text);

#endif
