"""Maps of a camera whose pixels differ, from dark and flat frames: offset, gain and read-out variance of each pixel.

Huang et al. 2013, Nat. Methods 10:653, supplementary note 2: the offset o and the variance v of each pixel are those of dark
frames; with the mean D_k and the variance v_k of the pixel at several levels k of even light, its counts per electron are

    sum_k w_k (v_k - v) (D_k - o) / sum_k w_k (D_k - o)^2,

least squares of a line through the dark frames. There every level has the weight w_k = 1; here it is the inverse square of the
level's variance, the median over pixels, as the error of a variance is in proportion to it. And each frame of a level is first scaled to the level's mean light, so that a
lamp that drifts or flickers adds no variance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy

from ..input_error import InputError
from ..movies.movie import Movie

_CHUNK_BYTES = 16 << 20
#: Fewer frames tell a variance to worse than 20 %.
_FEWEST_FRAMES = 50


@dataclass(frozen=True)
class Stack:
    """Mean [ADU] and variance [ADU^2] of every pixel (height, width), over `n` frames."""

    mean: numpy.ndarray
    variance: numpy.ndarray
    n: int


@dataclass(frozen=True)
class CalibrationMaps:
    """What each pixel of a camera is. Arrays are float32, (height, width), as lumicrop's maps.

    Attributes
    ----------
    offset : numpy.ndarray
        Counts without light [ADU].
    gain : numpy.ndarray or None
        [e-/ADU], before multiplication. NaN where a pixel's noise does not grow with light: lumicrop leaves such pixels out.
        None: there were no flat frames.
    read_variance : numpy.ndarray or None
        Variance of the read-out [e-^2], the rounding to counts included. None: no gain is known.
    gain_error : float
        Standard error of one pixel's gain over that gain, the median over pixels; NaN without a map of gains.
    """

    offset: numpy.ndarray
    gain: numpy.ndarray | None
    read_variance: numpy.ndarray | None
    gain_error: float = math.nan

    @property
    def n_without_gain(self) -> int:
        """Pixels that have no gain."""
        return 0 if self.gain is None else int(numpy.isnan(self.gain).sum())


def calibration_maps(
    dark: Stack, flats: Sequence[Stack] = (), *, gain: float | None = None, em_gain: float = 1.0
) -> CalibrationMaps:
    """Make the maps of a camera.

    Parameters
    ----------
    dark : Stack
        Of frames without light, see `stack_of`.
    flats : sequence of Stack
        Of frames of even light that does not change, one stack a level; three levels or more are advised.
    gain : float, optional
        Gain of all pixels [e-/ADU], for `read_variance` where there are no flat frames.
    em_gain : float, default 1
        Mean multiplication; above 1 the noise of counted light is doubled.

    Returns
    -------
    CalibrationMaps
    """
    offset = dark.mean.astype(numpy.float32)
    if not flats:
        variance = None if gain is None else (dark.variance * gain**2).astype(numpy.float32)
        return CalibrationMaps(offset, None, variance)
    excess = (2.0 if em_gain > 1 else 1.0) * em_gain
    above, below, uncertain = (numpy.zeros(dark.mean.shape) for _ in range(3))
    common = numpy.zeros(dark.mean.shape)
    for flat in flats:
        light = flat.mean - dark.mean
        weight = 1 / max(float(numpy.median(flat.variance)), 1e-12) ** 2
        above += weight * (flat.variance - dark.variance) * light
        below += weight * light**2
        uncertain += (weight * light * flat.variance) ** 2 * 2 / (flat.n - 1)
        common += weight * light
    uncertain += (common * dark.variance) ** 2 * 2 / (dark.n - 1)
    with numpy.errstate(all="ignore"):
        gains = numpy.where((above > 0) & (below > 0), excess * below / above, numpy.nan)
        relative = numpy.sqrt(uncertain) / above
    usable = numpy.isfinite(gains)
    error = float(numpy.median(relative[usable])) if usable.any() else math.nan
    read_variance = (dark.variance * gains**2).astype(numpy.float32)
    return CalibrationMaps(offset, gains.astype(numpy.float32), read_variance, error)


def stack_of(movie: Movie, dark: Stack | None = None, progress: Callable[[int], None] | None = None) -> Stack:
    """Mean and variance of every pixel of a movie that shows the same all the time.

    Parameters
    ----------
    movie : Movie
        Read twice, a part at a time.
    dark : Stack, optional
        Of frames without light. Where given, the movie is one of even light, and its frames are scaled to the same light.
    progress : callable, optional
        Called with the number of frames read so far.

    Returns
    -------
    Stack

    Raises
    ------
    InputError
        There are too few frames, no light, or the frames have another size than the dark ones.
    """
    n_frames, height, width = movie.shape
    if n_frames < _FEWEST_FRAMES:
        raise InputError(f"{movie.path}: {n_frames} frames, at least {_FEWEST_FRAMES} are needed to know a variance")
    if dark is not None and dark.mean.shape != (height, width):
        rows, columns = dark.mean.shape
        raise InputError(f"{movie.path}: frames of {height} x {width} px, but the dark frames have {rows} x {columns}")
    offset = movie.read(0, 1)[0].astype(float) if dark is None else dark.mean
    lights = numpy.concatenate([(part - offset).mean(axis=(1, 2)) for _, part in _parts(movie, progress, 0)])
    if dark is not None and not (lights > 0).all():
        raise InputError(
            f"{movie.path}: the mean of frame {int(numpy.argmin(lights))} is not above that of the dark frames"
        )
    scales = numpy.ones(n_frames) if dark is None else lights.mean() / lights
    total, squares = numpy.zeros((height, width)), numpy.zeros((height, width))
    usual = None
    for first, part in _parts(movie, progress, n_frames):
        light = (part - offset) * scales[first : first + len(part), None, None]
        if usual is None:
            usual = light[0].copy()  # near the mean: squares of what is left lose no digits
        light -= usual
        total += light.sum(axis=0)
        squares += numpy.einsum("tij,tij->ij", light, light)
    mean = total / n_frames
    variance = (squares - n_frames * mean**2) / (n_frames - 1)
    return Stack(offset + usual + mean, numpy.maximum(variance, 0.0), n_frames)


def _parts(movie: Movie, progress: Callable[[int], None] | None, before: int):
    """Number of the first frame, and frames, of part after part; float64."""
    step = max(movie.block_frames, _CHUNK_BYTES // (8 * movie.shape[1] * movie.shape[2]), 1)
    for first in range(0, movie.shape[0], step):
        part = movie.read(first, min(first + step, movie.shape[0])).astype(float)
        yield first, part
        if progress is not None:
            progress(before + first + len(part))
