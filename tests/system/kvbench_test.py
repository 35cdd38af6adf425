"""Goal: kvbench does what it says, on kvd and on redis-server: every workload runs without an error,
operations are exactly as many as asked for, by the server's own count; an open loop shows a server
that stands still, and a closed loop does not; what goes wrong is told by the exit code.
Method: the programs themselves; a server is made to stand still by SIGSTOP for one second."""

import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

from kvd_process import BIN, Kvd, Redis, check, free_port, skip

KVBENCH = os.path.join(BIN, "kvbench")
COMMON = ["set", "get", "mixed", "load", "ycsb-a", "ycsb-b", "ycsb-c", "ycsb-d", "ycsb-f", "fillseq",
          "fillrandom", "overwrite", "readrandom", "readmissing", "readwhilewriting",
          "deleterandom"]
OWN = {"ycsb-e": "KV.RANGE", "seekrandom": "KV.RANGE"}
COMMAND_OF = {"get": "get", "set": "set", "insert": "set", "miss": "get", "del": "del",
              "merge": "kv.merge"}


def start(*arguments):
    return subprocess.Popen([KVBENCH, "-q", *map(str, arguments)], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def run(*arguments, code=0):
    """Standard output, standard error and the result."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        process = start(*arguments, "--json", file.name)
        out, err = process.communicate(timeout=120)
        check(process.returncode == code, "%s: exit code %d, not %d\n%s%s" % (
            arguments, process.returncode, code, out, err))
        text = file.read()
    return out, err, json.loads(text) if text else None


def calls_of(connection):
    """What the server counted, by command."""
    calls = {}
    for line in connection.command("INFO", "commandstats").decode().splitlines():
        if line.startswith("cmdstat_"):
            name, rest = line[len("cmdstat_"):].split(":", 1)
            calls[name] = int(rest.split("calls=")[1].split(",")[0])
    return calls


def counts_are_the_servers(server, workload, *more):
    connection = server.connect()
    check(connection.command("CONFIG", "RESETSTAT") == b"+OK", "reset")
    _, _, result = run("-p", server.port, "-t", workload, "-n", 5003, "-r", 1000, "-c", 7, "-P", 3,
                       *more)
    calls, wanted = calls_of(connection), {}
    (one,) = result["runs"]
    check(sum(op["count"] for op in one["operations"]) == 5003, (workload, one["operations"]))
    for op in one["operations"]:
        check(op["errors"] == 0, (workload, op))
        for command in ("get", "set") if op["name"] == "rmw" else (COMMAND_OF.get(op["name"]),):
            wanted[command] = wanted.get(command, 0) + op["count"]
    for command, count in wanted.items():
        if command is not None:
            check(calls.get(command) == count, (workload, more, calls, wanted))


def every_workload_runs(server):
    connection = server.connect()
    for workload in COMMON:
        counts_are_the_servers(server, workload)
    counts_are_the_servers(server, "mixed", "--rate", 20000, "--late-bound", 10)
    counts_are_the_servers(server, "ycsb-b", "--distribution", "hotspot", "-d", "10-300")
    counts_are_the_servers(server, "mixed", "--ratio", "1:1", "--verify")
    for workload, command in OWN.items():
        if connection.command("COMMAND", "INFO", command)[0]:
            counts_are_the_servers(server, workload)
    out, _, result = run("-p", server.port, "--command", "MSET __key__ __data__ b-__key__ 1", "-n",
                         1000, "-r", 10)
    check(result["runs"][0]["operations"][0]["count"] == 1000, out)
    check(connection.command("GET", "b-key:000000000003") == b"1", "the command was filled in")


def an_open_loop_shows_a_stall(server):
    """One second in 4: in the open loop a quarter of the operations wait for it, half a second on
    the average; in the closed loop there are ten that wait, of tens of thousands."""
    seen = {}
    for loop, options in (("closed", ["-c", 10]),
                          ("open", ["-c", 50, "--rate", 5000, "--late-bound", 10])):
        with tempfile.NamedTemporaryFile(suffix=".json") as file:
            process = start("-p", server.port, "-t", "get", "-r", 1000, "--duration", 4,
                            "--server-pid", server.process.pid, "--json", file.name, *options)
            check("seed=" in process.stderr.readline(), "it has started")
            time.sleep(1.5)
            server.process.send_signal(signal.SIGSTOP)
            time.sleep(1)
            server.process.send_signal(signal.SIGCONT)
            out, err = process.communicate(timeout=60)
            check(process.returncode == 0, out + err)
            (one,) = json.load(file)["runs"]
        seen[loop] = one["operations"][0]
        check(one["server_cpu_us"] > 0, one["server_cpu_us"])
        check(seen[loop]["latency_ns"]["max"] > 0.9e9, (loop, "max", seen[loop]["latency_ns"]["max"]))
    check(seen["open"]["count"] == 20000, seen["open"]["count"])
    check(percentile(seen["open"], 99.9) > 0.9e9, "p99.9 of the open loop shows it")
    check(percentile(seen["open"], 90) > 0.5e9, "and so does p90")
    check(percentile(seen["closed"], 99.9) < 0.2e9, "p99.9 of the closed loop hides it: %s of %s" % (
        percentile(seen["closed"], 99.9), seen["closed"]["count"]))


def percentile(operation, percent):
    return operation["latency_ns"]["p%g" % percent]


def trouble_has_its_exit_code(server):
    run("-p", free_port(), code=3)
    run("-t", "nothing", code=2)
    run("-p", server.port, "nonsense", code=2)
    out, _, _ = run("-p", server.port, "--command", "NOSUCH __key__", "-n", 100, code=4)
    check("unknown command" in out, out)
    _, err, _ = run("-p", server.port, "-a", "wrong", "-n", 10, code=4)
    check("the server says" in err, err)
    for number in (signal.SIGINT, signal.SIGTERM):
        process = start("-p", server.port, "-t", "set", "--duration", 60, "-r", 100)
        check("seed=" in process.stderr.readline(), "it has started")
        time.sleep(0.3)
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        check(process.returncode == 130, (process.returncode, out, err))
        check("p99.9" in out and "set" in out, "the report is there:\n" + out)


def losses_are_found(server):
    """A value that changes behind kvbench's back."""
    with tempfile.TemporaryDirectory(prefix="kvbench-") as folder:
        journal = os.path.join(folder, "journal")
        run("-p", server.port, "-t", "set,ycsb-a,deleterandom,ycsb-f", "-n", 2000, "-r", 500, "-c",
            5, "-P", 4, "--journal", journal)
        ended = subprocess.run([KVBENCH, "check", journal, "-p", str(server.port)],
                               capture_output=True, text=True, timeout=60)
        check(ended.returncode == 0, ended.stdout + ended.stderr)
        connection = server.connect()
        check(connection.command("SET", "key:000000000007", "x" * 100) == b"+OK", "set")
        ended = subprocess.run([KVBENCH, "check", journal, "-p", str(server.port)],
                               capture_output=True, text=True, timeout=60)
        check(ended.returncode == 65, ended.stdout + ended.stderr)
        check("key:000000000007" in ended.stdout, ended.stdout)


def results_can_be_compared(server):
    with tempfile.TemporaryDirectory(prefix="kvbench-") as folder:
        names = [os.path.join(folder, name) for name in ("a.json", "b.json")]
        for name in names:
            process = start("-p", server.port, "-t", "get", "-n", 2000, "-r", 100, "--repeat", 3,
                            "--json", name)
            process.communicate(timeout=60)
            check(process.returncode == 0, "run")
        ended = subprocess.run([KVBENCH, "compare", *names], capture_output=True, text=True,
                               timeout=60)
        check(ended.returncode == 0 and "get" in ended.stdout, ended.stdout + ended.stderr)


def a_lost_server_is_told(make):
    with make() as server:
        process = start("-p", server.port, "-t", "set", "--duration", 60, "-r", 100)
        check("seed=" in process.stderr.readline(), "it has started")
        time.sleep(0.3)
        server.process.kill()
        out, err = process.communicate(timeout=20)
        check(process.returncode == 3, (process.returncode, out, err))
        check("is lost" in err and "p99.9" in out, out + err)
        check("times: the connection was lost" in out, "what was in flight is an error:\n" + out)


def a_silent_server_is_told(server):
    server.process.send_signal(signal.SIGSTOP)
    try:
        process = start("-p", server.port, "-t", "set", "-n", 10, "-r", 10, "--timeout", 0.5)
        _, err = process.communicate(timeout=20)
        check(process.returncode == 3 and "no reply in time" in err, (process.returncode, err))
    finally:
        server.process.send_signal(signal.SIGCONT)
    process = start("-p", server.port, "-t", "set", "--duration", 60, "-r", 10, "--timeout", 0.5)
    check("seed=" in process.stderr.readline(), "it has started")
    time.sleep(0.3)
    server.process.send_signal(signal.SIGSTOP)
    try:
        out, err = process.communicate(timeout=20)
        check(process.returncode == 3 and "has not answered" in err, (process.returncode, err))
        check("50 times: no reply" in out, out)
    finally:
        server.process.send_signal(signal.SIGCONT)


def latencies_are_those_of_redis_benchmark():
    """Ten connections to a server that sleeps 2 ms for each request: latency is the server's, however
    busy this machine is, and so both must see the same."""
    program = shutil.which("redis-benchmark")
    if program is None:
        print("redis-benchmark is not installed; not compared")
        return
    sleep = ["DEBUG", "SLEEP", "0.002"]
    ours, theirs = [], []
    with Redis("--enable-debug-command", "yes") as server:
        for _ in range(5):
            _, _, result = run("-p", server.port, "--command", " ".join(sleep), "-c", 10, "-n", 500)
            ours.append(result["runs"][0]["operations"][0]["latency_ns"]["p50"] / 1e6)
            ended = subprocess.run([program, "-p", str(server.port), "-c", "10", "-n", "500", "--csv",
                                    *sleep], capture_output=True, text=True, timeout=60)
            theirs.append(float(ended.stdout.splitlines()[-1].split(",")[4].strip('"')))
    ratio = statistics.median(ours) / statistics.median(theirs)
    check(0.95 < ratio < 1.05, (ours, theirs))


def sockets_and_protocols(folder):
    path = os.path.join(folder, "kvd.sock")
    with Kvd("--unixsocket", path, "--requirepass", "secret") as kvd:
        run("-s", path, "-a", "secret", "-t", "set,get", "-n", 1000, "-r", 100)
        run("-p", kvd.port, "-a", "secret", "-t", "ycsb-a", "-n", 1000, "-r", 100, "--resp3")
        _, err, _ = run("-p", kvd.port, "-n", 10, code=4)
        check("NOAUTH" in err, err)


def without_uring():
    wrapper = os.path.join(BIN, "without_uring")
    with Redis() as server:
        ended = subprocess.run([wrapper, "EPERM", KVBENCH, "-p", str(server.port)],
                               capture_output=True, text=True, timeout=60)
        if ended.returncode != 77:
            check(ended.returncode == 71 and "seccomp" in ended.stderr, ended.stderr)


def every_option_is_documented():
    source = os.environ.get("KV_SOURCE", ".")
    shown = subprocess.run([KVBENCH, "--help"], capture_output=True, text=True, check=True).stdout
    options = set(re.findall(r"--[a-z0-9-]+", shown))
    workloads = set(re.findall(r"^  ([a-z][a-z-]+)  ", shown, re.M))
    check(len(options) > 30 and len(workloads) > 15, shown)
    with open(os.path.join(source, "cli/kvbench/kvbench.1")) as file:
        page = file.read().replace("\\-", "-")
    with open(os.path.join(source, "cli/completions/kvbench.bash")) as file:
        completion = file.read()
    for name in options | workloads:
        check(re.search(re.escape(name) + r"(?![a-z-])", page), name + " is in the manual")
        check(re.search(re.escape(name) + r"(?![a-z-])", completion), name + " is completed")


def main():
    if not os.path.exists(KVBENCH):
        skip("kvbench was not built")
    every_option_is_documented()
    with Kvd() as kvd, Redis() as redis:
        for server in (kvd, redis):
            every_workload_runs(server)
            trouble_has_its_exit_code(server)
        an_open_loop_shows_a_stall(redis)
        an_open_loop_shows_a_stall(kvd)
        a_silent_server_is_told(redis)
        losses_are_found(kvd)
        results_can_be_compared(kvd)
    latencies_are_those_of_redis_benchmark()
    with Kvd("--merge-operator", "stringappend") as kvd:
        counts_are_the_servers(kvd, "mergerandom", "-d", 8)
    a_lost_server_is_told(Kvd)
    with tempfile.TemporaryDirectory(prefix="kvbench-") as folder:
        sockets_and_protocols(folder)
    without_uring()


main()
