"""Whether a camera's gain, as a run believes it, fits the noise of its movie."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy

from ..movies.movie import Movie
from .error_text import with_error
from .movie_sample import sample_runs
from .photon_transfer import PhotonTransfer, photon_transfer
from .pixel_noise import NoiseSums, is_large_enough, noise_sums

#: A given gain this many times too large or small is worth a sentence; gains twice or half the right one always are.
_TOLERATED = 1.3
#: Errors that are allowed for on top.
_ERRORS = 3.0
#: Nobody says what the read noise is: it is at most this [e-]; this times the EM gain, but no more than the other, behind one.
_MOST_READ_NOISE, _MOST_BEHIND_EM_GAIN = 3.0, 100.0
#: Where read noise matters so much for the gain, only a gain far off is one too many.
_TOO_DARK = 1.5
#: Relative error of a slope that has the last word; a weaker one is asked where the level does not tell.
_STRONG = 0.07
#: Fewer places tell the gain to more than 3 %.
_FEWEST_PLACES = 40_000
#: How far noise may be from white among neighbouring pixels, where it is dark.
_WHITE = 0.15
#: How far the squares' median may be from that of normal noise: compression that takes half of the noise away leaves 0.8.
_NORMAL = 0.15
#: Where molecules are everywhere: how much more or less noise there may be at lower frequencies. A median filter leaves 0.014
#: to 0.04 less there, a Gaussian one of 0.4 px 0.03 more.
_FLAT = (-0.01, 0.015)
#: Beyond this what is at high frequencies is light, not noise.
_LEAKING = 0.12


@dataclass(frozen=True)
class CameraCheck:
    """What a movie's noise says of the gain that was given.

    Attributes
    ----------
    gain, gain_error : float or None
        Electrons per count that the noise suggests, and its standard error [e-/ADU]; None: it does not tell.
    warnings : tuple of str
        A sentence for people; empty where the given gain fits or nothing can be told.
    undecided : str
        Why nothing can be told; empty where it can.
    evidence : dict
        Numbers behind it, as JSON has them.
    """

    gain: float | None = None
    gain_error: float | None = None
    warnings: tuple[str, ...] = ()
    undecided: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)


def check_camera(
    frames: numpy.ndarray | Sequence[numpy.ndarray],
    *,
    gain: float,
    camera_offset: float,
    em_gain: float = 1.0,
    read_noise: float = 0.0,
) -> CameraCheck:
    """Compare the gain that was given with a movie's noise. Takes some tenths of a second for a million pixels.

    Parameters
    ----------
    frames : numpy.ndarray or sequence of numpy.ndarray
        Consecutive frames (n, height, width) of raw counts [ADU]; or several runs of such frames.
    gain : float
        The gain that is judged [e-/ADU], before multiplication: electrons are ``counts * gain / em_gain``.
    camera_offset : float
        Counts of a pixel without light [ADU].
    em_gain : float, default 1
        Mean multiplication; above 1 the noise of counted light is doubled.
    read_noise : float, default 0
        [e-], after multiplication; 0: not known, and anything up to 3 e- is allowed for, or 100 e- behind an EM gain.

    Returns
    -------
    CameraCheck
        With a warning where the noise asks for a gain more than 1.3 times larger or smaller, beyond three standard errors. It is
        asked by the slope of noise over light, which no offset changes, and by the noise at the offset that was given; where
        they disagree, the slope has the last word.

    Raises
    ------
    ValueError
        `gain` is not above 0, or `em_gain` below 1.
    """
    if not (gain > 0 and em_gain >= 1):
        raise ValueError(f"gain is {gain:g} and em_gain {em_gain:g}, expected above 0 and at least 1")
    runs = [frames] if isinstance(frames, numpy.ndarray) else list(frames)
    runs = [numpy.asarray(run) for run in runs]
    runs = [run for run in runs if run.ndim == 3 and len(run) > 1]
    if not runs:
        return CameraCheck(undecided="noise needs neighbouring frames")
    if not is_large_enough(runs[0].shape[1:]):
        return CameraCheck(undecided="the frames are too small")
    sums = noise_sums(runs)
    evidence = {
        "places": sums.n_places,
        "median_over_that_of_normal_noise": sums.normality,
        "neighbours_over_high_frequencies": sums.whiteness,
        "lower_over_high_frequencies": sums.plateau,
    }
    undecided = why_undecided(sums)
    if undecided:
        return CameraCheck(undecided=undecided, evidence=_for_json(evidence))
    return _judged(sums, gain, camera_offset, em_gain, read_noise, evidence)


def check_movie_camera(
    movie: Movie, *, gain: float, camera_offset: float, em_gain: float = 1.0, read_noise: float = 0.0
) -> CameraCheck:
    """The same for a movie, of which some megabytes are read.

    Parameters
    ----------
    movie : Movie
    gain, camera_offset, em_gain, read_noise
        See `check_camera`.

    Returns
    -------
    CameraCheck
    """
    runs = sample_runs(movie) if is_large_enough(movie.shape[1:]) else []
    return check_camera(runs, gain=gain, camera_offset=camera_offset, em_gain=em_gain, read_noise=read_noise)


def why_undecided(sums: NoiseSums) -> str:
    """Why noise cannot be told from everything else; empty where it can."""
    if sums.n_places < _FEWEST_PLACES:
        return "there are too few pixels"
    if not sums.variance.sum() > 0:
        return "neighbouring frames are all the same"
    if not abs(sums.normality - 1) < _NORMAL:
        return "the noise is not that of light: the movie is filtered or compressed"
    if not abs(sums.plateau - 1) < _LEAKING:
        return "neighbouring pixels are correlated: the movie is filtered or compressed, or its spots are sharper than pixels"
    if not (abs(sums.whiteness - 1) < _WHITE or _FLAT[0] < sums.plateau - 1 < _FLAT[1]):
        return "neighbouring pixels are correlated: the movie is filtered or compressed"
    return ""


def _judged(
    sums: NoiseSums, given: float, camera_offset: float, em_gain: float, read_noise: float, evidence: dict[str, Any]
) -> CameraCheck:
    """What level and slope of the noise say together."""
    known = {"camera_offset": camera_offset, "em_gain": em_gain}
    possible = (read_noise, read_noise)
    if not read_noise:
        possible = (0.0, _MOST_READ_NOISE if em_gain == 1 else min(_MOST_READ_NOISE * em_gain, _MOST_BEHIND_EM_GAIN))
    least, most = (photon_transfer(sums, read_noise=read, **known) for read in possible)
    free = photon_transfer(sums, em_gain=em_gain)
    has_slope = free.way == "slope"
    evidence |= {
        "gain_without_read_noise": least.gain, "gain_with_most_read_noise": most.gain, "gain_error": least.gain_error,
        "gain_by_slope": free.gain, "gain_by_slope_error": free.gain_error, "noise_vanishes_at": free.vanishing,
    }  # fmt: skip
    evidence = _for_json(evidence)
    has_level = least.way == most.way == "level"
    if not has_level and not has_slope:
        note = (least.notes or ("there is too little light",))[0]
        return CameraCheck(undecided=note, evidence=evidence)
    by_level = (least.gain - _ERRORS * least.gain_error, most.gain + _ERRORS * most.gain_error)
    by_slope = (free.gain - _ERRORS * free.gain_error, free.gain + _ERRORS * free.gain_error)
    is_dark = most.gain > _TOO_DARK * least.gain
    is_strong = has_slope and free.gain_error < _STRONG * free.gain
    if has_level and is_strong and (by_level[0] > by_slope[1] or by_slope[0] > by_level[1]):
        has_level = False  # the offset may be wrong, which the slope does not mind
    has_slope = has_slope and (is_strong or is_dark or not has_level)
    ranges = [each for each, there in ((by_level, has_level), (by_slope, has_slope)) if there]
    is_wrong = any(_is_beyond(given, *each) for each in ranges)
    best = _most_certain(least, most, free, has_level, has_slope)
    if not is_wrong and not has_slope and is_dark:
        return CameraCheck(undecided="it is too dark to tell without the read noise", evidence=evidence)
    warnings = (_sentence(*best, given, em_gain),) if is_wrong else ()
    return CameraCheck(*best, warnings=warnings, evidence=evidence)


def _is_beyond(given: float, low: float, high: float) -> bool:
    """Whether a gain lies so far outside a range that it is worth a sentence."""
    return not low / _TOLERATED < given < high * _TOLERATED


def _most_certain(
    least: PhotonTransfer, most: PhotonTransfer, free: PhotonTransfer, has_level: bool, has_slope: bool
) -> tuple[float, float]:
    """The gain and its error: by the level, whatever the read noise, or by the slope where that knows better."""
    gain = (least.gain + most.gain) / 2
    error = math.hypot((least.gain_error + most.gain_error) / 2, (most.gain - least.gain) / 2)
    if has_slope and not (has_level and error < free.gain_error):
        gain, error = free.gain, free.gain_error
    return float(gain), float(error)


def _sentence(gain: float, error: float, given: float, em_gain: float) -> str:
    with_em_gain = f" before an EM gain of {em_gain:g}" if em_gain > 1 else ""
    otherwise = "" if em_gain > 1 else f" ({2 * gain:.2g} if an EM gain was on)"
    return (
        f"the movie's noise suggests {with_error(gain, error)} e- per count{with_em_gain}{otherwise}, {given:g} was given: "
        "is the gain in electrons per count, and the offset in counts? lumicrop camera MOVIE shows more"
    )


def _for_json(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """NaN has no place in JSON."""
    return {
        name: value if isinstance(value, int) else float(value) if math.isfinite(value) else None
        for name, value in evidence.items()
    }
