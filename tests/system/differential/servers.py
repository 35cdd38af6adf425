"""servers.py - a server under test, and a connection to it that gives replies as bytes."""
import os
import signal
import socket
import subprocess
import time

REPLY_TIMEOUT_S = 60


class Failure(Exception):
    pass


def fail(text):
    raise Failure(text)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self, name, directory, make_argv):
        self.name = name
        self.directory = directory
        self.port = free_port()
        self.argv = make_argv(self.port, directory)
        self.log_path = os.path.join(directory, name + ".log")
        self.process = None
        os.makedirs(os.path.join(directory, name + "-data"))

    def start(self):
        log = open(self.log_path, "ab")
        self.process = subprocess.Popen(self.argv, stdout=log, stderr=log)
        log.close()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                fail("%s ended with code %d at start\n%s" %
                     (self.name, self.process.returncode, self.log_tail()))
            try:
                connection = Connection(self)
                if connection.call(b"PING") == b"+PONG\r\n":
                    connection.close()
                    return
                connection.close()
            except OSError:
                pass
            time.sleep(0.01)
        fail("%s does not answer\n%s" % (self.name, self.log_tail()))

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """A clean stop; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def log_tail(self):
        with open(self.log_path, "rb") as log:
            return log.read()[-3000:].decode("utf-8", "replace")


def redis_argv(port, directory):
    return ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
            "--appendonly", "no", "--rdbcompression", "no", "--enable-debug-command", "yes", "--dir", os.path.join(directory, "redis-data")]


def kvd_argv(port, directory):
    return [os.path.join(os.environ["KV_BIN"], "kvd"), "--port", str(port), "--bind", "127.0.0.1",
            "--dir", os.path.join(directory, "kvd-data"), "--memtable-size", "1mb",
            "--memory-limit", "16mb", "--loglevel", "notice"]


def reply_end(data, at):
    """Where the reply that starts at `at` ends; -1: not all of it is there."""
    line_end = data.find(b"\r\n", at)
    if line_end < 0:
        return -1
    kind = data[at]
    after = line_end + 2
    if kind in b"+-:_#,(":
        return after
    count = int(data[at + 1:line_end])
    if kind in b"$=":
        if count < 0:
            return after
        return after + count + 2 if len(data) >= after + count + 2 else -1
    if kind not in b"*~%>":
        raise ValueError("no reply: %r" % bytes(data[at:at + 80]))
    for _ in range(count * 2 if kind == ord("%") else count):
        after = reply_end(data, after)
        if after < 0:
            return -1
    return after


class Connection:
    def __init__(self, server):
        self.server = server
        self.socket = socket.create_connection(("127.0.0.1", server.port), 10)
        self.socket.settimeout(REPLY_TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = bytearray()

    def close(self):
        self.socket.close()

    def send(self, data, cuts=()):
        start = 0
        for cut in cuts:
            self.socket.sendall(data[start:cut])
            start = cut
        self.socket.sendall(data[start:])

    def receive(self):
        piece = self.socket.recv(1 << 20)
        self.data += piece
        return len(piece) > 0

    def replies(self, count):
        """Up to `count` replies as bytes; fewer if the server ends the connection."""
        found = []
        at = 0
        while len(found) < count:
            end = reply_end(self.data, at) if len(self.data) > at else -1
            if end >= 0:
                found.append(bytes(self.data[at:end]))
                at = end
                continue
            del self.data[:at]
            at = 0
            try:
                if not self.receive():
                    return found
            except ConnectionError:
                return found
        del self.data[:at]
        return found

    def until_closed(self):
        """All that comes until the server ends the connection; None: it does not end it."""
        self.socket.settimeout(5)
        try:
            while self.receive():
                pass
        except ConnectionError:
            pass
        except socket.timeout:
            return None
        return bytes(self.data)

    def call(self, *args):
        self.send(encode(args))
        return b"".join(self.replies(1))


def encode(args):
    parts = [b"*%d\r\n" % len(args)]
    for arg in args:
        parts.append(b"$%d\r\n%s\r\n" % (len(arg), arg))
    return b"".join(parts)


def plain(reply):
    """A reply as Python values: maps and sets as lists, errors as bytes that start with '-'."""
    def read(at):
        line_end = reply.index(b"\r\n", at)
        kind, head, after = reply[at:at + 1], reply[at + 1:line_end], line_end + 2
        if kind in (b"$", b"="):
            if int(head) < 0:
                return None, after
            return reply[after:after + int(head)], after + int(head) + 2
        if kind in (b"*", b"~", b"%", b">"):
            if int(head) < 0:
                return None, after
            items = []
            for _ in range(int(head) * (2 if kind == b"%" else 1)):
                item, after = read(after)
                items.append(item)
            return items, after
        if kind == b":":
            return int(head), after
        if kind == b"_":
            return None, after
        return (kind + head if kind == b"-" else head), after
    return read(0)[0]
