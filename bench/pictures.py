"""Draw what a run measured: docs/images/benchmark-sweep.svg and benchmark-limit.svg. Needs matplotlib.

    python pictures.py --json docs/benchmarks.json --out docs/images [--format png]
"""

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from bars import BARS, MODELS, SHARE, Run, share_name, spoken
from page import SWEEP

plt.rcParams.update({"font.size": 10, "svg.hashsalt": "lumicrop", "axes.spines.top": False, "axes.spines.right": False})
# Told apart by lightness and mark, too, for those who see or print no colours.
LINES = (("#0b3c6f", "o", "-"), ("#c1440e", "s", "-"), ("#4b9b5a", "^", "-"), ("#a3a3a3", "D", "-"), ("#c1440e", "s", ":"))
SHADES = {"7x7": "#b9cfe4", "11x11": "#5b8fc0", "15x15": "#123f6d"}
DTYPES = ("f32", "u16")
METHODS = {method: spoken(method).removeprefix("border-median ").replace(" ", "\n") for method in MODELS}
TICK = {"color": "black", "linewidth": 2.2, "solid_capstyle": "butt", "path_effects": [withStroke(linewidth=4, foreground="white")]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--format", default="svg")
    chosen = parser.parse_args()

    measured = json.loads(chosen.json.read_text())
    run = Run(measured["rows"], measured["machine"])
    for name, draw in (("benchmark-sweep", draw_sweep), ("benchmark-limit", draw_limit)):
        figure = draw(run)
        figure.savefig(chosen.out / f"{name}.{chosen.format}", dpi=110, metadata={"Date": None} if chosen.format == "svg" else None)
        plt.close(figure)


def draw_sweep(run: Run):
    """Crops per second over the crops of one call."""
    figure, axes = plt.subplots(figsize=(7.2, 4.2), layout="constrained")
    for (begin, label), (colour, mark, style) in zip(SWEEP.items(), LINES, strict=True):
        begin = begin.replace("threads:T", f"threads:{run.machine['threads']}") + "/crops:"
        points = sorted((int(name.removeprefix(begin)), row["crops/s"]) for name, row in run.rows.items() if name.startswith(begin))
        if points:
            axes.loglog(*zip(*points), color=colour, marker=mark, linestyle=style, markersize=4.5, label=label,
                        markerfacecolor="white" if style == ":" else colour)
    axes.set(xlabel="crops in one call", ylabel="crops per second")
    axes.grid(True, color="#dddddd", linewidth=0.6)
    axes.legend(title=f"11 x 11 pixels, f32, {run.machine['threads']} threads", loc="lower right", frameon=False)
    return figure


def draw_limit(run: Run):
    """Share of the read bandwidth by method, size and type, and what is to be reached."""
    figure, panels = plt.subplots(1, len(DTYPES), figsize=(7.2, 3.6), sharey=True, layout="constrained")
    to_reach = {bar.what: 100 * bar.bar for bar in BARS if bar.shown == SHARE}
    width = 0.8 / len(SHADES)
    for axes, dtype in zip(panels, DTYPES):
        for method_at, method in enumerate(METHODS):
            for size_at, (size, shade) in enumerate(SHADES.items()):
                at = method_at + (size_at - (len(SHADES) - 1) / 2) * width
                share = run.value(f"{method}/{size}/{dtype}/threads:T", "share")
                if share is not None:
                    axes.bar(at, 100 * share, width * 0.9, color=shade, edgecolor="#222222", linewidth=0.5)
                bar = to_reach.get(share_name(method, f"{size}/{dtype}"))
                if bar is not None:
                    axes.plot([at - width / 2, at + width / 2], [bar, bar], **TICK)
        axes.set_xticks(range(len(METHODS)), METHODS.values())
        axes.set(xlabel=f"{dtype} pixels, {run.machine['threads']} threads", ylim=(0, 100))
        axes.grid(True, axis="y", color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
    panels[0].set_ylabel("share of the read bandwidth [%]")
    keys = [Patch(facecolor=shade, edgecolor="#222222", linewidth=0.5, label=size.replace("x", " x "))
            for size, shade in SHADES.items()]
    panels[1].legend(handles=[*keys, plt.Line2D([], [], label="to be reached", **TICK)], frameon=False, loc="upper right")
    return figure


if __name__ == "__main__":
    main()
