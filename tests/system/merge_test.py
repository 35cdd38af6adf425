"""Goal: KV.MERGE does what its operator says, through the log, the worker and a restart, and says
clearly when it cannot."""

import os
import struct
import subprocess
import tempfile

from kvd_process import BIN, Kvd, check, encode


def expect(connection, reply, *words):
    got = connection.command(*words)
    check(got == reply, "%r: %r, not %r" % (words, got, reply))


def without_an_operator():
    with Kvd() as kvd:
        c = kvd.connect()
        expect(c, b"-ERR this database has no merge operator that kvd knows; see the setting "
               b"merge-operator", "KV.MERGE", "a", "1")
        expect(c, b":0", "EXISTS", "a")


def counters():
    with Kvd("--merge-operator", "int64add") as kvd:
        c = kvd.connect()
        expect(c, b"+OK", "KV.MERGE", "hits", "5")
        expect(c, b"+OK", "kv.merge", "hits", "-7", "operator", "int64add")
        expect(c, b"+OK", "KV.MERGE", "hits", "1", "OPERATOR", "kvd.Int64AddOperator")
        expect(c, b"-1", "GET", "hits")
        expect(c, b":0", "INCR", "hits")
        expect(c, b"-ERR the merge operator of this database is kvd.Int64AddOperator",
               "KV.MERGE", "hits", "1", "OPERATOR", "max")
        expect(c, b"-ERR syntax error", "KV.MERGE", "hits", "1", "OPERATOR")
        expect(c, b"-ERR syntax error", "KV.MERGE", "hits", "1", "x", "int64add")
        for bad in ("", "1.5", "x", "9223372036854775808", "01"):
            expect(c, b"-ERR the merge operator does not take this operand", "KV.MERGE", "hits", bad)
        expect(c, b"-ERR wrong number of arguments for 'kv.merge' command", "KV.MERGE", "hits")
        key = b"k" * 65537
        check(c.command("KV.MERGE", key, "1").startswith(b"-ERR key is too long"), "a long key")

        # A row of operands that no read has to walk, and one that a worker folds.
        c.send(encode("KV.MERGE", "hot", "3") * 20000)
        for _ in range(20000):
            check(c.reply() == b"+OK", "a pipelined merge")
        expect(c, b"60000", "GET", "hot")
        expect(c, b"+OK", "KV.FLUSH")
        expect(c, b"60000", "GET", "hot")
        expect(c, b"+OK", "KV.MERGE", "hot", "1")
        expect(c, b"+OK", "KV.FLUSH")
        expect(c, b"+OK", "KV.MERGE", "hot", "2")
        expect(c, b"60003", "GET", "hot")

        # What does not fit is an error of its key.
        expect(c, b"+OK", "SET", "text", "ten")
        expect(c, b"+OK", "KV.MERGE", "text", "1")
        expect(c, b"-ERR the merge operands of this key cannot be applied to its value", "GET", "text")
        expect(c, b"+OK", "KV.FLUSH")
        expect(c, b"-ERR the merge operands of this key cannot be applied to its value", "GET", "text")
        for _ in range(500):  # a long row of these is no harm either
            expect(c, b"+OK", "KV.MERGE", "text", "1")
        expect(c, b"+OK", "SET", "text", "10")
        expect(c, b"+OK", "KV.MERGE", "text", "1")
        expect(c, b"11", "GET", "text")

        # Restarted with nothing said, the operator is the stored one.
        check(kvd.stop() == 0, "a clean stop")
        with Kvd("--dir", kvd.dir) as again:
            c = again.connect()
            expect(c, b"60003", "GET", "hot")
            expect(c, b"+OK", "KV.MERGE", "hot", "-3")
            expect(c, b"60000", "GET", "hot")
            expect(c, b"11", "GET", "text")
            check(again.stop() == 0, "a clean stop")
        other = subprocess.run(
            [BIN + "/kvd", "--port", "0", "--unixsocket", kvd.dir + "/s", "--dir", kvd.dir,
             "--merge-operator", "max"], capture_output=True, timeout=60, check=False)
        check(other.returncode == 78, "another operator: exit code %d" % other.returncode)
        check(b"its operands were written for kvd.Int64AddOperator" in other.stderr, other.stderr)


