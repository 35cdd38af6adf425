/* small_flush.h - a flush of one entry, for tests of who does it and when. */
#ifndef KV_TESTS_SUPPORT_SMALL_FLUSH_H
#define KV_TESTS_SUPPORT_SMALL_FLUSH_H

#include <stdbool.h>

#include "db/job_port.h"
#include "mem/memtable.h"

enum { SMALL_FLUSH_NUMBER = 90 }; /* of its table's file */

struct small_flush {
    struct memtable_pool *memtables;
    struct memtable *memtable;
    struct flush_output output;
    struct flush_job job; /* for the port */
    bool has_ended;       /* then `st` is how */
    enum kv_status st;
};

/* Into `dir`, which must last.  Must not move while the job is under way. */
void small_flush_init(struct small_flush *flush, const char *dir);
void small_flush_deinit(struct small_flush *flush);

#endif
