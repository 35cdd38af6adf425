# bash completion for kvctl(1)

_kvctl() {
    local word=$2 previous=$3 verb="" i
    local verbs="get set delete exists mget mset incr scan count seek delrange ping info config
        flush cf checkpoint compact jobs snapshot stats workers command inspect"
    local options="--host --port --socket --password --db --cf --at --timeout --path --create --kvd --output
        --help --version"

    COMPREPLY=()
    # The first word that is neither an option nor an option's value.
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -h | -p | -s | -a | -n | -o | --host | --port | --socket | --password | --db | --cf | --at | --timeout | \
            --path | --kvd | --output) ((i++)) ;;
        -*) ;;
        *)
            verb=${COMP_WORDS[i]}
            break
            ;;
        esac
    done
    case $verb in
    "")
        case $previous in
        -o | --output) mapfile -t COMPREPLY < <(compgen -W "raw json hex table pretty" -- "$word") ;;
        -s | --socket | --kvd) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
        --path) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
        -h | --host) mapfile -t COMPREPLY < <(compgen -A hostname -- "$word") ;;
        -p | -a | -n | --port | --password | --db | --cf | --at | --timeout) ;;
        *) mapfile -t COMPREPLY < <(compgen -W "$verbs $options" -- "$word") ;;
        esac
        ;;
    inspect)
        if [[ $word == -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W "--entries --verify --whole --hex" -- "$word")
        else
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
        fi
        ;;
    scan) mapfile -t COMPREPLY < <(compgen -W "--prefix --from --to --reverse --limit --keys-only
        --count" -- "$word") ;;
    snapshot) mapfile -t COMPREPLY < <(compgen -W "create list extend drop" -- "$word") ;;
    cf) mapfile -t COMPREPLY < <(compgen -W "list create drop info get set" -- "$word") ;;
    config) mapfile -t COMPREPLY < <(compgen -W "get set rewrite resetstat" -- "$word") ;;
    info)
        mapfile -t COMPREPLY < <(compgen -W "server clients memory persistence stats replication cpu
            commandstats errorstats keyspace kvd all" -- "$word")
        ;;
    esac
}
complete -o filenames -F _kvctl kvctl
