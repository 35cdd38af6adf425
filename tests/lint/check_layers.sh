#!/bin/sh
# check_layers.sh - includes point down, never up or sideways.
#
# Each line below is a folder and the folders it may include.  A folder not named on the left may
# not exist.  Prints each offence.
cd "${KV_SOURCE:-.}" || exit 2
allowed='
lib/base
lib/io       base
lib/key      base
lib/iter     base key
lib/merge    base key
lib/resp     base
lib/wal      base io key
lib/mem      base key iter
lib/cache    base
lib/sst      base io key iter cache
lib/version  base io key iter wal cache sst
lib/compact  base io key iter merge mem cache sst version
lib/ipc      base key compact
lib/db       base io key iter merge wal mem cache sst version compact
daemon       base io key merge resp ipc mem wal cache sst db
worker       base io key iter merge ipc mem cache sst version compact
cli          base io key iter resp wal cache sst version
cli/kvbench  base io key resp cache db cli daemon
'
status=0
for file in $(find lib daemon worker cli -name '*.[ch]'); do
    folder=$(dirname "$file")
    line=$(printf '%s' "$allowed" | grep "^$folder\( \|\$\)") ||
        { echo "$file: unknown folder $folder"; status=1; continue; }
    for target in $(sed -n 's|^#include "\([a-z]*\)/.*|\1|p' "$file"); do
        case " ${line#"$folder"} ${folder#lib/} " in
        *" $target "*) ;;
        *) echo "$file: $folder may not include $target/"; status=1 ;;
        esac
    done
done
[ "$status" -eq 0 ] && echo "layers: ok"
exit "$status"
