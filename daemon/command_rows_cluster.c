/* command_rows_cluster.c - the commands of group "cluster", by name. */
#include "daemon/command_handlers.h"
#include "daemon/command_rows.h"

#define PLAIN (COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST)

const struct command command_rows_cluster[] = {
    {.name = "cluster",
     .run = command_cluster,
     .arity = -2,
     .group = "cluster",
     .since = "3.0.0",
     .complexity = "O(1)",
     .summary = "An error: kvd is no cluster."},
    {.name = "readonly",
     .run = command_readonly,
     .arity = 1,
     .flags = PLAIN,
     .group = "cluster",
     .since = "3.0.0",
     .complexity = "O(1)",
     .summary = "An error: kvd is no cluster."},
    {.name = "readwrite",
     .run = command_readonly,
     .arity = 1,
     .flags = PLAIN,
     .group = "cluster",
     .since = "3.0.0",
     .complexity = "O(1)",
     .summary = "An error: kvd is no cluster."},
    {.name = NULL},
};
