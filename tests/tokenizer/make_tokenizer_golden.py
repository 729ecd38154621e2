#!/usr/bin/env python3
"""Write data/hard_cases.txt and data/tokenizer_golden.json: what the Python tokenizers make of the test texts.

Usage: make_tokenizer_golden.py SHARED_DATA_DIR SMOLLM2_DIR
Needs: pip install tokenizers==0.23.3 sentencepiece==0.2.3

SHARED_DATA_DIR holds tokenizers/ and wikitext2/; SMOLLM2_DIR is what fetch_smollm2.py wrote. Texts are read as bytes and
decoded with errors="replace". Per tokenizer and text: the number of ids, the FNV-1a-64 hash of the ids as little-endian
int32, the first 16 of them; of the hard cases, all.
"""
import json
import struct
import sys
from pathlib import Path

import sentencepiece
from tokenizers import Tokenizer

HERE = Path(__file__).resolve().parent
LLAMA3_PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
                  r"|\s*[\r\n]+|\s+(?!\S)|\s+")

HARD_CASES = [
    "Emoji 😀 👍🏽 ❤️ 🇩🇪🇯🇵 1️⃣; joined 👨‍👩‍👧‍👦 🏳️‍🌈 🧑🏿‍🚀; split by a joiner a\u200db\u200c c.",
    "漢字かな交じり文。カタカナ、ﾊﾝｶｸ。中文测试,没有空格。한국어 문장입니다. 𠀀𠮷 extension B.",
    "Combining: e\u0301 n\u0303 a\u0308\u0323 Z\u0351\u036b\u0343 क्षि \u0e19\u0e49\u0e33 \u05e9\u05c1\u05b8; alone \u0301 and at a start:",
    "\u0301x Ångström naïve Straße İstanbul ﬁne ſhort K ǅ Ωmega.",
    "Two  three   four    and" + " " * 37 + "many, at the end" + " " * 9,
    "\tone\t\ttwo \t mixed\t \n\n\nthree newlines\n \n spaced \n\t\n",
    "carriage\r\nreturn\r\n\r\nalone\rhere \r\n \r",
    "Control \x00 NUL\x00\x00 \x01\x02\x1b[0m \x7f \x0b\x0c \x1c\x1d\x1e\x1f and C1 \x80\x9f.",
    "Spaces \u00a0 \u00a0\u00a0x \u1680 \u2000\u2001 \u2003y \u2009 \u200a \u202f \u205f \u3000\u3000z \u200b zero \ufeff bom \u2060.",
    "Mongolian separator a\u180eb \u180e \u180e\u180e c; next line a\u0085b \u0085 \u0085\u0085 c; \u2028 line \u2029 paragraph.",
    "Special <s> </s> <unk> <s><s>x<pad> <|endoftext|>a<|endoftext|> <|begin_of_text|><|end_of_text|> <|im_start|>user",
    "<|user|> \n <|end|>  x<|assistant|>\t<|endoftext |> <s </s>\n\n <0x0A> <0xE2> ▁▁ ▁x \u0120 \u010a Ġthe.",
    "Digits 0 12 123 1234 12345678901234567890 3.14 1,000,000 1e-9 ٣٤٥٦ १२३४ 一二三 ４５６ Ⅷ ½ ² ③ 𝟙𝟚𝟛 ᠐᠑.",
    "It's we're they've I'm she'll he'd don't IT'S WE'RE THEY'VE 'twas ''s 'S'T 'ſ rock'n'roll it’s d'être x'sy.",
    "a" * 2000 + " " + "wordwithoutend" * 60 + "Ünïcödé" * 40 + "!" * 300 + "=-" * 150,
    "snake_case camelCase HTTPServer2 v1.2.3-rc+4 C++20 #include <a/b.h> {\"k\": [1,2]}\t// ... ?!?! -- — … « » “q” $9.99 €5 %",
    "العربية مع ١٢٣ أرقام עברית ελληνικά кириллица ქართული አማርኛ தமிழ் ไทย",
    "private \ue000\uf8ff \U000f0000 noncharacter \ufffe\uffff \U0010ffff replacement \ufffd",
]
INVALID_UTF8 = [
    b"lone \x80 \xbf \xff \xfe; cut \xc3 \xe2\x82 \xf0\x9f\x98 x\xf0\x9fx\xe2x; overlong \xc0\x80 \xe0\x80\x80 \xf0\x80\x80\x80",
    b"surrogates \xed\xa0\x80 \xed\xbf\xbf; above \xf4\x90\x80\x80 \xf5\x80\x80\x80 \xf8\x88\x80\x80\x80; twice \xe2\xe2\x82\xac",
    b"at the end \xf0\x9f\x98",
]


def hard_cases():
    return "\n".join(HARD_CASES).encode() + b"\n" + b"\n".join(INVALID_UTF8)


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def summary(ids, whole):
    packed = struct.pack(f"<{len(ids)}i", *ids)
    return {"count": len(ids), "fnv1a": fnv1a(packed), "first": ids[:16]} | ({"ids": ids} if whole else {})


def encoder(description):
    tokenizer = Tokenizer.from_str(json.dumps(description))
    tokenizer.no_truncation()
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids


def llama3_style(description):
    pattern = {"Regex": LLAMA3_PATTERN}
    description["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}]}
    description["model"]["ignore_merges"] = True
    return description


def qwen2_style(description, form):
    """How Qwen 2 and 3 cut a text (their own form is NFC)."""
    description = llama3_style(description)
    pattern = description["pre_tokenizer"]["pretokenizers"][0]["pattern"]
    pattern["Regex"] = pattern["Regex"].replace(r"\p{N}{1,3}", r"\p{N}")
    description["normalizer"] = {"type": form}
    description["model"]["ignore_merges"] = False
    return description


def main(shared, smollm2):
    demo = HERE.parent.parent / "models" / "demo-llama"
    folders = {name: shared / "tokenizers" / name for name in ("gpt2", "llama2", "phi3")}
    folders |= {"demo-llama": demo, "smollm2": smollm2}
    read = lambda folder: json.loads((folder / "tokenizer.json").read_text())
    encoders = {name: encoder(read(folder)) for name, folder in folders.items()}
    encoders["llama3-style"] = encoder(llama3_style(read(demo)))
    encoders["llama3-style-gpt2"] = encoder(llama3_style(read(folders["gpt2"])))  # long tokens: it matters where pieces end
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        encoders[f"qwen2-style-{form}"] = encoder(qwen2_style(read(demo), form))
    model = sentencepiece.SentencePieceProcessor(model_file=str(folders["llama2"] / "tokenizer.model"))
    encoders["llama2-sentencepiece"] = model.encode

    texts = {name: (shared / "wikitext2" / name).read_bytes() for name in ("wiki.test.raw", "wiki.valid.raw")}
    texts["hard_cases.txt"] = hard_cases()
    (HERE / "data" / "hard_cases.txt").write_bytes(texts["hard_cases.txt"])
    golden = {name: {text: summary(encode(data.decode("utf-8", "replace")), text == "hard_cases.txt")
                     for text, data in texts.items()} for name, encode in encoders.items()}
    lines = [f' "{name}": {{\n' + ",\n".join(f'  "{text}": {json.dumps(value)}' for text, value in of.items()) + "}"
             for name, of in golden.items()]
    (HERE / "data" / "tokenizer_golden.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
