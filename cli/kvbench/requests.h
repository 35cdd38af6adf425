/* requests.h - operations as RESP requests. */
#ifndef KV_KVBENCH_REQUESTS_H
#define KV_KVBENCH_REQUESTS_H

#include "cli/exit_code.h"
#include "cli/kvbench/request_template.h"
#include "cli/kvbench/run.h"

struct requests {
    struct request_template templates[OP_KIND_COUNT];
    struct request_template set_with_ttl;
};

/* EXIT_OK, or EXIT_USAGE after a message about --command.  To be deinitialised anyway. */
enum exit_code requests_init(struct requests *requests, const struct bench_options *options);
void requests_deinit(struct requests *requests);
/* Appends the request of `op`; of OP_RMW the one of its phase. */
void requests_append(const struct requests *requests, struct run *run, struct op *op,
                     struct buffer *target);

#endif
