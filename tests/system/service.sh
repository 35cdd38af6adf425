#!/bin/bash
# service.sh - Goal: kvd under a real systemd keeps the promises of its units: it is ready when
# systemd says so, comes back after a crash or a hang with its data, refuses no client meanwhile,
# reloads, stops cleanly, does not loop over what a restart cannot cure, and is confined.
#
# Method: boots systemd as PID 1 of a container (systemd-nspawn; its root is an overlay over this
# machine's, its network its own), installs with `cmake --install` into it and works with systemctl
# and redis-cli.  Nothing is waited for by time: each wait polls for what it waits for, up to a
# limit.  Where a check needs a time of its own (WatchdogSec), a drop-in sets it.
#
# One line a check; ends with 1 if any failed, with 77 if this machine cannot run it.
set -u
: "${KV_BIN:?}"
build=${KV_BUILD:-$(dirname "$KV_BIN")}
skip() { echo "skipped: $*"; exit 77; }
[ "$(id -u)" -eq 0 ] || skip "needs root"
for tool in systemd-nspawn nsenter redis-cli cmake setpriv; do
    command -v "$tool" >/dev/null || skip "no $tool"
done
grep -q '^KV_SANITIZE:BOOL=ON' "$build/CMakeCache.txt" &&
    skip "sanitizers need system calls that the unit denies; use a release build"
[ -d /run/systemd ] || mkdir -p /run/systemd

# --- the container ---

shm=/dev/shm/kvd-service.$$ root=/dev/shm/kvd-service.$$/root
supervisor='' init='' groups=() failed=0

# A cgroup of our own in the hierarchies that systemd uses: a second container in the same one
# would share its cgroups with ours.
make_groups() {
    local path base
    path=$(sed -n 's/^1*[0-9]*:name=systemd:\(.*\)/\1/p' /proc/self/cgroup)
    [ -d /sys/fs/cgroup/systemd ] && groups+=("/sys/fs/cgroup/systemd${path%/}/kvd-service.$$")
    path=$(sed -n 's/^0::\(.*\)/\1/p' /proc/self/cgroup) base=/sys/fs/cgroup
    [ -d $base/unified ] && base=/sys/fs/cgroup/unified
    [ -e "$base${path%/}/cgroup.procs" ] && groups+=("$base${path%/}/kvd-service.$$")
    for path in "${groups[@]}"; do mkdir -p "$path"; done
}

# The groups hold what this script has started and nothing else.
# shellcheck disable=SC2317 # the trap calls it
kill_rest() {
    local group pid
    for group in "${groups[@]}"; do
        while read -r pid; do
            [ "$pid" -gt 1 ] && kill -9 "$pid" 2>/dev/null
        done < <(find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null)
        find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null
        [ ! -d "$group" ] || return 1
    done
}

# Clients that were under way may hold it for a moment.
# shellcheck disable=SC2317
unmount_root() {
    mountpoint -q "$root" && { umount -R "$root" 2>/dev/null || return 1; }
    mountpoint -q "$shm" || return 0
    umount "$shm" 2>/dev/null
}

