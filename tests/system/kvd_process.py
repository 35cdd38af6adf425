"""A kvd (or a redis-server to compare with) on a free port, and raw connections to it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

BIN = os.environ.get("KV_BIN", "build/asan/bin")


def skip(reason):
    print("skipped:", reason)
    sys.exit(77)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Connection:
    """A socket with a deadline; talks bytes."""

    def __init__(self, port=None, path=None, host="127.0.0.1"):
        if path is None:
            self.socket = socket.create_connection((host, port), timeout=20)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(20)
            self.socket.connect(path)
        self.rest = b""

    def send(self, data):
        self.socket.sendall(data)

    def command(self, *words):
        self.send(encode(*words))
        return self.reply()

    def line(self):
        while b"\r\n" not in self.rest:
            got = self.socket.recv(65536)
            if not got:
                raise EOFError("closed after %r" % self.rest)
            self.rest += got
        line, self.rest = self.rest.split(b"\r\n", 1)
        return line

    def reply(self):
        """One reply: bytes for simple ones and bulks (None: null), lists for the others."""
        line = self.line()
        kind, text = line[:1], line[1:]
        if kind in b"$=":
            if text == b"-1":
                return None
            while len(self.rest) < int(text) + 2:
                got = self.socket.recv(1 << 20)
                if not got:
                    raise EOFError("closed inside a bulk")
                self.rest += got
            value, self.rest = self.rest[: int(text)], self.rest[int(text) + 2 :]
            return value
        if kind in b"*~%":
            if text == b"-1":
                return None
            count = int(text) * (2 if kind == b"%" else 1)
            return [self.reply() for _ in range(count)]
        return None if kind == b"_" else line

    def until_closed(self):
        """All bytes until the other side ends."""
        got = self.rest
        while True:
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                return got
            if not more:
                return got
            got += more

    def is_closed(self):
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.socket.close()


def encode(*words):
    data = b"*%d\r\n" % len(words)
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        data += b"$%d\r\n%s\r\n" % (len(word), word)
    return data


class Process:
    """Started at once; ready when it answers."""

    def __init__(self, arguments, port, path=None):
        self.port, self.path = port, path
        self.log = tempfile.TemporaryFile(mode="w+b")
        self.process = subprocess.Popen(arguments, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 30
        while True:
            try:
                self.connect().close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("did not start:\n" + self.output())
                time.sleep(0.02)

    def connect(self):
        return Connection(self.port, self.path if self.port is None else None)

    def output(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def stop(self, number=signal.SIGTERM):
        """Returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=30)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if kind is not None:
            print(self.output())


class Kvd(Process):
    def __init__(self, *options, file=None):
        self.dir = tempfile.mkdtemp(prefix="kvd-test-")
        port = free_port()
        words = [os.path.join(BIN, "kvd")] + ([file] if file else [])
        words += ["--port", str(port), "--dir", self.dir, "--workers", "1", *options]
        super().__init__(words, port)

    def __exit__(self, kind, value, trace):
        super().__exit__(kind, value, trace)
        shutil.rmtree(self.dir, ignore_errors=True)


class Redis(Process):
    def __init__(self, *options):
        program = shutil.which("redis-server")
        if program is None:
            skip("redis-server is not installed")
        port = free_port()
        super().__init__([program, "--port", str(port), "--save", "", *options], port)


def check(condition, told):
    if not condition:
        raise AssertionError(told)


def expect(connection, wanted, *words):
    """An error need only begin as it is wanted."""
    got = connection.command(*words)
    if isinstance(got, bytes) and isinstance(wanted, bytes) and wanted[:1] == b"-":
        check(got.startswith(wanted), "%r: %r instead of %r" % (words, got, wanted))
    else:
        check(got == wanted, "%r: %r instead of %r" % (words, got, wanted))


def pairs(values):
    """Names and values by turns, as a dictionary."""
    return dict(zip(values[::2], values[1::2]))
