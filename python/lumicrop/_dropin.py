"""A drop-in for ``smlmlp.integrate_crop``: its arguments, its results, computed by lumicrop."""

from __future__ import annotations

import math
import re
import warnings

import numpy

from ._abi import Error, InvalidArgument
from ._arrays import IMAGE_TYPES, column_types, readable, whole
from ._channel import MODELS, Channel, Spline, used_columns
from ._context import Context, default_context
from ._lookup import looked_up
from ._native import integrate

SIGMA_NM = 0.21 * 670 / 1.5
"""Sigma [nm] of a channel that states none: 670 nm light, numerical aperture 1.5."""

_SPLINE_ARGUMENTS = {"tx": "channels_psf_3d_xtangents", "ty": "channels_psf_3d_ytangents",
                     "tz": "channels_psf_3d_ztangents", "coefficients": "channels_psf_3d_spline_coeffs"}
# What the native call names otherwise than this one.
_ARGUMENTS = {"images": "crops", "gain": "channels_gains", "qe": "channels_QE", "psf_sigma_nm": "channels_psf_sigmas_nm",
              "psf_sigma_x_nm": "channels_psf_xsigmas_nm", "psf_sigma_y_nm": "channels_psf_ysigmas_nm",
              "psf_theta_deg": "channels_psf_thetas_deg", **_SPLINE_ARGUMENTS}


