"""Goal: a lack of descriptors is told once and costs nothing, and a client that waits for one is served
as soon as another goes.
Method: a kvd that may open 64 descriptors, to which more clients connect; one goes after the other,
then most of them."""

import os
import select
import tempfile
import time

from kvd_process import BIN, Kvd, Process, check, expect, free_port, pairs

FAILED, OVER = "accepting a client", "accepting clients again"
DESCRIPTOR_COUNT = 64


class Small(Kvd):
    """A kvd that may open few files."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="kvd-test-")
        port = free_port()
        words = ["sh", "-c", 'ulimit -n %d; exec "$@"' % DESCRIPTOR_COUNT, "sh", os.path.join(BIN, "kvd")]
        Process.__init__(self, words + ["--port", str(port), "--dir", self.dir, "--workers", "1"], port)


def cpu_seconds(kvd):
    with open("/proc/%d/stat" % kvd.process.pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def await_log(kvd, witness, text):
    deadline = time.monotonic() + 20
    while text not in kvd.output():
        check(time.monotonic() < deadline, "never said: " + text)
        expect(witness, b"+OK", "DEBUG", "SLEEP", "0.02")


def failures(witness):
    lines = witness.command("INFO", "stats").split(b"\r\n")
    return int(pairs([part for line in lines if b":" in line for part in line.split(b":", 1)])[b"accept_failures"])


def served(clients, wait_s):
    ready, _, _ = select.select([client.socket for client in clients], [], [], wait_s)
    return [client for client in clients if client.socket in ready]


with Small() as kvd:
    witness = kvd.connect()
    expect(witness, b"+PONG", "PING")
    waiting = [kvd.connect() for _ in range(DESCRIPTOR_COUNT + 20)]
    for client in waiting:
        client.send(b"PING\r\n")
    await_log(kvd, witness, FAILED)
    before, begun = cpu_seconds(kvd), time.monotonic()
    expect(witness, b"+OK", "DEBUG", "SLEEP", "1")
    used = cpu_seconds(kvd) - before
    check(used < 0.25, "%.2f s of CPU in %.2f s" % (used, time.monotonic() - begun))
    check(2 <= failures(witness) < 100, "tries: %d" % failures(witness))

    opened = served(waiting, 5)
    check(20 < len(opened) < DESCRIPTOR_COUNT, "%d were served" % len(opened))
    waiting = [client for client in waiting if client not in opened]
    took = []
    for _ in range(15):
        begun = time.monotonic()
        opened.pop(0).close()
        came = served(waiting, 0.5)
        took.append(time.monotonic() - begun)
        check(len(came) <= 1, "for one that went %d came" % len(came))
        opened += came
        waiting = [client for client in waiting if client not in came]
    # The log may have taken one or two for its next files.
    check(sorted(took)[7] < 0.04, "a change took %r s" % sorted(took))

    check(OVER not in kvd.output(), "it is not over")
    for client in opened:
        client.close()
    for client in waiting:
        check(client.reply() == b"+PONG", "served at last")
    await_log(kvd, witness, OVER)
    lines = [line for line in kvd.output().split("\n") if FAILED in line or OVER in line]
    check(len(lines) == 2, "\n".join(lines))
    expect(kvd.connect(), b"+PONG", "PING")
print("ok")
