"""Whether a table's positions sit on the movie's light: a measurement, and sentences on what looks wrong.

A table may count pixels from another point, or frames from another number, than was believed, or hold x and y the other
way round. Photons are then counted beside the molecules and nobody is told. Here the light is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy
from scipy.stats import t as student

from ..movies.movie import Movie
from .light import FRAME_SHIFTS, Light, Peak
from .sample import beginnings_and_ends, filter_width, sample_rows

#: Coordinate of the first pixel's centre, for each origin.
CENTRE_AT = {"first_pixel": 0.0, "pixel_corner": 0.5}
#: What makes the first pixel's centre that coordinate.
_OPTIONS = {0.0: "--origin first_pixel", 0.5: "--origin pixel_corner", 1.0: "--first-pixel-at 1"}

#: Chance that is allowed for a claim on the frame. In a right table the light is nowhere near so small as it asks for.
_CHANCE_OF_FRAME = 1e-3
#: Light in the table's own frame over that in the other one, below which the table is wrong.
_DARK = 0.4
#: Light in that other frame over all detections' light, below which it proves nothing: most may be chance detections.
_SHINING = 0.25
#: Shifts below this are not worth a sentence: PSFs are not quite symmetric, and fits are not quite unbiased.
_TOLERATED_PX = 0.3
#: Errors above this are worth another try.
_UNSURE_PX = 0.15
#: How near a measured shift must come to one that an origin explains, along each axis [px].
_EXPLAINED_PX = 0.2
#: A mean correlation with a spot that may well be light; in crowded fields there is no more of it.
_LIGHT = 0.15
#: Fewer places with a detection never say that there is no light.
_PLACES_FOR_DARKNESS = 10


@dataclass(frozen=True)
class PlacementCheck:
    """Where the light is, relative to a table's positions.

    Attributes
    ----------
    n_detections, n_frames : int
        Detections that were looked at, and frames of the table that they stand in.
    shift_px : tuple of float or None
        Where the light sits relative to the positions, (x, y) [px], after `frame_shift` and `swapped` have been put
        right. None: too little light.
    shift_error_px : tuple of float or None
        Standard error of it [px].
    frame_shift : int
        The light belongs to the frame this many later than the table says: -1, 0 or 1.
    swapped : bool
        The positions fit with x and y exchanged.
    warnings : tuple of str
        Sentences for people; empty when nothing looks wrong.
    evidence : dict
        Numbers behind all this, as JSON has them. ``undecided`` lists in words what could not be told.
    """

    n_detections: int
    n_frames: int
    shift_px: tuple[float, float] | None = None
    shift_error_px: tuple[float, float] | None = None
    frame_shift: int = 0
    swapped: bool = False
    warnings: tuple[str, ...] = ()
    evidence: dict[str, Any] = field(default_factory=dict)


def check_placement(
    movie: Movie,
    frame: numpy.ndarray,
    x_px: numpy.ndarray,
    y_px: numpy.ndarray,
    *,
    sigma_px: numpy.ndarray | float | None = None,
    photons: numpy.ndarray | None = None,
    origin: str | float = "first_pixel",
    first_frame: int = 0,
) -> PlacementCheck:
    """Measure whether positions sit on the light. Nothing is changed by it.

    Parameters
    ----------
    movie : Movie
        At most some hundred of its frames are read, each with its neighbours, up to four times.
    frame : numpy.ndarray
        Frame of each detection counted from 0; frames that the movie does not have are allowed.
    x_px, y_px : numpy.ndarray
        Positions along the camera's columns and rows [px] from the first pixel's centre, as they are believed to be;
        NaN is allowed.
    sigma_px : numpy.ndarray or float, optional
        Width of the PSF [px]; the median is used. Default: 1.2.
    photons : numpy.ndarray, optional
        Of each detection; the brightest are looked at. Default: any are.
    origin : {"first_pixel", "pixel_corner"} or float, default "first_pixel"
        What the table's positions count from: a word, or the coordinate of the first pixel's centre.
    first_frame : int, default 0
        The number of the first frame in the table. Like `origin` it is what the sentences propose to change.

    Returns
    -------
    PlacementCheck
    """
    frame, x, y = numpy.asarray(frame), numpy.asarray(x_px, float), numpy.asarray(y_px, float)
    sigma, centre_at = filter_width(sigma_px), float(CENTRE_AT.get(origin, origin))
    rows = sample_rows(movie, frame, x, y, photons)
    if not len(rows):
        return _nothing_inside(movie, frame, x, y)
    edges = beginnings_and_ends(frame, x, y, rows, max(2.0, 2.5 * sigma), movie.shape[0])
    checks = []
    for width in (sigma, 2 * sigma):  # spots may be wider than was thought, or of parts that a wider filter joins
        light = Light(movie, frame[rows], x[rows], y[rows], width)
        for trust in (0.5, 1.0):  # a place that is seen often may be a bead, or a molecule among chance detections
            light.trust = trust
            check = _judged(light, edges, frame, movie.shape[0], centre_at, first_frame)
            if check.shift_error_px is not None and max(check.shift_error_px) < _UNSURE_PX:
                return check
            checks.append(check)
    return min(checks, key=lambda check: (max(check.shift_error_px or (numpy.inf,)), len(check.warnings)))


def _nothing_inside(movie: Movie, frame: numpy.ndarray, x: numpy.ndarray, y: numpy.ndarray) -> PlacementCheck:
    n_frames, height, width = movie.shape
    n = int((numpy.isfinite(x) & numpy.isfinite(y) & (frame >= 0) & (frame < n_frames)).sum())
    warnings = ()
    if n >= _PLACES_FOR_DARKNESS:
        warnings = (
            f"none of the table's {n} positions lies inside the frame of {width} x {height} px: is the pixel size "
            "right, or is this the table of another movie?",
        )
    return PlacementCheck(0, 0, warnings=warnings, evidence={"undecided": ["light: no position lies inside the frame"]})


def _judged(
    light: Light,
    edges: dict[int, numpy.ndarray],
    frame: numpy.ndarray,
    n_frames: int,
    centre_at: float,
    first_frame: int,
) -> PlacementCheck:
    """What one filter width and one way of weighing say."""
    peaks = _peaks(light, False)
    if not any(peak.significance > 1 and peak.height > 0.5 for peak in peaks):  # else nothing can be twice as high
        peaks += _peaks(light, True)
    evidence: dict[str, Any] = {
        "sigma_px": light.sigma,
        "places": light.n_places,
        "light": [
            {"exchanged": p.swapped, "frames_later": p.k, "correlation": p.height, "significance": p.significance}
            for p in peaks
        ],
        "undecided": [],
    }
    counts = {"n_detections": light.n, "n_frames": light.n_frames, "evidence": evidence}
    certain = [peak for peak in peaks if peak.significance > 1]
    best = {s: max((p for p in certain if p.swapped == s), key=lambda p: p.height, default=None) for s in (False, True)}
    swapped = _fits_exchanged(light, best, evidence)
    if best[swapped] is None:
        return PlacementCheck(**counts, warnings=_no_light(light, peaks, best[True] is not None, evidence))
    warnings = []
    if swapped:
        as_it_is = best[False].height if best[False] else 0.0
        warnings.append(
            f"positions fit better with x and y exchanged (correlation with a spot {best[True].height:.2f} instead of "
            f"{as_it_is:.2f}): try --swap-xy"
        )
    k, reason = _frame_shift(light, edges, frame, n_frames, best[swapped], evidence)
    if k:
        warnings.append(
            f"the light is brighter one frame {'later' if k > 0 else 'earlier'} than the table says ({reason}): "
            f"try --first-frame {first_frame - k}"
        )
    there = [peak for peak in certain if (peak.swapped, peak.k) == (swapped, k)]
    shift, error = light.shift(there[0] if k and there else best[swapped])
    warnings += _about_shift(shift, error, light, centre_at, evidence)
    return PlacementCheck(
        **counts, shift_px=shift, shift_error_px=error, frame_shift=k, swapped=swapped, warnings=tuple(warnings)
    )


def _peaks(light: Light, swapped: bool) -> list[Peak]:
    return [peak for peak in (light.peak(swapped, k) for k in FRAME_SHIFTS) if peak is not None]


def _no_light(light: Light, peaks: list[Peak], exchanged: bool, evidence: dict[str, Any]) -> tuple[str, ...]:
    """The sentence for tables of which no position has light, where so much can be told."""
    tallest = max((peak.height for peak in peaks), default=0.0)
    if exchanged:
        evidence["undecided"].append("light: it fits x and y exchanged, but not beyond doubt")
    elif light.n_places < _PLACES_FOR_DARKNESS or any(peak.height + 4 * peak.error > _LIGHT for peak in peaks):
        evidence["undecided"].append(f"light: {light.n_places} places with a detection are too few or too dim to tell")
    else:
        return (
            f"no light at the table's positions (correlation with a spot {tallest:.3f} at best, on {light.n} "
            "detections): is this the table of another movie?",
        )
    return ()


def _fits_exchanged(light: Light, best: dict[bool, Peak | None], evidence: dict[str, Any]) -> bool:
    """Whether more than twice the light is found with x and y exchanged."""
    if best[True] is None:
        return False
    exchanged = light.at(True, best[True].k, best[True].node)
    as_it_is = light.at(False, best[False].k, best[False].node) if best[False] else numpy.zeros(light.n)
    more = light.mean(exchanged - 2 * as_it_is, numpy.ones(light.n, bool))
    evidence["exchanged"] = {"more_than_twice_by": more.value, "significance": more.significance}
    return more.significance > 1


def _frame_shift(
    light: Light,
    edges: dict[int, numpy.ndarray],
    frame: numpy.ndarray,
    n_frames: int,
    best: Peak,
    evidence: dict[str, Any],
) -> tuple[int, str]:
    """By how many frames the table is wrong and why; 0 where it is right or nobody can tell.

    If the table is one frame early, molecules that begin in frame f of the table are dark there and shine in f + 1. If
    it is right, they shine in f. That many molecules shine on after their last row tells nothing: dim tails are missed,
    and tables that join a molecule's frames keep the first alone. So a claim needs darkness in the frame that the table
    names.
    """
    own = light.at(best.swapped, 0, best.node)
    evidence["frame"] = found = {}
    claims, undecided = [], []
    for k, word, side in ((1, "begin", "later"), (-1, "end", "earlier")):
        other = light.at(best.swapped, k, best.node)
        both = light.exists[1] & light.exists[k + 1]
        for which, among in ((f" that {word}", both & edges[k]), ("", both)):
            light_own, light_other = light.mean(own, among).value, light.mean(other, among).value
            surplus = light.mean(0.5 * other - own, among, _CHANCE_OF_FRAME)
            n = int(among.sum())
            found[f"{side}{which}"] = {
                "detections": n,
                "own_frame": light_own,
                "other_frame": light_other,
                "significance": surplus.significance,
            }
            if surplus.significance > 1 and light_other > max(light_own / _DARK, _SHINING * best.height):
                reason = (
                    f"correlation with a spot {light_other:.2f} there and {light_own:.2f} in the table's frame, "
                    f"at {n} detections{which}"
                )
                claims.append((surplus.significance, k, reason))
            if which and surplus.significance > -1:
                undecided.append(f"frame: too few detections {word} to rule out that the light is one frame {side}")
    if claims:
        _, k, reason = max(claims)
        return k, reason
    for k in (1, -1):
        reason = _beyond_the_movie(light, edges, frame, n_frames, best, k)
        if reason:
            return k, reason
    evidence["undecided"] += undecided
    return 0, ""


def _beyond_the_movie(
    light: Light, edges: dict[int, numpy.ndarray], frame: numpy.ndarray, n_frames: int, best: Peak, k: int
) -> str:
    """What rows just outside the movie say, where the table would fit exactly after a step of one frame.

    This is all there is where every molecule shines in every frame, and in movies of one frame.
    """
    outside, free = (-1, n_frames - 1) if k > 0 else (n_frames, 0)
    fits = (frame == outside).any() and not (frame == free).any()
    if not fits or (frame < -1).any() or (frame > n_frames).any():
        return ""
    other = light.at(best.swapped, k, best.node)
    border = ~light.exists[1]
    if light.mean(other, border).significance < 1:
        return ""
    # Molecules that go dark where the table says so contradict.
    among = edges[-k] & light.exists[1] & light.exists[k + 1]
    if light.mean(0.5 * light.at(best.swapped, 0, best.node) - other, among).significance > 1:
        return ""
    where = "before the movie's first" if k > 0 else "behind the movie's last"
    return f"{int(border.sum())} detections stand in the frame {where}, and have light one frame nearer"


def _about_shift(
    shift: tuple[float, float], error: tuple[float, float], light: Light, centre_at: float, evidence: dict[str, Any]
) -> list[str]:
    """A sentence on a shift that is large and certain, with the option that explains it."""
    evidence["first_pixel_at"] = [centre_at - s for s in shift]
    errors = max(4.0, float(student.isf(1e-3, light.n_places - 1)))
    if not any(abs(s) > max(_TOLERATED_PX, errors * e) for s, e in zip(shift, error)):
        return []
    x, y = (f"{s:+.2f} ± {e:.2f}" for s, e in zip(shift, error))
    measured = f"measured {x}, {y} on {light.n} detections"
    at = min(_OPTIONS, key=lambda at: sum(abs(centre_at - at - s) for s in shift))
    due = centre_at - at
    if due and all(abs(s - due) < max(_EXPLAINED_PX, 3 * e) for s, e in zip(shift, error)):
        return [f"positions look shifted by ({due:+.2f}, {due:+.2f}) px ({measured}): try {_OPTIONS[at]}"]
    return [f"positions look shifted by ({shift[0]:+.2f}, {shift[1]:+.2f}) px ({measured})"]
