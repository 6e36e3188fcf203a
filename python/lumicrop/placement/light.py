"""The light about detections: how well a spot fits, at shifts on a grid, in neighbouring frames, x and y exchanged.

Every detection's surroundings are filtered with a Gaussian of the PSF's width less a wider one. The mean over
detections has its peak at the true shift, also where molecules stand close: the pattern's autocorrelation is symmetric.
Each response is divided by the contrast of its own surroundings (a correlation coefficient, at most 1), so that neither
a bright bead nor a hot pixel outvotes the rest. Errors are those of a mean over places, not over detections: a bead
that is seen in 1000 frames is one witness.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy
from scipy.stats import t as student

from ..movies.movie import Movie

#: Frames before and behind a detection's own that are looked at.
FRAME_SHIFTS = (-1, 0, 1)
#: One-sided probability of chance, for a claim. Some hundred shifts, frames and orientations are looked at in a run.
CHANCE = 1e-6

_STEP_PX = 0.5
#: Shifts that are tried, along x and along y [px].
_SHIFTS = _STEP_PX * numpy.arange(-6, 7)
#: Width of the filter's negative part over that of the spot.
_WIDE = 1.8
#: Detections that are filtered together, to fit a processor's cache.
_AT_ONCE = 128
_RESAMPLINGS = 64
#: Fewer places are never evidence.
_FEWEST_PLACES = 5
#: Spread of correlations from place to place that is expected, and how many places' worth of trust is put in that.
_PRIOR_SPREAD, _PRIOR_PLACES = 0.15, 6


def inside(x: numpy.ndarray, y: numpy.ndarray, height: int, width: int) -> numpy.ndarray:
    """Whether positions lie so far inside the frame that a spot is seen on all sides; false for NaN."""
    margin = min(2.0, (min(height, width) - 1) / 4)
    return (x >= margin) & (x <= width - 1 - margin) & (y >= margin) & (y <= height - 1 - margin)


class Light:
    """Filter responses about detections, measured when they are asked for.

    Parameters
    ----------
    movie : Movie
        Read three frames at a time.
    frame, x, y : numpy.ndarray
        Detections, sorted by frame; frames -1 and one behind the last are allowed.
    sigma : float
        Width of the filter [px].

    Attributes
    ----------
    exists : numpy.ndarray
        ``(3, n)``: whether the movie has the frame before, the detection's own, and the one behind.
    place : numpy.ndarray
        Number of the place that each detection stands at, below `n_places`.
    trust : float
        How a place's weight grows with the number of its detections: as this power.
    """

    def __init__(self, movie: Movie, frame: numpy.ndarray, x: numpy.ndarray, y: numpy.ndarray, sigma: float) -> None:
        self.movie, self.frame, self.x, self.y, self.sigma = movie, frame, x, y, sigma
        self.n, self.n_frames, self.trust = len(frame), len(numpy.unique(frame)), 0.5
        self.exists = numpy.array([(frame + k >= 0) & (frame + k < movie.shape[0]) for k in FRAME_SHIFTS])
        places = numpy.floor(numpy.stack([x, y]) / max(2.0, 2 * sigma))
        _, place = numpy.unique(places, axis=1, return_inverse=True)
        self.place = place.reshape(-1)
        self.n_places = int(self.place.max()) + 1
        self._maps: dict[bool, numpy.ndarray] = {}

    def maps(self, swapped: bool) -> numpy.ndarray:
        """Responses as the table says, or with x and y exchanged.

        Returns
        -------
        numpy.ndarray
            ``(3, n, len(_SHIFTS), len(_SHIFTS))``: frame before, own and behind; detection; shift along y; shift along
            x. 0 for positions outside the frame.
        """
        if swapped not in self._maps:
            self._maps[swapped] = self._measured(*((self.y, self.x) if swapped else (self.x, self.y)))
        return self._maps[swapped]

    def _measured(self, x: numpy.ndarray, y: numpy.ndarray) -> numpy.ndarray:
        maps = numpy.zeros((3, self.n, len(_SHIFTS), len(_SHIFTS)), numpy.float32)
        rows, patches = numpy.flatnonzero(inside(x, y, *self.movie.shape[1:])), self._patches(x, y)
        for start in range(0, len(rows), _AT_ONCE):
            part = rows[start : start + _AT_ONCE]
            patch = numpy.stack(list(islice(patches, len(part))), axis=1)
            maps[:, part] = _responses(patch, x[part], y[part], self.sigma)
        return maps

    def _patches(self, x: numpy.ndarray, y: numpy.ndarray) -> Iterator[numpy.ndarray]:
        """What is about each position that lies inside: ``(3, side, side)``, 0 for frames that the movie has not."""
        reach = int(numpy.ceil(_SHIFTS[-1] + 0.5 + 2.5 * _WIDE * self.sigma))
        usable = inside(x, y, *self.movie.shape[1:])
        for t in numpy.unique(self.frame[usable]):
            rows = numpy.flatnonzero(usable & (self.frame == t))
            first, last = max(0, int(t) - 1), min(self.movie.shape[0], int(t) + 2)
            stack = self.movie.read(first, last)
            for start in range(0, len(rows), _AT_ONCE):
                part = rows[start : start + _AT_ONCE]
                patch = numpy.zeros((len(part), 3, 2 * reach + 1, 2 * reach + 1), numpy.float32)
                patch[:, first - int(t) + 1 : last - int(t) + 1] = _cut(stack, x[part], y[part], reach).swapaxes(0, 1)
                yield from patch

    def at(self, swapped: bool, k: int, node: tuple[int, int]) -> numpy.ndarray:
        """Responses of all detections at one shift; 0 where there is no such frame."""
        return self.maps(swapped)[k + 1, :, node[0], node[1]].astype(float)

    def weighed(self, among: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Place of each detection of some, counted anew, and its weight: a place seen n times weighs n**trust."""
        _, place, counts = numpy.unique(self.place[among], return_inverse=True, return_counts=True)
        return place.reshape(-1), (counts ** (self.trust - 1.0))[place.reshape(-1)]

    def mean(self, values: numpy.ndarray, among: numpy.ndarray, chance: float = CHANCE) -> Mean:
        """A mean over some of the detections, with the error that as many places leave."""
        if not among.any():
            return Mean(0.0, numpy.inf, 0.0)
        place, weight = self.weighed(among)
        sums, weights = numpy.bincount(place, weight * values[among]), numpy.bincount(place, weight)
        mean, n = sums.sum() / weights.sum(), weights.sum() ** 2 / (weights**2).sum()
        if n < _FEWEST_PLACES:
            return Mean(float(mean), numpy.inf, 0.0)
        # That few places agree may be chance: their spread is joined by that of some more places.
        spread = ((sums - weights * mean) ** 2).sum() + _PRIOR_PLACES * _PRIOR_SPREAD**2 * (weights**2).sum() / n
        freedom = n - 1 + _PRIOR_PLACES
        error = numpy.sqrt(n * spread / freedom) / weights.sum()
        return Mean(float(mean), float(error), float(mean / error / student.isf(chance, freedom)))

    def peak(self, swapped: bool, k: int) -> Peak | None:
        """The brightest shift for a frame and an orientation; None where it is at the border of what was tried."""
        among = self.exists[k + 1]
        if not among.any():
            return None
        mean = numpy.tensordot(self.weighed(among)[1], self.maps(swapped)[k + 1, among], 1)
        node = numpy.unravel_index(numpy.argmax(mean), mean.shape)
        if not all(0 < index < len(_SHIFTS) - 1 for index in node):
            return None
        return Peak(swapped, k, (int(node[0]), int(node[1])), *self.mean(self.at(swapped, k, node), among))

    def shift(self, peak: Peak) -> tuple[tuple[float, float], tuple[float, float]]:
        """The shift (x, y) at a peak and its error, by drawing places again and again."""
        among = self.exists[peak.k + 1]
        place, weight = self.weighed(among)
        maps = self.maps(peak.swapped)[peak.k + 1, among]
        sums = numpy.zeros((place.max() + 1, *maps.shape[1:]))
        numpy.add.at(sums, place, weight[:, None, None] * maps)
        drawn = numpy.random.default_rng(0).multinomial(len(sums), [1 / len(sums)] * len(sums), _RESAMPLINGS)
        spread = numpy.std([_summit(mean) for mean in numpy.tensordot(drawn, sums, 1)], axis=0)
        shift = _summit(sums.sum(axis=0), peak.node)
        return (float(shift[0]), float(shift[1])), (float(spread[0]), float(spread[1]))


