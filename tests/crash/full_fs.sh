#!/bin/bash
# full_fs.sh - Goal: on a file system that is filled to the brim under load no acknowledged write is
# lost, reads are answered throughout, writes are refused in time and clearly, and everything comes
# back by itself when there is space again.
#
# Method: the crash rig's clients on a small file system, while another client reads without a pause
# and notes how long it waits.  kvd fills the disk up to what it keeps for itself, with nothing
# failing; another process takes that too; kvd is killed and started without a byte free; then the
# space is given back; at last a FLUSHALL has to make room for itself.
#   KV_MB=2048 KV_MEMTABLE=64mb KV_KEYS=16000 KV_VALUE_BYTES=16384 full_fs.sh [tmpfs|ext4|xfs]...
[ "$(id -u)" -eq 0 ] || { echo "not root: nothing can be mounted"; exit 77; }
. "$(dirname "$0")/rig.bash"
mb=${KV_MB:-160} memtable=${KV_MEMTABLE:-4mb}
keys=${KV_KEYS:-4000} value_bytes=${KV_VALUE_BYTES:-8192} # of each client: more than the disk takes
fill_s=${KV_FILL_SECONDS:-120}
mnt=$work/mnt data=$work/mnt/db
reader_pid=''

disk_make() { # file system
    mkdir -p "$mnt"
    if [ "$1" = tmpfs ]; then
        mount -t tmpfs -o "size=${mb}m" tmpfs "$mnt" 2>/dev/null || return 1
    else
        command -v "mkfs.$1" >/dev/null || return 1
        truncate -s "${mb}M" "$work/image"
        "mkfs.$1" -q "$work/image" 2>/dev/null || return 1
        loop=$(losetup -f --show "$work/image" 2>/dev/null) || return 1
        mount -t "$1" -o noatime "$loop" "$mnt" || return 1
    fi
    rig_mounts=("$mnt")
    fallocate -l "$((mb / 3))M" "$mnt/other" || die "no file beside the data"
}

disk_drop() {
    rig_unmount "$mnt"
    rig_mounts=()
    [ -n "$loop" ] && losetup -d "$loop"
    loop=''
    rm -f "$work/image"
}

kvctl() {
    "$bin/kvctl" -s "$socket" "$@" 2>/dev/null
}

info() { # field
    kvctl info all | tr -d '\r' | sed -n "s/^$1://p"
}

start() {
    kvd_start "$data" --memtable-size "$memtable" --wal-max-size "$memtable" --memory-limit 512mb
    for _ in $(seq 600); do
        kvctl ping >/dev/null && return 0
        kill -0 "$kvd_pid" 2>/dev/null || die "kvd did not start"
        sleep 0.05
    done
    die "kvd is not ready"
}

# GETs, one after the other, until it is told to stop; prints how many and the longest wait in ms.
reader_start() {
    rm -f "$work/reader.ready"
    python3 - "$socket" "$work/reader.ready" >"$work/reader.log" 2>&1 <<'EOF' &
import random, signal, socket, sys, time

going = True
def stop(*_):
    global going
    going = False
signal.signal(signal.SIGTERM, stop)
link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[1])
link.settimeout(30)
count = longest = 0
while going:
    key = b"c%03d:k%06d" % (random.randrange(50), random.randrange(4000))
    begun = time.monotonic()
    link.sendall(b"*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n" % (len(key), key))
    reply = b""
    while not reply.endswith(b"\r\n") or (reply[:1] == b"$" and reply[1:2] != b"-" and
                                          len(reply) < reply.index(b"\r\n") + 4 +
                                          int(reply[1:reply.index(b"\r\n")])):
        piece = link.recv(1 << 20)
        if not piece:
            sys.exit("the connection was closed")
        reply += piece
    if reply[:1] != b"$":
        sys.exit("GET was answered: %r" % reply[:100])
    longest = max(longest, time.monotonic() - begun)
    count += 1
    if count == 1:
        open(sys.argv[2], "w").close()
    time.sleep(0.002)
print("%d reads, the longest wait %d ms" % (count, longest * 1000))
EOF
    reader_pid=$!
    rig_pids+=("$reader_pid")
    for _ in $(seq 600); do
        [ -e "$work/reader.ready" ] && return 0
        sleep 0.05
    done
    die "the reader got no answer: $(cat "$work/reader.log")"
}

reader_stop() { # what happened meanwhile
    local ms
    kill "$reader_pid" 2>/dev/null
    wait "$reader_pid" || { cat "$work/reader.log"; die "$1: a read failed"; }
    ms=$(sed -n 's/.*wait \([0-9]*\) ms/\1/p' "$work/reader.log")
    [ "$ms" -lt "${KV_READ_MS:-5000}" ] || die "$1: a read took $ms ms"
    echo "  $1: $(cat "$work/reader.log")"
}