@looked_up
def integrate_crop(
    crops, X0=None, Y0=None, /, ch=None, *,
    x_fit=None, y_fit=None, z_fit=None, os_fit=None, sigma_fit=None, sigma_x_fit=None, sigma_y_fit=None, sigma_angle=None,
    channels_weighted_integrations=True, channels_fit_models="isogauss", channels_pixels_nm=1.0, channels_gains=1.0,
    channels_QE=1.0, channels_psf_sigmas_nm=SIGMA_NM, channels_psf_xsigmas_nm=SIGMA_NM, channels_psf_ysigmas_nm=SIGMA_NM,
    channels_psf_thetas_deg=0.0, channels_psf_3d_xtangents=None, channels_psf_3d_ytangents=None,
    channels_psf_3d_ztangents=None, channels_psf_3d_spline_coeffs=None, cuda=False, parallel=False,
):
    """Count the photons of each detection from stacks of crops, one stack per channel.

    A drop-in for the function of this name in smlmlp: the same arguments, defaults, results and exceptions. `integrate`
    offers more: movies, camera offsets, other paddings and origins, flags, float64 results.

    Parameters
    ----------
    crops : sequence of array_like, each of shape (n, height, width)
        Raw counts [ADU], one stack per channel, each in the order of the channel's detections.
    X0, Y0 : array_like or sequence of array_like, optional
        Column and row of each crop's first pixel [px]. Like all columns below: of shape (n,) in detection order, or a list or
        tuple with one array per channel. Needed by weighted channels.
    ch : array_like of int, shape (n,), optional
        One-based channel of each detection. None: detections stand channel after channel.
    x_fit, y_fit : array_like of float, optional
        Fitted position in the whole frame [nm], 0 at the centre of its first pixel. Needed by weighted channels.
    z_fit : array_like of float, optional
        Fitted z [nm], for the model ``"spline"``. None: 0.
    os_fit : array_like of float, optional
        Fitted offset (background) [photon/px]. Needed by weighted channels.
    sigma_fit, sigma_x_fit, sigma_y_fit : array_like of float, optional
        Fitted sigmas [nm]: `sigma_fit` for ``"isogauss"``, and for ``"gauss"`` where one of the others is None.
        None: the channel's.
    sigma_angle : array_like of float, optional
        Fitted angle [degrees], for ``"gauss"``. None: the channel's.
    channels_weighted_integrations : bool or sequence of bool, default True
        True: matched filter with the fitted PSF; False: sum of the pixels above the median of the border pixels.
        Like all settings below: one for all channels, or one each.
    channels_fit_models : str or sequence of str, default "isogauss"
        PSF of weighted channels: ``"isogauss"``, ``"gauss"`` or ``"spline"``, in any case.
    channels_pixels_nm : float, (float, float) or sequence of them, default 1.0
        Pixel size [nm]: a number, a pair (y, x) for all channels, or one each. With two channels a bare pair of numbers
        could be either and is refused.
    channels_gains : float or sequence of float, default 1.0
        Electrons per count [e-/ADU]: multiplies.
    channels_QE : float or sequence of float, default 1.0
        Quantum efficiency: divides.
    channels_psf_sigmas_nm, channels_psf_xsigmas_nm, channels_psf_ysigmas_nm : float or sequence of float, default 93.8
        Sigma [nm] of ``"isogauss"``, and sigmas of ``"gauss"``, where no column of sigmas is given.
    channels_psf_thetas_deg : float or sequence of float, default 0
        Angle [degrees] of ``"gauss"`` where no `sigma_angle` is given.
    channels_psf_3d_xtangents, channels_psf_3d_ytangents, channels_psf_3d_ztangents : sequence of array_like, optional
        Knots [nm] of the PSF of ``"spline"``, one array per channel, None where not needed; one array for one channel.
    channels_psf_3d_spline_coeffs : sequence of array_like, optional
        Its coefficients ``[iz, iy, ix]``, of shape ``(len(tz) - 4, len(ty) - 4, len(tx) - 4)``, likewise.
    cuda : bool, default False
        Compute on the GPU. Where none is usable, or ``LUMICROP_BACKEND=cpu`` in the environment forbids it, a
        `RuntimeWarning` says why, and the CPU computes.
    parallel : bool, default False
        On the CPU: False, one thread; True, all.
    locs, config : object, optional
        Where arguments not given, or None, are looked up by name: ``locs.<df_name>``, then ``locs.config`` or `config`.
    df_name : str, default "detections"
        Attribute of `locs` that holds the columns.

    Returns
    -------
    photons : numpy.ndarray of float32, shape (n,)
        In detection order [photon].
    info : dict
        ``channels_weighted_integrations``, ``channels_fit_models``, ``channels_pixels_nm``: the settings, one entry a channel;
        ``psf_sums``, ``weighted_denominators``: lists of one float32 array per channel, NaN where unweighted: sum of the
        PSF model of unit amplitude, and of the squared normalised PSF, over each crop;
        ``background_vector``: float32, shape (n,), in detection order: the counts subtracted from each crop [ADU];
        ``border_medians``, if any channel is unweighted: a list of one float32 array per channel, weighted ones too [ADU].

    Raises
    ------
    ValueError
        An argument is wrong; the text names it, the channel, and what was expected and found.
    SyntaxError
        A weighted channel of the model ``"spline"`` lacks knots or coefficients.

    Notes
    -----
    The sum is ``(crop - b).sum() * gain / QE``, b the median of the border. The filter is
    ``(p * (crop - b)).sum() / (p**2).sum() * gain / QE``, with ``b = os_fit * QE / gain`` and p the PSF model normalised
    over the crop. Zeros that connect to a crop's border are padding: they leave border and sum.

    Examples
    --------
    >>> import numpy, lumicrop
    >>> crops = numpy.ones((2, 3, 3), numpy.float32)
    >>> crops[:, 1, 1] = [11, 21]
    >>> photons, info = lumicrop.integrate_crop([crops], channels_weighted_integrations=False)
    >>> photons
    array([10., 20.], dtype=float32)
    """
    stacks = _stacks(crops)
    n_channels = len(stacks)
    weighted = list(map(bool, _per_channel(channels_weighted_integrations, n_channels, "channels_weighted_integrations")))
    models = _models(channels_fit_models, n_channels)
    pixels_nm, pixel_pairs = _pixels(channels_pixels_nm, n_channels)
    gains = _per_channel(channels_gains, n_channels, "channels_gains")
    qes = _per_channel(channels_QE, n_channels, "channels_QE")
    sigmas = _per_channel(channels_psf_sigmas_nm, n_channels, "channels_psf_sigmas_nm")
    x_sigmas = _per_channel(channels_psf_xsigmas_nm, n_channels, "channels_psf_xsigmas_nm")
    y_sigmas = _per_channel(channels_psf_ysigmas_nm, n_channels, "channels_psf_ysigmas_nm")
    thetas = _per_channel(channels_psf_thetas_deg, n_channels, "channels_psf_thetas_deg")
    splines = _splines([is_weighted and model == "spline" for is_weighted, model in zip(weighted, models)],
                       [channels_psf_3d_xtangents, channels_psf_3d_ytangents, channels_psf_3d_ztangents,
                        channels_psf_3d_spline_coeffs])
    channels = []
    for k in range(n_channels):
        camera = {"images": stacks[k], "gain": gains[k], "qe": qes[k]}
        if not weighted[k]:
            channels.append(Channel(method="sum", **camera))
        else:
            psf = {"isogauss": {"psf_sigma_nm": sigmas[k]},
                   "gauss": {"psf_sigma_x_nm": x_sigmas[k], "psf_sigma_y_nm": y_sigmas[k], "psf_theta_deg": thetas[k]},
                   "spline": {"spline": splines[k]}}[models[k]]
            channels.append(Channel(model=models[k], pixel_nm=pixel_pairs[k], **camera, **psf))

    order = _Order([len(stack) for stack in stacks], ch)
    columns = {"ch": order.labels, "X0": X0, "Y0": Y0, "x_fit": x_fit, "y_fit": y_fit, "z_fit": z_fit, "os_fit": os_fit,
               "sigma_fit": sigma_fit, "sigma_x_fit": sigma_x_fit, "sigma_y_fit": sigma_y_fit, "sigma_angle": sigma_angle}
    columns = {name: columns[name] if name == "ch" else order.detection_aligned(columns[name], name)
               for name in used_columns(channels, {"frame": None, **columns})}
    context = _context(cuda, parallel)
    result = _integrate(channels, **columns, outputs=("photons", "background", "psf_sum", "denominator"), context=context)

    info = {
        "channels_weighted_integrations": weighted,
        "channels_fit_models": models,
        "channels_pixels_nm": pixels_nm,
        "psf_sums": order.by_channel(result.psf_sum),
        "weighted_denominators": order.by_channel(result.denominator),
        "background_vector": result.background,
    }
    if not all(weighted):
        info["border_medians"] = _border_medians(channels, order.by_channel(result.background.copy()), context)
    return result.photons, info


