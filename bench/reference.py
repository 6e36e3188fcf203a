"""The formulas in float64, pixel by pixel, and how far a float32 result may be from them: for crops whose only zeros are padding.

A photon number N may differ from the reference by 4e-6 of the terms that went into it (docs/formulas.md): rounding, no more.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline
from scipy.special import erf

ALLOWED = 4e-6


@dataclass
class Reference:
    photons: np.ndarray  # (n,) [photon]
    allowed: np.ndarray  # (n,) [photon]

    def worst(self, photons: np.ndarray) -> float:
        """Largest error of the first detections, in units of what is allowed."""
        return float(np.max(np.abs(photons[: len(self.photons)] - self.photons) / self.allowed))


def reference(method: str, crops: np.ndarray, fits: dict, spline: dict, camera: dict) -> Reference:
    """Of the crops and the columns that belong to them."""
    pixels = crops.astype(float)
    values = {name: column[: len(crops)].astype(float) for name, column in fits.items()}
    if method == "sum":
        return border_median_sum(pixels, camera)
    psf = psf_of(method, values, spline, crops.shape[1], camera)
    return matched_filter(pixels, psf, values["os_fit"], camera)


def border_median_sum(crops: np.ndarray, camera: dict) -> Reference:
    n, height, width = crops.shape
    ring = np.ones((height, width), bool)
    ring[1:-1, 1:-1] = False
    data = np.where(crops == 0, np.nan, crops)
    above = np.nan_to_num(data - np.nanmedian(data[:, ring], axis=1)[:, None, None])
    scale = camera["gain"] / camera["qe"]
    return Reference(above.sum(axis=(1, 2)) * scale, ALLOWED * np.abs(above).sum(axis=(1, 2)) * scale)


def matched_filter(crops: np.ndarray, psf: np.ndarray, os_fit: np.ndarray, camera: dict) -> Reference:
    scale = camera["gain"] / camera["qe"]
    above = crops - camera["offset"] - (os_fit / scale)[:, None, None]

    def total(pixels):
        return pixels.sum(axis=(1, 2))

    squares = total(psf * psf)
    photons = total(psf) * total(psf * above) / squares * scale
    terms = np.abs(total(psf * above)) * total(np.abs(psf)) + np.abs(total(psf)) * total(np.abs(psf * above))
    return Reference(photons, ALLOWED * terms / squares * scale)


def pixel_gaussian(distance: np.ndarray, sigma: np.ndarray, pixel: float) -> np.ndarray:
    scale = np.sqrt(0.5) / sigma
    return np.sqrt(np.pi / 2) * sigma / pixel * (erf((distance + pixel / 2) * scale) - erf((distance - pixel / 2) * scale))


def distances(fits: dict, side: int, camera: dict) -> tuple[np.ndarray, np.ndarray]:
    """x (n, 1, side) and y (n, side, 1) from the fitted position to the pixels' centres [nm]."""
    pixel = camera["pixel_nm"]
    at = np.arange(side) * pixel
    x = at[None, None, :] - (fits["x_fit"] - fits["X0"] * pixel)[:, None, None]
    y = at[None, :, None] - (fits["y_fit"] - fits["Y0"] * pixel)[:, None, None]
    return x, y


def psf_of(method: str, fits: dict, spline: dict, side: int, camera: dict) -> np.ndarray:
    x, y = distances(fits, side, camera)
    pixel = camera["pixel_nm"]
    column = {name: values[:, None, None] for name, values in fits.items()}
    if method == "filter/isogauss":
        return pixel_gaussian(x, column["sigma_fit"], pixel) * pixel_gaussian(y, column["sigma_fit"], pixel)
    if method == "filter/spline":
        z = np.broadcast_to(-column["z_fit"], (len(x), 1, 1))
        bases = [basis(spline[knots], points) for knots, points in (("tz", z), ("ty", y), ("tx", x))]
        return np.einsum("nak,nbl,ncm,klm->nbc", *bases, spline["coefficients"], optimize=True)
    angle = np.deg2rad(column["sigma_angle"] if method == "filter/gauss" else 0.0)
    along_x, along_y = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    return pixel_gaussian(along_x, column["sigma_x_fit"], pixel) * pixel_gaussian(along_y, column["sigma_y_fit"], pixel)


def basis(knots: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(n, points, coefficients): every cubic B-spline at every point, none outside the domain."""
    n = len(knots) - 4
    flat = points.reshape(len(points), -1)
    inside = (flat >= knots[3]) & (flat <= knots[n])
    made = BSpline(knots, np.eye(n), 3)(np.clip(flat, knots[3], knots[n]))
    return made * inside[..., None]
