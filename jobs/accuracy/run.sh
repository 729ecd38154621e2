#!/usr/bin/env bash
# Calibrates and evaluates every row of rows.txt on the demo models and on every MODEL, for each seed, and makes the
# table and the plot (table.py): jobs/accuracy/run.sh [--seeds "0 1 2"] [--rows "NAME..."] [MODEL...]
# A MODEL is a directory with calibration.npy and evaluation.npy. Needs build/release. What is measured already stays in
# build/accuracy and is not measured again.
set -euo pipefail
seeds="0 1 2" rows=""
while (($# > 0)); do
  case $1 in
    --seeds) seeds=$2; shift 2 ;;
    --rows) rows=$2; shift 2 ;;
    -*) sed -n '2,5s/^# //p' "$0" >&2; exit 2 ;;
    *) break ;;
  esac
done
models=()
for model in "$@"; do models+=("$(realpath "$model")"); done
cd "$(dirname "$0")/../.."
source jobs/local_mpi.sh

bin=${LRC_BIN:-build/release/bin}
results=build/accuracy
export OPENBLAS_NUM_THREADS=1

# Windows to calibrate with, to evaluate, and their length.
windows_of() {
  case $(basename "$1") in
    demo-* | stories*) echo 128 128 256 ;;
    *) echo 64 64 512 ;;
  esac
}

evaluate() {  # MODEL DIRECTORY RESULT
  read -r _ windows length <<< "$(windows_of "$1")"
  mpirun -n 2 "$bin/lrc_evaluate" --model "$2" --tokens "$1/evaluation.npy" --sequences "$windows" \
    --sequence-length "$length" --threads 1 --json "$3"
}

measure() {  # MODEL ROW SEED OPTION...
  local model=$1 row=$2 seed=$3 sequences length work
  shift 3
  local result=$results/$(basename "$model")/$row.$seed
  [[ -e $result.json ]] && return
  echo "== $(basename "$model") $row, seed $seed"
  work=$result.model
  rm -rf "$work" "$work.checkpoint"
  read -r sequences _ length <<< "$(windows_of "$model")"
  mpirun -n 2 "$bin/lrc_calibrate" --config jobs/accuracy/paper.ini --model "$model" --calibration "$model/calibration.npy" \
    --sequences "$sequences" --sequence-length "$length" --threads 1 --seed "$seed" --output "$work" "$@" 2> "$result.log" ||
    { tail -n 3 "$result.log" >&2; exit 1; }
  cp "$work/lrc_report.json" "$result.report.json"
  evaluate "$model" "$work" "$result.json.partial" 2>> "$result.log"
  mv "$result.json.partial" "$result.json"
  rm -rf "$work" "$work.checkpoint"
}

for model in models/demo-llama models/demo-mixtral "${models[@]}"; do
  mkdir -p "$results/$(basename "$model")"
  full=$results/$(basename "$model")/full.json
  [[ -e $full ]] || evaluate "$model" "$model" "$full"
  for seed in $seeds; do
    while read -r row options; do
      [[ -z $row || $row == \#* || (-n $rows && " $rows " != *" $row "*) ]] && continue
      # shellcheck disable=SC2086  # one word an option
      measure "$model" "$row" "$seed" $options < /dev/null
    done < jobs/accuracy/rows.txt
  done
done
jobs/accuracy/table.py
