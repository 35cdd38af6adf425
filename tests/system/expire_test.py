"""Goal: keys with deadlines are there until then and not after it, to every command, in memory, in
tables, after a restart and after a kill; every option of SET, GETEX and EXPIRE replies what redis-server
replies; stock ldb shows the values; and the space of what has died comes back by itself.

    KV_BIN=build/asan/bin KV_KEYS=1000000 tests/system/expire_test.py      (ctest: fewer)
"""
import itertools
import os
import random
import shutil
import subprocess
import tempfile
import time

from expire_watch import NEVER, Mortals, now_ms, pipeline, table_bytes
from kvd_process import BIN, Kvd, Process, Redis, check, free_port

SEED = int(os.environ.get("KV_SEED") or random.randrange(1 << 32))
KEY_COUNT = int(os.environ.get("KV_KEYS") or 20000)
FAR = 4102444800  # the year 2100


def expect(connection, reply, *words):
    got = connection.command(*words)
    check(got == reply, "%r: %r, not %r" % (words, got, reply))


def stat(connection, name):
    rows = connection.command("INFO", "stats").decode().splitlines()
    return int(dict(row.split(":") for row in rows if ":" in row)[name])


def patience(seconds):
    """A condition of loops, which ends them with an error."""
    deadline = time.monotonic() + seconds

    def is_in_time():
        check(time.monotonic() < deadline, "not within %d s" % seconds)
        return True
    return is_in_time


# --- against redis-server ---

BEFORE = {
    "absent": [("DEL", "k")],
    "plain": [("SET", "k", "5")],
    "timed": [("SET", "k", "5", "EXAT", FAR)],
    "dead": [("SET", "k", "5", "PXAT", "1")],
}
AFTER = [("GET", "k"), ("EXPIRETIME", "k"), ("EXISTS", "k")]
TIMES = ("100000", "0", "-5", "x", "4200000000", "9223372036854775807", "9223372036854775")


def normal(words, reply):
    """Times that hang on the clock, to the nearest hour."""
    if words[0] in ("EXPIRETIME", "TTL") and reply[:1] == b":" and int(reply[1:]) > 0:
        return int(reply[1:]) // 3600 if int(reply[1:]) != FAR else FAR
    return reply


def same_on_both(kvd, redis):
    options = [[], ["NX"], ["XX"], ["GET"], ["KEEPTTL"], ["PERSIST"], ["EX"], ["foo"]]
    timed = [[word, when] for word in ("EX", "PX", "EXAT", "PXAT") for when in TIMES]
    forms = [("SET", "k", "new") + tuple(a + b) for a, b in itertools.product(options, options)]
    forms += [("SET", "k", "new") + tuple(a + b) for a, b in itertools.product(timed, options)]
    forms += [("SET", "k", "new") + tuple(b + a) for a, b in itertools.product(timed[::3], options)]
    forms += [("SET", "k", "new") + tuple(a + b) for a, b in itertools.product(timed[::5], timed[::4])]
    forms += [("SET", "k", "new", "XX", "GET", "KEEPTTL"), ("SET", "k", "new", "NX", "GET", "EX", "1000")]
    forms += [("GETEX", "k") + tuple(a + b) for a, b in itertools.product(options + timed, [[], ["PERSIST"]])]
    words = [[], ["NX"], ["XX"], ["GT"], ["LT"], ["nx"], ["foo"]]
    for name, when in itertools.product(("EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"), TIMES):
        forms += [(name, "k", when) + tuple(a + b) for a, b in itertools.product(words, words)]
    forms += [(name, "k", when, "v") for name, when in itertools.product(("SETEX", "PSETEX"), TIMES)]
    forms += [("PERSIST", "k"), ("TTL", "k"), ("APPEND", "k", "0"), ("INCR", "k"), ("INCRBYFLOAT", "k", "1.5"),
              ("SETRANGE", "k", "2", "x"), ("SETBIT", "k", "3", "1"), ("GETSET", "k", "2"), ("SETNX", "k", "3"),
              ("MSET", "k", "4"), ("MSETNX", "k", "4"), ("GETDEL", "k"), ("BITOP", "NOT", "k", "k"),
              ("RENAME", "k", "l"), ("RENAMENX", "k", "k"), ("COPY", "k", "k2"), ("COPY", "k", "k", "DB", "2"),
              ("MOVE", "k", "3"), ("TYPE", "k"), ("STRLEN", "k"), ("GETRANGE", "k", "0", "-1"), ("TOUCH", "k"),
              ("OBJECT", "ENCODING", "k"), ("EXPIRE",), ("EXPIRE", "k"), ("TTL",), ("GETEX",), ("SETEX", "k", "1")]
    both = (kvd.connect(), redis.connect())
    for state, before in BEFORE.items():
        tail = AFTER + [("EXPIRETIME", "l"), ("EXPIRETIME", "k2"), ("SELECT", "2"), ("EXPIRETIME", "k"), ("DEL", "k"),
                        ("SELECT", "3"), ("EXPIRETIME", "k"), ("DEL", "k"), ("SELECT", "0"), ("DEL", "l", "k2")]
        for form in forms:
            commands = before + [form] + tail
            ours, theirs = [list(map(normal, commands, pipeline(c, commands))) for c in both]
            check(ours == theirs, "%s, %r: %r, not %r" % (state, form, ours, theirs))
    for c in both:
        expect(c, b"+OK", "FLUSHALL")


