"""Goal: ordered reads and their commands say what a sorted map says, page by page, while others
write, while blocks are missing, and after a restart.
Method: a model beside the server; random ranges, options and directions; SCANs while other keys
come and go; a memory limit far below the data for the cold part.  KV_SEED repeats a run."""

import os
import random
import threading

from kvd_process import BIN, Kvd, Process, check, encode

SEED = int(os.environ.get("KV_SEED", random.randrange(1 << 32)))
RANDOM = random.Random(SEED)


def key_of(i):
    """Some have much in common, some are short, some have odd bytes."""
    if i % 5 == 0:
        return b"%d" % i
    if i % 5 == 1:
        return b"user:with:a:long:beginning:%06d" % i
    if i % 5 == 2:
        return b"user:with:a:long:beginning:%06d:more" % (i // 50)  + bytes([i % 50])
    return bytes([i % 256, 255, 0, i // 256]) * (1 + i % 3)


class Model:
    """What the database holds."""

    def __init__(self):
        self.map = {}

    def keys(self, low=None, low_open=False, high=None, high_open=False):
        found = []
        for key in sorted(self.map):
            if low is not None and (key < low or (low_open and key == low)):
                continue
            if high is not None and (key > high or (high_open and key == high)):
                continue
            found.append(key)
        return found


def random_bound(model, is_low):
    kind = RANDOM.randrange(6)
    if kind == 0:
        return (b"-" if is_low else b"+"), None, False
    key = RANDOM.choice(sorted(model.map)) if kind < 4 and model.map else key_of(
        RANDOM.randrange(3000))
    is_open = RANDOM.random() < 0.5
    return (b"(" if is_open else b"[") + key, key, is_open


def all_pages(connection, first, last, *options):
    """Every entry of a range, and how many pages they took."""
    entries, pages = [], 0
    while first is not None:
        following, page = connection.command("KV.RANGE", first, last, *options)
        check(following != first, "a page goes on: %r" % first)
        first = following
        entries += page
        pages += 1
    return entries, pages


def compare_range(connection, model):
    low_text, low, low_open = random_bound(model, True)
    high_text, high, high_open = random_bound(model, False)
    expected = model.keys(low, low_open, high, high_open)
    reverse = RANDOM.random() < 0.5
    options = []
    if RANDOM.random() < 0.7:
        options += ["LIMIT", RANDOM.choice([1, 2, 7, 100, 5000])]
    if RANDOM.random() < 0.3:
        options += ["MAXBYTES", RANDOM.choice([1, 50, 3000])]
    if RANDOM.random() < 0.3:
        options += ["BUDGET", RANDOM.choice([1, 1000])]
    keys_only = RANDOM.random() < 0.3
    if keys_only:
        options.append("KEYS")
    first, last = low_text, high_text
    if reverse:
        options.append("REV")
        first, last = last, first
        expected.reverse()
    if len(expected) > 300 and "LIMIT" in options and options[1] < 7:
        return
    got, _ = all_pages(connection, first, last, *options)
    if not keys_only:
        expected = [[key, model.map[key]] for key in expected]
    check(got == expected, "%r %r %r: %d instead of %d" % (first, last, options, len(got),
                                                           len(expected)))
    count = connection.command("KV.COUNT", low_text, high_text)
    check(count == b":%d" % len(expected), "count %r" % count)
    page = connection.command("KV.RANGE", first, last, "COUNT", *(["REV"] if reverse else []))
    check(page == [None, b":%d" % len(expected)], "counted page %r" % page)


def compare_prefix(connection, model):
    prefix = key_of(RANDOM.randrange(3000))[:RANDOM.randrange(6)]
    expected = [key for key in model.keys() if key.startswith(prefix)]
    options = ["REV"] if RANDOM.random() < 0.5 else []
    if options:
        expected.reverse()
    got, words = [], []
    while True:
        following, page = connection.command("KV.PREFIX", prefix, "KEYS", "LIMIT", 50, *options,
                                             *words)
        got += page
        if following is None:
            break
        words = ["FROM", following]
    check(got == expected, "prefix %r" % prefix)


def compare_seek(connection, model):
    key = RANDOM.choice([key_of(RANDOM.randrange(3000)), b"", b"\xff" * 9, b"user:"])
    for how, found in (("GE", model.keys(low=key)[:1]), ("GT", model.keys(key, True)[:1]),
                       ("LE", model.keys(high=key)[-1:]),
                       ("LT", model.keys(high=key, high_open=True)[-1:])):
        expected = [found[0], model.map[found[0]]] if found else None
        got = connection.command("KV.SEEK", key, how)
        check(got == expected, "seek %r %s: %r instead of %r" % (key, how, got, expected))


def scan(connection, *options):
    cursor, keys, pages = b"0", [], 0
    while True:
        cursor, page = connection.command("SCAN", cursor, *options)
        keys += page
        pages += 1
        check(pages < 100000, "SCAN ends")
        if cursor == b"0":
            return keys


def compare_scan(connection, model):
    check(scan(connection, "COUNT", RANDOM.choice([1, 10, 1000])) == model.keys(), "SCAN")
    check(scan(connection, "MATCH", "user:*", "COUNT", 100) ==
          [key for key in model.keys() if key.startswith(b"user:")], "SCAN MATCH")
    check(scan(connection, "MATCH", "*1", "COUNT", 100, "TYPE", "string") ==
          [key for key in model.keys() if key.endswith(b"1")], "SCAN MATCH, no beginning")
    check(scan(connection, "TYPE", "hash") == [], "SCAN TYPE")
    check(connection.command("KEYS", "*") == model.keys(), "KEYS")
    check(connection.command("KEYS", "user:*5*") ==
          [key for key in model.keys() if key.startswith(b"user:") and b"5" in key[5:]], "KEYS")
    for _ in range(20):
        key = connection.command("RANDOMKEY")
        check(key in model.map if model.map else key is None, "RANDOMKEY %r" % key)


def change(connection, model):
    for _ in range(RANDOM.randrange(300)):
        key = key_of(RANDOM.randrange(3000))
        kind = RANDOM.randrange(10)
        if kind < 7:
            model.map[key] = RANDOM.randbytes(RANDOM.randrange(300))
            check(connection.command("SET", key, model.map[key]) == b"+OK", "set")
        elif kind < 9:
            had = model.map.pop(key, None) is not None
            check(connection.command("DEL", key) == b":%d" % had, "del")
    if RANDOM.random() < 0.6:
        low_text, low, low_open = random_bound(model, True)
        high_text, high, high_open = random_bound(model, False)
        doomed = model.keys(low, low_open, high, high_open)
        if len(doomed) < len(model.map) // 2:
            check(connection.command("KV.DELRANGE", low_text, high_text) == b"+OK", "delrange")
            for key in doomed:
                del model.map[key]
    if RANDOM.random() < 0.4:
        check(connection.command("KV.FLUSH") == b"+OK", "flush")


def play(kvd, rounds):
    connection, model = kvd.connect(), Model()
    for _ in range(rounds):
        change(connection, model)
        for _ in range(5):
            compare_range(connection, model)
            compare_seek(connection, model)
        compare_prefix(connection, model)
        compare_scan(connection, model)
    return connection, model


def empty(connection, model):
    size = connection.command("KV.SIZE", "-", "+")
    check(size[0] == b"disk" and size[2] == b"memory", size)
    check(int(size[1][1:]) + int(size[3][1:]) > 0, size)
    about = int(connection.command("KV.COUNT", "-", "+", "APPROX")[1:])
    check(about >= len(model.map) // 2, "about %d" % about)
    for name in (("FLUSHDB",), ("FLUSHALL", "ASYNC"), ("FLUSHALL", "SYNC"), ("FLUSHDB", "ASYNC")):
        connection.command("SET", "k" * 1000, "1")
        connection.command("KV.DELRANGE", "[l", "[\xff")  # the table ends where it does
        connection.command("KV.FLUSH")
        connection.command("SET", "a", "1")
        check(connection.command(*name) == b"+OK", name)
        check(connection.command("DBSIZE") == b":0", "DBSIZE after %r: %r" %
              (name, connection.command("DBSIZE")))
        check(connection.command("KV.COUNT", "-", "+") == b":0", name)
        check(connection.command("RANDOMKEY") is None, "RANDOMKEY of nothing")
        check(connection.command("SCAN", "0") == [b"0", []], "SCAN of nothing")
        check(connection.command("GET", "a") is None, name)
        connection.command("KV.FLUSH")
        check(connection.command("DBSIZE") == b":0", "DBSIZE after a flush")
        check(connection.command("KEYS", "*") == [], "after a flush")


def random_key_of_nothing(kvd):
    """Nothing but deletions, more of them than a walk does in one go."""
    connection = kvd.connect()
    doomed = [b"%06d" % i + RANDOM.randbytes(150) for i in range(100000)]
    for start in range(0, len(doomed), 5000):
        part = doomed[start:start + 5000]
        connection.send(b"".join(encode("KV.SINGLEDEL", key) for key in part))
        for _ in part:
            check(connection.reply() == b"+OK", "singledel")
    check(connection.command("KV.FLUSH") == b"+OK", "flush")
    for _ in range(3):
        check(connection.command("RANDOMKEY") is None, "RANDOMKEY of deletions")


def errors(connection):
    for words, start in ((("KV.RANGE", "a", "+"), b"-ERR min or max not valid string range item"),
                         (("KV.RANGE", "-", "+", "LIMIT", "0"), b"-ERR LIMIT must be from 1"),
                         (("KV.RANGE", "-", "+", "LIMIT", "x"), b"-ERR value is not an integer"),
                         (("KV.RANGE", "-", "+", "LIMIT"), b"-ERR syntax error"),
                         (("KV.RANGE", "-", "+", "KEYS", "COUNT"), b"-ERR syntax error"),
                         (("KV.SEEK", "a", "NE"), b"-ERR syntax error"),
                         (("KV.COUNT", "-", "+", "MAYBE"), b"-ERR syntax error"),
                         (("KV.DELRANGE", "-", "[" + "k" * 70000), b"-ERR key is too long"),
                         (("SCAN", "x"), b"-ERR invalid cursor"),
                         (("SCAN", "-1"), b"-ERR invalid cursor"),
                         (("SCAN", "0", "COUNT", "0"), b"-ERR syntax error"),
                         (("SCAN", "0", "MATCH"), b"-ERR syntax error"),
                         (("SCAN", str(1 << 62 | 3 << 60 | 5)), b"-ERR the cursor is not known"),
                         (("FLUSHDB", "NOW"), b"-ERR syntax error")):
        got = connection.command(*words)
        check(got.startswith(start), "%r: %r" % (words, got))
    check(connection.command("KV.RANGE", "+", "-") == [None, []], "nothing is there")
    check(connection.command("KV.SINGLEDEL", "absent") == b"+OK", "singledel")


def single_deletes(connection):
    connection.command("SET", "once", "1")
    connection.command("KV.FLUSH")
    check(connection.command("KV.SINGLEDEL", "once") == b"+OK", "singledel")
    check(connection.command("GET", "once") is None, "is gone")
    connection.command("KV.FLUSH")
    check(connection.command("KV.RANGE", "[once", "[once") == [None, []], "is gone")


def single_deletes_beside_deadlines(kvd):
    """One SET before each KV.SINGLEDEL: nothing comes back, wherever it lies and whatever has
    a deadline.  Each bit of a pattern is a flush between two steps."""
    connection = kvd.connect()
    connection.command("SET", "mortal", "x", "EX", "100000")
    for pattern in range(16):
        steps = (("SET", "k", "old"), ("KV.SNAPSHOT", "CREATE", "TTL", "600"),
                 ("KV.SINGLEDEL", "k"), ("SET", "k", "new"), ("KV.SINGLEDEL", "k"))
        for i, words in enumerate(steps):
            reply = connection.command(*words)
            check(not reply.startswith(b"-"), words[0])
            if i == 1:
                snapshot = reply[1:]
            if i < 4 and pattern >> i & 1:
                check(connection.command("KV.FLUSH") == b"+OK", "flush")
        for words in (("KV.FLUSH",), ("KV.COMPACT",), ("KV.SNAPSHOT", "DROP", snapshot),
                      ("KV.COMPACT",)):
            check(not connection.command(*words).startswith(b"-"), words[0])
            check(connection.command("GET", "k") is None, "pattern %d, %s" % (pattern, words[0]))
        check(connection.command("KV.COUNT", "-", "+") == b":1", "nothing is left")


def scan_among_writers(kvd):
    """Keys that are there throughout are returned, and none twice, by several scans at once."""
    connection = kvd.connect()
    steady = [b"steady:%s:%05d" % (b"x" * (i % 40), i) for i in range(4000)]
    connection.send(b"".join(encode("SET", key, "1") for key in steady))
    for _ in steady:
        connection.reply()
    is_done, failures = threading.Event(), []

    def disturb(number):
        other, rng = kvd.connect(), random.Random(SEED + number)
        while not is_done.is_set():
            key = b"steady:%s:%05d~" % (b"x" * rng.randrange(40), rng.randrange(4000))
            if rng.random() < 0.01:
                other.command("KV.DELRANGE", b"[" + key, b"[" + key + b"~~")
            else:
                other.command("SET", key, "2")
            if rng.random() < 0.3:
                other.command("DEL", key)
            if rng.random() < 0.005:
                other.command("KV.FLUSH")

    def walk(number):
        try:
            mine = kvd.connect()
            for _ in range(3):
                keys = scan(mine, "COUNT", 20 + number)
                check(len(set(keys)) == len(keys), "no key twice")
                check(set(steady) <= set(keys), "all that stayed")
                pages, _ = all_pages(mine, b"+", b"-", "KEYS", "LIMIT", 100, "REV")
                check(set(steady) <= set(pages), "all that stayed, backward")
        except Exception as failure:  # told by the main thread
            failures.append(repr(failure)[:500])

    writers = [threading.Thread(target=disturb, args=(i,)) for i in range(2)]
    walkers = [threading.Thread(target=walk, args=(i,)) for i in range(3)]
    for thread in writers + walkers:
        thread.start()
    for thread in walkers:
        thread.join()
    is_done.set()
    for thread in writers:
        thread.join()
    check(not failures, "\n".join(failures))


def restart(kvd):
    """Short positions outlive the server; the others are known to be lost."""
    connection = kvd.connect()
    connection.command("FLUSHALL")
    for i in range(100):
        connection.command("SET", "%03d" % i, "1")
        connection.command("SET", "long beginning %03d" % i, "1")
    short = connection.command("SCAN", "0", "COUNT", "50")
    long = connection.command("SCAN", "0", "COUNT", "150")
    check(kvd.stop() == 0, "a clean stop")
    return short, long


def start_again(kvd):
    """On the directory of one that was stopped."""
    return Process([os.path.join(BIN, "kvd"), "--port", str(kvd.port), "--dir", kvd.dir,
                    "--workers", "1"], kvd.port)


def after_restart(kvd, short, long):
    connection = kvd.connect()
    keys = [b"%03d" % i for i in range(100)]
    check(short[1] == keys[:50], short)
    check(connection.command("SCAN", short[0], "COUNT", "50")[1] == keys[50:], "goes on")
    check(connection.command("SCAN", long[0]).startswith(b"-ERR the cursor is not known"), "lost")


def cold(kvd):
    """Ranges over far more than the cache holds."""
    connection = kvd.connect()
    connection.socket.settimeout(120)
    count = 3000
    for start in range(0, count, 300):
        part = range(start, start + 300)
        connection.send(b"".join(encode("SET", "c%06d" % (i * 7919 % count),
                                        random.Random(i).randbytes(8000)) for i in part))
        for _ in part:
            check(connection.reply() == b"+OK", "set")
        connection.command("KV.FLUSH")
    entries, pages = all_pages(connection, b"-", b"+", "LIMIT", 100000)
    check([key for key, _ in entries] == [b"c%06d" % i for i in range(count)], "all, cold")
    check(pages > 10, "in pages of a megabyte")
    back, _ = all_pages(connection, b"+", b"-", "REV")
    check(back == entries[::-1], "and backward")
    check(connection.command("KV.COUNT", "-", "+") == b":%d" % count, "counted")
    check(len(connection.command("KEYS", "*")) == count, "KEYS")
    check(connection.command("CONFIG", "SET", "keys-max-results", "100") == b"+OK", "config")
    check(connection.command("KEYS", "*").startswith(b"-ERR more keys match"), "too many")


def main():
    print("KV_SEED=%d" % SEED)
    with Kvd("--memtable-size", "1mb") as kvd:
        connection, model = play(kvd, 25)
        errors(connection)
        single_deletes(connection)
        empty(connection, model)
        scan_among_writers(kvd)
        short, long = restart(kvd)
        with start_again(kvd) as again:
            after_restart(again, short, long)
    with Kvd("--memtable-size", "32mb") as kvd:
        random_key_of_nothing(kvd)
    with Kvd("--memtable-size", "1mb") as kvd:
        single_deletes_beside_deadlines(kvd)
    with Kvd("--memory-limit", "16mb", "--memtable-size", "1mb") as kvd:
        cold(kvd)
        check(kvd.stop() == 0, "a clean stop")


main()
