#!/usr/bin/env bash
# A quarter of Llama-70B in each dimension (hidden 2048, ffn 7168, 3 blocks, random weights) on 4 ranks of 1.5 GiB each:
# tests/memory/run.sh BIN [WORK]. Takes up to half an hour on 2 cores and 8 GiB. Exit 0:
# - no rank used more than 1.5 GiB, nor more than the plan said;
# - the same bytes come out of 4 ranks that have plenty, and sum no moments by panels;
# - rank-local solves on 1 rank give the same relative losses to 1e-6;
# - twice the blocks change the peak by less than 3 %.
set -euo pipefail
[[ $# -ge 1 ]] || { echo "usage: tests/memory/run.sh BIN [WORK]" >&2; exit 2; }
bin=$(realpath "$1")
cd "$(dirname "$0")/../.."
# shellcheck source=jobs/local_mpi.sh
source jobs/local_mpi.sh
if [[ $# -ge 2 ]]; then
  mkdir -p "$2" && work=$(realpath "$2")
else
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
fi
failed=0

calibrate() {  # RANKS MODEL OUTPUT OPTION...
  local ranks=$1 model=$2 output=$3
  shift 3
  rm -rf "$work/$output" "$work/$output.checkpoint"
  mpirun -n "$ranks" "$bin/lrc_calibrate" --model "$work/$model" --calibration "$work/$model/tokens.npy" --sequences 32 --paper \
    --sequence-length 1024 --threads 1 --output "$work/$output" "$@" >"$work/$output.log" 2>&1 ||
    { tail -n 5 "$work/$output.log" >&2; exit 1; }
}

fact() { sed -n "s/^ *\"$1\": *\([0-9.e+]*\),*$/\1/p" "$work/$2/lrc_report.json" | head -n 1; }

# demand WHAT VALUE LIMIT: VALUE is at most LIMIT.
demand() {
  awk -v what="$1" -v value="$2" -v limit="$3" 'BEGIN {
    printf "%-52s %14.8g of %-14.8g %s\n", what, value, limit, value <= limit ? "ok" : "FAILED"; exit !(value <= limit) }' ||
    failed=1
}

losses() { sed -n 's/.*"relative_loss": *\([0-9.e+-]*\).*/\1/p' "$work/$1/lrc_report.json"; }

"$bin/make_synthetic_llama" "$work/quarter" 2048 7168 3 32768
calibrate 4 quarter small --memory 1.5G --solve-memory 1G
demand "peak of a rank, of 1.5 GiB" "$(fact peak_bytes small)" 1610612736
demand "peak of a rank, of what was planned" "$(fact peak_bytes small)" "$(fact planned_bytes small)"
calibrate 4 quarter plenty --memory 8G --solve-memory 1G
if diff -r -x lrc_report.json "$work/small" "$work/plenty"; then echo "with plenty of memory: the same bytes"; else failed=1; fi
calibrate 1 quarter alone --memory 8G
demand "largest relative difference of a loss, solved alone" \
  "$(paste <(losses small) <(losses alone) | awk '{ d = $1 / $2 - 1; if (d < 0) d = -d; if (d > m) m = d } END { print m + 0 }')" 1e-6

"$bin/make_synthetic_llama" "$work/3" 512 1792 3 32768
"$bin/make_synthetic_llama" "$work/6" 512 1792 6 32768
calibrate 2 3 3.out
calibrate 2 6 6.out
demand "peak of 6 blocks, against that of 3 and 3 %" "$(fact peak_bytes 6.out)" "$(awk -v p="$(fact peak_bytes 3.out)" 'BEGIN { print 1.03 * p }')"
exit $failed
