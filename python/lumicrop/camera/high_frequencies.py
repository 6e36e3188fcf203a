"""The noise of a movie's pixels and the light that it belongs to, whatever the molecules do.

Optics make no detail finer than the point spread function: a spot of sigma 1 px holds less than 1e-8 of its power where
rows and columns both alternate from pixel to pixel. What is there is noise. So each pair of neighbouring frames is
subtracted, which takes away what stands still, and the difference is differenced p times along rows and p times along
columns, which takes away whatever is smooth: light that drifts, flickers or bleaches, and molecules that blink. With the
kernel h of such differences, scaled to ``sum h^2 = 1``, and pixels whose noise is independent,

    <(h * (y_1 - y_2))^2> / 2 = h^2 * variance,        h^2 * variance = (h^2 * mean - offset) / gain + ...,

as the variance of counted light is linear in its mean. Noise and mean are weighted alike, and the relation holds at every
place of every frame, on molecules and beside them.

After Immerkaer 1996, Comput. Vis. Image Underst. 64:300 (differences of differences), and Heintzmann et al. 2018,
arXiv:1611.05654 (noise beyond the optical cutoff gives the gain).
"""

from __future__ import annotations

import math

import numpy
from scipy.ndimage import correlate1d

#: Differences along each axis. Eight leave less than 0.5 % of molecules of sigma 1 px in the noise of storm-analysis' movie.
ORDER = 8
#: Fewer differences, which let more of what is not noise pass: where both agree, noise is all there is.
LOW_ORDER = 4


def high_frequencies(images: numpy.ndarray, order: int) -> numpy.ndarray:
    """Differences of differences along rows and columns, so scaled that white noise keeps its variance."""
    for axis in (-2, -1):
        images = numpy.diff(images, n=order, axis=axis)
    return images / numpy.float32(math.comb(2 * order, order))


def light_under(images: numpy.ndarray) -> numpy.ndarray:
    """Means with the weights that pixels have in the square of `high_frequencies` of `ORDER`."""
    weights = [math.comb(ORDER, k) ** 2 / math.comb(2 * ORDER, ORDER) for k in range(ORDER + 1)]
    half = ORDER // 2
    images = correlate1d(images, weights, axis=-2, mode="nearest")[..., half:-half, :]
    return correlate1d(images, weights, axis=-1, mode="nearest")[..., half:-half]


def correlation(lag: int) -> float:
    """Correlation of the high frequencies of `ORDER` with themselves, `lag` pixels on, for white noise."""
    return math.comb(2 * ORDER, ORDER + lag) / math.comb(2 * ORDER, ORDER)


def noise_of_light(variance: float) -> float:
    """Standard deviation of the weighted mean of two frames' pixels of this variance."""
    fourth = sum(math.comb(ORDER, k) ** 4 for k in range(ORDER + 1)) / math.comb(2 * ORDER, ORDER) ** 2
    return math.sqrt(max(variance, 0.0) / 2) * fourth
