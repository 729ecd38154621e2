#!/usr/bin/env bash
# Installs the packages, builds, runs all tests and fuzzes every parser for 5 s: tests/run.sh [--skip-packages].
# Exit 0: all passed.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=yes
for argument in "$@"; do
  case $argument in
    --skip-packages) packages=no ;;
    *) echo "usage: tests/run.sh [--skip-packages]" >&2; exit 2 ;;
  esac
done

if [[ $packages == yes ]]; then
  echo "== packages"
  jobs/install_packages.sh packages.txt tests/packages.txt
fi

echo "== build, in build/release"
cmake --preset release -DLRC_TESTS=ON  # the quickstart leaves them out
cmake --build --preset release

echo "== tests"
source jobs/local_mpi.sh
ctest --preset release --no-tests=error --parallel "$(nproc)"

echo "== fuzz"
tests/fuzz/run.sh 5
