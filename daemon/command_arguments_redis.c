/* command_arguments_redis.c - the arguments of Redis's commands, by name. */
#include "daemon/command_arguments.h"

#include <stddef.h>

#define KEY       "<key key>"
#define SOME_KEYS "<key key>..."
#define PAIRS     "key_value{<key key> <value>}..."
#define ON_OFF    "(ON|OFF)"
#define CONDITION "[condition(NX|XX|GT|LT)@7.0.0]"
#define FLUSH_HOW "[async(ASYNC@4.0.0|SYNC@6.2.0)]"
#define UNIT      "[index_unit(BYTE|BIT)@7.0.0]"
#define FIELD     "encoding_offset{<encoding> <offset integer>}"
#define EQUALITIES                                                                                 \
    "IFEQ <ifeq-value>@8.4.0|IFNE <ifne-value>@8.4.0|"                                             \
    "IFDEQ <ifdeq-digest>@8.4.0|IFDNE <ifdne-digest>@8.4.0"

const struct command_arguments command_arguments_redis[] = {
    {"acl|cat", "[<categoryname>]"},
    {"acl|deluser", "<username>..."},
    {"acl|dryrun", "<username> <command> [<arg>]..."},
    {"acl|genpass", "[<bits integer>]"},
    {"acl|getuser", "<username>"},
    {"acl|log", "[operation(<count integer>|RESET)]"},
    {"acl|setuser", "<username> [<rule>]..."},
    {"append", KEY " <value>"},
    {"auth", "[<username>@6.0.0] <password>"},
    {"bgsave", "[SCHEDULE@3.2.2]"},
    {"bitcount", KEY " [index{<start integer> <end integer> " UNIT "}]"},
    {"bitfield", KEY
     " [operation(GET " FIELD "|write{[OVERFLOW wrap_sat_fail(WRAP|SAT|FAIL)] write_operation("
     "SET encoding_offset_value{<encoding> <offset integer> <value integer>}|"
     "INCRBY encoding_offset_increment{<encoding> <offset integer> <increment integer>})})]..."},
    {"bitfield_ro", KEY " [GET " FIELD "]..."},
    {"bitop", "<operation> <destkey key> <key key 1>..."},
    {"bitpos", KEY " <bit integer> [index{<start integer> [end_index{<end integer> " UNIT "}]}]"},
    {"client|caching", "mode(YES|NO)"},
    {"client|kill",
     "filter(<ip:port>~2.8.12|new-format([ID <client-id integer>@2.8.12]|"
     "[TYPE normal_master_slave_pubsub(NORMAL|MASTER@3.2.0|SLAVE|REPLICA@5.0.0|PUBSUB)@2.8.12]|"
     "[USER <username>]|[ADDR <ip:port>]|[LADDR <ip:port>@6.2.0]|[SKIPME <yes/no>])...)"},
    {"client|list", "[TYPE normal_master_replica_pubsub(NORMAL|MASTER|REPLICA|PUBSUB)@5.0.0] "
                    "[ID id{<client-id integer>...}@6.2.0]"},
    {"client|no-evict", "enabled" ON_OFF},
    {"client|no-touch", "enabled" ON_OFF},
    {"client|pause", "<timeout integer> [mode(WRITE|ALL)@6.2.0]"},
    {"client|reply", "on_off_skip(ON|OFF|SKIP)"},
    {"client|setinfo", "attr(LIB-NAME <libname>|LIB-VER <libver>)"},
    {"client|setname", "<connection-name>"},
    {"client|tracking", "status" ON_OFF " [REDIRECT <client-id integer>] [PREFIX <prefix>]... "
                        "[BCAST] [OPTIN] [OPTOUT] [NOLOOP]"},
    {"client|unblock", "<client-id integer> [timeout_error(TIMEOUT|ERROR)]"},
    {"command|docs", "[<command-name>]..."},
    {"command|info", "[<command-name>]..."},
    {"command|list",
     "[FILTERBY filterby(MODULE <module-name>|ACLCAT <category>|PATTERN <pattern pattern>)]"},
    {"config|get", "parameter{<parameter>}..."},
    {"config|set", "parameter_value{<parameter> <value>}..."},
    {"copy", "<source key> <destination key 1> [DB <destination-db integer>] [REPLACE]"},
    {"decr", KEY},
    {"decrby", KEY " <decrement integer>"},
    {"del", SOME_KEYS},
    {"delex", KEY " [condition(" EQUALITIES ")]"},
    {"delifeq", KEY " <value>"},
    {"digest", KEY},
    {"dump", KEY},
    {"echo", "<message>"},
    {"exists", SOME_KEYS},
    {"expire", KEY " <seconds integer> " CONDITION},
    {"expireat", KEY " <unix-time-seconds unix-time> " CONDITION},
    {"expiretime", KEY},
    {"flushall", FLUSH_HOW},
    {"flushdb", FLUSH_HOW},
    {"get", KEY},
    {"getbit", KEY " <offset integer>"},
    {"getdel", KEY},
    {"getex", KEY " [expiration(EX <seconds integer>|PX <milliseconds integer>|"
                  "EXAT <unix-time-seconds unix-time>|PXAT <unix-time-milliseconds unix-time>|"
                  "PERSIST)]"},
    {"getrange", KEY " <start integer> <end integer>"},
    {"getset", KEY " <value>"},
    {"hello", "[arguments{<protover integer> [AUTH username_password{<username> <password>}] "
              "[SETNAME <clientname>]}]"},
    {"incr", KEY},
    {"incrby", KEY " <increment integer>"},
    {"incrbyfloat", KEY " <increment double>"},
    {"info", "[<section>]..."},
    {"keys", "<pattern pattern>"},
    {"latency|graph", "<event>"},
    {"latency|histogram", "[<command>]..."},
    {"latency|history", "<event>"},
    {"latency|reset", "[<event>]..."},
    {"lcs", "<key1 key> <key2 key> [LEN] [IDX] [MINMATCHLEN <len integer>] [WITHMATCHLEN]"},
    {"memory|usage", KEY " [SAMPLES <count integer>]"},
    {"mget", SOME_KEYS},
    {"move", KEY " <db integer>"},
    {"mset", PAIRS},
    {"msetnx", PAIRS},
    {"object|encoding", KEY},
    {"object|freq", KEY},
    {"object|idletime", KEY},
    {"object|refcount", KEY},
    {"persist", KEY},
    {"pexpire", KEY " <milliseconds integer> " CONDITION},
    {"pexpireat", KEY " <unix-time-milliseconds unix-time> " CONDITION},
    {"pexpiretime", KEY},
    {"ping", "[<message>]"},
    {"psetex", KEY " <milliseconds integer> <value>"},
    {"psubscribe", "pattern{<pattern pattern>}..."},
    {"pttl", KEY},
    {"publish", "<channel> <message>"},
    {"pubsub|channels", "[<pattern pattern>]"},
    {"pubsub|numsub", "[<channel>]..."},
    {"pubsub|shardchannels", "[<pattern pattern>]"},
    {"pubsub|shardnumsub", "[<shardchannel>]..."},
    {"punsubscribe", "[<pattern pattern>]..."},
    {"rename", KEY " <newkey key 1>"},
    {"renamenx", KEY " <newkey key 1>"},
    {"restore", KEY " <ttl integer> <serialized-value> [REPLACE@3.0.0] [ABSTTL@5.0.0] "
                    "[IDLETIME <seconds integer>@5.0.0] [FREQ <frequency integer>@5.0.0]"},
    {"scan", "<cursor integer> [MATCH <pattern pattern>] [COUNT <count integer>] "
             "[TYPE <type>@6.0.0]"},
    {"select", "<index integer>"},
    {"set", KEY " <value> [condition(NX|XX|" EQUALITIES ")@2.6.12] [GET@6.2.0] "
                "[expiration(EX <seconds integer>@2.6.12|PX <milliseconds integer>@2.6.12|"
                "EXAT <unix-time-seconds unix-time>@6.2.0|"
                "PXAT <unix-time-milliseconds unix-time>@6.2.0|KEEPTTL@6.0.0)]"},
    {"setbit", KEY " <offset integer> <value integer>"},
    {"setex", KEY " <seconds integer> <value>"},
    {"setnx", KEY " <value>"},
    {"setrange", KEY " <offset integer> <value>"},
    {"shutdown", "[nosave_save(NOSAVE|SAVE)] [NOW@7.0.0] [FORCE@7.0.0] [ABORT@7.0.0]"},
    {"slowlog|get", "[<count integer>]"},
    {"spublish", "<shardchannel> <message>"},
    {"ssubscribe", "<shardchannel>..."},
    {"strlen", KEY},
    {"subscribe", "<channel>..."},
    {"substr", KEY " <start integer> <end integer>"},
    {"sunsubscribe", "[<shardchannel>]..."},
    {"touch", SOME_KEYS},
    {"ttl", KEY},
    {"type", KEY},
    {"unlink", SOME_KEYS},
    {"unsubscribe", "[<channel>]..."},
    {"wait", "<numreplicas integer> <timeout integer>"},
    {"watch", SOME_KEYS},
    {NULL, NULL},
};
