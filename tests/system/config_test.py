"""Goal: kvd starts only with settings that make sense, says which does not, and changes them
while it runs as a whole or not at all.
Method: exit codes and messages of bad starts; CONFIG SET, REWRITE and HUP against a file; signals."""

import os
import signal
import subprocess
import tempfile

from kvd_process import BIN, Connection, Kvd, check, free_port

KVD = os.path.join(BIN, "kvd")


def run(*words, **options):
    done = subprocess.run([KVD, *words], capture_output=True, text=True, timeout=60, **options)
    return done.returncode, done.stdout + done.stderr


def expect(code, told, *words):
    got, output = run(*words)
    check(got == code and told in output, "%r: code %d, %r" % (words, got, output[-400:]))


def bad_starts_say_why(folder):
    path = os.path.join(folder, "bad.conf")
    with open(path, "w") as file:
        file.write("# fine\nmaxclients many\n")
    expect(78, path + ":2: maxclients: argument couldn't be parsed", path)
    expect(78, "No such file", os.path.join(folder, "nosuch.conf"))
    expect(64, "no such option", "--nosuch", "1")
    expect(64, "needs a value", "--port")
    expect(64, "more than one", path, path)
    expect(78, "port", "--port", "70000")
    expect(78, "without a password", "--bind", "0.0.0.0")
    expect(78, "memory-limit", "--memory-limit", "64mb", "--memtable-size", "64mb")
    expect(0, "fine", "--check-config", "--port", "1")
    expect(0, 'port "1"  # command line', "--port=1", "--print-config")
    expect(0, 'requirepass "(hidden)"', "--requirepass", "x", "--print-config")
    expect(0, "kvd ", "--version")
    expect(0, "--wal-sync ", "--help")


def ports_and_directories_have_one_owner(kvd):
    expect(69, "in use", "--port", str(kvd.port), "--dir", kvd.dir)
    expect(69, "", "--port", str(free_port()), "--dir", kvd.dir)
    expect(78, "bind", "--bind", "no.such.host.invalid", "--port", "1", "--dir", kvd.dir,
           "--requirepass", "x")


def settings_change_all_or_none(client):
    check(client.command("CONFIG", "SET", "timeout", "7", "maxclients", "bad").startswith(
        b"-ERR CONFIG SET failed (possibly related to argument 'maxclients')"), "refused")
    check(client.command("CONFIG", "GET", "timeout")[1] == b"0", "nothing changed")
    check(client.command("CONFIG", "SET", "memtable-size", "4gb").startswith(
        b"-ERR CONFIG SET failed - memtable-size"), "refused as a whole")
    check(client.command("CONFIG", "SET", "timeout", "7", "maxclients", "55") == b"+OK", "both")
    got = client.command("CONFIG", "GET", "timeout", "max*nts")
    check(dict(zip(got[0::2], got[1::2])) == {b"timeout": b"7", b"maxclients": b"55"}, got)
    check(len(client.command("CONFIG", "GET", "*")) > 60, "all")
    check(client.command("CONFIG", "HELP")[0].startswith(b"+CONFIG <subcommand>"), "help")


def rewrites_and_reloads(kvd, client, path):
    check(client.command("CONFIG", "REWRITE") == b"+OK", "rewritten")
    with open(path) as file:
        text = file.read()
    check(text == "# ours\nmaxclients 55\nloglevel verbose\ntimeout 7\n", text)
    with open(path, "w") as file:
        file.write("maxclients 77\nport 1\nblock-size 8kb\n")
    kvd.process.send_signal(signal.SIGHUP)
    while client.command("CONFIG", "GET", "maxclients")[1] != b"77":
        pass
    check(client.command("CONFIG", "GET", "timeout")[1] == b"0", "back to the default")
    check(client.command("CONFIG", "GET", "port")[1] == str(kvd.port).encode(), "not changed")
    check("reload: block-size changes with a restart only" in kvd.output(), "told")
    with open(path, "w") as file:
        file.write("maxclients none\n")
    kvd.process.send_signal(signal.SIGHUP)
    while "nothing has changed" not in kvd.output():
        pass
    check(client.command("CONFIG", "GET", "maxclients")[1] == b"77", "kept")


def passwords_can_change(kvd, client):
    check(client.command("CONFIG", "SET", "requirepass", "new") == b"+OK", "set")
    check(client.command("PING") == b"+PONG", "who is in stays in")
    stranger = kvd.connect()
    check(stranger.command("PING").startswith(b"-NOAUTH"), "a stranger")
    check(stranger.command("AUTH", "new") == b"+OK", "logs in")
    check(stranger.command("PING") == b"+PONG", "and is served")
    check(client.command("CONFIG", "SET", "requirepass", "") == b"+OK", "reset")


def statistics_go_to_the_log(kvd):
    kvd.process.send_signal(signal.SIGUSR1)
    while "sequence " not in kvd.output():
        pass


def shutdown_ends_with_zero():
    with Kvd() as kvd:
        client = kvd.connect()
        check(client.command("SET", "kept", "yes") == b"+OK", "set")
        client.send(b"SHUTDOWN\r\n")
        check(client.until_closed() == b"", "no reply, just the end")
        check(kvd.process.wait(timeout=30) == 0, "code")
        again = subprocess.Popen([KVD, "--port", str(kvd.port), "--dir", kvd.dir])
        try:
            while True:
                try:
                    check(Connection(kvd.port).command("GET", "kept") == b"yes", "kept")
                    break
                except OSError:
                    check(again.poll() is None, "it starts again")
        finally:
            again.terminate()
        check(again.wait(timeout=30) == 0, "code")


def main():
    with tempfile.TemporaryDirectory(prefix="kvd-config-") as folder:
        bad_starts_say_why(folder)
        path = os.path.join(folder, "kvd.conf")
        with open(path, "w") as file:
            file.write("# ours\nmaxclients 100\nloglevel verbose\n")
        with Kvd(file=path) as kvd:
            client = kvd.connect()
            ports_and_directories_have_one_owner(kvd)
            settings_change_all_or_none(client)
            rewrites_and_reloads(kvd, client, path)
            passwords_can_change(kvd, client)
            statistics_go_to_the_log(kvd)
            check(kvd.stop() == 0, "a clean stop")
    shutdown_ends_with_zero()


main()
