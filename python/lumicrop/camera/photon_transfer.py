"""Gain, offset and read noise from noise against light: photon transfer.

Counts y of a pixel that collects light have

    variance(y) = f (mean(y) - offset) / g + (r / g)^2 + step^2 / 12,

with g the electrons per count, r the read noise [e-], f = 1, or 2 where a register multiplied the electrons (Robbins &
Hadwen 2003, IEEE Trans. Electron Devices 50:1227), and the rounding to whole counts (Janesick 2007, Photon Transfer, SPIE).
A movie alone tells the slope f / g, where its light varies, and one more number, the light at which noise would vanish:
offset - r^2 / (f g). Whoever knows one of offset and read noise gets the other; whoever knows both needs no variation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy

from .error_text import with_error
from .noise_line import noise_line
from .pixel_noise import NoiseSums

#: Relative error beyond which a gain is not told.
DETERMINED = 0.15
#: How much more noise lower frequencies may have: beyond it some of the noise is molecules, most where it is bright.
_LEAKING = 0.05
#: How far the slope of noise over light may be from that at lower frequencies, where molecules would make it steeper.
_STEEP = 0.3
#: Variance, in squared steps between counts, below which rounding is no longer an independent noise of step^2 / 12: there the
#: rounded variance is off by up to (4 v + 1 / pi^2) exp(-2 pi^2 v), 9 % of it (Widrow & Kollar 2008, Quantization Noise).
_COARSE = 0.2


@dataclass(frozen=True)
class PhotonTransfer:
    """What a movie's noise says of its camera. A number that it does not tell is NaN, and so is its error.

    Attributes
    ----------
    gain, gain_error : float
        Electrons per count, before multiplication [e-/ADU]. As lumicrop means it: ``counts * gain / em_gain``.
    offset, offset_error : float
        Counts of a pixel without light [ADU]; the error of a number that was given is 0.
    read_noise, read_noise_error : float
        [e-], after multiplication; likewise.
    vanishing, vanishing_error : float
        Mean [ADU] at which the noise would vanish: ``offset - read_noise^2 / (f gain em_gain)``.
    way : str
        What the gain was told by: ``"slope"`` of noise over light, ``"level"`` of the noise above a known offset and read
        noise, or ``""``.
    em_gain : float
        As given.
    light, noise, noise_error : numpy.ndarray
        Mean [ADU] and variance [ADU^2] of the bins, for a plot.
    sums : NoiseSums
        What was measured.
    notes : tuple of str
        Sentences on what could not be told, and why.
    """

    gain: float
    gain_error: float
    offset: float
    offset_error: float
    read_noise: float
    read_noise_error: float
    vanishing: float
    vanishing_error: float
    way: str
    em_gain: float
    light: numpy.ndarray
    noise: numpy.ndarray
    noise_error: numpy.ndarray
    sums: NoiseSums
    notes: tuple[str, ...] = field(default=())


def photon_transfer(
    sums: NoiseSums,
    *,
    camera_offset: float | None = None,
    read_noise: float | None = None,
    read_variance_adu: float | None = None,
    em_gain: float = 1.0,
) -> PhotonTransfer:
    """Estimate a camera's numbers.

    Parameters
    ----------
    sums : NoiseSums
        Of a movie, see `noise_sums`.
    camera_offset : float, optional
        Counts of a pixel without light [ADU], where known.
    read_noise : float, optional
        [e-], where known.
    read_variance_adu : float, optional
        Variance of dark frames [ADU^2], rounding included, where known; instead of `read_noise`.
    em_gain : float, default 1
        Mean multiplication of the electrons; above 1 the light's noise is doubled.

    Returns
    -------
    PhotonTransfer
        Errors are standard errors, by a jackknife over parts of field and movie. Where offset and read noise are known the
        gain comes from the noise's level, else from its slope over light.
    """
    excess = 2.0 if em_gain > 1 else 1.0
    rounding = sums.step**2 / 12
    knows_read = read_noise is not None or read_variance_adu is not None
    notes = _coarse_notes(sums)
    # Everything below counts electrons before multiplication, so that one line serves both kinds of camera.
    known = _Known(
        camera_offset,
        None if read_noise is None else read_noise / em_gain,
        None if read_variance_adu is None else read_variance_adu - rounding,
        excess,
        rounding,
    )
    slope, slope_errors = _with_errors(sums, lambda n, x, y: _by_slope(n, x, y, known))
    level, level_errors = numpy.full(4, numpy.nan), numpy.full(4, numpy.nan)
    if camera_offset is not None and knows_read:
        level, level_errors = _with_errors(sums, lambda n, x, y: _by_level(n, x, y, known))
    slope_errors[:1] = numpy.hypot(slope_errors[:1], slope[:1] * _rounding_error(sums))
    level_errors[:1] = numpy.hypot(level_errors[:1], level[:1] * _rounding_error(sums))
    way, told, errors = "", level, level_errors
    if _is_told(level[0], level_errors[0]):
        way = "level"
    elif camera_offset is None or not knows_read:
        told, errors = slope, slope_errors
        way = "slope" if _is_told(slope[0], slope_errors[0]) else ""
        if way and not (abs(sums.steepness - 1) < _STEEP and sums.plateau < 1 + _LEAKING):
            notes = (
                "the slope of noise over light is not the camera's: molecules that are sharper than pixels, and change, make "
                "noise where it is bright",
            )
    if notes or not way:
        told = errors = numpy.full(4, numpy.nan)
        way = ""
    if not way and not notes:
        notes = (_why_not(camera_offset, knows_read),)
    gain, offset, read = (value * factor for value, factor in zip(told, (em_gain, 1.0, em_gain)))
    gain_error, offset_error, read_error = (value * factor for value, factor in zip(errors, (em_gain, 1.0, em_gain)))
    if camera_offset is not None:
        offset, offset_error = camera_offset, 0.0
    if read_noise is not None:
        read, read_error = read_noise, 0.0
    if camera_offset is not None and way == "slope" and slope[3] - 4 * slope_errors[3] > camera_offset:
        notes += (
            f"the noise would vanish at {with_error(slope[3], slope_errors[3])} counts, so the offset cannot be as low as "
            f"{camera_offset:g}: is it right, or is much of the dim light without the noise of light?",
        )
        read = read_error = math.nan
    n, x, y = _points(*(each.sum(axis=0) for each in (sums.n, sums.mean, sums.variance)))
    n, x, y = (each[n > 0] for each in (n, x, y))
    return PhotonTransfer(
        gain, gain_error, offset, offset_error, read, read_error, slope[3], slope_errors[3], way, em_gain,
        x, y, y * numpy.sqrt(2 / numpy.maximum(n / _PLACES_PER_INDEPENDENT, 1)), sums, notes,
    )  # fmt: skip


#: Places of the high frequencies that count as one independent: neighbours overlap (13.2 in space, 1.5 in time).
_PLACES_PER_INDEPENDENT = 20.0


@dataclass(frozen=True)
class _Known:
    """What is given: None where it is not."""

    offset: float | None
    read_electrons: float | None
    read_counts: float | None
    excess: float
    rounding: float


def _points(n: numpy.ndarray, mean: numpy.ndarray, variance: numpy.ndarray) -> tuple[numpy.ndarray, ...]:
    """Places, mean and variance of bins, (..., bins), of sums; 0 where a bin is empty."""
    n = numpy.where(n > 0.5, n, 0.0)
    some = numpy.maximum(n, 1.0)
    return n, numpy.where(n > 0, mean / some, 0.0), numpy.where(n > 0, variance / some, 0.0)


def _with_errors(
    sums: NoiseSums, estimate: Callable[[numpy.ndarray, numpy.ndarray, numpy.ndarray], numpy.ndarray]
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """An estimate and its standard errors, by leaving out one group after the other."""
    everything = [each.sum(axis=0) for each in (sums.n, sums.mean, sums.variance)]
    whole = estimate(*_points(*everything))
    n_groups = len(sums.n)
    if n_groups < 2:
        return whole, numpy.full(whole.shape, numpy.nan)
    left_out = estimate(*_points(*(all_ - each for all_, each in zip(everything, (sums.n, sums.mean, sums.variance)))))
    # Groups differ in size: Busing et al. 1999, Stat. Comput. 9:3, equation 8 (delete-m_j jackknife).
    h = sums.n.sum() / sums.n.sum(axis=1)
    pseudo = h * whole[:, None] - (h - 1) * left_out
    centre = n_groups * whole - ((1 - 1 / h) * left_out).sum(axis=-1)
    return whole, numpy.sqrt(sums.seams * ((pseudo - centre[:, None]) ** 2 / (h - 1)).mean(axis=-1))


def _by_slope(n: numpy.ndarray, x: numpy.ndarray, y: numpy.ndarray, known: _Known) -> numpy.ndarray:
    """Electrons per count, offset, read noise, and where noise vanishes, (4, ...), from a line through noise over light."""
    x0, y0, slope = noise_line(n, x, y - known.rounding)
    with numpy.errstate(all="ignore"):
        slope = numpy.where(slope > 0, slope, numpy.nan)
        gain, vanishing = known.excess / slope, x0 - y0 / slope
        offset = read = numpy.full(gain.shape, numpy.nan)
        if known.read_electrons is not None:
            offset = vanishing + known.read_electrons**2 / (known.excess * gain)
        elif known.read_counts is not None:
            offset = vanishing + known.read_counts / slope
        elif known.offset is not None:
            read = numpy.sqrt(numpy.maximum(0.0, (known.offset - vanishing) * slope)) * gain
    return numpy.stack([gain, offset, read, vanishing])


def _by_level(n: numpy.ndarray, x: numpy.ndarray, y: numpy.ndarray, known: _Known) -> numpy.ndarray:
    """The same where offset and read noise are known: from how much noise there is."""
    mean, noise, _ = noise_line(n, x, y - known.rounding)
    light = known.excess * (mean - known.offset)
    read = known.read_electrons or 0.0
    noise = noise - (known.read_counts or 0.0)
    with numpy.errstate(all="ignore"):
        gain = (light + numpy.sqrt(light**2 + 4 * noise * read**2)) / (2 * noise)
        gain = numpy.where((noise > 0) & (light > 0), gain, numpy.nan)
    if known.read_counts is not None:
        read = math.sqrt(max(known.read_counts, 0.0)) * gain
    return numpy.stack([gain, *numpy.broadcast_arrays(known.offset, read, math.nan, gain)[:3]])


def _is_told(gain: float, error: float) -> bool:
    return bool(gain > 0 and error < DETERMINED * gain)


def _rounding_error(sums: NoiseSums) -> float:
    """Relative error of the variance because rounding is not quite independent of what it rounds, see `_COARSE`."""
    if not sums.step:
        return 0.0
    v = max(sums.variance.sum() / max(sums.n.sum(), 1) / sums.step**2 - 1 / 12, _COARSE)
    return (4 * v + 1 / math.pi**2) * math.exp(-2 * math.pi**2 * v) / v / math.sqrt(2)


def _coarse_notes(sums: NoiseSums) -> tuple[str, ...]:
    """A sentence where the counts are too coarse to hold the noise."""
    variance = sums.variance.sum() / max(sums.n.sum(), 1)
    if sums.step and variance < sums.step**2 * (_COARSE + 1 / 12):
        return (
            f"the noise is {math.sqrt(max(variance, 0.0)):.2f} counts, about the {sums.step:g} by which counts are rounded: "
            "it does not show",
        )
    return ()


def _why_not(camera_offset: float | None, knows_read: bool) -> str:
    """Why there is no gain, and what would give one."""
    if camera_offset is not None and knows_read:
        return "the gain is not determined: there is too little light, or too little of the movie"
    missing = " and ".join(
        name for name, there in (("--offset", camera_offset is not None), ("--read-noise", knows_read)) if not there
    )
    return f"the gain is not determined: the light varies too little over the movie. Give {missing}, or --dark"
