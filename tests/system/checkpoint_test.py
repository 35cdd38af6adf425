"""Goal: a checkpoint is a database of its own that holds all up to one sequence and nothing behind
it; what a crash leaves of one hurts nobody.
Method: checkpoints under writers that keep two families equal, opened by kvd and by ldb; the source
compacted, emptied and removed afterwards; SAVE, BGSAVE and what INFO tells; kill -9 amid, at many
points; names that would lead out of the folder."""

import os
import random
import re
import shutil
import subprocess
import threading
import time

from kvd_process import BIN, Kvd, check, expect, pairs


def wait_for(condition, told):
    deadline = time.monotonic() + 30
    while not condition():
        check(time.monotonic() < deadline, told)


def persistence(connection):
    text = connection.command("INFO", "persistence").decode()
    return dict(line.split(":") for line in text.split("\r\n") if ":" in line)


class Writer(threading.Thread):
    """Writes the same number to two families at once, and more, until it is told to stop."""

    def __init__(self, kvd):
        super().__init__()
        self.connection, self.acknowledged, self.is_over = kvd.connect(), 0, False
        self.start()

    def run(self):
        number = 0
        while not self.is_over:
            number += 1
            self.connection.send(b"MULTI\r\nSET pair %d\r\nKV.IN users SET pair %d\r\n"
                                 b"SET fill%05d %s\r\nDEL fill%05d\r\nEXEC\r\n"
                                 % (number, number, number % 3000, b"x" * 500,
                                    (number * 7) % 3000))
            for _ in range(5):
                self.connection.reply()
            check(isinstance(self.connection.reply(), list), "EXEC")
            self.acknowledged = number

    def end(self):
        self.is_over = True
        self.join()


def read_by_ldb(path, family):
    if not shutil.which("ldb"):
        return None
    subprocess.run(["ldb", "--db=" + path, "checkconsistency"], check=True, capture_output=True)
    told = subprocess.run(["ldb", "--db=" + path, "--column_family=" + family, "get", "pair"],
                          check=True, capture_output=True).stdout
    return int(told.split()[-1])


def they_hold_one_moment(kvd):
    c = kvd.connect()
    expect(c, b"+OK", "KV.CF", "CREATE", "users", "bloom-bits", "7")
    expect(c, b"+OK", "KV.CF", "CREATE", "counts", "merge-operator", "int64add")
    expect(c, b"+OK", "KV.IN", "counts", "KV.MERGE", "n", "5")
    writer = Writer(kvd)
    made = []
    for i in range(6):
        wait_for(lambda: writer.acknowledged > 200 * i, "writes go on")
        before = writer.acknowledged
        got = c.command("KV.CHECKPOINT", "one%d" % i)
        check(isinstance(got, list), got)
        told = pairs(got)
        made.append((told[b"path"].decode(), before, writer.acknowledged + 1))
        check(int(told[b"tables"][1:]) > 0 and int(told[b"bytes"][1:]) > 0, told)
        check(int(told[b"sequence"][1:]) > 0, told)
        if i == 3:
            expect(c, b"+OK", "KV.COMPACT", "FORCE")
    expect(c, b"-ERR there is a checkpoint of this name", "KV.CHECKPOINT", "one0")
    writer.end()
    for path, low, high in made:
        check(not os.path.exists(path + ".tmp"), "no remnant")
        check(all(not name.endswith(".log") for name in os.listdir(path)), os.listdir(path))
        number = read_by_ldb(path, "default")
        check(number is None or (low <= number <= high and read_by_ldb(path, "users") == number),
              (low, number, high))
    return made


def kvd_opens_them(made):
    for path, low, high in made[::2]:
        with Kvd("--dir", path) as copy:
            d = copy.connect()
            number = int(d.command("GET", "pair"))
            check(low <= number <= high, (low, number, high))
            expect(d, b"%d" % number, "KV.IN", "users", "GET", "pair")
            expect(d, b"5", "KV.IN", "counts", "GET", "n")
            expect(d, [b"bloom-bits", b"7"], "KV.CF", "GET", "users", "bloom-bits")
            # It is a database of its own.
            expect(d, b"+OK", "SET", "pair", "own")
            expect(d, b"+OK", "KV.FLUSH")
            expect(d, b"+OK", "KV.COMPACT", "FORCE")
            check(copy.stop() == 0, "a clean stop")


