#!/usr/bin/env python3
"""kvctl inspect on files that kvd and RocksDB wrote, whole and damaged.

Goal: entries of tables and records of logs are what sst_dump and ldb say; damage anywhere is
      reported with exit code 65 or is in bytes that nothing reads; nothing crashes.
Method: directories of librocksdb in several forms and one of kvd; then single bytes changed and
        files cut at random places (seed printed, KV_SEED repeats it).
"""

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

from kvd_process import BIN, check, skip

KVCTL = os.path.join(BIN, "kvctl")
ROCKS = os.path.join(BIN, "rocks_tool")
MUTATION_COUNT = int(os.environ.get("KV_MUTATIONS", "20"))


def run(*words, code=0):
    done = subprocess.run([KVCTL, "inspect", *words], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=120)
    check(done.returncode in (code if isinstance(code, tuple) else (code,)),
          "inspect %s: code %d\n%s" % (words, done.returncode, done.stderr.decode()[-3000:]))
    return done.stdout.decode()


def tool(*words):
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=120).stdout.decode(errors="replace")


def files(path, pattern):
    return sorted(os.path.join(path, name) for name in os.listdir(path)
                  if re.fullmatch(pattern, name))


TYPES = {"put": 1, "delete": 0, "merge": 2, "single-delete": 7}


def compare_table(path):
    ours = run("--entries", "--verify", "--hex", "--whole", path)
    mine = []
    for line in ours.split("entries:\n")[1].splitlines():
        found = re.fullmatch(r"  ([0-9a-f]*)@(\d+):([a-z-]+)(?: = ([0-9a-f]*))?", line)
        if found:
            mine.append((found[1], int(found[2]), TYPES[found[3]], found[4] or ""))
    theirs = [(key.lower(), int(seq), int(kind), value.lower()) for key, seq, kind, value in
              re.findall(r"^'([0-9A-F]*)' seq:(\d+), type:(\d+) => ([0-9A-F]*)",
                         tool("sst_dump", "--file=" + path, "--command=scan", "--output_hex"),
                         re.MULTILINE)]
    check(len(mine) > 0 and mine == theirs, "%s: %d of ours, %d of theirs: %s %s" %
          (path, len(mine), len(theirs), mine[:2], theirs[:2]))
    check("%d entries" % len(mine) in ours, "the count")


def compare_log(path):
    mine = [(int(seq), int(count)) for seq, count in
            re.findall(r"^record at .*: sequence (\d+), (\d+) entries", run(path), re.MULTILINE)]
    theirs = [(int(seq), int(count)) for seq, count in
              re.findall(r"^(\d+),(\d+),", tool("ldb", "dump_wal", "--walfile=" + path),
                         re.MULTILINE)]
    check(mine == theirs, "%s: %s %s" % (path, mine[:3], theirs[:3]))


def compare_directory(path):
    for table in files(path, r"\d+\.sst"):
        compare_table(table)
    for log in files(path, r"\d+\.log"):
        compare_log(log)
    for name in files(path, r"(MANIFEST|OPTIONS)-\d+|CURRENT|IDENTITY"):
        check(run(name), name)
    listed = re.findall(r"^    (\d+)\.sst", run(path), re.MULTILINE)
    there = [os.path.basename(name)[:-4] for name in files(path, r"\d+\.sst")]
    check(sorted(listed) == there, "%s: %s %s" % (path, listed, there))
    live = files(path, r"MANIFEST-\d+")[-1]
    text = run(live)
    added = set(re.findall(r"add table (\d+) ", text)) - \
        set(re.findall(r"remove table (\d+) ", text))
    check({int(number) for number in added} == {int(number) for number in listed}, text)


FORMS = (["families=2"], ["flush=no"], ["format=4", "checksum=1", "compression=0"],
         ["index=2", "partition=1", "compression=7"], ["format=2", "checksum=2", "bloom=0"])


def mutate(source, target, rng):
    with open(source, "rb") as file:
        data = bytearray(file.read())
    # A prepared log is mostly zeros: the damage is to hit what was written.
    used = len(data.rstrip(b"\0")) or 1
    kind = rng.randrange(3)
    at = rng.randrange(used)
    if kind == 0:
        data[at] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del data[at:]
    else:
        data[at:at + 64] = rng.randbytes(min(64, len(data) - at))
    with open(target, "wb") as file:
        file.write(data)


