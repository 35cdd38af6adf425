"""Goal: MONITOR shows what Redis's shows, and no passwords; a monitor that does not read is closed.
Method: a monitor of each server sees the same commands; their lines differ in time and port only."""

import re
import shutil
import subprocess
import threading

from kvd_process import Kvd, check, encode
from two_servers import MARKER, Both, soon, until, with_both


def lines(end, other):
    """What the monitor `end` has seen until a PING of `other`'s."""
    other.command("PING", MARKER)
    got = until(end, b'"%s"\r\n' % MARKER).split(b"\r\n")
    return [re.sub(rb"^\+\d+\.\d{6} \[(\d+) 127\.0\.0\.1:\d+\]", rb"+T [\1 A]", line) for line in got[:-1]]


def conversation(servers):
    m, p = Both(servers), Both(servers)
    m.ask("MONITOR")
    is_queued = False
    for words in (("SET", "a", b"b\r\n\"\\\x00\xff\a\b\t'"), ("set", "a", ""), ("AUTH", "x"),
                  ("AUTH", "default", "x"), ("CONFIG", "GET", "nosuch"), ("CONFIG", "HELP"),
                  ("CLIENT", "LIST"), ("CLIENT", "SETNAME", "x"), ("CLIENT", "ID"), ("CLIENT", "HELP"),
                  ("CLIENT", "KILL", "ID", "9999"), ("CLIENT", "NO-EVICT", "on"), ("CLIENT", "REPLY", "ON"),
                  ("CLIENT", "PAUSE", "0"), ("CLIENT", "UNPAUSE"), ("CLIENT", "GETNAME"),
                  ("CLIENT", "TRACKINGINFO"), ("CLIENT", "GETREDIR"), ("CLIENT", "CACHING", "yes"),
                  ("CLIENT", "TRACKING", "off"), ("CLIENT", "UNBLOCK", "1"), ("NOSUCH",), ("GET",),
                  ("INCR", "a"), ("SELECT", "3"), ("SELECT", "0"), ("MULTI",), ("SET", "x", "1"),
                  ("INCR", "x"), ("EXEC",), ("MULTI",), ("GET", "a"), ("DISCARD",), ("WATCH", "a"),
                  ("MULTI",), ("GET",), ("EXEC",), ("MULTI",), ("MONITOR",), ("EXEC",),
                  ("SLOWLOG", "LEN"), ("LATENCY", "LATEST"), ("LATENCY", "HELP"), ("COMMAND", "COUNT"),
                  ("MODULE", "LIST"), ("ROLE",), ("FLUSHALL",), ("DBSIZE",), ("PUBSUB", "NUMPAT"),
                  ("PUBLISH", "a", "b"), ("ECHO", "a"), ("READONLY",), ("CLUSTER", "INFO"),
                  ("OBJECT", "HELP"), ("RESET",), ("CLIENT", "NOSUCH"), ("TIME",)):
        for end in p.ends:
            end.command(*words)
        is_queued = words == ("MULTI",) or is_queued and words[0] not in ("EXEC", "DISCARD")
        if is_queued:
            continue  # the PING would be as well
        theirs, ours = (lines(*pair) for pair in zip(m.ends, p.ends))
        check(theirs == ours, "%r:\nredis %r\nkvd   %r" % (words, theirs, ours))
    for words in (("HELLO", "3", "AUTH", "default", "secret"), ("HELLO", "2", "setname", "auth")):
        for end in p.ends:
            end.send(encode(*words) + encode("CLIENT", "ID"))
        replies = [until(end, b"modules\r\n*0\r\n:") for end in p.ends]
        check(len(replies) == 2 and all(end.line() for end in p.ends), "HELLO")
        theirs, ours = (lines(*pair) for pair in zip(m.ends, p.ends))
        check(theirs == ours and not any(b"secret" in line for line in ours), ours)
    # A monitor looks on.
    for words in (("GET", "a"), ("SET", "a", "b"), ("PUBLISH", "a", "b"), ("RESET",), ("GET", "a"),
                  ("CLIENT", "INFO")):
        m.ask(*words, same=lambda reply: re.findall(rb"^[^i]\S*|flags=\S+", reply or b""))
    m.ask("MONITOR")
    for end in m.ends:
        end.send(encode("MONITOR") + encode("PING"))  # the second MONITOR has no reply
    theirs, ours = (until(end, b'"PING"\r\n')[:7] for end in m.ends)
    check(theirs == ours == b"+PONG\r\n", "PING: redis %r, kvd %r" % (theirs, ours))
    for end in p.ends:
        check(b"flags=O " in end.command("CLIENT", "LIST"), "its flag")
    m.close()
    p.close()


def slow_monitor(kvd):
    """It is closed at the limit of subscribers; the others never wait for it."""
    m, p = kvd.connect(), kvd.connect()
    check(m.command("MONITOR") == b"+OK", "a monitor")
    value = b"x" * 200000
    for _ in range(1000):
        check(p.command("SET", "k", value) == b"+OK", "written")
        if b"flags=O " not in p.command("CLIENT", "LIST"):
            break
    check(b"flags=O " not in p.command("CLIENT", "LIST"), "a slow monitor stays")
    check(p.command("GET", "k") == value, "the other one goes on")
    m.close()
    # Very long commands are cut.
    m = kvd.connect()
    m.command("MONITOR")
    p.command("SET", "long", b"y" * 3000000)
    p.command("PING", MARKER)
    got = until(m, MARKER)
    check(b'"... (2999872 more bytes)' in got and len(got) < 1000, len(got))
    m.close()


def several(kvd):
    """Monitors come and go while commands run."""
    p = kvd.connect()
    ends = [kvd.connect() for _ in range(20)]
    for end in ends:
        check(end.command("MONITOR") == b"+OK", "a monitor")
    for i, end in enumerate(ends[:10]):
        check(p.command("SET", "k%d" % i, "v") == b"+OK", "written")
        end.close()
    for end in ends[10:]:
        p.command("PING", MARKER)
        got = until(end, MARKER)
        check(all(b'"SET" "k%d" "v"' % i in got for i in range(10)), got)
    for end in ends[10:]:
        end.close()
    soon(lambda: b"flags=O" not in p.command("CLIENT", "LIST"), "gone")


def redis_cli(kvd):
    program = shutil.which("redis-cli")
    if program is None:
        return
    cli = subprocess.Popen([program, "-p", str(kvd.port), "MONITOR"], stdout=subprocess.PIPE)
    p, seen = kvd.connect(), []
    reader = threading.Thread(target=lambda: seen.extend(iter(cli.stdout.readline, b"")))
    reader.start()
    soon(lambda: p.command("ECHO", "shown") == b"shown" and any(b'"ECHO" "shown"' in line for line in seen),
         "redis-cli MONITOR")
    cli.kill()
    cli.wait()
    reader.join()


if __name__ == "__main__":
    with_both(conversation)
    with Kvd() as kvd:
        slow_monitor(kvd)
        several(kvd)
        redis_cli(kvd)