def names_stay_in_their_folder(kvd):
    c = kvd.connect()
    for name in ("", "/tmp/x", "../x", "..", ".", ".hidden", "a/b", "x.tmp", "a b", "n" * 201,
                 "a\nb", "a\0b", "\xff", "save-1"):
        expect(c, b"-ERR a checkpoint has a name", "KV.CHECKPOINT", name)
    expect(c, b"+OK", "MULTI")
    expect(c, b"-ERR Command not allowed", "KV.CHECKPOINT", "x")
    expect(c, b"-EXECABORT", "EXEC")
    folder = os.path.join(kvd.dir, "checkpoints")
    before = sorted(os.listdir(folder))
    # What cannot be made leaves nothing: a file is in the way.
    with open(os.path.join(folder, "way.tmp"), "w", encoding="ascii"):
        pass
    expect(c, b"-ERR the checkpoint could not be made", "KV.CHECKPOINT", "way")
    os.unlink(os.path.join(folder, "way.tmp"))
    check(sorted(os.listdir(folder)) == before, os.listdir(folder))
    got = pairs(c.command("KV.CHECKPOINT", "n" * 200))
    shutil.rmtree(got[b"path"])


def saves(folder):
    return sorted(name for name in os.listdir(folder) if name.startswith("save-"))


def save_as_redis_tools_expect(kvd):
    c = kvd.connect()
    folder = os.path.join(kvd.dir, "checkpoints")
    first = persistence(c)
    check(first["rdb_bgsave_in_progress"] == "0" and first["rdb_last_bgsave_status"] == "ok", first)
    check(first["rdb_last_bgsave_time_sec"] == "-1", first)
    start = int(time.time())
    expect(c, b"+OK", "SAVE")
    check(len(saves(folder)) == 1, saves(folder))
    last = int(c.command("LASTSAVE")[1:])
    check(start <= last <= time.time() + 1, last)
    now = persistence(c)
    check(now["rdb_last_save_time"] == str(last) and now["rdb_saves"] == "1", now)
    check(now["rdb_changes_since_last_save"] == "0", now)
    expect(c, b"+OK", "SET", "a", "1")
    check(persistence(c)["rdb_changes_since_last_save"] == "1", "changes")
    one = saves(folder)
    expect(c, b"+Background saving started", "BGSAVE")
    wait_for(lambda: persistence(c)["rdb_saves"] == "2", "BGSAVE ends")
    wait_for(lambda: len(os.listdir(folder)) == 1 and saves(folder) != one, "the newest is kept")
    expect(c, b"-ERR syntax error", "BGSAVE", "x")
    expect(c, b"-ERR syntax error", "BGSAVE", "SCHEDULE", "x")
    # Two at once: one is refused, or waits.
    c.send(b"BGSAVE\r\nBGSAVE\r\nSAVE\r\nKV.CHECKPOINT x\r\n")
    check(c.reply() == b"+Background saving started", "the first")
    for _ in range(2):
        check(c.reply() == b"-ERR Background save already in progress", "the second")
    check(c.reply().startswith(b"-ERR another checkpoint is being made or removed"), "another")
    wait_for(lambda: persistence(c)["rdb_saves"] == "3", "BGSAVE ends")
    # The reply of KV.CHECKPOINT is one's own; BGSAVE beside it is scheduled.
    d = kvd.connect()
    d.send(b"KV.CHECKPOINT mine\r\n")
    expect(c, b"+OK", "CONFIG", "SET", "checkpoints-kept", "2")
    c.send(b"BGSAVE SCHEDULE\r\n")
    check(c.reply() in (b"+Background saving scheduled", b"+Background saving started"), "SCHEDULE")
    check(pairs(d.reply())[b"path"].endswith(b"/checkpoints/mine"), "mine")
    wait_for(lambda: persistence(c)["rdb_saves"] == "4", "the scheduled one")
    wait_for(lambda: len(saves(folder)) == 2, saves(folder))
    expect(c, b"+OK", "MULTI")
    expect(c, b"+QUEUED", "BGSAVE")
    expect(c, [b"+Background saving scheduled"], "EXEC")
    wait_for(lambda: persistence(c)["rdb_saves"] == "5", "the one of EXEC")
    check("mine" in os.listdir(folder), "KV.CHECKPOINT's are not SAVE's")
    # A client that goes while its checkpoint is made.
    d.send(b"SAVE\r\n")
    d.close()
    wait_for(lambda: persistence(c)["rdb_saves"] == "6", "made all the same")


