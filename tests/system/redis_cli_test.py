"""Goal: redis-cli shows what kvd's commands take, its own too.
Method: redis-cli on a terminal: the hints behind a command that is being typed, and `help`."""

import os
import pty
import re
import select
import shutil
import signal
import struct
import termios
import time
from fcntl import ioctl

from kvd_process import Kvd, check, skip

# What is typed, and what stands behind it then.
HINTS = [
    ("get ", "key"),
    ("set ", "key value [NX|XX|IFEQ ifeq-value|IFNE ifne-value|IFDEQ ifdeq-digest|IFDNE ifdne-digest] [GET] "
             "[EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|KEEPTTL]"),
    ("set a ", "value [NX|XX"),
    ("mset ", "key value [key value ...]"),
    ("client pause ", "timeout [WRITE|ALL]"),
    ("kv.range ", "from to [REV] [LIMIT count] [MAXBYTES bytes] [BUDGET milliseconds] [KEYS|COUNT] [AT snapshot]"),
    ("kv.range - ", "to [REV]"),
    ("kv.snapshot create ", "[NAME name] TTL seconds"),
    ("kv.write ", "SYNC NONE|OS|DISK command [arg [arg ...]]"),
    ("kv.jobs ", "[id|CANCEL id|PAUSE [id]|RESUME [id]]"),
]
HELP = [
    ("help kv.delrange", ["KV.DELRANGE from to", "summary: Deletes all keys of a range with one write."]),
    ("help kv.cf set", ["KV.CF SET family setting value [setting value ...]"]),
    ("help expire", ["EXPIRE key seconds [NX|XX|GT|LT]"]),
    ("help @generic", ["KV.RANGE from to [REV]", "RENAME key newkey"]),
]


COLOUR = re.compile("\x1b\\[[0-9;]*m")


class Terminal:
    def __init__(self, port):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm", REDISCLI_HISTFILE="/dev/null", REDISCLI_RCFILE="/dev/null")
            os.execlp("redis-cli", "redis-cli", "-p", str(port))
        ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 1000, 0, 0))
        self.got = ""

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait_for(self, text):
        """It shows up sooner or later; what was shown until then is left behind."""
        deadline = time.monotonic() + 20
        while text not in self.got:
            ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
            check(ready, "%r is not in %r" % (text, self.got))
            self.got = COLOUR.sub("", self.got + os.read(self.fd, 65536).decode())
        self.got = self.got.split(text, 1)[1]

    def close(self):
        os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def main():
    if shutil.which("redis-cli") is None:
        skip("redis-cli is not installed")
    with Kvd() as kvd:
        terminal, prompt = Terminal(kvd.port), "127.0.0.1:%d> " % kvd.port
        terminal.wait_for(prompt)
        for typed, hint in HINTS:
            terminal.type(typed)
            terminal.wait_for(hint)
            terminal.type("\x15")
        for typed, lines in HELP:
            terminal.type(typed + "\r")
            for line in lines:
                terminal.wait_for(line)
            terminal.wait_for("\n" + prompt)
        terminal.close()
    print("ok")


if __name__ == "__main__":
    main()
