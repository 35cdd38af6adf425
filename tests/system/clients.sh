#!/usr/bin/env bash
# clients.sh - Goal: the clients and tools that people have work with kvd as they are.
#
# Method: redis-benchmark, redis-cli in all its forms, python3-redis and hiredis against one kvd;
# no command of theirs may get an error, and what they print is what Redis would make them print.
set -uo pipefail
kvd="${KV_BIN:?}/kvd"
smoke="$KV_BIN/hiredis_smoke"
here=$(cd "$(dirname "$0")" && pwd)
[ -x "$kvd" ] || { echo "no $kvd"; exit 77; }
command -v redis-benchmark >/dev/null || { echo "no redis-benchmark (package redis-tools)"; exit 77; }
dir=$(mktemp -d) || exit 2
kvd_pid=""
trap '[ -z "$kvd_pid" ] || kill -9 "$kvd_pid" 2>/dev/null; rm -rf "$dir"' EXIT
failed=0
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

ok() { echo "ok: $1"; }
bad() {
    echo "FAILED: $1"
    shift
    printf '%s\n' "$@" | head -c 2000
    failed=1
}
is() { # what, wanted, got
    if [ "$2" = "$3" ]; then ok "$1"; else bad "$1" "wanted: $2" "got: $3"; fi
}
has() { # what, a pattern, text
    if grep -qE -- "$2" <<<"$3"; then ok "$1"; else bad "$1" "no '$2' in:" "$3"; fi
}
cli() { redis-cli -p "$port" "$@" 2>&1; }

"$kvd" --dir "$dir/data" --port "$port" --bind 127.0.0.1 --memtable-size 4mb >"$dir/log" 2>&1 &
kvd_pid=$!
for _ in $(seq 500); do
    [ "$(cli ping)" = PONG ] && break
    kill -0 "$kvd_pid" 2>/dev/null || { echo "FAILED: kvd does not start"; cat "$dir/log"; exit 1; }
    sleep 0.02
done

# --- redis-benchmark: 50 clients, one by one and pipelined

for depth in 1 16; do
    out=$(redis-benchmark -p "$port" -c 50 -n "$((depth * 10000))" -r 5000 -P "$depth" --csv \
        -t ping,set,get,incr,mset 2>"$dir/err")
    is "redis-benchmark -P $depth ends well" 0 $?
    is "redis-benchmark -P $depth prints each test" 6 "$(grep -cE '"(PING|SET|GET|INCR|MSET)' <<<"$out")"
    is "redis-benchmark -P $depth has no complaint" "" "$(cat "$dir/err")"
    # Any command will do; it ends with the first error reply.
    out=$(redis-benchmark -p "$port" -c 50 -n "$((depth * 5000))" -r 100 -P "$depth" -q \
        APPEND append:__rand_int__ xxxxxxxx 2>&1)
    is "redis-benchmark APPEND -P $depth ends well" 0 $?
    has "redis-benchmark APPEND -P $depth" 'requests per second' "$out"
    if grep -qi 'error' <<<"$out"; then bad "redis-benchmark APPEND -P $depth: errors" "$out"; fi
done
out=$(redis-benchmark -p "$port" -3 -n 1000 -q -t set,get 2>&1)
has "redis-benchmark -3" 'GET: .*requests per second' "$out"
errors=$(cli info errorstats | grep -v '^#' | tr -d '\r')
is "not one error reply so far" "" "$errors"
is "each of the 85000 appends is there, once" 0 "$(
    keys=$(seq -f 'append:%012.0f' 0 99)
    # shellcheck disable=SC2086
    total=$(for key in $keys; do echo "STRLEN $key"; done | cli | awk '{ sum += $1 } END { print sum }')
    echo $((total - 85000 * 8))
)"

# --- redis-cli

is "redis-cli, a pipe of commands" "OK
\"a value\"
(integer) 8
(nil)
(error) ERR unknown command 'NOSUCH', with args beginning with: 'x' " "$(
    printf 'SET cli "a value"\nGET cli\nAPPEND cli !\nGET none\nNOSUCH x\n' |
        redis-cli -p "$port" --no-raw 2>&1)"
is "redis-cli --raw" "$(printf 'a\tb\001')" "$(cli set cli "$(printf 'a\tb\001')" >/dev/null; cli --raw get cli)"
is "redis-cli --no-raw" '"a\tb\x01"' "$(cli --no-raw get cli)"
is "redis-cli -3, a map" "# Hits" "$(cli -3 --no-raw hello 3 | grep -q 'server. => .redis' && echo '# Hits')"
is "redis-cli -3, a null" "(nil)" "$(cli -3 --no-raw get none)"
is "redis-cli -x" "from standard input" "$(printf 'from standard input' | cli -x set cli >/dev/null; cli get cli)"
is "redis-cli -r" "3" "$(cli -r 3 incr cli:counter | tail -1)"
is "redis-cli --json" '["from standard input",null]' "$(cli --json mget cli none)"
is "redis-cli --csv" '"from standard input",NULL' "$(cli --csv mget cli none)"
is "redis-cli -n of a database that there is" "PONG" "$(cli -n 0 ping)"
is "redis-cli -e of an error" 1 "$(redis-cli -p "$port" -e nosuch >/dev/null 2>&1; echo $?)"
for i in $(seq 1000); do printf '*3\r\n$3\r\nSET\r\n$8\r\npipe:%03d\r\n$1\r\nx\r\n' $((i % 1000)); done >"$dir/pipe"
has "redis-cli --pipe" 'errors: 0, replies: 1000' "$(cli --pipe <"$dir/pipe")"
has "redis-cli --stat" '^[0-9]+ +[0-9.]+[KMG]? ' "$(timeout 1.5 stdbuf -oL redis-cli -p "$port" --stat 2>&1)"
has "redis-cli --latency" '^[0-9]+ [0-9]+ [0-9.]+ [0-9]+' "$(timeout 1 redis-cli -p "$port" --latency --raw -i 0.5 </dev/null 2>&1)"
has "redis-cli --latency-history" '^min: [0-9]+, max: [0-9]+, avg: .*range' "$(
    timeout 2 script -qec "redis-cli -p $port --latency-history -i 1" /dev/null 2>&1 </dev/null | tr '\r' '\n' |
        sed 's/^[^m]*min/min/')"