# --- what is dead is not there ---

def nothing_shows_the_dead(kvd):
    c = kvd.connect()
    expect(c, b"+OK", "MSET", "a", "1", "c", "3", "e", "5")
    for key in ("b", "d", "f"):
        expect(c, b"+OK", "SET", key, "x", "PXAT", "1")

    def look():
        expect(c, [b"1", None, b"3", None], "MGET", "a", "b", "c", "d")
        expect(c, b":1", "EXISTS", "b", "c", "d")
        expect(c, b":-2", "TTL", "b")
        expect(c, b":0", "EXPIRE", "b", "100")
        expect(c, b":0", "PERSIST", "b")
        expect(c, b"+none", "TYPE", "b")
        expect(c, b":0", "STRLEN", "b")
        expect(c, b":0", "DEL", "b", "d")
        expect(c, b"-ERR no such key", "RENAME", "b", "z")
        expect(c, b":0", "COPY", "b", "z")
        check(sorted(c.command("KEYS", "*")) == [b"a", b"c", b"e"], "KEYS")
        check(c.command("SCAN", "0") == [b"0", [b"a", b"c", b"e"]], "SCAN")
        check(all(c.command("RANDOMKEY") in (b"a", b"c", b"e") for _ in range(30)), "RANDOMKEY")
        expect(c, b":3", "KV.COUNT", "-", "+")
        check(b"x" not in str(c.command("KV.RANGE", "-", "+")).encode(), "KV.RANGE")
        check(c.command("KV.RANGE", "+", "-", "REV")[1] == c.command("KV.RANGE", "-", "+")[1][::-1] or
              b"b" not in str(c.command("KV.RANGE", "+", "-", "REV")).encode(), "KV.RANGE REV")
        check(b"c" in (c.command("KV.SEEK", "b") or []), c.command("KV.SEEK", "b"))
        check(b"e" in (c.command("KV.SEEK", "f", "REV") or [b"e"]), "KV.SEEK back")

    look()
    expect(c, b"+OK", "KV.FLUSH")
    look()
    expect(c, b"+OK", "KV.COMPACT")
    look()
    # What comes in its place.
    expect(c, b":1", "MSETNX", "b", "2", "d", "4")
    expect(c, [b"2", b"4"], "MGET", "b", "d")
    expect(c, b":-1", "TTL", "b")
    expect(c, b"+OK", "SET", "b", "x", "PXAT", "1")
    expect(c, b":3", "APPEND", "b", "new")
    expect(c, b"new", "GET", "b")
    expect(c, b":-1", "TTL", "b")
    expect(c, b"+OK", "FLUSHALL")


def until_the_moment(kvd):
    """One clock for GET and the walks: a key is alive by all of them or by none."""
    c, other = kvd.connect(), kvd.connect()
    expect(c, b"+OK", "SET", "soon", "v", "PX", "300")
    expect(other, b"+OK", "WATCH", "soon")
    deadline = time.monotonic() + 20
    is_there = True
    while is_there:
        check(time.monotonic() < deadline, "a key with 300 ms to live does not die")
        expect(c, b"+OK", "MULTI")
        for words in (("GET", "soon"), ("PTTL", "soon"), ("EXISTS", "soon"), ("SET", "soon2", "1", "NX", "KEEPTTL")):
            expect(c, b"+QUEUED", *words)
        value, left, exists, _ = c.command("EXEC")
        is_there = value is not None
        check((int(left[1:]) >= 0) == is_there and (exists == b":1") == is_there, (value, left, exists))
        check(int(left[1:]) <= 300, left)
    check(b"soon" not in c.command("KEYS", "soon"), "KEYS behind the deadline")
    # Its death is a change, as in Redis.
    expect(other, b"+OK", "MULTI")
    expect(other, b"+QUEUED", "PING")
    expect(other, None, "EXEC")
    # One that was dead already does not change by it.
    expect(other, b"+OK", "WATCH", "soon")
    expect(c, b"+OK", "KV.FLUSH")
    expect(other, b"+OK", "MULTI")
    expect(other, b"+QUEUED", "PING")
    expect(other, [b"+PONG"], "EXEC")
    expect(c, b"+OK", "FLUSHALL")


