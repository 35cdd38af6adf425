#!/usr/bin/env python3
"""condition_test.py - Goal: SET and DELEX do what they are told only if the value is as it was said.

Method: what Redis 8.4 and Valkey 8.1 document, one by one and inside of MULTI, as no server of the
distribution has it; then random conditions against a dictionary; then a lock as people make it."""
import os
import random
import sys

sys.dont_write_bytecode = True
from kvd_process import Kvd, check

SYNTAX = b"-ERR syntax error"


def ask(connection, line):
    return connection.command(*line.split())


DIALOGUE = [
    ("SET k v IFEQ x", None), ("GET k", None), ("SET k a IFNE x", b"+OK"), ("GET k", b"a"),
    ("SET k b IFEQ x", None), ("GET k", b"a"), ("SET k b IFEQ a", b"+OK"), ("GET k", b"b"),
    ("SET k c ifne b", None), ("SET k c ifne a", b"+OK"), ("GET k", b"c"),
    ("SET k d IFEQ c GET", b"c"), ("GET k", b"d"), ("SET k e GET IFEQ c", b"d"), ("GET k", b"d"),
    ("SET none e GET IFEQ c", None), ("GET none", None), ("SET none e GET IFNE c", None), ("GET none", b"e"),
    ("SET k v IFEQ", SYNTAX), ("SET k v IFEQ a NX", SYNTAX), ("SET k v XX IFEQ a", SYNTAX),
    ("SET k v IFEQ a IFNE b", SYNTAX), ("SET k v KEEPTTL IFEQ d", b"+OK"), ("GET k", b"v"),
    ("SET k v2 IFDEQ 0123456789abcdef", None), ("SET k v2 IFDNE 0123456789abcdef", b"+OK"),
    ("SET k v IFDEQ nothex", b"-ERR a digest is 16 hexadecimal digits, as DIGEST returns them"),
    ("DELEX k IFEQ x", b":0"), ("DELEX k IFNE v2", b":0"), ("DELEX k IFEQ v2", b":1"), ("DELEX k IFEQ v2", b":0"),
    ("DELEX k IFNE v2", b":0"), ("SET k v", b"+OK"), ("DELEX k ifne x", b":1"), ("SET k v", b"+OK"),
    ("DELEX k", b":1"), ("DELEX k", b":0"), ("SET k v", b"+OK"), ("DELIFEQ k x", b":0"), ("DELIFEQ k v", b":1"),
    ("DELEX k IFEQ", b"-ERR wrong number of arguments for 'delex' command"),
    ("DELEX k FOO x", b"-ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE"),
    ("DELEX k IFDEQ x", b"-ERR a digest is 16 hexadecimal digits, as DIGEST returns them"),
    ("DIGEST k", None),
]


def check_dialogue(connection):
    for line, expected in DIALOGUE:
        got = ask(connection, line)
        check(got == expected, "%s: %r instead of %r" % (line, got, expected))


def check_digests(connection):
    """XXH3's published value of nothing; else what DIGEST says is what conditions take."""
    connection.command("SET", "k", "")
    check(connection.command("DIGEST", "k") == b"2d06800538d394c2", "the digest of nothing")
    for value in (b"a", b"a" * 16, b"a" * 200, b"\0" * 100000):
        connection.command("SET", "k", value)
        digest = connection.command("DIGEST", "k")
        check(len(digest) == 16, "%r" % digest)
        check(connection.command("SET", "k", "new", "IFDNE", digest) is None, "IFDNE of the digest")
        check(connection.command("DELEX", "k", "IFDNE", digest) == b":0", "DELEX IFDNE")
        check(connection.command("SET", "k", value, "IFDEQ", digest.upper()) == b"+OK", "IFDEQ")
        check(connection.command("DELEX", "k", "IFDEQ", digest) == b":1", "DELEX IFDEQ")


def check_transaction(connection):
    """Each sees what those before it in the transaction have done."""
    connection.command("SET", "k", "1")
    connection.command("MULTI")
    for line in ("SET k 2 IFEQ 1", "SET k 3 IFEQ 1", "DELEX k IFEQ 3", "DELEX k IFEQ 2", "SET k 4 IFNE 2"):
        check(ask(connection, line) == b"+QUEUED", line)
    check(connection.command("EXEC") == [b"+OK", None, b":0", b":1", b"+OK"], "EXEC")
    check(connection.command("GET", "k") == b"4", "after EXEC")


def check_random(connection, rng):
    model = {}
    for _ in range(3000):
        key, value, guess = "k%d" % rng.randrange(4), "v%d" % rng.randrange(3), "v%d" % rng.randrange(3)
        word = rng.choice(["IFEQ", "IFNE"])
        holds = (model.get(key) == guess) == (word == "IFEQ")
        if rng.random() < 0.7:
            got = connection.command("SET", key, value, word, guess)
            check(got == (b"+OK" if holds else None), "SET %s %s %s" % (key, word, guess))
            if holds:
                model[key] = value
        else:
            holds = holds and key in model
            got = connection.command("DELEX", key, word, guess)
            check(got == (b":1" if holds else b":0"), "DELEX %s %s %s" % (key, word, guess))
            if holds:
                del model[key]
    for i in range(4):
        got, expected = connection.command("GET", "k%d" % i), model.get("k%d" % i)
        check(got == (expected and expected.encode()), "k%d" % i)


def check_counter(kvd):
    """Clients that add by GET and SET IFEQ lose nothing."""
    clients = [kvd.connect() for _ in range(5)]
    clients[0].command("SET", "counter", "0")
    done = 0
    while done < 500:
        seen = [client.command("GET", "counter") for client in clients]
        for client, old in zip(clients, seen):
            done += client.command("SET", "counter", int(old) + 1, "IFEQ", old) == b"+OK"
    check(clients[0].command("GET", "counter") == b"%d" % done, "the counter")


def main():
    seed = int(os.environ.get("KV_SEED") or random.randrange(1 << 31))
    print("KV_SEED=%d" % seed)
    with Kvd() as kvd:
        connection = kvd.connect()
        check_dialogue(connection)
        check_digests(connection)
        check_transaction(connection)
        connection.command("FLUSHALL")
        check_random(connection, random.Random(seed))
        check_counter(kvd)


if __name__ == "__main__":
    sys.exit(main())
