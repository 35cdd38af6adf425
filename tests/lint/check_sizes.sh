#!/usr/bin/env bash
# check_sizes.sh - functions of at most 70 lines, files of at most 600 (tests: 900), lines of at most 100 columns.
# An exception says why, in place: a comment "long because ..." within the function.
set -uo pipefail
cd "${KV_SOURCE:-.}" || exit 2
command -v ctags >/dev/null || { echo "universal-ctags is missing"; exit 77; }
files=$(find lib daemon worker cli tests -name '*.[ch]')
status=0

export LC_ALL=C.UTF-8
for file in $files; do
    lines=$(wc -l <"$file")
    limit=600; case $file in tests/*) limit=900 ;; esac
    [ "$lines" -le $limit ] || { echo "$file: $lines lines"; status=1; }
done
awk 'length($0) > 100 { print FILENAME ":" FNR ": " length($0) " columns"; bad = 1 } END { exit bad }' \
    $files || status=1

# shellcheck disable=SC2086
while IFS=: read -r file name start end; do
    [ $((end - start + 1)) -le 70 ] && continue
    sed -n "${start},${end}p" "$file" | grep -q 'long because' && continue
    echo "$file: $name has $((end - start + 1)) lines"
    status=1
done < <(ctags -x --c-kinds=f --fields=+ne --output-format=json -o - $files |
    python3 -c '
import json, sys
for line in sys.stdin:
    tag = json.loads(line)
    if "end" in tag:
        print(tag["path"], tag["name"], tag["line"], tag["end"], sep=":")')
[ "$status" -eq 0 ] && echo "sizes: ok"
exit "$status"
