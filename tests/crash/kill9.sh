#!/bin/bash
# kill9.sh - Goal: whatever of kvd and its workers is killed, and whenever, nothing that was
# acknowledged is lost, and no command is half there.
#
# Method: 50 pipelining clients on memtables so small that freezes, flushes and installs happen all
# the time; at a random moment kill -9 hits kvd, its workers, or both; sometimes the next kvd is
# killed while it recovers.  Then the client checks every key.  Every DIR_ROUNDS the directory is
# stopped cleanly, given to RocksDB's ldb, and a new one begins, so the making of a directory is
# hit too.   KV_ROUNDS=200 KV_SEED=7 kill9.sh
. "$(dirname "$0")/rig.bash"
rounds=${KV_ROUNDS:-10}
DIR_ROUNDS=${KV_DIR_ROUNDS:-5}
data=$work/db
total_writes=0 total_survivors=0 total_reads=0
declare -A hits=([kvd]=0 [worker]=0 [both]=0 [recovery]=0)

kill_workers() {
    local pids
    pids=$(kvd_workers)
    [ -z "$pids" ] || kill -9 $pids 2>/dev/null
}

# The server goes on; a worker dies several times.
round_worker() {
    local i
    load_start --seconds 0.6
    for i in 1 2 3 4; do
        pause_ms 150
        kill_workers
    done
    load_wait
}

round_kvd() {
    load_start --seconds 5 --wait 3 --may-miss yes
    pause_ms 400
    kvd_kill
    load_wait
}

round_both() {
    local pids
    load_start --seconds 5 --wait 3 --may-miss yes
    pause_ms 400
    pids=$(kvd_workers)
    kill -9 $pids "$kvd_pid" 2>/dev/null
    kvd_kill
    load_wait
}

round_recovery() {
    local i
    round_kvd
    for i in 1 2 3; do
        kvd_start "$data"
        pause_ms 40
        kvd_kill
    done
}

end_directory() {
    kvd_stop || die "a clean stop ended with code $?"
    check_with_rocksdb "$data"
    total_writes=$((total_writes + $(journal_number writes)))
    total_reads=$((total_reads + $(journal_number reads)))
    total_survivors=$((total_survivors + $(journal_number survivors)))
    rm -rf "$data"
    echo "round $round: ${settings[*]}: $(journal_number checks) checks, $(journal_number writes) writes"
}

echo "seed=$seed"
for ((round = 1; round <= rounds; round++)); do
    if [ -z "$kvd_pid" ]; then
        journal_new --keys 100
        settings_draw
        kvd_start "$data"
    fi
    case $((RANDOM % 10)) in
    [0-3]) kind=kvd ;;
    [4-5]) kind=worker ;;
    [6-7]) kind=both ;;
    *) kind=recovery ;;
    esac
    "round_$kind"
    hits[$kind]=$((${hits[$kind]} + 1))
    [ -n "$kvd_pid" ] || kvd_start "$data"
    check "round $round, killed: $kind"
    ((round % DIR_ROUNDS == 0)) && end_directory
done
[ -z "$kvd_pid" ] || end_directory
[ "$rounds" -lt 10 ] || [ "$(compactions)" -gt 0 ] || die "nothing was compacted"
echo "kill -9: $rounds rounds (kvd ${hits[kvd]}, workers ${hits[worker]}, both ${hits[both]}," \
    "again in recovery ${hits[recovery]}): $total_writes acknowledged writes checked, 0 lost;" \
    "$(compactions) compactions; $total_reads reads under load right; $total_survivors unacknowledged commands survived whole"
