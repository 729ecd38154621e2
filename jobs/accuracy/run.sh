#!/usr/bin/env bash
# Calibrates and evaluates every row of rows.txt on the demo models and on every MODEL, for each seed, appends what comes
# of it to measured.csv, and makes the tables and the plot (table.py):
#   jobs/accuracy/run.sh [--seeds "0 1 2"] [--rows "NAME..."] [--only] [MODEL...]
# A MODEL is a directory with calibration.npy and evaluation.npy; --only: without the demo models. Needs build/release.
# What stands in measured.csv is not measured again: remove it there to have it measured anew.
set -euo pipefail
seeds="0 1 2" rows="" only=""
while (($# > 0)); do
  case $1 in
    --seeds) seeds=$2; shift 2 ;;
    --rows) rows=$2; shift 2 ;;
    --only) only=yes; shift ;;
    -*) sed -n '2,6s/^# //p' "$0" >&2; exit 2 ;;
    *) break ;;
  esac
done
models=()
for model in "$@"; do models+=("$(realpath "$model")"); done
cd "$(dirname "$0")/../.."
source jobs/local_mpi.sh

bin=${LRC_BIN:-build/release/bin}
work=$(mktemp -d "${TMPDIR:-/tmp}/lrc-accuracy.XXXXXX")
trap 'rm -rf "$work"' EXIT
commit=$(git rev-parse --short HEAD)
git diff --quiet HEAD -- src include 'jobs/*.cpp' || commit+=-changed

# Windows to calibrate with, to evaluate, their length, and steps to learn.
windows_of() {
  case $(basename "$1") in
    demo-*) echo 128 128 256 300 ;;
    stories*) echo 128 128 256 500 ;;
    *) echo 64 64 512 300 ;;
  esac
}

is_measured() {  # MODEL ROW SEED
  grep -q "^$(basename "$1"),$2,$3," jobs/accuracy/measured.csv 2> /dev/null
}

evaluate() {  # MODEL DIRECTORY
  local windows length
  read -r _ windows length _ <<< "$(windows_of "$1")"
  mpirun -n 2 "$bin/lrc_evaluate" --model "$2" --tokens "$1/evaluation.npy" --sequences "$windows" \
    --sequence-length "$length" --threads 1 --json "$work/result.json"
}

measure_full() {  # MODEL
  is_measured "$1" full 0 && return
  evaluate "$1" "$1"
  jobs/accuracy/record.py "$1" full 0 "$commit" "$work/result.json"
}

measure() {  # MODEL ROW SEED INI OPTION...
  local model=$1 row=$2 seed=$3 ini=$4 sequences length steps code=0
  shift 4
  is_measured "$model" "$row" "$seed" && return
  echo "== $(basename "$model") $row, seed $seed"
  rm -rf "$work/model" "$work/model.checkpoint"
  read -r sequences _ length steps <<< "$(windows_of "$model")"
  mpirun -n 2 "$bin/lrc_calibrate" --config "jobs/accuracy/$ini.ini" --model "$model" --calibration "$model/calibration.npy" \
    --sequences "$sequences" --sequence-length "$length" --threads 1 --seed "$seed" --output "$work/model" "${@//STEPS/$steps}" \
    2> "$work/log" || code=$?
  if [[ $code -ne 0 ]]; then
    grep "^lrc: error" "$work/log" >&2
    [[ $code -eq 2 ]] && return  # options that don't go with this model
    exit 1
  fi
  evaluate "$model" "$work/model" 2> "$work/log"
  jobs/accuracy/record.py "$model" "$row" "$seed" "$commit" "$work/result.json" "$work/model/lrc_report.json"
}

[[ -n $only ]] || models=(models/demo-llama models/demo-mixtral "${models[@]}")
for model in "${models[@]}"; do
  measure_full "$model"
  for seed in $seeds; do
    while read -r row ini options; do
      [[ -z $row || $row == \#* || (-n $rows && " $rows " != *" $row "*) ]] && continue
      # shellcheck disable=SC2086  # one word an option
      measure "$model" "$row" "$seed" "$ini" $options < /dev/null
    done < jobs/accuracy/rows.txt
  done
done
jobs/accuracy/table.py
