#!/bin/bash
# Makes the atlas, examples/atlas.yaml, part after part of 240 networks, and a small table of each beside this script:
#
#     examples/atlas/make.sh [FOLDER] [options of temshift run]
#
# FOLDER (studies/atlas) keeps waves and networks. Given again, it goes on with the first part that has no table here.
# Parts that other machines made are left out in the same way: put their tables here.

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-studies/atlas}
shift $(($# > 0))

size=240 count=12000
for ((first = 0; first < count; first += size)); do
    table=$here/$(printf 'part-%04d.parquet' $((first / size)))
    if [ -e "$table" ]; then
        continue
    fi
    temshift run "$here/../atlas.yaml" --networks "$first:$((first + size))" --output "$folder" "$@"
    part=$folder/parts/$(printf '%05d-%05d' "$first" $((first + size)))
    temshift results "$part" --output "$table" --compact >"$part/summary.txt"
done
