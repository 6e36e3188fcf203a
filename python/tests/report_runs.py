"""Runs for tests of their page: no file is read, nothing is computed, and every number is known."""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np

import lumicrop
from lumicrop.report import Run
from lumicrop.settings import Setting

CONTEXT = lumicrop.ContextInfo("cpu", "avx2", 2, -1, "no GPU was found")


@dataclass
class MovieInMemory:
    """Frames, and which of them were asked for."""

    frames: np.ndarray
    path: Path = Path("movie.raw")
    format: str = "Picasso raw"
    details: str = "little endian"
    reads: list = field(default_factory=list)

    def __post_init__(self):
        self.shape, self.dtype = self.frames.shape, self.frames.dtype
        self.inputs = [self.path, self.path.with_suffix(".yaml")]

    def read(self, first, last):
        self.reads.append((first, last))
        return self.frames[first:last].copy()


@dataclass
class TableInMemory:
    n: int
    photons: np.ndarray | None
    path: Path = Path("locs.hdf5")
    format: str = "Picasso hdf5"
    length_unit: str = "px"
    qe: float | None = 1.0

    def __post_init__(self):
        self.companions = [self.path.with_suffix(".yaml")]

    def __len__(self):
        return self.n


class SettingsInMemory(SimpleNamespace):
    def used(self):
        return [(name, setting) for name, setting in vars(self).items() if setting.value is not None]


def settings(**values):
    """Those of a filter with each detection's widths; a value may be a `Setting`."""
    usual = {
        "method": "filter", "model": "gauss", "size": (7, 7), "pixel_nm": (100.0, 100.0),
        "gain": Setting(1.0, "nobody says", True), "offset": 100.0, "qe": 1.0, "sigma": "table",
        "psf_angle_deg": 0.0, "background": "table", "origin": "first_pixel", "first_frame": 0,
        "swap_xy": None, "padding": "geometry", "spline": None, "details": None,
    }  # fmt: skip
    return SettingsInMemory(
        **{
            name: value if isinstance(value, Setting) else Setting(value, f"said of {name}")
            for name, value in (usual | values).items()
        }
    )


def made_run(n=300, shape=(40, 48, 64), seed=1, *, result=None, said=None, own=True, movie=None, table=None, **more):
    """A run of `n` detections; `result` replaces its columns, `said` its settings, `own` the table's photons."""
    random = np.random.default_rng(seed)
    n_frames, height, width = shape
    said = settings(**(said or {}))
    rows, columns = said.size.value
    x, y = random.uniform(0, width - 1, n), random.uniform(0, height - 1, n)
    photons = random.lognormal(7.5, 0.4, n)
    filled = {
        "detections": SimpleNamespace(
            frame=random.integers(0, n_frames, n), x_px=x, y_px=y,
            sigma_x_px=random.uniform(1.0, 1.4, n), sigma_y_px=random.uniform(1.0, 1.4, n), columns={},
        ),
        "photons": photons,
        "background": random.normal(20, 2, n),
        "neighbours": np.zeros(n, "u2"),
        "flags": np.zeros(n, "u4"),
        "reason": np.zeros(n, "u1"),
        "X0": np.floor(x + 0.5).astype(int) - columns // 2,
        "Y0": np.floor(y + 0.5).astype(int) - rows // 2,
        "integrated": np.ones(n, bool),
        "details": {},
        "n_frames_read": n_frames,
    }  # fmt: skip
    result = SimpleNamespace(**filled | (result or {}))
    if own is True:
        own = np.abs(result.photons) * random.normal(1.0, 0.02, n)
    frames = random.poisson(120, shape).astype("u2")
    return Run(
        movie=MovieInMemory(frames, **(movie or {})),
        table=TableInMemory(n, None if own is False else own, **(table or {})),
        settings=said,
        result=result,
        context=CONTEXT,
        **more,
    )


PLACEMENT = SimpleNamespace(
    n_detections=812,
    n_frames=64,
    shift_px=(0.012, -0.5),
    shift_error_px=(0.010, 0.011),
    frame_shift=-1,
    swapped=False,
    warnings=("the light lies half a pixel above the positions",),
    evidence={"sigma_px": 1.2, "light": [{"exchanged": False, "correlation": 0.8}], "undecided": []},
)


def full_run(**more):
    """A run with something in every part of its page."""
    flags = np.zeros(300, "u4")
    flags[:4] = lumicrop.Flag.TRUNCATED
    flags[4:6] = lumicrop.Flag.BAD_INDEX
    reason, photons = np.zeros(300, "u1"), np.random.default_rng(4).lognormal(7.5, 0.4, 300)
    reason[4:6], photons[4:6] = 1, np.nan
    neighbours = np.zeros(300, "u2")
    neighbours[10:13], neighbours[20] = 1, 65535
    own = photons / 1.25
    return made_run(
        result={"flags": flags, "reason": reason, "photons": photons, "neighbours": neighbours},
        own=own, placement=PLACEMENT, warnings=["something looks wrong", "so does this"], settings_text="size: 7\n",
        summary={"detections": {"rows": 300}, "speed": {"seconds": 1.5}, "backend": {"name": "cpu"}}, **more,
    )  # fmt: skip
