"""Goal: SLOWLOG keeps what took long, in Redis's form and with where the time went, and no
passwords."""

import os
import time

from kvd_process import Kvd, check


def entries(connection, *words):
    return connection.command("SLOWLOG", "GET", *words)


def run():
    with Kvd("--slowlog-log-slower-than", "0", "--slowlog-max-len", "5") as kvd:
        c = kvd.connect()
        check(c.command("CLIENT", "SETNAME", "slow") == b"+OK", "named")
        long = "x" * 200
        c.command("SET", "key", long)
        c.command("MGET", *["k%d" % i for i in range(40)])
        c.command("AUTH", "guessed")
        c.command("CONFIG", "SET", "requirepass", "")
        got = entries(c)
        check(len(got) == 5, got)
        check([int(entry[0][1:]) for entry in got] == [4, 3, 2, 1, 0], "ids count down")
        check(all(entry[5] in (b"slow", b"") and b"127.0.0.1:" in entry[4] for entry in got), got)
        check(all(abs(int(entry[1][1:]) - time.time()) < 60 for entry in got), "when")
        names = [entry[3] for entry in got]
        check(names[0] == [b"CONFIG", b"(redacted)"] and names[1] == [b"AUTH", b"(redacted)"], names)
        check(len(names[2]) == 32 and names[2][-1] == b"... (10 more arguments)", names[2])
        check(names[3] == [b"SET", b"key", b"x" * 128 + b"... (72 more bytes)"], names[3])
        for entry in got:
            run_us, wait_us = int(entry[6][1][1:]), int(entry[6][3][1:])
            check(entry[6][::2] == [b"run", b"wait"] and
                  run_us + wait_us == int(entry[2][1:]), entry)
        check(len(entries(c, "2")) == 2 and len(entries(c, "-1")) == 5, "counts")
        check(c.command("CONFIG", "SET", "slowlog-log-slower-than", "-1") == b"+OK", "off")
        check(c.command("SLOWLOG", "RESET") == b"+OK", "reset")
        check(c.command("SLOWLOG", "LEN") == b":0", "nothing is kept")
        check(c.command("CONFIG", "GET", "slowlog-log-slower-than")[1] == b"-1", "as Redis says it")

        # What waits is slow, though it does nothing meanwhile: KV.FLUSH waits for a table.
        check(c.command("CONFIG", "SET", "slowlog-log-slower-than", "1") == b"+OK", "all")
        for _ in range(200):
            c.command("SET", os.urandom(8), os.urandom(10000))
        c.command("SLOWLOG", "RESET")
        c.command("KV.FLUSH")
        flushes = [entry for entry in entries(c, "-1") if entry[3] == [b"KV.FLUSH"]]
        check(len(flushes) == 1 and int(flushes[0][6][3][1:]) > int(flushes[0][6][1][1:]), flushes)


if __name__ == "__main__":
    run()