class _Order:
    """How detections and crops belong together: detection order outside, channel after channel inside."""

    def __init__(self, lengths: list[int], ch):
        self.lengths = lengths
        self.labels = None if ch is None else whole(ch, "ch")
        # Detection of each crop, channel after channel; labels that do not fit are refused by the library.
        self._detection = None if ch is None else numpy.argsort(self.labels, kind="stable")

    def detection_aligned(self, values, name: str):
        """A column in detection order, from one, or from a list or tuple of one array per channel."""
        if not isinstance(values, (list, tuple)) or not len(values) or _is_scalar(values[0]):
            return readable(values, name, column_types(name), 1)
        if len(values) != len(self.lengths):
            raise InvalidArgument(f"{name} has {len(values)} arrays, {len(self.lengths)} expected: one per channel")
        parts = []
        for number, (part, length) in enumerate(zip(values, self.lengths), start=1):
            parts.append(readable(part, f"channel {number}: {name}", column_types(name), 1))
            if len(parts[-1]) != length:
                raise InvalidArgument(f"channel {number}: {name} has {len(parts[-1])} values, {length} detections expected")
        column = numpy.concatenate(parts)
        if self._detection is not None and len(self._detection) == len(column):
            column[self._detection] = column.copy()
        return column

    def by_channel(self, column: numpy.ndarray) -> list[numpy.ndarray]:
        """One array per channel, in the order of its crops."""
        if self._detection is not None:
            column = column[self._detection]
        return numpy.split(column, numpy.cumsum(self.lengths)[:-1])


