"""Goal: CLIENT PAUSE holds back commands as in Redis, and lets them go at its end, in their order;
CLIENT TRACKING and its like answer as Redis does with tracking off.
Method: the same words to a redis-server and a kvd; who waits is seen in CLIENT LIST."""

import re
import time

from kvd_process import Kvd, check, encode
from two_servers import Both, soon, with_both


def words_and_errors(servers):
    c = Both(servers)
    for words in (("PAUSE",), ("PAUSE", "x"), ("PAUSE", "-1"), ("PAUSE", "1", "foo"),
                  ("PAUSE", "99999999999999999999"), ("PAUSE", "1", "ALL", "x"), ("PAUSE", "0"),
                  ("PAUSE", "0", "ALL"), ("PAUSE", "100000", "WRITE"), ("UNPAUSE", "x"), ("UNPAUSE",),
                  ("UNPAUSE",), ("PAUSE", "1.5"), ("PAUSE", ""), ("TRACKING", "off"),
                  ("TRACKING", "foo"), ("TRACKING", "off", "bcast"), ("TRACKING", "off", "foo"),
                  ("TRACKING",), ("TRACKINGINFO",), ("TRACKINGINFO", "x"), ("GETREDIR",),
                  ("CACHING", "yes"), ("CACHING", "no"), ("CACHING",), ("UNBLOCK", "1"),
                  ("UNBLOCK", "x"), ("UNBLOCK", "1", "foo"), ("UNBLOCK", "1", "TIMEOUT"),
                  ("UNBLOCK",), ("LIST", "TYPE", "pubsub"), ("KILL", "TYPE", "pubsub"),
                  ("KILL", "TYPE", "foo"), ("LIST", "TYPE", "foo"), ("REPLY", "foo"), ("REPLY",)):
        c.ask("CLIENT", *words)
    for end in c.ends:
        end.send(encode("HELLO", "3") + encode("CLIENT", "TRACKINGINFO"))
    theirs, ours = ([end.reply(), end.reply()][1] for end in c.ends)
    check(theirs == ours, "%r %r" % (theirs, ours))
    c.close()


def waits(connection, count):
    """Whether so many clients wait for the end of the pause."""
    reply = connection.command("CLIENT", "LIST")
    return len(re.findall(rb"flags=x?b", reply)) == count


def pauses_writes(servers):
    for server in servers:
        c, reader, writer, multi, publisher = (server.connect() for _ in range(5))
        check(multi.command("MULTI") == b"+OK" and multi.command("SET", "m", "1") == b"+QUEUED", "queued")
        check(c.command("CLIENT", "PAUSE", "1000000", "WRITE") == b"+OK", "paused")
        check(reader.command("GET", "k") in (None, b"last"), "reads go on")
        writer.send(encode("GET", "k") + encode("SET", "k", "first") + encode("GET", "k") +
                    encode("SET", "k", "last") + encode("PING"))
        writer.reply()
        multi.send(encode("EXEC"))
        publisher.send(encode("PUBLISH", "a", "b"))
        soon(lambda: waits(c, 3), "three wait")
        check(c.command("SET") == b"-ERR wrong number of arguments for 'set' command", "errors do not")
        check(c.command("MULTI") == b"+OK" and c.command("GET", "k") == b"+QUEUED", "queued")
        check(len(c.command("EXEC")) == 1, "a transaction that reads")
        check(c.command("CLIENT", "UNPAUSE") == b"+OK", "goes on")
        check([writer.reply() for _ in range(4)] == [b"+OK", b"first", b"+OK", b"+PONG"], "in order")
        check(multi.reply() == [b"+OK"] and publisher.reply() == b":0", "the others")
        # A queued write waits as well, and a client that waits can be killed.
        check(c.command("CLIENT", "PAUSE", "1000000", "WRITE") == b"+OK", "paused")
        check(multi.command("MULTI") == b"+OK", "MULTI")
        multi.send(encode("SET", "m", "2"))
        writer.send(encode("SET", "k", "x"))
        soon(lambda: waits(c, 2), "two wait")
        check(c.command("CLIENT", "KILL", "LADDR", "127.0.0.1:%d" % server.port, "SKIPME", "yes") >= b":2",
              "killed")
        check(c.command("CLIENT", "UNPAUSE") == b"+OK" and c.command("GET", "k") == b"last", "not written")
        c.close()


def pauses_all(servers):
    for server in servers:
        c, other = server.connect(), server.connect()
        begun = time.monotonic()
        check(c.command("CLIENT", "PAUSE", "300") == b"+OK", "paused")
        other.send(encode("PING") + encode("CLIENT", "UNPAUSE"))
        check(c.command("NOSUCH").startswith(b"-ERR unknown"), "an error is told at once")
        check(time.monotonic() - begun < 0.25, "at once")
        c.command("GET", "k")
        check(time.monotonic() - begun >= 0.29, "it has waited")
        check(other.reply() == b"+PONG" and other.reply() == b"+OK", "after it")
        # A pause only gets longer.
        begun = time.monotonic()
        check(c.command("CLIENT", "PAUSE", "300", "WRITE") == b"+OK", "long")
        check(c.command("CLIENT", "PAUSE", "100", "WRITE") == b"+OK", "short")
        check(c.command("SET", "k", "last") == b"+OK", "written")
        check(time.monotonic() - begun >= 0.29, "it has waited")
        begun = time.monotonic()
        check(c.command("CLIENT", "PAUSE", "100", "WRITE") == b"+OK", "short")
        check(c.command("CLIENT", "PAUSE", "300", "WRITE") == b"+OK", "long")
        check(c.command("SET", "k", "last") == b"+OK", "written")
        check(time.monotonic() - begun >= 0.29, "it has waited")
        c.close()


def wrapped(kvd):
    """A command inside of another one is one that writes, or is not."""
    c, one, other = (kvd.connect() for _ in range(3))
    check(c.command("CLIENT", "PAUSE", "1000000", "WRITE") == b"+OK", "paused")
    check(c.command("KV.IN", "default", "GET", "wrapped") is None, "reads")
    one.send(encode("KV.IN", "default", "SET", "wrapped", "1"))
    other.send(encode("KV.WRITE", "SYNCED", "KV.IN", "default", "SET", "wrapped", "2"))
    soon(lambda: waits(c, 1) or waits(c, 2), "waits")
    check(c.command("GET", "wrapped") is None, "nothing is written")
    check(c.command("CLIENT", "UNPAUSE") == b"+OK" and one.reply() == b"+OK", "goes on")
    other.reply()


def stop_while_paused(kvd):
    c, other = kvd.connect(), kvd.connect()
    check(c.command("CLIENT", "PAUSE", "1000000", "WRITE") == b"+OK", "paused")
    other.send(encode("SET", "k", "v"))
    soon(lambda: waits(c, 1), "waits")
    check(c.command("CLIENT", "PAUSE", "9223372036854775807") == b"-ERR timeout is out of range", "far")
    check(kvd.stop() == 0, "a clean stop")


if __name__ == "__main__":
    with_both(words_and_errors, pauses_writes, pauses_all)
    with Kvd() as kvd:
        wrapped(kvd)
        stop_while_paused(kvd)
