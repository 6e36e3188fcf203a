"""Bins of places that have about the same light."""

from __future__ import annotations

import math

import numpy

from .high_frequencies import noise_of_light

#: Bins on each side of the usual light's.
_BINS = 24
N_BINS = 2 * _BINS + 1
#: Half the width of the usual bin, over the standard deviation of the light's own noise.
_WIDTH = 5
#: Places that a bin needs, and share of all.
_FEWEST, _SMALLEST_SHARE = 100, 1e-4
_MEDIAN_OF_NORMAL_SQUARES = 0.4549


def bins_of_light(noise: numpy.ndarray, light: numpy.ndarray) -> numpy.ndarray:
    """Bin of every place. Bins are wider than the light's own noise, so that noise does not sort places into them."""
    if not light.size:
        return numpy.empty(0, numpy.int64)
    some = slice(None, None, max(1, light.size // 100_000))
    usual = float(numpy.median(light[some]))
    variance = float(numpy.median(noise[some])) / _MEDIAN_OF_NORMAL_SQUARES
    width = _WIDTH * max(noise_of_light(variance), 1e-6 * max(1.0, abs(usual)))
    distances = width * numpy.cumsum(1.25 ** numpy.arange(_BINS))
    return numpy.searchsorted(numpy.r_[usual - distances[::-1], usual + distances], light)


def without_sparse_ones(bins: numpy.ndarray) -> numpy.ndarray:
    """Bin of every place, where outer bins of too few places to tell light from its own noise are joined to the next inner one."""
    n = numpy.bincount(bins, minlength=N_BINS)
    number = numpy.arange(N_BINS)
    enough = max(_FEWEST, _SMALLEST_SHARE * bins.size)
    for outer in (range(_BINS), range(N_BINS - 1, _BINS, -1)):
        gathered = 0
        waiting = []
        for each in outer:
            gathered += n[each]
            waiting.append(each)
            if gathered >= enough:
                number[waiting] = each
                gathered, waiting = 0, []
        number[waiting] = _BINS
    return number[bins]


def normality_of(noise: numpy.ndarray, bins: numpy.ndarray) -> float:
    """Median of the squares over their bin's mean, over the median of a normal square."""
    some = slice(None, None, max(1, noise.size // 200_000))
    noise, bins = noise[some], bins[some]
    usual = numpy.bincount(bins, noise) / numpy.maximum(numpy.bincount(bins), 1)
    if not noise.size or not (usual[bins] > 0).all():
        return math.nan
    return float(numpy.median(noise / usual[bins])) / _MEDIAN_OF_NORMAL_SQUARES
