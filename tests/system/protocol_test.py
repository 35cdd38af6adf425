"""Goal: on the wire kvd cannot be told from redis-server 7.0.
Method: the same bytes go to both; the replies must be equal, byte for byte.  Where kvd knows a
command that Redis 7.0 has not, or differs on purpose, the reply is checked alone."""

import re

from kvd_process import Kvd, Redis, check, encode

# Each is one connection's input; both servers get PING behind it to find the end, unless the
# connection is expected to be closed.
CONVERSATIONS = [
    b"PING\r\n", b"ping hello\r\n", b"PING a b\r\n", b"ECHO\r\n", b"ECHO 'a b'\r\n", b"\r\n\r\n",
    b"*0\r\n*-1\r\n", b"NOSUCH\r\n", b"NOSUCH a 'b c' d\r\n", encode("no\r\nsuch", "x\ny"),
    encode("nosuch", "x" * 300, "y" * 300), encode("n" * 300, "a"), encode("", "a"),
    encode("SELECT", "0"), encode("SELECT", "a"), encode("SELECT", "99"), encode("SELECT", "-1"),
    encode("SELECT", "1", "2"), encode("SELECT", "99999999999999999999"),
    encode("AUTH"), encode("AUTH", "x"), encode("AUTH", "default", "x"), encode("AUTH", "bob", "x"),
    encode("AUTH", "a", "b", "c"), encode("HELLO", "1"), encode("HELLO", "4"), encode("HELLO", "x"),
    encode("HELLO", "2", "FOO"), encode("HELLO", "3", "AUTH", "a"), encode("HELLO", "2", "SETNAME"),
    encode("HELLO", "3", "AUTH", "bob", "b"), encode("HELLO", "2", "SETNAME", "a b"),
    encode("RESET"), encode("RESET", "1"), encode("TIME", "1"), encode("CONFIG"),
    encode("CLIENT"), encode("CLIENT", "FOO"), encode("CLIENT", "SETNAME"),
    encode("CLIENT", "SETNAME", "a b"), encode("CLIENT", "SETNAME", "joe") +
    encode("CLIENT", "GETNAME"), encode("CLIENT", "GETNAME"), encode("CLIENT", "ID", "x"),
    encode("CLIENT", "KILL", "1.2.3.4:5"), encode("CLIENT", "KILL", "ID", "x"),
    encode("CLIENT", "KILL", "ID", "99999"), encode("CLIENT", "KILL", "TYPE", "foo"),
    encode("CLIENT", "KILL", "USER", "bob"), encode("CLIENT", "KILL", "SKIPME", "x"),
    encode("CLIENT", "KILL", "A", "B", "C"), encode("CLIENT", "LIST", "TYPE", "foo"),
    encode("CLIENT", "LIST", "ID", "x"), encode("CLIENT", "LIST", "ID"),
    encode("CLIENT", "LIST", "TYPE", "pubsub"), encode("CLIENT", "NO-EVICT", "on"),
    encode("CLIENT", "NO-EVICT", "x"), encode("CLIENT", "REPLY", "x"),
    encode("CLIENT", "REPLY", "OFF") + encode("PING") + encode("CLIENT", "REPLY", "ON"),
    encode("CLIENT", "REPLY", "SKIP") + encode("PING") + encode("ECHO", "b"),
    encode("CONFIG", "GET"), encode("CONFIG", "GET", "save"), encode("CONFIG", "GET", "appendonly"),
    encode("CONFIG", "GET", "TIMEOUT"), encode("CONFIG", "GET", "databases"),
    encode("CONFIG", "GET", "maxmemory"), encode("CONFIG", "GET", "replica-read-only"),
    encode("CONFIG", "GET", "nosuch"), encode("CONFIG", "SET"), encode("CONFIG", "SET", "timeout"),
    encode("CONFIG", "SET", "nosuch", "1"), encode("CONFIG", "SET", "timeout", "0", "nosuch", "1"),
    encode("CONFIG", "SET", "timeout", "0", "timeout", "1"),
    encode("CONFIG", "SET", "databases", "3"), encode("CONFIG", "SET", "loglevel", "foo"),
    encode("CONFIG", "SET", "protected-mode", "foo"), encode("CONFIG", "SET", "timeout", "0"),
    encode("CONFIG", "SET", "maxclients", "abc"), encode("CONFIG", "SET", "proto-max-bulk-len", "x"),
    encode("CONFIG", "RESETSTAT", "x"), encode("CONFIG", "RESETSTAT"), encode("CONFIG", "REWRITE"),
    encode("SHUTDOWN", "FOO"), encode("SHUTDOWN", "SAVE", "NOSAVE"), encode("SHUTDOWN", "ABORT"),
    encode("SHUTDOWN", "ABORT", "NOW"), encode("GET"), encode("SET", "a"),
    encode("SET", "a", "1") + encode("GET", "a") + encode("INCR", "a") + encode("DEL", "a", "b"),
    encode("HELLO", "3") + encode("GET", "nosuchkey") + encode("CONFIG", "GET", "save") +
    encode("RESET") + encode("GET", "nosuchkey"),
]

# These end the connection.
LAST_WORDS = [
    b"QUIT\r\n", b"QUIT now\r\nPING\r\n", b"*a\r\n", b"*1\r\nPING\r\n", b"*1\r\n$-1\r\n",
    b"*1\r\n$a\r\n", b"*2147483648\r\n", b"*1\r\n$536870913\r\n", b"SET \"a\r\n", b"*1\r\n\r\n",
    b"PING\r\nPING\r\n*1\r\n!\r\nPING\r\n", b"x" * 70000, b"*" + b"1" * 70000,
    b"*1\r\n$" + b"1" * 70000,
]