class Mean(NamedTuple):
    """A mean over detections."""

    value: float
    error: float
    #: Value over error, over Student's t of the chance that is allowed: above 1 it is more than chance.
    significance: float


class Peak(NamedTuple):
    """The brightest shift in one frame and one orientation."""

    swapped: bool
    k: int
    node: tuple[int, int]
    height: float
    error: float
    significance: float


def _cut(stack: numpy.ndarray, x: numpy.ndarray, y: numpy.ndarray, reach: int) -> numpy.ndarray:
    """Squares of images about the pixels of positions; what is not seen, or no number, is as bright as the mean."""
    pixels = numpy.arange(-reach, reach + 1)
    rows, columns = (numpy.floor(centre + 0.5).astype(int)[:, None] + pixels for centre in (y, x))
    height, width = stack.shape[1:]
    patch = stack[:, rows.clip(0, height - 1)[:, :, None], columns.clip(0, width - 1)[:, None, :]]
    with numpy.errstate(over="ignore"):
        patch = patch.astype(numpy.float32, order="C")
    beyond = ((rows < 0) | (rows >= height))[:, :, None] | ((columns < 0) | (columns >= width))[:, None, :]
    unseen = ~numpy.isfinite(patch) | beyond
    if unseen.any():
        patch[unseen] = 0.0
        flat, seen = patch.reshape(*patch.shape[:2], -1), ~unseen.reshape(*patch.shape[:2], -1)
        mean = flat.sum(axis=2, dtype=float) / seen.sum(axis=2).clip(1)
        patch += unseen * mean[:, :, None, None].astype(numpy.float32)
    return patch