def damage(path, work, rng):
    """Each kind of file, changed at random: 0 and 65 are fine, a crash is not."""
    reported = total = 0
    for source in (files(path, r"\d+\.sst")[:1] + files(path, r"MANIFEST-\d+")[-1:] +
                   files(path, r"\d+\.log")[:1] + files(path, r"OPTIONS-\d+")[:1]):
        if os.path.getsize(source) == 0:
            continue
        target = os.path.join(work, os.path.basename(source))
        for _ in range(MUTATION_COUNT):
            mutate(source, target, rng)
            text = run("--entries", "--verify", target, code=(0, 65))
            total += 1
            reported += "DAMAGE" in text
        os.unlink(target)
    check(reported > total // 4, "%d of %d changes were noticed" % (reported, total))
    print("damage: %d of %d changes were noticed" % (reported, total), flush=True)


def certain_damage(path, work):
    """One byte of the first data block, of a record's payload: always noticed."""
    table = os.path.join(work, "000777.sst")
    shutil.copy(files(path, r"\d+\.sst")[0], table)
    with open(table, "r+b") as file:
        file.seek(20)
        byte = file.read(1)[0]
        file.seek(20)
        file.write(bytes([byte ^ 1]))
    text = run("--verify", table, code=65)
    check("DAMAGE: data block at 0" in text and "verified: " in text, text)
    run("--entries", table, code=65)
    os.unlink(table)
    for name, content in (("000001.sst", b""), ("000001.sst", b"\0" * 53), ("CURRENT", b"x\n"),
                          ("000001.log", b"\1" * 50), ("MANIFEST-000001", b"\1" * 50)):
        with open(os.path.join(work, name), "wb") as file:
            file.write(content)
        run(os.path.join(work, name), code=65)
        os.unlink(os.path.join(work, name))
    run(work, code=(65, 66))
    run("/dev/null", code=66)
    run(os.path.join(work, "no-such-file"), code=66)
    with open(os.path.join(work, "unknown"), "wb") as file:
        file.write(b"what is this?")
    run(os.path.join(work, "unknown"), code=2)


def damage_in_a_recycled_log(path, work):
    """A failed check ends such a log; that more of it follows must not go unnoticed."""
    source = [name for name in files(path, r"\d+\.log") if " 0 records" not in run(name)][-1]
    target = os.path.join(work, os.path.basename(source))
    shutil.copy(source, target)
    with open(target, "r+b") as file:
        file.seek(20)
        byte = file.read(1)[0]
        file.seek(20)
        file.write(bytes([byte ^ 1]))
    check("there is more of this log" in run(target, code=65), "more of this log")
    os.unlink(target)


def by_kvd(work):
    path = os.path.join(work, "kvd")
    script = b"".join(b"set key%d value%d\n" % (i, i) for i in range(300)) + b"flush\n" + \
        b"".join(b"del key%d\n" % i for i in range(50))
    subprocess.run([KVCTL, "--path", path, "--create"], input=script, check=True,
                   stdout=subprocess.DEVNULL)
    return path


def main():
    for name in ("sst_dump", "ldb"):
        if shutil.which(name) is None:
            skip(name + " is not installed")
    if not os.path.exists(ROCKS):
        skip("rocks_tool was not built")
    seed = int(os.environ.get("KV_SEED", random.randrange(1 << 32)))
    print("seed", seed, flush=True)
    rng = random.Random(seed)
    work = tempfile.mkdtemp(prefix="kvctl-inspect-")
    os.environ["TMPDIR"] = work
    try:
        first = None
        for number, form in enumerate(FORMS):
            path = os.path.join(work, "rocks%d" % number)
            subprocess.run([ROCKS, "write", path, "5000", str(seed), *form], check=True,
                           stdout=subprocess.DEVNULL)
            compare_directory(path)
            if first is None and files(path, r"\d+\.sst"):
                first = path  # with some seeds all that is left is in the log
            print("ok", form, flush=True)
        ours = by_kvd(work)
        compare_directory(ours)
        print("ok kvd", flush=True)
        scratch = os.path.join(work, "scratch")
        os.mkdir(scratch)
        first = first or ours
        certain_damage(first, scratch)
        damage_in_a_recycled_log(ours, scratch)
        for path in (first, ours):
            damage(path, scratch, rng)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print("ok")


if __name__ == "__main__":
    sys.exit(main())