# Loads until it is refused and stays so: a compaction that runs may have more in the end.
fill() {
    local begun=$SECONDS refused=0 before
    while [ "$refused" -lt 3 ]; do
        [ $((SECONDS - begun)) -lt "$fill_s" ] || die "the disk did not fill up"
        before=$(journal_number errors)
        load_start --seconds 1 --on-error go --silence 60
        load_wait
        refused=$((refused + 1))
        [ "$(journal_number errors)" -gt "$before" ] && [ "$(info disk_state)" != ample ] ||
            refused=0
    done
}

# Prints after how many seconds nothing is refused any more.  A few writes at a time: they must not
# fill the disk again.
until_fine() { # seconds at most
    local begun=$SECONDS before
    while [ $((SECONDS - begun)) -le "$1" ]; do
        before=$(journal_number errors)
        load_start --seconds 0.3 --writes 100 --on-error go --silence 60
        load_wait
        if [ "$(journal_number errors)" -eq "$before" ]; then
            echo "  writes are accepted again after $((SECONDS - begun)) s"
            return 0
        fi
    done
    die "writes are still refused: $(tail -n 1 "$work/load.log"); disk: $(info disk_state)"
}

take_the_rest() {
    # In pieces, since a file system may not give its last bytes at once.
    local size
    for size in 64M 16M 4M 1M 256K 64K 16K 4K; do
        while fallocate -l "$size" "$mnt/filler.$size.$RANDOM$RANDOM" 2>/dev/null; do :; done
    done
    dd if=/dev/zero of="$mnt/filler.dd" bs=4k >/dev/null 2>&1
    [ "$(stat -f -c %a "$mnt")" -lt 64 ] || die "the disk is not full"
}

fill_to_the_reserve() { # file system
    journal_new --keys "$keys" --value-bytes "$value_bytes"
    start
    reader_start
    fill
    grep -q 'first error: MISCONF The disk is nearly full' "$work/load.log" ||
        die "the refusal does not say what is wrong: $(tail -n 1 "$work/load.log")"
    [ "$(info flush_failures)" = 0 ] || die "a flush has failed before the disk was full"
    [ "$(info disk_refused_writes)" -gt 0 ] || die "INFO does not count what was refused"
    check "$1 is nearly full"
    reader_stop "$1 filled up"
    kvd_kill
    start
    check "$1 is nearly full, after kill -9"
}

fill_the_rest() { # file system
    reader_start
    load_start --seconds 2 --on-error go --silence 60
    take_the_rest
    load_wait
    check "$1 is full"
    reader_stop "$1 full to the brim"
    for round in 1 2; do
        kvd_kill
        rm -f "$data"/kvd.endpoint* # a byte or two of space
        take_the_rest
        start
        check "$1 is full, after kill -9 number $round"
        kvctl set c000:k000000 x | grep -q OK && die "a write was accepted on a full disk"
    done
    reader_start
    rm -f "$mnt"/filler.* "$mnt/other" # without the latter kvd's own data are too much
    until_fine 20
    reader_stop "$1 got its space back"
    check "$1 has room again"
    kvd_kill
    start
    check "$1 was full, after kill -9"
}

flush_all() { # file system
    local used_before used state
    fill
    used_before=$(info table_bytes) state=$(info disk_state)
    reader_start
    kvctl command flushall | grep -q OK || die "FLUSHALL was refused on a nearly full disk"
    for _ in $(seq 300); do
        used=$(info table_bytes)
        [ "$used" -lt $((used_before / 4)) ] && [ "$(info disk_state)" = ample ] && break
        sleep 0.1
    done
    # With space again, since a compaction has just ended, nothing need hurry.
    [ "$used" -lt $((used_before / 4)) ] || [ "$state" = ample ] ||
        die "FLUSHALL left $used of $used_before bytes"
    reader_stop "FLUSHALL of $((used_before >> 20)) MB"
    journal_new --keys "$keys" --value-bytes "$value_bytes"
    until_fine 20
    check "after FLUSHALL"
}

full() { # file system
    disk_make "$1" || { echo "skipped: no $1 here"; return; }
    rm -f "$work/load.log"
    fill_to_the_reserve "$1"
    fill_the_rest "$1"
    flush_all "$1"
    kvd_stop || die "a clean stop ended with code $?"
    check_with_rocksdb "$data"
    disk_drop
    echo "ok: $1 of $mb MB: full, full to the brim, killed, given back, flushed"
}

echo "seed=$seed"
for fs in ${*:-tmpfs}; do
    full "$fs"
done
