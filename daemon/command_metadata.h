/* command_metadata.h - what clients that route and plan want to know of a command beyond its row.
 *
 * A row says what kvd needs to run a command; this table has the rest of what COMMAND INFO says:
 * the flags of second words, tips, and what a command does with its keys.  All of it is Redis
 * 7.0.15's, compared field by field in tests/system/command_info_test.py.
 */
#ifndef KV_DAEMON_COMMAND_METADATA_H
#define KV_DAEMON_COMMAND_METADATA_H

#include <stdint.h>

enum { KEY_SPEC_COUNT_MAX = 2 };

/* One run of keys. */
struct key_spec {
    const char *flags; /* words; NULL: there is no such run */
    const char *notes; /* NULL: none */
    /* Of the first argument that is a key; 0: the three are as the row says. */
    int32_t first;
    int32_t last; /* counted from `first`; negative: from the end of the line */
    int32_t step;
};

struct command_metadata {
    const char *name;  /* "get", or "client|list" */
    uint32_t flags;    /* of a second word: enum command_flags */
    const char *since; /* of a second word; NULL: as its command */
    const char *tips;  /* words; NULL: none */
    struct key_spec keys[KEY_SPEC_COUNT_MAX];
};

/* One without anything if there is nothing to say. */
const struct command_metadata *command_metadata_find(const char *name);

#endif
