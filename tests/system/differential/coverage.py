"""coverage.py - how often which command was sent, in which ways, and that none is left out."""
import os
import re

from differential.differences import ELSEWHERE, is_own
from differential.servers import fail

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../cli/COMPATIBILITY.md")
WAYS = ("done", "refused", "resp3", "pipelined", "queued")
WITHOUT_ERRORS = (b"info", b"unsubscribe", b"punsubscribe", b"sunsubscribe")
COMMAND_COUNT_MIN, WAYS_COUNT_MIN = 50000, 300000  # from which on chance leaves out none


def shared_commands():
    """Those that kvd has from Redis, as the page has them; none if the page is not at hand."""
    if not os.path.exists(PAGE):
        return []
    with open(PAGE, "rb") as page:
        names = [name.lower() for name in re.findall(rb"^\| `([A-Z_.]+)` \|", page.read(), re.M)]
    return [name for name in names if not is_own(name) and name not in ELSEWHERE]


class Coverage:
    def __init__(self):
        self.counts = {}

    def count(self, args, reply, protocol, is_pipelined):
        """Returns the protocol that the connection speaks behind it."""
        name = args[0].lower()
        ways = self.counts.setdefault(name, dict.fromkeys(WAYS, 0))
        ways["refused" if reply[:1] == b"-" else "done"] += 1
        ways["resp3"] += protocol == 3
        ways["pipelined"] += is_pipelined
        ways["queued"] += reply == b"+QUEUED\r\n"
        if name == b"hello" and reply[:1] in b"*%":
            return 3 if reply[:1] == b"%" else 2
        return 2 if name == b"reset" and reply[:1] == b"+" else protocol

    def check(self, command_count):
        """Each was sent; by a long test in all ways but perhaps in transactions."""
        for name in shared_commands() if command_count >= COMMAND_COUNT_MIN else []:
            ways = self.counts.get(name)
            if ways is None:
                fail("the test has not sent %s" % name.decode())
            lacking = [way for way in ("refused", "resp3", "pipelined") if ways[way] == 0 and
                       not (way == "refused" and name in WITHOUT_ERRORS)]
            if lacking and command_count >= WAYS_COUNT_MIN:
                fail("the test has sent %s, but not %s" % (name.decode(), ", ".join(lacking)))

    def show(self):
        print("command: " + "/".join(WAYS))
        shared = set(shared_commands())
        print(", ".join("%s %s" % (name.decode(), "/".join(str(ways[way]) for way in WAYS))
                        for name, ways in sorted(self.counts.items()) if name in shared))
