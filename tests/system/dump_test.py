#!/usr/bin/env python3
"""dump_test.py - Goal: values go from Redis to kvd and back with DUMP and RESTORE, whatever they are.

Method: values of all forms, those that Redis packs too, from a redis-server as it is by default to
kvd, compared there, and from kvd to Redis; MIGRATE's way, a pipeline of RESTORE ... REPLACE; other
types and later versions are refused."""
import os
import random
import sys

sys.dont_write_bytecode = True
from differential.rdb import sealed
from kvd_process import Kvd, Redis, check


def values(rng):
    yield from (b"", b"0", b"-1", b"127", b"128", b"-32768", b"32768", b"2147483648", b"-2147483649",
                b"9223372036854775807", b"007", b"x" * 63, b"x" * 64, b"x" * 16383, b"x" * 16384, b"x" * 21,
                b"ab" * 50000, b"\0" * 1000000)
    for _ in range(300):
        words = [bytes(rng.randrange(256) for _ in range(rng.randrange(1, 20))) for _ in range(rng.randrange(1, 8))]
        yield b"".join(rng.choice(words) for _ in range(rng.randrange(400)))


def carry(source, target, key):
    return target.command("RESTORE", key, "0", source.command("DUMP", key), "REPLACE")


def check_round(redis, kvd, rng):
    packed = 0
    for i, value in enumerate(values(rng)):
        redis.command("SET", "k%d" % i, value)
        packed += len(redis.command("DUMP", "k%d" % i)) < len(value)
        check(carry(redis, kvd, "k%d" % i) == b"+OK", "RESTORE to kvd of %r" % value[:60])
        check(kvd.command("GET", "k%d" % i) == value, "%r has arrived as something else" % value[:60])
        redis.command("DEL", "k%d" % i)
        check(carry(kvd, redis, "k%d" % i) == b"+OK", "RESTORE to Redis of %r" % value[:60])
        check(redis.command("GET", "k%d" % i) == value, "%r has come back as something else" % value[:60])
    check(packed > 50, "Redis has packed only %d values" % packed)


def check_refusals(redis, kvd):
    redis.command("RPUSH", "list", "a", "b")
    redis.command("HSET", "hash", "a", "b")
    redis.command("ZADD", "zset", "1", "b")
    redis.command("SADD", "set", "1", "b")
    redis.command("XADD", "stream", "*", "a", "b")
    for key in ("list", "hash", "zset", "set", "stream"):
        reply = kvd.command("RESTORE", key, "0", redis.command("DUMP", key))
        check(reply.startswith(b"-ERR the payload is no string"), "%s: %r" % (key, reply))
        check(kvd.command("EXISTS", key) == b":0", key)
    later = sealed(b"\0\1x", 11)
    for server in (redis, kvd):
        check(server.command("RESTORE", "later", "0", later) ==
              b"-ERR DUMP payload version or checksum are wrong", "a later version")


def check_stick(kvd_server):
    """What was restored is there after a kill."""
    connection = kvd_server.connect()
    check(connection.command("RESTORE", "stick", "0", sealed(b"\0\3abc")) == b"+OK", "RESTORE")
    check(connection.command("RESTORE", "stick", "0", sealed(b"\0\3abc")) ==
          b"-BUSYKEY Target key name already exists.", "RESTORE again")
    check(connection.command("STRLEN", "stick") == b":3", "STRLEN")


def check_long_key(kvd):
    """A key that cannot be there is not replaced by what has died, whoever listens for deletions."""
    for events in ("KEA", ""):
        kvd.command("CONFIG", "SET", "notify-keyspace-events", events)
        for size in (65536, 65537, 1 << 20):
            check(kvd.command("RESTORE", "k" * size, "1", sealed(b"\0\3abc"), "REPLACE", "ABSTTL") == b"+OK",
                  "RESTORE of a dead key of %d bytes" % size)
        check(kvd.command("RESTORE", "k" * 65537, "0", sealed(b"\0\3abc")).startswith(b"-ERR key is too long"),
              "RESTORE of a key of 65537 bytes")


def main():
    seed = int(os.environ.get("KV_SEED") or random.randrange(1 << 31))
    print("KV_SEED=%d" % seed)
    with Redis() as redis_server, Kvd() as kvd_server:
        redis, kvd = redis_server.connect(), kvd_server.connect()
        check_round(redis, kvd, random.Random(seed))
        check_refusals(redis, kvd)
        check_stick(kvd_server)
        check_long_key(kvd)


if __name__ == "__main__":
    sys.exit(main())
