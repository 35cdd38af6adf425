#!/usr/bin/env python3
"""command_info_test.py - Goal: what kvd says of its commands is what Redis 7.0 says of them.

Method: each row of COMMAND INFO, second words too, is compared with that of the redis-server of the
distribution, byte for byte but for the order of second words, and so are COMMAND DOCS' since,
group and arguments, COMMAND LIST by every filter, GETKEYS and GETKEYSANDFLAGS of many lines, and ACL CAT.  What
may differ is in the tables here.
"""
import os
import sys

sys.dont_write_bytecode = True
from differential.servers import plain, reply_end
from kvd_process import Kvd, Redis, check, encode

# Commands that Redis 7.0.15 has not: kvd's own, and those of later versions.
OWN = {b"delex": b"8.4.0", b"delifeq": b"9.0.0", b"digest": b"8.4.0"}
OWN_SECOND = {b"client|setinfo", b"client|no-touch"}
# Fields that are not Redis's: (name, index of the element) and why.
EXCEPTIONS = {
    (b"cluster", 9): "an error whatever the second word is, so they are not listed",
}
LINES = [
    "get a", "get", "get a b", "nosuch a", "mset a 1 b 2", "mset a 1 b", "mget a b c", "ping", "ping a",
    "set a 1", "set a 1 get", "set a 1 nx GET", "set a", "bitop and d a b", "bitop not d a", "bitop and d",
    "bitfield a get u8 0", "bitfield a set u8 0 1", "bitfield a overflow sat get u8 0",
    "bitfield a incrby u8 0 1", "bitfield a get u8", "bitfield a", "bitfield_ro a get u8 0", "copy a b",
    "rename a b", "renamenx a b", "memory usage a", "memory usage", "memory nosuch a", "memory",
    "object encoding a", "object", "object help", "config get a", "lcs a b", "lcs a b len", "del a b c",
    "restore a 0 x", "dump a", "watch a b", "append a b", "setbit a 1 1", "getset a b", "getdel a",
    "touch a b", "exists a", "msetnx a 1 b 2", "msetnx a", "strlen a", "command", "command getkeys get a",
    "acl dryrun default get a", "debug sleep 0", "select 0", "keys a", "scan 0", "exec", "flushall",
]


class Raw:
    """Replies as the bytes that they are."""

    def __init__(self, server, protocol):
        self.connection = server.connect()
        self.ask("HELLO", protocol)

    def ask(self, *words):
        self.connection.send(encode(*words))
        data = self.connection.rest
        while not data or reply_end(data, 0) < 0:
            data += self.connection.socket.recv(1 << 20)
        return data


def commands_of(server):
    return [row[0] for row in plain(server.ask("COMMAND"))]


def compare_rows(redis, kvd, names):
    """Names that both have; each row but its second words byte for byte."""
    for name in names:
        theirs, ours = redis.ask("COMMAND", "INFO", name), kvd.ask("COMMAND", "INFO", name)
        left, right = plain(theirs)[0], plain(ours)[0]
        check(left is not None, "Redis has no %r" % name)
        if left[9] == [] and right[9] == []:
            if theirs != ours:
                raise AssertionError("%r:\n  redis %r\n  kvd   %r" % (name, theirs, ours))
            continue
        for i in range(9):
            check(left[i] == right[i], "%r, element %d: redis %r, kvd %r" % (name, i, left[i], right[i]))
        if (name, 9) in EXCEPTIONS:
            continue
        known = {row[0] for row in left[9]}
        seconds = [row[0] for row in right[9]]
        check(set(seconds) - OWN_SECOND <= known, "%r has %r" % (name, set(seconds) - known))
        compare_rows(redis, kvd, [second for second in seconds if second not in OWN_SECOND])


def as_dict(flat):
    return dict(zip(flat[::2], flat[1::2]))


def docs_of(server):
    """All of them by name, second words too."""
    docs = {name: as_dict(doc) for name, doc in as_dict(plain(server.ask("COMMAND", "DOCS"))).items()}
    for doc in list(docs.values()):
        docs.update({name: as_dict(second) for name, second in as_dict(doc.get(b"subcommands", [])).items()})
    return docs


def without_later(arguments):
    """As dictionaries, and without what is from versions after the one that is compared with."""
    kept = []
    for argument in map(as_dict, arguments):
        since = argument.get(b"since", b"0").split(b".")
        if b"arguments" in argument:
            argument[b"arguments"] = without_later(argument[b"arguments"])
        if list(map(int, since)) <= [7, 0, 15]:
            kept.append(argument)
    return kept


def raw_arguments(server, name):
    """The bytes of the field; b"": there is none."""
    data = server.ask("COMMAND", "DOCS", name)
    begin = data.find(b"$9\r\narguments\r\n")
    return b"" if begin < 0 else data[begin:reply_end(data, begin + 15)]


