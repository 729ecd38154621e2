#!/usr/bin/env bash
# Installs the packages, builds, and runs the main job on the demo model under 2 MPI ranks, once for each method:
# jobs/quickstart.sh [--skip-packages]. Prints a table; the quantized models stay in build/quickstart.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=yes
for argument in "$@"; do
  case $argument in
    --skip-packages) packages=no ;;
    *) echo "usage: jobs/quickstart.sh [--skip-packages]" >&2; exit 2 ;;
  esac
done

if [[ $packages == yes ]]; then
  echo "== packages"
  jobs/install_packages.sh
fi

echo "== build, in build/release"
cmake --preset release -DLRC_TESTS=OFF
cmake --build --preset release

source jobs/local_mpi.sh
model=models/demo-llama
work=build/quickstart
rm -rf "$work"
mkdir -p "$work"

# json KEY FILE: the value of a number in a flat JSON file.
json() { sed -n "s/.*\"$1\": *\([-0-9.e+]*\).*/\1/p" "$2" | head -n 1; }

evaluate() {  # NAME DIRECTORY
  mpirun -n 2 build/release/bin/lrc_evaluate --model "$2" --tokens $model/evaluation.npy --sequences 128 \
    --sequence-length 256 --json "$work/$1.json"
}

run() {  # NAME OPTIONS...
  local name=$1 start=$SECONDS
  shift
  echo "== $name"
  mpirun -n 2 build/release/bin/lrc_calibrate --config configs/quickstart.ini --output "$work/$name" "$@"
  echo $((SECONDS - start)) > "$work/$name.seconds"
  evaluate "$name" "$work/$name"
}

echo "== full precision"
evaluate full $model
echo 0 > "$work/full.seconds"
run rtn --method rtn
run gptq --method gptq
run svd-10 --method svd --rank-fraction 0.1
run lrc-10 --method lrc --rank-fraction 0.1
run lrc-30 --method lrc --rank-fraction 0.3

# Share of the nats that GPTQ loses against full precision which a method wins back.
full=$(json perplexity "$work/full.json")
gptq=$(json perplexity "$work/gptq.json")
echo
printf '%-10s %11s %11s %14s %8s\n' method perplexity "gap closed" "bits a weight" seconds
for name in full rtn gptq svd-10 lrc-10 lrc-30; do
  awk -v name=$name -v ppl="$(json perplexity "$work/$name.json")" -v bits="$(json bits_per_weight "$work/$name.json")" \
    -v seconds="$(cat "$work/$name.seconds")" -v full="$full" -v gptq="$gptq" 'BEGIN {
      printf "%-10s %11.3f %9.0f %% %14.2f %8d\n", name, ppl, 100 * log(gptq / ppl) / log(gptq / full), bits, seconds }'
done
