"""Goal: a stop under load loses nothing that was acknowledged, cuts no reply and hangs nowhere.
Method: clients with reads that wait for blocks and counters in deep pipelines; TERM in between,
once and twice; what each client has seen is compared after the restart."""

import os
import signal
import threading

from kvd_process import BIN, Kvd, Process, check, encode

CLIENT_COUNT, COLD_COUNT = 24, 1500


def fill(kvd):
    connection = kvd.connect()
    for start in range(0, COLD_COUNT, 100):
        for i in range(start, start + 100):
            connection.send(encode("SET", "cold%d" % i, os.urandom(6000)))
        for _ in range(100):
            check(connection.reply() == b"+OK", "set")
    check(connection.command("KV.FLUSH") == b"+OK", "flushed")


class Client(threading.Thread):
    """Counts up and reads, until the other side ends; remembers the last number it was told."""

    def __init__(self, kvd, number):
        super().__init__()
        self.connection, self.number = kvd.connect(), number
        self.seen, self.sent, self.failure = 0, 0, None

    def run(self):
        try:
            for turn in range(1 << 30):
                cold = ["cold%d" % ((self.number * 131 + turn * 17 + i) % COLD_COUNT)
                        for i in range(20)]
                part = encode("MGET", *cold) + encode("INCR", "n%d" % self.number) * 30
                self.sent += 30
                self.connection.send(part)
                values = self.connection.reply()
                check(all(len(value) == 6000 for value in values), "whole values")
                for _ in range(30):
                    reply = self.connection.reply()
                    check(reply == b":%d" % (self.seen + 1), reply)
                    self.seen += 1
        except (EOFError, OSError):
            if self.connection.rest not in (b"",) and not self.is_cut_allowed:
                self.failure = "cut: %r" % self.connection.rest[:100]
        except Exception as failure:  # told by the main thread
            self.failure = repr(failure)[:300]

    is_cut_allowed = False


def arguments(kvd):
    return [os.path.join(BIN, "kvd"), "--port", str(kvd.port), "--dir", kvd.dir, "--memory-limit",
            "16mb", "--memtable-size", "1mb", "--workers", "1"]


def stop_under_load(kvd, process, base, signals):
    clients = [Client(process, i) for i in range(CLIENT_COUNT)]
    for client in clients:
        client.seen = base[client.number]
        client.sent = client.seen
        client.is_cut_allowed = signals > 1
        client.start()
    while any(client.seen < base[client.number] + 30 for client in clients):
        check(process.process.poll() is None, "it runs")
    for _ in range(signals):
        process.process.send_signal(signal.SIGTERM)
    code = process.process.wait(timeout=60)
    for client in clients:
        client.join()
        check(client.failure is None, client.failure)
    check(code == 0, "code %d\n%s" % (code, process.output()))
    check(not os.path.exists(os.path.join(kvd.dir, "kvd.endpoint")), "the endpoint is gone")
    return clients


def main():
    with Kvd("--memory-limit", "16mb", "--memtable-size", "1mb") as kvd:
        fill(kvd)
        base = [0] * CLIENT_COUNT
        process = kvd
        for turn in range(4):
            clients = stop_under_load(kvd, process, base, 1 + turn % 2)
            process = Process(arguments(kvd), kvd.port)
            witness = process.connect()
            for client in clients:
                now = int(witness.command("GET", "n%d" % client.number) or 0)
                check(client.seen <= now <= client.sent,
                      "%d seen, %d there, %d sent" % (client.seen, now, client.sent))
                base[client.number] = now
        check(process.stop() == 0, "a clean stop")


main()
