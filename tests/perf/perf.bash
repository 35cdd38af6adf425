# perf.bash - what the comparisons share: servers, loads, measurements, and the table of ratios.
#
# To be sourced.  A comparison notes numbers, `note ROW UNIT SIDE VALUE`, once a round for each of
# its sides, the sides in turn; `compare SIDE PEER TITLE` prints for each row the medians of the two
# and the median of the rounds' ratios with their spread.  A ratio compares only what ran one after
# the other in the same round, since a busy machine is busy for both.
set -u
perf_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=${KV_BIN:-$perf_dir/../../build/release/bin}
rounds=3 size=full loader='' keep=no
load_options=() # of the load generator, beside load's arguments
declare -A server_pid=() server_port=() server_dir=()
declare -A set_share=() # one of how many SETs a slow side gets [1]

die() { echo "${0##*/}: $*" >&2; exit 2; }
skip() { echo "${0##*/}: $*" >&2; exit 77; }
need() { # program...
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null || skip "$program is missing; scripts/packages perf installs it"
    done
}

# --- options and the working directory ---

perf_usage() {
    cat <<END
Usage: ${0##*/} [--short|--smoke] [--rounds N] [--with LOADER] [--dir DIR] [--keep]${usage_more:-}

$usage_text

  --short       one round of small loads: about two minutes, for a first impression
  --smoke       seconds only; the numbers mean nothing
  --rounds N    medians of N [3]
  --with NAME   the load generator of servers: kvbench or redis-benchmark [kvbench if there is one]
  --dir DIR     where the data goes, on the file system to be measured [\$TMPDIR or /tmp]
  --keep        leave the data and the notes there
KV_BIN names the directory of kvd [build/release/bin].
END
}

# Leaves what is no option in the array `arguments`.
perf_options() {
    local where=${TMPDIR:-/tmp}
    arguments=()
    while [ $# -gt 0 ]; do
        case $1 in
        --short) size=short rounds=1 ;;
        --smoke) size=smoke rounds=1 ;;
        --rounds) rounds=${2:?}; shift ;;
        --with) loader=${2:?}; shift ;;
        --dir) where=${2:?}; shift ;;
        --keep) keep=yes ;;
        --help | -h) perf_usage; exit 0 ;;
        -*) perf_usage >&2; exit 2 ;;
        *) arguments+=("$1") ;;
        esac
        shift
    done
    [ -x "$bin/kvd" ] || skip "no $bin/kvd; build the release preset or set KV_BIN"
    bin=$(cd "$bin" && pwd)
    if [ -z "$loader" ]; then
        loader=redis-benchmark
        [ ! -x "$bin/kvbench" ] || loader=kvbench
    fi
    work=$(mktemp -d "$where/kv-perf.XXXXXX") || exit 2
    notes=$work/notes
    : >"$notes"
    trap perf_end EXIT
    trap 'exit 130' INT TERM HUP
}

perf_end() {
    local name
    for name in "${!server_pid[@]}"; do
        stop_server "$name"
    done
    if [ "$keep" = yes ]; then
        echo "left in $work"
    else
        rm -rf "$work"
    fi
}

# choose FULL SHORT SMOKE: the one of the size that was asked for.
choose() {
    case $size in full) echo "$1" ;; short) echo "$2" ;; *) echo "$3" ;; esac
}

progress() { [ ! -t 2 ] || printf '\r\033[K%s' "$*" >&2; }

# What a reader of the numbers must know about the machine.
describe_machine() {
    local governor=/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor load
    local groups=/proc/sys/kernel/sched_autogroup_enabled
    echo "machine:  $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)," \
        "$(nproc) cores, Linux $(uname -r), $(stat -f -c %T "$work") at $work"
    [ ! -r $governor ] || echo "governor: $(<$governor)"
    [ ! -r $groups ] || echo "groups:   sched_autogroup_enabled $(<$groups)"
    read -r load _ </proc/loadavg
    echo "load:     $load before the start$(awk -v l="$load" \
        'BEGIN { if (l > 0.3) print " - others use this machine: trust ratios only, and not far" }')"
    echo "run:      $size, $rounds round(s); $("$bin/kvd" --version | head -1)"
}

# --- servers ---

free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo $port; return; }
    done
}

# run_server NAME COMMAND...: in the background, until it answers at its port.
run_server() {
    local name=$1 i
    shift
    "$@" >"${server_dir[$name]}.log" 2>&1 &
    server_pid[$name]=$!
    for i in $(seq 300); do
        [ "$(redis-cli -p "${server_port[$name]}" PING 2>/dev/null)" != PONG ] || return 0
        kill -0 "${server_pid[$name]}" 2>/dev/null || break
        sleep 0.1
    done
    tail -5 "${server_dir[$name]}.log" >&2
    die "$name does not answer"
}

