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
    with_both(settings, commands, own_writes_in_resp3)
    nothing_before_it_is_durable()
