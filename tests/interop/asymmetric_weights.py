"""Weights on asymmetric grids, as stock transformers with compressed-tensors loads them, against lrc's.

    asymmetric_weights.py TOKENS OUTPUT...

OUTPUT: written by lrc_calibrate --weight-zero-points on, without corrections; OUTPUT.json: what lrc_evaluate --json
wrote about the windows of TOKENS, a [windows, length] .npy. Every linear's weight is to be that of the stored tensors
to the bit, these are to be what compressed-tensors' own compressor makes of it, its outputs those of the method, and
the perplexity lrc's. Ends with 1 where that is not so.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import transformers as tf
from compressed_tensors.compressors import BaseCompressor
from compressed_tensors.quantization import QuantizationScheme
from safetensors.torch import load_file
from stock_loaders import LINEAR_TOLERANCE, W4A4_TOLERANCE, W4A16_TOLERANCE, WINDOWS
from stock_loaders import compare, perplexity, quantized_tokens

PACKED = "pack-quantized"


def unpacked(words, bits, count):
    """[rows, count]: codes of rows of int32 words, the first in the lowest bits, each as code + 2^(bits - 1)."""
    fields = (words[:, :, None] >> np.arange(0, 32, bits)) & (2**bits - 1)
    return fields.reshape(len(words), -1)[:, :count] - 2 ** (bits - 1)


class StoredLinear:
    """What an export holds of a linear: codes [out, in], zero points and scales [out, groups]."""

    def __init__(self, tensors, layer, bits):
        prefix = f"{layer}."
        self.tensors = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
        self.tensors.pop("bias", None)
        part = {name: tensor.numpy() for name, tensor in self.tensors.items()}
        self.codes, self.zeros, self.scales = part.get("weight"), part["weight_zero_point"], part["weight_scale"]
        if self.codes is None:
            outputs, inputs = part["weight_shape"]
            self.codes = unpacked(part["weight_packed"], bits, inputs)
            self.zeros = unpacked(self.zeros.T, bits, outputs).T  # packed down the columns

    def weight(self):
        width = self.codes.shape[1] // self.scales.shape[1]
        zeros, scales = (np.repeat(values, width, axis=1) for values in (self.zeros, self.scales))
        return torch.from_numpy((self.codes.astype(np.int32) - zeros).astype(np.float32) * scales)

    def check_layout(self, layer, layout, scheme):
        """The stored tensors are those that the compressor makes of the weight."""
        zeros = torch.from_numpy(self.zeros.astype(np.int8).copy())
        state = {"weight": self.weight(), "weight_scale": self.tensors["weight_scale"], "weight_zero_point": zeros}
        made = BaseCompressor.get_value_from_registry(layout).compress(state, scheme)
        assert set(made) == set(self.tensors), f"{layer}: lrc has {set(self.tensors)}, compressed-tensors {set(made)}"
        for name, tensor in made.items():
            own = self.tensors[name]
            assert own.dtype == tensor.dtype and torch.equal(own, tensor), f"{layer}.{name} is stored in another way"


@torch.no_grad()
def check_linear(layer, module, stored, own):
    weight = stored.weight()
    assert torch.equal(module.weight, weight), f"{layer}: stock loaders have another weight"
    x = np.random.default_rng(1).standard_normal((17, module.in_features), dtype=np.float32)
    seen = x if own["activation_bits"] == 16 else quantized_tokens(x, own["activation_group_size"])
    expected = seen @ weight.double().numpy().T
    outputs = module(torch.from_numpy(x)[None])[0].double().numpy()
    error = np.linalg.norm(outputs - expected) / np.linalg.norm(expected)
    assert error < LINEAR_TOLERANCE, f"{layer}: outputs differ by {error:.1e}"


def check(directory, windows):
    of_lrc = json.loads(Path(f"{directory}.json").read_text())
    assert of_lrc["tokens"] == windows.shape[0] * (windows.shape[1] - 1), "lrc_evaluate saw other windows"
    config = json.loads((directory / "config.json").read_text())["quantization_config"]
    scheme, layout, own = QuantizationScheme(**config["config_groups"]["group_0"]), config["format"], config["lrc"]
    assert not scheme.weights.symmetric
    options = {}
    if layout == PACKED:  # 0.20 makes room for zero points that are not packed, unless it dequantizes
        options["quantization_config"] = tf.CompressedTensorsConfig(dequantize=True)
    model = tf.AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, **options).eval()
    tolerance = W4A16_TOLERANCE if own["activation_bits"] == 16 else W4A4_TOLERANCE
    compare(str(directory), perplexity(model, windows), of_lrc, tolerance)
    tensors = load_file(directory / "model.safetensors")
    linears = [name.removesuffix(".weight_scale") for name in tensors if name.endswith(".weight_scale")]
    assert linears
    for layer in linears:
        stored = StoredLinear(tensors, layer, own["weight_bits"])
        check_linear(layer, model.get_submodule(layer), stored, own)
        stored.check_layout(layer, layout, scheme)
    print(f"{directory}: {len(linears)} linears have the same weights to the bit, and their outputs, in {layout}")


def main():
    tf.logging.set_verbosity_error()
    tf.logging.disable_progress_bar()
    windows = torch.from_numpy(np.load(sys.argv[1])[:WINDOWS].astype(np.int64))
    for directory in sys.argv[2:]:
        check(Path(directory), windows)


if __name__ == "__main__":
    main()
