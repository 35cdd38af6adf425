/* linear_history.h - what concurrent clients asked of a key-value server, and what they were told.
 *
 * A history is text, one operation a line, in any order:
 *
 *     12 15 k3 SET v1 = OK            called at 12, answered at 15
 *     13 - k3 APPEND x =              never answered: it may have happened at any time, or not
 *     14 19 k3 CAS 11 a b = nil       watched at 11, had read a, wanted to write b; was refused
 *
 * Times are any numbers that order the events as a clock on the wall would.  Words have no spaces.
 * GET key, SET key value, DEL key, INCR key, APPEND key value, SETNX key value, GETSET key value,
 * CAS key watched old new.  A value that was read is "$value", "nil" if there was none; a number
 * is itself; "OK"; "ERR" for INCR of what is no number.  `old` of CAS is like a value that was
 * read.
 */
#ifndef KV_TESTS_SUPPORT_LINEAR_HISTORY_H
#define KV_TESTS_SUPPORT_LINEAR_HISTORY_H

#include "base/slice.h"

enum linear_kind {
    LINEAR_GET,
    LINEAR_SET,
    LINEAR_DEL,
    LINEAR_INCR,
    LINEAR_APPEND,
    LINEAR_SETNX,
    LINEAR_GETSET,
    LINEAR_CAS,
    LINEAR_KIND_COUNT
};

#define LINEAR_NEVER UINT64_MAX

struct linear_op {
    struct slice line; /* all slices are borrowed from the text */
    struct slice key;
    enum linear_kind kind;
    uint64_t call_time, return_time; /* LINEAR_NEVER: not answered */
    uint64_t watch_time;             /* of CAS */
    struct slice old;                /* of CAS */
    struct slice value;              /* what it writes */
    struct slice result;
};

struct linear_history {
    struct linear_op *ops; /* owned; by key, and by call_time in each */
    uint32_t op_count, pending_count, key_count;
};

/* Borrows `text`.  False: it is not a history, and says why on standard error. */
bool linear_history_parse(struct linear_history *history, struct slice text);
void linear_history_deinit(struct linear_history *history);

#endif
