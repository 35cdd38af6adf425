/* value_deadline.h - values with deadlines, for the handlers that make, keep or tell them.
 *
 * A command that changes a value keeps its deadline, and with it the columns that others have put
 * into the entity; one that replaces it does not.  Times are the try's (db_now_ms): whatever one
 * command or transaction sees and sets belongs to one moment.
 */
#ifndef KV_DAEMON_VALUE_DEADLINE_H
#define KV_DAEMON_VALUE_DEADLINE_H

#include "daemon/command.h"
#include "key/entity.h"

/* How a command says when: EX, PX, EXAT and PXAT, or by its name. */
struct deadline_form {
    bool is_seconds, is_relative;
};

/* From an argument of SET and its like.  False: the error reply has been written. */
bool deadline_parse(struct command_call *call, struct slice text, struct deadline_form form,
                    uint64_t *deadline_ms_out);

/* Of a value that command_get has found, or DEADLINE_NONE. */
static inline uint64_t
value_deadline(const struct lookup *found)
{
    return found->entity.size == 0 ? DEADLINE_NONE : entity_deadline(found->entity);
}

/* value_put of a value with a deadline, in place of everything that was there. */
bool value_put_until(struct command_call *call, struct slice key, struct slice value,
                     uint64_t deadline_ms);
/* value_put over `old`, whose deadline and other columns stay. */
bool value_put_over(struct command_call *call, struct slice key, const struct lookup *old,
                    struct slice value);
/* Another deadline, or DEADLINE_NONE, for a value that stays. */
bool value_put_deadline(struct command_call *call, struct slice key, const struct lookup *old,
                        uint64_t deadline_ms);
/* Puts under another key what was found under its own, all of it. */
bool value_put_copy(struct command_call *call, struct slice key, const struct lookup *found);

#endif
