"""Goal: column families over the wire: made, dropped, listed, described, set; numbered databases
that need no making; KV.USE and KV.IN; all of it after a restart and in RocksDB's hands.
Method: each command with what it must answer; two connections where one drops what the other
uses; kill -9 right behind an acknowledgement; ldb on what is left."""

import os
import shutil
import subprocess
import threading

from kvd_process import BIN, Kvd, check, expect, pairs


def databases_need_no_making(kvd):
    c, d = kvd.connect(), kvd.connect()
    expect(c, [b"default"], "KV.CF", "LIST")
    expect(c, b"+OK", "SELECT", "3")
    expect(c, None, "GET", "a")
    expect(c, b":0", "DBSIZE")
    expect(c, [b"0", []], "SCAN", "0")
    expect(c, b"+OK", "FLUSHDB")
    expect(c, b":0", "DEL", "a")
    expect(c, [b"default"], "KV.CF", "LIST")  # reading makes none
    expect(d, b"+OK", "SELECT", "3")
    # Two writers at the same time: one family.
    c.send(b"SET a 1\r\n")
    d.send(b"INCR b\r\nGET b\r\n")
    check(c.reply() == b"+OK" and d.reply() == b":1" and d.reply() == b"1", "first writes")
    expect(c, [b"default", b"db3"], "KV.CF", "LIST")
    expect(c, [b"1", b"1"], "MGET", "a", "b")
    expect(d, b"+OK", "SELECT", "0")
    expect(d, None, "GET", "a")
    expect(c, b":1", "MOVE", "a", "4")
    expect(c, b":1", "COPY", "b", "c", "DB", "15")
    expect(c, b"+OK", "SELECT", "15")
    expect(c, b"1", "GET", "c")
    expect(c, b":1", "MOVE", "c", "9")  # from one that was not there to another
    expect(c, b"-ERR DB index is out of range", "SELECT", "16")
    keyspace = c.command("INFO", "keyspace")
    check(all(b"db%d:keys=1," % n in keyspace for n in (3, 4, 9)), keyspace)
    check(b"db15" not in keyspace, keyspace)
    expect(c, b"+OK", "FLUSHALL")
    expect(c, b"# Keyspace\r\n", "INFO", "keyspace")
    expect(c, b"+OK", "KV.USE", "db3")
    expect(c, None, "GET", "b")
    check(b" db=3 " in c.command("CLIENT", "INFO"), "KV.USE of a database is SELECT")
    # A pipeline whose first write makes the family.
    c.send(b"".join(b"SELECT 7\r\nSET k%d v\r\nGET k%d\r\n" % (i, i) for i in range(50)))
    for _ in range(50):
        check([c.reply(), c.reply(), c.reply()] == [b"+OK", b"+OK", b"v"], "pipelined")
    # Dropped under a connection, a database is an empty one.
    expect(d, b"+OK", "KV.CF", "DROP", "db7")
    expect(c, None, "GET", "k1")
    expect(c, b"+OK", "SET", "k1", "new")
    expect(c, b":1", "DBSIZE")


