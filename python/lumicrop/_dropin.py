"""A drop-in for ``smlmlp.integrate_crop``: its arguments, its results, computed by lumicrop."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from copy import copy
from functools import cached_property
from itertools import accumulate

import numpy

from ._abi import Error, InvalidArgument, ffi, lib
from ._arrays import IMAGE_TYPES, Call, readable, whole
from ._channel import Channel, channel_structs, used_columns
from ._context import Context, default_context
from ._dropin_settings import SIGMA_NM, Settings, in_own_words, is_scalar, settings_of
from ._lookup import looked_up
from ._native import arguments_of


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
    over the crop. Zeros that connect to a crop's border are padding: they leave border and sum. The photons and the columns of
    `info` share one piece of memory, which is given back when none of them is held any more: to keep few of many, copy them.

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
    settings = settings_of(
        len(stacks), channels_weighted_integrations, channels_fit_models, channels_pixels_nm, channels_gains, channels_QE,
        channels_psf_sigmas_nm, channels_psf_xsigmas_nm, channels_psf_ysigmas_nm, channels_psf_thetas_deg,
        channels_psf_3d_xtangents, channels_psf_3d_ytangents, channels_psf_3d_ztangents, channels_psf_3d_spline_coeffs)
    order = _Order([len(stack) for stack in stacks], ch)
    columns = {"ch": order.labels, "X0": X0, "Y0": Y0, "x_fit": x_fit, "y_fit": y_fit, "z_fit": z_fit, "os_fit": os_fit,
               "sigma_fit": sigma_fit, "sigma_x_fit": sigma_x_fit, "sigma_y_fit": sigma_y_fit, "sigma_angle": sigma_angle}
    call, described = Call(), {}
    for name, types in used_columns(settings.channels, columns).items():
        values = columns[name]
        if isinstance(values, (list, tuple)):
            values = order.detection_aligned(values, name, types)
        described[name] = call.read(values, name, types, 1)
    context, outputs = _context(cuda, parallel), ("photons", "background", "psf_sum", "denominator")
    outputs = _integrate(settings.structs, stacks, described, outputs, call, context)
    info = {
        "channels_weighted_integrations": settings.weighted[:],
        "channels_fit_models": settings.models[:],
        "channels_pixels_nm": copy(settings.pixels_nm),
        "psf_sums": order.by_channel(outputs["psf_sum"]),
        "weighted_denominators": order.by_channel(outputs["denominator"]),
        "background_vector": outputs["background"],
    }
    if not all(settings.weighted):
        info["border_medians"] = _border_medians(settings, stacks, order.by_channel(outputs["background"].copy()), context)
    return outputs["photons"], info


class _Order:
    """How detections and crops belong together: detection order outside, channel after channel inside."""

    def __init__(self, lengths: list[int], ch):
        self.lengths = lengths
        self.labels = None if ch is None else whole(ch, "ch")

    @cached_property
    def _detection(self) -> numpy.ndarray | None:
        """Detection of each crop, channel after channel; None where crops stand in detection order.

        Labels that do not fit are refused by the library.
        """
        if self.labels is None or len(self.lengths) == 1:
            return None
        labels = self.labels
        if len(self.lengths) < 1 << 15:
            labels = labels.astype(numpy.int16, copy=False)  # these are sorted by counting
        return numpy.argsort(labels, kind="stable")

    def detection_aligned(self, values: Sequence, name: str, types: dict) -> Sequence:
        """A column in detection order: flat lists as they are, lists of one array per channel put in order."""
        if not values or is_scalar(values[0]):
            return values
        if len(values) != len(self.lengths):
            raise InvalidArgument(f"{name} has {len(values)} arrays, {len(self.lengths)} expected: one per channel")
        parts = []
        for number, (part, length) in enumerate(zip(values, self.lengths), start=1):
            parts.append(readable(part, f"channel {number}: {name}", types, 1))
            if len(parts[-1]) != length:
                raise InvalidArgument(f"channel {number}: {name} has {len(parts[-1])} values, {length} detections expected")
        column = numpy.concatenate(parts)
        if self._detection is not None and len(self._detection) == len(column):
            column[self._detection] = column.copy()
        return column

    def by_channel(self, column: numpy.ndarray) -> list[numpy.ndarray]:
        """One array per channel, in the order of its crops."""
        if len(self.lengths) == 1:
            return [column]
        if self._detection is not None:
            column = column.take(self._detection)
        return [column[end - length : end] for length, end in zip(self.lengths, accumulate(self.lengths))]


def _integrate(settings, stacks: list[numpy.ndarray], columns: dict[str, tuple], outputs: Sequence[str], call: Call,
               context: Context) -> dict[str, numpy.ndarray]:
    """The columns `outputs`, from crops, the settings of their channels as structs, and columns that `call` has described."""
    channels = ffi.new(ffi.typeof(settings), len(stacks))  # the settings may be another call's, too
    ffi.memmove(channels, settings, ffi.sizeof(channels))
    images, n, described = [call.described(stack) for stack in stacks], sum(map(len, stacks)), {}
    filled = call.new_columns(outputs, n, numpy.float32, described)
    try:
        context.call(lib.lumicrop_integrate, *arguments_of(channels, images, n, columns, described, call))
        return filled
    except InvalidArgument as error:
        raise InvalidArgument(in_own_words(str(error))) from None


def _border_medians(settings: Settings, stacks: list[numpy.ndarray], backgrounds: list[numpy.ndarray],
                    context: Context) -> list[numpy.ndarray]:
    """Border medians of every channel: the background where unweighted; weighted channels are gone over again."""
    weighted = [k for k, is_weighted in enumerate(settings.weighted) if is_weighted]
    if not weighted:
        return backgrounds
    again = [stacks[k] for k in weighted]
    structs = channel_structs([Channel(None, method="sum", gain=1, qe=1)] * len(again))
    medians = _integrate(structs, again, {}, ("background",), Call(), context)["background"]
    of_channel = dict(zip(weighted, _Order([len(stack) for stack in again], None).by_channel(medians)))
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
    for k, stack in enumerate(crops):
        if isinstance(stack, (list, tuple)) and len(stack) == 0:
            stack = numpy.empty((0, 1, 1), numpy.float32)  # an empty list has no shape of its own
        crops[k] = readable(stack, f"channel {k + 1}: crops", IMAGE_TYPES, 3)
    return crops
