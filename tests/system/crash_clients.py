"""What the tests share that kill kvd under many clients: the server that comes back, asyncio
connections that notice, and rounds of load with a kill in each.  KV_SEED repeats a run but for the
timing of processes, KV_ROUNDS makes it longer."""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time

from kvd_process import BIN, check, encode

SEED = int(os.environ.get("KV_SEED", random.randrange(1 << 32)))
REPLY_BYTES_MAX = 1 << 20
BACK_WITHIN_S = 60
RETRY_S = 0.01
# What a program says that died of its own.
DEATHS = (b"assertion", b"AddressSanitizer", b"runtime error:")


class Gone(Exception):
    """The server has closed the connection, or is not there."""


class Wire:
    """One connection; replies are as kvd_process.Connection gives them."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, path):
        try:
            return cls(*await asyncio.open_unix_connection(path, limit=REPLY_BYTES_MAX))
        except OSError as error:
            raise Gone from error

    async def reply(self):
        try:
            line = (await self.reader.readuntil(b"\r\n"))[:-2]
            kind, text = line[:1], line[1:]
            if kind == b"$" and text != b"-1":
                return (await self.reader.readexactly(int(text) + 2))[:-2]
        except (OSError, EOFError) as error:
            raise Gone from error
        if kind == b"*" and text != b"-1":
            return [await self.reply() for _ in range(int(text))]
        return None if kind in b"$*" else line

    async def commands(self, *commands):
        """All at once; their replies."""
        self.writer.write(b"".join(encode(*words) for words in commands))
        return [await self.reply() for _ in commands]

    async def transaction(self, *commands):
        """What EXEC replies; None: a watched key has changed."""
        replies = await self.commands(("MULTI",), *commands, ("EXEC",))
        check(replies[0] == b"+OK" and set(replies[1:-1]) == {b"+QUEUED"}, replies)
        return replies[-1]

    def close(self):
        self.writer.close()


class Server:
    """A kvd on a Unix socket, and its directory, which outlives it."""

    def __init__(self, *options):
        self.folder = tempfile.mkdtemp(prefix="kvd-crash-")
        self.path = os.path.join(self.folder, "socket")
        self.words = [os.path.join(BIN, "kvd"), "--dir", os.path.join(self.folder, "db"), "--port",
                      "0", "--unixsocket", self.path, *options]
        self.log = open(os.path.join(self.folder, "log"), "w+b")
        self.process = None

    def start(self):
        """Does not wait until it answers."""
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.process = subprocess.Popen(self.words, stdout=self.log, stderr=self.log)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def workers(self):
        number = self.process.pid
        with open("/proc/%d/task/%d/children" % (number, number), encoding="ascii") as file:
            return [int(word) for word in file.read().split()]

    def kill_workers(self):
        for number in self.workers():
            try:
                os.kill(number, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def stop(self):
        self.process.terminate()
        check(self.process.wait(timeout=60) == 0, "a clean stop")

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def check_deaths(self):
        check(not any(word in self.said() for word in DEATHS), "a program died of its own")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.kill()
        if kind is None:
            shutil.rmtree(self.folder)
        else:
            print(self.said().decode(errors="replace")[-8000:])
            print("seed=%d; left for inspection: %s" % (SEED, self.folder))


class Client:
    """Does `step` after `step` until the load is over; what it does not know after a lost
    connection it finds out in `settle`, on the next one."""

    def __init__(self, server, number):
        self.server, self.number = server, number
        self.random = random.Random(SEED * 1000 + number)
        self.wire, self.is_over, self.gone_count = None, False, 0

    async def settle(self):
        pass

    async def step(self):
        raise NotImplementedError

    async def connect(self):
        deadline = time.monotonic() + BACK_WITHIN_S
        while True:
            try:
                self.wire = await Wire.open(self.server.path)
                await self.settle()
                return
            except Gone:
                self.wire = None
                check(time.monotonic() < deadline, "the server does not come back")
                await asyncio.sleep(RETRY_S)

    async def run(self):
        """A load's worth of steps; ends connected, and knowing all."""
        self.is_over = False
        while not self.is_over or self.wire is None:
            try:
                if self.wire is None:
                    await self.connect()
                await self.step()
            except Gone:
                self.gone_count += 1
                self.wire = None


async def mishap(server, rng):
    """Something is killed; the server runs again in the end.  Returns what it was."""
    kind = rng.choice(("kvd", "kvd", "workers", "both", "recovery"))
    if kind == "workers":
        for _ in range(4):
            await asyncio.sleep(rng.uniform(0.02, 0.15))
            server.kill_workers()
        return kind
    if kind == "both":
        server.kill_workers()
    server.kill()
    for _ in range(rng.randrange(1, 4) if kind == "recovery" else 0):
        server.start()
        await asyncio.sleep(rng.uniform(0.005, 0.3))
        server.kill()
    server.start()
    return kind


async def round_of_load(server, rng, clients, load_s):
    """All clients at once, a mishap in between, and some load behind it.  Returns what it was."""
    running = [asyncio.ensure_future(client.run()) for client in clients]
    await asyncio.sleep(rng.uniform(0.1, 0.7))
    kind = await mishap(server, rng)
    over = asyncio.ensure_future(asyncio.sleep(load_s))
    await asyncio.wait([over, *running], return_when=asyncio.FIRST_COMPLETED)
    for client in clients:
        client.is_over = True
    await asyncio.gather(over, *running)
    check(server.process.poll() is None, "kvd has ended")
    return kind
