"""Loads lrc's export with stock transformers, compressed-tensors and PEFT, and compares it with lrc itself.

    stock_loaders.py EXPORT TOKENS EVALUATION
    (needs torch 2.15, transformers 5.23, compressed-tensors 0.20, peft 0.21; run by hand, for torch is large)

EXPORT: written by lrc_calibrate --rotation offline --activation-clip 14/15; TOKENS: [windows, length] .npy;
EVALUATION: what lrc_evaluate --json wrote about the same windows. Ends with 1 if a check fails.
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
from transformers import AutoModelForCausalLM

WINDOWS = 32
LINEAR_TOLERANCE = 1e-5
PERPLEXITY_TOLERANCE = 5e-3  # codes at a rounding tie flip, and the blocks after them multiply the flip


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


def quantized_tokens(x):
    """Q_a(x), x [tokens, in] of float32: scale = absmax / 7.5 per token, rounded half to even, codes in -8 .. 7."""
    scale = np.abs(x).max(axis=1, keepdims=True) / np.float32(7.5)
    return np.clip(np.rint(x / scale), -8, 7) * scale.astype(np.float64)


def expected_output(model, adapter, layer, x):
    """Q_a(x) W^T + (x A^T) B^T from the stored tensors alone."""
    prefix = f"base_model.model.{layer}"
    low_rank = (x.astype(np.float64) @ adapter[f"{prefix}.lora_A.weight"].T) @ adapter[f"{prefix}.lora_B.weight"].T
    return quantized_tokens(x) @ unpacked_weight(model, layer).T + low_rank


def worst_linear(peft_model, export):
    """Count of the corrected linears, and the largest ||stock - expected|| / ||expected|| of them on random inputs."""
    model = tensors(export / "model.safetensors")
    adapter = tensors(export / "adapter" / "adapter_model.safetensors")
    generator = np.random.default_rng(1)
    errors = {}
    for name, module in peft_model.base_model.model.named_modules():
        if not isinstance(module, LoraLinear):
            continue
        x = generator.standard_normal((17, module.in_features), dtype=np.float32)
        with torch.no_grad():
            stock = module(torch.from_numpy(x)[None])[0].double().numpy()  # 3-D: 2-D inputs get wrong token scales
        expected = expected_output(model, adapter, name, x)
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("export", "tokens", "evaluation"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    windows = torch.from_numpy(np.load(arguments.tokens)[:WINDOWS].astype(np.int64))
    of_lrc = json.loads(arguments.evaluation.read_text())
    assert of_lrc["tokens"] == windows.shape[0] * (windows.shape[1] - 1), "lrc_evaluate saw other windows"

    model = AutoModelForCausalLM.from_pretrained(arguments.export, dtype=torch.float32).eval()
    uncorrected = perplexity(model, windows)  # also decompresses the weights, without which PEFT cannot attach
    corrected_model = PeftModel.from_pretrained(model, arguments.export / "adapter").eval()
    corrected = perplexity(corrected_model, windows)
    count, error = worst_linear(corrected_model, arguments.export)

    difference = abs(corrected / of_lrc["perplexity"] - 1)
    print(f"perplexity: lrc {of_lrc['perplexity']:.4f}, stock {corrected:.4f} ({100 * difference:.2f} % apart), "
          f"without the adapter {uncorrected:.4f}")
    print(f"{count} linears: largest relative error {error:.1e}")
    assert difference < PERPLEXITY_TOLERANCE, f"perplexities differ by more than {PERPLEXITY_TOLERANCE}"
    assert uncorrected > 1.02 * corrected, "the adapter changes nothing"
    assert error < LINEAR_TOLERANCE, f"a linear differs by more than {LINEAR_TOLERANCE}"


if __name__ == "__main__":
    main()
