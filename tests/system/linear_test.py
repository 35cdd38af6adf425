"""Goal: every operation on a key happens at one moment between its call and its reply, also when kvd
and its workers are killed and started again: what was answered is never taken back, and what was
not answered happens once or never.
Method: clients call GET SET DEL INCR APPEND SETNX GETSET, and WATCH GET MULTI SET EXEC, on a few
common keys, while things are killed; what was called, answered and when becomes a history, and
linear_check_history looks for an order of its operations that explains all answers.  A client whose
connection is lost leaves its operation open.  Two servers that do lose answers, one that comes back
with an older directory and one whose answers are edited, have to be found out.
KV_ROUNDS=100 for many histories, KV_OPERATIONS for longer ones."""

import asyncio
import os
import random
import shutil
import subprocess

from crash_clients import SEED, Client, Server, check, mishap
from kvd_process import BIN

ROUNDS = int(os.environ.get("KV_ROUNDS", "4"))
OPERATIONS = int(os.environ.get("KV_OPERATIONS", "2000"))
CLIENTS, KEYS, MISHAPS = 12, 8, 2


class History:
    """Lines for linear_check_history; a clock that every event moves."""

    def __init__(self):
        self.lines, self.now, self.count = [], 0, 0

    def tick(self):
        self.now += 1
        return self.now

    def add(self, call, key, words, result):
        """Without a result it was never answered."""
        end = "-" if result is None else str(self.tick())
        self.lines.append("%d %s %s %s = %s" % (call, end, key, " ".join(words), result or ""))
        self.count += 1

    def verdict(self, folder):
        """Exit code and words of the judge."""
        path = os.path.join(folder, "history")
        with open(path, "w", encoding="ascii") as file:
            file.write("\n".join(self.lines) + "\n")
        got = subprocess.run([BIN + "/linear_check_history", path], capture_output=True, check=False)
        return got.returncode, (got.stdout + got.stderr).decode(errors="replace")


def read(value):
    return "nil" if value is None else "$" + value.decode()


class Caller(Client):
    def __init__(self, server, number, prefix, history):
        super().__init__(server, number)
        self.random = random.Random("%s:%d:%d" % (prefix, SEED, number))
        self.prefix, self.history, self.written = prefix, history, 0

    def value(self):
        """Most are never written twice; numbers are there for INCR."""
        self.written += 1
        if self.random.random() < 0.4:
            return str(self.random.randrange(1000000))
        return "v%d.%d" % (self.number, self.written)

    async def step(self):
        key = "k%d" % self.random.randrange(KEYS)
        verb = self.random.choice(("GET", "GET", "GET", "SET", "SET", "DEL", "INCR", "APPEND", "SETNX",
                                   "GETSET", "CAS", "CAS"))
        if verb == "CAS":
            await self.compare_and_set(key)
            return
        words = [verb] + ([self.value()] if verb in ("SET", "APPEND", "SETNX", "GETSET") else [])
        call, result = self.history.tick(), None
        try:
            reply, = await self.wire.commands((verb, self.prefix + key, *words[1:]))
            result = self.result_of(verb, reply)
        finally:
            self.history.add(call, key, words, result)

    @staticmethod
    def result_of(verb, reply):
        if verb in ("GET", "GETSET"):
            return read(reply)
        if reply == b"-ERR value is not an integer or out of range":
            return "ERR"
        if reply == b"-ERR increment or decrement would overflow":
            return "ERR"
        check(reply[:1] in b":+", "%s: %r" % (verb, reply))
        return reply[1:].decode() if reply[:1] == b":" else reply.decode()[1:]

    async def compare_and_set(self, key):
        name, value, watch = self.prefix + key, self.value(), self.history.tick()
        call, result = self.history.tick(), None
        try:
            _, old = await self.wire.commands(("WATCH", name), ("GET", name))
        except BaseException:
            self.history.add(call, key, ["GET"], None)
            raise
        self.history.add(call, key, ["GET"], read(old))
        call = self.history.tick()
        try:
            replies = await self.wire.transaction(("SET", name, value))
            check(replies in (None, [b"+OK"]), replies)
            result = "nil" if replies is None else "OK"
        finally:
            self.history.add(call, key, ["CAS", str(watch), read(old), value], result)


async def record(server, prefix, rng, mishaps):
    """The history of one crowd; `mishaps` are coroutines that follow each other."""
    history = History()
    callers = [Caller(server, i, prefix, history) for i in range(CLIENTS)]
    running = [asyncio.ensure_future(caller.run()) for caller in callers]
    for i, happens in enumerate(mishaps):
        while history.count < OPERATIONS * (i + 1) // (len(mishaps) + 1) and not any(
                task.done() for task in running):
            await asyncio.sleep(rng.uniform(0, 0.02))
        await happens()
    while history.count < OPERATIONS and not any(task.done() for task in running):
        await asyncio.sleep(0.01)
    for caller in callers:
        caller.is_over = True
    await asyncio.gather(*running)
    for caller in callers:
        caller.wire.close()
    return history


async def histories_are_linearizable(server, rng):
    total, unanswered = 0, 0
    for i in range(ROUNDS):
        history = await record(server, "h%d:" % i, rng, [lambda: mishap(server, rng)] * MISHAPS)
        code, told = history.verdict(server.folder)
        check(code == 0, told)
        server.check_deaths()
        total += history.count
        unanswered += sum(" - " in line for line in history.lines)
    print("%d histories, %d operations, %d never answered: all linearizable" %
          (ROUNDS, total, unanswered))
    return history


def edited_answers_are_found(server, history, rng):
    """One reader is shown what was not there any more."""
    found = 0
    for _ in range(10):
        edited = History()
        edited.lines = list(history.lines)
        reads = [at for at, line in enumerate(edited.lines) if " GET = $v" in line]
        at, other = rng.sample(reads, 2)
        head, sep, _ = edited.lines[at].rpartition(" = ")
        edited.lines[at] = head + sep + edited.lines[other].rpartition(" = ")[2]
        same = edited.lines[at] == history.lines[at]
        found += not same and edited.verdict(server.folder)[0] == 1
    check(found >= 5, "only %d of 10 edited histories were found out" % found)
    print("%d of 10 edited histories found out" % found)


async def an_older_directory_is_found(server, rng):
    """Keeps what was there at a clean stop, and goes back to it after a kill."""
    db, copy = os.path.join(server.folder, "db"), os.path.join(server.folder, "copy")

    async def keep():
        server.stop()
        shutil.copytree(db, copy)
        server.start()

    async def go_back():
        server.kill()
        shutil.rmtree(db)
        shutil.copytree(copy, db)
        server.start()

    history = await record(server, "older:", rng, [keep, go_back])
    code, told = history.verdict(server.folder)
    check(code == 1, "a server that has lost a third of the history passes: " + told)
    print("a server with an older directory found out")


async def run(server, rng):
    history = await histories_are_linearizable(server, rng)
    edited_answers_are_found(server, history, rng)
    await an_older_directory_is_found(server, rng)


def main():
    print("seed=%d" % SEED)
    rng = random.Random(SEED)
    with Server("--memory-limit", "64mb", "--memtable-size", "1mb", "--wal-max-size", "1mb", "--workers",
                rng.choice(("1", "2")), "--compaction-trigger", "1", "--loglevel",
                "verbose") as server:
        asyncio.run(run(server, rng))


if __name__ == "__main__":
    main()
