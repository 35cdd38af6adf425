#!/usr/bin/env bash
# size_limit.sh - a limit on the size of files (ulimit -f, LimitFSIZE).
#
# Goal: kvd takes it as a full disk: the write that would exceed it is refused; no signal kills
#       kvd, and it goes on.
# Method: a value above the limit, whose memtable and log would have to be longer, then small ones.
set -euo pipefail
: "${KV_BIN:?}"
work=$(mktemp -d)
trap 'kill -9 "${pid:-}" 2>/dev/null || true; rm -rf "$work"' EXIT

fail() { echo "$*"; cat "$work/log"; exit 1; }

(
    ulimit -f 4096
    exec "$KV_BIN/kvd" --port 0 --unixsocket "$work/s" --dir "$work/data" --memtable-size 1mb \
        >"$work/log" 2>&1
) &
pid=$!
for _ in $(seq 100); do
    [ "$(redis-cli -s "$work/s" PING 2>/dev/null)" = PONG ] && break
    sleep 0.05
done
reply=$(head -c 6000000 /dev/zero | tr '\0' v | redis-cli -s "$work/s" -x SET big 2>&1)
[ "$reply" != OK ] || fail "6 MB were taken in spite of a limit of 4 MB"
for i in $(seq 20); do
    [ "$(redis-cli -s "$work/s" SET "key$i" value)" = OK ] || fail "no small value after '$reply'"
done
[ "$(redis-cli -s "$work/s" GET key20)" = value ]
[ "$(redis-cli -s "$work/s" EXISTS big)" = 0 ]
kill -TERM "$pid"
wait "$pid" || fail "kvd ended with $?"
