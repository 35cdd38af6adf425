"""Goal: five hundred column families are no burden: made, written, flushed, compacted, read after a
kill and dropped in seconds; families that lie still do not hold the log back; memory stays in its
limit.
Method: each step once, with its time printed and, where a quadratic way would show, bounded
generously: the machine may be busy, and each table costs a sync of its own.
KV_FAMILIES for other numbers."""

import os
import time

from kvd_process import Kvd, check, encode

FAMILIES = int(os.environ.get("KV_FAMILIES", "500"))
KEYS = 20
SETTINGS = ("--memory-limit", "64mb", "--memtable-size", "4mb", "--wal-max-size", "4mb")
LOGS_BYTES_MAX = 6 * (4 << 20)  # the active, the next, those to be flushed, and recycled ones
MEMORY_LIMIT = 64 << 20
RESIDENT_BYTES_MAX = MEMORY_LIMIT
DEADLINE_S = 120


def patient(kvd):
    connection = kvd.connect()
    connection.socket.settimeout(DEADLINE_S)
    return connection


class Timed:
    """Prints what a step took, and bounds it."""

    def __init__(self, what, seconds=DEADLINE_S):
        self.what, self.seconds = what, seconds

    def __enter__(self):
        self.start = time.monotonic()

    def __exit__(self, kind, value, trace):
        took = time.monotonic() - self.start
        print("%-44s %7.2f s" % (self.what, took), flush=True)
        if kind is None:
            check(took < self.seconds, "%s takes %.1f s" % (self.what, took))


def name(i):
    return "family-%03d" % i


def everywhere(connection, reply, verb, *words):
    """The command on each key of each family, pipelined."""
    connection.send(b"".join(encode("KV.IN", name(i), verb, "k%d" % j, *words)
                             for j in range(KEYS) for i in range(FAMILIES)))
    for j in range(KEYS):
        for i in range(FAMILIES):
            got = connection.reply()
            check(got == reply, "%s of key %d of family %d: %r" % (verb, j, i, got))


def info(connection):
    lines = connection.command("INFO").decode().split("\r\n")
    return dict(line.split(":", 1) for line in lines if ":" in line)


def resident_bytes(kvd):
    """Without what shared mappings hold; of a sanitized build it says nothing."""
    with open("/proc/%d/status" % kvd.process.pid, encoding="ascii") as file:
        words = dict(line.split(":", 1) for line in file)
    return int(words["RssAnon"].split()[0]) * 1024


def is_sanitized():
    return "asan" in os.environ.get("KV_BIN", "asan")


def logs_bytes(kvd):
    return sum(os.path.getsize(os.path.join(kvd.dir, file)) for file in os.listdir(kvd.dir)
               if file.endswith(".log"))


def create_and_fill(kvd, c):
    with Timed("made, one after the other"):
        for i in range(FAMILIES):
            check(c.command("KV.CF", "CREATE", name(i)) == b"+OK", "made")
    with Timed("%d keys into each" % KEYS, 20):
        everywhere(c, b"+OK", "SET", "one")
    with Timed("read from memory", 20):
        everywhere(c, b"one", "GET")
    for _ in range(4):
        with Timed("one flush of all"):
            check(c.command("KV.FLUSH") == b"+OK", "a flush")
        everywhere(c, b"+OK", "SET", "two")
    with Timed("compacted"):
        while True:
            told = info(c)
            if (told["compactions_running"] == "0" and told["compaction_debt_bytes"] == "0" and
                    int(told["compactions"]) >= FAMILIES):
                break
            check(c.command("KV.IN", name(0), "GET", "k0") == b"two", "reads go on")
    with Timed("INFO and KV.CF LIST", 5):
        check(len(c.command("KV.CF", "LIST")) == FAMILIES + 1, "all are listed")
        info(c)


def memory_stays_in_its_limit(kvd, c):
    """20 MB evenly into all of them, read back evenly: memtables, readers and cache of all."""
    used_max = resident_max = 0
    with Timed("20 MB into all of them, evenly, and read"):
        for j in range(KEYS):
            names = [(name(i), "e%d" % j) for i in range(FAMILIES)]
            c.send(b"".join(encode("KV.IN", family, "SET", key, os.urandom(2000))
                            for family, key in names))
            check(all(c.reply() == b"+OK" for _ in names), "written")
            c.send(b"".join(encode("KV.IN", family, "GET", "e%d" % (j // 2)) for family, _ in names))
            check(all(len(c.reply()) == 2000 for _ in names), "read")
            told = info(c)
            check(int(told["memory_limit"]) == MEMORY_LIMIT, told["memory_limit"])
            used_max = max(used_max, int(told["used_memory"]))
            resident_max = max(resident_max, resident_bytes(kvd))
    print("used at most %.1f MB of %d; resident without memtables %.1f MB%s" %
          (used_max / 2**20, MEMORY_LIMIT >> 20, resident_max / 2**20,
           " (sanitized: says nothing)" if is_sanitized() else ""), flush=True)
    check(used_max <= MEMORY_LIMIT, "used %d" % used_max)
    check(is_sanitized() or resident_max <= RESIDENT_BYTES_MAX, "%d resident" % resident_max)


def the_still_do_not_hold_the_log(kvd, c):
    """24 MB go through one family while 499 hold a little of each memtable's beginning."""
    with Timed("24 MB through one of them"):
        for _ in range(24):
            c.send(b"".join(encode("KV.IN", name(0), "SET", "x%d" % j, os.urandom(1000))
                            for j in range(1000)))
            check(all(c.reply() == b"+OK" for _ in range(1000)), "written")
            check(logs_bytes(kvd) <= LOGS_BYTES_MAX, "logs of %d bytes" % logs_bytes(kvd))
    if not is_sanitized():
        check(resident_bytes(kvd) <= RESIDENT_BYTES_MAX, "%d resident" % resident_bytes(kvd))
    everywhere(c, b"+OK", "SET", "three")


def main():
    with Kvd(*SETTINGS) as kvd:
        c = patient(kvd)
        create_and_fill(kvd, c)
        memory_stays_in_its_limit(kvd, c)
        the_still_do_not_hold_the_log(kvd, c)
        kvd.process.kill()
        kvd.process.wait()
        with Timed("back after a kill", 30):
            again = Kvd("--dir", kvd.dir, *SETTINGS)
            c = patient(again)
            check(c.command("PING") == b"+PONG", "it answers")
        with again:
            with Timed("read, cold", 60):
                everywhere(c, b"three", "GET")
            with Timed("a clean stop", 30):
                check(again.stop() == 0, "a clean stop")
        with Timed("back after a stop", 30):
            again = Kvd("--dir", kvd.dir, *SETTINGS)
            c = patient(again)
            check(c.command("PING") == b"+PONG", "it answers")
        with again:
            with Timed("dropped, one after the other"):
                for i in range(FAMILIES):
                    check(c.command("KV.CF", "DROP", name(i)) == b"+OK", "dropped")
            check(c.command("KV.CF", "LIST") == [b"default"], "none is left")


if __name__ == "__main__":
    main()
