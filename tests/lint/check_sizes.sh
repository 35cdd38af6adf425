#!/usr/bin/env bash
# check_sizes.sh - functions of at most 70 lines, files of at most 600 (tests: 900), lines of at most 100 columns.
# An exception says why, in place: a comment "long because ..." within the function.
set -uo pipefail
cd "${KV_SOURCE:-.}" || exit 2
command -v ctags >/dev/null || { echo "universal-ctags is missing"; exit 77; }
files=$(find lib daemon worker cli tests -name '*.[ch]')
status=0

for file in $files; do
    lines=$(wc -l <"$file")
    limit=600; case $file in tests/*) limit=900 ;; esac
    [ "$lines" -le $limit ] || { echo "$file: $lines lines"; status=1; }
done
# shellcheck disable=SC2086
python3 - $files <<'END' || status=1
import sys
bad = 0
for path in sys.argv[1:]:
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        if len(line.rstrip("\n")) > 100:
            print(f"{path}:{number}: {len(line) - 1} columns")
            bad = 1
sys.exit(bad)
END

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
