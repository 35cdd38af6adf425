"""Goal: a pipeline whose blocks are read together answers as its commands would alone, in order,
also when some of the blocks cannot be read, and it waits for the disk far fewer times.
Method: far more data than the cache holds; pipelines of random reads, writes between them, are
compared with a model; then bytes in the middle of some tables are changed, and one is cut short
under the running server.  Each reply of a pipeline must be the value, or the error if and only if
the key alone gives it.  KV_SEED repeats a
run."""

import glob
import os
import random

from kvd_process import BIN, Process, Kvd, check, encode, free_port

SEED = int(os.environ.get("KV_SEED", random.randrange(1 << 32)))
KEY_COUNT, PIPELINE_COUNT, DAMAGED_COUNT = 8000, 200, 4
OPTIONS = ["--memory-limit", "16mb", "--memtable-size", "1mb", "--compaction-trigger", "1000"]


def value_of(i):
    """Hard to compress, so that the blocks are real; some are blocks of their own."""
    return random.Random(i).randbytes(8000 if i % 16 == 0 else 500 + i % 1500)


def fill(connection):
    """In the order of the keys, so that each is in one table."""
    order = sorted(range(KEY_COUNT), key=str)
    for start in range(0, KEY_COUNT, 500):
        part = order[start:start + 500]
        connection.send(b"".join(encode("SET", "s%d" % i, value_of(i)) for i in part))
        for _ in part:
            check(connection.reply() == b"+OK", "set")
    check(connection.command("KV.FLUSH") == b"+OK", "flushed")


def number_of(connection, name):
    for line in connection.command("INFO").split(b"\r\n"):
        if line.startswith(name + b":"):
            return int(line.split(b":")[1])
    raise AssertionError(name)


def step(rng, own):
    """A command and its reply."""
    i = rng.randrange(KEY_COUNT + 100)
    value = value_of(i) if i < KEY_COUNT else None
    kind = rng.randrange(20)
    if kind < 14:
        return encode("GET", "s%d" % i), value
    if kind < 16:
        return encode("STRLEN", "s%d" % i), b":%d" % len(value or b"")
    if kind == 16:
        return encode("MGET", "s%d" % i, "own"), [value, own.get("own")]
    if kind == 17:
        return encode("GET"), b"-ERR wrong number of arguments for 'get' command"
    if kind == 18:
        own["own"] = b"%d" % i
        return encode("SET", "own", own["own"]), b"+OK"
    return encode("GET", "own"), own.get("own")


def read(rng):
    i = rng.randrange(KEY_COUNT)
    return encode("GET", "s%d" % i), value_of(i)


def pipelines(kvd, rng):
    """One client writes, so its model is exact; the others only read."""
    own = {}
    clients = [kvd.connect() for _ in range(7)]
    for _ in range(8):
        rounds = []
        for client in clients:
            steps = [step(rng, own) if client is clients[0] else read(rng)
                     for _ in range(PIPELINE_COUNT)]
            client.send(b"".join(request for request, _ in steps))
            rounds.append(steps)
        for client, steps in zip(clients, rounds):
            for request, expected in steps:
                got = client.reply()
                check(got == expected, "%r: %r instead of %r" % (request[:60], got, expected))
    for client in clients:
        client.close()


def waits_together(connection, rng):
    """One wait for many commands, not one each."""
    before = number_of(connection, b"reads_from_disk")
    for _ in range(5):
        keys = rng.sample(range(KEY_COUNT), PIPELINE_COUNT)
        connection.send(b"".join(encode("GET", "s%d" % i) for i in keys))
        for i in keys:
            check(connection.reply() == value_of(i), i)
    waits = number_of(connection, b"reads_from_disk") - before
    print("waits of %d cold reads: %d" % (5 * PIPELINE_COUNT, waits))
    check(waits < 5 * PIPELINE_COUNT / 4, "the blocks come together")


def tables_of(kvd_dir):
    return sorted(glob.glob(os.path.join(kvd_dir, "*.sst")), key=os.path.getsize)


def damage(tables, rng):
    """The middle of a table is data."""
    for table in tables:
        size = os.path.getsize(table)
        with open(table, "r+b") as file:
            for _ in range(20):
                file.seek(rng.randrange(size // 10, size // 2))
                file.write(rng.randbytes(8))


def with_damage(kvd, rng):
    alone, together = kvd.connect(), kvd.connect()
    keys = ["s%d" % i for i in range(KEY_COUNT)]
    rng.shuffle(keys)
    expected, errors = {}, 0
    for key in keys:
        expected[key] = alone.command("GET", key)
        if expected[key][:1] == b"-" and b"damaged" in expected[key]:
            errors += 1
        else:
            check(expected[key] == value_of(int(key[1:])), key)
    print("keys that cannot be read: %d" % errors)
    check(0 < errors < KEY_COUNT / 2, "some blocks are damaged, most are not")
    for start in range(0, KEY_COUNT, PIPELINE_COUNT):
        part = keys[start:start + PIPELINE_COUNT]
        together.send(b"".join(encode("GET", key) for key in part))
        for key in part:
            check(together.reply() == expected[key], "%s as alone" % key)
    check(alone.command("PING") == b"+PONG", "served")


def main():
    print("KV_SEED=%d" % SEED)
    rng = random.Random(SEED)
    with Kvd(*OPTIONS) as kvd:
        connection = kvd.connect()
        fill(connection)
        pipelines(kvd, rng)
        waits_together(connection, rng)
        connection.close()
        check(kvd.stop() == 0, "a clean stop")
        damage(tables_of(kvd.dir)[-DAMAGED_COUNT:], rng)
        port = free_port()
        words = [os.path.join(BIN, "kvd"), "--port", str(port), "--dir", kvd.dir, "--workers", "1"]
        with Process(words + OPTIONS, port) as again:
            cut = tables_of(kvd.dir)[-1]
            os.truncate(cut, os.path.getsize(cut) // 4 * 3)
            with_damage(again, rng)
            check(again.stop() == 0, "a clean stop")


main()
