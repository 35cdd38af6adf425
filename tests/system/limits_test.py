"""Goal: no client takes more than its share, whatever it sends or leaves unread.
Method: each limit is crossed from outside, and another client must go on as if nothing were."""

import os
import signal
import socket
import tempfile

from kvd_process import Connection, Kvd, check, encode


def stats(connection):
    lines = connection.command("INFO").split(b"\r\n")
    return dict(line.split(b":", 1) for line in lines if b":" in line)


def too_many_clients_are_told(kvd, witness):
    check(witness.command("CONFIG", "SET", "maxclients", "4") == b"+OK", "set")
    friends = [kvd.connect() for _ in range(3)]
    for friend in friends:
        check(friend.command("PING") == b"+PONG", "friend")
    late = kvd.connect()
    check(late.until_closed() == b"-ERR max number of clients reached\r\n", "told")
    friends[0].close()
    while True:
        again = kvd.connect()
        try:
            if again.command("PING") == b"+PONG":
                break
        except (EOFError, OSError):
            pass
    check(witness.command("CONFIG", "SET", "maxclients", "1000") == b"+OK", "reset")


def an_unread_flood_is_held_back(kvd, witness):
    """Replies that nobody reads stop the commands behind them, not the others' commands."""
    check(witness.command("SET", "wide", b"w" * 100000) == b"+OK", "set")
    glutton = kvd.connect()
    glutton.socket.settimeout(0.3)
    request, sent = encode("GET", "wide") * 5000, 0
    try:
        while sent < 4000000:
            glutton.send(request)
            sent += 5000
    except (socket.timeout, TimeoutError):
        pass
    check(sent < 4000000, "TCP held the sender back after %d commands" % sent)
    check(witness.command("PING") == b"+PONG", "the witness is served")
    omem = [line for line in witness.command("CLIENT", "LIST").decode().split("\n")
            if "cmd=get" in line]
    memory = int(omem[0].split("tot-mem=")[1].split()[0])
    check(memory < 16 << 20, "its memory stays bounded: %d" % memory)
    glutton.close()


def a_slow_reader_gets_everything(kvd):
    """The same flood, read to the end: nothing is lost or out of order."""
    count = 600
    reader = kvd.connect()
    request = b"".join(encode("ECHO", b"%06d" % i + b"e" * 20000) for i in range(count))
    sent = 0
    reader.socket.setblocking(False)
    got = 0
    while got < count:
        try:
            sent += reader.socket.send(request[sent:sent + 65536]) if sent < len(request) else 0
        except BlockingIOError:
            pass
        reader.socket.settimeout(20)
        if sent == len(request) or sent > 4 << 20:
            check(reader.reply().startswith(b"%06d" % got), got)
            got += 1
        reader.socket.setblocking(False)
    reader.close()


def big_output_ends_the_connection(kvd, witness):
    check(witness.command("SET", "large", b"l" * (3 << 20)) == b"+OK", "set")
    check(witness.command("CONFIG", "SET", "client-output-buffer-limit", "2mb") == b"+OK", "limit")
    victim = kvd.connect()
    victim.send(encode("GET", "large"))
    check(len(victim.until_closed()) < 3 << 20, "closed without the whole value")
    check(witness.command("CONFIG", "SET", "client-output-buffer-limit", "1gb") == b"+OK", "reset")


def big_queries_end_the_connection(kvd, witness):
    check(witness.command("CONFIG", "SET", "client-query-buffer-limit", "1mb") == b"+OK", "limit")
    victim = kvd.connect()
    try:
        victim.send(b"*2\r\n$4\r\nECHO\r\n$8000000\r\n" + b"q" * 8000000)
        check(victim.until_closed() == b"", "closed without a reply")
    except (BrokenPipeError, ConnectionResetError):
        pass
    check(witness.command("CONFIG", "SET", "client-query-buffer-limit", "1gb") == b"+OK", "reset")
    check(witness.command("CONFIG", "SET", "proto-max-bulk-len", "1mb") == b"+OK", "limit")
    victim = kvd.connect()
    victim.send(b"*2\r\n$4\r\nECHO\r\n$1048577\r\n")
    check(victim.until_closed() == b"-ERR Protocol error: invalid bulk length\r\n", "told")


def announced_lengths_cost_nothing(kvd, witness):
    before = int(stats(witness)[b"used_memory_rss"])
    liars = []
    for _ in range(50):
        liar = kvd.connect()
        liar.send(b"*1000000\r\n$1048576\r\nx")
        liars.append(liar)
    check(witness.command("PING") == b"+PONG", "served")
    check(int(stats(witness)[b"used_memory_rss"]) < before + (64 << 20), "memory")
    for liar in liars:
        liar.close()


def idle_clients_are_closed(kvd, witness):
    idle = kvd.connect()
    check(idle.command("PING") == b"+PONG", "idle")
    check(witness.command("CONFIG", "SET", "timeout", "2") == b"+OK", "set")
    idle.socket.settimeout(0.1)
    while True:
        check(witness.command("PING") == b"+PONG", "the busy one stays")
        try:
            check(idle.is_closed(), "closed")
            break
        except (socket.timeout, TimeoutError):
            pass
    check(witness.command("CONFIG", "SET", "timeout", "0") == b"+OK", "reset")


def sudden_deaths_are_survived(kvd, witness):
    """Connections reset in the middle of writes whose replies are held."""
    for _ in range(60):
        victim = kvd.connect()
        victim.send(encode("SET", "dead", "x") * 30 + b"*2\r\n$3\r\nGE")
        victim.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        victim.close()
    check(witness.command("PING") == b"+PONG", "served")


def byte_by_byte_is_understood(kvd):
    slow = kvd.connect()
    slow.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in encode("SET", "slow", "value") + b"GET slow\r\n":
        slow.send(bytes([byte]))
    check(slow.reply() == b"+OK" and slow.reply() == b"value", "both")


def strangers_on_the_unix_socket(path):
    connection = Connection(path=path)
    check(connection.command("PING") == b"+PONG", "unix")
    check(b" flags=U " in connection.command("CLIENT", "INFO"), "flag")


def a_busy_client_does_not_starve_others(kvd, witness):
    hog = kvd.connect()
    hog.socket.settimeout(60)
    hog.send(encode("INCR", "hog") * 20000)
    for _ in range(20):
        check(witness.command("PING") == b"+PONG", "served in between")
    for i in range(20000):
        check(hog.reply() == b":%d" % (i + 1), i)


def main():
    folder = tempfile.mkdtemp(prefix="kvd-limits-")
    path = os.path.join(folder, "kvd.sock")
    with Kvd("--unixsocket", path) as kvd:
        check(os.stat(path).st_mode & 0o777 == 0o660, "mode")
        witness = kvd.connect()
        strangers_on_the_unix_socket(path)
        byte_by_byte_is_understood(kvd)
        too_many_clients_are_told(kvd, witness)
        an_unread_flood_is_held_back(kvd, witness)
        a_slow_reader_gets_everything(kvd)
        big_output_ends_the_connection(kvd, witness)
        announced_lengths_cost_nothing(kvd, witness)
        sudden_deaths_are_survived(kvd, witness)
        a_busy_client_does_not_starve_others(kvd, witness)
        idle_clients_are_closed(kvd, witness)
        big_queries_end_the_connection(kvd, witness)
        check(kvd.stop(signal.SIGINT) == 0, "a clean stop")
        check(not os.path.exists(path), "the socket file is gone")
    os.rmdir(folder)


main()
