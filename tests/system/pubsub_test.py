"""Goal: SUBSCRIBE, PUBLISH and their like are Redis 7.0's, in RESP2, RESP3 and MULTI; a subscriber
that does not read is closed, and nobody else notices; Redis's own clients get their messages.
Method: one conversation with a redis-server and a kvd; then kvd alone under load and with limits."""

import os
import random
import re
import shutil
import subprocess
import threading

from kvd_process import Kvd, check, encode
from two_servers import Both, say, soon, until, with_both

SEED = int(os.environ.get("KV_SEED", random.randrange(1 << 32)))
FIELDS = re.compile(rb"(?:flags|db|sub|psub|ssub|multi|resp)=\S*")


def fields(reply):
    return FIELDS.findall(reply)


def unordered(reply):
    return sorted(reply.split(b"*3\r\n"))


def in_resp2(servers):
    c, p = Both(servers), Both(servers)
    for words in (("SUBSCRIBE",), ("UNSUBSCRIBE",), ("PUNSUBSCRIBE",), ("SUNSUBSCRIBE",),
                  ("UNSUBSCRIBE", "x", "y"), ("SUBSCRIBE", "a", "b", "a"), ("PSUBSCRIBE", "a*", "a*"),
                  ("SSUBSCRIBE", "s", b"\x00\xff"), ("SUBSCRIBE", ""), ("GET", "k"), ("SET", "k", "v"),
                  ("PING",), ("PING", "hi"), ("PING", "a", "b"), ("NOSUCH",), ("GET",), ("MULTI",),
                  ("ECHO", "x"), ("HELLO", "3"), ("CLIENT", "INFO"), ("CLIENT", "nosuch"),
                  ("CONFIG", "GET", "a"), ("PUBLISH", "a", "b"), ("EXEC",), ("AUTH", "x"),
                  ("SELECT", "1"), ("UNSUBSCRIBE", "a", "nosuch"), ("PUNSUBSCRIBE", "x")):
        c.say(*words)
    for words in (("PUBLISH", "abc", "m"), ("PUBLISH", "b", "one\r\ntwo"), ("PUBLISH", "", ""),
                  ("SPUBLISH", "s", "m"), ("SPUBLISH", "abc", "m"), ("PUBLISH", "s", "m"),
                  ("PUBLISH", "a",), ("SPUBLISH", b"\x00\xff", b"\x00")):
        p.say(*words)
        c.say()
    for words in (("CHANNELS",), ("NUMSUB",), ("NUMSUB", "a", "b", "b"), ("NUMPAT",),
                  ("SHARDCHANNELS",), ("SHARDNUMSUB", "s", "t"), ("CHANNELS", "[bc]"), ("FOO",),
                  ("NUMPAT", "x"), (), ("CHANNELS", "a", "b"), ("SHARDCHANNELS", "s*")):
        p.say("PUBSUB", *words, same=lambda reply: sorted(reply.split(b"$")))
    p.say("CLIENT", "LIST", "TYPE", "pubsub", same=fields)
    p.say("CLIENT", "LIST", "TYPE", "normal", same=fields)
    p.say("INFO", "stats", same=lambda reply: re.findall(rb"pubsub\w*:\d+", reply))
    c.say("SUBSCRIBE", "u", "v", "w")
    c.say("UNSUBSCRIBE", same=lambda reply: sorted(re.findall(rb"\n:\d", reply)))
    c.say("PUNSUBSCRIBE")
    c.say("SUNSUBSCRIBE", same=lambda reply: sorted(re.findall(rb"\n:\d", reply)))
    c.say("GET", "k")
    c.say("SUBSCRIBE", "q")
    c.say("RESET")
    c.say("GET", "k")
    p.say("PUBSUB", "NUMSUB", "q")
    c.say("SUBSCRIBE", "q")
    p.say("CLIENT", "KILL", "TYPE", "normal")
    c.say("UNSUBSCRIBE")
    c.say("SUBSCRIBE", "q")
    c.closes("QUIT")
    for server in servers:
        end = server.connect()
        soon(lambda: say(end, "PUBSUB", "NUMSUB", "q").endswith(b":0\r\n"), "gone")
    d = Both(servers)
    d.say("SUBSCRIBE", "q")
    p.say("CLIENT", "KILL", "TYPE", "pubsub")
    for end in d.ends:
        end.until_closed()
    p.close()


