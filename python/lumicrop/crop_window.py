"""Where a crop lies about its detection, and which other detections lie in it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy


def crop_start(position_px: numpy.ndarray, size: int) -> numpy.ndarray:
    """First pixel of a crop of `size` pixels about a position.

    Parameters
    ----------
    position_px : numpy.ndarray
        Position [px] from the first pixel's centre.
    size : int
        Pixels of the crop along this axis.

    Returns
    -------
    numpy.ndarray
        ``floor(x + 1/2) - (size - 1) / 2`` for odd sizes, ``floor(x) - size / 2 + 1`` for even ones, int64.
    """
    if size % 2:
        return numpy.floor(position_px + 0.5).astype(numpy.int64) - (size - 1) // 2
    return numpy.floor(position_px).astype(numpy.int64) - size // 2 + 1


def neighbours_within(
    frame: numpy.ndarray, x_px: numpy.ndarray, y_px: numpy.ndarray, size: tuple[int, int]
) -> numpy.ndarray:
    """How many other detections of the same frame are closer than half a crop, along both axes.

    Parameters
    ----------
    frame : numpy.ndarray
        Frame of each detection, int64.
    x_px, y_px : numpy.ndarray
        Positions [px]; finite.
    size : tuple of int
        Rows and columns of a crop [px].

    Returns
    -------
    numpy.ndarray
        Counts, uint16; 65535 stands for that many and more.
    """
    half_y, half_x = size[0] / 2, size[1] / 2
    row, column = numpy.floor(y_px / half_y).astype(numpy.int64), numpy.floor(x_px / half_x).astype(numpy.int64)
    # Cells of half a crop, in frames, rows and columns with an empty one at each end: neighbours are in the same cell
    # or in one that touches it. Sorted by cell, those of a row of cells lie side by side.
    row, column = _from_one(row), _from_one(column)
    n_columns = int(column.max(initial=0)) + 2
    cell = (_from_one(frame) * (int(row.max(initial=0)) + 2) + row) * n_columns + column
    order = numpy.argsort(cell, kind="stable")
    cell, x, y = cell[order], x_px[order], y_px[order]
    own = numpy.arange(len(cell))
    counts = numpy.zeros(len(cell), numpy.int64)
    right = numpy.searchsorted(cell, cell + 1, "right")
    below = (
        numpy.searchsorted(cell, cell + n_columns - 1, "left"),
        numpy.searchsorted(cell, cell + n_columns + 1, "right"),
    )
    for first, last in ((own + 1, right), below):  # each pair once
        for one, other in _pairs(first, last):
            near = (numpy.abs(x[one] - x[other]) < half_x) & (numpy.abs(y[one] - y[other]) < half_y)
            for end in (one, other):
                counts += numpy.bincount(end[near], minlength=len(counts))
    neighbours = numpy.empty(len(counts), numpy.uint16)
    neighbours[order] = numpy.minimum(counts, 65535)
    return neighbours


#: Pairs that are looked at together.
_PAIRS_AT_ONCE = 1 << 20


def _from_one(numbers: numpy.ndarray) -> numpy.ndarray:
    return numbers - numbers.min(initial=0 if not len(numbers) else numbers[0]) + 1


def _pairs(first: numpy.ndarray, last: numpy.ndarray) -> Iterator[tuple[numpy.ndarray, numpy.ndarray]]:
    """Every pair of an index i and one of ``first[i]:last[i]``, as two arrays, not too many at a time."""
    numbers = numpy.maximum(last - first, 0)
    ends = numpy.cumsum(numbers)
    start = 0
    while start < len(ends):
        done = ends[start] - numbers[start]
        stop = max(start + 1, int(numpy.searchsorted(ends, done + _PAIRS_AT_ONCE, "right")))
        here = numbers[start:stop]
        one = numpy.repeat(numpy.arange(start, stop), here)
        step = numpy.arange(int(here.sum())) - numpy.repeat(ends[start:stop] - here - done, here)
        yield one, step + first[one]
        start = stop