def _responses(patch: numpy.ndarray, x: numpy.ndarray, y: numpy.ndarray, sigma: float) -> numpy.ndarray:
    """Correlations of patches with spots.

    Parameters
    ----------
    patch : numpy.ndarray
        ``(3, n, side, side)``, float32, about the pixels of the positions, in three frames. It is spoilt.
    x, y : numpy.ndarray
        Positions [px], ``(n,)``.
    sigma : float
        Width of the filter [px].

    Returns
    -------
    numpy.ndarray
        ``(3, n, len(_SHIFTS), len(_SHIFTS))``.
    """
    pixel = patch.reshape(*patch.shape[:2], -1)
    pixel /= numpy.abs(pixel).max(axis=(0, 2), keepdims=True).clip(1e-30)
    _cut_hot_pixels(pixel, sigma)
    pixel -= pixel.mean(axis=2, keepdims=True)

    pixels = numpy.arange(patch.shape[-1]) - patch.shape[-1] // 2
    response = numpy.zeros((*patch.shape[:2], len(_SHIFTS), len(_SHIFTS)), numpy.float32)
    for sign, spot in ((1, sigma), (-1, _WIDE * sigma)):
        along_y, along_x = (_weights(pixels, centre - numpy.floor(centre + 0.5), spot) for centre in (y, x))
        response += sign * (along_y @ patch @ along_x.transpose(0, 2, 1))
    response *= sigma * numpy.sqrt(4 * numpy.pi / (1 + 1 / _WIDE**2 - 4 / (1 + _WIDE**2)))

    # A slope of the background is no contrast: the filter is blind to it.
    slopes = numpy.stack(numpy.broadcast_arrays(pixels, pixels[:, None])).reshape(2, -1).astype(numpy.float32)
    of_slopes = ((pixel @ slopes.T) ** 2).sum(axis=2) / (slopes[0] ** 2).sum()
    contrast = numpy.sqrt((numpy.einsum("mni,mni->mn", pixel, pixel) - of_slopes).clip(0.0))
    # One contrast for all three frames, so that a frame without the molecule does not look as bright as one with it.
    contrast = contrast.max(axis=0)[:, None, None]
    return response / numpy.where(contrast > 0, contrast, 1.0)


def _weights(pixels: numpy.ndarray, offset: numpy.ndarray, width: float) -> numpy.ndarray:
    """Gaussians about ``offset + shift`` at pixels, of sum 1: ``(n, len(_SHIFTS), len(pixels))``."""
    distance = (pixels - offset[:, None, None] - _SHIFTS[:, None]).astype(numpy.float32)
    weight = numpy.exp(distance**2 * numpy.float32(-0.5 / width**2))
    return weight / weight.sum(axis=2, keepdims=True)


def _cut_hot_pixels(pixel: numpy.ndarray, sigma: float) -> None:
    """Cut pixels (last axis) off at a height that a spot does not reach: more of them would be bright."""
    above_half = max(3, round(4.4 * sigma**2))  # pixels of a Gaussian above half its height: 2 pi ln 2 sigma^2
    middle, rank = pixel.shape[-1] // 2, pixel.shape[-1] - above_half
    ordered = numpy.partition(pixel, (middle, rank), axis=-1)
    rise = ordered[..., rank] - ordered[..., middle]
    # No rise at all: frames without noise, where a spot may be smaller than was thought.
    ceiling = numpy.where(rise > 0, ordered[..., middle] + 3 * rise, numpy.inf)
    numpy.minimum(pixel, ceiling[..., None], out=pixel)


def _summit(mean: numpy.ndarray, node: tuple[int, int] | None = None) -> tuple[float, float]:
    """Shift (x, y) [px] of a map's peak, by a parabola along each axis."""
    if node is None:
        node = numpy.unravel_index(numpy.argmax(mean), mean.shape)
    row, column = (min(max(int(index), 1), len(_SHIFTS) - 2) for index in node)

    def refined(index: int, left: float, middle: float, right: float) -> float:
        bend = left - 2 * middle + right
        step = 0.5 * (left - right) / bend if bend < 0 else 0.0
        return _SHIFTS[index] + _STEP_PX * min(max(step, -1.0), 1.0)

    return refined(column, *mean[row, column - 1 : column + 2]), refined(row, *mean[row - 1 : row + 2, column])
