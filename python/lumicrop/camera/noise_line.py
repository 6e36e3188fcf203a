"""A straight line through noise over light, where the uncertainty of noise is in proportion to the noise."""

from __future__ import annotations

import numpy

_ROUNDS = 5
#: The line's lowest value that weights are made of, over the mean noise: a line may reach 0, a weight must not.
_LOWEST = 0.05


def noise_line(
    n: numpy.ndarray, light: numpy.ndarray, noise: numpy.ndarray
) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """Fit lines by least squares; weights follow from the line, as each point's own noise would favour the quiet ones.

    Parameters
    ----------
    n : numpy.ndarray
        Number of measurements whose mean each point is, (..., bins); 0: there is no point.
    light, noise : numpy.ndarray
        The points, likewise; finite.

    Returns
    -------
    light0, noise0, slope : numpy.ndarray
        Each line, (...), runs through (light0, noise0), its points' centre of gravity. The slope is NaN for fewer than two
        points, and everything where the noise is not above 0.
    """
    with numpy.errstate(all="ignore"):
        middle = _average(noise, n)
        middle = numpy.where(middle > 0, middle, numpy.nan)
        expected = numpy.broadcast_to(middle[..., None], noise.shape)
        several = (n > 0).sum(axis=-1) > 1
        for _ in range(_ROUNDS):
            weights = n / expected**2
            light0, noise0 = _average(light, weights), _average(noise, weights)
            off = light - light0[..., None]
            slope = (weights * off * (noise - noise0[..., None])).sum(axis=-1) / (weights * off**2).sum(axis=-1)
            slope = numpy.where(several & numpy.isfinite(slope), slope, 0.0)
            expected = numpy.maximum(noise0[..., None] + slope[..., None] * off, _LOWEST * middle[..., None])
    return light0, noise0, numpy.where(several, slope, numpy.nan)


def _average(values: numpy.ndarray, weights: numpy.ndarray) -> numpy.ndarray:
    return (values * weights).sum(axis=-1) / weights.sum(axis=-1)
