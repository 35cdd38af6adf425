"""Goal: KV.FLUSH answers when its tables are there, to all that asked, whoever goes meanwhile.
Method: kvd is stopped while requests arrive, so that one turn sees them all; the worker is
stopped, so that a flush is under way for as long as the test wants."""

import os
import signal
import socket

from kvd_process import Kvd, check, encode

RESET = b"\1\0\0\0\0\0\0\0"


def worker_of(kvd):
    path = "/proc/%d/task/%d/children" % (kvd.process.pid, kvd.process.pid)
    with open(path) as children:
        return int(children.read().split()[0])


def id_of(connection):
    return int(connection.command("CLIENT", "ID")[1:])


def wait_until_flags(witness, client, flag):
    """CLIENT LIST is the only clock: no time is guessed."""
    for _ in range(100000):
        if b"flags=%s" % flag in witness.command("CLIENT", "LIST", "ID", client):
            return
    raise AssertionError("client %d does not wait" % client)


def in_one_turn(kvd, *requests):
    """Each is (connection, bytes); kvd sees all of them at once."""
    kvd.process.send_signal(signal.SIGSTOP)
    for connection, data in requests:
        connection.send(data)
    kvd.process.send_signal(signal.SIGCONT)


def killed_in_the_turn_of_its_flush(kvd, witness):
    """There is nothing to flush, so it is done at the end of the turn: the client is closed by
    then, but its receive is still with the kernel."""
    check(witness.command("KV.FLUSH") == b"+OK", "all is flushed")
    for _ in range(20):
        victim = kvd.connect()
        number = id_of(victim)
        in_one_turn(kvd, (victim, encode("KV.FLUSH")),
                    (witness, encode("CLIENT", "KILL", "ID", number)))
        check(witness.reply() == b":1", "killed")
        victim.close()
    check(witness.command("PING") == b"+PONG", "kvd lives")


def many_wait_for_one(kvd, witness, worker):
    check(witness.command("SET", "k", "v") == b"+OK", "set")
    os.kill(worker, signal.SIGSTOP)
    clients = [kvd.connect() for _ in range(12)]
    ids = [id_of(client) for client in clients]
    for client in clients:
        client.send(encode("KV.FLUSH") + encode("GET", "k"))
    for number in ids:
        wait_until_flags(witness, number, b"b")
    check(witness.command("SET", "during", "v") == b"+OK", "others write on")
    check(witness.command("CLIENT", "KILL", "ID", ids[0]) == b":1", "killed")
    clients[1].socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    clients[1].close()
    clients[2].socket.shutdown(socket.SHUT_WR)
    check(witness.command("GET", "k") == b"v", "reads go on")
    os.kill(worker, signal.SIGCONT)
    for client in clients[2:]:
        check(client.reply() == b"+OK" and client.reply() == b"v", "flushed")
    check(clients[2].until_closed() == b"", "the half-closed one is closed after its reply")
    check(clients[0].until_closed() == b"", "the killed one got nothing")


def a_stop_can_be_called_off(kvd, witness, worker):
    """While a stop waits for the last reply nothing but SHUTDOWN is run, and all else after it."""
    check(witness.command("SET", "off", "v") == b"+OK", "set")
    os.kill(worker, signal.SIGSTOP)
    waiting = kvd.connect()
    number = id_of(waiting)
    waiting.send(encode("KV.FLUSH"))
    wait_until_flags(witness, number, b"b")
    kvd.process.send_signal(signal.SIGTERM)
    while "stopping" not in kvd.output():
        pass
    in_one_turn(kvd, (witness, encode("SHUTDOWN", "ABORT") + encode("GET", "off")))
    check(witness.reply() == b"+OK" and witness.reply() == b"v", "called off")
    os.kill(worker, signal.SIGCONT)
    check(waiting.reply() == b"+OK", "flushed after all")
    check(kvd.connect().command("SHUTDOWN", "ABORT").startswith(b"-ERR No shutdown"), "none")


def a_stop_with_flushes_under_way(kvd, witness, worker):
    """Nobody is told that a flush is done which is not; nothing is lost or leaked."""
    check(witness.command("SET", "last", "v") == b"+OK", "set")
    os.kill(worker, signal.SIGSTOP)
    check(witness.command("KV.FLUSH", "ASYNC") == b"+OK", "async")
    waiting = kvd.connect()
    number = id_of(waiting)
    waiting.send(encode("KV.FLUSH"))
    wait_until_flags(witness, number, b"b")
    kvd.process.send_signal(signal.SIGTERM)
    check(kvd.stop() == 0, "a clean stop at the second signal")
    check(waiting.until_closed() == b"", "no reply")


def main():
    with Kvd() as kvd:
        witness = kvd.connect()
        check(witness.command("SET", "first", "1") == b"+OK", "set")
        check(witness.command("KV.FLUSH") == b"+OK", "the worker works")
        worker = worker_of(kvd)
        killed_in_the_turn_of_its_flush(kvd, witness)
        many_wait_for_one(kvd, witness, worker)
        a_stop_can_be_called_off(kvd, witness, worker)
        a_stop_with_flushes_under_way(kvd, witness, worker)


main()