# With a password and no AUTH.
STRANGERS = [
    encode("PING"), encode("NOSUCH"), encode("GET"), encode("GET", "a"), encode("HELLO", "3"),
    encode("AUTH", "wrong"), encode("AUTH", "default", "wrong"), encode("AUTH", "bob", "secret"),
    encode("AUTH", "") , encode("AUTH", "secretsecret"), encode("AUTH", "secret"),
    encode("AUTH", "default", "secret"), encode("RESET"),
    encode("HELLO", "3", "AUTH", "default", "wrong"),
    encode("AUTH", "secret") + encode("RESET") + encode("PING"),
]
STRANGERS_LAST_WORDS = [
    b"*11\r\n", b"*1\r\n$16385\r\n", b"QUIT\r\n",
]


def talk(server, data, ends):
    connection = server.connect()
    if not ends:
        connection.send(data + encode("ECHO", "the-end"))
        got = b""
        while not got.endswith(b"the-end\r\n") and b"-NOAUTH" not in got[-60:]:
            more = connection.socket.recv(65536)
            if not more:
                break
            got += more
    else:
        try:
            connection.send(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        got = connection.until_closed()
    connection.close()
    return re.sub(rb"\$2\r\nid\r\n:\d+", b"(id)", got)


def compare(kvd, redis, conversations, ends):
    failures = 0
    for data in conversations:
        ours, theirs = talk(kvd, data, ends), talk(redis, data, ends)
        if ours != theirs:
            failures += 1
            print("sent %r\n  kvd   %r\n  redis %r" % (data[:200], ours[:400], theirs[:400]))
    return failures


def hello_has_all_fields(kvd):
    for proto in ("2", "3"):
        connection = kvd.connect()
        reply = connection.command("HELLO", proto, "SETNAME", "me")
        check(reply[0::2] == [b"server", b"version", b"proto", b"id", b"mode", b"role", b"modules"],
              reply)
        check(reply[5] == b":" + proto.encode(), reply)
        check(connection.command("CLIENT", "GETNAME") == b"me", "the name is set")
        connection.close()


def library_info_is_kept(kvd):
    connection = kvd.connect()
    check(connection.command("CLIENT", "SETINFO", "LIB-NAME", "mylib") == b"+OK", "lib-name")
    check(connection.command("CLIENT", "SETINFO", "lib-ver", "1.2") == b"+OK", "lib-ver")
    info = connection.command("CLIENT", "INFO")
    check(b" lib-name=mylib lib-ver=1.2" in info and info.endswith(b"\n"), info)
    check(connection.command("CLIENT", "SETINFO", "x", "y").startswith(b"-ERR Unrecognized"), "x")
    connection.close()


def clients_can_be_killed(kvd):
    killer, victim = kvd.connect(), kvd.connect()
    number = victim.command("CLIENT", "ID")[1:].decode()
    check(killer.command("CLIENT", "LIST", "ID", number).count(b"\n") == 1, "listed")
    check(killer.command("CLIENT", "KILL", "ID", number) == b":1", "killed")
    check(victim.is_closed(), "closed")
    check(killer.command("CLIENT", "LIST", "ID", number) == b"", "gone")
    own = killer.command("CLIENT", "ID")[1:].decode()
    check(killer.command("CLIENT", "KILL", "ID", own, "SKIPME", "no") == b":1", "itself")
    check(killer.is_closed(), "closed after the reply")


def pipelines_keep_their_order(kvd):
    connection = kvd.connect()
    count = 5000
    data = b""
    for i in range(count):
        data += encode("SET", "k%d" % (i % 7), i) + encode("GET", "k%d" % (i % 7)) + b"PING\r\n"
    connection.send(data)
    for i in range(count):
        check(connection.reply() == b"+OK", i)
        check(connection.reply() == str(i).encode(), i)
        check(connection.reply() == b"+PONG", i)
    connection.close()


def a_half_closed_connection_gets_its_replies(kvd):
    connection = kvd.connect()
    connection.send(b"PING\r\nSET half closed\r\nGET half\r\n")
    connection.socket.shutdown(1)
    check(connection.until_closed() == b"+PONG\r\n+OK\r\n$6\r\nclosed\r\n", "all three")


def big_values_come_back(kvd):
    value = bytes(range(256)) * 4096 * 20
    connection = kvd.connect()
    check(connection.command("SET", "big", value) == b"+OK", "set")
    for _ in range(3):
        check(connection.command("GET", "big") == value, "get")
    connection.close()


def main():
    failures = 0
    with Redis() as redis, Kvd() as kvd:
        failures += compare(kvd, redis, CONVERSATIONS, False)
        failures += compare(kvd, redis, LAST_WORDS, True)
        hello_has_all_fields(kvd)
        library_info_is_kept(kvd)
        clients_can_be_killed(kvd)
        pipelines_keep_their_order(kvd)
        a_half_closed_connection_gets_its_replies(kvd)
        big_values_come_back(kvd)
        check(kvd.stop() == 0, "a clean stop")
    with Redis("--requirepass", "secret") as redis, Kvd("--requirepass", "secret") as kvd:
        failures += compare(kvd, redis, STRANGERS, False)
        failures += compare(kvd, redis, STRANGERS_LAST_WORDS, True)
        check(kvd.stop() == 0, "a clean stop")
    check(failures == 0, "%d conversations differ" % failures)


main()
