#!/usr/bin/env bash
# Checks that clang-format would leave every source file as it is; --fix formats them.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v clang-format > /dev/null; then
  echo "skipped: clang-format is not installed"
  exit 77
fi
[[ ${1:-} == --fix ]] && action=(-i) || action=(--dry-run -Werror)
find include src jobs tests -name '*.hpp' -o -name '*.cpp' -o -name '*.cu' | sort | xargs clang-format "${action[@]}"
