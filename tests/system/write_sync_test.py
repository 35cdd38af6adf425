"""Goal: each write may say how sure its reply is to be, whatever wal-sync says; WAIT answers as
Redis does without replicas.
Method: the counters of syncs and KV.SEQ around writes of each level in each mode; pipelines in which
levels are mixed; kill -9 behind acknowledgements; the same WAITs to both servers."""

import re
import resource
import shutil
import time

from kvd_process import Kvd, Redis, check, encode, expect

LOST = b"-MISCONF Errors writing to the write-ahead log: "


def seqs(connection):
    got = connection.command("KV.SEQ")
    return {name: int(value[1:]) for name, value in zip(got[::2], got[1::2])}


def syncs(connection):
    return int(re.search(rb"wal_syncs:(\d+)", connection.command("INFO", "kvd"))[1])


def grammar(kvd):
    c = kvd.connect()
    for words in (("SYNC", "disk", "GET", "a"), ("SYNC", "maybe", "SET", "a", "1"),
                  ("NOSYNC", "disk", "SET", "a", "1"), ("SYNC", "disk", "SET", "a"),
                  ("SYNC", "disk", "NOSUCH", "a"), ("SYNC", "none"), ("SYNC", "disk", "EXEC"),
                  ("SYNC", "disk", "KV.WRITE", "SYNC", "os", "SET", "a", "1"),
                  ("SYNC", "disk", "KV.IN", "default", "KV.WRITE", "SYNC", "os", "SET", "a", "1")):
        expect(c, b"-ERR", "KV.WRITE", *words)
    expect(c, b"-NOFAMILY", "KV.WRITE", "SYNC", "os", "KV.IN", "nosuch", "SET", "a", "1")
    expect(c, b"-ERR", "KV.IN", "default", "KV.WRITE", "SYNC", "os", "SET", "a", "1")
    expect(c, None, "GET", "a")
    expect(c, b"+OK", "MULTI")
    expect(c, b"-ERR Command not allowed", "KV.WRITE", "SYNC", "disk", "SET", "a", "1")
    expect(c, b"-EXECABORT", "EXEC")
    for words in (("x", "1"), ("1", "x"), ("1", "-1"), ("-1", "1"), ("99999999", "1")):
        expect(c, b"-ERR", "KV.WAITSEQ", *words)


def every_level_writes(kvd):
    c = kvd.connect()
    expect(c, b"+OK", "KV.WRITE", "SYNC", "none", "FLUSHALL")
    for level in ("none", "os", "disk", "DISK"):
        expect(c, b"+OK", "KV.WRITE", "SYNC", level, "SET", "a", level)
        expect(c, level.encode(), "GET", "a")
        expect(c, b":1", "KV.WRITE", "SYNC", level, "INCR", "n-" + level)
        expect(c, b":1", "KV.WRITE", "sync", level, "DEL", "n-" + level)
        expect(c, b"+OK", "KV.WRITE", "SYNC", level, "MSET", "x", "1", "y", level)
        expect(c, b":0", "KV.WRITE", "SYNC", level, "SETNX", "x", "2")
        expect(c, b"+OK", "KV.WRITE", "SYNC", level, "KV.IN", "db5", "SET", "five", level)
        expect(c, level.encode(), "KV.IN", "db5", "GET", "five")
        expect(c, b"+OK", "KV.WRITE", "SYNC", level, "KV.DELRANGE", "[x", "[y")
    # A pipeline: the replies in their order, and all of it there.
    d = kvd.connect()
    levels = ("none", "os", "disk")
    d.send(b"".join(b"KV.WRITE SYNC %s INCR p\r\nSET q%d v\r\nGET p\r\n"
                    % (levels[i % 3].encode(), i) for i in range(300)))
    for i in range(300):
        check((d.reply(), d.reply(), d.reply()) == (b":%d" % (i + 1), b"+OK", b"%d" % (i + 1)), i)


def disk_waits_for_the_disk(kvd, mode):
    c = kvd.connect()
    expect(c, b"+OK", "CONFIG", "SET", "wal-sync", mode, "wal-sync-interval", "3600s")
    expect(c, b"+OK", "SET", "mode", mode)
    before, told = syncs(c), seqs(c)
    check(told[b"durable"] == told[b"last"], told)
    check(told[b"synced"] < told[b"last"], "the usual reply comes before the disk: %r" % told)
    expect(c, b"+OK", "KV.WRITE", "SYNC", "disk", "SET", "sure", mode)
    told = seqs(c)
    check(told[b"synced"] == told[b"last"] and syncs(c) > before, told)
    for level in ("none", "os"):
        before = syncs(c)
        expect(c, b"+OK", "KV.WRITE", "SYNC", level, "SET", "unsure", mode)
        check(syncs(c) == before and seqs(c)[b"synced"] < seqs(c)[b"last"], level)
    # Others' writes are not held back by one that waits for the disk.
    last = seqs(c)[b"last"]
    got = c.command("KV.WAITSEQ", last, "10000")
    check(int(got[1:]) >= last and seqs(c)[b"synced"] >= last, got)
    expect(c, b":%d" % last, "KV.WAITSEQ", "0", "0")
    d = kvd.connect()
    for i in range(50):
        c.send(b"SET a%d 1\r\n" % i)
        d.send(b"KV.WRITE SYNC disk SET b%d 1\r\n" % i)
    for _ in range(50):
        check(c.reply() == b"+OK" and d.reply() == b"+OK", "both")
    check(seqs(c)[b"synced"] > last, "synced")
    # A flush makes durable what no sync has.
    expect(c, b"+OK", "SET", "flushed", "1")
    expect(c, b"+OK", "KV.FLUSH")
    deadline = time.monotonic() + 10
    while seqs(c)[b"synced"] < seqs(c)[b"last"]:
        check(time.monotonic() < deadline, seqs(c))


