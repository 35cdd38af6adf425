#!/usr/bin/env python3
"""Goal: `kvbench check` finds every way in which a server can lose an acknowledged write, and
nothing in a server that lost none.

Method: kvbench --verify --journal fills a kvd; the check finds it right.  Then single keys are
removed, given an older value, another key's, a changed one, one of another run, and put back; the
check must name the key and the fault each time.  The journal is cut and damaged too."""

import os
import pathlib
import subprocess
import tempfile

import kvd_process
from kvd_process import BIN, Connection

KVBENCH = os.path.join(BIN, "kvbench")
KEYS = 300


def bench(kvd, journal, *options):
    done = subprocess.run(
        [KVBENCH, "-p", str(kvd.port), "--verify", "--journal", journal, "-r", str(KEYS),
         "-d", "28-500", "-c", "4", "-P", "4", "--quiet", *options],
        capture_output=True, text=True, timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def check(kvd, journal, code, *texts):
    done = subprocess.run(
        [KVBENCH, "check", journal, "-p", str(kvd.port)],
        capture_output=True, text=True, timeout=120,
    )
    output = done.stdout + done.stderr
    assert done.returncode == code, output
    for text in texts:
        assert text in output, (text, output)


def key_of(number):
    return b"key:%012d" % number


def get(connection, number):
    return connection.command("GET", key_of(number))


def put(connection, number, value):
    """None removes."""
    if value is None:
        connection.command("DEL", key_of(number))
    else:
        connection.command("SET", key_of(number), value)


def flip(value, at):
    return value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]


def spoil(kvd, journal):
    """One fault after the other, each undone; returns the values before the last writes."""
    connection = Connection(kvd.port)
    old = [get(connection, number) for number in range(KEYS)]
    bench(kvd, journal, "-t", "fillseq", "--seed", "2")
    good = [get(connection, number) for number in range(KEYS)]
    assert all(good) and old[5] != good[5]
    check(kvd, journal, 0, "%d keys checked, 0 wrong" % KEYS)
    for value, text in (
        (None, "is missing"),
        (old[5], "is older than the last acknowledged"),
        (good[6], "is the value of another key"),
        (good[5][:-1], "is not whole"),
        (good[5] + b"x", "is not whole"),
        (flip(good[5], 20), "is not whole"),
        (flip(good[5], len(good[5]) - 1), "is not whole"),
        (b"what is this", "is not a value that kvbench"),
        (b"", "is not a value that kvbench"),
    ):
        put(connection, 5, value)
        check(kvd, journal, 65, "key:000000000005: key 5 " + text, "300 keys checked, 1 wrong")
        put(connection, 5, good[5])
    check(kvd, journal, 0)
    return old


def second_run(kvd, journal, other_journal, old):
    """Its values are not those of the first run; deletions count as writes."""
    connection = Connection(kvd.port)
    bench(kvd, other_journal, "-t", "fillseq", "--seed", "3")
    check(kvd, other_journal, 0)
    check(kvd, journal, 65, "is of another run", "300 keys checked, 300 wrong", "and 280 more")
    bench(kvd, other_journal, "-t", "deleterandom", "--seed", "4", "-n", "2000")
    check(kvd, other_journal, 0)
    gone = next(number for number in range(KEYS) if get(connection, number) is None)
    put(connection, gone, old[gone])
    check(kvd, other_journal, 65, "is of another run")
    put(connection, gone, None)
    check(kvd, other_journal, 0)


def damage(kvd, journal, folder):
    content = pathlib.Path(journal).read_bytes()
    copy = folder / "copy"
    copy.write_bytes(content[:-3])
    check(kvd, str(copy), 0, "cut off")
    copy.write_bytes(flip(content, 100))
    check(kvd, str(copy), 65, "journal")
    copy.write_bytes(b"")
    check(kvd, str(copy), 65, "empty")
    check(kvd, str(folder / "none"), 66)


def main():
    if not os.path.exists(KVBENCH):
        kvd_process.skip("no kvbench")
    with tempfile.TemporaryDirectory(prefix="kv-check-") as name, kvd_process.Kvd() as kvd:
        folder = pathlib.Path(name)
        journal, other = str(folder / "journal"), str(folder / "other")
        bench(kvd, journal, "-t", "fillseq,mixed", "--ratio", "1:1", "--seed", "1")
        check(kvd, journal, 0, "%d keys checked, 0 wrong" % KEYS)
        old = spoil(kvd, journal)
        second_run(kvd, journal, other, old)
        damage(kvd, other, folder)
    print("check: every loss was found")


main()
