#!/usr/bin/env python3
"""kvctl against a real kvd.

Goal: every verb, format and exit code; a directory with and without a running server, and with
      kvctl killed in the middle; the shell through a pipe and on a terminal.
Method: the program is run as a user runs it; standard output is compared byte for byte.
"""

import base64
import json
import os
import pty
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time

from kvd_process import BIN, Kvd, check, free_port

KVCTL = os.path.join(BIN, "kvctl")
ALL_BYTES = bytes(range(256)) * 3


class Result:
    def __init__(self, done):
        self.out, self.code = done.stdout, done.returncode
        self.err = done.stderr.decode(errors="replace")


def run(*words, data=b"", env=None):
    words = [word if isinstance(word, bytes) else str(word) for word in words]
    return Result(subprocess.run([KVCTL, *words], input=data, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, timeout=120,
                                 env=dict(os.environ, **(env or {}))))


def expect(result, out, code=0, err=None):
    told = "out %r, err %r, code %d" % (result.out, result.err, result.code)
    check(result.code == code, "expected code %d: %s" % (code, told))
    if out is not None:
        check(result.out == out, "expected %r: %s" % (out, told))
    check((err or "") in result.err, "expected '%s': %s" % (err, told))
    if err is None:
        check(result.err == "", told)


def verbs(p):
    expect(run(*p, "ping"), b"PONG\n")
    expect(run(*p, "ping", "hello"), b"hello")
    expect(run(*p, "set", "k", "value"), b"OK\n")
    expect(run(*p, "get", "k"), b"value")
    expect(run(*p, "get", "missing"), b"", 1)
    expect(run(*p, "set", "k", "-5"), b"OK\n")
    expect(run(*p, "get", "k"), b"-5")
    expect(run(*p, "set", "bin", "-", data=ALL_BYTES), b"OK\n")
    expect(run(*p, "get", "bin"), ALL_BYTES)
    expect(run(*p, "set", "empty", "-"), b"OK\n")
    expect(run(*p, "get", "empty"), b"")
    large = os.urandom(3 * 1024 * 1024)
    expect(run(*p, "set", "large", "-", data=large), b"OK\n")
    expect(run(*p, "get", "large"), large)
    expect(run(*p, "set", "k", "other", "NX"), b"", 5)
    expect(run(*p, "set", "none", "other", "XX"), b"", 5)
    expect(run(*p, "set", "k", "other", "XX"), b"OK\n")
    expect(run(*p, "exists", "k", "bin", "no"), b"2\n")
    expect(run(*p, "exists", "no"), b"0\n", 1)
    expect(run(*p, "delete", "k", "no"), b"1\n")
    expect(run(*p, "delete", "k"), b"0\n")
    expect(run(*p, "mset", "a", "1", "b", "x y"), b"OK\n")
    expect(run(*p, "mget", "a", "no", "b"), b"1\n\nx y\n")
    expect(run(*p, "mget", "no", "never"), b"\n\n", 1)
    expect(run(*p, "incr", "a"), b"2\n")
    expect(run(*p, "incr", "a", "40"), b"42\n")
    expect(run(*p, "incr", "a", "-2"), b"40\n")
    expect(run(*p, "incr", "a", "0.5"), b"40.5")
    expect(run(*p, "command", "strlen", "b"), b"3\n")
    expect(run(*p, "flush"), b"OK\n")
    expect(run(*p, "config", "get", "maxclients"), b"maxclients\n10000\n")
    expect(run(*p, "config", "set", "maxclients", "5000"), b"OK\n")
    check(b"redis_version:" in run(*p, "info", "server").out, "info server")
    check(b"\r" not in run(*p, "info").out, "info ends lines with newlines alone")
    check(b"last_sequence:" in run(*p, "stats").out, "stats")
    check(run(*p, "workers").out.startswith(b"state="), "workers")


