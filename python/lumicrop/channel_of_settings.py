"""The settings of a run as the library's channel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy

import lumicrop

from ._channel import MAPS
from .background_settings import background_kind
from .camera_settings import channel_camera
from .input_error import InputError
from .methods import METHODS
from .radius_settings import ANNULUS, APERTURE
from .settings import Settings, has_position


def channel_settings(settings: Settings) -> dict[str, Any]:
    """The settings as arguments of `lumicrop.Channel`."""
    channel = {
        "method": settings.method.value,
        "crop_shape": settings.size.value,
        "pixel_nm": numpy.nan if settings.pixel_nm.value is None else settings.pixel_nm.value,
        "padding": settings.padding.value,
        "background": background_kind(settings.background.value),
        **channel_camera(settings),
    }
    for name in (*APERTURE, *ANNULUS):
        if (setting := getattr(settings, name)).value is not None:
            channel[name] = setting.value
    if has_position(settings) and settings.pixel_nm.value is None:
        channel["pixel_nm"] = 1.0  # positions are told in pixels, and nothing else has a length
    if settings.model.value is not None:
        channel["model"] = settings.model.value
    if settings.model.value == "spline":
        channel["spline"] = read_spline(settings.spline.value)
    elif settings.sigma.value not in (None, "table"):
        names = ("psf_sigma_nm",) if settings.model.value == "isogauss" else ("psf_sigma_x_nm", "psf_sigma_y_nm")
        channel |= dict.fromkeys(names, settings.sigma.value)
    if settings.psf_angle_deg.value not in (None, "table"):
        channel["psf_theta_deg"] = settings.psf_angle_deg.value
    return channel


def read_spline(path: Path) -> Any:
    """A measured PSF for ``model="spline"``.

    Parameters
    ----------
    path : pathlib.Path
        ``.npz`` with knots ``tx``, ``ty``, ``tz`` [nm] and ``coefficients``, shape
        ``(len(tz) - 4, len(ty) - 4, len(tx) - 4)``.

    Returns
    -------
    lumicrop.Spline

    Raises
    ------
    InputError
        The file is not such an archive.
    """
    try:
        with numpy.load(path, allow_pickle=False) as archive:
            return lumicrop.Spline(*(archive[name] for name in ("tx", "ty", "tz", "coefficients")))
    except KeyError as error:
        raise InputError(f"{path}: the array {error} is missing; expected tx, ty, tz and coefficients") from None
    except (ValueError, EOFError, AttributeError, TypeError) as error:
        if isinstance(error, lumicrop.Error):
            raise
        raise InputError(f"{path}: this is not an .npz archive of arrays") from None


def is_plain(settings: Settings) -> bool:
    """A sum or a filter with its usual background and one camera for all pixels: the library has kernels for these."""
    method = METHODS[settings.method.value]
    unusual = (settings.em_gain, settings.saturation, *(getattr(settings, name) for name in MAPS))
    return (
        not (method.has_errors or method.has_aperture)
        and background_kind(settings.background.value) == method.backgrounds[0]
        and all(setting.value is None for setting in unusual)
    )
