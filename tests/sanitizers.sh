#!/usr/bin/env bash
# The code that talks to other ranks and threads, under ThreadSanitizer and then AddressSanitizer with
# UndefinedBehaviorSanitizer: its tests on 2 and 3 ranks, and whole runs on 2 ranks of 2 threads, one of which is
# interrupted. Takes a quarter of an hour. Exit 0: nothing was found.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=jobs/local_mpi.sh
source jobs/local_mpi.sh

export TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp history_size=4 halt_on_error=1"
export UBSAN_OPTIONS=print_stacktrace=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Open MPI keeps memory until the process ends, and unloads the plugins that would tell whose it is.
export ASAN_OPTIONS=detect_leaks=0

calibrate() {  # PRESET OUTPUT OPTION...
  local preset=$1 output=$2
  shift 2
  mpirun -n 2 "build/$preset/bin/lrc_calibrate" --config configs/quickstart.ini --sequences 32 --threads 2 \
    --output "$work/$output" "$@" 2>&1
}

for preset in tsan asan; do
  echo "== $preset"
  cmake --preset $preset -DLRC_BENCHMARKS=OFF
  cmake --build --preset $preset --target test_core test_checkpoint test_mpi test_scheduling test_calibration lrc_calibrate
  for test in test_core test_checkpoint; do ASAN_OPTIONS="" "build/$preset/bin/$test" --gtest_brief=1; done
  for ranks in 2 3; do
    for test in test_mpi test_scheduling test_calibration; do
      mpirun -n $ranks "build/$preset/bin/$test" --gtest_brief=1
    done
  done
  calibrate $preset $preset-whole
  calibrate $preset $preset-interrupted --time-limit 8 || [[ $? -eq 75 ]]
  calibrate $preset $preset-interrupted
  diff -r -x lrc_report.json "$work/$preset-whole" "$work/$preset-interrupted"
done
echo "nothing was found"
