"""Movies of a camera that is known, drawn by plain NumPy; nothing of lumicrop's is used, so that it can judge it."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import erf


@dataclass(frozen=True)
class Filmed:
    """A movie to draw: blinking molecules on a background, as a camera counts them.

    Lengths in pixels, light in electrons. `density` is that of molecules that shine at a time, 0.003 per px being 0.3 per um^2 at
    100 nm; `on` their mean time in frames. `structure` is how much the background varies over the field, `bleaching` by how much
    of itself it falls, `flicker` the lamp's standard deviation. `em_gain` multiplies before the read-out.
    """

    frames: int = 60
    size: tuple = (64, 64)
    gain: float = 0.5
    offset: float = 1000.0
    read_noise: float = 1.5
    em_gain: float = 1.0
    background: float = 20.0
    structure: float = 0.0
    bleaching: float = 0.0
    flicker: float = 0.0
    density: float = 0.003
    electrons: float = 1000.0
    sigma: float = 1.3
    on: float = 3.0
    dtype: str = "uint16"
    seed: int = 0

    def but(self, **changes):
        return replace(self, **changes)

    def frames_of(self):
        """The counts, (frames, rows, columns)."""
        random = np.random.default_rng([self.seed, 2013])
        light = self._background(random)
        self._add_molecules(light, random)
        electrons = random.poisson(light).astype(float)
        if self.em_gain > 1:  # a register's output for n electrons: gamma of shape n (Basden et al. 2003)
            electrons = self.em_gain * random.gamma(np.maximum(electrons, 1e-9)) * (electrons > 0)
        counts = np.rint(self.offset + (electrons + random.normal(0, self.read_noise, light.shape)) / self.gain)
        return np.clip(counts, 0, np.iinfo(self.dtype).max).astype(self.dtype)

    def _background(self, random):
        rows, columns = np.mgrid[: self.size[0], : self.size[1]] / np.array(self.size).reshape(2, 1, 1)
        field = 1 + self.structure * np.sin(9 * columns) * np.cos(6 * rows)
        time = np.arange(self.frames) / self.frames
        lamp = (1 - self.bleaching * (1 - np.exp(-3 * time))) * (1 + self.flicker * random.normal(size=self.frames))
        return self.background * lamp[:, None, None] * field

    def _add_molecules(self, light, random):
        height, width = self.size
        n = random.poisson(self.density * height * width * (self.frames + 20) / self.on)
        first, last = random.uniform(-20, self.frames, n), random.exponential(self.on, n)
        last += first
        for x, y, begins, ends, share in zip(
            random.uniform(-4, width + 3, n),
            random.uniform(-4, height + 3, n),
            first,
            last,
            random.lognormal(-0.125, 0.5, n),
        ):
            columns, along_x = self._spread(x, width)
            rows, along_y = self._spread(y, height)
            spot = self.electrons * share * np.outer(along_y, along_x)
            for frame in range(max(0, int(np.floor(begins))), min(self.frames, int(np.ceil(ends)))):
                light[frame, rows, columns] += spot * (min(ends, frame + 1) - max(begins, frame))

    def _spread(self, centre, side):
        reach = int(np.ceil(5 * self.sigma))
        pixels = slice(max(0, round(centre) - reach), max(0, min(side, round(centre) + reach + 1)))
        edges = np.arange(pixels.start, max(pixels.start, pixels.stop) + 1) - 0.5
        return pixels, np.diff(erf((edges - centre) / (np.sqrt(2) * self.sigma))) / 2
