#!/usr/bin/env bash
# Runs clang-tidy (.clang-tidy) over every source file: tests/lint.sh [BUILD_DIRECTORY, of the release preset by default]
# [regular expression that a file's path must match]. Any warning is an error. LINT_JOBS: files at a time.
# Version 16, for clang-tidy 14 does not know std::source_location. Left out: file_faults.cpp and
# weak_file_system_test.cpp, which define functions of the C library, whose parameters have other names there.
set -euo pipefail
cd "$(dirname "$0")/.."

build=${1:-build/release}
files=${2:-"^$PWD/(src|jobs|tests)/(?!campaign/file_faults|checkpoint/weak_file_system)"}
if [[ ! -f $build/compile_commands.json ]]; then
  echo "$build/compile_commands.json is missing: run cmake --preset release first" >&2
  exit 2
fi
if ! command -v run-clang-tidy-16 > /dev/null; then
  echo "skipped: clang-tidy-16 is not installed"
  exit 77
fi
# GCC's vectorization pragmas are unknown to clang.
run-clang-tidy-16 -quiet -p "$build" -j "${LINT_JOBS:-$(nproc)}" -extra-arg=-Wno-unknown-pragmas "$files"