def formats(p):
    run(*p, "mset", "text", "gr\u00fcn\n", "a", "1")
    run(*p, "set", "bin", "-", data=ALL_BYTES)
    check(json.loads(run(*p, "-o", "json", "get", "text").out) == "gr\u00fcn\n", "json text")
    value = json.loads(run(*p, "-o", "json", "get", "bin").out)
    check(base64.b64decode(value["base64"]) == ALL_BYTES, "json bytes")
    check(json.loads(run(*p, "-o", "json", "mget", "a", "no").out) == ["1", None], "json mget")
    check(json.loads(run(*p, "-o", "json", "exists", "a").out) == 1, "json number")
    expect(run(*p, "-o", "json", "get", "no"), b"null\n", 1)
    info = json.loads(run(*p, "-o", "json", "info").out)
    check(info["Server"]["redis_mode"] == "standalone" and "Kvd" in info, "json info")
    config = json.loads(run(*p, "-o", "json", "config", "get", "*").out)
    check(config["wal-sync"] == "always", "json config")
    workers = json.loads(run(*p, "-o", "json", "workers").out)
    check(len(workers) == 1 and workers[0]["id"] == 1, "json workers")
    json.loads(run(*p, "-o", "json", "command", "command").out)
    expect(run(*p, "-o", "hex", "get", "bin"), ALL_BYTES.hex().encode() + b"\n")
    expect(run(*p, "-o", "hex", "mget", "a", "no"), b"31\n(nil)\n")
    expect(run(*p, "-o", "table", "mget", "a", "no"),
           b"key  value\n---  -----\na    1\nno   (nil)\n")
    expect(run(*p, "-o", "pretty", "mget", "a", "no"), b'1) "1"\n2) (nil)\n')
    check(b"state" in run(*p, "-o", "table", "workers").out, "table workers")


def errors(p):
    for words in (["get"], ["get", "a", "b"], ["set", "k"], ["mset", "a"], ["nonsense"],
                  ["-o", "xml", "get", "a"], ["-p", "0", "ping"], ["-p", "70000", "ping"],
                  ["-n", "x", "ping"], ["--timeout", "-1", "ping"], ["--bogus"], ["inspect"],
                  ["--path", "x", "-s", "y", "ping"], ["command"]):
        result = run(*words)
        check(result.code == 2 and result.err and not result.out, "usage %s: %r" %
              (words, vars(result)))
    expect(run(*p, "command", "nonsense"), b"", 4, "unknown command")
    expect(run(*p, "incr", "text"), b"", 4, "not an integer")
    expect(run(*p, "-n", "9999", "get", "a"), b"", 4, "SELECT")
    expect(run(*p, "-a", "wrong", "ping"), b"", 4, "AUTH")
    expect(run("-p", free_port(), "ping"), b"", 3, "is kvd running?")
    expect(run("-s", "/nonexistent/kvd.sock", "ping"), b"", 3, "/nonexistent/kvd.sock")
    check(run("--help").out.startswith(b"Usage: kvctl"), "help")
    check(run("--version").out.startswith(b"kvctl "), "version")
    with open("/dev/full", "wb") as full:
        done = subprocess.run([KVCTL, *map(str, p), "ping"], stdout=full, stderr=subprocess.PIPE)
    check(done.returncode == 74, "a full disk: %d" % done.returncode)


