/* op.h - one operation, whatever it is run against. */
#ifndef KV_KVBENCH_OP_H
#define KV_KVBENCH_OP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum op_kind {
    OP_GET,
    OP_GET_MISSING, /* of a key that nobody writes, between two that are written */
    OP_SET,
    OP_RMW, /* a GET, then a SET of the same key; done when both are */
    OP_RANGE,
    OP_DELETE,
    OP_MERGE,
    OP_COMMAND, /* --command */
    OP_KIND_COUNT,
};

struct op {
    uint64_t key_id;
    uint64_t start_ns; /* open loop: when it was meant to start; closed: set by whoever starts it */
    uint32_t value_bytes;
    uint32_t version;     /* of the write, with --verify; from run_begin_write */
    uint32_t floor;       /* with --verify: the oldest version that a read may find */
    uint32_t ttl_s;       /* 0: none */
    uint32_t range_count; /* OP_RANGE: keys at most */
    uint8_t kind;         /* enum op_kind */
    uint8_t phase;        /* OP_RMW: 1 when its read is done; else 0 */
    bool is_counted;      /* it is past the warm-up */
    uint8_t row;          /* of the report */
};

#endif