def _integrate(channels: list[Channel], **arguments):
    """The native call in float32, its errors in this function's words."""
    try:
        return integrate(channels, dtype=numpy.float32, **arguments)
    except InvalidArgument as error:
        raise InvalidArgument(_in_own_words(str(error))) from None


def _in_own_words(message: str) -> str:
    return re.sub(rf"\b({'|'.join(_ARGUMENTS)})\b", lambda word: _ARGUMENTS[word[0]], message)


def _border_medians(channels: list[Channel], backgrounds: list[numpy.ndarray], context: Context) -> list[numpy.ndarray]:
    """Border medians of every channel: the background where unweighted; weighted channels are gone over again."""
    weighted = [k for k, channel in enumerate(channels) if channel.method == "filter"]
    if not weighted:
        return backgrounds
    again = [Channel(channels[k].images, method="sum", gain=1, qe=1) for k in weighted]
    medians = _integrate(again, outputs="background", context=context).background
    ends = numpy.cumsum([len(channel.images) for channel in again])
    of_channel = dict(zip(weighted, numpy.split(medians, ends[:-1])))
    return [of_channel.get(k, background) for k, background in enumerate(backgrounds)]


def _context(cuda: bool, parallel: bool) -> Context:
    if cuda:
        try:
            context = default_context()  # a GPU, unless none works or the environment forbids it
            reason = context.info.reason
            if context.info.backend == "cuda":
                return context
        except Error as error:
            reason = error
        warnings.warn(f"cuda=True, but the CPU computes: {reason}", RuntimeWarning, stacklevel=4)
    return default_context("cpu", 0 if parallel else 1)


def _stacks(crops) -> list[numpy.ndarray]:
    try:
        crops = list(crops)
    except TypeError:
        raise InvalidArgument(f"crops is {crops!r}, a sequence with one stack per channel expected") from None
    if not crops:
        raise InvalidArgument("crops has 0 stacks, at least 1 expected: one per channel")
    nothing = numpy.empty((0, 1, 1), numpy.float32)  # an empty list has no shape of its own
    return [nothing if isinstance(stack, (list, tuple)) and len(stack) == 0 else
            readable(stack, f"channel {number}: crops", IMAGE_TYPES, 3) for number, stack in enumerate(crops, start=1)]


def _per_channel(values, n_channels: int, name: str) -> list:
    """One value per channel, from one for all or from one each."""
    try:
        given = None if isinstance(values, str) else len(values)
    except TypeError:
        given = None
    if given is None:
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
    if _is_scalar(values):
        values = [(values, values)] * n_channels
    elif len(values) == 2 and n_channels == 2 and all(map(_is_scalar, values)):
        raise InvalidArgument(f"{name} is {values!r}: with two channels a bare pair of numbers is either (y, x) for both or one "
                              "size for each; one pair (y, x) per channel expected, such as [(100, 100), (97, 108)]")
    elif len(values) == 2 != n_channels:
        values = [values] * n_channels
    elif len(values) != n_channels:
        raise InvalidArgument(f"{name} has {len(values)} values, {n_channels} expected: a number, a pair (y, x), or one each")
    return values, [_pixel_pair(pixel, f"channel {number}: {name}") for number, pixel in enumerate(values, start=1)]


def _pixel_pair(pixel, name: str) -> tuple[float, float]:
    try:
        y, x = (float(length) for length in ((pixel, pixel) if _is_scalar(pixel) else pixel))
    except (TypeError, ValueError):
        raise InvalidArgument(f"{name} is {pixel!r}, a number or a pair (y, x) expected") from None
    if not (0 < y < math.inf and 0 < x < math.inf):
        raise InvalidArgument(f"{name} is {pixel!r}, finite numbers above 0 expected")
    return y, x


def _splines(needed: list[bool], arguments: list) -> list[Spline | None]:
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
            raise InvalidArgument(f"channel {number}: {_in_own_words(str(error))}") from None
    return splines


def _is_scalar(value) -> bool:
    try:
        return numpy.ndim(value) == 0
    except ValueError:  # lists of different lengths
        return False
