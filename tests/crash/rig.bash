# rig.bash - what the scripts that crash kvd share: start, kill, check, and leave nothing behind.
#
# To be sourced.  Needs KV_BIN.  KV_SEED chooses the whole run but for the timing of processes;
# KV_KEEP=1 keeps the working directory, which a failure keeps anyway, without its mounts.
set -u
bin=${KV_BIN:?}
client=$bin/crash_client
seed=${KV_SEED:-$((RANDOM * 32768 + RANDOM))}
RANDOM=$((seed % 32768))
work=$(mktemp -d "${KV_WORK:-/tmp}/kv-crash.XXXXXX") || exit 2
journal=$work/journal socket=$work/socket log=$work/kvd.log
kvd_pid='' load_pid='' loop='' is_failed=0
rig_mounts=() rig_pids=()
for program in "$bin/kvd" "$bin/kvd-worker" "$client"; do
    [ -x "$program" ] || { echo "no $program"; rmdir "$work"; exit 77; }
done

rig_end() {
    local i pid
    for pid in $kvd_pid $load_pid; do # `wait` for nothing in particular waits for everything
        kill -9 "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    for ((i = ${#rig_mounts[@]} - 1; i >= 0; i--)); do
        rig_unmount "${rig_mounts[$i]}"
        [ -n "$loop" ] && losetup -d "$loop" 2>/dev/null && loop=''
    done
    for pid in "${rig_pids[@]}"; do
        kill "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    if [ "$is_failed" -ne 0 ] || [ -n "${KV_KEEP:-}" ]; then
        echo "seed=$seed; left for inspection: $work"
    else
        rm -rf "$work"
    fi
}
trap rig_end EXIT
trap 'is_failed=1; exit 130' INT TERM HUP

# What was mounted may still be used by a process that dies at this moment.
rig_unmount() {
    local i
    for i in $(seq 200); do
        grep -q " $1 " /proc/self/mounts || return 0 # mountpoint(1) asks the file system, which may be dead
        umount -q "$1" 2>/dev/null && return 0
        sleep 0.02
    done
    umount -q -l "$1" 2>/dev/null
    echo "had to unmount $1 lazily"
    return 1
}

die() {
    is_failed=1
    echo "FAILED: $*"
    echo "--- the end of kvd's log:"
    tail -n 25 "$log" 2>/dev/null
    if [ -n "$kvd_pid" ] && kill -0 "$kvd_pid" 2>/dev/null; then
        echo "--- kvd (process $kvd_pid) still runs, in $(cat "/proc/$kvd_pid/wchan" 2>/dev/null)"
        command -v gdb >/dev/null && timeout 20 gdb -batch -ex bt -p "$kvd_pid" 2>/dev/null | grep '^#'
    fi
    # A disk that goes away with its mounts is kept as a copy.
    [ -n "${data:-}" ] && [ -d "$data" ] && [ "${#rig_mounts[@]}" -gt 0 ] &&
        cp -r "$data" "$work/data-copy" 2>/dev/null
    exit 1
}

pick() { # one of the words
    local words=("$@")
    picked=${words[$((RANDOM % $#))]}
}

# For a new directory.  Small memtables make freezes, flushes and installs happen all the time; the
# larger ones and the longer logs make recovery have more to do.
settings=()
settings_draw() {
    pick 1mb 1mb 1mb 4mb
    settings=(--memtable-size "$picked")
    pick 1mb 2mb 2mb 64mb
    settings+=(--wal-max-size "$picked")
    pick lz4 none zstd
    settings+=(--compression "$picked")
    pick 1 2 3
    settings+=(--workers "$picked")
    pick auto auto universal
    settings+=(--compaction-style "$picked")
    pick 1 2 4
    settings+=(--compaction-trigger "$picked")
}

# Every setting may be given again: the last one counts.
kvd_start() { # directory, options...
    local directory=$1
    shift
    rm -f "$socket"
    "$bin/kvd" --dir "$directory" --port 0 --unixsocket "$socket" --memtable-size 1mb \
        --memory-limit 64mb --wal-max-size 2mb --loglevel verbose "${settings[@]}" "$@" >>"$log" 2>&1 &
    kvd_pid=$!
}

kvd_kill() {
    kill -9 "$kvd_pid" 2>/dev/null
    wait "$kvd_pid" 2>/dev/null
    kvd_pid=''
}

kvd_stop() {
    local code
    kill "$kvd_pid" || return 1
    wait "$kvd_pid"
    code=$?
    kvd_pid=''
    return "$code"
}

# How many were installed so far.
compactions() {
    grep -ac ' verbose: compaction .* became ' "$log"
}

kvd_workers() {
    cat "/proc/$kvd_pid/task/$kvd_pid/children" 2>/dev/null
}

journal_new() { # options...
    "$client" new --journal "$journal" --seed $((seed + RANDOM)) "$@" || die "no journal"
}

load_start() { # options...
    "$client" load --journal "$journal" --socket "$socket" "$@" >>"$work/load.log" 2>&1 &
    load_pid=$!
}

load_wait() {
    local code
    wait "$load_pid"
    code=$?
    load_pid=''
    [ "$code" -eq 0 ] && return 0
    cat "$work/load.log" | tail -n 30
    die "under load (code $code)"
}

check() { # what just happened
    "$client" check --journal "$journal" --socket "$socket" >"$work/check.log" 2>&1 ||
        { cat "$work/check.log"; die "$1"; }
    # A program that was to be killed anyway may have died of something else before.
    grep -aqE 'assertion|AddressSanitizer|runtime error:' "$log" || return 0
    grep -aE -A 20 'assertion|AddressSanitizer|runtime error:' "$log" | head -n 60
    die "$1: a program died of its own"
}

# Prints one number of the journal: checks, writes, reads, survivors.
journal_number() {
    "$client" status --journal "$journal" | tr ' ' '\n' | sed -n "s/^$1=//p"
}

pause_ms() { # at most
    local ms=$((5 + RANDOM % $1))
    sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
}

# RocksDB's own tool finds the directory whole, and as many keys as the model has.
check_with_rocksdb() { # directory
    local found expected
    if ! command -v ldb >/dev/null; then
        echo "no ldb (rocksdb-tools): not asked"
        return 0
    fi
    ldb --db="$1" checkconsistency >"$work/ldb.log" 2>&1 ||
        { cat "$work/ldb.log"; die "ldb checkconsistency"; }
    expected=$("$client" present --journal "$journal")
    found=$(ldb --db="$1" scan --no_value 2>>"$work/ldb.log" | wc -l)
    [ "$found" -eq "$expected" ] || die "ldb scan finds $found keys instead of $expected"
}
