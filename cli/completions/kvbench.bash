# bash completion for kvbench(1)

_kvbench() {
    local word=$2 previous=$3
    local options="--host --port --socket --password --db --resp3 --timeout --busy-poll --target --server-pid
        --engine --engine-set --batch --settle --workload --clients --pipeline --requests
        --duration --warmup --repeat --rate --arrivals --late-bound --ratio --command
        --range-size --seed --keys --key-prefix --key-size --distribution --theta --hotspot
        --data-size --compressibility --ttl --ttl-share --verify --journal --json --csv
        --seconds --plot --quiet --help --version"
    local workloads="set get mixed load ycsb-a ycsb-b ycsb-c ycsb-d ycsb-e ycsb-f fillseq fillrandom
        overwrite readrandom readmissing readwhilewriting seekrandom readseq deleterandom
        mergerandom command"

    COMPREPLY=()
    case $previous in
    -t | --workload)
        # The names before the last comma stay.
        local before=""
        [[ $word != *,* ]] || before=${word%,*},
        mapfile -t COMPREPLY < <(compgen -P "$before" -W "$workloads" -- "${word##*,}")
        compopt -o nospace
        ;;
    -s | --socket | --journal | --json | --csv | --seconds | --plot | compare | check | *.json)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        ;;
    --engine) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
    -h | --host) mapfile -t COMPREPLY < <(compgen -A hostname -- "$word") ;;
    --distribution)
        mapfile -t COMPREPLY < <(
            compgen -W "uniform zipfian latest hotspot sequential" -- "$word")
        ;;
    --arrivals) mapfile -t COMPREPLY < <(compgen -W "even poisson" -- "$word") ;;
    *)
        if [[ $COMP_CWORD -eq 1 ]]; then
            options="compare check $options"
        fi
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
        ;;
    esac
}
complete -o filenames -F _kvbench kvbench
