"""Which of a table's detections are looked at to check where they stand."""

from __future__ import annotations

import numpy
from scipy.spatial import cKDTree

from ..movies.movie import Movie
from .light import inside

_ASSUMED_SIGMA_PX = 1.2
_MOST_DETECTIONS = 2000
#: Enough to judge by; up to four times as many frames are looked at where detections are fewer.
_ENOUGH_DETECTIONS = 400
_MOST_FRAMES = 64
_BYTES_READ = 256 << 20


def filter_width(sigma_px: numpy.ndarray | float | None) -> float:
    """Width of the filter [px]: the median of the table's, within reason."""
    widths = numpy.abs(numpy.atleast_1d(_ASSUMED_SIGMA_PX if sigma_px is None else sigma_px).astype(float))
    widths = widths[numpy.isfinite(widths) & (widths > 0)]
    return float(numpy.clip(numpy.median(widths), 0.7, 2.5)) if widths.size else _ASSUMED_SIGMA_PX


def sample_rows(
    movie: Movie, frame: numpy.ndarray, x: numpy.ndarray, y: numpy.ndarray, photons: numpy.ndarray | None
) -> numpy.ndarray:
    """Rows to look at, sorted by frame: the brightest of the brightest frames, spread over the movie."""
    n_frames, height, width = movie.shape
    usable = (inside(x, y, height, width) | inside(y, x, height, width)) & (frame >= -1) & (frame <= n_frames)
    rows = numpy.flatnonzero(usable)
    if not len(rows):
        return rows
    if photons is None:
        weight = numpy.ones(len(rows))
    else:
        weight = numpy.nan_to_num(numpy.asarray(photons, float)[rows], nan=0.0, posinf=0.0, neginf=0.0).clip(0.0)
    number = (frame[rows] + 1).astype(numpy.int64)
    brightness = numpy.bincount(number, weights=weight)
    occupied = numpy.flatnonzero(numpy.bincount(number))
    # Twenty frames of a wide camera tell enough; a sparse table of a small one needs more.
    affordable = _BYTES_READ // (3 * height * width * 8)
    wanted = _MOST_FRAMES * min(4, max(1, round(_ENOUGH_DETECTIONS / (_MOST_FRAMES * len(rows) / len(occupied)))))
    parts = numpy.array_split(occupied, min(len(occupied), max(16, min(wanted, affordable))))
    chosen = numpy.zeros(len(brightness), bool)
    chosen[[part[numpy.argmax(brightness[part])] for part in parts]] = True
    rows, weight, number = (values[chosen[number]] for values in (rows, weight, number))
    # Without photons any will do, but not the first ones: many tables are sorted by place.
    order = numpy.lexsort((numpy.random.default_rng(0).random(len(rows)), -weight, number))
    rank = numpy.arange(len(rows)) - numpy.searchsorted(number[order], number[order])
    return rows[order][rank < -(-_MOST_DETECTIONS // len(parts))]


def beginnings_and_ends(
    frame: numpy.ndarray, x: numpy.ndarray, y: numpy.ndarray, rows: numpy.ndarray, near: float, n_frames: int
) -> dict[int, numpy.ndarray]:
    """Which of `rows` have no detection beside them in the table's frame before (1) and in the frame behind (-1).

    Not those of the table's first and last frame: nobody knows what was before and after.
    """
    wanted = numpy.zeros(n_frames + 5, bool)  # of frames -2 to n_frames + 2
    for k in (-1, 1):
        wanted[frame[rows] + k + 2] = True
    known = numpy.isfinite(x) & numpy.isfinite(y) & (frame >= -1) & (frame <= n_frames)
    around = numpy.flatnonzero(known)
    first, last = frame[around].min(), frame[around].max()
    around = around[wanted[frame[around] + 2]]
    around = around[numpy.argsort(frame[around], kind="stable")]
    sorted_frames = frame[around]
    edges = {}
    for k, border in ((1, first), (-1, last)):
        alone = numpy.zeros(len(rows), bool)
        for t in numpy.unique(frame[rows]):
            if t == border:
                continue
            mine = frame[rows] == t
            start, stop = numpy.searchsorted(sorted_frames, (t - k, t - k + 1))
            alone[mine] = True
            if stop > start:
                there = numpy.stack([x[around[start:stop]], y[around[start:stop]]], axis=1)
                here = numpy.stack([x[rows[mine]], y[rows[mine]]], axis=1)
                alone[mine] = ~numpy.isfinite(cKDTree(there).query(here, distance_upper_bound=near)[0])
        edges[k] = alone
    return edges
