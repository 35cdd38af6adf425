#!/bin/bash
# unit_files.sh - Goal: what `cmake --install` puts on a machine is complete and has no mistake that
# a machine can find: units, sysusers, tmpfiles, configuration, man pages.
#
# Method: installs into a scratch folder with DESTDIR, for the prefixes /usr and /usr/local, and
# asks systemd-analyze, systemd-sysusers, systemd-tmpfiles, man and kvd itself.  systemd-analyze
# verify ends with 0 for a misspelt key, so any output of it is a failure.  Needs no root.
set -u
bin=${KV_BIN:?} build=${KV_BUILD:-$(dirname "$KV_BIN")}
for tool in systemd-analyze systemd-sysusers systemd-tmpfiles; do
    command -v "$tool" >/dev/null || { echo "no $tool"; exit 77; }
done
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
failed=0

# what, command...: passes when the command ends with 0 and prints nothing.
silent() {
    local what=$1 code
    shift
    "$@" >"$dir/out" 2>&1 </dev/null
    code=$?
    if [ $code -ne 0 ] || [ -s "$dir/out" ]; then
        echo "FAILED: $what: exit code $code"
        sed 's/^/    /' "$dir/out"
        failed=1
    else
        echo "ok: $what"
    fi
}

install_to() { # root, prefix
    DESTDIR=$1 cmake --install "$build" --prefix "$2" >"$dir/log" 2>&1 && return
    echo "FAILED: cmake --install --prefix $2"
    cat "$dir/log"
    exit 1
}

has_files() { # root, path...
    local root=$1 path
    shift
    for path in "$@"; do
        [ -s "$root$path" ] || echo "$path is missing or empty"
    done
}

usr=$dir/usr_root local=$dir/local_root
install_to "$usr" /usr
install_to "$local" /usr/local
silent "all is there" has_files "$usr" /usr/sbin/kvd /usr/sbin/kvd-worker /etc/kvd/kvd.conf \
    /usr/lib/systemd/system/kvd.service /usr/lib/systemd/system/kvd.socket \
    /usr/lib/systemd/system/kvd-worker@.service \
    /usr/lib/sysusers.d/kvd.conf /usr/lib/tmpfiles.d/kvd.conf /usr/share/man/man8/kvd.8 \
    /usr/share/man/man8/kvd-worker.8 /usr/share/man/man5/kvd.conf.5
silent "another prefix has its own paths" has_files "$local" /usr/local/sbin/kvd \
    /usr/local/etc/kvd/kvd.conf /usr/local/lib/systemd/system/kvd.service
silent "and names them in the unit" grep -q \
    '^ExecStart=/usr/local/sbin/kvd /usr/local/etc/kvd/kvd.conf$' \
    "$local/usr/local/lib/systemd/system/kvd.service"
no_placeholders() { ! grep -rn '@KVD' "$usr" --include=kvd.*; }
silent "nothing was left to fill in" no_placeholders

echo "# mine" >>"$usr/etc/kvd/kvd.conf"
install_to "$usr" /usr
silent "a second install keeps the configuration" grep -q '^# mine$' "$usr/etc/kvd/kvd.conf"
private() { [ "$(stat -c %a "$usr/etc/kvd/kvd.conf")" = 640 ]; }
silent "the configuration is not for everybody" private

# The units name programs by their path, so they are checked on copies that name the scratch ones.
mkdir "$dir/units"
for unit in kvd.service kvd-worker@.service kvd.socket; do
    sed "s|/usr/sbin/|$usr/usr/sbin/|; s|/etc/kvd|$usr/etc/kvd|" \
        "$usr/usr/lib/systemd/system/$unit" >"$dir/units/$unit"
done
cp "$dir/units/kvd-worker@.service" "$dir/units/kvd-worker@1.service"
silent "systemd-analyze verify" systemd-analyze verify --man=no "$dir/units/kvd.service" \
    "$dir/units/kvd.socket" "$dir/units/kvd-worker@1.service"
not_exposed() { # unit: at most 1.5
    systemd-analyze security --offline=yes --threshold=15 "$dir/units/$1" >"$dir/exposure" 2>&1 ||
        tail -1 "$dir/exposure"
}
for unit in kvd.service kvd-worker@1.service; do
    silent "systemd-analyze security $unit: at most 1.5" not_exposed $unit
    tail -1 "$dir/exposure"
done
user_line_is_fine() {
    systemd-sysusers --dry-run "$usr/usr/lib/sysusers.d/kvd.conf" >"$dir/users" 2>&1 ||
        cat "$dir/users"
}
silent "systemd-sysusers reads its file" user_line_is_fine

# --- the configuration and the pages against kvd's own table ---

conf=$usr/etc/kvd/kvd.conf
with_defaults=$dir/with_defaults.conf
sed 's/^#\([a-z]\)/\1/' "$conf" >"$with_defaults"
"$bin/kvd" --print-config | sed 's/  # .*//' | sort >"$dir/defaults"
"$bin/kvd" "$with_defaults" --print-config >"$dir/explicit"
names=$(cut -d' ' -f1 "$dir/defaults")

config_is_fine() { "$bin/kvd" "$conf" --check-config >/dev/null; }
silent "kvd takes the configuration" config_is_fine
no_setting_missing() { grep -v '  # file$' "$dir/explicit"; test $? -eq 1; }
silent "kvd.conf has every setting" no_setting_missing
defaults_are_true() {
    sed 's/  # .*//' "$dir/explicit" | sort | diff "$dir/defaults" - | grep '^[<>]' |
        grep -vE '^. (dir|unixsocket) '
    test $? -eq 1
}
silent "and shows the true defaults" defaults_are_true
page_has_settings() {
    local name page=$usr/usr/share/man/man5/kvd.conf.5
    for name in $names; do
        grep -q "^\.B[RI]* ${name//-/\\\\-}\( \|\$\)" "$page" || echo "kvd.conf.5 lacks $name"
    done
}
silent "kvd.conf(5) has every setting" page_has_settings
page_has_options() { # page, program
    local option
    for option in $("$bin/$2" --help 2>&1 | grep -oE '^ +--[a-z-]+' | tr -d ' '); do
        [ "$2" = kvd ] && grep -qx -- "${option#--}" <<<"$names" && continue
        grep -q -- "${option//-/\\\\-}" "$usr/usr/share/man/man8/$1" || echo "$1 lacks $option"
    done
}
silent "kvd(8) has every option" page_has_options kvd.8 kvd
silent "kvd-worker(8) has every option" page_has_options kvd-worker.8 kvd-worker
if command -v groff >/dev/null; then
    for page in "$usr"/usr/share/man/man*/*; do
        page_is_fine() { groff -man -Tutf8 -ww -Kutf8 "$page" >/dev/null; }
        silent "groff has no complaint about ${page##*/}" page_is_fine
    done
fi
exit $failed
