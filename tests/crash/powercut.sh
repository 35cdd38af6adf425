#!/bin/bash
# powercut.sh - Goal: when the power goes, nothing that was acknowledged is lost, no command is half
# there, and kvd starts again by itself.
#
# Method: kvd as a whole under 50 pipelining clients on a real xfs and a real ext4, on a loop device
# on vdisk, a disk with a volatile write cache.  The cut comes at a random write or at a random
# time, and of the unflushed writes nothing, a prefix, a subset, or a random half of the sectors
# survives; or the file system is shut down under the page cache (FS_IOC_GOINGDOWN).  The client's
# journal is frozen at the instant of the cut, since what is told later is not told.  Then: remount,
# start, sometimes cut again during the recovery, and check every key.
#
# ext4 is mounted noauto_da_alloc, or it would hide a missing fsync before a rename.  As a control
# the same is done with `wal-sync never`: the rig must see losses there, or it proves nothing.
#   KV_CUTS=300 KV_SEED=7 powercut.sh [FILE SYSTEM...]
[ "$(id -u)" -eq 0 ] || { echo "not root: no loop devices"; exit 77; }
[ -c /dev/fuse ] || { echo "no /dev/fuse"; exit 77; }
for program in losetup mkfs.xfs mkfs.ext4; do
    command -v $program >/dev/null || { echo "no $program"; exit 77; }
done
[ -w /dev/shm ] && export KV_WORK=${KV_WORK:-/dev/shm}
. "$(dirname "$0")/rig.bash"
cuts=${KV_CUTS:-10}
CUTS_PER_DIR=${KV_DIR_ROUNDS:-5}
MODES=(none prefix subset torn torn)
mnt=$work/mnt ctl=$work/vdisk/ctl data=$work/mnt/db
vdisk_pid='' total_writes=0 total_survivors=0 in_recovery=0 unmountable=0 at_cut='' extra=()
declare -A cut_count=()

ctl() {
    echo "$*" >"$ctl" || die "vdisk does not take '$*'"
}

disk_make() { # file system
    mkdir -p "$mnt" "$work/vdisk"
    rm -f "$work/image"
    truncate -s 768M "$work/image"
    case $1 in
    xfs) mkfs.xfs -q -K "$work/image" ;;
    ext4) mkfs.ext4 -q -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 "$work/image" ;;
    esac || die "mkfs.$1"
    "$bin/vdisk" "$work/image" "$work/vdisk" "$journal" 2>>"$log" &
    vdisk_pid=$!
    rig_pids+=("$vdisk_pid")
    rig_mounts=("$work/vdisk" "$mnt")
    for _ in $(seq 200); do
        [ -e "$ctl" ] && return 0
        sleep 0.02
    done
    echo "FUSE does not work here: $(tail -n 1 "$log")"
    exit 77
}

disk_up() { # file system
    local options=noatime
    [ "$1" = ext4 ] && options=noatime,noauto_da_alloc
    loop=$(losetup -f --show "$work/vdisk/disk" 2>>"$log") || { echo "no loop device"; exit 77; }
    mount -t "$1" -o "$options" "$loop" "$mnt" 2>>"$log" || return 1
    # xfs clears its log here and does not flush that: cut now, with sectors reordered, it cannot
    # be mounted again, which is not what is under test.
    ctl flush
}

disk_down() {
    rig_unmount "$mnt"
    losetup -d "$loop" 2>/dev/null
    loop=''
}

disk_remove() {
    disk_down
    rig_unmount "$work/vdisk"
    wait "$vdisk_pid" 2>/dev/null
    rig_pids=()
}

begin_directory() {
    rm -rf "$data"
    sync -f "$mnt" # or a cut brings the old directory back, which this history knows nothing of
    rm -f "$work/load.log"
    # The same file: vdisk has it mapped.
    "$client" new --journal "$work/journal.new" --keys 60 --seed $((seed + RANDOM)) &&
        cat "$work/journal.new" 1<>"$journal" || die "no journal"
    settings_draw
    kvd_start "$data" "${extra[@]}"
}

end_directory() { # where
    kvd_stop || die "a clean stop ended with code $?"
    check_with_rocksdb "$data"
    total_writes=$((total_writes + $(journal_number writes)))
    total_survivors=$((total_survivors + $(journal_number survivors)))
    echo "$1: ${settings[*]}: $(journal_number checks) checks, $(journal_number writes) writes"
}

