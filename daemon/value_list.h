/* value_list.h - the values of several keys of one command, read together. */
#ifndef KV_DAEMON_VALUE_LIST_H
#define KV_DAEMON_VALUE_LIST_H

#include "daemon/command.h"

enum { VALUE_LIST_INLINE_COUNT = 16 };

struct value_found {
    struct slice value; /* borrowed until the write; empty if the key does not exist */
    bool exists;
};

/* What the keys have, by the order of the arguments. */
struct value_list {
    struct value_found *items; /* owned unless they are inline_items */
    uint32_t count;
    struct value_found inline_items[VALUE_LIST_INLINE_COUNT];
};

/* Reads args[first], args[first + step] and so on, to the last argument.  Goes on behind a key that
 * is not there yet, so that its blocks and the next ones' come together, until no more can be asked
 * for at once.  Nothing is copied.  Whatever is returned, value_list_deinit ends the list. */
MUST_CHECK enum kv_status value_list_read(struct command_call *call, uint32_t first, uint32_t step,
                                          struct value_list *list);
void value_list_deinit(struct value_list *list);

#endif
