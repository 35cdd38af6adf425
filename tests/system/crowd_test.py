"""Goal: ten thousand connections are as good as one, and all their memory together is bounded.
Method: as many connections as the limit of open files allows; then clients that fill buffers, from
both sides, against a small memory-limit."""

import resource
import socket

from kvd_process import Kvd, check, encode, skip

RESET = b"\1\0\0\0\0\0\0\0"


def stats(connection, section="everything"):
    lines = connection.command("INFO", section).split(b"\r\n")
    return dict(line.split(b":", 1) for line in lines if b":" in line)


def raise_limit():
    """Returns how many connections both ends can have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 10400 if hard == resource.RLIM_INFINITY else min(hard, 10400)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    return min(10000, max(soft, wanted) - 300)


def a_crowd(kvd, count):
    """All connect, all write in one go, all read, and half of them vanish at once."""
    crowd = [kvd.connect() for _ in range(count)]
    for i, client in enumerate(crowd):
        client.send(encode("SET", "crowd%d" % i, "v%d" % i) + encode("GET", "crowd%d" % i))
    for i, client in enumerate(crowd):
        check(client.reply() == b"+OK" and client.reply() == b"v%d" % i, i)
    check(stats(crowd[0])[b"connected_clients"] == b"%d" % count, "all are counted")
    for client in crowd[1::2]:
        client.send(encode("GET", "crowd1"))
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        client.close()
    for client in crowd[::2]:
        client.send(b"PING\r\n")
    for client in crowd[::2]:
        check(client.reply() == b"+PONG", "the others are served")
    for client in crowd[::2]:
        client.close()


def too_big_questions(kvd, witness):
    """Twenty clients send large values and none of them ends its command: 20 x 1 MB against a
    budget of 8 MB.  The largest go, the witness and the small stay."""
    small = kvd.connect()
    check(small.command("PING") == b"+PONG", "small")
    clients = [kvd.connect() for _ in range(20)]
    head = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n"
    for i, client in enumerate(clients):
        size = (1 << 20) + i * 10000
        try:
            client.send(head % size + b"q" * (size - 1))
        except (BrokenPipeError, ConnectionResetError):
            pass
    check(witness.command("PING") == b"+PONG", "served")
    survivors = 0
    for i, client in enumerate(clients):
        try:
            client.send(b"q\r\n")
            survivors += client.reply() == b"+OK"
        except (EOFError, OSError):
            pass
    check(0 < survivors < 10, "%d stayed" % survivors)
    check(small.command("PING") == b"+PONG", "the small one stays")


def too_big_answers(kvd, witness):
    """Clients that read nothing: 20 x 2 MB of replies.  One that asked to be spared is."""
    check(witness.command("SET", "big", b"b" * (2 << 20)) == b"+OK", "set")
    spared = kvd.connect()
    check(spared.command("CLIENT", "NO-EVICT", "on") == b"+OK", "spared")
    spared.send(encode("GET", "big"))
    before = int(stats(witness)[b"connected_clients"])
    clients = []
    for _ in range(20):
        client = kvd.connect()
        # The kernel's buffers must not take it all.
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.send(encode("MGET", "big", "big"))
        clients.append(client)
    check(witness.command("PING") == b"+PONG", "served")
    check(int(stats(witness)[b"connected_clients"]) < before + 10, "some are closed")
    check(spared.reply() == b"b" * (2 << 20), "the spared one gets all")
    for client in clients:
        client.close()


def spared_ones_harm_nobody(kvd):
    """What clients under NO-EVICT need is not taken from the others: twelve hold 1 MB each."""
    spared = [kvd.connect() for _ in range(12)]
    bystander = kvd.connect()
    for client in spared:
        check(client.command("CLIENT", "NO-EVICT", "on") == b"+OK", "spared")
        client.send(b"*2\r\n$4\r\nECHO\r\n$1000000\r\n" + b"s" * 999999)
    check(bystander.command("ECHO", b"e" * 10000) == b"e" * 10000, "stays")
    for client in spared:
        client.send(b"s\r\n")
        check(client.reply() == b"s" * 1000000, "stays too")
    check(bystander.command("PING") == b"+PONG", "stays")


def idle_ones_give_back(kvd, witness):
    """Each of 600 idle clients keeps small buffers, together too much: they give them back and
    stay."""
    clients = [kvd.connect() for _ in range(600)]
    for client in clients:
        check(client.command("ECHO", b"e" * 14000) == b"e" * 14000, "echo")
    for client in clients:
        check(client.command("PING") == b"+PONG", "none was closed")
        client.close()


def many_pipelines_are_slowed(kvd, witness):
    """Warm replies of 100 clients would be ten times the budget; nobody is closed for them."""
    check(witness.command("SET", "warm", b"w" * 1000) == b"+OK", "set")
    clients = [kvd.connect() for _ in range(100)]
    for client in clients:
        client.send(encode("GET", "warm") * 900)
    for client in clients:
        for _ in range(900):
            check(client.reply() == b"w" * 1000, "warm")
        client.close()


def cut_bulks(kvd, witness):
    """Senders and readers that vanish in the middle of big bulks."""
    check(witness.command("SET", "big", b"b" * (1 << 20)) == b"+OK", "set")
    for i in range(60):
        client = kvd.connect()
        if i % 2 == 0:
            client.send(b"*3\r\n$3\r\nSET\r\n$3\r\ncut\r\n$1000000\r\n" + b"c" * 600000)
        else:
            client.send(encode("GET", "big") * 3)
            client.socket.recv(1000)
        if i % 3 != 0:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        client.close()
    check(witness.command("GET", "cut") is None, "half a command is none")
    check(witness.command("STRLEN", "big") == b":%d" % (1 << 20), "served")


def memory_is_back(kvd, witness):
    """What is left of all this is the witness."""
    while int(stats(witness)[b"connected_clients"]) > 2:
        pass
    check(int(stats(witness)[b"mem_clients_normal"]) < 1 << 20, "no buffer is left")


def main():
    count = raise_limit()
    if count < 1000:
        skip("no more than %d files may be open" % count)
    with Kvd() as kvd:
        a_crowd(kvd, count)
        print("%d connections" % count)
        check(kvd.stop() == 0, "a clean stop")
    with Kvd("--memory-limit", "32mb", "--memtable-size", "8mb") as kvd:
        witness = kvd.connect()
        check(witness.command("CLIENT", "NO-EVICT", "on") == b"+OK", "spared")
        idle_ones_give_back(kvd, witness)
        many_pipelines_are_slowed(kvd, witness)
        cut_bulks(kvd, witness)
        spared_ones_harm_nobody(kvd)
        check("is the largest of" not in kvd.output(), "nobody was closed yet")
        too_big_questions(kvd, witness)
        too_big_answers(kvd, witness)
        check("is the largest of" in kvd.output(), "it is logged")
        memory_is_back(kvd, witness)
        check(kvd.stop() == 0, "a clean stop")


main()
