"""Stock transformers and compressed-tensors run asymmetric activations as lrc does.

    asymmetric_activations.py TOKENS OUTPUT...

OUTPUT: written by lrc_calibrate --export-for stock without factors, its activations minmax or static; OUTPUT.json: what
lrc_evaluate --json wrote about the windows of TOKENS, a [windows, length] .npy. Every linear is to be equal to the
formulas of docs/method.md, and the perplexity to lrc's. Ends with 1 where that is not so.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from stock_loaders import LINEAR_TOLERANCE, WINDOWS, compare, perplexity, tensors
from transformers import AutoModelForCausalLM

TOLERANCE = 1e-2  # ties of activations fall either way, and what they change grows from block to block


def weight_of(stored, layer, bits):
    """[out, in] = scale * (code - zero point). Codes are a byte each, or word w of a row holds 32 / bits of them, lowest
    bits first, each with 2^(bits - 1) added, and there is no zero point."""
    if f"{layer}.weight" in stored:
        codes = stored[f"{layer}.weight"].astype(np.float32) - stored[f"{layer}.weight_zero_point"]
        return codes * stored[f"{layer}.weight_scale"]
    words = stored[f"{layer}.weight_packed"] & 0xFFFFFFFF
    codes = (words[:, :, None] >> np.arange(0, 32, bits)) & (2**bits - 1)
    outputs, inputs = stored[f"{layer}.weight_shape"]
    return (codes.reshape(outputs, -1)[:, :inputs] - 2 ** (bits - 1)) * stored[f"{layer}.weight_scale"]


def quantized_inputs(x, stored, layer, bits):
    """(code - zero) * scale of x, [parts of tokens, in] of float32: by the layer's grid, or from the least to the greatest
    of each part, and 0."""
    lowest, highest = np.float32(-(2 ** (bits - 1))), np.float32(2 ** (bits - 1) - 1)
    if f"{layer}.input_scale" in stored:
        scale = stored[f"{layer}.input_scale"].astype(np.float32)
        zero = stored[f"{layer}.input_zero_point"].astype(np.float32)
    else:
        least, greatest = x.min(axis=1, keepdims=True), x.max(axis=1, keepdims=True)
        least, greatest = np.minimum(least, np.float32(0)), np.maximum(greatest, np.float32(0))
        scale = (greatest - least) / (highest - lowest)
        zero = np.rint(np.clip(lowest - least / scale, lowest, highest))
    codes = np.rint(np.clip(x / scale + zero, lowest, highest))
    return (codes - zero).astype(np.float64) * scale


def worst_linear(model, stored, own):
    """Count of the quantized linears, and the largest ||stock - expected|| / ||expected|| of them on random inputs, of
    which some tokens have one sign."""
    generator = np.random.default_rng(1)
    errors = {}
    for name, module in model.named_modules():
        if f"{name}.weight_scale" not in stored:
            continue
        x = generator.standard_normal((17, module.in_features), dtype=np.float32)
        x[3:6] = np.abs(x[3:6])
        with torch.no_grad():
            stock = module(torch.from_numpy(x)[None])[0].double().numpy()
        parts = x.reshape(-1, own["activation_group_size"] or module.in_features)
        inputs = quantized_inputs(parts, stored, name, own["activation_bits"]).reshape(x.shape)
        expected = inputs @ weight_of(stored, name, own["weight_bits"]).T
        errors[name] = np.linalg.norm(stock - expected) / np.linalg.norm(expected)
    scales = sum(name.endswith(".weight_scale") for name in stored)
    assert len(errors) == scales, f"{len(errors)} linears are quantized, the export holds {scales}"
    return len(errors), max(errors.values())


def check(directory, windows):
    of_lrc = json.loads(Path(f"{directory}.json").read_text())
    assert of_lrc["tokens"] == windows.shape[0] * (windows.shape[1] - 1), "lrc_evaluate saw other windows"
    own = json.loads((directory / "config.json").read_text())["quantization_config"]["lrc"]
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
    stock = perplexity(model, windows)  # also decompresses the weights
    count, error = worst_linear(model, tensors(directory / "model.safetensors"), own)
    print(f"{directory}: {count} linears: largest relative error {error:.1e}")
    assert error < LINEAR_TOLERANCE, f"{directory}: a linear differs by more than {LINEAR_TOLERANCE}"
    compare(str(directory), stock, of_lrc, TOLERANCE)


def main():
    windows = torch.from_numpy(np.load(sys.argv[1])[:WINDOWS].astype(np.int64))
    for directory in sys.argv[2:]:
        check(Path(directory), windows)


if __name__ == "__main__":
    main()
