"""Goal: reads that have to wait for blocks answer rightly, in order, whatever else is going on.
Method: far more data than the cache holds, in many tables; fifty clients pipeline reads and
writes of their own keys at once, so a model of each client is exact.  Every other seed reads past
the page cache.  KV_SEED repeats a run."""

import os
import random
import socket
import threading

from kvd_process import Kvd, check, encode

SEED = int(os.environ.get("KV_SEED", random.randrange(1 << 32)))
SHARED_COUNT, CLIENT_COUNT, ROUND_COUNT, PIPELINE_COUNT = 6000, 50, 6, 40


def shared_value(i):
    """Hard to compress, so that the blocks are real."""
    return random.Random(i).randbytes(4000 + i % 5000)


def fill(kvd):
    """Twenty tables, more than the 16 MB of memory together with the memtables."""
    connection = kvd.connect()
    order = list(range(SHARED_COUNT))
    random.Random(SEED).shuffle(order)
    for start in range(0, SHARED_COUNT, 300):
        part = order[start:start + 300]
        connection.send(b"".join(encode("SET", "s%d" % i, shared_value(i)) for i in part))
        for _ in part:
            check(connection.reply() == b"+OK", "set")
        check(connection.command("KV.FLUSH") == b"+OK", "flushed")


def stats(connection):
    lines = connection.command("INFO").split(b"\r\n")
    return dict(line.split(b":", 1) for line in lines if b":" in line)


class Model:
    """One client's random commands, and what they must answer."""

    def __init__(self, number):
        self.random = random.Random(SEED * 1000 + number)
        self.prefix = "c%d-" % number
        self.own = {}

    def own_key(self):
        return self.prefix + str(self.random.randrange(20))

    def shared(self):
        i = self.random.randrange(SHARED_COUNT + 50)
        return "s%d" % i, shared_value(i) if i < SHARED_COUNT else None

    def any(self):
        if self.random.random() < 0.7:
            return self.shared()
        key = self.own_key()
        return key, self.own.get(key)

    def step(self):
        """A command and its reply."""
        kind = self.random.randrange(8)
        if kind < 3:
            key, value = self.any()
            return encode("GET", key), value
        if kind == 3:
            pairs = [self.any() for _ in range(self.random.randrange(1, 30))]
            return encode("MGET", *[key for key, _ in pairs]), [value for _, value in pairs]
        if kind == 4:
            key, value = self.any()
            return encode("STRLEN", key), b":%d" % len(value or b"")
        key = self.own_key()
        if kind == 5:
            self.own[key] = self.random.randbytes(self.random.randrange(1, 3000))
            return encode("SET", key, self.own[key]), b"+OK"
        if kind == 6:
            self.own[key] = self.own.get(key, b"") + b"more"
            return encode("APPEND", key, "more"), b":%d" % len(self.own[key])
        had = self.own.pop(key, None) is not None
        return encode("DEL", key), b":%d" % had


def play(kvd, number, failures):
    try:
        connection, model = kvd.connect(), Model(number)
        connection.socket.settimeout(120)
        check(connection.command("CLIENT", "NO-EVICT", "on") == b"+OK", "memory is tiny")
        for _ in range(ROUND_COUNT):
            steps = [model.step() for _ in range(PIPELINE_COUNT)]
            connection.send(b"".join(request for request, _ in steps))
            for request, expected in steps:
                got = connection.reply()
                check(got == expected, "%r: %r instead of %r" % (request[:60], got, expected))
        connection.close()
    except Exception as failure:  # told by the main thread
        failures.append("client %d: %s" % (number, repr(failure)[:500]))


def together(kvd):
    failures = []
    threads = [threading.Thread(target=play, args=(kvd, i, failures)) for i in range(CLIENT_COUNT)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(not failures, "\n".join(failures))


def vanish_while_waiting(kvd, witness):
    """Clients that are reset, killed or half closed with reads under way."""
    rng = random.Random(SEED + 1)
    for i in range(200):
        client = kvd.connect()
        keys = ["s%d" % rng.randrange(SHARED_COUNT) for _ in range(64)]
        client.send(encode("MGET", *keys) + encode("GET", keys[0]))
        if i % 3 == 0:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
        elif i % 3 == 1:
            witness.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            client.close()
        else:
            client.socket.shutdown(socket.SHUT_WR)
            values = client.reply()
            check(values == [shared_value(int(key[1:])) for key in keys], "all is answered")
            check(client.reply() == values[0] and client.until_closed() == b"", "then it ends")
    check(witness.command("PING") == b"+PONG", "served")


def main():
    print("KV_SEED=%d" % SEED)
    direct = "yes" if SEED % 2 else "no"
    with Kvd("--memory-limit", "16mb", "--memtable-size", "1mb", "--direct-reads", direct) as kvd:
        fill(kvd)
        witness = kvd.connect()
        witness.command("CLIENT", "NO-EVICT", "on")
        together(kvd)
        vanish_while_waiting(kvd, witness)
        numbers = stats(witness)
        print({key: value for key, value in numbers.items()
               if key in (b"block_cache_evictions", b"block_cache_misses", b"used_memory_rss")})
        check(int(numbers[b"block_cache_evictions"]) > 100, "the cache is too small for all")
        for i in range(0, SHARED_COUNT, 7):
            check(witness.command("GET", "s%d" % i) == shared_value(i), i)
        check(kvd.stop() == 0, "a clean stop")


main()
