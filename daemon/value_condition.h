/* value_condition.h - "only if the value is what I think it is": IFEQ, IFNE, IFDEQ, IFDNE.
 *
 * A value that is not there is different from every value.
 */
#ifndef KV_DAEMON_VALUE_CONDITION_H
#define KV_DAEMON_VALUE_CONDITION_H

#include "base/slice.h"

enum value_condition_kind {
    CONDITION_NONE,
    CONDITION_EQUAL,
    CONDITION_NOT_EQUAL,
    CONDITION_DIGEST_EQUAL,
    CONDITION_DIGEST_NOT_EQUAL,
};

struct value_condition {
    enum value_condition_kind kind;
    struct slice operand; /* borrowed */
};

enum { DIGEST_TEXT_BYTES = 16 };
#define DIGEST_ERROR "ERR a digest is 16 hexadecimal digits, as DIGEST returns them"

/* XXH3 of 64 bits in lower-case hexadecimal, as Redis 8.4's DIGEST; no NUL. */
void value_digest(struct slice value, char text[DIGEST_TEXT_BYTES]);
/* CONDITION_NONE: the word is none of them. */
enum value_condition_kind value_condition_kind_of(struct slice word);
/* False: the operand of a digest is none. */
bool value_condition_is_valid(const struct value_condition *condition);
bool value_condition_holds(const struct value_condition *condition, bool exists,
                           struct slice value);

#endif
