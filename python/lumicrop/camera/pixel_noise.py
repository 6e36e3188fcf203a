"""The noise of a movie's pixels and the light that it belongs to, summed over places of about the same light."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy
from scipy.ndimage import maximum_filter1d

from .high_frequencies import LOW_ORDER, ORDER, high_frequencies, light_under
from .jackknife_groups import groups_of, seams_of
from .light_bins import N_BINS, bins_of_light, normality_of, without_sparse_ones
from .noise_line import noise_line

#: Squares beyond this many times the expected one are cosmic rays: light exceeds it once in 1e23 places, multiplied light rarely.
_COSMIC = 100.0


@dataclass(frozen=True)
class NoiseSums:
    """Noise against light, summed over places that have about the same light.

    Every array has the shape (groups, bins): a group is a tile of the field in a part of the movie.

    Attributes
    ----------
    n : numpy.ndarray
        Places.
    mean : numpy.ndarray
        Sum of their means [ADU].
    variance : numpy.ndarray
        Sum of their variances [ADU^2].
    seams : float
        Variance of the sum over all groups over the sum of the groups' own: groups that touch have pixels and frames in common.
    step : float
        Distance of neighbouring counts [ADU]; 0: counts are no multiples of a number.
    whiteness : float
        Noise of neighbouring pixels' differences over that of high frequencies, where the movie is dark. 1: pixels are
        independent.
    plateau : float
        Noise at `LOW_ORDER` over that at `ORDER`. 1: nothing but noise is at high frequencies.
    normality : float
        Median of the squares over that of normal noise. 1: the noise is the sum of many small ones, as that of light is; less:
        some of it has been cut off.
    steepness : float
        As `plateau`, for the slope of noise over light. NaN: all light is about the same.
    """

    n: numpy.ndarray
    mean: numpy.ndarray
    variance: numpy.ndarray
    seams: float
    step: float
    whiteness: float
    plateau: float
    normality: float
    steepness: float

    @property
    def n_places(self) -> int:
        """Places in all."""
        return int(self.n.sum())


def is_large_enough(shape: tuple[int, ...]) -> bool:
    """Whether frames of this shape (rows, columns) have places where noise can be told from light."""
    return min(shape) >= 2 * ORDER


def noise_sums(runs: list[numpy.ndarray], step: float | None = None) -> NoiseSums:
    """Measure noise against light.

    Parameters
    ----------
    runs : list of numpy.ndarray
        Consecutive frames (n, height, width) [ADU], two or more in each run; all runs of one shape.
    step : float, optional
        Distance of neighbouring counts [ADU]. Default: as the counts tell.

    Returns
    -------
    NoiseSums

    Raises
    ------
    ValueError
        There are no neighbouring frames, or they are too small.
    """
    runs = [numpy.asarray(run) for run in runs if len(run) > 1]
    if not runs or not is_large_enough(runs[0].shape[1:]):
        raise ValueError(f"noise needs two neighbouring frames of at least {2 * ORDER} px each way")
    first = runs[0][0][numpy.isfinite(runs[0][0])]
    base = float(numpy.median(first)) if first.size else 0.0
    saturated = _saturation(runs)
    with numpy.errstate(invalid="ignore", over="ignore"):  # where pixels are no numbers
        measured = [_noise_and_light(run, base, saturated) for run in runs]
    noise, light, low_order, neighbours = (numpy.concatenate(each) for each in zip(*(each[:4] for each in measured)))
    shape = noise.shape
    group = groups_of(shape)
    fine = numpy.concatenate([each[4] for each in measured]) & numpy.isfinite(noise) & numpy.isfinite(light)
    noise, light, low_order, neighbours, group = (each[fine] for each in (noise, light, low_order, neighbours, group))
    bins = bins_of_light(noise, light)
    noise, light, low_order, neighbours, group, bins = _without_cosmic_rays(
        noise, light, low_order, neighbours, group, bins
    )
    bins = without_sparse_ones(bins)
    n_groups = int(group.max(initial=-1)) + 1
    place = group * N_BINS + bins
    n, of_light, of_noise, of_low = (
        numpy.bincount(place, weights, n_groups * N_BINS).reshape(n_groups, N_BINS)
        for weights in (None, light, noise, low_order)
    )
    occupied = n.sum(axis=1) > 0
    n, of_light, of_noise, of_low = (each[occupied] for each in (n, of_light, of_noise, of_low))
    dark = light <= numpy.quantile(light[:: max(1, light.size // 100_000)], 0.25) if light.size else slice(0)
    return NoiseSums(
        n.astype(float),
        of_light + base * n,
        of_noise,
        seams_of(shape),
        _step(runs) if step is None else step,
        whiteness=_ratio(neighbours[dark].sum(), noise[dark].sum()),
        plateau=_ratio(of_low.sum(), of_noise.sum()),
        normality=normality_of(noise, bins),
        steepness=_ratio(_slope(n, of_light, of_low), _slope(n, of_light, of_noise)),
    )


def _noise_and_light(run: numpy.ndarray, base: float, saturated: float) -> tuple[numpy.ndarray, ...]:
    """Squares of the high frequencies of both orders and of neighbours' differences, the light under them, and which count."""
    frames = run.astype(numpy.float32)
    frames -= numpy.float32(base)
    differences = numpy.diff(frames, axis=0)
    differences *= numpy.float32(math.sqrt(0.5))
    inner = (ORDER - LOW_ORDER) // 2
    low_order = high_frequencies(differences, LOW_ORDER)[:, inner:-inner, inner:-inner]
    half = ORDER // 2
    beside = numpy.diff(differences, axis=2)[:, half:-half, half : run.shape[2] - half] ** 2 / 2
    light = light_under((frames[1:] + frames[:-1]) / 2)
    counts = numpy.ones(light.shape, bool)
    if numpy.isfinite(saturated):
        brightest = numpy.maximum(run[1:], run[:-1])
        for axis in (1, 2):
            brightest = maximum_filter1d(brightest, ORDER + 1, axis=axis)
        counts = brightest[:, half:-half, half:-half] < saturated
    return high_frequencies(differences, ORDER) ** 2, light, low_order**2, beside, counts


