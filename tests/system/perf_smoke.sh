#!/usr/bin/env bash
# perf_smoke.sh - the comparisons of tests/perf run, each in seconds, so that they do not rot.
#
# Goal: each prints a table with a number for kvd and one for its peer in its rows, or verdicts.
# Method: --smoke of each; what the numbers are is of no interest.  A peer that is not installed
# leaves out its comparison; all of them missing skips the test.
set -uo pipefail
perf=${KV_SOURCE:?}/tests/perf
out=$(mktemp) stand_in=$(mktemp -d)
trap 'rm -rf "$out" "$stand_in"' EXIT
ran=0 failed=0

# Kvrocks is in no package; what the script needs of it is a server that takes its file.
cat >"$stand_in/kvrocks" <<'END'
#!/usr/bin/env bash
value() { sed -n "s/^$1 //p" "$2"; }
exec redis-server --port "$(value port "$2")" --dir "$(value dir "$2")" --save ''
END
chmod +x "$stand_in/kvrocks"

rows_with='(ops/s|reads/s|MB/s in) +[0-9.,]+ +[0-9.,]+ +[0-9.]+'

smoke() { # ROWS COMMAND...: at least so many rows with a ratio
    local rows=$1 status=0 found
    shift
    timeout 120 "$@" --smoke >"$out" 2>&1 || status=$?
    if [ $status -eq 77 ]; then
        echo "$(basename "$1"): $(tail -1 "$out")"
        return
    fi
    ran=$((ran + 1))
    found=$(grep -cE "$rows_with" "$out")
    if [ $status -eq 0 ] && [ "$found" -ge "$rows" ]; then
        echo "$(basename "$1"): ok"
    else
        echo "$(basename "$1"): exit code $status, $found rows instead of $rows:"
        cat "$out"
        failed=1
    fi
}

smoke_profile() { # a line for each path and functions below
    local status=0
    timeout 120 "$perf/profile" --smoke >"$out" 2>&1 || status=$?
    [ $status -ne 77 ] || { echo "profile: $(tail -1 "$out")"; return; }
    ran=$((ran + 1))
    if [ $status -eq 0 ] && [ "$(grep -cE '^\| (SET|GET).*[0-9]\.[0-9]+ \|$' "$out")" -eq 4 ] &&
        grep -q '^| .*%' "$out"; then
        echo 'profile: ok'
    else
        echo "profile: exit code $status:"
        cat "$out"
        failed=1
    fi
}

# What waits for a server's rest ends when the server is gone, or it disturbs what comes next.
smoke_settle() { # nobody listens at port 1
    local status=0
    # shellcheck disable=SC2016
    timeout 20 bash -c '. "$0/perf.bash"; . "$0/steady.bash"; settle 1' "$perf" >"$out" 2>&1 || status=$?
    if [ $status -eq 2 ] && grep -q 'does not answer' "$out"; then
        echo 'settle: ok'
    else
        echo "settle: exit code $status without a server:"
        tail -5 "$out"
        failed=1
    fi
}

smoke_settle
smoke 24 "$perf/vs-redis"
smoke 18 "$perf/vs-kvrocks" "$stand_in/kvrocks"
smoke 6 "$perf/vs-redis-benchmark"
smoke 7 "$perf/vs-rocksdb"
smoke 3 "$perf/compaction"
smoke 1 "$perf/vs-fio"
smoke 12 "$perf/deletions"
smoke_profile
rows_with='(ok|FAILED)$'
smoke 6 "$perf/sustained" --kill-worker 0.7
smoke 6 "$perf/sustained" --rate 1000 --share 50
smoke 1 "$perf/read-while-compacting"
[ $ran -gt 0 ] || { echo "none of the peers is installed"; exit 77; }
exit $failed