def texts_and_bytes():
    with Kvd("--merge-operator", "{id=stringappend;delimiter=, }") as kvd:
        c = kvd.connect()
        for word in ("a", "b", "", "d"):
            expect(c, b"+OK", "KV.MERGE", "list", word)
        expect(c, b"a,b,,d", "GET", "list")
        expect(c, b"+OK", "KV.FLUSH")
        expect(c, b"+OK", "KV.MERGE", "list", "e")
        expect(c, b"a,b,,d,e", "GET", "list")
        expect(c, b":9", "APPEND", "list", "!")
    with Kvd("--merge-operator", "uint64add") as kvd:
        c = kvd.connect()
        for _ in range(3):
            expect(c, b"+OK", "KV.MERGE", "n", struct.pack("<Q", 1 << 40))
        expect(c, struct.pack("<Q", 3 << 40), "GET", "n")


def operators_of_ones_own():
    library = os.path.abspath(BIN + "/longest.so")
    with Kvd("--merge-library", library, "--merge-operator", "longest") as kvd:
        c = kvd.connect()
        for word in ("a", "cccc", "bb"):
            expect(c, b"+OK", "KV.MERGE", "word", word)
        expect(c, b"cccc", "GET", "word")
        expect(c, b"+OK", "KV.FLUSH")  # folded by a worker in its jail
        expect(c, b"+OK", "KV.MERGE", "word", "dddd", "OPERATOR", "longest")
        expect(c, b"dddd", "GET", "word")
        check(kvd.stop() == 0, "a clean stop")

        # kvd without it serves all but what it cannot understand, and loses none of that.
        with Kvd("--dir", kvd.dir) as other:
            c = other.connect()
            check(c.command("GET", "word").startswith(b"-ERR stored data"), "an error of its key")
            check("merge operator longest is not one that kvd has" in other.output(), "a warning")
            expect(c, b"+OK", "SET", "x", "1")
            expect(c, b"+OK", "KV.FLUSH")
            check(other.stop() == 0, "a clean stop")

        # A worker without it says so, and the flush waits for one that has it.
        wrapper = kvd.dir + "/worker"
        with open(wrapper, "w") as script:
            script.write("#!/bin/sh\nexec %s --fd 3\n" % os.path.abspath(BIN + "/kvd-worker"))
        os.chmod(wrapper, 0o755)
        with Kvd("--dir", kvd.dir, "--merge-library", library, "--worker-path", wrapper) as other:
            c = other.connect()
            expect(c, b"dddd", "GET", "word")
            expect(c, b"+OK", "KV.MERGE", "word", "eeeee")
            expect(c, b"+OK", "KV.FLUSH", "ASYNC")
            while "merge operator longest: kvd has it, this worker has not" not in other.output():
                expect(c, b"eeeee", "GET", "word")
            check(other.stop() == 0, "a clean stop")
        with Kvd("--dir", kvd.dir, "--merge-library", library) as other:
            c = other.connect()
            expect(c, b"eeeee", "GET", "word")
            expect(c, b"+OK", "KV.FLUSH")
            expect(c, b"eeeee", "GET", "word")
    with Kvd("--merge-library", library, "--merge-operator", "example.sum") as kvd:
        c = kvd.connect()
        expect(c, b"-ERR the merge operator does not take this operand", "KV.MERGE", "s", "12")
        expect(c, b"+OK", "KV.MERGE", "s", "4")
        expect(c, b"+OK", "KV.MERGE", "s", "5")
        expect(c, b"9", "GET", "s")
    with tempfile.TemporaryDirectory(prefix="kvd-test-") as folder:
        for bad in ("/nonexistent.so", "relative.so", os.path.abspath(BIN + "/kvd")):
            got = subprocess.run(
                [BIN + "/kvd", "--port", "0", "--unixsocket", folder + "/s", "--dir", folder + "/d",
                 "--merge-library", bad], capture_output=True, timeout=60, check=False)
            check(got.returncode == 78, "%s: exit code %d" % (bad, got.returncode))
            check(b"merge library" in got.stderr, got.stderr)


without_an_operator()
operators_of_ones_own()
counters()
texts_and_bytes()