def families_by_name(kvd):
    c, d = kvd.connect(), kvd.connect()
    expect(c, b"+OK", "KV.CF", "CREATE", "users", "compaction-style", "universal", "compression",
           "zstd", "merge-operator", "int64add")
    expect(c, b"-ERR the column family is there", "KV.CF", "CREATE", "users")
    expect(c, b"-ERR a column family's name", "KV.CF", "CREATE", "two words")
    expect(c, b"-ERR a column family's name", "KV.CF", "CREATE", "")
    expect(c, b"-ERR a column family has no setting", "KV.CF", "CREATE", "x", "port", "1")
    expect(c, b"-ERR 'compression'", "KV.CF", "CREATE", "x", "compression", "loud")
    expect(c, b"-ERR syntax", "KV.CF", "CREATE", "x", "compression")
    expect(c, b"-ERR 'merge-operator'", "KV.CF", "CREATE", "x", "merge-operator", "guess")
    expect(c, b"-NOFAMILY", "KV.CF", "DROP", "x")
    expect(c, b"-NOFAMILY", "KV.CF", "INFO", "x")
    expect(c, b"-ERR the default", "KV.CF", "DROP", "default")
    settings = pairs(c.command("KV.CF", "GET", "users"))
    check(settings[b"compaction-style"] == b"universal", settings)
    check(settings[b"compression"] == b"zstd", settings)
    expect(c, [b"bloom-bits", b"10"], "KV.CF", "GET", "users", "bloom*")
    expect(c, b"+OK", "KV.CF", "SET", "users", "bloom-bits", "20", "compression", "auto")
    settings = pairs(c.command("KV.CF", "GET", "users"))
    check(settings[b"bloom-bits"] == b"20" and settings[b"compression"] == b"lz4", settings)
    expect(c, b"-ERR the merge operator", "KV.CF", "SET", "users", "merge-operator", "max")
    # KV.IN: any command that reads or writes keys, and nothing of the connection changes.
    expect(c, b"+OK", "KV.IN", "users", "SET", "a", "1")
    expect(c, b"1", "KV.IN", "users", "GET", "a")
    expect(c, [b"0", [b"a"]], "KV.IN", "users", "SCAN", "0")
    expect(c, None, "GET", "a")
    expect(c, b"+OK", "KV.IN", "users", "KV.MERGE", "n", "5")
    expect(c, b"+OK", "KV.IN", "users", "KV.MERGE", "n", "6")
    expect(c, b"11", "KV.IN", "users", "GET", "n")
    expect(c, b"+OK", "KV.IN", "users", "KV.COMPACT")
    expect(c, b"11", "KV.IN", "users", "GET", "n")
    expect(c, b"+OK", "KV.COMPACT", "users")
    expect(c, b"+OK", "KV.FLUSH", "users")
    expect(c, b"-NOFAMILY", "KV.COMPACT", "nobody")
    expect(c, b"-NOFAMILY", "KV.IN", "nobody", "GET", "a")
    expect(c, b"-ERR KV.IN", "KV.IN", "users", "SELECT", "1")
    expect(c, b"-ERR KV.IN", "KV.IN", "users", "KV.IN", "users", "GET", "a")
    expect(c, b"-ERR wrong number", "KV.IN", "users", "GET", "a", "b")
    expect(c, b"-ERR wrong number", "KV.IN", "users")
    info = pairs(c.command("KV.CF", "INFO", "users"))
    check(info[b"keys"] == b":2" and info[b"tables"] == b":1", info)
    # KV.USE, and what becomes of a connection whose family goes.
    expect(c, b"-NOFAMILY", "KV.USE", "nobody")
    expect(c, b"+OK", "KV.USE", "users")
    expect(c, b"1", "GET", "a")
    check(c.command("CLIENT", "INFO").endswith(b" cf=users\n"), "CLIENT INFO tells")
    expect(d, b"+OK", "KV.CF", "DROP", "users")
    expect(c, b"-NOFAMILY", "GET", "a")
    expect(c, b"-NOFAMILY", "SET", "a", "1")
    expect(c, b"+PONG", "PING")
    expect(d, b"+OK", "KV.CF", "CREATE", "users")  # another one
    expect(c, None, "GET", "a")
    expect(c, b"+RESET", "RESET")
    expect(c, b"+OK", "SET", "a", "default's")
    expect(c, b"default's", "KV.IN", "default", "GET", "a")


def settings_of_levels_and_memory(kvd):
    c = kvd.connect()
    expect(c, b"+OK", "KV.CF", "CREATE", "levels", "compression-per-level", "none:lz4:zstd",
           "memtable-size", "2mb")
    settings = pairs(c.command("KV.CF", "GET", "levels"))
    check(settings[b"compression-per-level"] == b"none:lz4:zstd", settings)
    check(settings[b"memtable-size"] == b"2097152", settings)
    expect(c, [b"compression-per-level", b"auto"], "KV.CF", "GET", "default", "compression-per*")
    expect(c, b"-ERR 'compression-per-level'", "KV.CF", "SET", "levels", "compression-per-level",
           "none:loud")
    expect(c, b"-ERR 'memtable-size'", "KV.CF", "SET", "levels", "memtable-size", "1kb")
    expect(c, b"+OK", "CONFIG", "SET", "compression-per-level", "none:zstd")
    expect(c, [b"compression-per-level", b"none:zstd"], "KV.CF", "GET", "default",
           "compression-per*")
    expect(c, [b"compression-per-level", b"none:zstd"], "CONFIG", "GET", "compression-per-level")
    expect(c, b"+OK", "CONFIG", "SET", "compression-per-level", "auto")
    # Its own compression counts more than what all say of levels; auto takes it back.
    expect(c, b"+OK", "KV.CF", "SET", "levels", "compression-per-level", "auto", "memtable-size",
           "auto", "compression", "zstd")
    expect(c, [b"compression-per-level", b"auto"], "KV.CF", "GET", "levels", "compression-per*")
    before = int(pairs(c.command("KV.CF", "INFO", "levels"))[b"tables"][1:])
    expect(c, b"+OK", "KV.CF", "SET", "levels", "memtable-size", "1mb")
    for i in range(1100):  # and no KV.FLUSH
        expect(c, b"+OK", "KV.IN", "levels", "SET", "k%d" % i, "v" * 1000)
    while int(pairs(c.command("KV.CF", "INFO", "levels"))[b"tables"][1:]) == before:
        pass
    expect(c, b"v" * 1000, "KV.IN", "levels", "GET", "k1")


