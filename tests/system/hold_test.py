#!/usr/bin/env python3
"""hold_test.py - Goal: DEBUG SLEEP and a long LCS hold the client that sent them, and no other.

Method: others are answered many times while one sleeps, and while one has the largest LCS that
there may be; a client that goes while it sleeps, and a stop meanwhile, leave nothing behind (the
sanitizer says so)."""
import sys
import time

sys.dont_write_bytecode = True
from kvd_process import Kvd, check


def is_answered(connection):
    connection.socket.setblocking(False)
    try:
        connection.rest += connection.socket.recv(65536)
    except BlockingIOError:
        pass
    connection.socket.setblocking(True)
    connection.socket.settimeout(60)
    return connection.rest != b""


def check_sleep(kvd):
    sleeper, other = kvd.connect(), kvd.connect()
    started = time.monotonic()
    sleeper.send(b"*3\r\n$5\r\nDEBUG\r\n$5\r\nSLEEP\r\n$3\r\n0.5\r\n*1\r\n$4\r\nPING\r\n")
    answered = 0
    while not is_answered(sleeper):
        check(other.command("PING") == b"+PONG", "PING beside a sleeper")
        answered += 1
    check(time.monotonic() - started >= 0.49, "the sleep was short")
    check(sleeper.reply() == b"+OK" and sleeper.reply() == b"+PONG", "the sleeper's replies")
    check(answered > 100, "only %d replies beside a sleeper" % answered)
    check(sleeper.command("DEBUG", "SLEEP", "0") == b"+OK", "SLEEP 0")
    sleeper.command("MULTI")
    sleeper.command("DEBUG", "SLEEP", "0.1")
    check(b"inside of MULTI" in sleeper.command("EXEC")[0], "SLEEP inside of MULTI")


def check_goers(kvd):
    """Closed in its sleep, by itself and by others."""
    for _ in range(20):
        goer = kvd.connect()
        goer.send(b"DEBUG SLEEP 3600\r\n")
        goer.close()
    killed = kvd.connect()
    number = killed.command("CLIENT", "ID")
    killed.send(b"DEBUG SLEEP 3600\r\n")
    other = kvd.connect()
    check(other.command("CLIENT", "KILL", "ID", number[1:]) == b":1", "CLIENT KILL")
    check(killed.is_closed(), "a killed sleeper")


def check_lcs(kvd):
    """Two values of 10 kB: 100 M cells."""
    asker, other = kvd.connect(), kvd.connect()
    one = bytes(97 + (i * i >> 3) % 7 for i in range(10000))
    two = bytes(97 + (i * 5 + (i >> 5)) % 7 for i in range(10000))
    asker.command("MSET", "a", one, "b", two)
    asker.send(b"LCS a b LEN\r\n")
    answered = 0
    while not is_answered(asker):
        check(other.command("SET", "a", "x%d" % answered) == b"+OK", "SET beside an LCS")
        answered += 1
    length = int(asker.reply()[1:])
    check(answered >= 5, "only %d replies beside an LCS" % answered)
    check(2000 < length <= 10000, "the length is %d" % length)
    asker.command("SET", "a", one)
    text = asker.command("LCS", "a", "b")
    check(len(text) == length, "the text has %d bytes, not %d" % (len(text), length))
    # In a transaction nobody else runs, so all of its LCS together may take no longer than a few pieces.
    asker.command("MSET", "c", one[:2500], "d", two[:2500])
    asker.command("MULTI")
    for keys in ("ab", "cd", "cd", "cd", "ca"):
        asker.command("LCS", keys[0], keys[1], "LEN")
    refused, short, again, third, last = asker.command("EXEC")
    check(refused.startswith(b"-ERR LCS of values this long"), refused)
    check(short[:1] == b":" and short == again, (short, again))
    check(third.startswith(b"-ERR LCS") and last.startswith(b"-ERR LCS"), (third, last))
    asker.command("SET", "a", one * 2)
    check(b"proto-max-bulk-len" in asker.command("LCS", "a", "b"), "an LCS that is too large")
    asker.command("SET", "a", one)
    asker.send(b"LCS a b LEN\r\n")
    asker.close()


def main():
    with Kvd() as kvd:
        check_sleep(kvd)
        check_goers(kvd)
        check_lcs(kvd)
        last = kvd.connect()
        last.send(b"DEBUG SLEEP 3600\r\n")
        kvd.connect().command("PING")
        check(kvd.connect().command("CONFIG", "GET", "port") is not None, "CONFIG")
        kvd.connect().send(b"SHUTDOWN NOW\r\n")
        check(kvd.process.wait(60) == 0, "the stop\n" + kvd.output())


if __name__ == "__main__":
    sys.exit(main())
