# steady.bash - what the measurements of one kvd over time share: its numbers, its rest, verdicts.
#
# To be sourced behind perf.bash.  Unlike a comparison, these have bounds: a line says what was
# measured, what it should be, and whether it is; the exit code is 1 if one is not.
failed_count=0
background=()
connections=50

is_there() { kill -0 "$1" 2>/dev/null; } # PID

# stats PORT NAME...: numbers of KV.STATS, in this order, on one line.
stats() {
    local port=$1
    shift
    redis-cli -p "$port" KV.STATS | tr -d '\r' | awk -F: -v names="$*" '
        { value[$1] = $2 }
        $1 == "level0" { split($2, part, /[=,]/); value["level0_tables"] = part[2] }
        END {
            count = split(names, name, " ")
            for (i = 1; i <= count; i++)
                printf "%s%s", value[name[i]], i < count ? " " : "\n"
        }'
}

# settle PORT: until it has flushed what waits and compacts nothing any more.  Dies with the server.
settle() {
    local calm=0 frozen running
    while [ $calm -lt 5 ]; do
        read -r frozen running < <(stats "$1" memtables_frozen compactions_running)
        [ -n "$running" ] || die "kvd at port $1 does not answer any more"
        if [ "$frozen$running" = 00 ]; then calm=$((calm + 1)); else calm=0; fi
        progress "settling: $running compactions"
        sleep 0.1
    done
}

# bench ARGUMENT...: kvbench; values of 400 bytes.  A run whose generator was late
# counts here, and says so: it shared its cores with the server.
bench() {
    local status=0
    "$bin/kvbench" -q -c $connections -r "$keys" -d 400 "$@" >"$work/out" 2>&1 || status=$?
    case $status in
    0) ;;
    6) echo "          $(grep -i 'not valid' "$work/out" | head -1 | sed 's/^ *//')" ;;
    *) tail -5 "$work/out" >&2; die "kvbench failed" ;;
    esac
}

# seconds_of FILE OPERATION MEMBER: of kvbench's --seconds, one number a line.
seconds_of() {
    awk -v operation="\"operation\":\"$2\"" -v member="\"$3\":" '
        index($0, operation) && (at = index($0, member)) {
            print substr($0, at + length(member)) + 0 }' "$1"
}

# verdict NAME MEASURED BOUND CONDITION: CONDITION is awk's.
verdict() {
    local says=ok
    if ! awk "BEGIN { exit !($4) }"; then
        says=FAILED
        failed_count=$((failed_count + 1))
    fi
    printf '%-16s %-34s %-34s %s\n' "$1" "$2" "$3" "$says"
}

end_background() {
    [ ${#background[@]} -eq 0 ] || kill "${background[@]}" 2>/dev/null
    [ ${#background[@]} -eq 0 ] || wait "${background[@]}" 2>/dev/null
    background=()
}

# The numbers of a few seconds mean nothing.
end_with_verdict() {
    [ $failed_count -eq 0 ] || [ "$size" = smoke ] || exit 1
    exit 0
}
