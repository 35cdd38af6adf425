"""differences.py - where kvd may differ from Redis 7.0: the only places."""
from differential.servers import plain

# whether they are the same thing.


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
    """Name, arity, flags, key positions and categories; the rest kvd describes in its own way."""
    if one is None or other is None:
        return one is other
    return (len(one) == len(other) and one[:2] == other[:2] and one[3:6] == other[3:6] and
            sorted(one[2]) == sorted(other[2]) and sorted(one[6]) == sorted(other[6]))


def same_command_rows(args, redis, kvd):
    """COMMAND INFO: a row for each name, or null."""
    theirs, ours = plain(redis), plain(kvd)
    return len(theirs) == len(ours) and all(map(same_row, theirs, ours)) and (
        redis.count(b"~") > 0) == (kvd.count(b"~") > 0)


def same_table(args, redis, kvd):
    """COMMAND: each command that kvd has is one of Redis's, described alike, but for kv.*."""
    theirs = {row[0]: row for row in plain(redis)}
    ours = [row for row in plain(kvd) if not row[0].startswith(b"kv.")]
    return all(row[0] in theirs and same_row(theirs[row[0]], row) for row in ours)


def subset_but_ours(args, redis, kvd):
    """COMMAND LIST: what kvd has, Redis has, but for kv.*."""
    if redis[:1] == b"-":
        return redis == kvd
    ours = {name for name in plain(kvd) if not name.startswith(b"kv.")}
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
    theirs = [line for line in theirs if line not in (b"# Modules", b"# Latencystats")]
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
    (b"info", None): same_sections,
    (b"hello", None): same_hello,
    (b"time", None): same_time,
}

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
]


def is_same(args, redis, kvd):
    if redis == kvd:
        return True
    name = args[0].lower()
    second = args[1].lower() if len(args) > 1 else b""
    compare = COMPARERS.get((name, second)) or COMPARERS.get((name, None))
    if compare is None:
        return False
    if redis[:1] == b"-" or kvd[:1] == b"-":
        return False
    return compare(args, redis, kvd)