def in_resp3(servers):
    c = Both(servers)
    c.say("HELLO", "3", same=lambda reply: re.sub(rb"id\r\n:\d+", b"", reply))
    for words in (("SUBSCRIBE", "a"), ("PSUBSCRIBE", "a*"), ("SSUBSCRIBE", "s"), ("PING",),
                  ("PING", "x"), ("SET", "k", "v"), ("GET", "k"), ("PUBLISH", "a", "self"),
                  ("SPUBLISH", "s", "x"), ("UNSUBSCRIBE",), ("UNSUBSCRIBE",), ("PUNSUBSCRIBE", "q"),
                  ("SUBSCRIBE", "a"), ("CLIENT", "TRACKINGINFO"), ("CLIENT", "REPLY", "SKIP")):
        c.say(*words) if words[-1] != "SKIP" else None
    for end in c.ends:
        end.send(encode("CLIENT", "REPLY", "OFF") + encode("PUBLISH", "a", "off") + encode("GET", "k") +
                 encode("SUBSCRIBE", "z") + encode("CLIENT", "REPLY", "ON"))
    theirs, ours = (until(end, b"+OK\r\n") for end in c.ends)
    check(theirs == ours, "without replies: redis %r, kvd %r" % (theirs, ours))
    for end in c.ends:
        end.send(encode("CLIENT", "REPLY", "SKIP") + encode("SUBSCRIBE", "y") +
                 encode("CLIENT", "REPLY", "SKIP") + encode("PUBLISH", "a", "skip"))
    c.say("GET", "k")
    c.say("HELLO", "2", same=lambda reply: re.sub(rb"id\r\n:\d+", b"", reply))
    c.say("GET", "k")
    c.say("PING")
    c.say("CLIENT", "REPLY", "OFF")
    c.close()


def in_multi(servers):
    c, p = Both(servers), Both(servers)
    d = Both(servers)
    d.say("SUBSCRIBE", "x", "y")
    for words in (("MULTI",), ("SUBSCRIBE", "x"), ("PING",), ("PING", "m"), ("SET", "k", "2"),
                  ("PSUBSCRIBE", "z*"), ("SSUBSCRIBE", "z"), ("UNSUBSCRIBE",), ("PUNSUBSCRIBE",),
                  ("PUBSUB", "NUMSUB", "x"), ("GET", "k"), ("MONITOR",), ("EXEC",)):
        c.ask(*words)
    c.say("GET", "k")
    for words in (("MULTI",), ("PUBLISH", "x", "1"), ("SET", "k", "3"), ("PUBLISH", "y", "2"),
                  ("PUBLISH", "nobody", "2"), ("SPUBLISH", "x", "2"), ("EXEC",), ("WATCH", "k")):
        c.ask(*words)
    d.say()
    p.say("SET", "k", "4")
    for words in (("MULTI",), ("PUBLISH", "x", "1"), ("EXEC",), ("MULTI",), ("PUBLISH", "x"),
                  ("PUBLISH", "x", "1"), ("EXEC",), ("MULTI",), ("PUBLISH", "x", "1"), ("DISCARD",)):
        c.ask(*words)
    d.say()
    for both in (c, d, p):
        both.close()


def described(servers):
    c = Both(servers)
    for name in ("subscribe", "unsubscribe", "psubscribe", "punsubscribe", "publish", "ssubscribe",
                 "sunsubscribe", "spublish"):
        for end in c.ends:
            end.send(encode("COMMAND", "INFO", name))
        theirs, ours = (end.reply()[0] for end in c.ends)
        check(theirs[:7] == ours[:7], "COMMAND INFO:\nredis %r\nkvd   %r" % (theirs, ours))
    c.close()


