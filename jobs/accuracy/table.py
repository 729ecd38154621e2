#!/usr/bin/python3
"""Makes the tables and the plot of README.md from measured.csv: table.py

Needs Debian's python3-matplotlib for the plot, accuracy.svg.
"""
import csv
import dataclasses
import math
import pathlib
import statistics

HERE = pathlib.Path(__file__).parent
BEGIN, END = "<!-- tables: made by table.py -->\n", "<!-- end of tables -->\n"
# A line of the plot: its label, its colour, and the rows it goes through, from rank 0 on.
LINES = [
    ("RTN", "C7", ["rtn"]),
    ("SVD, from GPTQ on", "C3", ["gptq", "svd-10"]),
    ("LRC, the paper's, from GPTQ on", "C4", ["gptq", "lrc-10", "lrc-30"]),
    ("LRC, default, from GPTQ with its activations on", "C0", ["gptq-best", "best-cheap", "best", "best-30"]),
    ("LRC, default, but a token has one scale", "C1", ["best-token"]),
]


@dataclasses.dataclass
class Run:
    """One line of measured.csv: a row of the table on one model with one rotation seed."""

    seed: str
    bits: float  # a weight, all that is stored
    perplexity: float
    multiply_adds: float  # of the correction, as a part of the linears'
    activation_bits: float  # an activation, with its part of a scale
    seconds: float  # of calibration and solves


def read():
    """Of each model, of each row, its runs."""
    models = {}
    for line in csv.DictReader((HERE / "measured.csv").open()):
        run = Run(line["seed"], *(float(line[name]) for name in ("bits", "perplexity", "multiply_adds", "activation_bits", "seconds")))
        models.setdefault(line["model"], {}).setdefault(line["row"], []).append(run)
    return models


METHODS = ["rtn", "lrq", "flexround"]  # of the rows SCHEME-METHOD


def row_names():
    """Those of the first table, and the schemes of the second one."""
    lines = (HERE / "rows.txt").read_text().splitlines()
    rows = [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]
    schemes = [row.split("-")[0] for row in rows if row.endswith("-rtn")]
    return [row for row in rows if row.split("-")[0] not in schemes], schemes


def nats_lost(run, full):
    return math.log(run.perplexity / full)


def won_back(run, rows, full):
    """The share of what GPTQ loses with the same seed that this run doesn't lose; None where GPTQ was not run."""
    gptq = [g for g in rows.get("gptq", []) if g.seed == run.seed]
    return 100 * (1 - nats_lost(run, full) / nats_lost(gptq[0], full)) if gptq else None


def mean_and_spread(values, digits):
    if not values:
        return "–"
    text = f"{statistics.mean(values):.{digits}f}"
    return text if len(values) < 2 else f"{text} ± {(max(values) - min(values)) / 2:.{digits}f}"


def mean_of(name, runs):
    return statistics.mean(getattr(run, name) for run in runs)


def table(model, rows):
    full = rows["full"][0].perplexity
    yield f"### {model}\n"
    yield f"Full precision: {full:.4g}.\n"
    yield "| row | seeds | bits a weight | an activation | perplexity | nats lost | won back, % | multiply-adds | seconds |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for name in row_names()[0]:
        runs = rows.get(name, [])
        if not runs:
            continue
        won = [share for share in (won_back(run, rows, full) for run in runs) if share is not None]
        yield (f"| {name} | {len(runs)} | {mean_of('bits', runs):.2f} | {mean_of('activation_bits', runs):.2f} "
               f"| {mean_and_spread([run.perplexity for run in runs], 3)} "
               f"| {mean_and_spread([nats_lost(run, full) for run in runs], 4)} | {mean_and_spread(won, 1)} "
               f"| +{100 * mean_of('multiply_adds', runs):.1f} % | {min(run.seconds for run in runs):.0f} |")
    yield ""


def scheme_table(models):
    """Perplexities of the schemes, and how long learning took."""
    yield "### Schemes of arXiv 2407.11534\n"
    yield "| model | scheme | bits a weight | " + " | ".join(METHODS) + " | seconds of lrq |"
    yield "|---|---|---|" + "---|" * (len(METHODS) + 1)
    for model, rows in models.items():
        for scheme in row_names()[1]:
            runs = [rows.get(f"{scheme}-{method}", []) for method in METHODS]
            if not any(runs):
                continue
            bits = mean_of("bits", next(filter(None, runs)))
            seconds = f"{min(run.seconds for run in runs[1]):.0f}" if runs[1] else "–"
            perplexities = " | ".join(mean_and_spread([run.perplexity for run in of], 3) for of in runs)
            yield f"| {model} | {scheme} | {bits:.2f} | {perplexities} | {seconds} |"
    yield ""


def plot(models):
    import matplotlib
    matplotlib.use("svg")
    import matplotlib.pyplot as plt
    from matplotlib import ticker
    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "lrc"})  # text as text, and the same file each time
    figure, axes = plt.subplots(1, len(models), figsize=(4 * len(models), 4), squeeze=False)
    handles = {}
    for axis, (model, rows) in zip(axes[0], models.items()):
        full = rows["full"][0].perplexity
        for label, colour, names in LINES:
            points = [(mean_of("bits", rows[name]), statistics.mean(nats_lost(run, full) for run in rows[name]))
                      for name in names if name in rows]
            if points:
                handles[label], = axis.plot(*zip(*points), marker="o", color=colour)
        axis.set_title(model)
        axis.set_xlabel("bits a weight, all that is stored")
        axis.set_yscale("log")
        axis.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_locator(ticker.NullLocator())
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("nats a token lost against full precision")
    figure.legend(handles.values(), handles.keys(), loc="lower center", ncol=3, frameon=False)
    figure.tight_layout(rect=(0, 0.13, 1, 1))
    figure.savefig(HERE / "accuracy.svg", metadata={"Date": None})


def main():
    models = read()
    lines = [line for model, rows in models.items() for line in table(model, rows)] + list(scheme_table(models))
    tables = "\n".join(lines)
    readme = HERE / "README.md"
    before, rest = readme.read_text().split(BEGIN)
    readme.write_text(before + BEGIN + tables + END + rest.split(END)[1])
    print(tables)
    plot(models)


if __name__ == "__main__":
    main()
