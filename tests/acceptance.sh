#!/usr/bin/env bash
# Perplexities of every method against those of an independent implementation, on the models of ../shared/data and, where
# its directory is given, SmolLM2-135M: tests/acceptance.sh [SMOLLM2_DIRECTORY]. Needs build/release; takes minutes.
# Exit 1 where a mean over four rotation seeds is off by more than 1.5 % (SmolLM2: one seed, 6 %).
set -euo pipefail
cd "$(dirname "$0")/.."
source jobs/local_mpi.sh

bin=build/release/bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

perplexity() { sed -n 's/.*"perplexity": *\([0-9.]*\).*/\1/p' "$work/result.json"; }

evaluate() {  # DIRECTORY TOKENS WINDOWS LENGTH
  mpirun -n 2 $bin/lrc_evaluate --model "$1" --tokens "$2" --sequences "$3" --sequence-length "$4" --json "$work/result.json" > /dev/null 2>&1
  perplexity
}

# check NAME EXPECTED LIMIT VALUE...: prints the mean and the spread, and its distance from what is expected, in percent.
check() {
  local name=$1 expected=$2 limit=$3
  shift 3
  printf '%s\n' "$@" | awk -v name="$name" -v expected="$expected" -v limit="$limit" '
    { sum += $1; if (NR == 1 || $1 < low) low = $1; if (NR == 1 || $1 > high) high = $1 }
    END { mean = sum / NR; off = 100 * (mean / expected - 1)
          printf "%-28s %9.4f %9.4f %9.4f %9.4f %+7.2f %%\n", name, expected, mean, low, high, off
          exit !(off <= limit && off >= -limit) }' || failed=1
}

quantized() {  # MODEL SEQUENCES WINDOWS LENGTH OPTIONS...
  local model=$1 sequences=$2 windows=$3 length=$4
  shift 4
  rm -rf "$work/out" "$work/out.checkpoint"
  mpirun -n 2 $bin/lrc_calibrate --model "$model" --calibration "$model/calibration.npy" --sequences "$sequences" \
    --sequence-length "$length" --output "$work/out" "$@" > "$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
  evaluate "$work/out" "$model/evaluation.npy" "$windows" "$length"
}

over_seeds() {  # OPTIONS...: one perplexity a seed
  for seed in 0 1 2 3; do quantized "$model" 128 128 256 --seed $seed "$@"; done
}

# stories260k has 172 inner channels, for which no Hadamard matrix is built: what the other implementation puts in its
# place is not known, and plain rounding feels the difference.
rtn_limit() { [[ $1 == stories260k ]] && echo 3 || echo 1.5; }

table() {  # full, rtn without rotation, rtn, gptq, svd 10 %, lrc 10 % T=1, lrc 10 % T=5, lrc 30 %
  local name
  name=$(basename "$model")
  check "$name full" "$1" 0.01 "$(evaluate "$model" "$model/evaluation.npy" 128 256)"
  check "$name rtn, no rotation" "$2" 1.5 "$(quantized "$model" 128 128 256 --method rtn --rotation none)"
  # shellcheck disable=SC2046  # one argument a seed
  {
    check "$name rtn" "$3" "$(rtn_limit "$name")" $(over_seeds --method rtn)
    check "$name gptq" "$4" 1.5 $(over_seeds --method gptq)
    check "$name svd 10 %" "$5" 1.5 $(over_seeds --method svd)
    check "$name lrc 10 % T=1" "$6" 1.5 $(over_seeds --paper)
    check "$name lrc 10 % T=5" "$7" 1.5 $(over_seeds --paper --iterations 5)
    check "$name lrc 30 % T=1" "$8" 1.5 $(over_seeds --paper --rank-fraction 0.3)
  }
}

printf '%-28s %9s %9s %9s %9s %9s\n' "" expected mean lowest highest off
model=../shared/data/models/stories260k
table 5.5379 8.648 7.524 6.896 6.724 6.428 6.357 6.090
model=../shared/data/models/demo-llama
table 40.9838 46.52 43.15 42.76 42.69 42.14 42.12 41.56
model=../shared/data/models/demo-mixtral
table 36.2601 40.17 38.07 37.74 37.64 37.33 37.29 36.87
if [[ $# -gt 0 ]]; then
  check "smollm2 full" 28.518 0.01 "$(evaluate "$1" "$1/evaluation.npy" 32 512)"
  check "smollm2 gptq" 58.96 6 "$(quantized "$1" 64 32 512 --method gptq)"
  check "smollm2 lrc 10 % T=1" 50.86 6 "$(quantized "$1" 64 32 512 --paper)"
  check "smollm2 lrc 10 % T=5" 49.84 6 "$(quantized "$1" 64 32 512 --paper --iterations 5)"
  check "smollm2 lrc 30 % T=1" 42.25 6 "$(quantized "$1" 64 32 512 --paper --rank-fraction 0.3)"
fi
exit $failed