def a_snapshot_keeps_its_time(kvd):
    c = kvd.connect()
    expect(c, b"+OK", "SET", "short", "v", "PX", "400")
    expect(c, b"+OK", "SET", "later", "v", "EXAT", FAR)
    told = c.command("KV.SNAPSHOT", "CREATE", "NAME", "then", "TTL", "60")
    check(not bytes(str(told), "ascii").startswith(b"b'-"), told)
    is_seen = c.command("KV.AT", "then", "GET", "short") == b"v"  # else this machine is too slow
    deadline = time.monotonic() + 20
    while c.command("GET", "short") is not None:
        check(time.monotonic() < deadline, "it does not die")
    for step in ("KV.FLUSH", "KV.COMPACT"):
        if is_seen:
            expect(c, b"v", "KV.AT", "then", "GET", "short")
            left = c.command("KV.AT", "then", "PTTL", "short")
            check(0 <= int(left[1:]) <= 400, left)
            expect(c, b":2", "KV.AT", "then", "KV.COUNT", "-", "+")
        expect(c, None, "GET", "short")
        expect(c, b":1", "KV.COUNT", "-", "+")
        expect(c, b"+OK", step)
    c.command("KV.SNAPSHOT", "DROP", "then")
    expect(c, b"+OK", "FLUSHALL")


def each_snapshot_has_its_time(kvd):
    """Nothing is written between the two."""
    c = kvd.connect()
    expect(c, b"+OK", "SET", "short", "v", "PX", "300")
    c.command("KV.SNAPSHOT", "CREATE", "NAME", "before", "TTL", "60")
    is_seen = c.command("KV.AT", "before", "GET", "short") == b"v"  # else this machine is too slow
    is_in_time = patience(20)
    while c.command("GET", "short") is not None:
        is_in_time()
    c.command("KV.SNAPSHOT", "CREATE", "NAME", "after", "TTL", "60")
    for step in (("KV.FLUSH",), ("KV.COMPACT",), ("KV.SNAPSHOT", "DROP", "before"), ("KV.COMPACT",)):
        for words, answer in ((("GET", "short"), b"v"), (("KV.COUNT", "-", "+"), b":1"), (("EXISTS", "short"), b":1")):
            if is_seen and "before" in str(c.command("KV.SNAPSHOT", "LIST")):
                expect(c, answer, "KV.AT", "before", *words)
            expect(c, None if words[0] == "GET" else b":0", "KV.AT", "after", *words)
            expect(c, b"+OK", "MULTI")
            expect(c, b"+QUEUED", "KV.AT", "after", "GET", "short")
            expect(c, b"+QUEUED", "TTL", "short")
            expect(c, [None, b":-2"], "EXEC")
        expect(c, b"+OK", *step)
    c.command("KV.SNAPSHOT", "DROP", "after")
    expect(c, b"+OK", "FLUSHALL")


def merges(kvd):
    c = kvd.connect()
    expect(c, b"+OK", "SET", "m", "5", "EXAT", FAR)
    for place in ("memory", "table"):
        expect(c, b"+OK", "KV.MERGE", "m", "10")
        expect(c, b":%d" % FAR, "EXPIRETIME", "m")
        if place == "memory":
            expect(c, b"15", "GET", "m")
            expect(c, b"+OK", "KV.FLUSH")
    expect(c, b"25", "GET", "m")
    expect(c, b"+OK", "KV.COMPACT")
    expect(c, b"25", "GET", "m")
    expect(c, b"+OK", "SET", "m", "5", "PXAT", "1")
    expect(c, b"+OK", "KV.FLUSH")
    expect(c, b"+OK", "KV.MERGE", "m", "7")
    expect(c, b"7", "GET", "m")
    expect(c, b":-1", "TTL", "m")
    # An operand, then a deadline, then another one.
    expect(c, b"+OK", "KV.MERGE", "n", "1")
    expect(c, b":1", "EXPIREAT", "n", FAR)
    expect(c, b"+OK", "KV.MERGE", "n", "2")
    expect(c, b"3", "GET", "n")
    expect(c, b":%d" % FAR, "EXPIRETIME", "n")
    expect(c, b"+OK", "FLUSHALL")


# --- restart, kill, ldb ---

