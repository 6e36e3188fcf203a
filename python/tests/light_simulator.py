"""Molecules on a camera, simulated by formulas of its own: nothing of the package is used here.

A molecule's light falls on a pixel by the difference of two error functions along each axis; electrons are Poisson numbers; an EM register
makes a gamma variable of each; reading adds normal noise; what is stored is a number of counts.
"""

from dataclasses import dataclass

import numpy
from scipy.special import ndtr


@dataclass(frozen=True)
class Camera:
    gain: float = 0.5  # e-/ADU
    qe: float = 0.9
    offset: float = 100.0  # ADU
    read_noise: float = 1.0  # e-, after multiplication
    em_gain: float = 1.0
    whole_counts: bool = True


@dataclass(frozen=True)
class Molecules:
    """Crops with one molecule each, lengths in pixels."""

    crops: numpy.ndarray  # counts
    x: numpy.ndarray
    y: numpy.ndarray
    sigma: float
    photons: float  # of the whole molecule
    light: numpy.ndarray  # expected photons of each pixel, without background
    background: float  # photons a pixel

    @property
    def enclosed(self):
        return self.light.sum((1, 2)) / self.photons


def light_on(size: int, x, y, sigma: float) -> numpy.ndarray:
    """Fraction of each molecule's light on every pixel."""
    edges = numpy.arange(size + 1) - 0.5

    def along(centre):
        return numpy.diff(ndtr((edges[None] - numpy.asarray(centre)[:, None]) / sigma), axis=1)

    return along(y)[:, :, None] * along(x)[:, None, :]


def seen_by(camera: Camera, photons: numpy.ndarray, rng, *, read_variance=None) -> numpy.ndarray:
    """Counts of pixels that expect so many photons; `read_variance` [e-^2] of each pixel, instead of the camera's."""
    electrons = rng.poisson(photons * camera.qe).astype(float)
    if camera.em_gain > 1:
        electrons = numpy.where(electrons > 0, rng.gamma(numpy.maximum(electrons, 0.5)), 0.0) * camera.em_gain
    noise = camera.read_noise if read_variance is None else numpy.sqrt(read_variance)
    counts = (electrons + noise * rng.standard_normal(electrons.shape)) / camera.gain + camera.offset
    return numpy.rint(counts) if camera.whole_counts else counts


def molecules(
    seed: int, *, n=20_000, size=11, photons=1000.0, background=10.0, sigma=1.3, camera=Camera(), read_variance=None
) -> Molecules:
    """Molecules anywhere on the crop's middle pixel."""
    rng = numpy.random.default_rng(seed)
    x, y = (size - 1) / 2 + rng.uniform(-0.5, 0.5, (2, n))
    light = photons * light_on(size, x, y, sigma)
    crops = seen_by(camera, light + background, rng, read_variance=read_variance)
    return Molecules(crops.astype(numpy.float32), x, y, sigma, photons, light, background)