def always_is_as_before(kvd):
    c = kvd.connect()
    expect(c, b"+OK", "CONFIG", "SET", "wal-sync", "always")
    expect(c, b"+OK", "SET", "a", "1")
    told = seqs(c)
    check(told[b"synced"] == told[b"durable"] == told[b"last"], told)
    expect(c, b":%d" % told[b"last"], "KV.WAITSEQ", told[b"last"], "0")
    expect(c, b"+OK", "MULTI")
    expect(c, b"+QUEUED", "WAIT", "3", "0")
    expect(c, b"+QUEUED", "SET", "a", "2")
    expect(c, b"+QUEUED", "KV.WAITSEQ", told[b"last"], "0")
    got = c.command("EXEC")
    check(got[:2] == [b":0", b"+OK"], got)


def what_was_sure_survives():
    with Kvd("--wal-sync", "never") as kvd:
        c = kvd.connect()
        for i in range(50):
            expect(c, b"+OK", "KV.WRITE", "SYNC", "disk", "SET", "sure%d" % i, "1")
        kvd.process.kill()
        kvd.process.wait()
        with Kvd("--dir", kvd.dir) as again:
            expect(again.connect(), b":50", "KV.COUNT", "[sure", "[surf")


def what_was_taken_back_is_told():
    """The log fails under a write whose reply was not waited for: a limit on the size of files."""
    with Kvd() as kvd:
        c = kvd.connect()
        expect(c, b"+OK", "SET", "long", b"x" * 20000)
        expect(c, b"+OK", "SET", "a", "before")
        last = seqs(c)[b"last"]
        limits = resource.prlimit(kvd.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(kvd.process.pid, resource.RLIMIT_FSIZE, (16384, limits[1]))
        c.send(b"".join(encode(*words) for words in (
            ("KV.WRITE", "SYNC", "none", "SET", "a", "lost"),
            ("KV.WRITE", "SYNC", "none", "SET", "b", "lost"),
            ("KV.WAITSEQ", last + 2, "10000"))))
        check((c.reply(), c.reply()) == (b"+OK", b"+OK"), "not waited for")
        begun, got = time.monotonic(), c.reply()
        check(got.startswith(LOST) and time.monotonic() - begun < 9, got)
        expect(c, b"before", "GET", "a")
        for seq in (last + 1, last + 2):
            expect(c, LOST, "KV.WAITSEQ", seq, "0")
        expect(c, b":%d" % last, "KV.WAITSEQ", last, "0")
        resource.prlimit(kvd.process.pid, resource.RLIMIT_FSIZE, limits)
        deadline = time.monotonic() + 20
        while c.command("SET", "a", "after") != b"+OK":
            check(time.monotonic() < deadline, "writes are refused for ever")
            expect(c, b"+OK", "DEBUG", "SLEEP", "0.05")
        # The log is past these numbers, but not with these writes.
        check(seqs(c)[b"synced"] > last + 2, seqs(c))
        for seq in (last + 1, last + 2):
            expect(c, LOST, "KV.WAITSEQ", seq, "0")
        expect(c, b"+OK", "MULTI")
        expect(c, b"+QUEUED", "KV.WAITSEQ", last + 1, "0")
        check(c.command("EXEC")[0].startswith(LOST), "inside of EXEC")
        expect(c, b":%d" % seqs(c)[b"last"], "KV.WAITSEQ", seqs(c)[b"last"], "0")
        expect(c, b":%d" % seqs(c)[b"last"], "KV.WAITSEQ", last, "0")


def waits_are_redis_waits(kvd):
    servers = [kvd.connect()]
    redis = Redis() if shutil.which("redis-server") else None
    if redis is not None:
        servers.append(redis.connect())
    for words in (("0", "0"), ("-1", "100"), ("1", "60"), ("x", "100"), ("1", "x"), ("1", "-1"),
                  ("1",), ("0", "x"), ("5", "1")):
        got = []
        for server in servers:
            begun = time.monotonic()
            got.append((server.command("WAIT", *words),
                        words == ("1", "60") and time.monotonic() - begun > 0.055))
        check(len(set(got)) == 1, (words, got))
    # For ever, until the client goes; the server's stop does not wait for it.
    waiter, goer = kvd.connect(), kvd.connect()
    waiter.send(b"SET w 1\r\nWAIT 1 0\r\n")
    goer.send(b"WAIT 1 0\r\n")
    check(waiter.reply() == b"+OK", "in front of it")
    goer.close()
    expect(servers[0], b"1", "GET", "w")
    # What is behind it in the pipeline comes behind it.
    other = kvd.connect()
    other.send(b"WAIT 1 30\r\nINCR order\r\n")
    check((other.reply(), other.reply()) == (b":0", b":1"), "order")
    begun = time.monotonic()
    check(kvd.stop() == 0, "a clean stop")
    check(time.monotonic() - begun < 8, "a stop waits for nobody who waits for ever")
    if redis is not None:
        redis.process.kill()
        redis.process.wait()


what_was_sure_survives()
what_was_taken_back_is_told()
with Kvd() as main_kvd:
    grammar(main_kvd)
    every_level_writes(main_kvd)
    for sync_mode in ("interval", "never"):
        disk_waits_for_the_disk(main_kvd, sync_mode)
        every_level_writes(main_kvd)
    always_is_as_before(main_kvd)
    every_level_writes(main_kvd)
    waits_are_redis_waits(main_kvd)
print("ok")