def silent_server():
    """Accepts and never answers; then answers half and closes."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        expect(run("-p", port, "--timeout", "0.2", "ping"), b"", 3, "no reply in time")
        listener.accept()[0].close()

        def answer_half():
            client = listener.accept()[0]
            client.recv(1000)
            client.sendall(b"$100\r\nhalf")
            client.close()

        thread = threading.Thread(target=answer_half)
        thread.start()
        expect(run("-p", port, "get", "a"), b"", 3, "connection was lost")
        thread.join()


def passwords():
    with Kvd("--requirepass", "se cret") as kvd:
        p = ["-p", str(kvd.port)]
        # The helper's first connection says nothing; without the password nobody gets further.
        expect(run(*p, "ping"), b"", 4, "NOAUTH")
        expect(run(*p, "-a", "se cret", "ping"), b"PONG\n")
        expect(run(*p, "ping", env={"KVCTL_PASSWORD": "se cret"}), b"PONG\n")
        expect(run(*p, "-a", "wrong", "ping"), b"", 4, "WRONGPASS")


def unix_socket():
    path = os.path.join(os.environ["TMPDIR"], "kvd.sock")
    with Kvd("--unixsocket", path):
        expect(run("-s", path, "set", "a", "1"), b"OK\n")
        expect(run("-s", path, "get", "a"), b"1")


def leftovers():
    return [name for name in os.listdir(os.environ["TMPDIR"]) if name.startswith("kvctl.")]


def private_server(work):
    path = os.path.join(work, "data")
    p = ["--path", path]
    expect(run(*p, "get", "a"), b"", 3, "--create makes")
    check(not os.path.exists(path), "a slip in the name makes nothing")
    expect(run("--path", work, "get", "a"), b"", 3, "no database")
    expect(run(*p, "--create", "set", "a", "1"), b"OK\n")
    expect(run(*p, "get", "a", env={"KVCTL_PASSWORD": "of another server"}), b"1")
    expect(run(*p, "get", "no"), b"", 1)
    expect(run(*p, "--kvd", "/nonexistent/kvd", "get", "a"), b"", 3, "--kvd names the program")
    expect(run(*p, data=b"set b 2\nget a\nget b\n"), b"OK\n1\n2\n")
    check(leftovers() == [], "left behind: %s" % leftovers())

    # Ctrl-C while the shell waits: code 130, and no server is left behind.
    shell = subprocess.Popen([KVCTL, *p], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    shell.stdin.write(b"ping\n")
    shell.stdin.flush()
    check(shell.stdout.readline() == b"PONG\n", "the shell answers")
    check(len(leftovers()) == 1, "one private kvd")
    # Another kvctl finds that one by its endpoint file, and leaves it running.
    expect(run(*p, "get", "a"), b"1")
    shell.send_signal(signal.SIGINT)
    check(shell.wait(timeout=30) == 130, "interrupted")
    check(leftovers() == [], "left behind: %s" % leftovers())
    expect(run(*p, "get", "b"), b"2")

    # kvctl is killed: its server ends by itself and gives the lock back.
    shell = subprocess.Popen([KVCTL, *p], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    shell.stdin.write(b"set c 3\n")
    shell.stdin.flush()
    check(shell.stdout.readline() == b"OK\n", "the shell answers")
    shell.kill()
    shell.wait()
    deadline = time.monotonic() + 30
    while run(*p, "get", "c").out != b"3":
        check(time.monotonic() < deadline, "the lock is given back")
    for name in leftovers():
        shutil.rmtree(os.path.join(os.environ["TMPDIR"], name))


def running_server():
    """The endpoint file leads to a kvd that has the directory."""
    with Kvd() as kvd:
        endpoint = os.path.join(kvd.dir, "kvd.endpoint")
        good = "%d\ntcp 127.0.0.1 %d\n" % (kvd.process.pid, kvd.port)
        deadline = time.monotonic() + 30
        while not os.path.exists(endpoint):
            check(time.monotonic() < deadline, "kvd says where it listens")
        expect(run("--path", kvd.dir, "ping"), b"PONG\n")
        for text in ("", "1\n", "garbage", good[:-1], good + "x", "-1\ntcp 127.0.0.1 7379\n",
                     "%d\ntcp 127.0.0.1 %d\n" % (kvd.process.pid + 1, kvd.port),
                     "%d\nunix relative\n" % kvd.process.pid, "%d\nunix \n" % kvd.process.pid,
                     "%d\ntcp 127.0.0.1 65536\n" % kvd.process.pid, "\0" * 10000):
            with open(endpoint, "w") as file:
                file.write(text)
            expect(run("--path", kvd.dir, "ping"), b"", 3, "is in use by process")
        with open(endpoint, "w") as file:
            file.write(good)
        expect(run("--path", kvd.dir, "set", "a", "1"), b"OK\n")
        expect(run("-p", kvd.port, "get", "a"), b"1")
        check(kvd.process.poll() is None, "it is not ours to stop")


def shell(p):
    script = (b'set quoted "a\\x00b \\"c\\"\\n"\n\n  get quoted  \nset \'it\' "is"\nGET it\n'
              b"mget it no\ndelete it quoted\nhelp get\nhelp nonsense\nincr n\nstats\n"
              b"help set\nhelp client pause\nhelp kv.snapshot\nhelp bitfield\nhelp time\n")
    result = run(*p, data=script)
    check(result.out.startswith(b'OK\na\x00b "c"\n\nOK\nis\nis\n\n2\nGET key\n  Returns '), "%r" % result.out)
    for text in (b"SET key value [NX|XX|IFEQ ifeq-value|", b"\nCLIENT PAUSE timeout [WRITE|ALL]\n  Let ",
                 b"\nKV.SNAPSHOT\n", b"\nKV.SNAPSHOT CREATE [NAME name] TTL seconds\n  Keeps ", b"\nTIME\n  ",
                 b"\nBITFIELD key [GET encoding offset|[OVERFLOW WRAP|SAT|FAIL] SET encoding offset value|"
                 b"INCRBY encoding offset increment [GET encoding "):
        check(text in result.out, "%r is not in %r" % (text, result.out))
    check(b"does not know" in result.out and b"last_sequence:" in result.out, "%r" % result.out)
    check(result.code == 0, "%d" % result.code)
    result = run(*p, "-o", "json", "command", "command", "docs", "client|kill", "bitfield")
    check(result.code == 0 and b"encoding_offset_increment" in result.out, "deeply nested: %r" % result.out)
    expect(run(*p, data=b'get "unbalanced\nping\n'), b"PONG\n", 2, "not balanced")
    expect(run(*p, data=b"nonsense\nping\nquit\nping\n"), b"PONG\n", 4, "unknown command")
    expect(run(*p, data=b"get a\0b\nping"), b"PONG\n", 2, "byte 0")
    expect(run(*p, "-o", "json", data=b"mget no\n"), b"[null]\n")
    expect(run("-p", free_port(), data=b"ping\n"), b"", 3, "cannot connect")


def read_until(fd, text, seen):
    deadline = time.monotonic() + 20
    while text not in seen[0]:
        ready, _, _ = select.select([fd], [], [], max(0, deadline - time.monotonic()))
        check(ready, "%r is not in %r" % (text, seen[0]))
        try:
            seen[0] += os.read(fd, 65536)
        except OSError:
            raise AssertionError("%r is not in %r" % (text, seen[0]))
    seen[0] = seen[0].split(text, 1)[1]


def wait_for_editor(fd):
    """The prompt comes a moment before the editor's mode; in the other one Ctrl-D would get lost."""
    deadline = time.monotonic() + 20
    while termios.tcgetattr(fd)[3] & termios.ICANON:
        check(time.monotonic() < deadline, "the editor does not begin")
        time.sleep(0.001)


