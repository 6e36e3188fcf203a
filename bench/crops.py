"""The crops that lumicrop_bench wrote, and what each method reads of them."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

METHODS = ("sum", "filter/isogauss", "filter/gauss", "filter/gauss-unrotated", "filter/spline")
MODELS = {"filter/isogauss": "isogauss", "filter/gauss": "gauss", "filter/gauss-unrotated": "gauss", "filter/spline": "spline"}
COLUMNS = {
    "sum": (),
    "filter/isogauss": ("sigma_fit",),
    "filter/gauss": ("sigma_x_fit", "sigma_y_fit", "sigma_angle"),
    "filter/gauss-unrotated": ("sigma_x_fit", "sigma_y_fit"),
    "filter/spline": ("z_fit",),
}


def camera_of(folder: Path) -> dict:
    return json.loads((folder / "camera.json").read_text())


def spline_of(folder: Path) -> dict:
    return {name: np.load(folder / f"{name}.npy") for name in ("tx", "ty", "tz", "coefficients")}


def sizes_of(folder: Path) -> Iterator[tuple[str, np.ndarray, dict]]:
    """Of each size: its name, such as 11x11, its crops and its columns."""
    for size in sorted(folder.glob("[0-9]*x[0-9]*"), key=lambda path: int(path.name.split("x")[0])):
        yield size.name, *detections_of(size)


@cache
def detections_of(folder: Path) -> tuple[np.ndarray, dict]:
    """The crops in a folder, as u16, and a column of each fitted value."""
    columns = {path.stem: np.load(path) for path in sorted(folder.glob("*.npy"))}
    return columns.pop("crops"), columns


def light_offset(columns: dict, camera: dict) -> np.ndarray:
    """os_fit for callers who know no camera offset: light that has the same counts instead."""
    return (columns["os_fit"] + camera["offset"] * camera["gain"] / camera["qe"]).astype(np.float32)


def dropin_arguments(method: str, crops: np.ndarray, columns: dict, spline: dict, camera: dict,
                     parallel: bool) -> tuple[tuple, dict]:
    """What integrate_crop takes, the seed's and lumicrop's, for all of these crops."""
    named = dict(channels_gains=camera["gain"], channels_QE=camera["qe"], channels_pixels_nm=float(camera["pixel_nm"]),
                 parallel=parallel)
    if method == "sum":
        return ([crops],), dict(channels_weighted_integrations=False, **named)
    named.update({name: columns[name] for name in ("x_fit", "y_fit", *COLUMNS[method])}, os_fit=light_offset(columns, camera),
                 channels_fit_models=MODELS[method])
    if method == "filter/spline":
        named.update(channels_psf_3d_xtangents=[spline["tx"]], channels_psf_3d_ytangents=[spline["ty"]],
                     channels_psf_3d_ztangents=[spline["tz"]], channels_psf_3d_spline_coeffs=[spline["coefficients"]])
    return ([crops], columns["X0"], columns["Y0"]), named
