"""Goal: KV.COMPACT and KV.JOBS do what they say, settings of compactions change at run time, and
nothing that was written is lost by it.
Method: a kvd with small memtables, real workers, and kvctl beside it."""

import os
import subprocess
import time

from kvd_process import BIN, Kvd, check, encode


def fields(kvd_connection, section):
    text = kvd_connection.command("INFO", section).split(b"\r\n")
    pairs = (line.split(b":", 1) for line in text if b":" in line)
    return {key.decode(): value.decode() for key, value in pairs}


def fill(connection, count, tag):
    for start in range(0, count, 100):
        connection.send(b"".join(encode("SET", "key:%06d" % i, "%s-%d-" % (tag, i) + "x" * 200)
                                 for i in range(start, start + 100)))
        for _ in range(100):
            check(connection.reply() == b"+OK", "set")


def check_values(connection, count, tag):
    for i in range(0, count, 37):
        value = connection.command("GET", "key:%06d" % i)
        check(value == ("%s-%d-" % (tag, i) + "x" * 200).encode(), "the value of %d" % i)


def until(what, condition):
    deadline = time.monotonic() + 60
    while not condition():
        check(time.monotonic() < deadline, what)


def compaction_by_hand(connection):
    for tag in ("a", "b", "c"):
        fill(connection, 3000, tag)
        check(connection.command("KV.FLUSH") == b"+OK", "flushed")
    check(connection.command("KV.COMPACT") == b"+OK", "compacted")
    info = fields(connection, "compaction")
    check(info["level0"].startswith("tables=0,"), "level 0 is empty: %s" % info["level0"])
    check(not info["level6"].startswith("tables=0,"), "all is in level 6: %s" % info["level6"])
    check(int(info["compactions"]) > 0 and int(info["compaction_failures"]) == 0, "counted")
    check(float(info["write_amplification"]) > 1, "write amplification")
    check_values(connection, 3000, "c")
    check(connection.command("KV.COMPACT", "key:000100", "key:000200", "FORCE") == b"+OK", "range")
    check(connection.command("KV.COMPACT", "-", "+") == b"+OK", "without bounds")
    check(connection.command("KV.COMPACT", "ASYNC").startswith(b":"), "the id of a job")


def bad_requests(connection):
    for words in (("KV.COMPACT", "a"), ("KV.COMPACT", "a", "b", "c"), ("KV.JOBS", "x", "y"),
                  ("KV.JOBS", "1", "2", "3"), ("KV.JOBS", "CANCEL")):
        check(connection.command(*words).startswith(b"-"), "an error: %r" % (words,))
    check(connection.command("KV.JOBS", "CANCEL", "987654") == b"-ERR there is no such job", "none")
    check(connection.command("KV.JOBS", "PAUSE", "987654") == b"-ERR there is no such job", "none")


def pausing(connection):
    check(connection.command("KV.JOBS", "PAUSE") == b"+OK", "paused")
    check(fields(connection, "compaction")["compactions_paused"] == "1", "says so")
    for tag in ("d", "e", "f", "g", "h"):
        fill(connection, 500, tag)
        check(connection.command("KV.FLUSH") == b"+OK", "flushed")
    check(fields(connection, "compaction")["level0"].startswith("tables=5,"), "nothing is compacted")
    check(connection.command("KV.COMPACT", "ASYNC").startswith(b":"), "one that waits")
    job = connection.command("KV.JOBS")[0]
    check(job[-2:] == [b"last-error", b""], "nothing has failed: %r" % job)
    check(connection.command("KV.JOBS", "RESUME") == b"+OK", "goes on")
    until("level 0 is compacted",
          lambda: fields(connection, "compaction")["level0"].startswith("tables=0,"))
    check_values(connection, 500, "h")


def settings(connection):
    for name, value in (("compaction-style", "universal"), ("compaction-rate-limit", "8mb"),
                        ("compaction-jobs", "2"), ("compaction-trigger", "2"),
                        ("compaction-bottommost-compression", "zstd"), ("compaction-ttl", "1h"),
                        ("compaction-fifo-size", "1tb")):
        check(connection.command("CONFIG", "SET", name, value) == b"+OK", name)
    check(connection.command("CONFIG", "SET", "compaction-style", "odd").startswith(b"-ERR"), "odd")
    for tag in ("i", "j", "k"):
        fill(connection, 1000, tag)
        check(connection.command("KV.FLUSH") == b"+OK", "flushed")
    check(connection.command("KV.COMPACT") == b"+OK", "compacted")
    check_values(connection, 1000, "k")
    check(connection.command("CONFIG", "SET", "compaction-style", "leveled") == b"+OK", "back")


def by_kvctl(kvd):
    base = [os.path.join(BIN, "kvctl"), "-p", str(kvd.port)]
    ran = subprocess.run([*base, "compact"], capture_output=True, timeout=60, check=False)
    check(ran.returncode == 0 and ran.stdout == b"OK\n", "kvctl compact: %r" % ran)
    ran = subprocess.run([*base, "jobs"], capture_output=True, timeout=60, check=False)
    check(ran.returncode == 0, "kvctl jobs: %r" % ran)
    ran = subprocess.run([*base, "jobs", "cancel", "1"], capture_output=True, timeout=60,
                         check=False)
    check(ran.returncode == 4, "an error of the server: %r" % ran)


def main():
    with Kvd("--memtable-size", "1mb", "--workers", "2") as kvd:
        connection = kvd.connect()
        compaction_by_hand(connection)
        bad_requests(connection)
        pausing(connection)
        settings(connection)
        by_kvctl(kvd)
        check(kvd.stop() == 0, "a clean stop")


main()
