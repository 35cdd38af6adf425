"""Goal: DIR/kvd.endpoint leads to the kvd that runs in DIR, and to no other.
Method: every way to listen, with the address in the file used to connect; crashes and stops."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile

from kvd_process import BIN, Connection, Kvd, Process, check, free_port


def read_endpoint(folder):
    with open(os.path.join(folder, "kvd.endpoint")) as file:
        text = file.read()
    check(text.endswith("\n"), "whole lines")
    lines = text.splitlines()
    check(len(lines) == 2, text)
    return int(lines[0]), lines[1].split(" ")


def connect(words):
    if words[0] == "unix":
        check(os.path.isabs(words[1]), words)
        return Connection(path=words[1])
    check(words[0] == "tcp", words)
    return Connection(int(words[2]), host=words[1])


def leads_to(kvd, folder, expected):
    check(kvd.connect().command("PING") == b"+PONG", "who is served finds the file")
    pid, words = read_endpoint(folder)
    check(pid == kvd.process.pid, "the process")
    check(words == expected, words)
    reply = connect(words).command("INFO", "server")
    check(b"process_id:%d\r\n" % pid in reply, "the same kvd answers")


def wait_until_refused(kvd):
    """The kernel gives a dead process's ring, and the sockets that it waits on, back a little
    later."""
    while True:
        try:
            kvd.connect().close()
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            pass


def over_tcp():
    with Kvd() as kvd:
        path = os.path.join(kvd.dir, "kvd.endpoint")
        leads_to(kvd, kvd.dir, ["tcp", "127.0.0.1", str(kvd.port)])
        check(os.stat(path).st_mode & 0o777 == 0o640, "mode")
        check(not os.path.exists(path + ".tmp"), "nothing is left")
        check(kvd.stop(signal.SIGKILL) == -9, "killed")
        check(os.path.exists(path), "a crash leaves it")
        wait_until_refused(kvd)
        with Process([os.path.join(BIN, "kvd"), "--port", str(kvd.port), "--dir", kvd.dir],
                     kvd.port) as again:
            leads_to(again, kvd.dir, ["tcp", "127.0.0.1", str(kvd.port)])
            check(again.stop() == 0, "a clean stop")
        check(not os.path.exists(path), "a stop removes it")


def any_address():
    with Kvd("--bind", "*", "--protected-mode", "no") as kvd:
        leads_to(kvd, kvd.dir, ["tcp", "127.0.0.1", str(kvd.port)])


def over_a_relative_unix_path():
    folder = os.path.realpath(tempfile.mkdtemp(prefix="kvd-endpoint-"))
    before = os.getcwd()
    program = os.path.realpath(os.path.join(BIN, "kvd"))
    os.chdir(folder)
    try:
        with Process([program, "--port", str(free_port()), "--dir", "data", "--unixsocket",
                      "here.sock"], None, "here.sock") as kvd:
            leads_to(kvd, "data", ["unix", os.path.join(folder, "here.sock")])
            check(kvd.stop() == 0, "a clean stop")
            check(not os.path.exists("data/kvd.endpoint"), "removed")
    finally:
        os.chdir(before)
        shutil.rmtree(folder)


def with_socket_activation():
    folder = os.path.realpath(tempfile.mkdtemp(prefix="kvd-endpoint-"))
    passed = socket.socket()
    passed.bind(("127.0.0.1", 0))
    passed.listen()
    port = passed.getsockname()[1]

    def activate():
        os.dup2(passed.fileno(), 3)
        os.set_inheritable(3, True)
        os.environ["LISTEN_PID"] = str(os.getpid())
        os.execve(os.path.join(BIN, "kvd"), ["kvd", "--dir", folder + "/data"],
                  dict(os.environ, LISTEN_FDS="1"))

    process = subprocess.Popen(["true"], preexec_fn=activate, close_fds=False,
                               stderr=subprocess.DEVNULL)
    try:
        connection = Connection(port=port)
        check(connection.command("PING") == b"+PONG", "served")
        pid, words = read_endpoint(folder + "/data")
        check(pid == process.pid, "the process")
        check(words == ["tcp", "127.0.0.1", str(port)], words)
        process.send_signal(signal.SIGTERM)
        check(process.wait(timeout=30) == 0, "a clean stop")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        passed.close()
        shutil.rmtree(folder)


def a_failed_start_touches_nothing():
    """A second kvd on the same directory fails, and leaves the first one's file."""
    with Kvd() as kvd:
        port = free_port()
        second = subprocess.run([os.path.join(BIN, "kvd"), "--port", str(port), "--dir", kvd.dir],
                                capture_output=True, timeout=60)
        check(second.returncode == 69, second.stderr)
        leads_to(kvd, kvd.dir, ["tcp", "127.0.0.1", str(kvd.port)])


def main():
    over_tcp()
    any_address()
    over_a_relative_unix_path()
    with_socket_activation()
    a_failed_start_touches_nothing()


main()
