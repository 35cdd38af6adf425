#!/bin/bash
# faults.sh - Goal: a full disk, dying workers and missing workers cost service, never data: clients
# get clear errors, reads go on, and service comes back by itself when the fault is gone.
#
# Method: the crash rig's clients, which check every reply under load and every key afterwards,
# while a small file system (tmpfs, then ext4 on a loop device) is filled up by another file; while
# the workers are killed over and over; and with a worker program that is not there.
#   KV_SEED=7 faults.sh [dying_workers|hung_workers|missing_worker|full_tmpfs|full_ext4]...
. "$(dirname "$0")/../crash/rig.bash"
data=$work/db

# Loads until a client gets an error.  Bounded: $1 seconds.
load_until_error() {
    load_start --seconds "$1" --on-error go --silence 60
    for _ in $(seq $(($1 * 10))); do
        [ "$(journal_number errors)" -gt 0 ] && break
        kill -0 "$load_pid" 2>/dev/null || break
        sleep 0.05
    done
    load_wait
    [ "$(journal_number errors)" -gt 0 ] || die "no client ever got an error"
}

# Writes are accepted again, by themselves.  Bounded: $1 tries of half a second.
load_until_fine() {
    local errors_before try
    for try in $(seq "$1"); do
        errors_before=$(journal_number errors)
        load_start --seconds 0.5 --on-error go --silence 60
        load_wait
        [ "$(journal_number errors)" -eq "$errors_before" ] && return 0
    done
    die "writes are still refused: $(tail -n 1 "$work/load.log")"
}

expect_error_text() { # pattern
    grep -Eq "first error: $1" "$work/load.log" ||
        die "the error does not say what is wrong: $(tail -n 1 "$work/load.log")"
}

restart_and_check() { # what happened
    kvd_kill
    kvd_start "$data"
    check "$1, after kill -9 and restart"
}

# Killed and started on the full disk, kvd serves what it has.
start_when_full() { # name
    kvd_kill
    kvd_start "$data"
    check "$1 is full, after kill -9"
}

full_disk() { # name
    local full
    # So many that they fill the disk however well they are compacted.
    journal_new --keys 4000
    kvd_start "$data"
    load_start --seconds 0.5 --writes 5000
    load_wait
    # All but a little, so that it is kvd that hits the end.
    full=$(($(stat -f -c '%a * %S' "$mnt") - 6 * 1024 * 1024))
    fallocate -l "$full" "$mnt/filler" || die "no filler"
    load_until_error 30
    expect_error_text 'MISCONF (The disk is nearly full|No space|Memory is full of writes)'
    check "$1 is full"
    start_when_full "$1"
    rm "$mnt/filler"
    load_until_fine 40
    check "$1 has room again"
    restart_and_check "$1 was full"
    kvd_stop || die "a clean stop ended with code $?"
    check_with_rocksdb "$data"
    echo "ok: $1 was full: $(journal_number errors) errors, $(journal_number writes)" \
        "acknowledged writes all there"
}

full_tmpfs() {
    mnt=$work/tmpfs data=$work/tmpfs/db
    mkdir "$mnt"
    mount -t tmpfs -o size=96m tmpfs "$mnt" 2>/dev/null ||
        { echo "skipped: tmpfs cannot be mounted here"; return; }
    rig_mounts+=("$mnt")
    full_disk tmpfs
    rig_unmount "$mnt"
}

full_ext4() {
    mnt=$work/ext4 data=$work/ext4/db
    mkdir "$mnt"
    truncate -s 128M "$work/image"
    mkfs.ext4 -q "$work/image" && loop=$(losetup -f --show "$work/image" 2>/dev/null) &&
        mount -t ext4 "$loop" "$mnt" || { echo "skipped: no loop devices here"; return; }
    rig_mounts+=("$mnt")
    full_disk ext4
    rig_unmount "$mnt"
    losetup -d "$loop"
    loop=''
}

# Each time that a worker has come back it is killed: writes go on, none gets an error.
dying_workers() {
    local kills=0 pids
    data=$work/db
    journal_new --keys 60
    kvd_start "$data"
    load_start --seconds 4 --on-error stop
    while kill -0 "$load_pid" 2>/dev/null; do
        pids=$(kvd_workers)
        [ -n "$pids" ] && kill -9 $pids 2>/dev/null && kills=$((kills + 1))
        sleep 0.2
    done
    load_wait
    grep -q "errors, 0 links lost" "$work/load.log" || die "clients were dropped"
    [ "$(journal_number errors)" -eq 0 ] || die "clients got errors while workers died"
    [ "$kills" -gt 5 ] || die "only $kills kills"
    check "workers were killed $kills times"
    load_until_fine 20
    check "workers live again"
    restart_and_check "dying workers"
    kvd_stop || die "a clean stop ended with code $?"
    check_with_rocksdb "$data"
    rm -rf "$data"
    echo "ok: workers killed $kills times under load:" \
        "$(grep -o 'longest silence [0-9]* ms' "$work/load.log" | head -n 1)"
}

# Workers that hang without dying are replaced: service goes on without a restart.
hung_workers() {
    local pids
    data=$work/db
    journal_new --keys 60
    kvd_start "$data"
    load_start --seconds 16 --writes 200000 --on-error go --silence 40
    sleep 0.5
    pids=$(kvd_workers)
    kill -STOP $pids
    load_wait
    load_until_fine 40
    [[ " $(kvd_workers) " == *" ${pids%% *} "* ]] && die "a hung worker is still there"
    check "workers hung"
    restart_and_check "workers hung"
    kvd_stop || die "a clean stop ended with code $?"
    check_with_rocksdb "$data"
    rm -rf "$data"
    echo "ok: workers hung: $(journal_number errors) errors," \
        "$(grep -o 'longest silence [0-9]* ms' "$work/load.log" | head -n 1)"
}

# kvd serves what it can: writes until its memory is full, reads always.
missing_worker() {
    data=$work/db
    journal_new --keys 60
    kvd_start "$data" --worker-path "$work/no-such-worker"
    load_until_error 40
    expect_error_text '.*[Mm]emory is full of writes'
    check "no worker program"
    restart_and_check "no worker program"
    load_until_fine 20
    check "the worker program is there again"
    kvd_stop || die "a clean stop ended with code $?"
    check_with_rocksdb "$data"
    rm -rf "$data"
    echo "ok: no worker program: $(grep -o 'first error: .*' "$work/load.log" | head -n 1)"
}

echo "seed=$seed"
parts=(${*:-dying_workers hung_workers missing_worker full_tmpfs full_ext4})
for part in "${parts[@]}"; do
    rm -f "$work/load.log"
    if [[ $part = full_* && $(id -u) -ne 0 ]]; then
        echo "skipped: $part (not root)"
        continue
    fi
    "$part"
done
