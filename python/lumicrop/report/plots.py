"""The page's plots: photons, photons over frames, background over the field, and photons against the table's own."""

from __future__ import annotations

import math

import numpy
import pandas
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter

from .drawing import FAINT, INK, OURS, POINTS, TABLES, Drawing, draw
from .numbers import Comparison, amount, range_without_outliers, running_median, share, spread
from .run import Run

#: More points than these show nothing more, and would take their space.
_MOST_POINTS = 20_000
#: From this many on, a density says more than points.
_DENSITY_FROM = 3_000
_DENSITY_BINS = 120
_MAP_BINS = 64
#: A map's square holds about this many detections or more, so that its median means something.
_PER_SQUARE = 5
#: Ticks lie at such multiples of powers of ten.
_STEPS = (1, 2, 5, 10)
_NOTHING = "No detection could be counted."


def photons_histogram(run: Run, comparison: Comparison | None) -> Drawing:
    """Histogram of photons, with the table's own."""
    name, title = "photons", "How many photons"
    if not run.photons.size:
        return Drawing(name, title, _NOTHING)
    low, high = range_without_outliers(run.photons)
    bins = min(80, max(10, math.isqrt(run.photons.size)))
    ours, edges = numpy.histogram(run.photons, bins, (low, high))
    own = None if comparison is None else numpy.histogram(comparison.own, bins, (low, high))[0]
    five, median, ninety_five = spread(run.photons)
    outside = run.photons.size - int(ours.sum())
    negative = int((run.photons < 0).sum())

    def plot(_: Figure, axes: Axes) -> None:
        axes.stairs(ours, edges, fill=True, color=OURS, label="lumicrop")
        if own is not None:
            axes.stairs(own, edges, color=TABLES, linewidth=1.6, label="the table's own")
        axes.axvline(median, color=INK, linewidth=1.2, linestyle=(0, (5, 3)), label=f"median {amount(median)}")
        axes.set(xlim=(low, high), xlabel="photons", ylabel="detections", ylim=(0, None))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.yaxis.set_major_formatter(EngFormatter(sep=""))
        axes.yaxis.set_major_locator(MaxNLocator(8, steps=_STEPS, integer=True))
        axes.legend(loc="upper right")

    alt = (
        f"Histogram of photons of {run.photons.size:,} detections: median {amount(median)}, "
        f"5 % below {amount(five)}, 5 % above {amount(ninety_five)}."
    )
    caption = f"Median {amount(median)} photons; 5 to 95 %: {amount(five)} to {amount(ninety_five)}."
    if outside:
        caption += f" {outside:,} ({share(outside, run.photons.size)}) lie outside what is drawn."
    if negative:
        caption += f" {negative:,} are negative: noise about nothing, or a background that was set too high."
    return Drawing(name, title, caption, draw(name, alt, plot))


