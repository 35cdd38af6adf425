"""differences.py - where kvd may differ from Redis 7.0: the only places."""
from differential.rdb import sealed
from differential.servers import plain

# whether they are the same thing.


# Of later versions of Redis and of Valkey.
OWN = {b"delex", b"delifeq", b"digest"}
OWN_SECOND = {b"client|setinfo", b"client|no-touch"}


def is_own(name):
    return name.startswith(b"kv.") or name in OWN or name in OWN_SECOND


def same_kind(args, redis, kvd):
    """A number that is each server's own: only that it is one."""
    return redis[:1] == kvd[:1] == b":" or redis == kvd


def same_hello(args, redis, kvd):
    """All but the connection's number."""
    if redis[:1] == b"-":
        return redis == kvd
    theirs, ours = plain(redis), plain(kvd)
    at = theirs.index(b"id") + 1
    theirs[at] = ours[at]
    return redis[:4] == kvd[:4] and theirs == ours


def same_time(args, redis, kvd):
    theirs, ours = plain(redis), plain(kvd)
    return redis[:4] == kvd[:4] == b"*2\r\n" and abs(int(theirs[0]) - int(ours[0])) < 600


def fields_of(line):
    return [word.split(b"=")[0] for word in line.split()]


def same_client_line(args, redis, kvd):
    """kvd's line has all the fields that Redis's has, in Redis's order, and may have more; those
    that speak of the connection's settings agree.  (The order of a list is not said.)"""
    if redis[:1] == b"-":
        return redis == kvd
    theirs, ours = plain(redis), plain(kvd)
    if theirs[:4] == b"txt:":
        theirs, ours = theirs[4:], ours[4:]
    theirs, ours = theirs.splitlines()[-1], ours.splitlines()[-1]
    ours_known = [name for name in fields_of(ours) if name in fields_of(theirs)]
    pairs = [dict(word.split(b"=", 1) for word in line.split()) for line in (theirs, ours)]
    is_same_client = args[1].lower() == b"info"
    return redis[:1] == kvd[:1] and ours_known == fields_of(theirs) and all(
        not is_same_client or pairs[0][name] == pairs[1][name] for name in (b"name", b"db", b"user", b"resp", b"multi"))


def same_row(one, other):
    """All elements; kvd has not all of Redis's second words."""
    if one is None or other is None:
        return one is other
    seconds = [{row[0]: row for row in entry[9]} for entry in (one, other)]
    return one[:9] == other[:9] and all(
        name in OWN_SECOND or (name in seconds[0] and same_row(seconds[0][name], row))
        for name, row in seconds[1].items())


def same_command_rows(args, redis, kvd):
    """COMMAND INFO: a row for each name, or null."""
    theirs, ours = plain(redis), plain(kvd)
    return len(theirs) == len(ours) and all(map(same_row, theirs, ours)) and (
        redis.count(b"~") > 0) == (kvd.count(b"~") > 0)


def same_table(args, redis, kvd):
    """COMMAND: each command that kvd has is one of Redis's, described alike, but for its own."""
    theirs = {row[0]: row for row in plain(redis)}
    ours = [row for row in plain(kvd) if not is_own(row[0])]
    return all(row[0] in theirs and same_row(theirs[row[0]], row) for row in ours)


def subset_but_ours(args, redis, kvd):
    """COMMAND LIST: what kvd has, Redis has, but for its own."""
    if redis[:1] == b"-":
        return redis == kvd
    ours = {name for name in plain(kvd) if not is_own(name)}
    return ours <= set(plain(redis))


def same_config_names(args, redis, kvd):
    """CONFIG GET of a name: its name comes back as it was asked for; the value may be kvd's."""
    if redis[:1] == b"-":
        return redis == kvd
    return redis[:4] == kvd[:4] and sorted(plain(redis)[::2]) == sorted(plain(kvd)[::2])


def same_sections(args, redis, kvd):
    """INFO: Redis's sections, in Redis's order, but for the one of modules; kvd has two more."""
    theirs, ours = [[line for line in plain(reply).splitlines() if line[:1] == b"#"]
                    for reply in (redis, kvd)]
    theirs = [line for line in theirs if line != b"# Modules"]
    ours = [line for line in ours if line not in (b"# Kvd", b"# Compaction")]
    return redis[:1] == kvd[:1] and theirs == ours


def same_keys(args, redis, kvd):
    """KEYS: the order is each server's own."""
    return redis[:1] == kvd[:1] == b"*" and sorted(plain(redis)) == sorted(plain(kvd))


def same_scan(args, redis, kvd):
    """The whole of a SCAN in one page: the same keys.  kvd ends a page when its time is over."""
    if redis[:1] == b"-" or kvd[:1] == b"-":
        return redis == kvd
    (_, theirs), (cursor, ours) = plain(redis), plain(kvd)
    if cursor != b"0":
        return set(ours) <= set(theirs)
    return set(theirs) == set(ours)


def same_encoding(args, redis, kvd):
    """Redis's encoding also depends on how the value came about."""
    return redis[:1] == kvd[:1] == b"$" and b"-1" not in (redis[1:3], kvd[1:3])


def same_time_left(args, redis, kvd):
    """TTL and its like: both the same -1 or -2, or about the same time."""
    theirs, ours = plain(redis), plain(kvd)
    slack = 30000 if args[0][:1].lower() == b"p" else 30
    return redis[:1] == kvd[:1] == b":" and (theirs == ours if theirs < 0 else abs(theirs - ours) < slack)


def same_memory_stats(args, redis, kvd):
    """A map; Redis's names, in Redis's order, where kvd has the thing."""
    theirs, ours = plain(redis)[::2], [name for name in plain(kvd)[::2] if not name.startswith(b"kvd.")]
    return redis[:1] == kvd[:1] and [name for name in theirs if name in ours] == ours