def _without_cosmic_rays(
    noise: numpy.ndarray, light: numpy.ndarray, low_order: numpy.ndarray, neighbours: numpy.ndarray, group: numpy.ndarray,
    bins: numpy.ndarray,
) -> tuple[numpy.ndarray, ...]:  # fmt: skip
    """All places but those whose square is far beyond what others of the same light have."""
    everything = (noise, light, low_order, neighbours, group, bins)
    if not noise.size:
        return everything
    usual = numpy.bincount(bins, numpy.sqrt(noise), N_BINS) / numpy.maximum(numpy.bincount(bins, minlength=N_BINS), 1)
    fine = noise <= _COSMIC * math.pi / 2 * (usual**2)[bins]  # the mean modulus of normal noise is sqrt(2 / pi)
    return everything if fine.all() else tuple(each[fine] for each in everything)


def _saturation(runs: list[numpy.ndarray]) -> float:
    """Counts at which pixels are saturated; infinity where no pixel seems to be."""
    highest = max(run.max() for run in runs)
    n = sum(numpy.count_nonzero(run == highest) for run in runs)
    return float(highest) if n > max(10, 1e-6 * sum(run.size for run in runs)) and highest > 200 else math.inf


def _step(runs: list[numpy.ndarray]) -> float:
    """Distance of neighbouring counts: 1, more where a camera's few bits are spread over many, 0 where there is none."""
    some = runs[0].ravel()[:: max(1, runs[0].size // 50_000)]
    if some.dtype.kind == "f":
        if not numpy.isfinite(some).all() or (some != numpy.rint(some)).any() or abs(some).max() > 2**53:
            return 0.0
    whole = some.astype(numpy.int64)
    return float(numpy.gcd.reduce(whole - whole[0]) or 1)


def _slope(n: numpy.ndarray, light: numpy.ndarray, noise: numpy.ndarray) -> float:
    """Slope of noise over light, by least squares over bins."""
    n, light, noise = (each.sum(axis=0) for each in (n, light, noise))
    return float(noise_line(n, light / numpy.maximum(n, 1), noise / numpy.maximum(n, 1))[2])


def _ratio(one: float, other: float) -> float:
    return float(one / other) if other else math.nan
