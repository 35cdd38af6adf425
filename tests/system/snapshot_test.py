"""Goal: a snapshot shows the database as it was, to any client, until its lease ends; and then what
only it could see goes.
Method: every command that reads, at a snapshot and now, over writes, flushes, compactions, FLUSHALL
and dropped families; leases that end by themselves, by DROP and with the server; what is refused."""

import re
import subprocess
import time

from kvd_process import BIN, Kvd, check, expect, pairs


def create(connection, *words):
    got = connection.command("KV.SNAPSHOT", "CREATE", *words)
    check(re.fullmatch(rb":\d+", got), got)
    return int(got[1:])


def info(connection, name):
    return int(re.search(rb"(?m)^%s:(\d+)" % name, connection.command("INFO", "kvd"))[1])


def reads_are_as_of_then(kvd):
    c, other = kvd.connect(), kvd.connect()
    for i in range(20):
        expect(c, b"+OK", "SET", "k%02d" % i, "old%d" % i)
    s = create(c, "TTL", "600")
    expect(c, b"+OK", "SET", "k00", "new")
    expect(c, b":1", "DEL", "k01")
    expect(c, b"+OK", "SET", "k20", "new")
    expect(c, b"+OK", "KV.DELRANGE", "[k10", "[k15")
    for flush in (False, True):
        if flush:
            expect(c, b"+OK", "KV.FLUSH")
            expect(c, b"+OK", "KV.COMPACT", "FORCE")
        for reader in (c, other):
            at = ("KV.AT", s)
            expect(reader, b"old0", *at, "GET", "k00")
            expect(reader, b"new", "GET", "k00")
            expect(reader, b"old1", *at, "GET", "k01")
            expect(reader, None, *at, "GET", "k20")
            expect(reader, [b"old0", b"old1", None, b"old12"], *at, "MGET", "k00", "k01", "k20",
                   "k12")
            expect(reader, b":2", *at, "EXISTS", "k00", "k01", "k20")
            expect(reader, b":4", *at, "STRLEN", "k00")
            expect(reader, b"ld", *at, "GETRANGE", "k00", "1", "2")
            expect(reader, b"+string", *at, "TYPE", "k01")
            expect(reader, b":20", *at, "KV.COUNT", "-", "+")
            expect(reader, b":20", "KV.COUNT", "-", "+", "AT", s)
            expect(reader, b":20", "KV.COUNT", "-", "+", "EXACT", "AT", s)
            expect(reader, b":14", "KV.COUNT", "-", "+")
            expect(reader, [b"k01", b"old1"], *at, "KV.SEEK", "k00", "gt")
            expect(reader, [b"k01", b"old1"], "KV.SEEK", "k00", "gt", "AT", s)
            expect(reader, [b"k19", b"old19"], "KV.SEEK", "k99", "LE", "AT", s)
            expect(reader, [b"k01", b"old1"], "KV.SEEK", "k01", "at", s)
            got = reader.command(*at, "KEYS", "*")
            check(len(got) == 20 and got[1] == b"k01", got)
            cursor, keys = b"0", []
            while True:
                cursor, some = reader.command(*at, "SCAN", cursor, "COUNT", "3")
                keys += some
                if cursor == b"0":
                    break
            check(keys == [b"k%02d" % i for i in range(20)], keys)
            expect(reader, [None, [b"k0%d" % i for i in range(10)]], "KV.PREFIX", "k0", "KEYS",
                   "AT", s)
            check(reader.command(*at, "RANDOMKEY")[:1] == b"k", "RANDOMKEY")
            check(len(reader.command(*at, "KV.SIZE", "-", "+")) == 4, "KV.SIZE")
    # A page for a page: all of them as of then.
    start, seen = b"-", []
    while start is not None:
        start, page = c.command("KV.RANGE", start, "+", "LIMIT", "3", "AT", str(s))
        seen += page
        c.command("SET", "k00", "newer%d" % len(seen))
        c.command("DEL", "k%02d" % (19 - len(seen) // 3))
    check(seen == [[b"k%02d" % i, b"old%d" % i] for i in range(20)], seen)
    start, page = c.command("KV.RANGE", "+", "-", "REV", "LIMIT", "2", "AT", s)
    check([k for k, _ in page] == [b"k19", b"k18"], page)
    expect(c, b"+OK", "KV.SNAPSHOT", "DROP", s)
    expect(other, b"-NOSNAPSHOT", "KV.AT", s, "GET", "k00")


def leases_have_ends(kvd):
    c, other = kvd.connect(), kvd.connect()
    c.command("CLIENT", "SETNAME", "owner")
    expect(c, b"+OK", "SET", "a", "1")
    a = create(c, "NAME", "first", "TTL", "600")
    b = create(other, "TTL", "300")
    check(b == a + 1, (a, b))
    rows = [pairs(row) for row in other.command("KV.SNAPSHOT", "LIST")]
    check([row[b"id"] for row in rows] == [b":%d" % a, b":%d" % b], rows)
    check(rows[0][b"name"] == b"first" and rows[0][b"owner"] == b"owner", rows)
    check(b":" in rows[0][b"address"] and rows[1][b"owner"] == b"", rows)
    check(0 < int(rows[1][b"left-msec"][1:]) <= 300000, rows)
    check(int(rows[0][b"age-msec"][1:]) < 60000, rows)
    expect(c, b"+OK", "SET", "b", "x" * 1000)
    rows = [pairs(row) for row in other.command("KV.SNAPSHOT", "LIST")]
    check(int(rows[0][b"written-since-bytes"][1:]) > 1000, rows)
    check(info(c, b"snapshots") == 2, "INFO")
    check(b"snapshots:2\r\n" in c.command("KV.STATS"), "KV.STATS")
    expect(c, b"-ERR there is a snapshot of this name", "KV.SNAPSHOT", "CREATE", "NAME", "first",
           "TTL", "5")
    expect(other, b"1", "KV.AT", "first", "GET", "a")
    expect(other, b"+OK", "KV.SNAPSHOT", "EXTEND", "first", "1000")
    rows = [pairs(row) for row in other.command("KV.SNAPSHOT", "LIST")]
    check(int(rows[0][b"left-msec"][1:]) > 900000, rows)
    # The owner may go: a lease is a lease.
    c.close()
    expect(other, b"1", "KV.AT", "first", "GET", "a")
    # It ends by itself.
    short = create(other, "TTL", "1", "NAME", "short")
    deadline = time.monotonic() + 20
    while other.command("KV.AT", short, "GET", "a") == b"1":
        check(time.monotonic() < deadline, "the lease does not end")
    expect(other, b"-NOSNAPSHOT", "KV.AT", "short", "GET", "a")
    expect(other, b"-NOSNAPSHOT", "KV.SNAPSHOT", "EXTEND", "short", "5")
    check(info(other, b"snapshots_expired") == 1, "expired")
    expect(other, b"+OK", "KV.SNAPSHOT", "DROP", "first")
    expect(other, b"-NOSNAPSHOT", "KV.SNAPSHOT", "DROP", "first")
    expect(other, b"+OK", "KV.SNAPSHOT", "DROP", b)
    expect(other, [], "KV.SNAPSHOT", "LIST")
    check(info(other, b"snapshots") == 0, "none")


def limits_hold(kvd):
    c = kvd.connect()
    for words in (("TTL", "0"), ("TTL", "-1"), ("TTL", "86401"), ("TTL", "9223372036854775807"),
                  ("NAME", "x"), ("NAME", "5", "TTL", "5"), ("NAME", "a b", "TTL", "5"),
                  ("NAME", "", "TTL", "5"), ("NAME", "n" * 129, "TTL", "5"), ("TTL",),
                  ("TTL", "x"), ("FOO", "x"), ("TTL", "5", "NAME")):
        expect(c, b"-ERR", "KV.SNAPSHOT", "CREATE", *words)
    expect(c, [], "KV.SNAPSHOT", "LIST")
    expect(c, b"+OK", "CONFIG", "SET", "snapshots-max", "2")
    ids = [create(c, "TTL", "86400") for _ in range(2)]
    expect(c, b"-ERR there are snapshots-max (2)", "KV.SNAPSHOT", "CREATE", "TTL", "5")
    expect(c, b"-ERR the time", "KV.SNAPSHOT", "EXTEND", ids[0], "86401")
    expect(c, b"+OK", "CONFIG", "SET", "snapshot-age-max", "60")
    expect(c, b"-ERR the time", "KV.SNAPSHOT", "EXTEND", ids[0], "61")
    expect(c, b"+OK", "KV.SNAPSHOT", "EXTEND", ids[0], "50")
    for one in ids:
        expect(c, b"+OK", "KV.SNAPSHOT", "DROP", one)
    expect(c, b"+OK", "CONFIG", "SET", "snapshots-max", "64", "snapshot-age-max", "1d")


def what_does_not_fit_is_refused(kvd):
    c = kvd.connect()
    s = create(c, "TTL", "600")
    for words in (("SET", "a", "1"), ("DEL", "a"), ("INCR", "a"), ("DBSIZE",), ("INFO",),
                  ("KV.STATS",), ("FLUSHALL",), ("MULTI",), ("SELECT", "1"), ("WATCH", "a"),
                  ("KV.MERGE", "a", "b"), ("KV.COMPACT",), ("KV.SNAPSHOT", "LIST"),
                  ("KV.AT", str(s), "GET", "a"), ("KV.IN", "default", "SET", "a", "1"),
                  ("KV.IN", "default", "KV.AT", str(s), "GET", "a"),
                  ("KV.RANGE", "-", "+", "AT", str(s)), ("GET",), ("NOSUCH",),
                  ("KV.COUNT", "-", "+", "APPROX")):
        expect(c, b"-ERR", "KV.AT", s, *words)
    expect(c, b"-ERR", "KV.COUNT", "-", "+", "APPROX", "AT", s)
    expect(c, b"-NOSNAPSHOT", "KV.AT", "0", "GET", "a")
    expect(c, b"-NOSNAPSHOT", "KV.AT", "", "GET", "a")
    expect(c, b"-NOSNAPSHOT", "KV.RANGE", "-", "+", "AT", "nosuch")
    expect(c, b"-NOSNAPSHOT", "KV.RANGE", "-", "+", "AT", s + 1)
    expect(c, b"-ERR", "KV.RANGE", "-", "+", "AT")
    # What was refused has changed nothing.
    expect(c, b"+OK", "SET", "a", "2")
    expect(c, b"2", "GET", "a")
    expect(c, b"+OK", "KV.SNAPSHOT", "DROP", s)


def families_and_transactions(kvd):
    c, d = kvd.connect(), kvd.connect()
    expect(c, b"+OK", "KV.CF", "CREATE", "users")
    expect(c, b"+OK", "KV.IN", "users", "SET", "u", "old")
    expect(c, b"+OK", "SET", "t", "old")
    s = create(c, "TTL", "600", "NAME", "then")
    expect(c, b"+OK", "KV.IN", "users", "SET", "u", "new")
    expect(c, b"+OK", "SET", "t", "new")
    expect(c, b"old", "KV.IN", "users", "KV.AT", s, "GET", "u")
    expect(c, b"old", "KV.AT", s, "KV.IN", "users", "GET", "u")
    expect(c, [None, [[b"u", b"old"]]], "KV.AT", s, "KV.IN", "users", "KV.RANGE", "-", "+")
    expect(c, [None, [[b"u", b"old"]]], "KV.IN", "users", "KV.RANGE", "-", "+", "AT", s)
    # A family that is younger than the snapshot was empty then.
    expect(c, b"+OK", "KV.CF", "CREATE", "young")
    expect(c, b"+OK", "KV.IN", "young", "SET", "y", "1")
    expect(c, None, "KV.IN", "young", "KV.AT", s, "GET", "y")
    expect(c, b":0", "KV.IN", "young", "KV.COUNT", "-", "+", "AT", s)
    # A database that nobody has written to.
    expect(d, b"+OK", "SELECT", "9")
    expect(d, None, "KV.AT", s, "GET", "y")
    # In a transaction: the snapshot, not what the transaction has written.
    expect(c, b"+OK", "MULTI")
    for words in (("SET", "t", "own"), ("KV.AT", s, "GET", "t"), ("GET", "t"),
                  ("KV.AT", s, "MGET", "t", "u"), ("KV.AT", s, "KEYS", "*"),
                  ("KV.AT", "nosuch", "GET", "t"), ("KV.AT", s, "KV.IN", "users", "GET", "u")):
        expect(c, b"+QUEUED", *words)
    got = c.command("EXEC")
    check(got[:4] == [b"+OK", b"old", b"own", [b"old", None]], got)
    check(got[4].startswith(b"-ERR") and got[5].startswith(b"-NOSNAPSHOT"), got)
    check(got[6] == b"old", got)
    expect(c, b"+OK", "MULTI")
    expect(c, b"-ERR Command not allowed", "KV.SNAPSHOT", "CREATE", "TTL", "5")
    expect(c, b"-EXECABORT", "EXEC")
    # FLUSHALL is a write like others; a dropped family is gone, also for snapshots.
    expect(c, b"+OK", "FLUSHALL")
    expect(c, None, "GET", "t")
    expect(c, b"old", "KV.AT", "then", "GET", "t")
    expect(c, b"old", "KV.AT", "then", "KV.IN", "users", "GET", "u")
    expect(d, b"+OK", "KV.USE", "users")
    expect(c, b"+OK", "KV.CF", "DROP", "users")
    expect(c, b"-NOFAMILY", "KV.AT", "then", "KV.IN", "users", "GET", "u")
    expect(d, b"-NOFAMILY", "KV.AT", "then", "GET", "u")
    expect(d, b"old", "KV.IN", "default", "KV.AT", "then", "GET", "t")
    expect(c, b"+OK", "KV.CF", "CREATE", "users")
    expect(c, None, "KV.AT", "then", "KV.IN", "users", "GET", "u")
    expect(c, b"+OK", "KV.SNAPSHOT", "DROP", "then")


def what_only_it_saw_goes(kvd):
    c = kvd.connect()
    expect(c, b"+OK", "FLUSHALL")
    expect(c, b"+OK", "KV.FLUSH")
    expect(c, b"+OK", "KV.COMPACT", "FORCE")

    def fill(letter):
        for i in range(500):
            c.send(b"SET big%03d %s\r\n" % (i, ("%s%04d" % (letter, i)).encode() * 200))
        for i in range(500):
            check(c.reply() == b"+OK", "fill")
        expect(c, b"+OK", "KV.FLUSH")
        expect(c, b"+OK", "KV.COMPACT", "FORCE")
        return info(c, b"table_bytes")

    one = fill("a")
    s = create(c, "TTL", "600")
    two = fill("b")
    check(two > one * 1.7, "both are kept: %d, %d" % (one, two))
    check(c.command("KV.AT", s, "GET", "big007")[:5] == b"a0007", "as of then")
    expect(c, b"+OK", "KV.SNAPSHOT", "DROP", s)
    expect(c, b"+OK", "KV.COMPACT", "FORCE")
    left = info(c, b"table_bytes")
    check(left < one * 1.3, "what only the snapshot saw has gone: %d, %d" % (one, left))


def slow_walks_outlive_their_lease(kvd):
    """A walk that began at a snapshot ends as it began, though the lease ends meanwhile."""
    c, d = kvd.connect(), kvd.connect()
    for i in range(0, 200000, 2000):
        c.send(b"".join(b"SET walk%06d x\r\n" % j for j in range(i, i + 2000)))
        for _ in range(2000):
            c.reply()
    s = create(c, "TTL", "600")
    expect(c, b":1", "DEL", "walk199999")
    c.send(b"*4\r\n$8\r\nKV.COUNT\r\n$5\r\n[walk\r\n$5\r\n[walz\r\n$5\r\nEXACT\r\n")
    check(c.reply() == b":199999", "now")
    c.send(b"KV.AT %d KV.COUNT [walk [walz\r\n" % s)
    expect(d, b"+OK", "KV.SNAPSHOT", "DROP", s)
    got = c.reply()
    check(got == b":200000" or got.startswith(b"-NOSNAPSHOT"), got)


def they_survive_nothing(kvd):
    c = kvd.connect()
    s = create(c, "TTL", "600", "NAME", "gone")
    kvd.stop()
    with Kvd() as fresh:
        # Another server, started later: the ids of the first mean nothing to it.
        d = fresh.connect()
        check(create(d, "TTL", "60") != s, "ids")


def kvctl_knows_them(kvd):
    c = kvd.connect()

    def kvctl(*words):
        done = subprocess.run([BIN + "/kvctl", "--port", str(kvd.port), "--output", "raw", *words],
                              capture_output=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    expect(c, b"+OK", "SET", "ctl1", "old")
    expect(c, b"+OK", "SET", "ctl2", "old")
    code, out, err = kvctl("snapshot", "create", "ttl", "60", "name", "ctl")
    check(code == 0 and out.strip().isdigit(), (code, out, err))
    expect(c, b"+OK", "SET", "ctl1", "new")
    check(kvctl("--at", "ctl", "get", "ctl1")[1] == b"old", "get")
    check(kvctl("--at", out.strip().decode(), "get", "ctl1")[1] == b"old", "get by id")
    check(kvctl("get", "ctl1")[1] == b"new", "get now")
    code, out, err = kvctl("--at", "ctl", "scan", "--prefix", "ctl")
    check(code == 0 and out.count(b"old") == 2 and b"new" not in out, (out, err))
    code, out, err = kvctl("--at", "ctl", "set", "ctl1", "x")
    check(code != 0 and b"change nothing" in err + out, (code, out, err))
    check(b"ctl" in kvctl("snapshot", "list")[1], "list")
    check(kvctl("snapshot", "extend", "ctl", "100")[0] == 0, "extend")
    check(kvctl("snapshot", "drop", "ctl")[0] == 0, "drop")
    check(kvctl("--at", "ctl", "get", "ctl1")[0] != 0, "dropped")


with Kvd() as kvd:
    reads_are_as_of_then(kvd)
    leases_have_ends(kvd)
    limits_hold(kvd)
    what_does_not_fit_is_refused(kvd)
    families_and_transactions(kvd)
    what_only_it_saw_goes(kvd)
    slow_walks_outlive_their_lease(kvd)
    kvctl_knows_them(kvd)
    they_survive_nothing(kvd)
print("ok")
