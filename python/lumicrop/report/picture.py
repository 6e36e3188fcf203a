"""A picture of a run, to judge it by at a glance."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import matplotlib

matplotlib.use("Agg", force=False)

import numpy
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from ..movie_integration import MovieResult
from ..movies import Movie
from ..settings import Settings
from ..tables import Table
from .numbers import range_without_outliers, running_median

_OURS, _TABLES, _MARK = "#1f5fa8", "#d9822b", "#ff5a36"
_CROPS = 12
_POINTS = 20_000


def draw_report(movie: Movie, table: Table, settings: Settings, result: MovieResult, path: Path) -> None:
    """Write a PNG: histogram of photons, photons over frames, and some crops with their positions marked.

    Parameters
    ----------
    movie, table, settings
        What was integrated, and how.
    result : MovieResult
        What came of it.
    path : pathlib.Path
        The PNG file to write.
    """
    figure = Figure(figsize=(12, 7.6), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    above, below = figure.subfigures(2, 1, height_ratios=(1.0, 1.05))
    method = settings.method.value + (f", {settings.model.value}" if settings.model.value else "")
    height, width = settings.size.value
    above.suptitle(
        f"{_drawable(table.path.name)} in {_drawable(movie.path.name)}   ({method}, {height} x {width} px)",
        fontsize=12,
        fontweight="bold",
        parse_math=False,  # a dollar in a file's name is one
    )
    left, right = above.subplots(1, 2)
    finite = numpy.isfinite(result.photons)
    _histogram(left, result.photons[finite], table.photons)
    frame = result.detections.frame
    _over_frames(right, frame[finite] + settings.first_frame.value, result.photons[finite])
    _crops(below, movie, settings, result)
    picture = io.BytesIO()  # what writes the PNG would not say that a disk is full
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about letters of a file's name that the font does not have
        figure.savefig(picture, format="png")
    Path(path).write_bytes(picture.getbuffer())


def _drawable(name: str) -> str:
    """A file's name in one line; bytes that are no text are shown by their numbers."""
    text = name.encode("utf-8", errors="backslashreplace").decode()
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def _histogram(axes: Axes, photons: numpy.ndarray, own: numpy.ndarray | None) -> None:
    axes.set(title="Photons", xlabel="photons", ylabel="detections")
    if not photons.size:
        _say_nothing(axes)
        return
    low, high = range_without_outliers(photons)
    bins = numpy.linspace(low, high, 61)
    axes.hist(photons, bins, color=_OURS, alpha=0.85, label="lumicrop")
    if own is not None:
        axes.hist(
            own[numpy.isfinite(own)], bins, histtype="step", color=_TABLES, linewidth=1.6, label="the table's own"
        )
    median = float(numpy.median(photons))
    axes.axvline(median, color="black", linewidth=1, linestyle="--", label=f"median {median:,.0f}")
    axes.set_xlim(low, high)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    _plain(axes)


def _over_frames(axes: Axes, frame: numpy.ndarray, photons: numpy.ndarray) -> None:
    axes.set(title="Photons over frames", xlabel="frame", ylabel="photons")
    if not photons.size:
        _say_nothing(axes)
        return
    step = -(-photons.size // _POINTS)  # a picture of some of millions shows the same
    size = 9 if photons.size < 2000 else 3
    axes.scatter(frame[::step], photons[::step], s=size, color=_OURS, alpha=0.35, linewidths=0)
    centres, medians = running_median(frame, photons)
    axes.plot(centres, medians, color="black", linewidth=1.5, label="running median")
    axes.set_ylim(*range_without_outliers(photons))
    axes.yaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="upper right", edgecolor="none")
    _plain(axes)


def _crops(figure: Figure, movie: Movie, settings: Settings, result: MovieResult) -> None:
    """Crops from the dimmest to the brightest detection, evenly spaced in rank."""
    figure.suptitle(
        "From the dimmest to the brightest detection, each on its own scale; + marks the table's position", fontsize=10
    )
    grid = figure.subplots(2, _CROPS // 2, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    rows = numpy.flatnonzero(_is_inside(movie, settings, result))
    rows = rows[numpy.argsort(result.photons[rows], kind="stable")]
    if not rows.size:
        return
    detections = result.detections
    ranks = numpy.unique(numpy.linspace(0, rows.size - 1, min(_CROPS, rows.size)).round().astype(int))
    height, width = settings.size.value
    for axes, row in zip(grid, rows[ranks]):
        number = int(detections.frame[row])
        frame = movie.read(number, number + 1)[0]
        left, top = result.X0[row], result.Y0[row]
        axes.imshow(frame[top : top + height, left : left + width], cmap="gray", interpolation="nearest")
        x, y = detections.x_px[row] - left, detections.y_px[row] - top
        axes.plot(x, y, "+", color=_MARK, markersize=12, markeredgewidth=1.6)
        axes.set_title(f"{result.photons[row]:,.0f} photons\nframe {number + settings.first_frame.value}", fontsize=9)


def _is_inside(movie: Movie, settings: Settings, result: MovieResult) -> numpy.ndarray:
    height, width = settings.size.value
    inside = (
        (result.X0 >= 0)
        & (result.Y0 >= 0)
        & (result.X0 + width <= movie.shape[2])
        & (result.Y0 + height <= movie.shape[1])
    )
    return inside & result.integrated & numpy.isfinite(result.photons)


def _say_nothing(axes: Axes) -> None:
    axes.text(0.5, 0.5, "no detection could be counted", ha="center", va="center", transform=axes.transAxes)


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
