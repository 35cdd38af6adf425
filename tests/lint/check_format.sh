#!/usr/bin/env bash
# check_format.sh - clang-format 14 decides the layout; nobody discusses it.  One line has no braces.
set -uo pipefail
cd "${KV_SOURCE:-.}" || exit 2
command -v clang-format >/dev/null || { echo "clang-format is missing"; exit 77; }
status=0
find lib daemon worker cli tests -name '*.[ch]' -print0 |
    xargs -0 clang-format --dry-run --Werror 2>&1 | grep -E '^[^ ].*error' | head -20
[ "${PIPESTATUS[1]}" -eq 0 ] || status=1
find lib daemon worker cli tests -name '*.[ch]' -print0 |
    xargs -0 python3 tests/lint/needless_braces.py || status=1
[ "$status" -eq 0 ] && echo "format: ok"
exit "$status"
