"""Small random models of every family, made and evaluated by transformers, against lrc.

    families.py BIN WORK

BIN: holds lrc_calibrate and lrc_evaluate; WORK: an empty directory. lrc_evaluate's perplexity is to agree to 1e-4, and
that of the model rotated and rounded to 8-bit weights by lrc_calibrate to 2 %. Rotated offline alone and rounded to 4
bits, transformers' from_pretrained refuses it or runs it to 1e-4. Ends with 1 if one does not.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
import transformers as tf

VOCABULARY, LENGTH, WINDOWS = 300, 96, 6
COMMON = dict(
    vocab_size=VOCABULARY,
    hidden_size=96,
    intermediate_size=160,
    num_hidden_layers=3,
    num_attention_heads=6,
    num_key_value_heads=2,
    max_position_embeddings=128,
    rms_norm_eps=1e-5,
    tie_word_embeddings=False,
    initializer_range=0.15,
)
LLAMA3_ROPE = dict(
    rope_type="llama3",
    rope_theta=10000.0,
    factor=4.0,
    low_freq_factor=1.0,
    high_freq_factor=4.0,
    original_max_position_embeddings=32,
)


def long_rope(original):
    pairs = 96 // 6 // 2
    return dict(
        rope_type="longrope",
        rope_theta=10000.0,
        short_factor=[1.0 + 0.1 * i for i in range(pairs)],
        long_factor=[1.5 + 0.7 * i for i in range(pairs)],
        original_max_position_embeddings=original,
    )


# name: (configuration class, model class, what differs from COMMON)
FAMILIES = {
    "llama2": (tf.LlamaConfig, tf.LlamaForCausalLM, dict(num_key_value_heads=6)),
    "llama3": (tf.LlamaConfig, tf.LlamaForCausalLM, dict(rope_parameters=dict(rope_type="default", rope_theta=5e5))),
    "llama3.1": (tf.LlamaConfig, tf.LlamaForCausalLM, dict(rope_parameters=LLAMA3_ROPE, tie_word_embeddings=True)),
    "llama-biased": (tf.LlamaConfig, tf.LlamaForCausalLM, dict(attention_bias=True, mlp_bias=True)),
    "mistral": (tf.MistralConfig, tf.MistralForCausalLM, dict(sliding_window=None)),
    "mistral-window": (tf.MistralConfig, tf.MistralForCausalLM, dict(sliding_window=17, head_dim=24)),
    "mixtral": (tf.MixtralConfig, tf.MixtralForCausalLM, dict(num_local_experts=6, num_experts_per_tok=2)),
    "mixtral-window": (
        tf.MixtralConfig,
        tf.MixtralForCausalLM,
        dict(num_local_experts=5, num_experts_per_tok=3, sliding_window=33),
    ),
    "phi3": (tf.Phi3Config, tf.Phi3ForCausalLM, dict(pad_token_id=0)),
    "phi3-window": (tf.Phi3Config, tf.Phi3ForCausalLM, dict(pad_token_id=0, sliding_window=20)),
    "phi3-longrope-short": (
        tf.Phi3Config,
        tf.Phi3ForCausalLM,
        dict(pad_token_id=0, rope_parameters=long_rope(100), original_max_position_embeddings=100),
    ),
    "phi3-longrope-long": (
        tf.Phi3Config,
        tf.Phi3ForCausalLM,
        dict(pad_token_id=0, rope_parameters=long_rope(32), original_max_position_embeddings=32),
    ),
    "qwen2": (tf.Qwen2Config, tf.Qwen2ForCausalLM, dict()),
    "qwen2-window": (
        tf.Qwen2Config,
        tf.Qwen2ForCausalLM,
        dict(use_sliding_window=True, sliding_window=25, max_window_layers=1),
    ),
    "qwen3": (tf.Qwen3Config, tf.Qwen3ForCausalLM, dict(head_dim=24)),
}


def make(directory, config_class, model_class, changes):
    torch.manual_seed(1)
    config = config_class(**{**COMMON, **changes, "attn_implementation": "eager"})
    model = model_class(config).float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(0, 0.3)
            elif "norm" in name:
                parameter.uniform_(0.5, 1.5)
            elif parameter.dim() == 3:  # fused experts, which transformers initializes by themselves
                parameter.normal_(0, 0.15)
    model.save_pretrained(directory)
    return model


def perplexity(model, tokens):
    with torch.no_grad():
        logits = model(tokens).logits.double()
    losses = torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, VOCABULARY), tokens[:, 1:].reshape(-1))
    return float(torch.exp(losses))


def fuse_experts(directory, fused):
    """The layout of transformers 5's own parameters: all experts of a block in two tensors."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(directory / "model.safetensors")
    if any("mlp.experts.gate_up_proj" in name for name in tensors):
        return False
    config = json.loads((directory / "config.json").read_text())
    for block in range(config["num_hidden_layers"]):
        old, new = f"model.layers.{block}.block_sparse_moe.", f"model.layers.{block}.mlp."
        take = lambda kind: torch.stack(
            [tensors.pop(f"{old}experts.{e}.{kind}.weight") for e in range(config["num_local_experts"])]
        )
        tensors[new + "experts.gate_up_proj"] = torch.cat([take("w1"), take("w3")], dim=1).contiguous()
        tensors[new + "experts.down_proj"] = take("w2")
        tensors[new + "gate.weight"] = tensors.pop(old + "gate.weight")
    fused.mkdir()
    save_file(tensors, fused / "model.safetensors", metadata={"format": "pt"})
    (fused / "config.json").write_text(json.dumps(config))
    return True


