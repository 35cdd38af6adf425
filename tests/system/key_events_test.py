"""Goal: keyspace notifications are Redis's, and none tells of a write that is not durable.
Method: the same commands and settings on a redis-server and a kvd, all messages compared; then a kvd
whose log is synced rarely, and one that is killed."""

import os
import random
import shutil
import tempfile
import threading

from kvd_process import BIN, Process, check, encode, free_port
from two_servers import Both, say, with_both

SEED = int(os.environ.get("KV_SEED", random.randrange(1 << 32)))

COMMANDS = (
    ("SET", "a", "1"), ("SET", "a", "2", "NX"), ("SET", "a", "2", "XX", "GET"), ("SETNX", "b", "1"),
    ("SETNX", "b", "1"), ("GETSET", "a", "5"), ("GETSET", "miss", "5"), ("APPEND", "a", "6"),
    ("APPEND", "c", "6"), ("SETRANGE", "a", "1", "x"), ("SETRANGE", "d", "1", ""), ("SETRANGE", "d", "3", "y"),
    ("INCR", "n"), ("DECR", "n"), ("INCRBY", "n", "5"), ("DECRBY", "n", "5"), ("INCRBYFLOAT", "n", "1.5"),
    ("INCR", "a"), ("MSET", "m1", "1", "m2", "2", "m1", "3"), ("MSETNX", "m3", "1"), ("MSETNX", "m3", "1"),
    ("SETBIT", "bits", "7", "1"), ("BITOP", "AND", "dest", "a", "nosuch"), ("BITOP", "OR", "dest", "no1", "no2"),
    ("BITOP", "OR", "dest", "no1", "no2"), ("GET", "a"), ("GET", "nosuch"), ("MGET", "a", "no1", "no2"),
    ("EXISTS", "no1"), ("STRLEN", "no1"), ("TYPE", "no1"), ("GETRANGE", "no1", "0", "1"), ("BITCOUNT", "no1"),
    ("GETBIT", "no1", "1"), ("GETDEL", "a"), ("GETDEL", "a"), ("DEL", "b", "nosuch", "b", "c"),
    ("UNLINK", "d", "d"), ("RENAME", "n", "renamed"), ("RENAME", "renamed", "renamed"), ("RENAME", "no1", "x"),
    ("RENAMENX", "m1", "m2"), ("RENAMENX", "m1", "m9"), ("COPY", "m2", "m9"), ("COPY", "m2", "m8"),
    ("COPY", "m2", "m8", "REPLACE"), ("COPY", "no1", "m8"), ("COPY", "m2", "m2", "DB", "3"), ("MOVE", "m2", "4"),
    ("MOVE", "no1", "4"), ("SELECT", "3"), ("SET", b"\x00 bin\xff", ""), ("DEL", b"\x00 bin\xff"), ("SELECT", "0"),
    ("MULTI",), ("SET", "t", "1"), ("INCR", "t"), ("GET", "no1"), ("DEL", "t"), ("SELECT", "2"),
    ("SET", "t", "2"), ("SELECT", "0"), ("EXEC",), ("MULTI",), ("SET", "t", "1"), ("DISCARD",),
    ("SET", "t"), ("OBJECT", "ENCODING", "no1"), ("FLUSHALL",),
)


def commands(servers):
    rng = random.Random(SEED)
    for flags in ("KEA", "K$", "Eg", "KE$g", "KEm", "KEnA", "A", "", "KEAmn"):
        p, listener = Both(servers), Both(servers)
        p.say("CONFIG", "SET", "notify-keyspace-events", "".join(rng.sample(flags, len(flags))))
        listener.say("PSUBSCRIBE", "__key*__:*")
        listener.say("SUBSCRIBE", "__keyspace@0__:a")
        for words in COMMANDS:
            p.ask(*words)
            theirs, ours = (say(end) for end in listener.ends)
            check(theirs == ours, "%s %r:\nredis %r\nkvd   %r" % (flags, words, theirs, ours))
        p.close()
        listener.close()


def settings(servers):
    c = Both(servers)
    for flags in ("", "KEA", "Kg$x", "KEq", "q", "KEg$lshzxetd", "A", "mn", "EKm", "AKE"):
        c.say("CONFIG", "SET", "notify-keyspace-events", flags)
        c.say("CONFIG", "GET", "notify-keyspace-events")
    c.close()


