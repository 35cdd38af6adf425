"""Goal: MULTI ... EXEC is one write of which each command sees those before it, whatever they are and
wherever the data lies; WATCH notices every change and no other; a kill leaves all of it or nothing.
(Which replies they give: differential_test.py.)  KV_SEED repeats a run."""

import os
import random
import re
import shutil
import tempfile
import threading

from kvd_process import BIN, Kvd, Process, check, encode, free_port

SEED = int(os.environ.get("KV_SEED", random.randrange(1 << 32)))


def expect(connection, reply, *words):
    got = connection.command(*words)
    check(got == reply, "%r: %r, not %r" % (words, got, reply))


def multi(connection, *commands):
    """Returns what EXEC replies."""
    expect(connection, b"+OK", "MULTI")
    for words in commands:
        expect(connection, b"+QUEUED", *words)
    return connection.command("EXEC")


def own_writes_are_seen(kvd):
    c = kvd.connect()
    expect(c, b"+OK", "MSET", "a", "1", "b", "2", "c", "3")
    got = multi(c, ("KV.MERGE", "n", "5"), ("INCR", "n"), ("KV.MERGE", "n", "10"), ("GET", "n"),
                ("DEL", "a"), ("EXISTS", "a", "b"), ("KV.DELRANGE", "[b", "+"), ("MGET", "a", "b", "c"),
                ("SET", "bb", "x"), ("FLUSHDB",), ("MGET", "bb", "n"), ("APPEND", "bb", "y"),
                ("INCRBY", "bb", "1"), ("GET", "bb"))
    check(got == [b"+OK", b":6", b"+OK", b"16", b":1", b":1", b"+OK", [None, None, None], b"+OK",
                  b"+OK", [None, None], b":1", b"-ERR value is not an integer or out of range", b"y"],
          got)
    expect(c, [None, None, None, None, b"y"], "MGET", "a", "b", "c", "n", "bb")
    expect(c, b"+OK", "CLIENT", "NO-EVICT", "on")
    # A large one: more than a memtable of the usual size.
    big = os.urandom(700000)
    got = multi(c, *[("SET", "big%d" % i, big) for i in range(6)], ("STRLEN", "big0"),
                ("APPEND", "big5", "end"), ("GETRANGE", "big5", "-4", "-1"), ("GET", "big3"))
    check(got[6:] == [b":700000", b":700003", big[-1:] + b"end", big], "a large transaction")
    expect(c, b":700003", "STRLEN", "big5")


def refusals(kvd):
    c = kvd.connect()
    for words in (("KEYS", "*"), ("SCAN", "0"), ("RANDOMKEY",), ("KV.RANGE", "-", "+"),
                  ("KV.FLUSH",), ("KV.COMPACT",), ("KV.SEEK", "a")):
        expect(c, b"+OK", "MULTI")
        expect(c, b"+QUEUED", "SET", "refused", "1")
        reply = c.command(*words)
        check(reply.startswith(b"-ERR '%s' walks" % words[0].lower().encode()) or
              reply == b"-ERR Command not allowed inside a transaction", reply)
        expect(c, b"-EXECABORT Transaction discarded because of previous errors.", "EXEC")
    expect(c, b":0", "EXISTS", "refused")
    expect(c, b"+OK", "MULTI")
    c.close()


