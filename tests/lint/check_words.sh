#!/usr/bin/env bash
# check_words.sh - unfinished work does not reach main; every folder of lib/ is in lib/README.md and
# in ARCHITECTURE.md; scripts parse.
set -uo pipefail
cd "${KV_SOURCE:-.}" || exit 2
status=0
if grep -nE '\b(TODO|FIXME|XXX|HACK)\b' -r lib daemon worker cli proto --include='*.[ch]' --include='*.proto'; then
    status=1
fi
for folder in lib/*/; do
    name=$(basename "$folder")
    grep -q "\`$name/\`" lib/README.md || { echo "lib/README.md does not name $name/"; status=1; }
    grep -q "\`lib/$name\`" ARCHITECTURE.md ||
        { echo "ARCHITECTURE.md does not name lib/$name"; status=1; }
done
for script in scripts/* tests/*/*.sh tests/fuzz/run_all .ci/run; do
    bash -n "$script" || status=1
done
[ "$status" -eq 0 ] && echo "words: ok"
exit "$status"
