"""Goal: counters by KV.MERGE add up exactly, whoever is killed; what librocksdb reads afterwards with
its operator of the same name is the same; a merge operator that kills every worker that runs it
costs nobody a byte.
Method: 50 clients count in rows of merges and in transactions.  A row of ones, each client's into a
key of its own, tells by its value how many of it happened; a transaction counts in the client's own
key too.  So after a reconnection each client knows what its share of the common counters is, and
they are compared to the last digit.  The broken operator crashes in a flush, then in a compaction;
workers in which it is sound find all of it."""

import asyncio
import collections
import os
import random
import shutil
import struct
import subprocess

from crash_clients import SEED, Client, Server, Wire, check, round_of_load
from kvd_process import BIN, Kvd

ROUNDS = int(os.environ.get("KV_ROUNDS", "4"))
LOAD_S = float(os.environ.get("KV_LOAD_S", "0.7"))
CLIENTS, COMMON, ROW_MAX = 50, 10, 60


def binary(number):
    return struct.pack("<Q", number)


class Counter(Client):
    """`sums` has what the common counters of both families must hold, of all clients together."""

    def __init__(self, server, number, sums):
        super().__init__(server, number)
        self.sums, self.row_done, self.row_sent = sums, 0, 0
        self.own_done, self.pending, self.acknowledged, self.survivors = 0, None, 0, 0

    def book(self):
        text, words, amount = self.pending
        self.sums["text:%d" % text] += amount
        self.sums["words:%d" % words] += amount
        self.own_done, self.pending = self.own_done + 1, None

    async def settle(self):
        row, own = (await self.wire.commands(
            ("MGET", "row:%d" % self.number, "own:%d" % self.number)))[0]
        row, own = int(row or 0), int(own or 0)
        check(self.row_done <= row <= self.row_sent, "client %d counts %d, with %d acknowledged and "
              "%d sent" % (self.number, row, self.row_done, self.row_sent))
        self.survivors += row - self.row_done
        self.row_done = self.row_sent = row
        check(own - self.own_done in ((0, 1) if self.pending else (0,)),
              "client %d has %d transactions, and the server %d" % (self.number, self.own_done, own))
        if own > self.own_done:
            self.survivors += 1
            self.book()
        self.pending = None

    async def step(self):
        if self.random.random() < 0.5:
            await self.count_in_a_row()
        else:
            await self.count_in_common()

    async def count_in_a_row(self):
        count = self.random.randrange(1, ROW_MAX)
        self.row_sent += count
        self.wire.writer.write(b"*3\r\n$8\r\nKV.MERGE\r\n$%d\r\n%s\r\n$1\r\n1\r\n" % (
            len("row:%d" % self.number), b"row:%d" % self.number) * count)
        for _ in range(count):
            check(await self.wire.reply() == b"+OK", "a merge")
            self.row_done += 1
            self.acknowledged += 1

    async def count_in_common(self):
        text, words = self.random.randrange(COMMON), self.random.randrange(COMMON)
        amount = self.random.randrange(1, 1000)
        self.pending = (text, words, amount)
        replies = await self.wire.transaction(
            ("KV.MERGE", "text:%d" % text, amount),
            ("KV.IN", "words", "KV.MERGE", "words:%d" % words, binary(amount)),
            ("SET", "note:%d" % self.number, self.random.randbytes(self.random.randrange(4000))),
            ("KV.MERGE", "own:%d" % self.number, 1))
        check(replies == [b"+OK"] * 4, replies)
        self.acknowledged += 1
        self.book()


async def check_counters(server, counters, sums):
    wire = await Wire.open(server.path)
    texts, words, rows = await wire.commands(
        ("MGET", *("text:%d" % i for i in range(COMMON))),
        ("KV.IN", "words", "MGET", *("words:%d" % i for i in range(COMMON))),
        ("MGET", *("row:%d" % counter.number for counter in counters)))
    found = {"text:%d" % i: int(text or 0) for i, text in enumerate(texts)}
    found.update({"words:%d" % i: struct.unpack("<Q", word or bytes(8))[0]
                  for i, word in enumerate(words)})
    check(found == {name: sums[name] for name in found}, "%r instead of %r" % (found, sums))
    check([int(row or 0) for row in rows] == [counter.row_done for counter in counters], "rows")
    wire.close()


