"""Goal: IPv6 works as IPv4 does: bind, protected mode, addresses in CLIENT LIST, the endpoint.
Method: ::1 alone, then both families on one port."""

import os
import socket
import subprocess
import tempfile

from kvd_process import BIN, Connection, Process, check, skip


def free_port():
    """Free in both families."""
    for _ in range(100):
        with socket.socket(socket.AF_INET6) as six, socket.socket() as four:
            six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            six.bind(("::1", 0))
            try:
                four.bind(("127.0.0.1", six.getsockname()[1]))
            except OSError:
                continue
            return six.getsockname()[1]
    raise RuntimeError("no port is free in both families")


class Six(Process):
    def connect(self):
        return Connection(self.port, host="::1")


def start(folder, port, bind):
    return Six([os.path.join(BIN, "kvd"), "--port", str(port), "--bind", bind, "--dir", folder,
                "--workers", "1"], port)


def endpoint(folder):
    with open(os.path.join(folder, "kvd.endpoint")) as file:
        return file.read().splitlines()[1]


def only_six(folder):
    port = free_port()
    with start(folder, port, "::1") as kvd:
        client = kvd.connect()
        check(client.command("SET", "six", "6") == b"+OK", "set")
        line = client.command("CLIENT", "INFO").decode()
        check(" addr=[::1]:" in line and " laddr=[::1]:%d " % port in line, line)
        check(endpoint(folder) == "tcp ::1 %d" % port, endpoint(folder))
        address = line.split(" addr=")[1].split()[0]
        check(kvd.connect().command("CLIENT", "KILL", address) == b"+OK", "killed by address")
        check(client.is_closed(), "closed")
        try:
            Connection(port)
            raise AssertionError("nobody listens on IPv4")
        except ConnectionRefusedError:
            pass
        check(kvd.stop() == 0, "a clean stop")


def both(folder):
    port = free_port()
    with start(folder, port, "127.0.0.1 ::1") as kvd:
        check(kvd.connect().command("GET", "six") == b"6", "over IPv6")
        check(Connection(port).command("GET", "six") == b"6", "over IPv4")
        check(endpoint(folder) == "tcp 127.0.0.1 %d" % port, "the first one")
        check(kvd.stop() == 0, "a clean stop")


def any_needs_a_password(folder):
    told = subprocess.run([os.path.join(BIN, "kvd"), "--port", str(free_port()), "--bind", "::*",
                           "--dir", folder], capture_output=True, text=True, timeout=60)
    check(told.returncode == 78 and "requirepass" in told.stderr, told.stderr)
    port = free_port()
    with Six([os.path.join(BIN, "kvd"), "--port", str(port), "--bind", "::*", "--dir", folder,
              "--requirepass", "secret"], port) as kvd:
        client = kvd.connect()
        check(client.command("GET", "six").startswith(b"-NOAUTH"), "a password is needed")
        check(client.command("AUTH", "secret") == b"+OK", "and enough")
        check(endpoint(folder) == "tcp ::1 %d" % port, "any address is the loopback one")
        check(kvd.stop() == 0, "a clean stop")


def main():
    try:
        free_port()
    except OSError as failed:
        skip("no IPv6 here: %s" % failed)
    with tempfile.TemporaryDirectory(prefix="kvd-six-") as folder:
        only_six(folder)
        both(folder)
        any_needs_a_password(folder)


main()
