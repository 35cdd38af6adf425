#!/bin/bash
# worker.sh - Goal: kvd-worker as a program: its jail holds, its arguments are checked, it ends
# when kvd does and never runs unjailed unless told to.
#
# Method: the jail's self-test from inside; then the real program with wrong arguments, without a
# kvd, and with a stand-in for kvd that hangs up.
set -u
worker="${KV_BIN:?}/kvd-worker"
[ -x "$worker" ] || { echo "no $worker"; exit 77; }
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
failed=0

expect() { # code, what, command...
    local want=$1 what=$2 got
    shift 2
    "$@" >"$dir/out" 2>&1 </dev/null
    got=$?
    if [ "$got" -ne "$want" ]; then
        echo "FAILED: $what: exit code $got instead of $want"
        cat "$dir/out"
        failed=1
    else
        echo "ok: $what"
    fi
}

mkdir "$dir/db"
expect 0 "the jail denies what it should and permits the rest" "$worker" --jail-selftest "$dir/db"
if grep -q "no Landlock" "$dir/out"; then
    echo "this kernel has no Landlock"
    exit 77
fi
[ -z "$(ls -A "$dir/db")" ] || { echo "FAILED: the self-test left something"; failed=1; }
expect 70 "no jail on a directory that is not there" "$worker" --jail-selftest "$dir/none"
expect 0 "--version" "$worker" --version
expect 0 "--help" "$worker" --help
expect 64 "no arguments" "$worker"
expect 64 "both a socket and a descriptor" "$worker" --fd 3 --socket /x
expect 64 "a descriptor that is none" "$worker" --fd x
expect 64 "standard error is no socket" "$worker" --fd 2
expect 64 "an unknown option" "$worker" --frobnicate
expect 69 "no kvd listens" "$worker" --socket "$dir/none.sock"
expect 69 "a path too long for a socket" "$worker" --socket "/$(printf 'x%.0s' $(seq 200))"

# A stand-in for kvd: greets with a directory that is not there, or says nothing and hangs up.
cat >"$dir/stand_in.py" <<'PY'
import socket, subprocess, sys
worker, mode, directory = sys.argv[1:4]
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
child = subprocess.Popen([worker, "--fd", str(theirs.fileno())], pass_fds=[theirs.fileno()])
theirs.close()
hello = ours.recv(1000)
assert hello[0] == 0x0a, hello
def field(number, data): return bytes([number << 3 | 2, len(data)]) + data
if mode == "welcome":
    body = bytes([0x08, 1, 0x10, 100]) + field(3, directory.encode())
    ours.send(field(2, body))
    print("answer:", ours.recv(1000).hex())
elif mode == "noise":
    ours.send(b"\xff" * 50)
    child.wait()
ours.close()
sys.exit(child.wait())
PY
expect 0 "it ends when kvd hangs up before WELCOME" python3 "$dir/stand_in.py" "$worker" hang_up "$dir/db"
expect 0 "it ends when kvd hangs up later" python3 "$dir/stand_in.py" "$worker" welcome "$dir/db"
grep -q "answer: 2200" "$dir/out" || { echo "FAILED: it did not say that it is ready"; cat "$dir/out"; failed=1; }
expect 74 "it does not serve without its jail" python3 "$dir/stand_in.py" "$worker" welcome "$dir/none"
grep -q "answer: *$" "$dir/out" || { echo "FAILED: it said that it is ready"; cat "$dir/out"; failed=1; }
expect 76 "it ends when kvd talks nonsense" python3 "$dir/stand_in.py" "$worker" noise "$dir/db"
exit $failed
