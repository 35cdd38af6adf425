/* target.h - which server kvctl talks to.
 *
 * For a directory that a kvd serves, that kvd; its place is in DIR/kvd.endpoint, which kvd writes
 * when it is ready (0640, by renaming) and removes at a clean stop:
 *
 *     <process id>\n
 *     unix <absolute path>\n        or        tcp <host> <port>\n
 *
 * The file counts only while DIR/LOCK is held, and by that very process if the kernel tells.
 */
#ifndef KV_CLI_TARGET_H
#define KV_CLI_TARGET_H

#include "base/slice.h"
#include "cli/connection.h"
#include "io/file.h"

struct target {
    struct endpoint endpoint;
    bool is_private;           /* ours: no password, nobody else's */
    char path[PATH_BYTES_MAX]; /* what the endpoint borrows, for a running kvd */
};

/* May start a private kvd (local_server.h). */
enum exit_code target_find(struct target *target, const struct options *options);

/* Untrusted text into target->endpoint; false: malformed. */
bool target_parse_endpoint(struct target *target, struct slice text, int64_t *pid_out);

#endif