def read_to_end(fd):
    deadline = time.monotonic() + 20
    try:
        while select.select([fd], [], [], max(0, deadline - time.monotonic()))[0]:
            if not os.read(fd, 65536):
                return
    except OSError:  # EIO: the other side is gone
        return
    raise AssertionError("the shell does not end")


def terminal(p, work):
    """Prompt, pretty replies, completion, history without passwords, end by Ctrl-D."""
    home = os.path.join(work, "home")
    os.mkdir(home)
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(HOME=home, TERM="vt100")
        os.execv(KVCTL, [KVCTL, *map(str, p)])
    seen = [b""]
    read_until(fd, b"> ", seen)
    os.write(fd, b"set word 'two words'\n")
    read_until(fd, b"OK", seen)
    os.write(fd, b"auth hunter2\n")
    read_until(fd, b"kvctl: ", seen)
    os.write(fd, b"STRL\tword\n")
    read_until(fd, b"(integer) 9", seen)
    os.write(fd, b"get word\n")
    read_until(fd, b'"two words"', seen)
    read_until(fd, b"> ", seen)
    wait_for_editor(fd)
    os.write(fd, b"\x04")
    read_to_end(fd)
    _, state = os.waitpid(pid, 0)
    os.close(fd)
    check(os.waitstatus_to_exitcode(state) == 0, "state %d" % state)
    path = os.path.join(home, ".kvctl_history")
    with open(path) as file:
        history = file.read()
    check("two" in history and "hunter2" not in history, history)
    check(os.stat(path).st_mode & 0o077 == 0, "the history is the user's alone")


def main():
    work = tempfile.mkdtemp(prefix="kvctl-test-")
    os.environ["TMPDIR"] = work
    os.environ.pop("KVCTL_PASSWORD", None)
    try:
        with Kvd() as kvd:
            p = ["-p", str(kvd.port)]
            for step in (verbs, formats, errors, shell):
                step(p)
                print("ok", step.__name__, flush=True)
            terminal(p, work)
        for step in (silent_server, passwords, unix_socket, running_server):
            step()
            print("ok", step.__name__, flush=True)
        private_server(work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print("ok")


if __name__ == "__main__":
    sys.exit(main())
