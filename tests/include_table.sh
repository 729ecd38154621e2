#!/usr/bin/env bash
# Checks that a module includes only the modules its line of src/CMakeLists.txt lists after USES, and nothing of jobs/;
# that a source file includes its own header before all else, so that the header is known to compile on its own; and
# that messages of the modules that don't know the options name quantities, not flags.
set -euo pipefail
cd "$(dirname "$0")/.."

declare -A uses  # module -> " module it uses ..."
while read -r module rest; do
  uses[$module]=" $(grep -o 'lrc_[a-z]*' <<< "$rest" | sed 's/^lrc_//' | tr '\n' ' ')"
done < <(sed -n 's/^lrc_module(\([a-z]*\) *\(.*\))$/\1 \2 lrc_\1/p' src/CMakeLists.txt)

errors=0
complain() {
  echo "$1"
  errors=$((errors + 1))
}

files=0
while IFS=: read -r file line include; do
  files=$((files + 1))
  module=$(cut -d/ -f"$([[ $file == include/* ]] && echo 3 || echo 2)" <<< "$file")
  target=$(sed -n 's|.*"lrc/\([a-z]*\)/[^"]*".*|\1|p' <<< "$include")
  if [[ -z ${uses[$module]:-} ]]; then
    complain "$file: module $module has no line in src/CMakeLists.txt"
  elif [[ -z $target ]]; then
    complain "$file:$line: $include: modules include each other as \"lrc/MODULE/x.hpp\", and nothing else of the project"
  elif [[ ${uses[$module]} != *" $target "* ]]; then
    complain "$file:$line: $module includes $target, but may include only:${uses[$module]}"
  fi
done < <(grep -rnE '^ *# *include *("|<lrc/|<jobs/)' include src)

while read -r source; do
  header=${source%.cpp}.hpp
  header=${header/#src/include\/lrc}
  [[ -e $header ]] || continue
  grep -m 1 '^#include' "$source" | grep -q "[\"/]$(basename "$header")\"$" ||
    complain "$source: its first #include is to be that of its own header, $header"
done < <(find src jobs tests -name '*.cpp')

flags='"[^"]*--[a-z]'
others='--local-dir|--mpi=pmix'  # flags of other programs
while IFS=: read -r file line text; do
  module=$(cut -d/ -f2 <<< "$file")
  [[ $file == src/core/*options.cpp || ${uses[$module]} == *" options "* ]] ||
    complain "$file:$line: names a flag, which only options and what uses it may: $text"
done < <(grep -rnE "$flags" src --include='*.cpp' | grep -vE -- "$others")

echo "$files includes of ${#uses[@]} modules, $errors errors"
[[ $files -gt 0 && $errors -eq 0 ]]
