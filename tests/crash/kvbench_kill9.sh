#!/bin/bash
# kvbench_kill9.sh - Goal: `kvbench check` proves that a kvd that was killed has lost nothing that it
# had acknowledged.  (That it would find a loss: tests/system/kvbench_check_test.py.)
#
# Method: kvbench --verify --journal loads a kvd until kill -9 hits the server, or kvbench itself;
# after a restart every key must have at least the acknowledged version and at most the last one
# that was sent.  The journal goes on over all rounds.   KV_ROUNDS=50 KV_SEED=7 kvbench_kill9.sh
. "$(dirname "$0")/rig.bash"
rounds=${KV_ROUNDS:-6}
data=$work/db
journal=$work/kvbench.journal
killed_servers=0 killed_loads=0
for program in kvbench kvctl; do
    [ -x "$bin/$program" ] || { echo "no $program"; exit 77; }
done

wait_for_kvd() {
    local i
    for i in $(seq 500); do
        "$bin/kvctl" -s "$socket" ping >/dev/null 2>&1 && return 0
        kill -0 "$kvd_pid" 2>/dev/null || die "kvd did not start"
        sleep 0.02
    done
    die "kvd is not ready"
}

bench_start() { # workload
    "$bin/kvbench" -s "$socket" -t "$1" --ratio 1:3 --verify --journal "$journal" --seed $((seed + round)) \
        -r 2000 -d 28-3000 -c 20 -P 8 --duration 60 --quiet >"$work/load.log" 2>&1 &
    load_pid=$!
}

bench_wait() { # code that is right
    local code
    wait "$load_pid" 2>/dev/null
    code=$?
    load_pid=''
    [ "$code" -eq "$1" ] && return 0
    tail -n 30 "$work/load.log"
    die "kvbench ended with code $code instead of $1"
}

bench_check() {
    local code
    "$bin/kvbench" check "$journal" -s "$socket" >"$work/check.log" 2>&1
    code=$?
    if grep -aqE 'assertion|AddressSanitizer|runtime error:' "$log"; then
        die "a program died of its own"
    fi
    [ "$code" -eq 0 ] && return 0
    cat "$work/check.log"
    die "kvbench check ended with code $code"
}

echo "seed=$seed"
settings_draw
for ((round = 1; round <= rounds; round++)); do
    [ -n "$kvd_pid" ] || kvd_start "$data"
    wait_for_kvd
    pick set set mixed mixed ycsb-f ycsb-f deleterandom
    workload=$picked
    bench_start "$workload"
    sleep 0.3
    pause_ms 500
    if ((RANDOM % 4 == 0)); then
        kill -9 "$load_pid"
        bench_wait 137
        killed_loads=$((killed_loads + 1))
    else
        kvd_kill
        bench_wait 3
        killed_servers=$((killed_servers + 1))
        kvd_start "$data"
        wait_for_kvd
    fi
    bench_check
    echo "round $round, $workload: $(grep checked "$work/check.log")"
done
kvd_stop || die "a clean stop ended with code $?"
echo "kvbench: $killed_servers servers and $killed_loads load generators killed, nothing acknowledged was lost"
