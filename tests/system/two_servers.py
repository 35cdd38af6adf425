"""The same conversation with a redis-server and a kvd, compared byte for byte."""

import threading

from kvd_process import Kvd, Redis, check, encode

MARKER = b"the-end-of-what-came-before"


def until(connection, end):
    """All bytes up to `end`, which are taken as well and not returned."""
    while end not in connection.rest:
        got = connection.socket.recv(65536)
        if not got:
            raise EOFError("closed after %r" % connection.rest)
        connection.rest += got
    got, connection.rest = connection.rest.split(end, 1)
    return got


def say(connection, *words):
    """What comes until a PING behind the command is answered: replies and pushes."""
    data = encode(*words) if words else b""
    connection.send(data + encode("PING", MARKER))
    got = until(connection, b"$%d\r\n%s\r\n" % (len(MARKER), MARKER))
    pong = b"*2\r\n$4\r\npong\r\n"
    return got[:-len(pong)] if got.endswith(pong) else got


class Both:
    """A connection to each of the two."""

    def __init__(self, servers):
        self.ends = [server.connect() for server in servers]

    def say(self, *words, same=lambda bytes_: bytes_):
        theirs, ours = (say(end, *words) for end in self.ends)
        check(same(theirs) == same(ours), "%r:\nredis %r\nkvd   %r" % (words, theirs, ours))
        return ours

    def ask(self, *words, same=lambda bytes_: bytes_):
        """One reply, and nothing asked behind it: for MULTI."""
        for end in self.ends:
            end.send(encode(*words))
        theirs, ours = (end.reply() for end in self.ends)
        check(same(theirs) == same(ours), "%r:\nredis %r\nkvd   %r" % (words, theirs, ours))
        return ours

    def closes(self, *words):
        for end in self.ends:
            end.send(encode(*words))
        theirs, ours = (end.until_closed() for end in self.ends)
        check(theirs == ours, "%r:\nredis %r\nkvd   %r" % (words, theirs, ours))
        return ours

    def close(self):
        for end in self.ends:
            end.close()


def with_both(*tests, redis=(), kvd=()):
    with Redis(*redis) as one, Kvd(*kvd) as other:
        for test in tests:
            test([one, other])


def soon(condition, told):
    """Waits for what another thread or process brings about."""
    pause = threading.Event()
    for _ in range(600):
        if condition():
            return
        pause.wait(0.05)
    raise AssertionError(told)