def the_source_may_go(made):
    """A checkpoint needs nothing of where it came from."""
    path, low, high = made[1]
    kept = os.path.normpath(os.path.join(path, "../../..", os.path.basename(path) + "-kept"))
    shutil.move(path, kept)
    return kept, low, high


def kills_leave_nothing_that_hurts():
    rng = random.Random(int(os.environ.get("KV_SEED", "7")))
    with Kvd("--memtable-size", "1mb") as first:
        folder = os.path.join(first.dir, "checkpoints")
        kvd = first
        for round_ in range(6):
            c = kvd.connect()
            for i in range(300):
                c.send(b"SET k%d %s\r\n" % (i, b"r%d" % round_ * 300))
            for i in range(300):
                check(c.reply() == b"+OK", "a write")
            c.send(b"KV.CHECKPOINT round%d\r\n" % round_)
            time.sleep(rng.random() * 0.06)
            kvd.process.kill()
            kvd.process.wait()
            kvd = Kvd("--dir", first.dir, "--memtable-size", "1mb")
            c = kvd.connect()
            expect(c, b"r%d" % round_ * 300, "GET", "k299")
            if os.path.isdir(folder):
                wait_for(lambda: not [n for n in os.listdir(folder) if n.endswith(".tmp")],
                         "remnants are removed")
                path = os.path.join(folder, "round%d" % round_)
                if os.path.isdir(path):
                    check(os.path.exists(os.path.join(path, "CURRENT")), os.listdir(path))
        check(kvd.stop() == 0, "a clean stop")
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            with Kvd("--dir", os.path.join(folder, name)) as copy:
                expect(copy.connect(), b"r" + name[5:].encode(), "GETRANGE", "k299", "0",
                       len(name[5:]))
                check(copy.stop() == 0, "a clean stop")


def stops_and_checkpoints():
    """A stop does not wait for a checkpoint, and leaves none half made for long."""
    with Kvd("--workers", "external") as kvd:
        c = kvd.connect()
        expect(c, b"+OK", "SET", "a", "1")
        c.send(b"KV.CHECKPOINT never\r\n")  # nobody flushes
        d = kvd.connect()
        d.send(b"SAVE\r\n")
        check(d.reply().startswith(b"-ERR another checkpoint"), "one at a time")
        expect(d, b"+OK", "KV.FLUSH", "ASYNC")
        d.send(b"SHUTDOWN NOW\r\n")
        check(kvd.process.wait(timeout=30) == 0, "a clean stop")
        check("never" not in os.listdir(os.path.join(kvd.dir, "checkpoints")), "none")


def kvctl_makes_them(kvd):
    done = subprocess.run([BIN + "/kvctl", "--port", str(kvd.port), "checkpoint", "ctl"],
                          capture_output=True, timeout=60, check=True)
    path = re.search(rb"/\S*/checkpoints/ctl", done.stdout)
    check(path is not None and os.path.isdir(path[0]), done)


with Kvd("--memtable-size", "1mb") as main_kvd:
    all_made = they_hold_one_moment(main_kvd)
    kept_path, *_ = the_source_may_go(all_made)
    try:
        connection = main_kvd.connect()
        expect(connection, b"+OK", "FLUSHALL")
        expect(connection, b"+OK", "KV.COMPACT", "FORCE")
        kvd_opens_them([entry for entry in all_made if entry is not all_made[1]])
        names_stay_in_their_folder(main_kvd)
        kvctl_makes_them(main_kvd)
        check(main_kvd.stop() == 0, "a clean stop")
        shutil.rmtree(main_kvd.dir)
        kvd_opens_them([(kept_path,) + all_made[1][1:]])
    finally:
        shutil.rmtree(kept_path)
with Kvd() as main_kvd:
    check(main_kvd.connect().command("SET", "x", "1") == b"+OK", "a write")
    save_as_redis_tools_expect(main_kvd)
    check(main_kvd.stop() == 0, "a clean stop")
kills_leave_nothing_that_hurts()
stops_and_checkpoints()
print("ok")