def photons_over_frames(run: Run) -> Drawing:
    """Photons over frames: bleaching, drift of focus, a lamp that warms up."""
    name, title = "over-frames", "Photons over frames"
    if not run.photons.size:
        return Drawing(name, title, _NOTHING)
    shown = slice(None, None, -(-run.photons.size // _MOST_POINTS))
    frame, photons = run.frame[shown], run.photons[shown]
    centres, medians = running_median(run.frame, run.photons)
    low, high = range_without_outliers(run.photons)

    def plot(_: Figure, axes: Axes) -> None:
        size, alpha = (9, 0.5) if photons.size < 2000 else (3, 0.3)
        axes.scatter(frame, photons, s=size, color=POINTS, alpha=alpha, linewidths=0, rasterized=True)
        style = {"marker": "o", "markersize": 5} if medians.size == 1 else {}
        axes.plot(centres, medians, color=INK, linewidth=1.8, label="running median", **style)
        axes.set(ylim=(low, high), xlabel="frame", ylabel="photons")
        axes.yaxis.set_major_formatter(EngFormatter(sep=""))
        axes.xaxis.set_major_locator(MaxNLocator(10, steps=_STEPS, integer=True))
        axes.legend(loc="lower right", bbox_to_anchor=(1, 0.98), borderpad=0)  # above the points

    first, last = int(run.frame.min()), int(run.frame.max())
    alt = f"Photons of each detection over frames {first:,} to {last:,}, with their running median."
    caption = (
        f"The median of {medians.size:,} groups of as many detections each: first {amount(medians[0])}, "
        f"last {amount(medians[-1])} photons."
    )
    if medians.size == 1:
        caption = f"Too few detections or frames for a trend; their median is {amount(medians[0])} photons."
    if photons.size < run.photons.size:
        caption += f" Points: {photons.size:,} of {run.photons.size:,} detections, evenly spaced; the median is of all."
    return Drawing(name, title, caption, draw(name, alt, plot))


def background_map(run: Run) -> Drawing:
    """Background over the field: uneven light, and what else lights up there."""
    name, title = "background", "Background over the field"
    _, height, width = run.movie.shape
    rows = numpy.flatnonzero(numpy.isfinite(run.result.background))
    y, x = run.result.detections.y_px[rows], run.result.detections.x_px[rows]
    with numpy.errstate(invalid="ignore"):
        inside = (x >= -0.5) & (x < width - 0.5) & (y >= -0.5) & (y < height - 0.5)
    rows, y, x = rows[inside], y[inside], x[inside]
    if not rows.size:
        return Drawing(name, title, "No detection within the field has a background.")
    square = math.ceil(max(1.0, max(height, width) / _MAP_BINS, math.sqrt(_PER_SQUARE * height * width / rows.size)))
    square = min(square, max(1, -(-max(height, width) // 4)))  # few detections make a coarse map, yet a map
    n_rows, n_columns = -(-height // square), -(-width // square)
    place = ((y + 0.5) // square).astype(numpy.int64) * n_columns + ((x + 0.5) // square).astype(numpy.int64)
    medians = pandas.Series(run.result.background[rows]).groupby(place).median()
    squares = numpy.full(n_rows * n_columns, numpy.nan)
    squares[medians.index.to_numpy()] = medians.to_numpy()
    low, high = numpy.percentile(medians, (1, 99))
    if not high > low:
        return Drawing(name, title, f"It is {amount(low)} photons per px all over the field: there is nothing to map.")

    def plot(figure: Figure, axes: Axes) -> None:
        extent = (-0.5, n_columns * square - 0.5, n_rows * square - 0.5, -0.5)
        values = squares.reshape(n_rows, n_columns)
        drawn = axes.imshow(values, extent=extent, vmin=low, vmax=high, cmap="viridis", interpolation="none")
        axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), xlabel="x [px]", ylabel="y [px]")
        axes.spines[["top", "right"]].set_visible(True)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(8, steps=_STEPS, integer=True))
        bar = figure.colorbar(drawn, ax=axes, label="background [photon/px]")
        bar.outline.set_visible(False)

    alt = f"Map of the median background over {width} x {height} px: {amount(low)} to {amount(high)} photons per px."
    caption = (
        f"Median background of the detections in each square of {square} x {square} px ({medians.size:,} of "
        f"{squares.size:,} squares have any; the others are blank). Colours span 1 to 99 % of the squares."
    )
    return Drawing(name, title, caption, draw(name, alt, plot, (6.4, 4.6)))


def against_the_tables_own(run: Run, comparison: Comparison | None) -> Drawing:
    """Photons against the table's own, on logarithmic axes."""
    name, title = "comparison", "Photons against the table's own"
    if comparison is None:
        why = "The table has no photons of its own" if run.table.photons is None else "No detection has both"
        return Drawing(name, title, f"{why}: nothing to compare with.")
    positive = comparison.ours > 0
    own, ours = comparison.own[positive], comparison.ours[positive]
    caption = _comparison_caption(run, comparison, int(positive.size - positive.sum()))
    if not own.size:
        return Drawing(name, title, caption)
    low, high = numpy.percentile(numpy.concatenate([own, ours]), (0.1, 99.9))
    middle, half = math.sqrt(low * high), max(2.5, 1.3 * math.sqrt(high / low))
    low, high = middle / half, middle * half

    def plot(figure: Figure, axes: Axes) -> None:
        axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high), aspect="equal")
        if own.size < _DENSITY_FROM:
            axes.scatter(own, ours, s=9, color=POINTS, alpha=0.5, linewidths=0, rasterized=True)
        else:
            edges = numpy.geomspace(low, high, _DENSITY_BINS + 1)
            density = _density(own, ours, low, high)
            # transparent to opaque: seen on a light page and on a dark one
            shades = ListedColormap([(*to_rgb(POINTS), alpha) for alpha in numpy.linspace(0.2, 1, 64)])
            drawn = axes.pcolormesh(
                edges,
                edges,
                numpy.ma.masked_equal(density, 0),
                norm=LogNorm(1, max(2, density.max())),
                cmap=shades,
                rasterized=True,
            )
            bar = figure.colorbar(drawn, ax=axes, label="detections per cell")
            bar.outline.set_visible(False)
        axes.axline((low, low), (high, high), color=INK, linewidth=1, label="1 : 1")
        if comparison.ratio > 0:
            axes.axline(
                (low, low * comparison.ratio),
                (high, high * comparison.ratio),
                color=TABLES,
                linewidth=1.4,
                linestyle=(0, (5, 3)),
                label=f"median ratio {comparison.ratio:.3f}",
            )
        axes.grid(color=FAINT, linewidth=0.4, alpha=0.4)
        axes.set(xlabel="the table's own photons", ylabel="photons")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 200 else (1,)))
            axis.set_major_formatter(EngFormatter(sep=""))
            axis.set_minor_formatter(NullFormatter())
        axes.legend(loc="upper left")

    alt = (
        f"Photons against the table's own on logarithmic axes, with a line 1 to 1: median ratio {comparison.ratio:.3f}."
    )
    return Drawing(name, title, caption, draw(name, alt, plot, (6.4, 4.6)))