def watching(kvd):
    c, other = kvd.connect(), kvd.connect()

    def attempt(change, *keys):
        """Whether EXEC runs when `change` happens after WATCH."""
        expect(c, b"+OK", "WATCH", *keys)
        change()
        got = multi(c, ("SET", "done", "1"))
        check(got in (None, [b"+OK"]), got)
        return got is not None

    def settle():
        expect(other, b"+OK", "KV.FLUSH")
        expect(other, b"+OK", "KV.COMPACT")

    expect(other, b"+OK", "MSET", "w", "1", "old", "2")
    expect(other, b":1", "DEL", "old")
    check(attempt(lambda: None, "w", "missing"), "nothing happened")
    check(attempt(settle, "w", "missing", "old"), "flushes and compactions change nothing")
    check(attempt(lambda: expect(other, b"+OK", "SET", "w2", "1"), "w"), "another key")
    check(not attempt(lambda: expect(other, b"+OK", "SET", "w", "1"), "w"), "the same value again")
    check(not attempt(lambda: expect(other, b":1", "DEL", "w"), "w"), "deleted")
    check(not attempt(lambda: expect(other, b"+OK", "SET", "w", "1"), "missing", "w"), "made")
    check(not attempt(lambda: (expect(other, b":1", "DEL", "w"), settle()), "w"),
          "deleted and compacted away")
    expect(other, b"+OK", "SET", "w", "1")
    check(not attempt(lambda: expect(other, b"+OK", "KV.DELRANGE", "[v", "[x"), "w"), "a range")
    check(attempt(lambda: expect(other, b"+OK", "KV.DELRANGE", "[v", "[x"), "w"), "no key in it")
    check(not attempt(lambda: expect(other, b"+OK", "KV.MERGE", "n", "1"), "n"), "merged")
    check(not attempt(lambda: expect(c, b"+OK", "SET", "w", "own"), "w"), "by oneself")
    expect(c, b"+OK", "WATCH", "w")
    expect(other, b"+OK", "SET", "w", "x")
    expect(c, b"+OK", "UNWATCH")
    check(multi(c, ("GET", "w")) == [b"x"], "unwatched")
    expect(c, b"+OK", "WATCH", "w")
    expect(other, b"+OK", "SET", "w", "y")
    check(multi(c, ("GET", "w")) is None, "changed")
    check(multi(c, ("GET", "w")) == [b"y"], "EXEC ends the watch")


def cold_reads(kvd):
    """Far more data than memory: each EXEC needs many blocks, and several tries."""
    rng = random.Random(SEED)
    c = kvd.connect()
    expect(c, b"+OK", "CLIENT", "NO-EVICT", "on")
    values = {b"cold%06d" % i: rng.randbytes(4000) for i in range(8000)}
    for start in range(0, 8000, 500):
        keys = sorted(values)[start:start + 500]
        c.send(b"".join(encode("SET", key, values[key]) for key in keys))
        check(all(c.reply() == b"+OK" for _ in keys), "filled")
        expect(c, b"+OK", "KV.FLUSH")
    for _ in range(40):
        keys = rng.sample(sorted(values), 30)
        watched = rng.sample(sorted(values), 5)
        expect(c, b"+OK", "WATCH", *watched)
        commands, replies = [], []
        for key in keys:
            if rng.random() < 0.5:
                commands.append(("GET", key))
                replies.append(values[key])
            else:
                values[key] += b"+"
                commands += [("APPEND", key, "+"), ("GET", key)]
                replies += [b":%d" % len(values[key]), values[key]]
        check(multi(c, *commands) == replies, "a cold transaction")


def acts_happen_once(kvd):
    """What touches more than keys, in front of reads that need several tries."""
    rng = random.Random(SEED)
    c, witness = kvd.connect(), kvd.connect()
    expect(c, b"+OK", "SELECT", "0")
    for i in range(8):
        victim = kvd.connect()
        number = victim.command("CLIENT", "ID")[1:]
        expect(c, b"+OK", "CLIENT", "SETNAME", "before")
        expect(witness, b"+OK", "CONFIG", "SET", "latency-monitor-threshold", "1us")
        expect(witness, b"+OK", "DEBUG", "SLEEP", "0.001")
        expect(witness, b"+OK", "CONFIG", "SET", "latency-monitor-threshold", "0")
        before = errors(witness)
        keys = [b"cold%06d" % rng.randrange(8000) for _ in range(12)]
        got = multi(c, ("INCR", "acts"), ("CLIENT", "KILL", "ID", number), ("LATENCY", "RESET"),
                    ("CLIENT", "KILL", "nobody"), ("CLIENT", "GETNAME"), ("CLIENT", "SETNAME", "after"),
                    *[("STRLEN", key) for key in keys], ("CLIENT", "GETNAME"), ("APPEND", keys[0], "."))
        check(got[:2] == [b":%d" % (i + 1), b":1"], "killed once, told once: %r" % got[:6])
        check(int(got[2][1:]) >= 1, "reset once, told once: %r" % got[:6])
        check(got[3].startswith(b"-ERR No such client") and got[4] == b"before", got[:6])
        check(got[18:20] == [b"after", b":%d" % (int(got[6][1:]) + 1)], got[6:])
        check(victim.is_closed(), "the victim")
        check(errors(witness) == before + 1, "errors are counted once")