DEAD = ("dead1", "dead2", "dead3", "dead4")
# With all four dead.  Of what walks over keys only Redis tells.
MEETINGS = (
    [("GET", "dead1"), ("GET", "dead1")], [("MGET", "dead1", "no", "dead2", "dead1")], [("EXISTS", "dead1")],
    [("TTL", "dead1"), ("TYPE", "dead1")], [("STRLEN", "dead1")], [("SET", "dead1", "new")],
    [("SET", "dead1", "new", "XX")], [("SET", "dead1", "new", "NX", "GET")], [("SETNX", "dead1", "new")],
    [("APPEND", "dead1", "x")], [("INCR", "dead1"), ("INCR", "dead1")], [("GETSET", "dead1", "x")],
    [("GETDEL", "dead1")], [("GETEX", "dead1", "PERSIST")], [("EXPIRE", "dead1", "100")], [("PERSIST", "dead1")],
    [("DEL", "dead1", "dead2", "dead1")], [("UNLINK", "dead1")], [("MSET", "dead1", "1", "x", "2", "dead2", "3")],
    [("MSETNX", "dead1", "1", "dead2", "3")], [("RENAME", "dead1", "x")], [("COPY", "dead1", "x")],
    [("SET", "x", "1"), ("RENAME", "x", "dead1")], [("SET", "x", "1"), ("COPY", "x", "dead1")],
    [("SET", "x", "1"), ("RENAMENX", "x", "dead1")], [("MOVE", "dead1", "3")], [("BITCOUNT", "dead1")],
    [("SETBIT", "dead1", "1", "1")], [("SETRANGE", "dead1", "1", "x")], [("DUMP", "dead1")],
    [("BITOP", "OR", "dest", "dead1", "dead2")], [("SET", "x", "1"), ("BITOP", "NOT", "dead1", "x")], [("OBJECT", "ENCODING", "dead1")],
    [("MULTI",), ("GET", "dead1"), ("SET", "dead2", "x"), ("GET", "dead1"), ("INCR", "dead3"), ("EXEC",),
     ("GET", "dead1"), ("GET", "dead3")],
    [("MULTI",), ("GET", "dead1"), ("DISCARD",), ("GET", "dead1")],
)


def expired(servers):
    """Told when a command meets the dead key, and once."""
    p, listener = Both(servers), Both(servers)
    p.ends[0].command("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    listener.say("PSUBSCRIBE", "__key*__:*")
    for flags in ("KEA", "Kx", "ExmKn"):
        p.say("CONFIG", "SET", "notify-keyspace-events", flags)
        for meeting in MEETINGS:
            for key in DEAD:
                p.ask("SET", key, "5", "PX", "1")
            wait_for_death(p)
            for end in listener.ends:
                say(end)
            for words in meeting:
                p.ask(*words)
                theirs, ours = (say(end) for end in listener.ends)
                check(theirs == ours, "%s %r:\nredis %r\nkvd   %r" % (flags, words, theirs, ours))
            p.say("FLUSHALL")
    counts = [int(end.command("INFO", "stats").split(b"expired_keys:")[1].split(b"\r")[0]) for end in p.ends]
    check(counts[1] > 3 * len(MEETINGS), "expired_keys: %r" % counts)
    p.close()
    listener.close()


def wait_for_death(p):
    """Of keys with a millisecond to live: until both clocks have moved on by more."""
    for end in p.ends:
        begun = end.command("TIME")
        while True:
            now = end.command("TIME")
            if (int(now[0]) - int(begun[0])) * 1000000 + int(now[1]) - int(begun[1]) > 4000:
                break


def own_writes_in_resp3(servers):
    c = Both(servers)
    c.say("CONFIG", "SET", "notify-keyspace-events", "KEA")
    for end in c.ends:
        end.send(encode("HELLO", "3") + encode("PSUBSCRIBE", "__key*"))
    for end in c.ends:
        say(end)
    for words in (("SET", "a", "1"), ("INCR", "a"), ("DEL", "a"), ("DEL", "a"), ("GET", "a")):
        c.say(*words)
    c.close()


def nothing_before_it_is_durable():
    """What a subscriber has been told of is there after a kill."""
    directory, port = tempfile.mkdtemp(prefix="kvd-test-"), free_port()
    argv = [os.path.join(BIN, "kvd"), "--dir", directory, "--port", str(port), "--memtable-size", "1mb",
            "--notify-keyspace-events", "K$"]
    told = []
    with Process(argv, port) as kvd:
        listener = kvd.connect()
        say(listener, "PSUBSCRIBE", "__keyspace@0__:*")
        writers = [kvd.connect() for _ in range(4)]

        def listen():
            try:
                while True:
                    message = listener.reply()
                    told.append(message[2].split(b":", 1)[1])
            except (OSError, EOFError, IndexError, AssertionError):
                pass

        def write(number):
            try:
                for i in range(1000000):
                    writers[number].send(b"".join(encode("SET", "w%d-%d-%d" % (number, i, j), "v")
                                                  for j in range(20)))
                    for _ in range(20):
                        writers[number].reply()
            except (OSError, EOFError, IndexError):
                pass

        threads = [threading.Thread(target=listen)]
        threads += [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        threading.Event().wait(0.6)
        kvd.process.kill()
        for thread in threads:
            thread.join()
        kvd.process.wait()
    with Process(argv, port) as kvd:
        c = kvd.connect()
        check(len(told) > 100, "hardly anything was told")
        for start in range(0, len(told), 500):
            keys = told[start:start + 500]
            check(c.command("EXISTS", *keys) == b":%d" % len(keys), "told of what is lost")
    shutil.rmtree(directory)


if __name__ == "__main__":
    print("seed=%d" % SEED)
    with_both(settings, commands, expired, own_writes_in_resp3, redis=("--enable-debug-command", "yes"))
    nothing_before_it_is_durable()
