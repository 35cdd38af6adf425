"""Goal: when the disk fills up, every command still gets exactly one reply, in order, writes are
refused before any has failed, and what was acknowledged is there after a restart.
Method: a file system of 90 MB (needs root) is filled through kvd; then it grows and kvd starts
again."""

import os
import subprocess
import tempfile

from kvd_process import BIN, Process, check, encode, free_port, skip

UNKNOWN = b"-MISCONF Errors writing to the write-ahead log: it is not known"
REFUSED = b"-MISCONF "


def start(folder):
    port = free_port()
    return Process([os.path.join(BIN, "kvd"), "--port", str(port), "--dir", folder + "/data",
                    "--memtable-size", "8mb", "--wal-max-size", "8mb", "--workers", "1"], port)


def fill(connection):
    """Pipelines writes until they are refused; returns acknowledged and doubtful keys."""
    acknowledged, doubtful, refused = [], [], 0
    for i in range(1000):
        keys = ["k%d-%d" % (i, j) for j in range(20)]
        connection.send(b"".join(encode("SET", key, os.urandom(20000)) for key in keys))
        for key in keys:
            reply = connection.reply()
            if reply == b"+OK":
                acknowledged.append(key)
            elif reply.startswith(UNKNOWN):
                doubtful.append(key)
            else:
                check(reply.startswith(REFUSED), reply)
                refused += 1
        if refused > 100:
            return acknowledged, doubtful
    raise AssertionError("the disk did not fill up")


def read_dead_keys(folder, connection):
    """Another process takes all there is, so that not even deletions are let in; reads that meet
    dead keys, which are deleted by whoever meets them if events are asked for, go on all the same,
    until the space is given back."""
    connection.command("CONFIG", "SET", "notify-keyspace-events", "Ex")
    connection.command("SET", "alive", "1")
    for i in range(3):
        connection.command("SET", "dying%d" % i, "1", "PX", "1")
    with open(folder + "/ballast", "wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(65536))
        except OSError:
            pass
    while connection.command("SET", "alive", "1") == b"+OK":
        pass
    check(connection.command("DEL", "alive").startswith(REFUSED), "deletions are refused")
    check(connection.command("GET", "dying0") is None, "one alone")
    for words in (["MULTI"], ["GET", "dying1"], ["GET", "alive"]):
        check(connection.command(*words) in (b"+OK", b"+QUEUED"), words)
    reply = connection.command("EXEC")
    check(reply == [None, b"1"], reply)
    for words in (["MULTI"], ["GET", "dying2"], ["DEL", "alive"]):
        check(connection.command(*words) in (b"+OK", b"+QUEUED"), words)
    check(connection.command("EXEC").startswith(REFUSED), "one that writes")
    os.unlink(folder + "/ballast")
    while connection.command("SET", "alive", "1") != b"+OK":
        pass


def main():
    if os.geteuid() != 0:
        skip("mounting a small file system needs root")
    with tempfile.TemporaryDirectory(prefix="kvd-full-") as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=90m", "kvd-full-disk-test", folder]
        if subprocess.run(mount, capture_output=True).returncode != 0:
            skip("mounting is not permitted here")
        try:
            with start(folder) as kvd:
                connection = kvd.connect()
                read_dead_keys(folder, connection)
                acknowledged, doubtful = fill(connection)
                check(len(acknowledged) > 100, "some were acknowledged")
                check(not doubtful, "the refusal came before anything failed")
                check(connection.command("GET", acknowledged[0]) is not None, "reads go on")
                check(kvd.stop() == 0, "a clean stop")
            subprocess.run(["mount", "-o", "remount,size=400m", folder], check=True)
            with start(folder) as kvd:
                connection = kvd.connect()
                for key in acknowledged:
                    check(connection.command("EXISTS", key) == b":1", key + " was acknowledged")
                print("%d acknowledged, %d doubtful" % (len(acknowledged), len(doubtful)))
                check(connection.command("SET", "again", "1") == b"+OK", "writable again")
                check(kvd.stop() == 0, "a clean stop")
        finally:
            subprocess.run(["umount", folder], check=True)


main()
