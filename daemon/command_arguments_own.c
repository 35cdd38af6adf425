/* command_arguments_own.c - the arguments of kvd's own commands; and the look into both tables. */
#include <string.h>

#include "base/assert.h"
#include "daemon/command_arguments.h"

/* Of KV.RANGE and KV.PREFIX. */
#define PAGE                                                                                       \
    "[REV] [LIMIT <count integer>] [MAXBYTES <bytes integer>] [BUDGET <milliseconds integer>] "    \
    "[what(KEYS|COUNT)] [AT <snapshot>]"

const struct command_arguments command_arguments_own[] = {
    {"kv.at", "<snapshot> <command> [<arg>]..."},
    {"kv.cf|create", "<family> [setting_value{<setting> <value>}]..."},
    {"kv.cf|drop", "<family>"},
    {"kv.cf|get", "<family> [<pattern pattern>]"},
    {"kv.cf|info", "<family>"},
    {"kv.cf|set", "<family> setting_value{<setting> <value>}..."},
    {"kv.checkpoint", "<name>"},
    {"kv.compact", "[<family>] [range{<from> <to>}] [FORCE] [ASYNC]"},
    {"kv.count", "<from> <to> [how(EXACT|APPROX)] [AT <snapshot>]"},
    {"kv.delrange", "<from> <to>"},
    {"kv.flush", "[<family>] [ASYNC]"},
    {"kv.in", "<family> <command> [<arg>]..."},
    {"kv.jobs", "[action(<id integer>|CANCEL <id integer>|pause{PAUSE [<id integer>]}|"
                "resume{RESUME [<id integer>]})]"},
    {"kv.merge", "<key key> <operand> [OPERATOR <name>]"},
    {"kv.prefix", "<prefix> [FROM <bound>] " PAGE},
    {"kv.range", "<from> <to> " PAGE},
    {"kv.seek", "<key> [direction(GE|GT|LE|LT)] [AT <snapshot>]"},
    {"kv.singledel", "<key key>"},
    {"kv.size", "<from> <to>"},
    {"kv.snapshot|create", "[NAME <name>] TTL <seconds integer>"},
    {"kv.snapshot|drop", "<snapshot>"},
    {"kv.snapshot|extend", "<snapshot> <seconds integer>"},
    {"kv.use", "<family>"},
    {"kv.waitseq", "<sequence integer> <milliseconds integer>"},
    {"kv.write", "SYNC level(NONE|OS|DISK) <command> [<arg>]..."},
    {NULL, NULL},
};

static const char *
find_in(const struct command_arguments *table, const char *name)
{
    for (; table->name != NULL; table++) {
        if (strcmp(table->name, name) == 0)
            return table->text;
    }
    return NULL;
}

const char *
command_arguments_find(const char *name)
{
    KV_ASSERT(name[0] != '\0');
    return find_in(strncmp(name, "kv.", 3) == 0 ? command_arguments_own : command_arguments_redis,
                   name);
}
