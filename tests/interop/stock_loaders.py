"""Loads lrc's export with stock transformers, compressed-tensors and PEFT, and compares it with lrc itself.

    stock_loaders.py EXPORT TOKENS EVALUATION
    (needs torch 2.15, transformers 5.23, compressed-tensors 0.20, peft 0.21; run by hand, for torch is large)

EXPORT: written by lrc_calibrate --export-for stock; TOKENS: [windows, length] .npy;
W4A4, W4A16: what lrc_evaluate --json wrote about the same windows, with the activations quantized and not. Ends with 1 if a check fails.
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch
from peft import PeftModel
from peft.tuners.lora import Linear as LoraLinear
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, CompressedTensorsConfig

WINDOWS = 32
LINEAR_TOLERANCE = 1e-5
W4A16_TOLERANCE = 1e-4  # what any two fp32 implementations agree to
W4A4_TOLERANCE = 1e-2  # chaotic: embeddings changed by 1e-6 move it by a standard deviation of 0.2 %


def tensors(path):
    """Name -> float64 or int64 array; torch reads, since numpy has no bfloat16."""
    stored = load_file(path)
    return {name: (t.double() if t.is_floating_point() else t.long()).numpy() for name, t in stored.items()}


def unpacked_weight(model, layer):
    """[out, in] = scale * q. Word w of a row holds elements 8w .. 8w + 7, lowest bits first, each as q + 8."""
    words = model[f"{layer}.weight_packed"]
    codes = (words[:, :, None] >> np.arange(0, 32, 4)) & 15
    outputs, inputs = model[f"{layer}.weight_shape"]
    weight = codes.reshape(outputs, -1)[:, :inputs] - 8
    return weight * model[f"{layer}.weight_scale"]


def quantized_tokens(x, group):
    """Q_a(x), x [tokens, in] of float32: scale = absmax / 7.5 of a token, or of `group` of its channels (0 = all),
    rounded half to even, codes in -8 .. 7."""
    parts = x.reshape(len(x), -1, group or x.shape[1])
    scale = np.abs(parts).max(axis=2, keepdims=True) / np.float32(7.5)
    return (np.clip(np.rint(parts / scale), -8, 7) * scale.astype(np.float64)).reshape(x.shape)


def expected_output(model, adapter, layer, x, group):
    """Q_a(x) W^T + (x A^T) B^T from the stored tensors alone."""
    prefix = f"base_model.model.{layer}"
    low_rank = (x.astype(np.float64) @ adapter[f"{prefix}.lora_A.weight"].T) @ adapter[f"{prefix}.lora_B.weight"].T
    return quantized_tokens(x, group) @ unpacked_weight(model, layer).T + low_rank


def worst_linear(peft_model, export):
    """Count of the corrected linears, and the largest ||stock - expected|| / ||expected|| of them on random inputs."""
    model = tensors(export / "base" / "model.safetensors")
    adapter = tensors(export / "adapter" / "adapter_model.safetensors")
    group = json.loads((export / "config.json").read_text())["quantization_config"]["lrc"]["activation_group_size"]
    generator = np.random.default_rng(1)
    errors = {}
    for name, module in peft_model.base_model.model.named_modules():
        if not isinstance(module, LoraLinear):
            continue
        x = generator.standard_normal((17, module.in_features), dtype=np.float32)
        with torch.no_grad():
            stock = module(torch.from_numpy(x)[None])[0].double().numpy()  # 3-D: 2-D inputs get wrong token scales
        expected = expected_output(model, adapter, name, x, group)
        errors[name] = np.linalg.norm(stock - expected) / np.linalg.norm(expected)
    packed = sum(name.endswith(".weight_packed") for name in model)
    assert len(errors) == packed, f"PEFT corrects {len(errors)} linears, the export holds {packed}"
    return len(errors), max(errors.values())


@torch.no_grad()
def perplexity(model, windows):
    """exp of the mean loss over every token of every window but the first, which only conditions."""
    losses = []
    for window in windows:
        logits = model(window[None]).logits[0, :-1].double()
        losses.append(torch.nn.functional.cross_entropy(logits, window[1:]).item())
    return math.exp(sum(losses) / len(losses))


def load_corrected(export, windows, **options):
    """The model with its adapter, and its perplexity before it got one."""
    model = AutoModelForCausalLM.from_pretrained(export / "base", dtype=torch.float32, **options).eval()
    uncorrected = perplexity(model, windows)  # also decompresses the weights, without which PEFT cannot attach
    return PeftModel.from_pretrained(model, export / "adapter").eval(), uncorrected


def compare(label, stock, of_lrc, tolerance):
    difference = abs(stock / of_lrc["perplexity"] - 1)
    print(f"{label}: perplexity of lrc {of_lrc['perplexity']:.5f}, stock {stock:.5f}, {100 * difference:.1g} % apart")
    assert difference < tolerance, f"{label}: the perplexities differ by more than {tolerance}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("export", "tokens", "w4a4", "w4a16"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    windows = torch.from_numpy(np.load(arguments.tokens)[:WINDOWS].astype(np.int64))
    w4a4, w4a16 = (json.loads(path.read_text()) for path in (arguments.w4a4, arguments.w4a16))
    for of_lrc in (w4a4, w4a16):
        assert of_lrc["tokens"] == windows.shape[0] * (windows.shape[1] - 1), "lrc_evaluate saw other windows"

    model, uncorrected = load_corrected(arguments.export, windows)
    count, error = worst_linear(model, arguments.export)
    print(f"{count} linears: largest relative error {error:.1e}")
    assert error < LINEAR_TOLERANCE, f"a linear differs by more than {LINEAR_TOLERANCE}"

    corrected = perplexity(model, windows)
    print(f"W4A4 without the adapter: perplexity {uncorrected:.2f}")
    assert uncorrected > 1.02 * corrected, "the adapter changes nothing"
    compare("W4A4", corrected, w4a4, W4A4_TOLERANCE)

    dequantized = CompressedTensorsConfig(dequantize=True)  # drops the activation quantization as well
    model, _ = load_corrected(arguments.export, windows, quantization_config=dequantized)
    compare("W4A16", perplexity(model, windows), w4a16, W4A16_TOLERANCE)


if __name__ == "__main__":
    main()