def compare_arguments(redis, kvd, name, theirs, ours):
    left, right = theirs.get(b"arguments", []), ours.get(b"arguments", [])
    check(without_later(right) == without_later(left), "arguments of %r:\n  redis %r\n  kvd   %r" % (name, left, right))
    if right == left and b"subcommands" not in theirs:
        left, right = raw_arguments(redis, name), raw_arguments(kvd, name)
        check(left == right, "arguments of %r:\n  redis %r\n  kvd   %r" % (name, left, right))


def compare_docs(redis, kvd):
    theirs, ours = docs_of(redis), docs_of(kvd)
    for name, doc in ours.items():
        check({b"summary", b"since", b"group", b"complexity"} <= set(doc), "%r: %r" % (name, doc))
        check(doc[b"summary"] != b"" or b"|" in name, "%r has no summary" % name)
        if name in theirs and not name.endswith(b"|help"):
            for field in (b"since", b"group"):
                check(doc[field] == theirs[name][field], "%r: %r, redis %r" % (
                    name, doc[field], theirs[name][field]))
            compare_arguments(redis, kvd, name, theirs[name], doc)


def has_arguments(kvd, names):
    """A command takes as many words as its arity says; so it has arguments if it takes any."""
    docs = docs_of(kvd)
    for name in names:
        arity = plain(kvd.ask("COMMAND", "INFO", name))[0][1]
        takes = arity < 0 or arity > 1 + name.count(b"|")
        has = b"arguments" in docs[name] or b"subcommands" in docs[name]
        check(takes == has, "%r: arity %d, %r" % (name, arity, docs[name]))


def is_shared(name, redis_names):
    return name in redis_names and not name.startswith(b"cluster|")


def compare_lists(redis, kvd):
    all_redis = set(plain(redis.ask("COMMAND", "LIST")))
    all_kvd = set(plain(kvd.ask("COMMAND", "LIST")))
    check({name for name in all_kvd if name not in all_redis and not name.startswith(b"kv.")} <=
          set(OWN) | OWN_SECOND, "%r" % (all_kvd - all_redis))
    categories = plain(redis.ask("ACL", "CAT"))
    check(categories == plain(kvd.ask("ACL", "CAT")), "ACL CAT")
    filters = [("ACLCAT", category) for category in categories]
    filters += [("PATTERN", pattern) for pattern in ("*get*", "config|*", "b[ei]*", "?????", "*|help")]
    for kind, value in filters:
        theirs, ours = (set(plain(server.ask("COMMAND", "LIST", "FILTERBY", kind, value)))
                        for server in (redis, kvd))
        left = {name for name in theirs if name in all_kvd}
        right = {name for name in ours if name in all_redis}
        check(left == right, "%s %r: %r" % (kind, value, left ^ right))
        if kind == "ACLCAT":
            theirs, ours = (set(plain(server.ask("ACL", "CAT", value))) for server in (redis, kvd))
            left = {name for name in theirs if name in all_kvd}
            right = {name for name in ours if name in all_redis}
            check(left == right, "ACL CAT %r: %r" % (value, left ^ right))


def compare_keys(redis, kvd):
    for line in LINES:
        for verb in ("GETKEYS", "GETKEYSANDFLAGS"):
            theirs, ours = (server.ask("COMMAND", verb, *line.split()) for server in (redis, kvd))
            check(theirs == ours, "%s %s: redis %r, kvd %r" % (verb, line, theirs, ours))


def main():
    with Redis() as redis_server, Kvd() as kvd_server:
        for protocol in (2, 3):
            redis, kvd = Raw(redis_server, protocol), Raw(kvd_server, protocol)
            theirs = set(commands_of(redis))
            ours = commands_of(kvd)
            own = {name for name in ours if name not in theirs}
            check(all(name.startswith(b"kv.") or name in OWN for name in own), "%r" % own)
            check(len(ours) == plain(kvd.ask("COMMAND", "COUNT")), "COMMAND COUNT")
            compare_rows(redis, kvd, [name for name in ours if name in theirs])
            compare_docs(redis, kvd)
            has_arguments(kvd, [name for name in plain(kvd.ask("COMMAND", "LIST"))
                                if name.startswith(b"kv.") or name in OWN or name in OWN_SECOND])
            compare_lists(redis, kvd)
            compare_keys(redis, kvd)
            check(kvd.ask("COMMAND", "INFO", "nosuch", "config|nosuch", "get|x") ==
                  redis.ask("COMMAND", "INFO", "nosuch", "config|nosuch", "get|x"), "INFO of nothing")
    print("%d commands as Redis describes them" % len(ours))


if __name__ == "__main__":
    sys.exit(main())
