"""Goal: a range that ends behind the longest possible key is deleted, flushed and compacted like any.
Method: such a deletion's end is longer than a key may be; it goes through the memtable, level 0 and
the deepest level, more than once, and the worker must survive it."""

from kvd_process import Kvd, check

LONGEST = b"z" * (64 * 1024)


def flush(connection):
    check(connection.command("KV.FLUSH") == b"+OK", "flush")


def fill(connection):
    for key in (b"a", b"m", LONGEST):
        check(connection.command("SET", key, "1") == b"+OK", "set")


def main():
    with Kvd("--workers", "1") as kvd:
        connection = kvd.connect()
        connection.socket.settimeout(20)
        fill(connection)
        flush(connection)
        for words in (("KV.DELRANGE", "-", b"[" + LONGEST), ("FLUSHALL",), ("FLUSHALL",)):
            check(connection.command(*words) == b"+OK", words[0])
            check(connection.command("KV.COUNT", "-", "+") == b":0", "empty")
            flush(connection)
            check(connection.command("KV.COUNT", "-", "+") == b":0", "empty")
            connection.command("SET", b"b", "1")
        fill(connection)
        flush(connection)
        check(connection.command("KV.COMPACT") == b"+OK", "compact")
        check(connection.command("KV.COUNT", "-", "+") == b":4", "all that was set again")
        check(connection.command("GET", LONGEST) == b"1", "the longest")
        check("try 1 failed" not in kvd.output(), "no worker failed")


main()