def what_was_acknowledged_stays(folder):
    def start():
        port = free_port()  # the kernel keeps that of a killed one for a moment
        return Process([os.path.join(BIN, "kvd"), "--port", str(port), "--dir", folder, "--workers", "1"], port)

    with start() as kvd:
        c = kvd.connect()
        expect(c, b"+OK", "SET", "later", "value-one", "EXAT", FAR)
        expect(c, b"+OK", "SET", "never", "value-two")
        expect(c, b"+OK", "SET", "gone", "value-three", "PXAT", "1")
        kvd.process.kill()
        kvd.process.wait()
    for round in range(2):
        with start() as kvd:
            c = kvd.connect()
            expect(c, [b"value-one", b"value-two", None], "MGET", "later", "never", "gone")
            expect(c, b":%d" % FAR, "EXPIRETIME", "later")
            expect(c, b":2", "KV.COUNT", "-", "+")
            if round == 1:
                expect(c, b"+OK", "KV.COMPACT")
                rows = c.command("INFO", "keyspace").split(b"\r\n")
                check(b"db0:keys=2,expires=1" in rows, rows)
            check(kvd.stop() == 0, "a clean stop")
        if shutil.which("ldb"):
            shown = subprocess.run(["ldb", "--db=" + folder, "scan"], capture_output=True, check=True).stdout
            lines = shown.decode().splitlines()
            check("later : value-one" in lines and "never : value-two" in lines, shown)


# --- space ---

def space_comes_back():
    """Two thirds of the keys die within seconds, in no order, and are looked at meanwhile; a third
    stays."""
    chance = random.Random(SEED)
    value = b"%0100d" % 7
    with Kvd("--memtable-size", "1mb") as kvd:
        c = kvd.connect()
        last = now_ms() + 4000 + KEY_COUNT // 50
        numbers = [i * 7919 % KEY_COUNT for i in range(KEY_COUNT)]
        check(len(set(numbers)) == KEY_COUNT, "KV_KEYS is a multiple of 7919")
        deadlines = [NEVER if i % 3 == 0 else last - chance.randrange(4000) for i in range(KEY_COUNT)]
        keys = Mortals(c, deadlines, value, SEED)
        keys.store(numbers)
        expect(c, b"+OK", "KV.FLUSH")
        most = table_bytes(kvd.dir)
        keys.look_until(lambda: now_ms() > last + 1000)
        # Without KV.COMPACT.  The values that stay, and some of the tombstones.
        is_in_time = patience(120 + KEY_COUNT // 1000)
        keys.look_until(lambda: is_in_time() and table_bytes(kvd.dir) <= most * 2 // 3)
        print("%s looks, %d of them within a second of the deadline; %d MB of tables became %d" % (
            keys.counts, keys.near_count, most >> 20, table_bytes(kvd.dir) >> 20))
        expect(c, b":%d" % deadlines.count(NEVER), "KV.COUNT", "-", "+")
        check_expired_keys(c, KEY_COUNT - deadlines.count(NEVER))
        folder = c.command("KV.CHECKPOINT", "looked-at")[1].decode()
        keys.ldb_shows_them(folder)
        all_dead_tables_go(kvd, c, most // 20)


def check_expired_keys(c, dead_count):
    """Each value was set once, so each death is counted once, whoever lets it go: flush, compaction
    or, when its table is full of the dead, nobody who has read it."""
    expect(c, b"+OK", "KV.COMPACT")
    expired = stat(c, "expired_keys")
    check(expired == dead_count, "expired_keys:%d, but %d keys have died" % (expired, dead_count))
    expect(c, b"+OK", "CONFIG", "RESETSTAT")
    check(stat(c, "expired_keys") == 0, "RESETSTAT")


def all_dead_tables_go(kvd, c, bytes_max):
    """When all is dead, the tables go as they are."""
    c.command("FLUSHALL")
    last = now_ms() + 3000
    for start in range(0, KEY_COUNT, 1000):
        pipeline(c, [("SET", "k%08d" % i, b"%0100d" % 7, "PXAT", last) for i in
                     range(start, min(start + 1000, KEY_COUNT))])
    expect(c, b"+OK", "KV.FLUSH")
    is_in_time = patience(120)
    while is_in_time() and (table_bytes(kvd.dir) > bytes_max or now_ms() <= last):
        expect(c, b"+PONG", "PING")
        time.sleep(0.05)
    expect(c, b":0", "KV.COUNT", "-", "+")
    # Of tables that went unread, and of what a compaction read; it may not have come by all.
    check(KEY_COUNT // 2 < stat(c, "expired_keys") <= KEY_COUNT, stat(c, "expired_keys"))


def main():
    print("seed=%d" % SEED)
    folder = tempfile.mkdtemp(prefix="kvd-expire-")
    try:
        with Kvd("--merge-operator", "int64add", "--wal-sync", "never") as kvd:
            if shutil.which("redis-server"):
                with Redis() as redis:
                    same_on_both(kvd, redis)
            nothing_shows_the_dead(kvd)
            until_the_moment(kvd)
            a_snapshot_keeps_its_time(kvd)
            each_snapshot_has_its_time(kvd)
            merges(kvd)
        what_was_acknowledged_stays(folder)
        space_comes_back()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
