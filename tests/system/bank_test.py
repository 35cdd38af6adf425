"""Goal: money is neither made nor lost, whoever is killed and whenever: 50 clients move it between
accounts in four column families, and at each moment what all accounts hold is what there was at
the beginning; every transfer that was acknowledged is there after a crash, whole, and every one
that was not is there whole or not at all.
Method: three ways to move money: WATCH, GET and SET of what was computed, which a lost update would
show; INCRBY; KV.MERGE.  Each transfer writes its number with it, in the same EXEC, so a client that
was cut off reads whether its last one happened.  After each kill all accounts are compared, each
for itself, with what the transfers that happened make of it; readers add up all accounts in one
EXEC meanwhile.  A note of some kilobytes goes with each, so that memtables fill and tables are compacted."""

import asyncio
import collections
import os
import random

from crash_clients import SEED, Client, Server, Wire, check, round_of_load

ROUNDS = int(os.environ.get("KV_ROUNDS", "5"))
LOAD_S = float(os.environ.get("KV_LOAD_S", "1"))
TELLERS, AUDITORS, ACCOUNTS, OPENING = 50, 3, 12, 1000
FAMILIES = ("default", "db3", "savings", "loans")
NOTES = 8  # of each client, overwritten in turn
NUMBERED = {"default": 0, "db3": 3}


def into(family, *words):
    """A command in a family: by KV.IN in a named one, behind a SELECT in a numbered one."""
    if family in NUMBERED:
        return (("SELECT", NUMBERED[family]), words)
    return (("KV.IN", family, *words),)


def watch(family, account):
    choose = ("SELECT", NUMBERED[family]) if family in NUMBERED else ("KV.USE", family)
    return (choose, ("WATCH", account), ("GET", account))


def read_all():
    return [command for family in FAMILIES
            for command in into(family, "MGET", *("account:%d" % i for i in range(ACCOUNTS)))]


def balances(replies):
    """From the replies to read_all."""
    rows = [reply for reply in replies if isinstance(reply, list)]
    check(len(rows) == len(FAMILIES), replies)
    return {(family, i): int(row[i] or 0) for family, row in zip(FAMILIES, rows)
            for i in range(ACCOUNTS)}


class Teller(Client):
    def __init__(self, server, number, ledger):
        super().__init__(server, number)
        self.ledger = ledger  # what each account must hold, of all tellers together
        self.done, self.pending, self.acknowledged, self.conflicts, self.survivors = 0, None, 0, 0, 0

    def book(self):
        giver, taker, amount = self.pending
        self.ledger[giver] -= amount
        self.ledger[taker] += amount
        self.done, self.pending = self.done + 1, None

    async def settle(self):
        got = (await self.wire.commands(("GET", "done:%d" % self.number)))[0]
        happened = int(got or 0) - self.done
        check(happened in (0, 1) and (happened == 0 or self.pending is not None),
              "teller %d has %d acknowledged transfers, and the server %r" %
              (self.number, self.done, got))
        if happened:
            self.survivors += 1
            self.book()
        self.pending = None

    def record(self):
        note = self.random.randbytes(self.random.randrange(3000))
        number = self.done + 1
        return (*into("db3", "SET", "note:%d:%d" % (self.number, number % NOTES), note),
                ("SELECT", 0), ("SET", "done:%d" % self.number, number))

    async def step(self):
        giver, taker = ((self.random.choice(FAMILIES), self.random.randrange(ACCOUNTS))
                        for _ in range(2))
        if giver == taker:
            return
        amount = self.random.randrange(1, 100)
        way = self.random.randrange(3)
        moves = ((giver, -amount), (taker, amount))
        if way == 0:
            moves = await self.compute(moves)
        verb = ("SET", "INCRBY", "KV.MERGE")[way]
        commands = [command for (family, i), value in moves
                    for command in into(family, verb, "account:%d" % i, value)]
        self.pending = (giver, taker, amount)
        replies = await self.wire.transaction(*commands, *self.record())
        if replies is None:
            check(way == 0, "nothing was watched")
            self.conflicts += 1
            self.pending = None
            return
        check(isinstance(replies, list) and not any(
            isinstance(reply, bytes) and reply[:1] == b"-" for reply in replies), replies)
        self.acknowledged += 1
        self.book()

    async def compute(self, moves):
        """What both accounts will hold if nobody else touches them."""
        replies = await self.wire.commands(*(
            command for (family, i), _ in moves for command in watch(family, "account:%d" % i)))
        return [(account, int(replies[at] or 0) + change)
                for (account, change), at in zip(moves, (2, 5))]


class Auditor(Client):
    """Adds up."""

    def __init__(self, server, number):
        super().__init__(server, number)
        self.count = 0

    async def step(self):
        total = sum(balances(await self.wire.transaction(*read_all())).values())
        check(total == OPENING * ACCOUNTS * len(FAMILIES), "an auditor finds %d" % total)
        self.count += 1


async def open_bank(server):
    # The first client waits for the server.
    first = Client(server, -1)
    await first.connect()
    replies = await first.wire.commands(*(
        ("KV.CF", "CREATE", family, "merge-operator", "int64add")
        for family in FAMILIES if family != "default"))
    check(set(replies) == {b"+OK"}, replies)
    replies = await first.wire.transaction(*(
        command for family in FAMILIES for i in range(ACCOUNTS)
        for command in into(family, "SET", "account:%d" % i, OPENING)))
    check(set(replies) == {b"+OK"}, replies)
    first.wire.close()


async def check_accounts(server, ledger):
    wire = await Wire.open(server.path)
    found = balances(await wire.transaction(*read_all()))
    check(found == dict(ledger), "accounts that differ: %r" % {
        account: (found[account], ledger[account]) for account in ledger
        if found[account] != ledger[account]})
    wire.close()


async def run_bank(server, rng):
    await open_bank(server)
    ledger = {(family, i): OPENING for family in FAMILIES for i in range(ACCOUNTS)}
    tellers = [Teller(server, i, ledger) for i in range(TELLERS)]
    auditors = [Auditor(server, 1000 + i) for i in range(AUDITORS)]
    kinds = collections.Counter()
    for _ in range(ROUNDS):
        kinds[await round_of_load(server, rng, tellers + auditors, LOAD_S)] += 1
        await check_accounts(server, ledger)
        server.check_deaths()
    done = sum(teller.acknowledged for teller in tellers)
    audits = sum(auditor.count for auditor in auditors)
    print("%d rounds (%s): %d transfers acknowledged, 0 lost; %d more survived; %d gave way to others; "
          "%d audits; connections lost: %d" % (
              ROUNDS, ", ".join("%s %d" % item for item in sorted(kinds.items())), done,
              sum(teller.survivors for teller in tellers),
              sum(teller.conflicts for teller in tellers), audits,
              sum(client.gone_count for client in tellers + auditors)))
    check(done > 50 * ROUNDS and audits > ROUNDS, "hardly anything was done")
    for client in tellers + auditors:
        client.wire.close()
    server.stop()
    server.start()
    last = Client(server, -2)
    await last.connect()
    await check_accounts(server, ledger)


def main():
    print("seed=%d" % SEED)
    rng = random.Random(SEED)
    with Server("--memory-limit", "64mb", "--memtable-size", "1mb", "--merge-operator", "int64add",
                "--wal-max-size", rng.choice(("1mb", "2mb", "64mb")), "--workers",
                rng.choice(("1", "2", "3")), "--compaction-trigger", rng.choice(("1", "2", "4")),
                "--loglevel", "verbose") as server:
        asyncio.run(run_bank(server, rng))


if __name__ == "__main__":
    main()
