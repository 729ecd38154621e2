#!/usr/bin/env bash
# Proves that stock transformers, compressed-tensors and PEFT run lrc's export: quantizes the demo model, evaluates it
# with lrc, and with the pinned stock loaders in a venv; and that lrc and transformers agree on small random models of
# every family. Not among the default tests: it downloads 1 GB.
#
#   tests/interop/run.sh BIN [WORK]      BIN: holds lrc_calibrate, lrc_evaluate; WORK: kept; default: temporary
#
# Needs Python 3.11 and the CUDA 13 toolkit with cuDNN, which torch is linked to (no GPU); CUDA_HOME: default /usr/local/cuda.
set -euo pipefail
[[ $# -ge 1 ]] || { echo "usage: tests/interop/run.sh BIN [WORK]" >&2; exit 2; }
bin=$(realpath "$1")
cd "$(dirname "$0")/../.."

if [[ $# -ge 2 ]]; then
  mkdir -p "$2" && work=$(realpath "$2")
else
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
fi

model=models/demo-llama
evaluate() {
  "$bin/lrc_evaluate" --model "$1" --tokens $model/evaluation.npy --sequences 32 --sequence-length 256 --threads 1 \
    --json "$2"
}

# shellcheck source=jobs/local_mpi.sh
source jobs/local_mpi.sh
rm -rf "$work/export" "$work/export.checkpoint" "$work/export_a16"
"$bin/lrc_calibrate" --model $model --calibration $model/calibration.npy --sequence-length 256 \
  --output "$work/export" --export-for stock --threads 1
evaluate "$work/export" "$work/w4a4.json"

cp -r "$work/export" "$work/export_a16"  # the same weights, activations as they are
sed -i 's/"activation_bits": 4/"activation_bits": 16/' "$work/export_a16/config.json"
evaluate "$work/export_a16" "$work/w4a16.json"

[[ -d $work/venv ]] || python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-deps --requirement tests/interop/requirements.txt
export HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 LD_LIBRARY_PATH="${CUDA_HOME:-/usr/local/cuda}/lib64"
"$work/venv/bin/python" tests/interop/stock_loaders.py "$work/export" $model/evaluation.npy \
  "$work/w4a4.json" "$work/w4a16.json"
rm -rf "$work/families"
mkdir "$work/families"
"$work/venv/bin/python" tests/interop/families.py "$bin" "$work/families"