def run(program, *arguments):
    done = subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{program}: exit {done.returncode}\n{done.stderr}")


def evaluate(programs, directory, tokens):
    result = directory / "result.json"
    window = ["--sequence-length", LENGTH]
    run(programs / "lrc_evaluate", "--model", directory, "--tokens", tokens, *window, "--json", result)
    return json.loads(result.read_text())["perplexity"]


def rounded(programs, directory, tokens, name, *options):
    """Weights alone: rounded inputs would make ties, which fall either way."""
    output = directory / name
    method = ["--method", "rtn", "--activation-bits", 16, *options]
    sizes = ["--sequences", WINDOWS, "--sequence-length", LENGTH]
    run(programs / "lrc_calibrate", "--model", directory, "--calibration", tokens, *sizes, *method, "--output", output)
    return evaluate(programs, output, tokens)


def rotated(programs, directory, tokens):
    """Close to the original only where every rotation is undone, which 4 bits would hide."""
    return rounded(programs, directory, tokens, "rotated", "--weight-bits", 8)


def natural_call(directory, tokens):
    """None where transformers refuses it."""
    try:
        model = tf.AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager")
    except OSError:
        return None
    return perplexity(model.eval(), tokens)


def main():
    programs, work = Path(sys.argv[1]), Path(sys.argv[2])
    tf.logging.set_verbosity_error()
    tf.logging.disable_progress_bar()
    tokens = torch.randint(0, VOCABULARY, (WINDOWS, LENGTH), generator=torch.Generator().manual_seed(2))
    file = work / "tokens.npy"
    np.save(file, tokens.numpy().astype(np.int32))
    failed = []
    print(
        f"{'model':<22} {'transformers':>12} {'lrc':>12} {'difference':>11} {'rotated, 8 bits':>16} {'natural call':>13}"
    )
    for name, (config_class, model_class, changes) in FAMILIES.items():
        expected = perplexity(make(work / name, config_class, model_class, changes), tokens)
        names = [name]
        if "mixtral" in name and fuse_experts(work / name, work / f"{name}-fused"):
            names.append(f"{name}-fused")
        for each in names:
            difference = evaluate(programs, work / each, file) / expected - 1
            undone = rotated(programs, work / each, file) / expected - 1
            offline = rounded(programs, work / each, file, "offline", "--rotation", "offline")
            stock = natural_call(work / each / "offline", tokens)
            call = "refused" if stock is None else f"{stock / offline - 1:.1e}"
            found = expected * (1 + difference)
            print(f"{each:<22} {expected:12.4f} {found:12.4f} {difference:11.1e} {undone:16.1e} {call:>13}")
            if abs(difference) > 1e-4 or abs(undone) > 2e-2 or (stock and abs(stock / offline - 1) > 1e-4):
                failed.append(each)
    if failed:
        sys.exit("too far from transformers: " + ", ".join(failed))


if __name__ == "__main__":
    main()
