#!/usr/bin/env bash
# engine_both_ways.sh - kvd's engine and stock RocksDB 7.8 on the same directories.
#
# Goal: what the engine wrote, RocksDB's tools scan byte for byte as we do, check and verify;
#       librocksdb opens it read-write, writes to it, and the engine serves all of that; and the
#       engine opens what librocksdb wrote, in each of its forms, log included.
# Method: random puts and deletions with flushes (KV_ENTRIES, default 1,000,000), printed seeds.
set -euo pipefail
: "${KV_BIN:?}"
entries=${KV_ENTRIES:-1000000}
seed=${KV_SEED:-$RANDOM$RANDOM}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LC_ALL=C
echo "seed=$seed entries=$entries"

# same DIR FAMILY: ldb's scan equals ours; then ours equals ldb's again, since either open changes
# the directory (it flushes the log).
same() {
    ldb --db="$1" --column_family="$2" scan --hex 2>/dev/null |
        sed 's/ : / ==> /' >"$work/rocks.txt"
    "$KV_BIN/kv_dump" "$1" "$2" 2>"$work/dump.err" >"$work/ours.txt" ||
        { cat "$work/dump.err"; echo "kv_dump failed on $1 $2"; exit 1; }
    cmp "$work/rocks.txt" "$work/ours.txt"
    [ -s "$work/ours.txt" ] || { echo "$1 $2: no keys"; exit 1; }
}

verify() {
    ldb --db="$1" checkconsistency >"$work/check.txt" 2>&1 && grep -q '^OK' "$work/check.txt" ||
        { cat "$work/check.txt"; exit 1; }
    for table in "$1"/*.sst; do
        sst_dump --file="$table" --command=verify >"$work/verify.txt" 2>&1 ||
            { cat "$work/verify.txt"; exit 1; }
        ! grep -qi 'corruption' "$work/verify.txt" || { cat "$work/verify.txt"; exit 1; }
    done
}

echo "-- written by the engine"
"$KV_BIN/kv_fill" "$work/ours" "$entries" "$seed"
# ldb first, so that it replays our log too; it opens read-only.
same "$work/ours" default
verify "$work/ours"
keys=$(wc -l <"$work/ours.txt")
counted=$("$KV_BIN/rocks_tool" count "$work/ours")
[ "$counted" = "$keys" ] || { echo "librocksdb counts $counted keys, we $keys"; exit 1; }
"$KV_BIN/rocks_tool" write "$work/ours" 20000 "$seed"
same "$work/ours" default
"$KV_BIN/kv_fill" "$work/ours" 20000 "$((seed + 1))"
same "$work/ours" default
verify "$work/ours"
echo "   $keys keys, $(ls "$work/ours"/*.sst | wc -l) tables: equal, and after writes of both"
rm -rf "$work/ours"

echo "-- compacted by the engine"
for form in "leveled" "universal" "leveled compact" "universal compact"; do
    # shellcheck disable=SC2086
    "$KV_BIN/kv_fill" "$work/ours" $((entries / 4)) "$seed" $form
    levels=$("$KV_BIN/kvctl" inspect "$work/ours" | grep -c '^  level [1-6]:')
    [ "$levels" -gt 0 ] || { echo "$form: nothing below level 0"; exit 1; }
    same "$work/ours" default
    verify "$work/ours"
    # RocksDB goes on with the levels, compacts them, and so do we with its own.
    "$KV_BIN/rocks_tool" write "$work/ours" 20000 "$seed"
    ldb --db="$work/ours" compact >/dev/null 2>&1 || { echo "$form: ldb cannot compact"; exit 1; }
    same "$work/ours" default
    # shellcheck disable=SC2086
    "$KV_BIN/kv_fill" "$work/ours" $((entries / 10)) "$((seed + 1))" $form
    same "$work/ours" default
    verify "$work/ours"
    echo "   $form: $(wc -l <"$work/ours.txt") keys, $levels levels below 0: equal, also after RocksDB's own"
    rm -rf "$work/ours"
done

echo "-- written by librocksdb"
count=0
for form in "format=2 compression=0 checksum=1" "format=3 compression=1 checksum=2" \
    "format=4 compression=2 checksum=3" "format=5 compression=4 checksum=4" \
    "format=5 compression=5 checksum=1" "format=5 compression=7 checksum=4" \
    "format=5 compression=3 checksum=4 bloom=0" \
    "format=5 compression=4 index=2 partition=1" "format=4 compression=7 index=2" \
    "format=3 compression=4 index=2 checksum=1" \
    "format=5 families=3" "format=5 families=2 flush=no" "format=5 flush=no" "format=2 families=1 flush=no"; do
    dir=$work/theirs
    # shellcheck disable=SC2086
    "$KV_BIN/rocks_tool" write "$dir" 30000 "$seed" $form
    same "$dir" default
    families=$(echo "$form" | sed -n 's/.*families=\([0-9]*\).*/\1/p')
    for ((i = 1; i <= ${families:-0}; i++)); do same "$dir" "cf$i"; done
    rm -rf "$dir"
    count=$((count + 1))
done
echo "   $count forms of directory: equal"
