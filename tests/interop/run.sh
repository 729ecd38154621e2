#!/usr/bin/env bash
# Proves that stock transformers, compressed-tensors and PEFT run lrc's export: quantizes the demo model, evaluates it
# with lrc, and with the pinned stock loaders in a venv; that transformers refuses what it would not run as it was
# calibrated; and that lrc and transformers agree on small random models of every family. Not among the default tests:
# it downloads 1 GB.
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

evaluate() {  # MODEL OUTPUT: what lrc says about it, in OUTPUT.json
  "$bin/lrc_evaluate" --model "$work/$2" --tokens "models/$1/evaluation.npy" --sequences 32 --sequence-length 256 \
    --threads 1 --json "$work/$2.json"
}
quantize() {  # MODEL OUTPUT OPTION...
  rm -rf "$work/$2" "$work/$2.checkpoint"
  "$bin/lrc_calibrate" --model "models/$1" --calibration "models/$1/calibration.npy" --sequence-length 256 \
    --output "$work/$2" --threads 1 "${@:3}"
  evaluate "$1" "$2"
}

# shellcheck source=jobs/local_mpi.sh
source jobs/local_mpi.sh
quantize demo-llama export --export-for stock
quantize demo-llama gptq --export-for stock --method gptq
stock_a8=(--export-for stock --method rtn --activation-bits 8 --activation-scale)
quantize demo-llama minmax "${stock_a8[@]}" minmax
quantize demo-llama groups "${stock_a8[@]}" minmax --activation-group-size 32
quantize demo-llama static "${stock_a8[@]}" static --weight-bits 8
learned=(--export-for stock --method lrq --learn-steps 20 --activation-bits 8 --activation-scale)
quantize demo-llama lrq_minmax "${learned[@]}" minmax
quantize demo-llama lrq_static "${learned[@]}" static --weight-bits 8
quantize demo-llama w4a8 --scheme w4a8 --method rtn --rotation none
quantize demo-llama native
quantize demo-llama paper --paper
quantize demo-mixtral mixtral
asymmetric=(--rotation none --weight-zero-points on --activation-bits 16)
quantize demo-llama w4a16 --method rtn "${asymmetric[@]}"
quantize demo-llama w8a16 --method rtn "${asymmetric[@]}" --weight-bits 8
quantize demo-llama w4a16_groups --method gptq "${asymmetric[@]}" --weight-group-size 32 --weight-range minmax
quantize demo-llama w4a4 --export-for stock --method rtn --weight-zero-points on

rm -rf "$work/export_a16"
cp -r "$work/export" "$work/export_a16"  # the same weights, activations as they are
sed -i 's/"activation_bits": 4/"activation_bits": 16/' "$work/export_a16/config.json"
evaluate demo-llama export_a16

[[ -d $work/venv ]] || python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-deps --requirement tests/interop/requirements.txt
export HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 LD_LIBRARY_PATH="${CUDA_HOME:-/usr/local/cuda}/lib64"
"$work/venv/bin/python" tests/interop/stock_loaders.py "$work/export" models/demo-llama/evaluation.npy \
  "$work/export.json" "$work/export_a16.json"
"$work/venv/bin/python" tests/interop/natural_call.py models/demo-llama/evaluation.npy "$work"/{export,gptq,native,paper,w4a8}
"$work/venv/bin/python" tests/interop/asymmetric_activations.py models/demo-llama/evaluation.npy "$work"/{minmax,groups,static,lrq_minmax,lrq_static}
"$work/venv/bin/python" tests/interop/asymmetric_weights.py models/demo-llama/evaluation.npy "$work"/{w4a16,w8a16,w4a16_groups,w4a4}
"$work/venv/bin/python" tests/interop/natural_call.py models/demo-llama/evaluation.npy "$work"/{w4a16,w8a16,w4a4}
"$work/venv/bin/python" tests/interop/natural_call.py models/demo-mixtral/evaluation.npy "$work/mixtral"
rm -rf "$work/families"
mkdir "$work/families"
"$work/venv/bin/python" tests/interop/families.py "$bin" "$work/families"
