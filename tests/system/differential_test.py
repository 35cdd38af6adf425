#!/usr/bin/env python3
"""differential_test.py - Goal: whatever a client sends, kvd answers what Redis 7.0 answers.

Method: a redis-server of the distribution and a kvd get the same random commands, well and badly
formed, on several connections, in RESP2, RESP3 and inline form, one by one and pipelined, whole
and in pieces.  Replies are compared byte for byte; what may differ is in DIFFERENCES and
COMPARERS (differential/differences.py) and nowhere else.  kvd has a tiny memtable and little memory, is made to flush now
and then, and is killed with SIGKILL between and in the midst of commands: what it acknowledged
must be there afterwards, and what is there must be what Redis has after a prefix of the commands.

    KV_BIN=build/asan/bin KV_SEED=1 KV_COMMANDS=100000 tests/system/differential_test.py
"""
import os
import random
import shutil
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # the source tree stays clean
from differential.commands import (BROKEN, DATABASES, ENDLESS, FOREIGN, ODD, Generator,
                                   inline)
from differential.coverage import Coverage
from differential.differences import DIFFERENCES, is_same
from differential.servers import (Connection, Failure, Server, encode, fail, kvd_argv,
                                  plain, redis_argv)

SEED = int(os.environ.get("KV_SEED") or random.SystemRandom().randrange(1 << 31))
COMMAND_COUNT = int(os.environ.get("KV_COMMANDS") or 100000)
SKIP = 77
PAIR_COUNT = 4
NO_EVICT = [b"CLIENT", b"NO-EVICT", b"on"]


def show(args):
    return " ".join(repr(bytes(arg[:60]))[1:] + ("...(%d)" % len(arg) if len(arg) > 60 else "")
                    for arg in args[:20]) + (" ..." if len(args) > 20 else "")


def clip(reply):
    if reply is None:
        return "(open)"
    return repr(bytes(reply[:300]))[1:] + ("...(%d)" % len(reply) if len(reply) > 300 else "")


class Pair:
    """One connection to each server that get the same."""

    def __init__(self, world):
        self.world = world
        self.open()

    def open(self):
        self.protocol = 2
        self.redis = Connection(self.world.redis)
        self.kvd = Connection(self.world.kvd)
        # A random MGET may need more than the quarter of kvd's tiny memory that is for clients.
        for connection in (self.redis, self.kvd):
            connection.call(*NO_EVICT)

    def reopen(self):
        self.close()
        self.open()

    def close(self):
        self.redis.close()
        self.kvd.close()

    def send(self, data, cuts=()):
        self.redis.send(data)
        self.kvd.send(data, cuts)

    def receive(self, commands):
        theirs = self.redis.replies(len(commands))
        ours = self.kvd.replies(len(commands))
        for args, one, other in zip(commands, theirs, ours):
            self.world.check(args, one, other)
            self.protocol = self.world.coverage.count(args, one, self.protocol, len(commands) > 1)
        if len(theirs) != len(commands) or len(ours) != len(commands):
            fail("%d commands: %d replies from Redis, %d from kvd; the first without: %s\n%s" %
                 (len(commands), len(theirs), len(ours),
                  show(commands[min(len(theirs), len(ours))]), self.world.kvd.log_tail()))

    def run(self, commands, data, cuts):
        self.send(data, cuts)
        self.receive(commands)

    def call(self, *args):
        self.run([args], encode(args), ())