# shellcheck disable=SC2317
cleanup() {
    exec >/dev/null 2>&1 # a signal in a check comes here with its output open in there
    [ -n "$init" ] && kill -RTMIN+4 "$init" 2>/dev/null # as `systemctl poweroff` from outside
    [ -n "$supervisor" ] && [ -n "$init" ] && until_true is_over
    until_true kill_rest
    [ -n "$supervisor" ] && wait "$supervisor" 2>/dev/null
    until_true unmount_root
    rmdir "$shm" 2>/dev/null
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

inside() { nsenter -t "$init" -m -u -i -n -p -C -r -w -- "$@"; }
now_ms() { echo $(($(date +%s%N) / 1000000)); }

# command...: until it succeeds, for at most 30 s.
until_true() {
    local deadline=$(($(now_ms) + 30000))
    until "$@"; do
        [ "$(now_ms)" -lt $deadline ] || return 1
        sleep 0.02
    done
}

# shellcheck disable=SC2317
is_over() { ! kill -0 "$supervisor" 2>/dev/null; }

# nspawn's first child only makes the second one, which becomes systemd.
has_booted() {
    init=$(pgrep -P "$supervisor" -x systemd) &&
        inside systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'
}

mount_root() {
    mkdir "$shm" || exit 2
    mount -t tmpfs -o mode=755 kvd-service "$shm" 2>/dev/null || skip "tmpfs cannot be mounted"
    mkdir "$shm/upper" "$shm/work" "$root"
    mount -t overlay kvd-service -o "lowerdir=/,upperdir=$shm/upper,workdir=$shm/work" "$root" \
        2>/dev/null || skip "an overlay cannot be mounted"
    : >"$root/etc/machine-id"
    echo kvd-service >"$root/etc/hostname"
}

# basic.target: none of the services that this machine may have.  nspawn's own filter lacks
# Landlock too.
boot() {
    make_groups
    (
        for group in "${groups[@]}"; do echo "$BASHPID" >"$group/cgroup.procs"; done
        exec systemd-nspawn -q -D "$root" -b --register=no --keep-unit --console=pipe \
            --machine="kvd-service-$$" --private-network \
            --system-call-filter='landlock_create_ruleset landlock_add_rule landlock_restrict_self' \
            -- --unit=basic.target </dev/null >"$shm/boot.log" 2>&1
    ) &
    supervisor=$!
    until_true has_booted || { cat "$shm/boot.log"; skip "systemd does not boot in a container"; }
    inside ip link set lo up
}

# --- words of the checks ---

# what, command...
check() {
    local what=$1 started
    shift
    started=$(now_ms)
    if "$@" >"$shm/out" 2>&1; then
        printf 'ok: %s (%d ms)\n' "$what" $(($(now_ms) - started))
        return
    fi
    failed=1
    echo "FAILED: $what"
    sed 's/^/    /' "$shm/out"
    inside systemctl status --no-pager -n 8 kvd.service kvd.socket | sed 's/^/    | /'
}

property() { inside systemctl show -p "$1" --value "${2:-kvd.service}"; }
is() { # property, value, unit: said when it is not
    local value
    value=$(property "$1" "${3:-}")
    [ "$value" = "$2" ] || { echo "$1 is '$value', not '$2'"; return 1; }
}
is_quietly() { is "$@" >/dev/null; }
client() { inside timeout 20 redis-cli "$@"; }
says() { # answer, arguments of redis-cli...
    local wanted=$1 got
    shift
    got=$(client "$@" 2>&1)
    [ "$got" = "$wanted" ] || { echo "redis-cli $*: '$got', not '$wanted'"; return 1; }
}
quiet() { # command...: no output and 0
    local out
    out=$("$@" 2>&1) || { echo "exit code $?: $out"; return 1; }
    [ -z "$out" ] || { echo "$out"; return 1; }
}
fails() { ! "$@"; }
journal_has() { inside journalctl -u kvd --no-pager -o cat | grep -q -- "$1"; }
drop_in() { # line...: of [Service], instead of the last ones
    inside mkdir -p /etc/systemd/system/kvd.service.d
    printf '%s\n' '[Service]' "$@" |
        inside tee /etc/systemd/system/kvd.service.d/test.conf >/dev/null
    inside systemctl daemon-reload
}
fresh() { # running, no drop-in, no memory of earlier starts
    inside rm -f /etc/systemd/system/kvd.service.d/test.conf
    inside systemctl daemon-reload
    inside systemctl stop kvd.socket kvd.service
    inside systemctl reset-failed kvd.socket kvd.service 2>/dev/null
    inside systemctl start kvd.service
}
configure() { # sed script
    inside sed -i "$1" /etc/kvd/kvd.conf
}
main_pid() { property MainPID; }
# Not kill(1): the pid 0 of a service that does not run would mean this script and all around it.
signal_kvd() { inside systemctl kill --kill-whom=main --signal="$1" kvd.service; }
runs_anew() { # old pid
    [ "$(main_pid)" != "$1" ] && [ "$(main_pid)" != 0 ] && is_quietly ActiveState active
}

# --- the checks ---

install_kvd() {
    DESTDIR=$root cmake --install "$build" --prefix /usr &&
        inside systemd-sysusers && inside systemd-tmpfiles --create kvd.conf &&
        inside systemctl daemon-reload
}
modes_are() {
    local got wanted='640 root:kvd /etc/kvd/kvd.conf
750 root:kvd /etc/kvd
700 kvd:kvd /var/lib/kvd
755 kvd:kvd /run/kvd'
    got=$(inside stat -c '%a %U:%G %n' /etc/kvd/kvd.conf /etc/kvd /var/lib/kvd /run/kvd)
    [ "$got" = "$wanted" ] || { echo "$got"; return 1; }
}
enable() {
    inside systemctl enable kvd.service
    [ "$(inside systemctl is-enabled kvd.service kvd.socket | sort -u)" = enabled ]
}
start() { inside systemctl start kvd.service && is ActiveState active && is SubState running; }
exposure() {
    inside systemd-analyze security --no-pager --threshold=15 kvd.service >"$shm/exposure" ||
        { tail -1 "$shm/exposure"; return 1; }
}

with_pages=no
command -v man >/dev/null && with_pages=yes
started_ms=$(now_ms)
mount_root
boot
echo "systemd $(inside systemctl --version | sed -n '1s/.*(\(.*\))/\1/p') is" \
    "$(inside systemctl is-system-running) after $(($(now_ms) - started_ms)) ms"
check "installs; users and directories are made" install_kvd
[ $failed -eq 0 ] || exit 1
check "files and folders have their owners and modes" modes_are
check "systemd-analyze verify says nothing" \
    quiet inside systemd-analyze verify "--man=$with_pages" kvd.service kvd.socket \
    kvd-worker@1.service
check "enabling the service enables the socket" enable
check "starts, and is ready when systemctl returns" start
check "STATUS says what it does" is StatusText serving
check "serves through the sockets that systemd holds" journal_has 'listening on 2 sockets of the'
check "a client over TCP" says PONG -p 7379 ping
check "a client over the Unix socket" says OK -s /run/kvd/kvd.sock set durable yes
nobody() { inside setpriv --reuid nobody --regid nogroup --clear-groups -- "$@"; }
member() { inside setpriv --reuid nobody --regid nogroup --groups kvd -- "$@"; }
check "the group kvd may connect to the Unix socket" member redis-cli -e -s /run/kvd/kvd.sock ping
check "others may not" fails nobody redis-cli -e -s /run/kvd/kvd.sock ping
check "others cannot read the configuration" fails nobody cat /etc/kvd/kvd.conf
check "others cannot look into the data" fails nobody ls /var/lib/kvd
check "the journal knows the priority of lines" \
    eval 'inside journalctl -u kvd -p notice..notice -o cat --no-pager | grep -q "ready to accept"'
check "systemd-analyze security, live: at most 1.5" exposure
tail -1 "$shm/exposure"

# --- confined ---

worker_pids() { inside pgrep -P "$(main_pid)" -x kvd-worker; }
is_confined() { # pid...
    local pid status
    for pid in "$@"; do
        status=$(inside grep -E '^(Seccomp|NoNewPrivs|CapEff|CapBnd):' "/proc/$pid/status")
        [ "$(tr -d '\t\n' <<<"$status")" = \
            CapEff:0000000000000000CapBnd:0000000000000000NoNewPrivs:1Seccomp:2 ] ||
            { echo "process $pid: $status"; return 1; }
    done
}
workers_are_jailed() {
    local pids
    pids=$(worker_pids)
    [ "$(wc -w <<<"$pids")" -eq 2 ] || { echo "not two workers: $pids"; return 1; }
    # Their own filter comes on top of the unit's.
    for pid in $pids; do
        [ "$(inside sed -n 's/^Seccomp_filters:\t//p' "/proc/$pid/status")" -gt \
            "$(inside sed -n 's/^Seccomp_filters:\t//p' "/proc/$(main_pid)/status")" ] ||
            { echo "worker $pid has no filter of its own"; return 1; }
    done
    # shellcheck disable=SC2086
    is_confined $pids
}
workers_stand_back() {
    local pid
    for pid in $(worker_pids); do
        [ "$(inside ps -o ni= -p "$pid")" -gt 0 ] || { echo "worker $pid: no nice"; return 1; }
    done
}
has_table() { inside find /var/lib/kvd -name '*.sst' -size +0 | grep -q .; }
flushes() { client -p 7379 KV.FLUSH && until_true has_table; }
check "kvd has no capability and is filtered" is_confined "$(main_pid)"
check "its workers are jailed" workers_are_jailed
check "and have a lower priority" workers_stand_back
check "a worker writes a table from inside" flushes
selftest() {
    drop_in 'ExecStartPre=/usr/sbin/kvd-worker --jail-selftest /var/lib/kvd'
    inside systemctl restart kvd.service && journal_has 'make a file beside the directory' &&
        fails journal_has WRONG
}
check "the jail's self-test passes inside the unit" selftest
usual_memlock() {
    drop_in LimitMEMLOCK=8M
    inside systemctl restart kvd.service && says PONG -p 7379 ping
}
check "runs with no more memory to lock than systemd gives by itself" usual_memlock
no_memlock() {
    drop_in LimitMEMLOCK=0 RestartPreventExitStatus=71
    fails inside systemctl restart kvd.service && is ExecMainStatus 71 &&
        journal_has 'raise RLIMIT_MEMLOCK'
}
check "without any, it says what is missing" no_memlock

# --- workers as services of their own ---

fresh
table_count() { inside find /var/lib/kvd -name '*.sst' -size +0 | wc -l; }
has_more_tables() { [ "$(table_count)" -gt "$1" ]; }
works_outside() {
    local before
    configure 's/^#workers .*/workers external/'
    inside systemctl enable --now kvd-worker@1.service && inside systemctl restart kvd.service &&
        says OK -p 7379 set outside yes || return 1
    before=$(table_count)
    client -p 7379 KV.FLUSH && until_true has_more_tables "$before" && [ -z "$(worker_pids)" ] &&
        is_confined "$(property MainPID kvd-worker@1.service)"
}
comes_again() {
    local before
    signal_kvd KILL
    until_true says yes -p 7379 get outside || return 1
    before=$(table_count)
    says OK -p 7379 set outside again && client -p 7379 KV.FLUSH &&
        until_true has_more_tables "$before"
}
ends_with_kvd() {
    inside systemctl stop kvd.socket kvd.service && is ActiveState inactive kvd-worker@1.service
}
check "a worker outside of kvd's control group writes a table" works_outside
check "and again after kvd was killed" comes_again
check "and stops with kvd" ends_with_kvd
inside systemctl disable kvd-worker@1.service 2>/dev/null
configure 's/^workers external/#workers 2/'

# --- crashes and hangs ---

fresh
check "what was written is there after restarts" says yes -p 7379 get durable
killed() {
    local pid
    pid=$(main_pid)
    says OK -p 7379 set before kill && signal_kvd KILL && until_true runs_anew "$pid" &&
        is NRestarts 1 && says kill -p 7379 get before
}
check "kill -9: restarted, nothing lost" killed
served_after() {
    drop_in RestartSec=1s
    inside systemctl restart kvd.service && signal_kvd KILL || return 1
    until_true is_quietly SubState auto-restart || return 1
    client -p 7379 get before >"$shm/late_tcp" 2>&1 &
    local tcp=$!
    client -s /run/kvd/kvd.sock get before >"$shm/late_unix" 2>&1 &
    local unix=$!
    is SubState auto-restart || return 1
    wait $tcp $unix
    cat "$shm/late_tcp" "$shm/late_unix"
    [ "$(cat "$shm/late_tcp" "$shm/late_unix")" = $'kill\nkill' ]
}
check "clients that come while it is dead are served after it" served_after

fresh
pings() { # two signs of life later than now
    local first second
    first=$(property WatchdogTimestampMonotonic)
    until_true fails is_quietly WatchdogTimestampMonotonic "$first" || return 1
    second=$(property WatchdogTimestampMonotonic)
    until_true fails is_quietly WatchdogTimestampMonotonic "$second"
}
hangs() {
    local pid
    pid=$(main_pid)
    signal_kvd STOP && until_true runs_anew "$pid" && journal_has 'Watchdog timeout' &&
        says kill -p 7379 get before
}
drop_in WatchdogSec=2
inside systemctl restart kvd.service
check "gives signs of life" pings
check "a hang: killed by the watchdog and restarted" hangs

# --- reload ---

fresh
log_level_is() { [ "$(client -p 7379 config get loglevel | tail -1)" = "$1" ]; }
reloads() {
    configure 's/^#*loglevel .*/loglevel verbose/'
    inside systemctl reload kvd.service && until_true log_level_is verbose &&
        until_true is_quietly ActiveState active
}
broken_reload() {
    local pid
    pid=$(main_pid)
    configure '$a nonsense 1'
    fails inside systemctl reload kvd.service && is MainPID "$pid" && is ActiveState active &&
        log_level_is verbose
}
check "reload: a changed loglevel takes effect" reloads
check "reload of a broken file fails and changes nothing" broken_reload
configure '/^nonsense/d'

# --- stop and start ---

stops() {
    inside systemctl stop kvd.service && is ActiveState inactive && is Result success &&
        is ExecMainCode 1 && is ExecMainStatus 0
}
check "stop is clean" stops
check "the socket stays when kvd stops" is ActiveState active kvd.socket
check "the next client starts it" says kill -p 7379 get before
refuses() {
    inside systemctl stop kvd.socket kvd.service && is ActiveState inactive &&
        fails client -e -p 7379 ping && fails inside test -e /run/kvd/kvd.sock
}
check "refused when both are stopped" refuses
on_demand() {
    inside systemctl start kvd.socket && is ActiveState inactive &&
        says kill -s /run/kvd/kvd.sock get before && is ActiveState active
}
check "start on demand, by the socket only" on_demand
by_client() {
    client -p 7379 shutdown
    until_true is_quietly ActiveState inactive && is Result success && says PONG -p 7379 ping
}
check "SHUTDOWN of a client is a clean stop too" by_client
own_sockets() {
    inside systemctl stop kvd.service kvd.socket
    inside systemctl mask kvd.socket
    inside systemctl start kvd.service && says PONG -p 7379 ping &&
        says PONG -s /run/kvd/kvd.sock ping
}
check "listens by itself when the socket unit is masked" own_sockets
inside systemctl stop kvd.service
inside systemctl unmask kvd.socket 2>/dev/null

# --- what a restart cannot cure ---

fresh
configure '$a nonsense 1'
broken_start() {
    inside systemctl stop kvd.service
    fails inside systemctl start kvd.service && is ActiveState failed && is ExecMainStatus 78 &&
        is NRestarts 0
}
check "a broken configuration: exit code 78, no restart" broken_start
journal_names_line() { journal_has "/etc/kvd/kvd.conf:[0-9]*: unknown setting 'nonsense'"; }
check "and the journal names the line" journal_names_line
# Its connection waits in the socket, so each end of kvd starts kvd again, up to the limit.
lets_client_go() {
    inside systemctl reset-failed kvd.service
    fails client -e -p 7379 ping && until_true is_quietly ActiveState failed kvd.socket &&
        is Result service-start-limit-hit kvd.socket && is ActiveState failed
}
check "a client that comes then is let go" lets_client_go
configure '/^nonsense/d'
fresh
kill_once() {
    signal_kvd KILL 2>/dev/null
    is_quietly ActiveState failed
}
crash_loop() { until_true kill_once && is ActiveState failed && is NRestarts 5; }
check "a crash loop ends at the start limit" crash_loop
check "and says so" journal_has 'Start request repeated too quickly'
comes_back() { fresh && says kill -p 7379 get before; }
check "comes back by hand, with its data" comes_back

nothing_denied() { # but what the self-test tries
    inside journalctl -u kvd --no-pager -o cat | grep -v '^ok ' | grep -iE 'EPERM|not permitted'
}
check "the unit denies nothing that kvd wants" fails nothing_denied
exit $failed
