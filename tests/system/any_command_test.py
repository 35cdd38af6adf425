"""Goal: whatever a client says, the server lives on, answers the next one and stops cleanly.
Method: every command that it has, with words that commands understand in no order that makes sense,
carried by KV.IN, KV.AT and KV.WRITE, alone and in transactions, over more data than the cache holds, so
that each may be tried several times; clients come and go, some without reading.  KV_SEED repeats a
run, KV_ROUNDS makes it longer.  (What the replies are: differential_test.py.)"""

import os
import random
import socket

from kvd_process import Kvd, check, encode

SEED = int(os.environ.get("KV_SEED", random.randrange(1 << 32)))
ROUNDS = int(os.environ.get("KV_ROUNDS", 1000))
KEY_COUNT = 1000
WORDS = """0 1 -1 5 100 9223372036854775807 * - + [a (k2 a b none default db1 one noon name ttl 3600 LIMIT COUNT
    REV EX PX NX XX GET KEEPTTL ASYNC SYNC os disk MATCH TYPE string ID ADDR SKIPME no yes ON OFF SKIP AT
    BUDGET KEYS MAXBYTES IFEQ FORCE REPLACE IDX LEN WITHMATCHLEN u8 #1 INCRBY OVERFLOW SAT AND XOR NOT
    compression lz4 create drop set list info uint64add""".split() + ["", "x" * 3000]
CARRIERS = [("KV.IN", "default"), ("KV.IN", "one"), ("KV.IN", "db3"), ("KV.AT", "noon"),
            ("KV.WRITE", "SYNC", "disk"), ("KV.WRITE", "SYNC", "none")]
# They stop the server or all clients, change what the others count on, or only take time.
LEFT_OUT = [{"SHUTDOWN"}, {"CLIENT", "PAUSE"}, {"CONFIG", "SET"}, {"DEBUG", "SLEEP"}, {"WAIT"}, {"KV.WAITSEQ"}]


class Commands:
    def __init__(self, connection, rng):
        self.rng = rng
        rows = connection.command("COMMAND")
        self.second_words = {row[0].upper(): [word[0].split(b"|")[1] for word in row[9]] for row in rows}
        self.names = sorted(self.second_words)

    def word(self):
        return self.rng.choice([*WORDS, "k%d" % self.rng.randrange(KEY_COUNT)])

    def one(self):
        name = self.rng.choice(self.names)
        words = [name]
        if self.second_words[name] and self.rng.random() < 0.9:
            words.append(self.rng.choice(self.second_words[name]))
        words += [self.word() for _ in range(self.rng.choice((0, 1, 1, 2, 2, 3, 3, 4, 5, 6)))]
        while self.rng.random() < 0.25:
            words = [*self.rng.choice(CARRIERS), *words]
        said = {word.decode().upper() if isinstance(word, bytes) else word.upper() for word in words}
        return ["PING"] if any(some <= said for some in LEFT_OUT) else words

    def several(self, me):
        some = [self.one() for _ in range(self.rng.randrange(1, 12))]
        if self.rng.random() < 0.5:
            return some
        if self.rng.random() < 0.1:
            some.insert(self.rng.randrange(len(some)), ["CLIENT", "KILL", "ID", me, "SKIPME", "no"])
        return [["MULTI"], *some, ["GET", "k%d" % self.rng.randrange(KEY_COUNT)], ["EXEC"]]


def fill(connection):
    for i in range(KEY_COUNT):
        check(connection.command("SET", "k%d" % i, os.urandom(20000)) == b"+OK", "filled")
    for words in (("KV.CF", "CREATE", "one"), ("KV.IN", "one", "SET", "a", "1"), ("KV.FLUSH",)):
        check(connection.command(*words) == b"+OK", words)
    connection.command("KV.SNAPSHOT", "CREATE", "name", "noon", "ttl", "3600")


def say(connection, some, reads):
    connection.socket.settimeout(0.5)
    try:
        connection.send(b"".join(encode(*words) for words in some))
        for _ in some if reads else ():
            connection.reply()
    except (EOFError, OSError, socket.timeout):
        pass  # QUIT, CLIENT KILL, a command without a reply
    connection.close()


if __name__ == "__main__":
    print("seed=%d" % SEED)
    rng = random.Random(SEED)
    with Kvd("--memory-limit", "16mb", "--memtable-size", "2mb") as kvd:
        first = kvd.connect()
        fill(first)
        commands = Commands(first, rng)
        for i in range(ROUNDS):
            try:
                connection = kvd.connect()
                some = commands.several(connection.command("CLIENT", "ID")[1:])
            except OSError:
                break
            say(connection, some, rng.random() < 0.8)
            check(kvd.process.poll() is None, "round %d ended the server: %r" % (i, some))
        check(kvd.connect().command("PING") == b"+PONG", "it answers")
        check(kvd.stop() == 0, "it stops")
