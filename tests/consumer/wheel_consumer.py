"""A program of somebody else's, in Python: counts photons of crops whose photons are known by hand."""

import math
import pathlib
import sys

import numpy as np

import lumicrop

package = pathlib.Path(lumicrop.__file__).resolve()
if pathlib.Path(sys.prefix).resolve() not in package.parents:
    sys.exit(f"lumicrop comes from {package}, not from the environment in {sys.prefix}")

gain, qe, pixel, sigma, x, y = 2.0, 0.5, 100.0, 90.0, 120.0, 85.0

# Sum: a ring of 10 around 110 has 100 counts above its median; a ring of 1 to 8 around 50 has the median 4.5.
crops = np.array([[[10, 10, 10], [10, 110, 10], [10, 10, 10]], [[1, 2, 3], [4, 50, 5], [6, 7, 8]]], dtype=np.float32)
summed, _ = lumicrop.integrate_crop([crops], channels_weighted_integrations=False, channels_gains=gain, channels_QE=qe)
np.testing.assert_allclose(summed, [400.0, 182.0], rtol=1e-6)


def pixel_gaussian(distance: float) -> float:
    """Unit-height Gaussian averaged over a pixel (SPEC section 5)."""
    scale = 1 / (math.sqrt(2) * sigma)
    integral = math.erf((distance + pixel / 2) * scale) - math.erf((distance - pixel / 2) * scale)
    return math.sqrt(math.pi / 2) * sigma / pixel * integral


# Filter: 1000 counts of the PSF on a background of 40 counts are found as 1000.
psf = np.array([[pixel_gaussian(row * pixel - y) * pixel_gaussian(column * pixel - x) for column in range(3)] for row in range(3)])
crop = (40 + 1000 * psf / psf.sum()).astype(np.float32)[np.newaxis]
filtered, _ = lumicrop.integrate_crop(
    [crop],
    np.array([5]),
    np.array([7]),
    x_fit=np.array([5 * pixel + x]),
    y_fit=np.array([7 * pixel + y]),
    os_fit=np.array([40 * gain / qe]),
    sigma_fit=np.array([sigma]),
    channels_pixels_nm=pixel,
    channels_gains=gain,
    channels_QE=qe,
)
np.testing.assert_allclose(filtered, [1000 * gain / qe], rtol=1e-5)
print(f"wheel: lumicrop {lumicrop.__version__} in {sys.prefix}: all as computed by hand")
