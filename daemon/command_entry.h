/* command_entry.h - a command, or a second word of one, as COMMAND and ACL speak of it.
 *
 * An entry is a view: cheap to make, valid while the process runs.
 */
#ifndef KV_DAEMON_COMMAND_ENTRY_H
#define KV_DAEMON_COMMAND_ENTRY_H

#include "daemon/command_metadata.h"
#include "daemon/command_table.h"

enum { ENTRY_NAME_BYTES_MAX = 2 * COMMAND_NAME_BYTES_MAX };

struct command_entry {
    char name[ENTRY_NAME_BYTES_MAX + 2]; /* "get", "config|get" */
    const struct command *command;       /* itself, or whose second word it is */
    const struct subcommand *second;     /* NULL: a command */
    int32_t arity;
    uint32_t flags;
    uint32_t key_spec_count;
    struct key_spec keys[KEY_SPEC_COUNT_MAX]; /* positions resolved */
    const char *tips;                         /* words, perhaps none */
    const char *since;
};

void command_entry_of(const struct command *command, struct command_entry *entry);
/* The command's second words, HELP as the last; false past the end. */
bool command_entry_second(const struct command *command, uint32_t index,
                          struct command_entry *entry);
uint32_t command_entry_second_count(const struct command *command);
/* By a name as in the entry, in any case. */
bool command_entry_find(struct slice name, struct command_entry *entry);
/* What a command line runs: a second word if its command has some and the line one. */
bool command_entry_find_line(const struct slice *args, uint32_t arg_count,
                             struct command_entry *entry);

/* Redis's categories, in its order; NULL past the end. */
const char *command_category_at(uint32_t index);
/* Which of them the entry is in: bit i for the one at i. */
uint32_t command_entry_categories(const struct command_entry *entry);
bool command_entry_is_in(const struct command_entry *entry, struct slice category);
/* Whether a line of so many words can be one of it. */
bool command_entry_takes(const struct command_entry *entry, uint32_t arg_count);

#endif
