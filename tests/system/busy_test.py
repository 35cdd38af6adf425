"""Goal: without a worker writers wait, then are told why, reads go on, and all recovers; whoever
waits is served in the order of coming, one write each.
Method: `workers external`, and the worker is started when the test wants it."""

import os
import socket
import subprocess
import time

from kvd_process import BIN, Kvd, check, encode

VALUE = b"v" * 100000
STALLED = b"-MISCONF Memory is full of writes"


def start_worker(kvd):
    return subprocess.Popen([os.path.join(BIN, "kvd-worker"), "--socket",
                             os.path.join(kvd.dir, "worker.sock")],
                            stdout=kvd.log, stderr=kvd.log)


def stop_worker(worker):
    worker.kill()
    worker.wait()


def line_of(witness, client):
    return witness.command("CLIENT", "LIST", "ID", client).decode()


def id_of(connection):
    return int(connection.command("CLIENT", "ID")[1:])


def wait_until_parked(witness, client):
    for _ in range(20000):
        if " flags=b" in line_of(witness, client):
            return
    raise AssertionError("does not wait: " + line_of(witness, client))


def park(kvd, witness, data):
    """A connection whose first write waits for room."""
    connection = kvd.connect()
    number = id_of(connection)
    connection.send(data)
    wait_until_parked(witness, number)
    return connection


def check_reply(reply, start):
    check(reply is not None and reply.startswith(start), reply)


def fill(kvd, witness):
    """Writes until one has to wait; returns that connection and how many were acknowledged."""
    filler = kvd.connect()
    number = id_of(filler)
    for i in range(1000):
        filler.send(encode("SET", "fill%d" % i, VALUE))
        while " flags=b" not in line_of(witness, number):
            try:
                filler.socket.settimeout(0.05)
                check(filler.reply() == b"+OK", "acknowledged")
                filler.socket.settimeout(20)
                break
            except TimeoutError:
                pass
        else:
            filler.socket.settimeout(20)
            return filler, i
    raise AssertionError("memory does not fill up")


def everyone_is_told(kvd, witness):
    """After ten seconds the waiting writers get an error; a client that goes away meanwhile takes
    nobody with it."""
    start = time.monotonic()
    filler, count = fill(kvd, witness)
    waiting = [park(kvd, witness, encode("SET", "w", VALUE) + encode("GET", "fill0"))
               for i in range(20)]
    waiting[0].socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    waiting[0].close()
    waiting[1].socket.shutdown(socket.SHUT_WR)
    check(witness.command("GET", "fill0") == VALUE, "reads go on")
    check(witness.command("MGET", "fill1", "none") == [VALUE, None], "all reads")
    check_reply(filler.reply(), STALLED)
    check(time.monotonic() - start > 9, "after a while")
    for client in waiting[1:]:
        check_reply(client.reply(), STALLED)
        check(client.reply() == VALUE, "and its reads are done")
    check_reply(witness.command("SET", "w", VALUE), STALLED)
    check(witness.command("GET", "w") is None, "nothing was written")
    return count


def order_is_kept(kvd, witness):
    """Those who wait append to one value; the first has a long pipeline, which must not keep the
    others away although it could fill all room that becomes free."""
    filler, _ = fill(kvd, witness)
    first = park(kvd, witness, b"".join(encode("SET", "a%d" % i, VALUE) for i in range(20)))
    second = park(kvd, witness, encode("SET", "b", VALUE) + encode("EXISTS", "a5"))
    others = [park(kvd, witness, encode("APPEND", "order", "%d," % i)) for i in range(30)]
    worker = start_worker(kvd)
    check(filler.reply() == b"+OK", "the first of all")
    check(second.reply() == b"+OK", "the next")
    check(second.reply() == b":0", "did not wait for the pipeline before it")
    for other in others:
        check(other.reply()[:1] == b":", "all of them")
    order = b"".join(b"%d," % i for i in range(30))
    check(witness.command("GET", "order") == order, "in their order")
    for _ in range(20):
        check(first.reply() == b"+OK", "the pipeline too")
    return worker


def newcomers_line_up(kvd, witness):
    """A storm of new writers does not keep out those that wait."""
    filler, _ = fill(kvd, witness)
    waiting = [park(kvd, witness, encode("SET", "patient%d" % i, VALUE)) for i in range(10)]
    storm = [kvd.connect() for _ in range(20)]
    for i, client in enumerate(storm):
        client.send(encode("SET", "storm%d" % i, VALUE) * 8)
    worker = start_worker(kvd)
    check(filler.reply() == b"+OK", "the first")
    for client in waiting:
        check(client.reply() == b"+OK", "waited enough")
    for client in storm:
        for _ in range(8):
            check(client.reply() == b"+OK", "the storm is served too")
    stop_worker(worker)


def main():
    options = ["--workers", "external", "--memtable-size", "1mb", "--memory-limit", "256mb"]
    with Kvd(*options) as kvd:
        witness = kvd.connect()
        count = everyone_is_told(kvd, witness)
        worker = start_worker(kvd)
        while witness.command("SET", "w", "again").startswith(STALLED):
            pass
        check(witness.command("GET", "w") == b"again", "recovered")
        check(witness.command("KV.FLUSH") == b"+OK", "flushed")
        for i in range(count):
            check(witness.command("GET", "fill%d" % i) == VALUE, "nothing acknowledged is lost")
        stop_worker(worker)
        worker = order_is_kept(kvd, witness)
        check(witness.command("KV.FLUSH") == b"+OK", "flushed")
        stop_worker(worker)
        newcomers_line_up(kvd, witness)
        check(kvd.stop() == 0, "a clean stop")


main()
