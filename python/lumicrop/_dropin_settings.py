"""The settings of the drop-in's channels: one value for all, or one each, checked and put into the library's structs."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy

from ._abi import InvalidArgument
from ._channel import MODELS, Channel, Spline, channel_structs

SIGMA_NM = 0.21 * 670 / 1.5
"""Sigma [nm] of a channel that states none: 670 nm light, numerical aperture 1.5."""

_SPLINE_ARGUMENTS = {"tx": "channels_psf_3d_xtangents", "ty": "channels_psf_3d_ytangents",
                     "tz": "channels_psf_3d_ztangents", "coefficients": "channels_psf_3d_spline_coeffs"}
# What the native call names otherwise than this one.
_ARGUMENTS = {"images": "crops", "gain": "channels_gains", "qe": "channels_QE", "psf_sigma_nm": "channels_psf_sigmas_nm",
              "psf_sigma_x_nm": "channels_psf_xsigmas_nm", "psf_sigma_y_nm": "channels_psf_ysigmas_nm",
              "psf_theta_deg": "channels_psf_thetas_deg", **_SPLINE_ARGUMENTS}

_ONE_VALUE = (float, int, str, type(None))
"""Types of the values that stand for all channels, and that nobody can change."""


@dataclass(frozen=True)
class Settings:
    """The channels but for their images.

    Attributes
    ----------
    weighted, models, pixels_nm : sequence
        As `info` has them.
    channels : list of Channel
        Without images.
    structs : cdata
        The same as an array of ``lumicrop_channel``.
    """

    weighted: list[bool]
    models: list[str]
    pixels_nm: Sequence
    channels: list[Channel]
    structs: Any


def settings_of(n_channels: int, *values) -> Settings:
    """The settings of so many channels; those that one value states for all are looked through once, not at every call."""
    for value in values:
        if not isinstance(value, _ONE_VALUE):
            return _settings(n_channels, *values)
    return _settings_once(n_channels, *values)


def _settings(n_channels: int, weighted, models, pixels_nm, gains, qes, sigmas, x_sigmas, y_sigmas, thetas,
              *spline_arguments) -> Settings:
    weighted = list(map(bool, _per_channel(weighted, n_channels, "channels_weighted_integrations")))
    models = _models(models, n_channels)
    pixels_nm, pixel_pairs = _pixels(pixels_nm, n_channels)
    gains = _per_channel(gains, n_channels, "channels_gains")
    qes = _per_channel(qes, n_channels, "channels_QE")
    sigmas = _per_channel(sigmas, n_channels, "channels_psf_sigmas_nm")
    x_sigmas = _per_channel(x_sigmas, n_channels, "channels_psf_xsigmas_nm")
    y_sigmas = _per_channel(y_sigmas, n_channels, "channels_psf_ysigmas_nm")
    thetas = _per_channel(thetas, n_channels, "channels_psf_thetas_deg")
    splines = _splines([is_weighted and model == "spline" for is_weighted, model in zip(weighted, models)], spline_arguments)
    channels = []
    for k in range(n_channels):
        camera = {"images": None, "gain": gains[k], "qe": qes[k]}
        if not weighted[k]:
            channels.append(Channel(method="sum", **camera))
        else:
            psf = {"isogauss": {"psf_sigma_nm": sigmas[k]},
                   "gauss": {"psf_sigma_x_nm": x_sigmas[k], "psf_sigma_y_nm": y_sigmas[k], "psf_theta_deg": thetas[k]},
                   "spline": {"spline": splines[k]}}[models[k]]
            channels.append(Channel(model=models[k], pixel_nm=pixel_pairs[k], **camera, **psf))
    try:
        return Settings(weighted, models, pixels_nm, channels, channel_structs(channels))
    except InvalidArgument as error:
        raise InvalidArgument(in_own_words(str(error))) from None


_settings_once = lru_cache(maxsize=64, typed=True)(_settings)  # what is refused is not kept


def in_own_words(message: str) -> str:
    """An error of the native call with the drop-in's names of arguments."""
    return re.sub(rf"\b({'|'.join(_ARGUMENTS)})\b", lambda word: _ARGUMENTS[word[0]], message)


def _per_channel(values, n_channels: int, name: str) -> list:
    """One value per channel, from one for all or from one each."""
    if isinstance(values, _ONE_VALUE):
        return [values] * n_channels
    try:
        given = len(values)
    except TypeError:
        return [values] * n_channels
    if given != n_channels:
        raise InvalidArgument(f"{name} has {given} values, {n_channels} expected: one for all channels, or one each")
    return list(values)


def _models(values, n_channels: int) -> list[str]:
    models = [str(value).lower() for value in _per_channel(values, n_channels, "channels_fit_models")]
    for number, model in enumerate(models, start=1):
        if model not in MODELS:
            raise InvalidArgument(f"channel {number}: channels_fit_models is {model!r}, "
                                  f"one of {', '.join(map(repr, MODELS))} expected")
    return models


def _pixels(values, n_channels: int):
    """The pixel sizes with one entry a channel, and as pairs (y, x) of numbers."""
    name = "channels_pixels_nm"
    if is_scalar(values):
        values = [(values, values)] * n_channels
    elif len(values) == 2 and n_channels == 2 and all(map(is_scalar, values)):
        raise InvalidArgument(f"{name} is {values!r}: with two channels a bare pair of numbers is either (y, x) for both or one "
                              "size for each; one pair (y, x) per channel expected, such as [(100, 100), (97, 108)]")
    elif len(values) == 2 != n_channels:
        values = [values] * n_channels
    elif len(values) != n_channels:
        raise InvalidArgument(f"{name} has {len(values)} values, {n_channels} expected: a number, a pair (y, x), or one each")
    return values, [_pixel_pair(pixel, f"channel {number}: {name}") for number, pixel in enumerate(values, start=1)]


def _pixel_pair(pixel, name: str) -> tuple[float, float]:
    try:
        y, x = (float(length) for length in ((pixel, pixel) if is_scalar(pixel) else pixel))
    except (TypeError, ValueError):
        raise InvalidArgument(f"{name} is {pixel!r}, a number or a pair (y, x) expected") from None
    if not (0 < y < math.inf and 0 < x < math.inf):
        raise InvalidArgument(f"{name} is {pixel!r}, finite numbers above 0 expected")
    return y, x


def _splines(needed: list[bool], arguments: Sequence) -> list[Spline | None]:
    """The PSF of each channel that needs one, from the knots along x, y and z, and the coefficients."""
    names = list(_SPLINE_ARGUMENTS.values())
    parts = []
    for name, values in zip(names, arguments):
        if isinstance(values, numpy.ndarray) and len(needed) == 1:
            values = [values]
        parts.append(_per_channel(values, len(needed), name))
    splines = []
    for number, (is_needed, *of_channel) in enumerate(zip(needed, *parts), start=1):
        if not is_needed:
            splines.append(None)
            continue
        for name, part in zip(names, of_channel):
            if part is None:
                raise SyntaxError(f"channel {number}: {name} is required for the model 'spline', but None")
        try:
            splines.append(Spline(*of_channel))
        except InvalidArgument as error:
            raise InvalidArgument(f"channel {number}: {in_own_words(str(error))}") from None
    return splines


def is_scalar(value) -> bool:
    """Whether `value` is one number or word."""
    if isinstance(value, (*_ONE_VALUE, list, tuple)):
        return isinstance(value, _ONE_VALUE)
    try:
        return numpy.ndim(value) == 0
    except ValueError:  # lists of different lengths
        return False
