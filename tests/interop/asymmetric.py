"""Weights on asymmetric grids, as stock transformers with compressed-tensors loads them, against lrc's.

    asymmetric.py TOKENS OUTPUT...

OUTPUT: written by lrc_calibrate --weight-zero-points on, without corrections; OUTPUT.json: what lrc_evaluate --json
wrote about the windows of TOKENS, a [windows, length] .npy. Every linear's weight is to be that of the stored tensors
to the bit, these are to be what compressed-tensors' own compressor makes of it, and the perplexity lrc's. Ends with 1
where that is not so.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import transformers as tf
from compressed_tensors.compressors.pack_quantized import PackedQuantizationCompressor
from compressed_tensors.quantization import QuantizationScheme
from safetensors.torch import load_file
from stock_loaders import W4A16_TOLERANCE, WINDOWS, compare, perplexity


def codes(words, bits, count):
    """[rows, count]: codes of rows of int32 words, the first in the lowest bits, each as code + 2^(bits - 1)."""
    fields = (words[:, :, None] >> np.arange(0, 32, bits)) & (2**bits - 1)
    return fields.reshape(len(words), -1)[:, :count] - 2 ** (bits - 1)


def stored_weight(stored, layer, bits):
    """[out, in] of float32: (code - zero point) * scale. Zero points are packed down the columns."""
    outputs, inputs = stored[f"{layer}.weight_shape"].tolist()
    code = codes(stored[f"{layer}.weight_packed"].numpy(), bits, inputs)
    zero = codes(stored[f"{layer}.weight_zero_point"].numpy().T, bits, outputs).T
    scale = stored[f"{layer}.weight_scale"].numpy()
    width = inputs // scale.shape[1]
    return (code - np.repeat(zero, width, axis=1)).astype(np.float32) * np.repeat(scale, width, axis=1)


def check_layout(stored, layer, weight, scheme):
    """The stored tensors are those that the compressor makes of the weight."""
    zero = codes(stored[f"{layer}.weight_zero_point"].numpy().T, scheme.weights.num_bits, len(weight)).T
    made = PackedQuantizationCompressor.compress(
        {
            "weight": weight,
            "weight_scale": stored[f"{layer}.weight_scale"],
            "weight_zero_point": torch.from_numpy(zero.astype(np.int8)),
        },
        scheme,
    )
    names = {name.removeprefix(f"{layer}.") for name in stored if name.startswith(f"{layer}.")} - {"bias"}
    assert names == set(made), f"{layer}: lrc stores {names}, compressed-tensors {set(made)}"
    for name, tensor in made.items():
        own = stored[f"{layer}.{name}"]
        assert own.dtype == tensor.dtype and torch.equal(own, tensor), f"{layer}.{name} is stored in another way"


def check(directory, windows):
    of_lrc = json.loads(Path(f"{directory}.json").read_text())
    assert of_lrc["tokens"] == windows.shape[0] * (windows.shape[1] - 1), "lrc_evaluate saw other windows"
    config = json.loads((directory / "config.json").read_text())["quantization_config"]
    scheme = QuantizationScheme(**config["config_groups"]["group_0"])
    assert not scheme.weights.symmetric and not scheme.input_activations
    dense = tf.CompressedTensorsConfig(dequantize=True)  # 0.20 makes no room for packed zero points in a packed model
    model = tf.AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, quantization_config=dense).eval()
    compare(str(directory), perplexity(model, windows), of_lrc, W4A16_TOLERANCE)
    stored = load_file(directory / "model.safetensors")
    count = 0
    for layer, module in model.named_modules():
        if f"{layer}.weight_packed" not in stored:
            continue
        expected = torch.from_numpy(stored_weight(stored, layer, scheme.weights.num_bits))
        assert torch.equal(module.weight, expected), f"{layer}: stock loaders have another weight"
        check_layout(stored, layer, expected, scheme)
        count += 1
    assert count == sum(name.endswith(".weight_packed") for name in stored) > 0
    print(f"{directory}: {count} linears have the same weights to the bit, stored as compressed-tensors does")


def main():
    tf.logging.set_verbosity_error()
    tf.logging.disable_progress_bar()
    windows = torch.from_numpy(np.load(sys.argv[1])[:WINDOWS].astype(np.int64))
    for directory in sys.argv[2:]:
        check(Path(directory), windows)


if __name__ == "__main__":
    main()
