#!/usr/bin/env bash
# Builds the fuzz targets with clang (apt-get install clang-16 libclang-rt-16-dev) in build/fuzz and runs them one after
# the other: tests/fuzz/run.sh [SECONDS | --runs N] [TARGET...], by default all for 20 s. The corpus grows from run to
# run in build/fuzz/corpus; the input of a crash, a hang or too large an allocation is left in build/fuzz/findings.
# Exit 0: nothing was found.
#
# tokenizer_model and tokens_h5 start a child process for each input, as lrc does. For long runs there are two more
# targets, tokenizer_model_in_process and tokens_h5_in_process, which don't: what sentencepiece or HDF5 crash on there is
# given to the target with a child, and is a finding only if that does not refuse it.
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
  targets=(safetensors index config tokenizer_json tokenizer_model texts tokens_npy tokens_h5 checkpoint)
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

fuzz() {  # TARGET LIMIT FINDINGS OPTIONS...: the log is in $log
  mkdir -p "$build/corpus/$1" "$(dirname "$3")"
  "$build/bin/fuzz_$1" "$2" "${limits[@]}" "${@:4}" -max_len=262144 -print_final_stats=1 -dict=tests/fuzz/json.dict \
    -artifact_prefix="$3" "$build/corpus/$1" "$build/seeds/${1%_in_process}" >"$log" 2>&1
}

executions() { sed -n 's/^stat::number_of_executed_units: *//p' "$log" | grep . || echo 0; }

# The library's crashes end the target; it is started again until it has run often enough. What the library allocates is
# not limited as with a child, and what it prints is dropped.
fuzz_in_process() {  # TARGET
  local crashes
  [[ $limit == -runs=* ]] || { echo "$1 takes --runs N" >"$log"; return 1; }
  crashes=$(mktemp -d)
  until fuzz "$1" "-runs=$((${limit#-runs=} - ran))" "$crashes/" -malloc_limit_mb=1024 -rss_limit_mb=4096 \
    -close_fd_mask=3; do
    [[ $(executions) -gt 0 ]] || return 1
    ran=$((ran + $(executions)))
  done
  result="nothing found ($(find "$crashes" -type f | wc -l) inputs that the library crashes on)"
  find "$crashes" -type f -print0 | xargs -0 -r "$build/bin/fuzz_${1%_in_process}" "${limits[@]}" >"$log.crashes" 2>&1 ||
    { cp "$crashes"/* "$build/findings"; log=$log.crashes; return 1; }
}

run_target() {
  case $1 in
    *_in_process) fuzz_in_process "$1" ;;
    *) fuzz "$1" "$limit" "$build/findings/$1-" ;;
  esac
}

status=0
printf '%-26s %12s %9s  %s\n' target executions coverage result
for target in "${targets[@]}"; do
  log=$build/$target.log
  result="nothing found"
  ran=0
  if ! run_target "$target"; then
    result="FOUND: $(grep -m 1 '^SUMMARY' "$log" || tail -n 1 "$log"), see $log"
    status=1
  fi
  coverage=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1)
  printf '%-26s %12s %9s  %s\n' "$target" $((ran + $(executions))) "${coverage#cov: }" "$result"
done
exit "$status"
