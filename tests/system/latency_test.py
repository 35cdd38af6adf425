"""Goal: LATENCY's replies have Redis's shapes, and its samples and counts are true.
Method: what needs no time is compared with a redis-server; then a kvd with a low threshold."""

import re
import time

from kvd_process import Kvd, check
from two_servers import Both, with_both


def shapes(servers):
    c = Both(servers)
    for words in (("LATEST",), ("LATEST", "x"), ("HISTORY", "command"), ("HISTORY", "foo"), ("HISTORY",),
                  ("HISTORY", "a", "b"), ("GRAPH", "command"), ("GRAPH", "foo"), ("RESET",),
                  ("RESET", "command", "foo"), ("FOO",), (), ("HISTOGRAM", "nosuch"), ("DOCTOR", "x")):
        c.ask("LATENCY", *words)
    for words in (("GET", "latency-monitor-threshold"), ("GET", "latency-tracking*"),
                  ("SET", "latency-monitor-threshold", "100"), ("GET", "latency-monitor-threshold"),
                  ("SET", "latency-tracking", "maybe"), ("GET", "notify-keyspace-events")):
        c.ask("CONFIG", *words, same=lambda reply: sorted(reply) if isinstance(reply, list) else reply)
    for name in ("commandstats", "errorstats", "latencystats"):
        c.ask("INFO", name, same=lambda reply: sorted(set(re.findall(rb"^# \w+|^[a-z_]*stat_(?=ERR)|[a-z_]+(?==)",
                                                                     reply, re.M))))
    c.ask("CONFIG", "SET", "latency-tracking", "no")
    c.ask("INFO", "latencystats")
    c.close()


def samples(kvd):
    c = kvd.connect()
    begun = int(time.time())
    # Every write is slower than one microsecond to become durable.
    check(c.command("CONFIG", "SET", "latency-monitor-threshold", "1us") == b"+OK", "threshold")
    for i in range(200):
        check(c.command("SET", "k%d" % i, b"x" * 1000) == b"+OK", "written")
    big = c.command("KEYS", "*")
    check(len(big) == 200, "walked")
    latest = {entry[0]: entry[1:] for entry in c.command("LATENCY", "LATEST")}
    check({b"wal-sync", b"command", b"fast-command"} & set(latest) >= {b"command"}, latest)
    for name, (wall, ms, most) in latest.items():
        check(begun <= int(wall[1:]) <= time.time() + 1 and int(ms[1:]) <= int(most[1:]), latest)
        history = c.command("LATENCY", "HISTORY", name)
        check(len(history) >= 1 and history[-1][0] >= wall, history)
        graph = c.command("LATENCY", "GRAPH", name).split(b"\n")
        check(graph[0].startswith(name + b" - high ") and graph[1] == b"-" * 80 and len(graph) >= 8, graph)
    doctor = c.command("LATENCY", "DOCTOR")
    check(all(name + b": " in doctor for name in latest), doctor)
    check(b"wal-sync" in latest, "the log: %r" % latest)
    check(int(c.command("LATENCY", "RESET", "command")[1:]) == 1, "reset")
    check(int(c.command("LATENCY", "RESET")[1:]) >= 1, "reset")
    check(c.command("CONFIG", "SET", "latency-monitor-threshold", "0") == b"+OK", "off")
    c.command("LATENCY", "RESET")
    c.command("SET", "k", "v")
    check(c.command("LATENCY", "LATEST") == [], "nothing is kept")
    check(b"not monitored" in c.command("LATENCY", "DOCTOR"), "says so")


def histograms(kvd):
    c = kvd.connect()
    check(c.command("CONFIG", "RESETSTAT") == b"+OK", "reset")
    for _ in range(300):
        c.command("GET", "k1")
    c.command("NOSUCH")
    c.command("GET")
    name, (calls, count, usec, buckets) = c.command("LATENCY", "HISTOGRAM", "get", "nosuch")
    check((name, calls, count, usec) == (b"get", b"calls", b":300", b"histogram_usec"), name)
    numbers = [int(number[1:]) for number in buckets]
    bounds, counts = numbers[0::2], numbers[1::2]
    redis = [1, 2, 4, 8, 16, 33, 66, 132, 264, 528, 1056, 2113, 4227, 8454, 16908, 33816, 67633, 135266,
             270532, 541065, 1082130]
    check(set(bounds) <= set(redis) and bounds == sorted(bounds), bounds)
    check(counts == sorted(set(counts)) and counts[-1] == 300, counts)
    everything = c.command("LATENCY", "HISTOGRAM")
    check({b"get", b"config", b"latency"} <= set(everything[0::2]), everything[0::2])
    info = c.command("INFO", "latencystats")
    p50, p99, p999 = map(float, re.search(
        rb"latency_percentiles_usec_get:p50=([\d.]+),p99=([\d.]+),p99.9=([\d.]+)\r\n", info).groups())
    check(p50 <= p99 <= p999 <= 2 * bounds[-1] + 1, info)
    check(re.search(rb"cmdstat_get:calls=300,usec=\d+,usec_per_call=[\d.]+,rejected_calls=1,failed_calls=0",
                    c.command("INFO", "commandstats")), "commandstats")
    check(b"errorstat_ERR:count=2\r\n" in c.command("INFO", "errorstats"), "errorstats")
    check(c.command("CONFIG", "SET", "latency-tracking", "no") == b"+OK", "off")
    c.command("GET", "k1")
    check(c.command("LATENCY", "HISTOGRAM", "get")[1][1] == b":300", "not counted")


if __name__ == "__main__":
    with_both(shapes)
    with Kvd() as kvd:
        samples(kvd)
        histograms(kvd)
