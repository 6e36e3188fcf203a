"""Movies with known photons: what a camera would have seen, and the truth beside it.

Written apart from the library: no formula, no code is shared, so that the one can judge the other.

A molecule of N photons at (x, y) lights pixel (c, r) with ``N A(c - x) A(r - y)``: the Gaussian of width s integrated
over the pixel, ``A(d) = (erf((d + 1/2) / (sqrt 2 s)) - erf((d - 1/2) / (sqrt 2 s))) / 2``. The camera turns the
expected light L [photon] of a pixel into ``offset + (Poisson(qe L) + Normal(0, read_noise)) / gain`` counts, rounded
and kept within 16 bits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy

from .input_error import InputError


@dataclass(frozen=True)
class Scene:
    """A movie to simulate.

    Attributes
    ----------
    frames : int, default 200
    size : tuple of int, default (64, 64)
        Rows and columns of a frame [px].
    molecules : int, default 1000
        Detections in the whole movie, spread evenly over its frames.
    photons : float, default 2000
        Mean photons of a detection [photon].
    photons_spread : float, default 0.3
        Standard deviation of the photons over their mean (log-normal).
    background : float, default 20
        Background [photon/px].
    sigma_nm : float, default 130
        Width of the PSF [nm].
    pixel_nm : float, default 100
        Pixel size [nm].
    gain : float, default 0.5
        Gain [e-/ADU].
    offset : float, default 100
        Camera offset [ADU].
    qe : float, default 1
        Quantum efficiency.
    read_noise : float, default 1.5
        Standard deviation of the read noise [e-].
    seed : int, default 1
        The same seed gives the same movie.
    """

    frames: int = 200
    size: tuple[int, int] = (64, 64)
    molecules: int = 1000
    photons: float = 2000.0
    photons_spread: float = 0.3
    background: float = 20.0
    sigma_nm: float = 130.0
    pixel_nm: float = 100.0
    gain: float = 0.5
    offset: float = 100.0
    qe: float = 1.0
    read_noise: float = 1.5
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("frames", "photons", "sigma_nm", "pixel_nm", "gain", "qe"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise InputError(f"--{name.replace('_', '-')} is {getattr(self, name):g}, expected a number above 0")
        for name in ("molecules", "photons_spread", "background", "read_noise", "seed"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise InputError(
                    f"--{name.replace('_', '-')} is {getattr(self, name):g}, expected a number of at least 0"
                )
        if not math.isfinite(self.offset):
            raise InputError(f"--offset is {self.offset:g}, expected a finite number")
        if min(self.size) < 2 * self.margin + 1:
            raise InputError(
                f"--size is {self.size[0]}x{self.size[1]}: a sigma of {self.sigma_nm:g} nm needs at least "
                f"{2 * self.margin + 1} px each way"
            )

    @property
    def margin(self) -> int:
        """Distance of every molecule from the frame's edge [px]: a usual crop (3 sigma) lies inside."""
        return math.ceil(3 * self.sigma_nm / self.pixel_nm) + 1


@dataclass(frozen=True)
class Truth:
    """What is in a simulated movie; one value per detection, sorted by frame.

    Attributes
    ----------
    frame : numpy.ndarray
        Frame counted from 0, int64.
    x, y : numpy.ndarray
        Position [px] from the first pixel's centre.
    photons : numpy.ndarray
        Expected photons that reach the camera [photon]; the movie holds a Poisson draw of them.
    """

    frame: numpy.ndarray
    x: numpy.ndarray
    y: numpy.ndarray
    photons: numpy.ndarray


def draw_truth(scene: Scene) -> Truth:
    """Where the molecules are and how bright, no two of a frame closer than two margins.

    Raises
    ------
    InputError
        They do not fit.
    """
    random = numpy.random.default_rng([scene.seed, scene.frames])
    frame = numpy.arange(scene.molecules) * scene.frames // max(1, scene.molecules)
    x, y = numpy.empty(scene.molecules), numpy.empty(scene.molecules)
    begin = 0
    for row in range(scene.molecules):
        if frame[row] != frame[begin]:
            begin = row
        x[row], y[row] = _free_place(scene, random, x[begin:row], y[begin:row])
    width = math.sqrt(math.log1p(scene.photons_spread**2))
    brightness = random.lognormal(-(width**2) / 2, width, scene.molecules) if width else numpy.ones(scene.molecules)
    return Truth(frame, x, y, scene.photons * brightness)


def _free_place(
    scene: Scene, random: numpy.random.Generator, x: numpy.ndarray, y: numpy.ndarray
) -> tuple[float, float]:
    height, width = scene.size
    for _ in range(1000):
        column = random.uniform(scene.margin, width - 1 - scene.margin)
        row = random.uniform(scene.margin, height - 1 - scene.margin)
        if not len(x) or ((x - column) ** 2 + (y - row) ** 2).min() >= (2 * scene.margin) ** 2:
            return column, row
    raise InputError(
        f"{scene.molecules} molecules do not fit apart into {scene.frames} frames of {height} x {width} px: "
        "ask for fewer, or for more frames"
    )


def draw_frames(scene: Scene, truth: Truth) -> Iterator[numpy.ndarray]:
    """The movie, one uint16 frame of shape ``scene.size`` at a time."""
    sigma_px = scene.sigma_nm / scene.pixel_nm
    starts = numpy.searchsorted(truth.frame, numpy.arange(scene.frames + 1))
    for number in range(scene.frames):
        light = numpy.full(scene.size, scene.background)
        for row in range(starts[number], starts[number + 1]):
            _add_spot(light, truth.x[row], truth.y[row], truth.photons[row], sigma_px)
        yield _expose(scene, light, numpy.random.default_rng([scene.seed, scene.frames, number]))


def _add_spot(frame: numpy.ndarray, x: float, y: float, photons: float, sigma: float) -> None:
    """Add a molecule's light within 8 sigma: what lies beyond is less than 1e-14 of it."""
    reach = math.ceil(8 * sigma) + 1
    rows = slice(max(0, round(y) - reach), min(frame.shape[0], round(y) + reach + 1))
    columns = slice(max(0, round(x) - reach), min(frame.shape[1], round(x) + reach + 1))
    frame[rows, columns] += photons * numpy.outer(_shares(rows, y, sigma), _shares(columns, x, sigma))


def _shares(pixels: slice, centre: float, sigma: float) -> numpy.ndarray:
    """Share of a line of light that falls on each pixel."""
    edges = [math.erf((edge - 0.5 - centre) / (math.sqrt(2) * sigma)) for edge in range(pixels.start, pixels.stop + 1)]
    return numpy.diff(edges) / 2


def _expose(scene: Scene, light: numpy.ndarray, random: numpy.random.Generator) -> numpy.ndarray:
    electrons = random.poisson(scene.qe * light) + (
        random.normal(0, scene.read_noise, light.shape) if scene.read_noise else 0.0
    )
    return numpy.clip(numpy.rint(scene.offset + electrons / scene.gain), 0, 65535).astype(numpy.uint16)