def same_memory_usage(args, redis, kvd):
    """A number of each server's own.  Redis counts a key that died and is not removed yet; for kvd it is gone."""
    return same_kind(args, redis, kvd) or (redis[:1] == b":" and kvd in (b"$-1\r\n", b"_\r\n"))


def same_size(args, redis, kvd):
    """GENPASS: the same length."""
    return redis[:1] == kvd[:1] == b"$" and len(redis) == len(kvd)


def same_type(args, redis, kvd):
    """A text or a map of each server's own: only that it is one."""
    return redis[:1] == kvd[:1]


def same_key_or_none(args, redis, kvd):
    return redis[:1] == kvd[:1]


COMPARERS = {
    (b"ttl", None): same_time_left,
    (b"pttl", None): same_time_left,
    (b"expiretime", None): same_time_left,
    (b"pexpiretime", None): same_time_left,
    (b"keys", None): same_keys,
    (b"randomkey", None): same_key_or_none,
    (b"scan", None): same_scan,
    (b"client", b"id"): same_kind,
    (b"client", b"info"): same_client_line,
    (b"client", b"list"): same_client_line,
    (b"command", b""): same_table,
    (b"command", b"count"): same_kind,
    (b"command", b"info"): same_command_rows,
    (b"command", b"list"): subset_but_ours,
    (b"config", b"get"): same_config_names,
    (b"slowlog", b"len"): same_kind,
    (b"object", b"encoding"): same_encoding,
    (b"object", b"refcount"): same_kind,
    (b"dbsize", None): same_kind,
    (b"lastsave", None): same_kind,
    (b"info", None): same_sections,
    (b"hello", None): same_hello,
    (b"memory", b"usage"): same_memory_usage,
    (b"memory", b"stats"): same_memory_stats,
    (b"memory", b"doctor"): same_type,
    (b"memory", b"malloc-stats"): same_type,
    (b"acl", b"genpass"): same_size,
    (b"acl", b"log"): same_type,
    (b"time", None): same_time,
}

# Commands of the page on compatibility that are not sent here: they change what a connection is, or
# they are kvd's own.  Other tests compare them (pubsub_test, monitor_test, condition_test).
ELSEWHERE = OWN | {b"monitor", b"quit", b"subscribe", b"psubscribe", b"ssubscribe", b"save", b"bgsave"}

# Differences on purpose: command line, what Redis replies to it, what kvd does (both as the start
# of the reply).  They are checked one by one, so that this table stays true.
DIFFERENCES = [
    ([b"SET", b"k" * 65537, b"v"], b"+OK", b"-ERR key is too long"),
    ([b"CLIENT", b"SETINFO", b"LIB-NAME", b"x"], b"-ERR unknown subcommand", b"+OK"),
    ([b"CONFIG", b"SET", b"timeout", b"x"], b"-ERR CONFIG SET failed (possibly related to argument "
     b"'timeout') - argument couldn't be parsed into an integer", b"-ERR CONFIG SET failed (possibly "
     b"related to argument 'timeout') - argument must be a time"),
    ([b"CONFIG", b"SET", b"timeout", b"1h"], b"-ERR CONFIG SET failed", b"+OK"),
    ([b"CONFIG", b"SET", b"timeout", b"0"], b"+OK", b"+OK"),
    ([b"CONFIG", b"SET", b"port", b"-1"], b"-ERR CONFIG SET failed (possibly related to argument "
     b"'port') - argument must be", b"-ERR CONFIG SET failed (possibly related to argument 'port') - "
     b"can't set immutable config"),
    ([b"OBJECT", b"IDLETIME", b"h0"], b"", b"-ERR kvd keeps no access times"),
    ([b"OBJECT", b"FREQ", b"h0"], b"", b"-ERR kvd keeps no access times"),
    ([b"CLIENT", b"NO-TOUCH", b"ON"], b"-ERR unknown subcommand", b"+OK"),
    ([b"RESTORE", b"difference", b"0", sealed(b"\1\1\1x")], b"+OK", b"-ERR the payload is no string"),
    # Redis takes the checksum for a part of the string.
    ([b"RESTORE", b"difference", b"0", b"\0" * 11], b"+OK", b"-ERR Bad data format"),
    ([b"SET", b"difference", b"v", b"IFNE", b"v"], b"-ERR syntax error", b"+OK"),
    ([b"DELEX", b"difference"], b"-ERR unknown command", b":0"),
    ([b"DIGEST", b"difference"], b"-ERR unknown command", b"$-1"),
    ([b"DELIFEQ", b"difference", b"v"], b"-ERR unknown command", b":0"),
    ([b"ACL", b"SETUSER", b"difference"], b"+OK", b"-ERR kvd has one user"),
    ([b"ACL", b"DELUSER", b"difference"], b":1", b":0"),
    ([b"ACL", b"SAVE"], b"-ERR This Redis instance", b"-ERR kvd has one user"),
]


def is_same(args, redis, kvd):
    if redis == kvd:
        return True
    name = args[0].lower()
    second = args[1].lower() if len(args) > 1 else b""
    if name == b"exec" and b"-ERR LCS of values this long" in kvd:
        return redis[:1] == b"*"
    if second == b"help" and len(args) == 2:
        return redis[:1] == kvd[:1] == b"*"
    compare = COMPARERS.get((name, second)) or COMPARERS.get((name, None))
    if compare is None:
        return False
    if redis[:1] == b"-" or kvd[:1] == b"-":
        return False
    return compare(args, redis, kvd)