def transactions_make_databases(kvd):
    c, d = kvd.connect(), kvd.connect()
    expect(c, b"+OK", "SELECT", "10")
    expect(c, b"+OK", "MULTI")
    for words in (("SET", "a", "1"), ("INCR", "a"), ("SELECT", "11"), ("GET", "a"), ("SET", "b", "2"),
                  ("MOVE", "b", "12"), ("KV.IN", "db13", "SET", "c", "3"),
                  ("KV.IN", "db13", "GET", "c")):
        expect(c, b"+QUEUED", *words)
    expect(c, [b"+OK", b":2", b"+OK", None, b"+OK", b":1", b"+OK", b"3"], "EXEC")
    expect(c, b":0", "DBSIZE")  # still in 11, which was written to and emptied
    for database, key, value in ((10, "a", b"2"), (12, "b", b"2"), (13, "c", b"3")):
        expect(c, value, "KV.IN", "db%d" % database, "GET", key)
    # A key of a database that is not there yet is watched all the same.
    expect(c, b"+OK", "SELECT", "14")
    expect(c, b"+OK", "WATCH", "w")
    expect(d, b"+OK", "KV.IN", "db14", "SET", "w", "other")
    expect(c, b"+OK", "MULTI")
    expect(c, b"+QUEUED", "SET", "w", "mine")
    expect(c, None, "EXEC")
    expect(c, b"other", "GET", "w")
    # What cannot be in a transaction cannot in the disguise of KV.IN.
    expect(c, b"+OK", "MULTI")
    expect(c, b"+QUEUED", "KV.IN", "db14", "SCAN", "0")
    expect(c, b"+QUEUED", "KV.IN", "db14", "KV.COMPACT")
    replies = c.command("EXEC")
    check(all(reply.startswith(b"-ERR Command not allowed") for reply in replies), replies)
    # The family goes between MULTI and EXEC.
    expect(c, b"+OK", "KV.CF", "CREATE", "short")
    expect(c, b"+OK", "KV.USE", "short")
    expect(c, b"+OK", "MULTI")
    expect(c, b"+QUEUED", "SET", "a", "1")
    expect(c, b"+QUEUED", "KV.USE", "default")
    expect(c, b"+QUEUED", "SET", "of-default", "1")
    expect(d, b"+OK", "KV.CF", "DROP", "short")
    replies = c.command("EXEC")
    check(replies[0].startswith(b"-NOFAMILY") and replies[1:] == [b"+OK", b"+OK"], replies)
    expect(d, b"1", "GET", "of-default")


def made_and_dropped_while_others_write(kvd):
    """Nobody else notices."""
    def write():
        c = kvd.connect()
        for i in range(1500):
            check(c.command("SET", "w%d" % i, i) == b"+OK", "a write")
    writer = threading.Thread(target=write)
    writer.start()
    c, d = kvd.connect(), kvd.connect()
    for i in range(20):
        name = "t%d" % (i % 3)
        expect(c, b"+OK", "KV.CF", "CREATE", name)
        for j in range(50):
            expect(c, b"+OK", "KV.IN", name, "SET", "k%d" % j, "x" * 100)
        d.send(b"KV.FLUSH\r\n")
        expect(c, b"+OK", "KV.CF", "DROP", name)
        check(d.reply() == b"+OK", "a flush")
    writer.join()


