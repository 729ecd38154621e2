"""What lrc wrote, as a user of transformers meets it: from_pretrained on the directory, and the Python of its README.md.

    natural_call.py TOKENS OUTPUT...

OUTPUT: written by lrc_calibrate; OUTPUT.json: what lrc_evaluate --json wrote about the windows of TOKENS, a [windows,
length] .npy. from_pretrained(OUTPUT) either runs the very model that lrc evaluates or raises an error; README.md has
Python if and only if something but lrc runs it, which then does so. Ends with 1 where that is not so.
"""

import json
import re
import sys
from pathlib import Path

import numpy as np
import torch
import transformers as tf
from stock_loaders import WINDOWS, perplexity

TOLERANCE = 2e-2  # README.md loads bfloat16; of W4A4 alone half of that (stock_loaders.py)


def natural(directory):
    """The model, or None where transformers refuses it."""
    try:
        return tf.AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
    except Exception as error:
        print(f"{directory}: refused: {error}")
        return None


def by_readme(directory):
    """What the Python of README.md makes, or None where it has none."""
    code = re.search(r"```python\n(.*?)```", (directory / "README.md").read_text(), re.DOTALL)
    if not code:
        return None
    assert 'directory = "."' in code[1]
    names = {}
    exec(code[1].replace('directory = "."', f"directory = {str(directory)!r}"), names)
    assert len(names["tokenizer"]) > 0
    return names["model"].eval()


def check(directory, windows):
    expected = json.loads(Path(f"{directory}.json").read_text())
    assert expected["tokens"] == windows.shape[0] * (windows.shape[1] - 1), "lrc_evaluate saw other windows"
    tf.AutoConfig.from_pretrained(directory)
    tf.AutoTokenizer.from_pretrained(directory)
    models = {"from_pretrained": natural(directory), "README.md": by_readme(directory)}
    assert models["README.md"] or not models["from_pretrained"], f"{directory}: README.md does not say that it runs"
    for how, model in models.items():
        if model is None:
            continue
        value = perplexity(model, windows)
        print(f"{directory}, {how}: perplexity {value:.3f}, of lrc {expected['perplexity']:.3f}")
        assert abs(value / expected["perplexity"] - 1) < TOLERANCE, f"{directory}: this is another model"
    return {how for how, model in models.items() if model}


def main():
    tf.logging.set_verbosity_error()
    tf.logging.disable_progress_bar()
    windows = torch.from_numpy(np.load(sys.argv[1])[:WINDOWS].astype(np.int64))
    for directory in sys.argv[2:]:
        print(f"{directory}: runs by {sorted(check(Path(directory), windows)) or 'lrc alone'}")


if __name__ == "__main__":
    main()