# The power goes under load.  Sets at_cut.
cut_under_load() {
    local mode=${forced_mode:-${MODES[$((RANDOM % ${#MODES[@]}))]}} how=$((RANDOM % 4))
    case $how in
    0)
        mode=godown
        load_start --seconds 5
        pause_ms 250
        "$client" cut --journal "$journal" --mount "$mnt" || die "no cut"
        ;;
    1)
        load_start --seconds 5
        pause_ms 250
        ctl "cut $((seed + RANDOM)) $mode 50"
        ;;
    *)
        ctl "cutat $((1 + RANDOM % 300)) $((seed + RANDOM)) $mode 50"
        load_start --seconds 2 --wait 3 # it may come before kvd is ready
        ;;
    esac
    load_wait
    at_cut="cut $1, $mode, $(cat "$ctl")"
    [[ $at_cut == *"not cut yet"* ]] && ctl "cut 1 $mode 50"
    cut_count[$mode]=$((${cut_count[$mode]:-0} + 1))
    kvd_kill
}

power_on() { # file system
    disk_down
    ctl on
    disk_up "$1"
}

# Once more, while the recovery writes.
cut_in_recovery() { # file system
    local mode=${MODES[$((RANDOM % ${#MODES[@]}))]}
    ctl "cutat $((1 + RANDOM % 60)) $((seed + RANDOM)) $mode 50"
    kvd_start "$data" "${extra[@]}"
    pause_ms 120
    [[ $(cat "$ctl") == *"not cut yet"* ]] && ctl "cut $RANDOM $mode 50"
    at_cut="$at_cut, then in recovery $mode $(cat "$ctl")"
    kvd_kill
    in_recovery=$((in_recovery + 1))
    power_on "$1"
}

# A cut that tears the superblock itself leaves nothing to mount: the file system's loss, not
# kvd's.  A new disk goes on; more than a few of these mean that the rig is broken.
renew_disk() { # file system
    unmountable=$((unmountable + 1))
    [ "$unmountable" -le $((3 + cuts / 25)) ] || die "mounting $1 after: $at_cut"
    disk_remove
    journal_new --keys 60
    disk_make "$1"
    disk_up "$1" || die "a new disk cannot be mounted"
}

run_cuts() { # file system, how many
    local i
    journal_new --keys 60
    disk_make "$1"
    disk_up "$1" || die "a new disk cannot be mounted"
    for ((i = 1; i <= $2; i++)); do
        [ -n "$kvd_pid" ] || begin_directory
        cut_under_load "$1 $i"
        power_on "$1" || { renew_disk "$1"; continue; }
        if ((RANDOM % 5 == 0)); then
            cut_in_recovery "$1" || { renew_disk "$1"; continue; }
        fi
        kvd_start "$data" "${extra[@]}"
        check "$at_cut"
        ((i % CUTS_PER_DIR == 0)) && end_directory "$1 $i"
    done
    [ -z "$kvd_pid" ] || end_directory "$1 $2"
    disk_remove
}

# Acknowledged before it is durable: the same cuts must show it.
run_control() { # file system
    local i
    extra=(--wal-sync never) forced_mode=none
    journal_new --keys 60
    disk_make "$1"
    disk_up "$1" || die "a new disk cannot be mounted"
    for i in 1 2 3 4 5; do
        begin_directory
        cut_under_load "control $i"
        power_on "$1" || { renew_disk "$1"; continue; }
        kvd_start "$data" "${extra[@]}"
        "$client" check --journal "$journal" --socket "$socket" >"$work/check.log" 2>&1
        if [ $? -eq 1 ]; then
            kvd_kill
            disk_remove
            extra=() forced_mode=
            return 0
        fi
        kvd_kill
    done
    die "wal-sync never lost nothing in 5 cuts: the rig does not see losses"
}

echo "seed=$seed"
systems=(${*:-xfs ext4})
for system in "${systems[@]}"; do
    run_cuts "$system" $(((cuts + ${#systems[@]} - 1) / ${#systems[@]}))
done
modes=$(for mode in "${!cut_count[@]}"; do printf ' %s %d' "$mode" "${cut_count[$mode]}"; done)
[ -n "${KV_NO_CONTROL:-}" ] || run_control "${systems[0]}"
echo "power cuts on ${systems[*]}: $cuts (${modes# }), and $in_recovery during recovery," \
    "$unmountable of them with a file system that could not be mounted again:" \
    "$total_writes acknowledged writes checked, 0 lost; $total_survivors unacknowledged commands" \
    "survived whole; control with wal-sync never: loss seen"