def what_was_acknowledged_stays():
    with Kvd() as kvd:
        c = kvd.connect()
        expect(c, b"+OK", "KV.CF", "CREATE", "kept", "merge-operator", "int64add", "bloom-bits", "7")
        expect(c, b"+OK", "KV.IN", "kept", "KV.MERGE", "n", "5")
        expect(c, b"+OK", "KV.CF", "CREATE", "leveled", "compression-per-level", "none:zstd",
               "compaction-style", "universal", "memtable-size", "1mb", "compaction-ttl", "1d")
        expect(c, b"+OK", "KV.CF", "SET", "leveled", "compaction-style", "auto")
        expect(c, b"+OK", "KV.CF", "CREATE", "gone")
        expect(c, b"+OK", "KV.IN", "gone", "SET", "a", "1")
        expect(c, b"+OK", "KV.CF", "DROP", "gone")
        expect(c, b"+OK", "SELECT", "2")
        expect(c, b"+OK", "SET", "two", "2")
        kvd.process.kill()
        kvd.process.wait()
        with Kvd("--dir", kvd.dir) as other:
            c = other.connect()
            expect(c, [b"default", b"kept", b"leveled", b"db2"], "KV.CF", "LIST")
            expect(c, b"+OK", "KV.IN", "kept", "KV.MERGE", "n", "6")
            expect(c, b"11", "KV.IN", "kept", "GET", "n")
            expect(c, [b"bloom-bits", b"7"], "KV.CF", "GET", "kept", "bloom-bits")
            settings = pairs(c.command("KV.CF", "GET", "leveled"))
            check(settings[b"compression-per-level"] == b"none:zstd", settings)
            check(settings[b"compaction-style"] == b"leveled", settings)
            check(settings[b"memtable-size"] == b"1048576", settings)
            check(settings[b"compaction-ttl"] == b"86400", settings)
            expect(c, b"2", "KV.IN", "db2", "GET", "two")
            check(other.stop() == 0, "a clean stop")
        if shutil.which("ldb"):
            in_rocksdbs_hands(kvd.dir)


def in_rocksdbs_hands(folder):
    ldb = ["ldb", "--db=" + folder]
    told = subprocess.run(ldb + ["list_column_families"], capture_output=True, check=True).stdout
    check(b"{default, kept, leveled, db2}" in told, told)
    told = subprocess.run(ldb + ["--try_load_options", "--column_family=db2", "scan"],
                          capture_output=True, check=False)
    check(b"two : 2" in told.stdout, told)
    # It takes the OPTIONS with all that a family has set for itself, and works by them.
    newest = max(file for file in os.listdir(folder) if file.startswith("OPTIONS-"))
    with open(os.path.join(folder, newest), encoding="utf-8") as file:
        text = file.read().split('[CFOptions "leveled"]')[1].split("[CFOptions")[0]
    for line in ("compression_per_level=kNoCompression:kZSTD", "write_buffer_size=1048576",
                 "ttl=86400", "compaction_style=kCompactionStyleLevel"):
        check(line in text, (line, text))
    levels = ldb + ["--try_load_options", "--column_family=leveled"]
    subprocess.run(levels + ["put", "theirs", "1"], check=True, capture_output=True)
    subprocess.run(levels + ["compact"], check=True, capture_output=True)
    # What ldb makes and drops, kvd takes as it is.
    subprocess.run(ldb + ["create_column_family", "theirs"], check=True, capture_output=True)
    subprocess.run(ldb + ["drop_column_family", "kept"], check=True, capture_output=True)
    with Kvd("--dir", folder) as kvd:
        c = kvd.connect()
        expect(c, [b"default", b"leveled", b"db2", b"theirs"], "KV.CF", "LIST")
        expect(c, b"+OK", "KV.CF", "CREATE", "kept")
        expect(c, [b"bloom-bits", b"10"], "KV.CF", "GET", "kept", "bloom-bits")
        expect(c, None, "KV.IN", "kept", "GET", "n")
        expect(c, b"1", "KV.IN", "leveled", "GET", "theirs")
        check(kvd.stop() == 0, "a clean stop")


def kvctl_knows_them(kvd):
    def kvctl(*words):
        got = subprocess.run([BIN + "/kvctl", "-p", str(kvd.port), *words], capture_output=True,
                             check=False)
        return got.returncode, got.stdout.strip()

    check(kvctl("cf", "create", "tool", "bloom-bits", "3") == (0, b"OK"), "cf create")
    check(b"tool" in kvctl("cf", "list")[1], "cf list")
    check(kvctl("--cf", "tool", "set", "a", "1") == (0, b"OK"), "--cf set")
    check(kvctl("--cf", "tool", "get", "a") == (0, b"1"), "--cf get")
    check(kvctl("get", "a") != (0, b"1"), "not in the default one")
    check(b"tool" in kvctl("cf", "info", "tool")[1], "cf info")
    check(b"bloom-bits" in kvctl("cf", "get", "tool")[1], "cf get")
    check(kvctl("cf", "drop", "tool") == (0, b"OK"), "cf drop")
    check(kvctl("--cf", "tool", "get", "a")[0] != 0, "--cf of none")


with Kvd() as main_kvd:
    databases_need_no_making(main_kvd)
with Kvd() as main_kvd:
    families_by_name(main_kvd)
    settings_of_levels_and_memory(main_kvd)
    transactions_make_databases(main_kvd)
    made_and_dropped_while_others_write(main_kvd)
    kvctl_knows_them(main_kvd)
    check(main_kvd.stop() == 0, "a clean stop")
what_was_acknowledged_stays()