has "redis-cli --latency-dist" '---------------------------------------------' "$(
    timeout 1.5 stdbuf -oL redis-cli -p "$port" --latency-dist 2>&1 </dev/null)"
cli mset tool:1 "$(printf '%01000d' 0)" tool:2 x tool:33 yy >/dev/null
is "redis-cli --scan" "3" "$(cli --scan --pattern 'tool:*' | wc -l)"
is "redis-cli --scan --pattern" "tool:33" "$(cli --scan --pattern 'tool:3?')"
out=$(cli --bigkeys)
has "redis-cli --bigkeys finds the largest" 'Biggest string found .*has [0-9]+ bytes' "$out"
has "redis-cli --bigkeys reads all" "Sampled $(cli --scan | wc -l) keys in the keyspace" "$out"
out=$(cli --memkeys)
has "redis-cli --memkeys finds the largest" 'Biggest string found .*has [0-9]+ bytes' "$out"
has "redis-cli --memkeys-samples" 'Sampled [0-9]+ keys' "$(cli --memkeys-samples 5)"
has "redis-cli --hotkeys says that there are none" 'Error: ERR kvd keeps no access times' "$(cli --hotkeys)"
cli set tool:dump 'as it is' >/dev/null
cli -D '' --raw dump tool:dump >"$dir/dump"
is "redis-cli -X, a restored dump" "OK
as it is" "$(cli -X payload restore tool:copy 0 payload <"$dir/dump"; cli get tool:copy)"
cli del tool:1 tool:2 tool:33 tool:dump tool:copy >/dev/null
has "redis-cli help, from COMMAND DOCS" 'SET' "$(printf 'help set\n' | cli)"
has "redis-cli info" 'redis_version:7' "$(cli info server)"

# --- what redis_exporter and Redis Insight ask for, in their order; only what Redis has no answer to
# either may be an error

probe() { # what, lines that may be errors, commands
    local line out words
    while read -r line; do
        read -ra words <<<"$line"
        out=$(redis-cli -3 -p "$port" "${words[@]}" 2>&1 | tr -d '\0')
        if grep -qE '^(ERR|WRONG|NO)' <<<"$out" && ! grep -qE -- "$2" <<<"$line"; then
            bad "$1: $line" "$out"
        fi
    done <<<"$3"
    ok "$1"
}
cli mset probe 1 probe:2 22 >/dev/null
probe "the probes of redis_exporter" '^(CLUSTER|LATENCY|COMMANDLOG)' "PING
CLIENT SETNAME redis_exporter
CONFIG GET *
INFO ALL
INFO
LATENCY LATEST
LATENCY HISTOGRAM
SLOWLOG LEN
SLOWLOG GET 1
COMMANDLOG LEN
CLIENT LIST
CONFIG GET maxmemory
SELECT 0
SCAN 0 MATCH probe* COUNT 1000
TYPE probe
STRLEN probe
GET probe
MEMORY USAGE probe
DBSIZE"
probe "the probes of Redis Insight" '^(TTL|PTTL|FT\.|COMMAND DOCS x|MONITOR)' "INFO
INFO server
MODULE LIST
COMMAND
ACL WHOAMI
ACL DRYRUN default INFO
CONFIG GET databases
DBSIZE
SCAN 0 MATCH * COUNT 500
SCAN 0 MATCH probe* COUNT 500 TYPE string
TYPE probe
TTL probe
MEMORY USAGE probe SAMPLES 0
STRLEN probe
OBJECT ENCODING probe
GETRANGE probe 0 4999
DUMP probe
CLIENT LIST
SLOWLOG GET 50
SLOWLOG LEN
CONFIG GET slowlog*
MEMORY STATS
MEMORY DOCTOR
FT._LIST"
cli del probe probe:2 >/dev/null

# --- the page that tells what is compatible

is "COMPATIBILITY.md has each command, and no other" "$(cli command list | grep -v '|' | LC_ALL=C sort)" "$(
    sed -n '/^## Commands/,/^## Limits/s/^| `\([^`]*\)`.*/\1/p' "$here/../../cli/COMPATIBILITY.md" |
        tr 'A-Z' 'a-z' | LC_ALL=C sort)"

# --- libraries

/usr/bin/python3 "$here/redis_py.py" "$port" >"$dir/out" 2>&1
case $? in
0) ok "python3-redis" ;;
77) echo "left out: python3-redis is not installed" ;;
*) bad "python3-redis" "$(cat "$dir/out")" ;;
esac
if [ -x "$smoke" ]; then
    out=$("$smoke" "$port" 2>&1)
    is "hiredis" "0 " "$? $out"
else
    bad "hiredis" "no $smoke"
fi

# --- the end

kill "$kvd_pid"
wait "$kvd_pid"
is "kvd ends well" 0 $?
kvd_pid=""
is "no warnings in the log" "" "$(grep -E 'warning|error' "$dir/log")"
exit $failed
