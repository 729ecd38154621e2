#!/usr/bin/env python3
"""Appends a run to measured.csv: record.py MODEL ROW SEED COMMIT EVALUATION.json [REPORT.json]

EVALUATION is what lrc_evaluate wrote, REPORT the lrc_report.json of the model that was evaluated (none: full precision).
"""
import csv
import json
import pathlib
import sys

MEASURED = pathlib.Path(__file__).parent / "measured.csv"
COLUMNS = ["model", "row", "seed", "bits", "perplexity", "multiply_adds", "activation_bits", "seconds", "commit"]


def extra_multiply_adds(report, experts_in_use):
    """Multiply-adds of the correction, as a part of those of the linears, per token."""
    residual = report["options"]["residual-activations"] == "on"
    linears = extra = 0.0
    stacks = set()
    for linear in report["linears"]:
        rows, cols = linear["shape"]
        share = experts_in_use if ".experts." in linear["name"] else 1.0
        linears += share * rows * cols
        extra += share * linear["rank"] * rows
        stack = linear.get("stack", linear["name"])
        if stack not in stacks:  # V'x once a stack, and E(E'x) with residual activations
            extra += share * linear["rank"] * cols * (2 if residual else 1)
        stacks.add(stack)
    return extra / linears


def activation_bits(report):
    """Bits of an activation with its part of the scale, which has sixteen, as a mean over the linears' inputs."""
    bits, group = (int(report["options"][f"activation-{name}"]) for name in ("bits", "group-size"))
    inputs = [linear["shape"][1] for linear in report["linears"]]
    scales = sum(-(-channels // group) if group else 1 for channels in inputs)
    return bits + 16 * scales / sum(inputs)


def experts_in_use(model):
    config = json.loads((model / "config.json").read_text())
    return config.get("num_experts_per_tok", 1) / config.get("num_local_experts", 1)


def main():
    model, row, seed, commit, evaluation, *reports = sys.argv[1:]
    result = json.loads(pathlib.Path(evaluation).read_text())
    multiply_adds, activation, seconds = 0.0, 16.0, 0.0
    if reports:
        report = json.loads(pathlib.Path(reports[0]).read_text())
        multiply_adds = extra_multiply_adds(report, experts_in_use(pathlib.Path(model)))
        activation = activation_bits(report)
        seconds = sum(p["seconds"] for p in report["phases"] if p["name"] in ("calibrate", "solve", "learn"))
    new = not MEASURED.exists()
    with MEASURED.open("a") as file:
        out = csv.writer(file, lineterminator="\n")
        if new:
            out.writerow(COLUMNS)
        out.writerow([pathlib.Path(model).name, row, seed, f"{result['bits_per_weight']:.4f}",
                      f"{result['perplexity']:.5f}", f"{multiply_adds:.4f}", f"{activation:.3f}",
                      f"{seconds:.0f}", commit])


if __name__ == "__main__":
    main()
