"""Keys that die while they are looked at: is each there until its deadline, and not after it?

A server and this process have one clock.  So what a command says of a key is of a moment between
the two times at which it was sent and answered: a key whose deadline is before the first is gone,
one whose deadline is not before the second is there, and of the others either may be said.
"""
import bisect
import os
import random
import shutil
import subprocess
import time

from kvd_process import check, encode

NEVER = 1 << 62


def now_ms():
    return time.time_ns() // 1000000


def pipeline(connection, commands):
    connection.send(b"".join(encode(*words) for words in commands))
    return [connection.reply() for _ in commands]


class Mortals:
    """Keys 0 to count - 1 with one value, and their deadlines."""

    def __init__(self, connection, deadlines, value, seed):
        self.connection, self.deadlines, self.value = connection, deadlines, value
        self.random = random.Random(seed)
        self.dying = sorted((when, i) for i, when in enumerate(deadlines) if when != NEVER)
        self.last = self.dying[-1][0]
        self.counts = {}  # of looks at keys, by what has looked
        self.near_count = 0  # of those, at keys within a second of their deadlines

    @staticmethod
    def name(i):
        return b"key:%08d" % i

    @staticmethod
    def number(name):
        return int(name[4:])

    def store(self, order):
        for start in range(0, len(order), 1000):
            commands = []
            for i in order[start:start + 1000]:
                words = ("SET", self.name(i), self.value)
                if self.deadlines[i] != NEVER:
                    words += ("PXAT", self.deadlines[i])
                commands.append(words)
            check(set(pipeline(self.connection, commands)) == {b"+OK"}, "SET")

    # --- looking ---

    def judge(self, i, is_there, before, after, how):
        when = self.deadlines[i]
        self.counts[how] = self.counts.get(how, 0) + 1
        self.near_count += abs(when - before) < 1000
        if is_there:
            check(when >= before, "%s shows %r %d ms after its deadline" % (how, self.name(i), before - when))
        else:
            check(when < after, "%s does not show %r %d ms before its deadline" % (how, self.name(i), when - after))

    def get(self, numbers):
        before = now_ms()
        values = pipeline(self.connection, [("GET", self.name(i)) for i in numbers])
        after = now_ms()
        for i, value in zip(numbers, values):
            check(value in (None, self.value), value)
            self.judge(i, value is not None, before, after, "GET")

    def judge_page(self, first, last, names, before, after, how):
        """All keys from first to last were walked over, and these were shown."""
        shown = [self.number(name) for name in names]
        check(shown == sorted(set(shown)), "%s: not in order" % how)
        there = set(shown)
        for i in range(first, last + 1):
            self.judge(i, i in there, before, after, how)

    def scan(self, cursor, first):
        """A page; returns the next cursor and what is behind the page."""
        before = now_ms()
        cursor, names = self.connection.command("SCAN", cursor, "COUNT", 1000)
        after = now_ms()
        last = len(self.deadlines) - 1
        if cursor != b"0":
            last = self.number(names[-1]) if names else first - 1
        self.judge_page(first, last, names, before, after, "SCAN")
        return cursor, last + 1

    def range(self, first, is_backwards):
        limit = 500
        words = ["KV.RANGE", b"[" + self.name(first), "+", "LIMIT", limit]
        if is_backwards:
            words[1:3] = [words[1], "-", "REV"]
        before = now_ms()
        follows, entries = self.connection.command(*words)
        after = now_ms()
        names = [name for name, _ in entries]
        check({value for _, value in entries} <= {self.value}, "KV.RANGE: a value that was never set")
        if follows is not None and not names:
            return
        if is_backwards:
            end = self.number(names[-1]) if follows is not None else 0
            self.judge_page(end, first, names[::-1], before, after, "KV.RANGE REV")
        else:
            end = self.number(names[-1]) if follows is not None else len(self.deadlines) - 1
            self.judge_page(first, end, names, before, after, "KV.RANGE")

    def look_until(self, is_over):
        """Those about to die and just dead above all."""
        cursor, first = b"0", 0
        while not is_over():
            at = bisect.bisect(self.dying, (now_ms(), 0))
            near = [i for _, i in self.dying[max(0, at - 100):at + 100]]
            self.get(near + self.random.sample(range(len(self.deadlines)), 50))
            if near:
                self.range(self.random.choice(near), self.random.random() < 0.5)
            cursor, first = self.scan(cursor, first)
            first = 0 if cursor == b"0" else first

    # --- what others show ---

    def ldb_shows_them(self, folder):
        """Stock RocksDB shows all that live, as their users have set them, and nothing else but
        what was set."""
        if shutil.which("ldb") is None:
            return
        value = self.value.decode()
        living = {i for i, when in enumerate(self.deadlines) if when == NEVER}
        program = subprocess.Popen(["ldb", "--db=" + folder, "scan"], stdout=subprocess.PIPE, text=True)
        for line in program.stdout:
            name, _, shown = line.rstrip("\n").partition(" : ")
            check(shown == value, line)
            living.discard(self.number(name.encode()))
        check(program.wait() == 0, "ldb ended with %d" % program.returncode)
        check(not living, "ldb does not show %d keys" % len(living))


def table_bytes(folder):
    """Tables go while they are looked at: one that is gone by then has no bytes."""
    total = 0
    for name in os.listdir(folder):
        if name.endswith(".sst"):
            try:
                total += os.path.getsize(os.path.join(folder, name))
            except FileNotFoundError:
                pass
    return total
