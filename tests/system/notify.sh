#!/bin/bash
# notify.sh - Goal: what kvd tells its service manager, in which order: STATUS while it recovers,
# READY only when it serves, signs of life, reloads, STOPPING; also that it takes over a listening
# socket and leaves it alone at the end.
#
# Method: a stand-in for systemd passes a socket and records what comes over NOTIFY_SOCKET.  A
# client that connects before kvd accepts tells READY from earlier.  Needs no root.
set -u
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
cat >"$dir/manager.py" <<'PY'
import os, signal, socket, subprocess, sys

kvd, work = sys.argv[1:3]
failed = 0

def check(what, passed, shown=""):
    global failed
    print(f"ok: {what}" if passed else f"FAILED: {what} {shown}")
    failed |= not passed

class Manager:
    """One run of kvd, as the unit would start it."""

    def __init__(self, watchdog_us, config=""):
        self.told = []
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(f"\0kvd-notify-{os.getpid()}-{id(self)}")
        self.notify.settimeout(20)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        with open(f"{work}/kvd.conf", "w") as file:
            file.write(f"dir {work}/data\nwal-max-size 1gb\n{config}")
        self.watchdog_us = watchdog_us

    def start(self):
        name = self.notify.getsockname()
        environment = dict(
            os.environ, LISTEN_FDS="1", LISTEN_FDNAMES="resp", WATCHDOG_USEC=str(self.watchdog_us),
            NOTIFY_SOCKET="@" + name[1:].decode())
        def become_child():
            os.dup2(self.listener.fileno(), 3)
            os.environ["LISTEN_PID"] = str(os.getpid())
        # LISTEN_PID is only known in the child; a shell's exec keeps its pid.
        command = ["sh", "-c", f'LISTEN_PID=$$ exec "{kvd}" "{work}/kvd.conf"']
        self.process = subprocess.Popen(command, env=environment, preexec_fn=become_child,
                                        pass_fds=[3], stderr=open(f"{work}/log", "a"))

    def until(self, line):
        """Records messages until one has the line; returns what came with and before it."""
        seen = []
        while line not in seen:
            lines = self.notify.recv(4096).decode().split("\n")
            seen += lines
            self.told += lines
        return seen

    def connect(self):
        client = socket.create_connection(self.address)
        client.settimeout(20)
        return client

    def ask(self, *words):
        client = self.connect()
        client.sendall((" ".join(words) + "\r\n").encode())
        answer = client.recv(4096).decode()
        client.close()
        return answer

    def stop(self, number):
        self.process.send_signal(number)
        return self.process.wait(20)

def fill(manager):
    client = manager.connect()
    value = "v" * 60000
    request = "".join(f"*3\r\n$3\r\nSET\r\n$4\r\n{i:04}\r\n$60000\r\n{value}\r\n" for i in range(300))
    client.sendall(request.encode())
    left = 300 * len("+OK\r\n")
    while left > 0:
        left -= len(client.recv(left))

first = Manager(watchdog_us=1000000)
first.start()
told = first.until("READY=1")
check("STATUS=recovering comes before READY", "STATUS=recovering" in told[:-1], told)
check("with READY it is serving", told[-1] == "STATUS=serving", told)
check("signs of life", first.until("WATCHDOG=1")[-1] == "WATCHDOG=1")
check("again", first.until("WATCHDOG=1")[-1] == "WATCHDOG=1")
fill(first)
with open(f"{work}/kvd.conf", "a") as file:
    file.write("loglevel warning\n")
first.process.send_signal(signal.SIGHUP)
told = first.until("RELOADING=1") + first.until("READY=1")
stamp = [line for line in first.told if line.startswith("MONOTONIC_USEC=")]
check("a reload begins and ends", len(stamp) == 1, first.told)
check("and has happened", "warning" in first.ask("config", "get", "loglevel"))
check("kill -9 ends it", first.stop(signal.SIGKILL) == -signal.SIGKILL)

second = Manager(watchdog_us=0)
second.start()
early = second.connect()
early.sendall(b"strlen 0299\r\n")
told = second.until("READY=1")
replayed = [line for line in told if line.startswith("STATUS=replaying the log: ")]
check("STATUS shows the replay", len(replayed) > 0, told)
check("to its end", replayed[-1:] != [] and replayed[-1].startswith("STATUS=replaying the log: 100%"),
      told)
check("the time to start is extended", any(line.startswith("EXTEND_TIMEOUT_USEC=") for line in told),
      told)
check("who came during the recovery is served", early.recv(100) == b":60000\r\n")
second.process.send_signal(signal.SIGTERM)
told = second.until("STATUS=stopping")
check("STOPPING", "STOPPING=1" in told, told)
served = second.told[second.told.index("READY=1"):]
check("no sign of life that nobody asked for", "WATCHDOG=1" not in served, served)
check("a clean end", second.process.wait(20) == 0)
late = second.connect()
check("the socket is the manager's: a client can still queue", late.fileno() >= 0)

broken = Manager(watchdog_us=0, config="port nonsense\n")
broken.start()
check("a broken configuration: 78", broken.process.wait(20) == 78)
sys.exit(failed)
PY
python3 "$dir/manager.py" "${KV_BIN:?}/kvd" "$dir" || { tail -20 "$dir/log"; exit 1; }