class World:
    def __init__(self, directory):
        self.random = random.Random(SEED)
        self.generator = Generator(self.random)
        self.redis = Server("redis", directory, redis_argv)
        self.kvd = Server("kvd", directory, kvd_argv)
        self.history = []
        self.different = []
        self.command_count = 0
        self.kill_count = 0
        self.kill_midway_count = 0
        self.disk_counts = {}
        self.coverage = Coverage()
        self.redis.start()
        self.kvd.start()
        self.pairs = [Pair(self) for _ in range(PAIR_COUNT)]
        # With keys of their own, connections can be busy at the same time.
        self.own_generators = [Generator(self.random, b"%d:" % i, 200) for i in range(PAIR_COUNT)]
        self.keys = sorted({key for generator in [self.generator] + self.own_generators
                            for key in generator.keys})

    def check(self, args, redis, kvd):
        self.command_count += 1
        self.history.append(args)
        if is_same(args, redis, kvd):
            return
        about = args[1] if len(args) > 1 else None
        before = [show(old) for old in self.history[-200000:-1] if about in old[1:]][-6:]
        text = "command %d: %s\n  redis: %s\n  kvd:   %s\n  before: %s" % (
            self.command_count, show(args), clip(redis), clip(kvd), "\n          ".join(before))
        if not os.environ.get("KV_KEEP_GOING"):
            fail(text)
        if len(self.different) < 200:
            print(text)
        self.different.append(args)

    def batch(self, generator):
        """Commands of one send, and their bytes."""
        if self.random.random() < 0.3:
            count = 1
        else:
            count = self.random.choice([2, 5, 16, 16, 50, 100])
        commands = []
        for _ in range(count):
            if self.random.random() < 0.03:
                commands += generator.transaction()
                continue
            commands.append(generator.make())
            if commands[-1][0].upper() == b"RESET":
                commands.append(NO_EVICT)
        parts = []
        for args in commands:
            line = inline(self.random, args) if self.random.random() < 0.1 else None
            parts.append(line or encode(args))
        return commands, b"".join(parts)

    def cuts(self, size):
        if self.random.random() > 0.1:
            return ()
        return sorted(self.random.randrange(size) for _ in range(self.random.randrange(1, 8)))

    def step(self):
        pair = self.random.choice(self.pairs)
        commands, data = self.batch(self.generator)
        pair.run(commands, data, self.cuts(len(data)))
        if self.random.random() < 0.15:
            self.storm()
        if self.random.random() < 0.01:
            self.quit(pair)
        if self.random.random() < 0.03:
            self.broken()
        if self.random.random() < 0.01:
            self.flush()

    def storm(self):
        """All connections at once, each with its own keys."""
        batches = [self.batch(generator) for generator in self.own_generators]
        for pair, (_, data) in zip(self.pairs, batches):
            pair.send(data)
        for pair, (commands, _) in zip(self.pairs, batches):
            pair.receive(commands)

    def quit(self, pair):
        args = [b"QUIT"] + [b"x"] * self.random.randrange(2)
        pair.run([args], encode(args) + encode([b"PING"]), ())
        for connection in (pair.redis, pair.kvd):
            rest = connection.until_closed()
            if rest != b"":
                fail("%s after QUIT: %r" % (connection.server.name, rest))
        pair.reopen()

    def broken(self):
        is_broken = self.random.random() < 0.5
        data = self.random.choice(BROKEN if is_broken else ODD)
        self.compare_streams(data, self.random.random() < 0.3)

    def compare_streams(self, data, is_resp3=False, is_alone=False):
        """Sends bytes that may be anything on connections of their own, up to their ends."""
        answers = []
        for server in (self.redis, self.kvd):
            connection = Connection(server)
            head = encode([b"PING", b"before"])
            if is_resp3:
                head = encode([b"HELLO", b"3", b"FOO"]) + encode([b"GET", b"h0"])
            tail = b"" if is_alone else encode([b"PING", b"after"]) + encode([b"QUIT"])
            try:
                connection.send(head + data + tail)
            except ConnectionError:
                pass
            answers.append(connection.until_closed())
            connection.close()
        self.command_count += 3
        if answers[0] != answers[1]:
            text = "stream %s\n  redis: %s\n  kvd:   %s" % (
                clip(data), clip(answers[0]), clip(answers[1]))
            if not os.environ.get("KV_KEEP_GOING"):
                fail(text)
            if [data] not in self.different:
                print(text)
                self.different.append([data])

    def compare_foreign(self, data):
        """What comes before may or may not be answered."""
        for server in (self.redis, self.kvd):
            connection = Connection(server)
            connection.send(data + encode([b"SET", b"h0", b"foreign"]))
            answer = connection.until_closed()
            connection.close()
            if answer is None or b"unknown" in answer or b"OK" in answer:
                fail("%s to %s: %s" % (server.name, clip(data), clip(answer)))

    def flush(self):
        connection = Connection(self.kvd)
        reply = connection.call(b"KV.FLUSH")
        connection.close()
        if reply != b"+OK\r\n":
            fail("KV.FLUSH: %r" % reply)

    def all_values(self, server):
        """What the server has under all keys that were ever used, by database."""
        connection = Connection(server)
        connection.call(*NO_EVICT)
        values = []
        for database in range(DATABASES):
            connection.call(b"SELECT", b"%d" % database)
            for start in range(0, len(self.keys), 100):
                values.append(connection.call(b"MGET", *self.keys[start:start + 100]))
        connection.close()
        return values

    def compare_all(self, when):
        theirs, ours = self.all_values(self.redis), self.all_values(self.kvd)
        for i, (one, other) in enumerate(zip(theirs, ours)):
            if one == other:
                continue
            start = i % (len(theirs) // DATABASES) * 100
            for key, left, right in zip(self.keys[start:], plain(one), plain(other)):
                if left != right:
                    fail("%s, database %d, key %s: redis %s, kvd %s" % (
                        when, i // (len(theirs) // DATABASES), show([key]),
                        clip(left or b"none"), clip(right or b"none")))

    def note_disk_counts(self):
        """Adds up the numbers that a kill would forget."""
        connection = Connection(self.kvd)
        info = plain(connection.call(b"INFO", b"kvd")).decode()
        connection.close()
        for line in info.split("\r\n"):
            name, _, value = line.partition(":")
            if name in ("flushes", "block_fetches", "block_cache_evictions", "tables"):
                self.disk_counts[name] = self.disk_counts.get(name, 0) + int(value)

    def kill(self):
        """Everything is acknowledged, so everything has to be there."""
        self.note_disk_counts()
        self.kvd.kill()
        self.kill_count += 1
        self.kvd.start()
        for pair in self.pairs:
            pair.reopen()

    def kill_midway(self):
        """In the midst of a pipeline of writes: kvd then has what Redis has after a prefix of
        them, which has all that were answered."""
        self.note_disk_counts()
        makers = self.generator
        commands = []
        while len(commands) < 60:
            args = self.random.choice([makers.set, makers.mset, makers.append, makers.count,
                                       makers.delete, makers.getdel, makers.bit, makers.move_name])()
            commands.append(args)
        wanted = self.random.randrange(len(commands))
        connection = Connection(self.kvd)
        connection.call(*NO_EVICT)
        connection.send(b"".join(encode(args) for args in commands))
        answers = connection.replies(wanted)
        self.kvd.kill()
        answers += connection.replies(len(commands) - len(answers))
        connection.close()
        self.kill_midway_count += 1
        self.kvd.start()
        self.find_prefix(commands, answers)
        for pair in self.pairs:
            pair.reopen()

    def find_prefix(self, commands, answers):
        keys = sorted({arg for args in commands for arg in args[1:] if len(arg) < 100} &
                      set(self.keys))
        ours_connection, redis = Connection(self.kvd), Connection(self.redis)
        ours_connection.call(*NO_EVICT)
        ours = ours_connection.call(b"MGET", *keys)
        done = 0
        while done < len(answers) or redis.call(b"MGET", *keys) != ours:
            if done == len(commands):
                fail("after a kill at %d of %d answers kvd has what no prefix of the commands "
                     "gives" % (len(answers), len(commands)))
            reply = redis.call(*commands[done])
            if done < len(answers):
                self.check(commands[done], reply, answers[done])
            done += 1
        ours_connection.close()
        redis.close()

    def check_differences(self):
        for args, redis, kvd in DIFFERENCES:
            for server, expected in ((self.redis, redis), (self.kvd, kvd)):
                connection = Connection(server)
                reply = connection.call(*args)
                if not reply.startswith(expected):
                    fail("the table of differences says that %s replies %r to %s, but it is %s" %
                         (server.name, expected, show(args), clip(reply)))
                connection.call(b"DEL", args[1])
                connection.close()

    def check_passwords(self):
        """The same words with a password set, from strangers and from those who know it."""
        for pair in self.pairs:
            pair.call(b"RESET")
        pair = self.pairs[0]
        pair.call(b"CONFIG", b"SET", b"requirepass", b"secret")
        for lines in ([b"GET", b"a"], [b"PING"], [b"NOSUCH"], [b"GET"], [b"QUIT"], [b"HELLO"],
                      [b"HELLO", b"3"], [b"RESET"], [b"AUTH"], [b"ECHO", b"x"], [b"COMMAND"],
                      [b"AUTH", b"wrong"], [b"AUTH", b"default", b"wrong"], [b"CLIENT", b"ID"],
                      [b"AUTH", b"nobody", b"secret"], [b"HELLO", b"3", b"AUTH", b"default", b"x"],
                      [b"HELLO", b"3", b"AUTH", b"default", b"secret"], [b"AUTH", b"secret"],
                      [b"AUTH", b"default", b"secret"], [b"SELECT", b"1"], [b"TIME"],
                      [b"CONFIG", b"GET", b"requirepass"]):
            stranger = Pair(self)
            stranger.call(*lines)
            if lines != [b"QUIT"]:
                stranger.call(b"GET", b"a")
                stranger.call(b"AUTH", b"secret")
                stranger.call(b"GET", b"a")
                stranger.call(b"RESET")
                stranger.call(b"GET", b"a")
            stranger.close()
        for data in (b"*11\r\n", b"*1\r\n$16385\r\n", b"*10\r\n", b"GET a\r\n", b"*12\r\n$3\r\n"):
            self.compare_streams(data)
        pair.call(b"CONFIG", b"SET", b"requirepass", b"")
        for pair in self.pairs:  # RESET has taken back what a connection begins with
            pair.reopen()

    def check_value_limit(self):
        """What is too long by a byte, and what is not."""
        pair = Pair(self)
        limit = 1 << 20
        pair.call(b"CONFIG", b"SET", b"proto-max-bulk-len", b"1mb")
        pair.call(b"SET", b"h0", b"x" * limit)
        pair.call(b"APPEND", b"h0", b"y")
        pair.call(b"APPEND", b"h0", b"")
        for offset in (limit - 1, limit, limit + 1, -1):
            pair.call(b"SETRANGE", b"h0", b"%d" % offset, b"z")
            pair.call(b"SETRANGE", b"h1", b"%d" % offset, b"")
        pair.call(b"GET", b"h0")
        self.compare_streams(b"*2\r\n$4\r\nECHO\r\n$%d\r\n" % (limit + 1))
        pair.call(b"CONFIG", b"SET", b"proto-max-bulk-len", b"512mb")
        pair.close()

    def check_huge_value(self):
        """A value larger than all of kvd's memory-limit, from who may need that much."""
        pair = Pair(self)
        pair.call(b"SET", b"h0", self.generator.noise * 6)
        pair.call(b"APPEND", b"h0", b"end")
        pair.call(b"GETRANGE", b"h0", b"-100", b"-1")
        self.flush()
        pair.call(b"GET", b"h0")
        pair.call(b"SETRANGE", b"h0", b"5000000", b"middle")
        pair.call(b"GETSET", b"h0", b"small")
        pair.call(b"GET", b"h0")
        pair.close()

    def check_output_limit(self):
        """kvd alone: a reply that would take all memory is refused, and nothing else is."""
        connection = Connection(self.kvd)
        connection.call(b"SET", b"difference", b"x" * 100000)
        connection.call(b"CONFIG", b"SET", b"client-output-buffer-limit", b"1mb")
        for count, expected in ((10, b"*10"), (11, b"-ERR the reply would"), (9999, b"-ERR"), (1, b"*1")):
            reply = connection.call(b"MGET", *([b"difference"] * count))
            if not reply.startswith(expected):
                fail("MGET of %d times 100 kB: %s" % (count, clip(reply)))
        connection.call(b"CONFIG", b"SET", b"client-output-buffer-limit", b"1gb")
        connection.call(b"DEL", b"difference")
        connection.close()

    def check_client_reply(self):
        pair = Pair(self)
        pair.call(b"CLIENT", b"NO-EVICT", b"OFF")
        for name in (b"OFF", b"SKIP"):
            data = encode([b"CLIENT", b"REPLY", name]) + encode([b"ECHO", b"unheard"])
            last = [b"CLIENT", b"REPLY", b"ON"]
            pair.run([last], data + encode(last), ())
        pair.close()

    def check_resp3(self):
        """The strange bytes once more on a connection that speaks RESP3."""
        for data in ENDLESS:
            self.compare_streams(data, is_alone=True)
        for data in FOREIGN:
            self.compare_foreign(data)
        for data in BROKEN + ODD:
            self.compare_streams(encode([b"CLIENT", b"GETNAME"]) + data)
            self.compare_streams(data, True)

    def run(self):
        self.check_differences()
        self.check_client_reply()
        self.check_value_limit()
        self.check_huge_value()
        self.check_output_limit()
        self.check_resp3()
        self.check_passwords()
        kills = 6
        for part in range(kills):
            until = COMMAND_COUNT * (part + 1) // kills
            while self.command_count < until:
                self.step()
            self.compare_all("after %d commands" % self.command_count)
            if part % 2 == 0:
                self.kill()
            else:
                self.kill_midway()
            self.compare_all("after kill -9 at command %d" % self.command_count)
        self.finish()

    def finish(self):
        self.coverage.check(COMMAND_COUNT)
        self.note_disk_counts()
        for name in ("flushes", "block_fetches"):
            if self.disk_counts.get(name, 0) == 0:
                fail("the test did not get to the disk: no %s" % name)
        for pair in self.pairs:
            pair.close()
        code = self.kvd.stop()
        if code != 0:
            fail("kvd ended with code %d\n%s" % (code, self.kvd.log_tail()))

    def end(self):
        for server in (self.redis, self.kvd):
            if server.process is not None and server.process.poll() is None:
                server.kill()


def main():
    for program, package in (("redis-server", "redis-server"), ("ldb", "rocksdb-tools")):
        if shutil.which(program) is None:
            print("no %s (package %s)" % (program, package))
            return SKIP
    if not os.access(os.path.join(os.environ.get("KV_BIN", ""), "kvd"), os.X_OK):
        print("no kvd in KV_BIN")
        return SKIP
    print("seed=%d" % SEED, flush=True)
    directory = tempfile.mkdtemp(prefix="kvd-differential-")
    started = time.monotonic()
    world = None
    try:
        world = World(directory)
        world.run()
    except OSError as error:
        print("FAILED (replay with KV_SEED=%d): %s\n%s" % (SEED, error, world.kvd.log_tail()))
        return 1
    except Failure as failure:
        print("FAILED (replay with KV_SEED=%d): %s" % (SEED, failure))
        return 1
    finally:
        if world is not None:
            world.end()
        if not os.environ.get("KV_KEEP"):
            shutil.rmtree(directory)
    print("%d commands the same, %d kills at rest and %d midway, %s, %.1f s" % (
        world.command_count, world.kill_count, world.kill_midway_count,
        ", ".join("%d %s" % (count, name) for name, count in sorted(world.disk_counts.items())),
        time.monotonic() - started))
    world.coverage.show()
    return 1 if world.different else 0


if __name__ == "__main__":
    sys.exit(main())