def errors(connection):
    return int(re.search(rb"total_error_replies:(\d+)", connection.command("INFO", "stats"))[1])


class Writer(threading.Thread):
    """Keeps two keys equal, until the server is gone."""

    def __init__(self, kvd, number):
        super().__init__()
        self.connection = kvd.connect()
        self.number, self.acknowledged, self.tried = number, 0, 0

    def run(self):
        pair = "left%d" % self.number, "right%d" % self.number
        try:
            while True:
                self.tried += 1
                self.connection.send(encode("MULTI") + encode("INCR", pair[0]) +
                                     encode("INCR", pair[1]) + encode("EXEC"))
                for _ in range(3):
                    self.connection.reply()
                value = b":%d" % self.tried
                check(self.connection.reply() == [value, value], "both")
                self.acknowledged = self.tried
        except (OSError, EOFError, AssertionError, IndexError):
            pass


def all_or_nothing():
    directory, port = tempfile.mkdtemp(prefix="kvd-test-"), free_port()
    argv = [os.path.join(BIN, "kvd"), "--dir", directory, "--port", str(port),
            "--memtable-size", "1mb"]
    with Process(argv, port) as kvd:
        writers = [Writer(kvd, i) for i in range(8)]
        for writer in writers:
            writer.start()
        threading.Event().wait(0.7)
        kvd.process.kill()
        for writer in writers:
            writer.join()
        kvd.process.wait()
    with Process(argv, port) as kvd:
        c = kvd.connect()
        for writer in writers:
            left, right = c.command("MGET", "left%d" % writer.number, "right%d" % writer.number)
            check(left == right, "half a transaction: %r %r" % (left, right))
            check(writer.acknowledged <= int(left or 0) <= writer.tried, "an acknowledged one is lost")
        check(sum(writer.acknowledged for writer in writers) > 100, "hardly anything was done")
    shutil.rmtree(directory)


def the_last_command_of_its_client():
    """CLIENT KILL ends the client that says it when EXEC is over, however often that is tried: behind
    it stand reads of what is in no memory after a start."""
    directory, port = tempfile.mkdtemp(prefix="kvd-test-"), free_port()
    argv = [os.path.join(BIN, "kvd"), "--dir", directory, "--port", str(port)]
    with Process(argv, port) as kvd:
        c = kvd.connect()
        for i in range(100):
            expect(c, b"+OK", "SET", "k%d" % i, b"%d" % i * 500)
        expect(c, b"+OK", "KV.FLUSH")
        kvd.stop()
    with Process(argv, port) as kvd:
        for i in (7, 50, 93):
            c = kvd.connect()
            me = c.command("CLIENT", "ID")[1:]
            expect(c, b"+OK", "MULTI")
            for words in (("CLIENT", "KILL", "ID", me, "SKIPME", "no"), ("GET", "k%d" % i), ("INCR", "n")):
                expect(c, b"+QUEUED", *words)
            c.send(encode("EXEC") + encode("INCR", "n"))
            got = c.reply()
            check(got[:2] == [b":1", b"%d" % i * 500], got)
            check(c.is_closed(), "ended")
        expect(kvd.connect(), b"3", "GET", "n")
    shutil.rmtree(directory)


if __name__ == "__main__":
    print("seed=%d" % SEED)
    with Kvd("--memory-limit", "16mb", "--memtable-size", "1mb", "--merge-operator", "int64add") as kvd:
        own_writes_are_seen(kvd)
        refusals(kvd)
        watching(kvd)
        cold_reads(kvd)
        acts_happen_once(kvd)
    the_last_command_of_its_client()
    all_or_nothing()