def _density(own: numpy.ndarray, ours: numpy.ndarray, low: float, high: float) -> numpy.ndarray:
    """How many detections fall into each cell of a logarithmic grid; `ours` along the rows."""
    per_log = _DENSITY_BINS / math.log(high / low)
    column, row = (numpy.floor(per_log * numpy.log(values / low)) for values in (own, ours))
    inside = (column >= 0) & (column < _DENSITY_BINS) & (row >= 0) & (row < _DENSITY_BINS)
    cells = (row * _DENSITY_BINS + column)[inside].astype(numpy.int64)
    return numpy.bincount(cells, minlength=_DENSITY_BINS**2).reshape(_DENSITY_BINS, _DENSITY_BINS)


def _comparison_caption(run: Run, comparison: Comparison, n_not_positive: int) -> str:
    caption = (
        f"{comparison.own.size:,} detections. Median ratio (slope of a robust line through 0): {comparison.ratio:.4f}; "
        f"robust standard deviation of the ratio: {comparison.scatter:.3g}; rank correlation: "
        f"{'–' if math.isnan(comparison.rank_correlation) else f'{comparison.rank_correlation:.4f}'}."
    )
    qe, own_qe = run.settings.qe.value, run.table.qe
    if own_qe is not None and not math.isclose(qe, own_qe):
        caption += (
            f" The table's photons were divided by a quantum efficiency of {own_qe:g}, these by {qe:g}: "
            f"a ratio of {own_qe / qe:.4g} is to be expected."
        )
    if n_not_positive:
        caption += f" {n_not_positive:,} without positive photons are not drawn."
    return caption
