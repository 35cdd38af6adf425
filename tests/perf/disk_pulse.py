#!/usr/bin/env python3
"""disk_pulse.py FILE - how long the disk itself lets a small durable write wait, whoever else writes.

Twenty times a second 4 KiB are written over themselves, past the page cache and durably, until a
signal ends it.  Then one line: writes, how many took over 50 ms, the longest in milliseconds, and
when that ended in Unix seconds.
It does what a log does, in a process that has nothing else to do: what it waits for is the machine.
"""
import mmap
import os
import signal
import sys
import time

BLOCK_BYTES = 4096
PERIOD_S = 0.05
LONG_S = 0.05


class End(Exception):
    pass


def end(_signal, _frame):
    raise End


def main():
    waits = []
    block = mmap.mmap(-1, BLOCK_BYTES)
    file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT | os.O_DIRECT, 0o600)
    os.pwrite(file, block, 0)
    os.fsync(file)
    signal.signal(signal.SIGTERM, end)
    try:
        while True:
            time.sleep(PERIOD_S)
            began = time.monotonic()
            os.pwritev(file, [block], 0, os.RWF_DSYNC)
            waits.append((time.monotonic() - began, time.time()))
    except End:
        longest, at = max(waits, default=(0, 0))
        slow = sum(wait > LONG_S for wait, _ in waits)
        print(len(waits), slow, f"{longest * 1000:.1f} {at:.0f}")


main()