new_server() { # NAME
    server_port[$1]=$(free_port)
    server_dir[$1]=$work/$1
    mkdir -p "$work/$1"
}

start_kvd() { # NAME OPTION...
    local name=$1
    shift
    new_server "$name"
    run_server "$name" "$bin/kvd" --port "${server_port[$name]}" --dir "${server_dir[$name]}/data" "$@"
}

# Without snapshots and rewrites of the log: they would run while another one is measured.
start_redis() { # NAME OPTION...
    local name=$1
    shift
    new_server "$name"
    run_server "$name" redis-server --port "${server_port[$name]}" --dir "${server_dir[$name]}" \
        --save '' --auto-aof-rewrite-percentage 0 "$@"
}

stop_server() { # NAME
    kill "${server_pid[$1]}" 2>/dev/null
    wait "${server_pid[$1]}" 2>/dev/null
    unset "server_pid[$1]"
}

# --- CPU time ---

# cpu_ticks PID: user and system time of a process, then the same with its children.
cpu_ticks() {
    local child own all stat fields
    read -r stat <"/proc/$1/stat"
    read -ra fields <<<"${stat##*) }" # utime, stime, cutime, cstime are the 14th to the 17th field
    own=$((fields[11] + fields[12])) all=$((fields[11] + fields[12] + fields[13] + fields[14]))
    for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
        read -r stat 2>/dev/null <"/proc/$child/stat" || continue
        read -ra fields <<<"${stat##*) }"
        all=$((all + fields[11] + fields[12]))
    done
    echo "$own $all"
}

# Until the process and its workers do nothing any more: what a load left to be done belongs to it,
# and must not run while the next one is measured.
wait_quiet() { # PID
    local before='' now calm=0 i
    for i in $(seq 600); do
        now=$(cpu_ticks "$1")
        now=${now#* }
        if [ -n "$before" ] && [ $((now - before)) -le 1 ]; then calm=$((calm + 1)); else calm=0; fi
        [ $calm -lt 4 ] || return 0
        before=$now
        sleep 0.05
    done
}

per_op() { # TICKS TICKS OPERATIONS
    awk -v a="$1" -v b="$2" -v n="$3" -v hz="$(getconf CLK_TCK)" \
        'BEGIN { printf "%.3f", (b - a) * 1000000 / hz / n }'
}

# --- load on servers ---

# All of the keys that redis-benchmark -r KEYS asks for, with values that compress by a third.
fill_keys() { # PORT KEYS VALUE_BYTES
    awk -v keys="$2" -v bytes="$3" 'BEGIN {
        srand(1)
        for (pool = ""; length(pool) < 65536 + bytes; )
            pool = pool sprintf("%c", 33 + int(rand() * 90))
        for (i = 0; i < keys; i++)
            printf "*3\r\n$3\r\nSET\r\n$16\r\nkey:%012d\r\n$%d\r\n%s\r\n", i, bytes,
                substr(pool, 1 + int(rand() * 65536), bytes)
    }' | redis-cli -p "$1" --pipe >"$work/fill" 2>&1 || { tail -3 "$work/fill" >&2; die "filling failed"; }
}

# load PORT set|get KEYS VALUE_BYTES CONNECTIONS PIPELINE OPERATIONS
# With load_options, which may name a socket instead of the port.
# Sets load_rate (operations a second) and load_p99_us.
load() {
    local line
    case $loader in
    redis-benchmark)
        line=$(redis-benchmark -p "$1" "${load_options[@]}" -t "$2" -r "$3" -d "$4" -c "$5" -P "$6" \
            -n "$7" --csv | tail -1 | tr -d '"')
        load_rate=$(cut -d, -f2 <<<"$line")
        load_p99_us=$(cut -d, -f7 <<<"$line" | awk '{ print $1 * 1000 }')
        ;;
    kvbench)
        "$bin/kvbench" -q -p "$1" "${load_options[@]}" -t "$2" -r "$3" -d "$4" -c "$5" -P "$6" \
            -n "$7" --csv "$work/csv" >"$work/out" 2>&1 || { tail -5 "$work/out" >&2; die "kvbench failed"; }
        load_rate=$(csv_field "$work/csv" "$2" ops_per_s)
        load_p99_us=$(csv_field "$work/csv" "$2" p99_us)
        ;;
    *) die "no load generator is called $loader" ;;
    esac
    [ -n "$load_rate" ] || die "$loader reports nothing"
}

