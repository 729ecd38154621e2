#!/usr/bin/env bash
# Builds the fuzz targets with clang (apt-get install clang-16 libclang-rt-16-dev) in build/fuzz and runs them one after
# the other: tests/fuzz/run.sh [SECONDS | --runs N] [TARGET...], by default all for 20 s. The corpus grows from run to
# run in build/fuzz/corpus; the input of a crash, a hang or too large an allocation is left in build/fuzz/findings.
# Exit 0: nothing was found.
set -euo pipefail
cd "$(dirname "$0")/../.."

limit=-max_total_time=20
if [[ ${1:-} == --runs ]]; then
  limit=-runs=${2:?}
  shift 2
elif [[ ${1:-} =~ ^[0-9]+$ ]]; then
  limit=-max_total_time=$1
  shift
fi
targets=("$@")
if ((${#targets[@]} == 0)); then
  targets=(safetensors index config tokenizer_json tokenizer_model tokens_npy tokens_h5 checkpoint)
fi

build=${LRC_FUZZ_BUILD:-build/fuzz}
sanitizers=${LRC_FUZZ_SANITIZERS:-address,undefined}  # "undefined" alone is several times as fast
cmake -S . -B "$build" -G Ninja -DLRC_FUZZ=ON -DLRC_FUZZ_SANITIZERS="$sanitizers" -DLRC_BENCHMARKS=OFF -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_CXX_FLAGS_RELEASE="-O2 -g" -DCMAKE_C_COMPILER=clang-16 -DCMAKE_CXX_COMPILER=clang++-16
cmake --build "$build" --target fuzz

# The targets write their input to a file each time: in memory, if there is a place.
TMPDIR=$(mktemp -d -p "$([[ -w /dev/shm ]] && echo /dev/shm || echo "${TMPDIR:-/tmp}")" lrc-fuzz.XXXXXX)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
"$build/bin/make_seeds" "$build/seeds" models/demo-llama 2>"$build/seeds.log"

# Two targets start a child process each time: that is to be quick.
export LD_BIND_NOW=1 ASAN_OPTIONS=quarantine_size_mb=16

# No single allocation, and not the whole process, may grow far beyond the inputs, which are below 256 KiB.
limits=(-timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=64)
status=0
printf '%-16s %12s %9s  %s\n' target executions coverage result
for target in "${targets[@]}"; do
  mkdir -p "$build/corpus/$target" "$build/findings"
  log=$build/$target.log
  result="nothing found"
  if ! "$build/bin/fuzz_$target" "$limit" "${limits[@]}" -max_len=262144 -print_final_stats=1 -dict=tests/fuzz/json.dict \
    -artifact_prefix="$build/findings/$target-" "$build/corpus/$target" "$build/seeds/$target" >"$log" 2>&1; then
    result="FOUND: $(grep -m 1 '^SUMMARY' "$log" || tail -n 1 "$log"), see $log"
    status=1
  fi
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  coverage=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1)
  printf '%-16s %12s %9s  %s\n' "$target" "${executions:-?}" "${coverage#cov: }" "$result"
done
exit "$status"
