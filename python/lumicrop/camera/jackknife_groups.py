"""Parts of a movie and tiles of its field whose sums are kept apart: an estimate without each of them tells its error."""

from __future__ import annotations

import math

import numpy

from .high_frequencies import ORDER, correlation

#: About so many groups in all, so many parts at most, so many tiles along each axis at most. Parts share one frame with their
#: neighbours, tiles a seam of `ORDER` pixels: parts are the better.
_GROUPS, _PARTS, _TILES = 32, 8, 6


def groups_of(shape: tuple[int, int, int]) -> numpy.ndarray:
    """Group of every place: its tile of the field, in its part of the movie."""
    parts, tiles = _divisions(shape)
    part, row, column = (numpy.arange(n) * k // n for n, k in zip(shape, (parts, tiles, tiles)))
    return (part[:, None, None] * tiles + row[:, None]) * tiles + column


def seams_of(shape: tuple[int, int, int]) -> float:
    """How much more the sum over all groups varies than independent groups would, for white noise."""
    places = [correlation(lag) for lag in range(ORDER + 1)]
    frames = [1.0, 0.5]  # differences of neighbouring frames have a frame in common
    parts, tiles = _divisions(shape)
    more = 1.0
    for n, groups, correlations in zip(shape, (parts, tiles, tiles), (frames, places, places)):
        # Squares of normal noise have its correlation squared, to both sides.
        squares = [(lag, 2 * each**2) for lag, each in enumerate(correlations) if lag]
        one, all_of_them = (
            length + sum((length - lag) * square for lag, square in squares if lag < length)
            for length in (n / groups, n)
        )
        more *= all_of_them / (groups * one)
    return more


def _divisions(shape: tuple[int, int, int]) -> tuple[int, int]:
    """Parts of the movie, and tiles of the field along each axis."""
    parts = min(_PARTS, shape[0])
    return parts, min(_TILES, math.ceil(math.sqrt(_GROUPS / parts)), *shape[1:])
