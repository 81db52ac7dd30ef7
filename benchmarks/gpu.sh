#!/usr/bin/env bash
# Everything that needs a GPU, in at most eight minutes: bash benchmarks/gpu.sh [FOLDER]
#
# Tests, then benchmarks, then a first part of the atlas; each has its own time and log in FOLDER (gpu-benchmark), and goes on
# if the one before failed. The last lines are the figures for docs/speed.md, beside the limits of the card.
# PYTHON=/path/to/python takes another environment than .venv.
set -uo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-.venv/bin/python}
FOLDER=${1:-gpu-benchmark}
mkdir -p "$FOLDER"
export OMP_NUM_THREADS=1

part() { # part SECONDS NAME COMMAND...: a command with its time; its name, exit code and seconds go into a table
  local most=$1 name=$2 begun=$SECONDS code
  shift 2
  timeout --signal=INT --kill-after=10 "$most" "$@" >"$FOLDER/$name.log" 2>&1
  code=$?
  echo "$name $code $((SECONDS - begun))" >>"$FOLDER/parts.txt"
}

: >"$FOLDER/parts.txt"
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader >"$FOLDER/device.txt" 2>&1
part 30 card "$PYTHON" benchmarks/card.py
part 90 tests "$PYTHON" -m pytest -m gpu -p no:cacheprovider tests
part 80 multislice "$PYTHON" benchmarks/multislice.py --device-only
part 60 image_formation "$PYTHON" benchmarks/image_formation.py --device-only
part 80 training "$PYTHON" benchmarks/training.py ways loop --device-only
part 20 peak "$PYTHON" benchmarks/training.py peak --device-only
part 100 atlas "$PYTHON" -c 'from temshift.cli.app import main; main()' run examples/atlas.yaml --networks 0:48 \
  --device cuda --output "$FOLDER/atlas"

echo "== $(cat "$FOLDER/device.txt")"
echo "== part, exit code (124: ran out of its time, what it printed counts), seconds"
cat "$FOLDER/parts.txt"
for log in card tests multislice image_formation training peak atlas; do
  echo "== $log"
  grep -v '^$' "$FOLDER/$log.log" | tail -n 14
done
