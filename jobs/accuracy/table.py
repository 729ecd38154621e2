#!/usr/bin/python3
"""Makes the tables and the plot of jobs/accuracy from what run.sh has measured: table.py [RESULTS=build/accuracy].

Tables go to RESULTS/tables.md, the plot (needs Debian's python3-matplotlib) to jobs/accuracy/accuracy.svg.
"""
import json
import math
import pathlib
import statistics
import sys

HERE = pathlib.Path(__file__).parent
# A line of the plot: its label, and the rows it goes through.
LINES = {
    "RTN": ["rtn"],
    "GPTQ": ["gptq"],
    "GPTQ, centred, clip auto": ["gptq-centred-clip"],
    "SVD": ["svd-10"],
    "LRC, the paper's": ["lrc-10", "lrc-30"],
    "LRC, best": ["best", "best-30"],
}


def row_names():
    lines = (HERE / "rows.txt").read_text().splitlines()
    return [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]


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


def experts_in_use(model):
    config = json.loads((model / "config.json").read_text())
    return config.get("num_experts_per_tok", 1) / config.get("num_local_experts", 1)


def mean_and_spread(values, digits):
    text = f"{statistics.mean(values):.{digits}f}"
    return text if len(values) < 2 else f"{text} ± {(max(values) - min(values)) / 2:.{digits}f}"


class Model:
    def __init__(self, directory):
        self.directory = directory
        self.name = directory.name
        self.full = self.result("full")["perplexity"]
        self.gptq = {seed: self.nats(r) for seed, r in self.results("gptq").items()}

    def result(self, name):
        return json.loads((self.directory / f"{name}.json").read_text())

    def results(self, row):
        """Of each seed."""
        files = sorted(self.directory.glob(f"{row}.[0-9]*.json"))
        return {f.name.split(".")[-2]: json.loads(f.read_text()) for f in files if not f.name.endswith(".report.json")}

    def report(self, row, seed):
        return self.result(f"{row}.{seed}.report")

    def nats(self, result):
        return math.log(result["perplexity"] / self.full)

    def won_back(self, seed, result):
        return 100 * (1 - self.nats(result) / self.gptq[seed])

    def table(self, share):
        yield f"### {self.name}\n"
        yield f"Full precision: {self.full:.4g}.\n"
        yield "| row | bits a weight | perplexity | nats lost | won back, % | multiply-adds | seconds |"
        yield "|---|---|---|---|---|---|---|"
        for row in row_names():
            results = self.results(row)
            if not results:
                continue
            report = self.report(row, next(iter(results)))
            won = [self.won_back(seed, r) for seed, r in results.items() if seed in self.gptq]
            seconds = sum(p["seconds"] for p in report["phases"] if p["name"] in ("calibrate", "solve"))
            yield (f"| {row} | {next(iter(results.values()))['bits_per_weight']:.2f} "
                   f"| {mean_and_spread([r['perplexity'] for r in results.values()], 3)} "
                   f"| {mean_and_spread([self.nats(r) for r in results.values()], 4)} "
                   f"| {mean_and_spread(won, 1)} | +{100 * extra_multiply_adds(report, share):.1f} % | {seconds:.0f} |")
        yield ""


def plot(models):
    import matplotlib
    matplotlib.use("svg")
    import matplotlib.pyplot as plt
    figure, axes = plt.subplots(1, len(models), figsize=(4 * len(models), 3.6), squeeze=False)
    for axis, model in zip(axes[0], models):
        for label, rows in LINES.items():
            points = [(statistics.mean(r["bits_per_weight"] for r in model.results(row).values()),
                       statistics.mean(model.nats(r) for r in model.results(row).values()))
                      for row in rows if model.results(row)]
            if points:
                axis.plot(*zip(*points), marker="o", label=label)
        axis.set_title(model.name)
        axis.set_xlabel("bits a weight, all that is stored")
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("nats a token lost against full precision")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncol=len(labels), frameon=False)
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    figure.savefig(HERE / "accuracy.svg")


def main():
    results = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/accuracy")
    models = [Model(d) for d in sorted(results.iterdir()) if (d / "full.json").exists() and list(d.glob("gptq.[0-9].json"))]
    lines = []
    for model in models:
        any_report = json.loads(next(model.directory.glob("*.report.json")).read_text())
        lines += model.table(experts_in_use(pathlib.Path(any_report["options"]["model"])))
    (results / "tables.md").write_text("\n".join(lines))
    print("\n".join(lines))
    plot(models)


if __name__ == "__main__":
    main()