def cold_exec(kvd):
    """An EXEC of several tries changes subscriptions once, and sends once."""
    c, p = kvd.connect(), kvd.connect()
    c.send(encode("CLIENT", "NO-EVICT", "on"))
    c.reply()
    rng = random.Random(SEED)
    for i in range(3000):
        c.send(encode("SET", "cold%05d" % i, rng.randbytes(4000)))
    for _ in range(3000):
        check(c.reply() == b"+OK", "filled")
    check(c.command("KV.FLUSH") == b"+OK", "flushed")
    say(p, "SUBSCRIBE", "news")
    for turn in range(20):
        say(c, "SUBSCRIBE", "one", "two")
        say(c, "UNSUBSCRIBE", "one")
        say(c, "UNSUBSCRIBE", "two")
        c.command("MULTI")
        keys = ["cold%05d" % rng.randrange(3000) for _ in range(10)]
        queued = [("SUBSCRIBE", "a"), ("SUBSCRIBE", "b"), ("GET", keys[0]), ("PUBLISH", "news", turn),
                  ("GET", keys[1]), ("UNSUBSCRIBE",), ("GET", keys[2]), ("UNSUBSCRIBE",)]
        for words in queued:
            check(c.command(*words) == b"+QUEUED", words)
        c.send(encode("EXEC"))
        check(c.line() == b"*8", "an EXEC")
        got = [c.reply() for _ in range(9)]
        check([one[1:] if isinstance(one, list) else len(one) for one in got] ==
              [[b"a", b":1"], [b"b", b":2"], 4000, 2, 4000, [b"a", b":1"], [b"b", b":0"], 4000,
               [None, b":0"]], got)
        check(say(p) == b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$%d\r\n%d\r\n" % (len(str(turn)), turn),
              "one message")
    # Those from before it end in their order, whatever stands behind that has to be read again.
    s = kvd.connect()
    s.command("HELLO", "3")
    for key in (b"cold%05d" % i for i in rng.sample(range(3000), 20)):
        topics = [b"first", b"second", b"third"]
        say(s, "SUBSCRIBE", *topics)
        s.command("MULTI")
        s.command("UNSUBSCRIBE")
        s.command("GET", key)
        s.send(encode("EXEC"))
        check(s.line() == b"*2", "an EXEC")
        got = []
        for _ in topics:
            check(s.line() == b">3", "a push")
            got.append([s.reply() for _ in range(3)][1])
        check(got == topics and len(s.reply()) == 4000, got)
    s.close()
    check(say(kvd.connect(), "PUBSUB", "CHANNELS") == b"*1\r\n$4\r\nnews\r\n", "nothing is left behind")
    check(int(re.search(rb"reads_from_disk:(\d+)", say(c, "INFO", "stats")).group(1)) > 20, "not cold")


def crowd(kvd):
    """Many subscribers with many channels and patterns, some of whom leave while messages come."""
    rng = random.Random(SEED)
    p = kvd.connect()
    names = ["c%d" % i for i in range(40)]
    wants = {}
    for _ in range(150):
        c = kvd.connect()
        wants[c] = (set(rng.sample(names, 5)), rng.choice(("", "c1*", "c[23]?", "*")))
        c.send(encode("SUBSCRIBE", *wants[c][0]) + (encode("PSUBSCRIBE", wants[c][1]) if wants[c][1] else b""))
        say(c)
    sent = []
    for i in range(300):
        name = rng.choice(names)
        sent.append((name, i))
        p.send(encode("PUBLISH", name, i))
        if i % 10 == 0:
            gone = rng.choice(list(wants))
            gone.close()
            del wants[gone]
    for _ in sent:
        p.line()
    for c, (channels, pattern) in wants.items():
        got = say(c)
        expression = pattern.replace("*", ".*").replace("?", ".")
        for name, i in sent:
            direct = name in channels
            matched = pattern != "" and re.fullmatch(expression, name) is not None
            told = b"\r\n%s\r\n$%d\r\n%d\r\n" % (name.encode(), len(str(i)), i)
            check(got.count(told) == direct + matched, (name, i, channels, pattern))
        c.close()
    soon(lambda: say(p, "PUBSUB", "CHANNELS") == b"*0\r\n" and say(p, "PUBSUB", "NUMPAT") == b":0\r\n",
         "all have gone")