async def count(server, rng):
    first = Client(server, -1)
    await first.connect()
    replies = await first.wire.commands(("KV.CF", "CREATE", "words", "merge-operator", "uint64add"))
    check(replies == [b"+OK"], replies)
    sums = collections.Counter()
    counters = [Counter(server, i, sums) for i in range(CLIENTS)]
    for _ in range(ROUNDS):
        await round_of_load(server, rng, counters, LOAD_S)
        await check_counters(server, counters, sums)
        server.check_deaths()
    acknowledged = sum(counter.acknowledged for counter in counters)
    print("%d rounds: %d merges acknowledged, 0 lost; %d more survived" % (
        ROUNDS, acknowledged, sum(counter.survivors for counter in counters)))
    check(acknowledged > 50 * ROUNDS, "hardly anything was done")
    for counter in counters:
        counter.wire.close()
    return counters, sums


def rocksdb_reads(server, sums):
    """ldb folds what it finds in log and tables with RocksDB's own operator."""
    if not shutil.which("ldb"):
        return
    told = subprocess.run(
        ["ldb", "--db=" + os.path.join(server.folder, "db"), "--try_load_options",
         "--column_family=words", "scan", "--hex"], capture_output=True, check=True).stdout.decode()
    found = {bytes.fromhex(key[2:]).decode(): struct.unpack("<Q", bytes.fromhex(value[2:]))[0]
             for key, value in (line.split(" : ") for line in told.splitlines())}
    check(found == {name: sums[name] for name in found} and len(found) == COMMON, told)


async def go_on(server, counters, sums):
    """Nothing is lost by a stop; more operands; all in one table; and still more, for RocksDB to fold."""
    last = Client(server, -2)
    await last.connect()
    await check_counters(server, counters, sums)
    for commands in ((("KV.FLUSH",),), (("KV.COMPACT",), ("KV.COMPACT", "words"))):
        for i in range(COMMON):
            merge = ("KV.IN", "words", "KV.MERGE", "words:%d" % i, binary(i + 1))
            check(await last.wire.commands(merge) == [b"+OK"], "a merge")
            sums["words:%d" % i] += i + 1
        check(set(await last.wire.commands(*commands)) == {b"+OK"}, commands)
        await check_counters(server, counters, sums)
    last.wire.close()


def counters_add_up():
    rng = random.Random(SEED)
    with Server("--memory-limit", "64mb", "--memtable-size", "1mb", "--merge-operator", "int64add",
                "--wal-max-size", rng.choice(("1mb", "64mb")), "--workers", rng.choice(("1", "3")),
                "--compaction-trigger", rng.choice(("1", "2", "4")), "--loglevel",
                "verbose") as server:
        counters, sums = asyncio.run(count(server, rng))
        for _ in range(2):
            server.stop()
            rocksdb_reads(server, sums)
            server.start()
            asyncio.run(go_on(server, counters, sums))


def wait_for_deaths(kvd, connection, count):
    """Of workers; reads go on meanwhile."""
    while kvd.output().count("by signal 6") < count:
        check(connection.command("GET", "k") is not None, "reads go on")


def an_operator_crashes_in_the_worker():
    library = ("--merge-library", os.path.abspath(BIN + "/crash_in_worker.so"),
               "--merge-operator", "crash_in_worker")
    with Kvd(*library) as kvd:
        c = kvd.connect()
        for word in ("a", "!", "b"):
            check(c.command("KV.MERGE", "k", word) == b"+OK", "a merge")
        check(c.command("KV.FLUSH", "ASYNC") == b"+OK", "a flush")
        wait_for_deaths(kvd, c, 3)
        check(c.command("SET", "other", "1") == b"+OK", "writes go on")
        check(c.command("GET", "k") == b"a!b", "what was merged")
        # Neither a kill nor a recovery changes that.
        kvd.process.kill()
        kvd.process.wait()
        with Kvd("--dir", kvd.dir, *library) as again:
            c = again.connect()
            check(c.command("MGET", "k", "other") == [b"a!b", b"1"], "after a recovery")
            check(c.command("KV.MERGE", "k", "c") == b"+OK", "a merge")
            c.send(b"KV.COMPACT\r\n")
            wait_for_deaths(again, again.connect(), 3)
            check(again.connect().command("GET", "k") == b"a!bc", "under a failing compaction")
            again.process.kill()
            again.process.wait()
        os.environ["KV_CRASH_IN_WORKER"] = "no"
        with Kvd("--dir", kvd.dir, *library) as sane:
            c = sane.connect()
            check(c.command("MGET", "k", "other") == [b"a!bc", b"1"], "after all")
            check(c.command("KV.MERGE", "k", "d") == b"+OK", "a merge")
            check(c.command("KV.FLUSH") == b"+OK", "a flush")
            check(c.command("KV.COMPACT") == b"+OK", "a compaction")
            check(c.command("MGET", "k", "other") == [b"a!bcd", b"1"], "folded by a sound worker")
            check(sane.stop() == 0, "a clean stop")


if __name__ == "__main__":
    print("seed=%d" % SEED)
    an_operator_crashes_in_the_worker()
    counters_add_up()
