#!/usr/bin/env bash
# Installs the packages, builds, and runs the main job on the demo models (a Llama and a Mixtral) under 2 MPI ranks,
# once for each method: jobs/quickstart.sh [--skip-packages]. Prints a table; the quantized models stay in
# build/quickstart.
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
work=build/quickstart
rm -rf "$work"

# json KEY FILE: the value of a number in a flat JSON file.
json() { sed -n "s/.*\"$1\": *\([-0-9.e+]*\).*/\1/p" "$2" | head -n 1; }

evaluate() {  # MODEL NAME DIRECTORY
  mpirun -n 2 build/release/bin/lrc_evaluate --model "$3" --tokens "models/$1/evaluation.npy" --sequences 128 \
    --sequence-length 256 --json "$work/$1/$2.json"
}

run() {  # MODEL NAME OPTIONS...
  local model=$1 name=$2 start=$SECONDS
  shift 2
  echo "== $model, $name"
  mpirun -n 2 build/release/bin/lrc_calibrate --config configs/quickstart.ini --model "models/$model" \
    --calibration "models/$model/calibration.npy" --output "$work/$model/$name" "$@"
  echo $((SECONDS - start)) > "$work/$model/$name.seconds"
  evaluate "$model" "$name" "$work/$model/$name"
}

for model in demo-llama demo-mixtral; do
  mkdir -p "$work/$model"
  echo "== $model, full precision"
  evaluate $model full "models/$model"
  echo 0 > "$work/$model/full.seconds"
  run $model rtn --method rtn
  run $model gptq --method gptq
  run $model svd-10 --method svd --rank-fraction 0.1
  run $model paper-10 --paper --rank-fraction 0.1
  run $model paper-30 --paper --rank-fraction 0.3
  run $model lrc
done

# Share of the nats that GPTQ loses against full precision which a method wins back.
echo
printf '%-13s %-8s %11s %11s %14s %8s\n' model method perplexity "gap closed" "bits a weight" seconds
for model in demo-llama demo-mixtral; do
  full=$(json perplexity "$work/$model/full.json")
  gptq=$(json perplexity "$work/$model/gptq.json")
  for name in full rtn gptq svd-10 paper-10 paper-30 lrc; do
    result=$work/$model/$name.json
    awk -v model=$model -v name=$name -v ppl="$(json perplexity "$result")" -v bits="$(json bits_per_weight "$result")" \
      -v seconds="$(cat "$work/$model/$name.seconds")" -v full="$full" -v gptq="$gptq" 'BEGIN {
        share = 100 * log(gptq / ppl) / log(gptq / full)
        printf "%-13s %-8s %11.3f %9d %% %14.2f %8d\n", model, name, ppl, share + (share < 0 ? -0.5 : 0.5), bits,
          seconds }'
  done
done