def limits(kvd):
    """Who does not read is closed, at the hard limit or after the soft one's time."""
    p = kvd.connect()
    slow, quick = kvd.connect(), kvd.connect()
    say(slow, "SUBSCRIBE", "flood")
    say(quick, "SUBSCRIBE", "flood", "other")
    message = b"x" * 100000
    closed_before = closed_for_output(p)
    for _ in range(1000):
        p.send(encode("PUBLISH", "flood", message))
        count = p.reply()
        until(quick, message + b"\r\n")
        if count == b":1":
            break
    check(count == b":1", "a subscriber that does not read stays")
    check(closed_for_output(p) == closed_before + 1, "counted")
    check(say(quick) == b"", "the other one has all")
    slow.close()
    # Over the soft limit for longer than no time.
    say(p, "CONFIG", "SET", "client-output-buffer-limit-pubsub-soft", "10000",
        "client-output-buffer-limit-pubsub-time", "0")
    slow = kvd.connect()
    say(slow, "SUBSCRIBE", "trickle")
    for _ in range(1000):
        if p.command("PUBLISH", "trickle", message) == b":0":
            break
    check(closed_for_output(p) == closed_before + 2, "over the soft limit")
    check(say(quick) == b"", "who has nothing unsent stays")
    for connection in (slow, quick):
        connection.close()


def closed_for_output(connection):
    return int(re.search(rb"client_output_buffer_limit_disconnections:(\d+)",
                         say(connection, "INFO", "stats")).group(1))


def all_memory(kvd):
    """Subscriptions count as memory of clients: who has too many is closed."""
    c, p = kvd.connect(), kvd.connect()
    try:
        for i in range(200):
            c.send(encode("SUBSCRIBE", *[b"%d-%d-%s" % (i, j, b"x" * 1000) for j in range(100)]))
            for _ in range(100):
                c.reply()
    except (EOFError, ConnectionResetError, BrokenPipeError):
        pass
    else:
        raise AssertionError("20000 names of 1000 bytes in a quarter of 16 MB")
    soon(lambda: say(p, "PUBSUB", "CHANNELS") == b"*0\r\n", "left")


def redis_py(kvd):
    """The distribution's python has python3-redis; another one may run this."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "redis_py_pubsub.py")
    done = subprocess.run(["/usr/bin/python3", "-B", script, str(kvd.port)], timeout=60)
    check(done.returncode in (0, 77), "python3-redis")


def redis_cli(kvd):
    program = shutil.which("redis-cli")
    if program is None:
        return
    cli = subprocess.Popen([program, "-p", str(kvd.port), "SUBSCRIBE", "cli"], stdout=subprocess.PIPE)
    p = kvd.connect()
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(iter(cli.stdout.readline, b"")))
    reader.start()
    soon(lambda: p.command("PUBLISH", "cli", "hello") == b":1", "subscribed")
    soon(lambda: any(b"hello" in line for line in lines), "shown")
    cli.kill()
    cli.wait()
    reader.join()


if __name__ == "__main__":
    print("seed=%d" % SEED)
    with_both(in_resp2, in_resp3, in_multi, described)
    with Kvd("--memory-limit", "16mb", "--memtable-size", "1mb") as kvd:
        cold_exec(kvd)
        all_memory(kvd)
    with Kvd() as kvd:
        crowd(kvd)
        limits(kvd)
        redis_py(kvd)
        redis_cli(kvd)
