#!/usr/bin/env bash
# The code that talks to other ranks and threads, under ThreadSanitizer and then AddressSanitizer with
# UndefinedBehaviorSanitizer: its tests on 2, 3 and 6 ranks, and whole runs on 2 ranks of 2 threads: one that is
# interrupted, one whose solves are done by groups, one on the quantized model's statistics. Takes half an hour. Exit 0:
# nothing was found.
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

calibrate() {  # PRESET OUTPUT SEQUENCES OPTION...
  mpirun -n 2 "build/$1/bin/lrc_calibrate" --config configs/quickstart.ini --threads 2 --output "$work/$2" \
    --sequences "$3" "${@:4}" 2>&1
}

for preset in tsan asan; do
  echo "== $preset"
  cmake --preset $preset -DLRC_BENCHMARKS=OFF
  cmake --build --preset $preset --target test_core test_checkpoint test_mpi test_scheduling test_calibration test_distributed lrc_calibrate
  for test in test_core test_checkpoint; do ASAN_OPTIONS="" "build/$preset/bin/$test" --gtest_brief=1; done
  for ranks in 2 3; do
    for test in test_mpi test_scheduling test_calibration; do
      mpirun -n $ranks "build/$preset/bin/$test" --gtest_brief=1
    done
  done
  mpirun -n 6 "build/$preset/bin/test_distributed" --gtest_brief=1
  calibrate $preset $preset-groups 16 --paper --team-inputs 512
  calibrate $preset $preset-staged 16 --propagate quantized
  calibrate $preset $preset-whole 32
  calibrate $preset $preset-interrupted 32 --time-limit 3 || [[ $? -eq 75 ]]
  calibrate $preset $preset-interrupted 32
  diff -r -x lrc_report.json "$work/$preset-whole" "$work/$preset-interrupted"
done
echo "nothing was found"