# csv_field FILE OPERATION COLUMN: of kvbench's --csv.
csv_field() {
    awk -F, -v operation="$2" -v column="$3" '
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
        NR > 1 && $at["operation"] == operation { print $at[column]; exit }' "$1"
}

# served ROW SIDE, and load's arguments: a load on a server, with the server's CPU.
served() {
    local row=$1 side=$2 operations=$9 pid=${server_pid[$2]} before after
    shift 2
    progress "$row $side"
    before=$(cpu_ticks "$pid")
    load "$@"
    after=$(cpu_ticks "$pid")
    note "$row" "ops/s" "$side" "$load_rate"
    note "$row" "p99 us" "$side" "$load_p99_us"
    note "$row" "CPU us/op" "$side" "$(per_op "${before% *}" "${after% *}" "$operations")"
    wait_quiet "$pid"
    after=$(cpu_ticks "$pid")
    note "$row" "CPU us/op, all" "$side" "$(per_op "${before#* }" "${after#* }" "$operations")"
}

fill_servers() { # SIDE...: $keys keys, values of 100 bytes
    local side
    for side in "$@"; do
        progress "filling $side"
        fill_keys "${server_port[$side]}" "$keys" 100
        wait_quiet "${server_pid[$side]}"
    done
}

# The servers in $sides, which are full: SET and GET, 50 connections, values of 100 bytes.
served_rounds() {
    local side round pipeline operation operations share
    for ((round = 1; round <= rounds; round++)); do
        for pipeline in 1 16 64; do
            case $pipeline in
            1) operations=$(choose 500000 80000 500) ;;
            16) operations=$(choose 3000000 400000 2000) ;;
            *) operations=$(choose 4000000 600000 5000) ;;
            esac
            for operation in set get; do
                for side in $(in_turn "$round" $sides); do
                    share=1
                    [ "$operation" = get ] || share=${set_share[$side]:-1}
                    served "${operation^^} P=$pipeline" "$side" "${server_port[$side]}" "$operation" \
                        "$keys" 100 50 "$pipeline" $((operations / share))
                done
            done
        done
    done
}

# --- load without a server ---

# measured COMMAND...: sets measured_cpu_us (of all its processes), measured_written and
# measured_read (bytes that went to and came from the disk).  Its output goes to $work/out.
measured() {
    local numbers
    numbers=$(
        self=$BASHPID
        TIMEFORMAT='%U %S'
        { time "$@" >"$work/out" 2>&1 || echo failed; } 2>&1
        # What a process read and wrote goes to its parent when it ends.
        sed -n 's/^read_bytes: //p; s/^write_bytes: //p' "/proc/$self/io"
    )
    # shellcheck disable=SC2086
    set -- $numbers
    [ "$1" != failed ] || { tail -15 "$work/out" >&2; die "a measured program failed"; }
    measured_cpu_us=$(awk -v u="$1" -v s="$2" 'BEGIN { printf "%.0f", (u + s) * 1000000 }')
    measured_read=$3 measured_written=$4
}

# What the page cache has of files would be measured instead of the disk.
forget_pages() { # FILE...
    local file
    sync -f "$work"
    for file in "$@"; do
        dd if="$file" iflag=nocache count=0 status=none
    done
}

db_bench_knows() { # COMPRESSION
    rm -rf "$work/probe"
    "$db_bench" --db="$work/probe" --num=1 --benchmarks=fillseq --compression_type="$1" \
        >"$work/out" 2>&1
}

# Debian's is built without NDEBUG.
describe_db_bench() {
    local assertions=''
    db_bench_knows none || die "$db_bench does not run"
    ! grep -q 'Assertions are enabled' "$work/out" || assertions=', with assertions, which slow it down'
    echo "peer:     RocksDB $(sed -n 's/^RocksDB: *version //p' "$work/out"), $(command -v "$db_bench")$assertions"
}

# --- numbers ---

note() { printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" >>"$notes"; }

in_turn() { # ROUND SIDE...: the sides, every other round backwards
    local round=$1
    shift
    if [ $((round % 2)) -eq 1 ]; then echo "$*"; else printf '%s\n' "$@" | tac | paste -sd' '; fi
}

compare() { # SIDE PEER TITLE
    progress
    awk -F'\t' -v side="$1" -v peer="$2" -v title="$3" -f "$perf_dir/compare.awk" "$notes"
}
