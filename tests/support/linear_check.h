/* linear_check.h - is there an order of a history's operations, one after the other, that every
 * client could have seen?
 *
 * Each operation takes its place between its call and its return; one that was never answered takes
 * any place behind its call, or none.  That a transaction was refused is checked too: somebody
 * else must have been writing to its key.  Keys are independent of each other.
 */
#ifndef KV_TESTS_SUPPORT_LINEAR_CHECK_H
#define KV_TESTS_SUPPORT_LINEAR_CHECK_H

#include "support/linear_history.h"

enum linear_verdict { LINEAR_YES, LINEAR_NO, LINEAR_TOO_HARD };

struct linear_report {
    uint64_t configuration_count; /* that were looked at */
    uint64_t configuration_count_max;
    const struct linear_op *culprit; /* of LINEAR_NO: no order gets past its return */
};

/* configuration_count_max of the report is an input: for each key.  LINEAR_TOO_HARD: not enough. */
enum linear_verdict linear_check(const struct linear_history *history,
                                 struct linear_report *report);

#endif
