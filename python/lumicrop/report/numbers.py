"""Numbers of a run, and how they are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy
from scipy.stats import rankdata

from .run import Run

#: A normal distribution's standard deviation over its median absolute deviation.
_MAD_TO_SD = 1.4826


@dataclass(frozen=True)
class Comparison:
    """Photons against the table's own.

    Attributes
    ----------
    own, ours : numpy.ndarray
        Where both are there and the table's are above 0 [photon].
    ratio, scatter : float
        Median of ours over own (the robust slope of a line through the origin), and the ratio's robust standard
        deviation (1.4826 times its median absolute deviation).
    rank_correlation : float
        Spearman's; NaN where one of the two is constant.
    """

    own: numpy.ndarray
    ours: numpy.ndarray
    ratio: float
    scatter: float
    rank_correlation: float


def compare(run: Run) -> Comparison | None:
    """Photons against the table's own; None where there is nothing to compare."""
    if run.table.photons is None:
        return None
    own = numpy.asarray(run.table.photons, numpy.float64)
    with numpy.errstate(invalid="ignore"):
        both = run.counted & numpy.isfinite(own) & (own > 0)
    if not both.any():
        return None
    own, ours = own[both], run.result.photons[both]
    ratios = ours / own
    ratio = float(numpy.median(ratios))
    scatter = _MAD_TO_SD * float(numpy.median(numpy.abs(ratios - ratio)))
    return Comparison(own, ours, ratio, scatter, _rank_correlation(own, ours))


def _rank_correlation(one: numpy.ndarray, other: numpy.ndarray) -> float:
    """Spearman's: outliers, of which real tables have many, do not make it."""
    if one.size < 3 or one.min() == one.max() or other.min() == other.max():
        return float("nan")
    return float(numpy.corrcoef(rankdata(one), rankdata(other))[0, 1])


def spread(values: numpy.ndarray) -> tuple[float, float, float]:
    """5, 50 and 95 % of values; NaN where there are none."""
    return tuple(numpy.percentile(values, (5, 50, 95))) if values.size else (float("nan"),) * 3


def running_median(frame: numpy.ndarray, photons: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Medians of up to 40 groups of as many detections each, in the order of frames."""
    order = numpy.argsort(frame, kind="stable")
    n_frames = 1 + numpy.count_nonzero(numpy.diff(frame[order]))
    groups = numpy.array_split(order, max(1, min(40, order.size // 10, n_frames)))
    return numpy.array([frame[group].mean() for group in groups]), numpy.array(
        [numpy.median(photons[group]) for group in groups]
    )


def range_without_outliers(values: numpy.ndarray) -> tuple[float, float]:
    """Limits that a few outliers do not stretch; 0 is among them unless that wastes a third of the space."""
    low, high = numpy.percentile(values, (0.5, 99.5))
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 0.5
    begin = low - margin
    return (min(0.0, begin) if begin < 0.3 * high else begin), high + margin


def amount(value: float) -> str:
    """A physical number with about three digits, all of them before the point; a dash for NaN."""
    if not numpy.isfinite(value):
        return "–"
    if 0 < abs(value) < 1e-3 or abs(value) >= 1e9:
        text = f"{value:.3g}"
    elif abs(value) >= 100:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.3g}"
    return text.replace("-", "−")


def share(part: int, whole: int) -> str:
    """A part in percent, in which few are not none and most are not all."""
    if whole == 0 or part == 0:
        return "0 %"
    if part == whole:
        return "100 %"
    percent = 100 * part / whole
    if percent < 0.1:
        return "< 0.1 %"
    if percent > 99.9:
        return "> 99.9 %"
    return f"{percent:.1f} %"


def plain(value: Any) -> str:
    """Any value of a record, for people."""
    if value is None:
        return "–"
    if isinstance(value, (bool, numpy.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, numpy.integer)):
        return f"{int(value):,}"
    if isinstance(value, (float, numpy.floating)):
        return f"{value:.4g}".replace("-", "−") if numpy.isfinite(value) else "–"
    if isinstance(value, (list, tuple, numpy.ndarray)):
        return ", ".join(plain(part) for part in value) or "–"
    if isinstance(value, Mapping):
        return ", ".join(f"{str(name).replace('_', ' ')} {plain(part)}" for name, part in value.items())
    return str(value)
