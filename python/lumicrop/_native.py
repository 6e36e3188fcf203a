"""Photons of every detection of every channel: the library's one call, with arrays of the host or the GPU."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from ._abi import InvalidArgument, ffi, lib, new
from ._arrays import (COLUMN_TYPES, FLAG_TYPES, IMAGE_TYPES, MASK_TYPES, REAL_TYPES, WHOLE_TYPES, Call, lives_on_device, whole,
                      writable)
from ._channel import MAPS, Channel, channel_structs, used_columns
from ._context import Context, ContextInfo, chosen, default_context

ORIGINS = {"first_pixel": lib.LUMICROP_FIRST_PIXEL, "pixel_corner": lib.LUMICROP_PIXEL_CORNER}
OUTPUTS = ("photons", "background", "psf_sum", "denominator", "flags")
DETAILS = ("photons_sigma", "background_photons", "background_sigma", "chi2", "log_likelihood_ratio", "enclosed", "photons_total",
           "background_pixels", "iterations")
_WORDS = {"flags", "iterations"}  # columns of uint32
_OF_PSF = {"enclosed", "photons_total"}  # need the PSF, whatever the method


@dataclass(eq=False)  # not frozen: to set frozen fields takes longer than the library needs for a few crops
class Result:
    """Columns in detection order, of shape (n,): new ones, the caller's own, or None where not asked for.

    New columns of numbers share one piece of memory, which is given back when none of them is held any more.

    Attributes
    ----------
    photons : numpy.ndarray of float or None
        [photon]; NaN where they cannot be counted, and `flags` says why.
    background : numpy.ndarray of float or None
        Counts above the camera offset that were subtracted from each pixel [ADU].
    psf_sum : numpy.ndarray of float or None
        Sum of the PSF model of unit amplitude over the crop; NaN for the method ``"sum"``.
    denominator : numpy.ndarray of float or None
        Sum of the squared normalised PSF over the crop; NaN for the method ``"sum"``.
    flags : numpy.ndarray of uint32 or None
        Bits of `Flag`.
    context : ContextInfo
        What computed it.
    photons_sigma : numpy.ndarray of float or None
        Standard error of `photons` [photon].
    background_photons, background_sigma : numpy.ndarray of float or None
        Background [photon/px] and its standard error, 0 where it was given.
    chi2 : numpy.ndarray of float or None
        Sum of (d - mu)^2 / V over the pixels, by pixels less parameters; NaN for ``"sum"``.
    log_likelihood_ratio : numpy.ndarray of float or None
        Twice the sum of mu' - d' - d' ln(mu'/d'), d' and mu' the data and the model of the likelihood; NaN for ``"sum"``.
    enclosed : numpy.ndarray of float or None
        Fraction of the PSF on the crop, as far as that lies inside the frame.
    photons_total : numpy.ndarray of float or None
        ``photons / enclosed`` [photon].
    background_pixels : numpy.ndarray of float or None
        Pixels of background alone whose mean would be as certain as this background; infinite where it was given.
    iterations : numpy.ndarray of uint32 or None
        Of ``"optimal"`` and ``"mle"``, else 0.
    """

    photons: numpy.ndarray | None
    background: numpy.ndarray | None
    psf_sum: numpy.ndarray | None
    denominator: numpy.ndarray | None
    flags: numpy.ndarray | None
    context: ContextInfo
    photons_sigma: numpy.ndarray | None = None
    background_photons: numpy.ndarray | None = None
    background_sigma: numpy.ndarray | None = None
    chi2: numpy.ndarray | None = None
    log_likelihood_ratio: numpy.ndarray | None = None
    enclosed: numpy.ndarray | None = None
    photons_total: numpy.ndarray | None = None
    background_pixels: numpy.ndarray | None = None
    iterations: numpy.ndarray | None = None


def integrate(channels: Channel | Iterable[Channel], *, ch=None, frame=None, X0=None, Y0=None, x_fit=None, y_fit=None,
              z_fit=None, os_fit=None, sigma_fit=None, sigma_x_fit=None, sigma_y_fit=None, sigma_angle=None,
              origin: str = "first_pixel", outputs: Sequence[str] | None = None, dtype=numpy.float64,
              out: Mapping[str, Any] | None = None, context: Context | None = None) -> Result:
    """Count the photons of every detection of every channel.

    All columns are detection-aligned, of shape (n,). float32 and float64 columns, and integer ones where whole numbers are
    meant, are read as they lie, whatever their strides; others are converted. A column that no channel uses is not
    looked at, nor are the entries of detections whose channel does not use it.

    On a GPU images, columns and `out` may each be an array in device memory, which is used without a copy and never converted:
    anything with DLPack or ``__cuda_array_interface__``, such as CuPy's arrays and PyTorch's CUDA tensors.

    Parameters
    ----------
    channels : Channel or iterable of Channel
        At least one. They may differ in everything.
    ch : array_like of int, optional
        One-based channel of each detection: crop j of channel k belongs to the j-th detection whose `ch` is k.
        None: detections stand channel after channel.
    frame : array_like of int, optional
        Zero-based frame of each detection. Needed by gathered crops.
    X0, Y0 : array_like, optional
        Column and row of the crop's first pixel [px]; whole numbers for gathered crops and padding ``"geometry"``.
        Needed by these and by the filter.
    x_fit, y_fit : array_like of float, optional
        Fitted position in the whole frame [nm]. Needed by the filter.
    z_fit : array_like of float, optional
        Fitted z [nm], for the model ``"spline"``. None: 0.
    os_fit : array_like of float, optional
        Fitted offset (background) [photon/px]. Needed by the filter.
    sigma_fit : array_like of float, optional
        Fitted sigma [nm] of ``"isogauss"``, and of ``"gauss"`` where `sigma_x_fit` or `sigma_y_fit` is None.
        None: the channel's.
    sigma_x_fit, sigma_y_fit : array_like of float, optional
        Fitted sigmas [nm] along the axes of the PSF itself, for ``"gauss"``. None: `sigma_fit`, else the channel's.
    sigma_angle : array_like of float, optional
        Fitted angle [degrees] of ``"gauss"``. None: the channel's.
    origin : {"first_pixel", "pixel_corner"}, default "first_pixel"
        What the coordinate 0 of `x_fit` and `y_fit` means: the first pixel's centre (Picasso, smlmlp), or its outer corner,
        half a pixel earlier (ThunderSTORM).
    outputs : sequence of str, optional
        Which columns to compute beside those of `out`: ``"photons"``, ``"background"``, ``"psf_sum"``, ``"denominator"``,
        ``"flags"``; and ``"photons_sigma"``, ``"background_photons"``, ``"background_sigma"``, ``"chi2"``,
        ``"log_likelihood_ratio"``, ``"enclosed"``, ``"photons_total"``, ``"background_pixels"``, ``"iterations"``, which cost some time.
        None: the first five, or with `out` no other.
    dtype : {float64, float32}, default float64
        Type of the new columns, but for `flags`. Pixels of 32-bit integers and float64 are computed in float64, others
        in float32 with positions and background in float64.
    out : mapping of str to array of shape (n,), optional
        Columns to fill instead of new ones, by name: NumPy arrays or arrays in device memory, float32 or float64, `flags`
        uint32.
    context : Context, optional
        Where to compute. None: a context of the calling thread, with all defaults.

    Returns
    -------
    Result
        The columns of `out`, NumPy arrays for the others, and what computed them.

    Raises
    ------
    InvalidArgument
        A `ValueError` that names argument, channel and index, with what was expected and found. Nothing was computed.
    Unsupported, OutOfMemory, CudaFailure
        As the text says.
    Cancelled
        The context's `progress` ended the call.
    BadIndex
        On a GPU: a label or a frame number in device memory was out of range; `Context.synchronize` raises it where the call
        itself does not wait.

    Notes
    -----
    A call whose arrays all live in device memory, `out` included, returns when its work is queued on the context's stream: read
    the results on that stream, or after `Context.synchronize`. Until then the inputs must not be written by anything that
    is not queued there. Any other call returns when its columns are full. Arrays that speak DLPack may have been written on
    another stream: the context's is made to wait for it. Those with ``__cuda_array_interface__`` alone must name the
    context's stream, or none.

    The formulas: the sum is ``(crop - b).sum() * gain / qe`` with b the median of the border; the filter is
    ``(p * (crop - b)).sum() / (p**2).sum() * gain / qe`` with ``b = os_fit * qe / gain`` and p the PSF model normalised
    over the crop. The global interpreter lock is released while it computes.

    Examples
    --------
    >>> import numpy, lumicrop
    >>> crops = numpy.ones((1, 3, 3), numpy.uint16)
    >>> crops[0, 1, 1] = 11
    >>> lumicrop.integrate(lumicrop.Channel(crops, method="sum", gain=0.5, qe=0.8)).photons
    array([6.25])
    """
    context = context if context is not None else default_context()
    columns = {"ch": ch, "frame": frame, "X0": X0, "Y0": Y0, "x_fit": x_fit, "y_fit": y_fit, "z_fit": z_fit,
               "os_fit": os_fit, "sigma_fit": sigma_fit, "sigma_x_fit": sigma_x_fit, "sigma_y_fit": sigma_y_fit,
               "sigma_angle": sigma_angle}
    call = Call()
    arguments, computed = _arguments(call, context, channels, columns, origin, _outputs(outputs, out), dtype)
    fills_host = call.on_device and any(isinstance(column, numpy.ndarray) and column.size for column in computed.values())
    context.call(lib.lumicrop_integrate, *arguments, uses=call if call.on_device else None, waits=fills_host)
    return Result(*map(computed.get, OUTPUTS), context.info, *map(computed.get, DETAILS))


def workspace_bytes(channels: Channel | Iterable[Channel], *, context: Context, origin: str = "first_pixel",
                    outputs: Sequence[str] | None = None, dtype=numpy.float64, out: Mapping[str, Any] | None = None,
                    **columns) -> int:
    """Device memory that `integrate` takes for these arguments when all its arrays live on the GPU.

    Parameters
    ----------
    channels, origin, outputs, dtype, out, **columns
        As for `integrate`. What columns contain is not looked at.
    context : Context
        Where it will be computed.

    Returns
    -------
    int
        Bytes for the `workspace` of a `Context`; 0 on the CPU.

    Raises
    ------
    InvalidArgument, Unsupported
        As `integrate` does.
    """
    for name in columns:
        if name not in COLUMN_TYPES:
            raise TypeError(f"workspace_bytes() got an unexpected keyword argument {name!r}")
    call, needed = Call(), ffi.new("int64_t*")
    columns = dict.fromkeys(COLUMN_TYPES) | columns
    arguments, _ = _arguments(call, context, channels, columns, origin, _outputs(outputs, out), dtype)
    context.call(lib.lumicrop_workspace_bytes, *arguments, needed)
    return needed[0]


def _arguments(call: Call, context: Context, channels, columns: dict, origin: str, outputs: dict, dtype):
    """What the library's call takes after the context, and the columns that it will fill, by name."""
    channels = [channels] if isinstance(channels, Channel) else list(channels)
    structs = channel_structs(channels)
    call.keep([channel.spline for channel in channels])
    images = [call.read(channel.images, f"channel {number}: images", IMAGE_TYPES, 3, context)
              for number, channel in enumerate(channels, start=1)]
    used = used_columns(channels, columns, wants_psf=not _OF_PSF.isdisjoint(outputs))
    read = {name: call.described(whole(columns[name], name, context)) if types is WHOLE_TYPES else
            call.read(columns[name], name, types, 1, context) for name, types in used.items()}
    maps = [(k, name, call.read(_map(given, name), f"channel {k + 1}: {name}",
                                MASK_TYPES if name == "bad_pixels" else REAL_TYPES, MAPS[name], context))
            for k, channel in enumerate(channels) for name, given in channel.maps.items()]
    n, origin = _count(channels, images, read), chosen(origin, ORIGINS, "origin")
    filled, columns = _filled(outputs, n, dtype, call, context)
    return arguments_of(structs, images, n, read, filled, call, origin, maps), columns


def arguments_of(channels, images: list[tuple], n: int, columns: dict[str, tuple], outputs: dict[str, tuple], call: Call,
                 origin: int = lib.LUMICROP_FIRST_PIXEL, maps: Sequence[tuple] = ()) -> tuple:
    """What ``lumicrop_integrate`` takes after the context, of `n` detections and of arrays that `call` has described."""
    detections, result = new("detections"), new("result")
    detections.n, detections.origin = n, origin
    arrays = call.structs([*images, *columns.values(), *outputs.values(), *(described for *_, described in maps)])
    for k in range(len(images)):
        channels[k].images = arrays + k
    for k, name in enumerate(columns, start=len(images)):
        setattr(detections, name, arrays + k)
    for k, name in enumerate(outputs, start=len(images) + len(columns)):
        setattr(result, name, arrays + k)
    for place, (k, name, _) in enumerate(maps, start=len(images) + len(columns) + len(outputs)):
        setattr(channels[k], name, arrays + place)
    return call.keep((channels, len(images), detections, result))


def _count(channels: list[Channel], images: list[tuple], columns: dict[str, tuple]) -> int:
    """Detections of all channels together: a crop each, or as many as the columns of gathered crops are long."""
    n = 0
    for channel, described in zip(channels, images):
        if channel.gathered:
            return next((columns[name][Call.SHAPE][0] for name in ("ch", "frame", "X0", "Y0") if name in columns), 0)
        n += described[Call.SHAPE][0]
    return n


def _filled(outputs: dict, n: int, dtype, call: Call, context: Context) -> tuple[dict[str, tuple], dict]:
    """The columns to fill, described and themselves, by name: new ones where `outputs` has None."""
    described, columns, reals = {}, outputs, []
    for name, given in outputs.items():
        if given is not None:
            types = FLAG_TYPES if name in _WORDS else REAL_TYPES
            described[name] = call.described(writable(given, f"out[{name!r}]", types, context))
        elif name in _WORDS:
            words = numpy.empty(n, numpy.uint32)
            described[name], columns = call.described(words), columns | {name: words}
        else:
            reals.append(name)
    if reals:
        columns = columns | call.new_columns(reals, n, _real(dtype), described)
    return described, columns


def _outputs(outputs: Sequence[str] | None, out: Mapping[str, Any] | None) -> dict:
    """The columns to compute, each with the array to fill, or None for a new one."""
    given = {} if out is None else dict(out)
    if outputs is None:
        if out is None:
            return dict.fromkeys(OUTPUTS)
        outputs = ()
    for where, names in ("outputs", (outputs,) if isinstance(outputs, str) else tuple(outputs)), ("out", given):
        for name in names:
            if name not in OUTPUTS and name not in DETAILS:
                raise InvalidArgument(f"{where}: {name!r} found, one of {', '.join(map(repr, OUTPUTS + DETAILS))} expected")
            given.setdefault(name)
    return given


def _map(given, name: str):
    """A map as the library takes it: a background map of one frame may have two dimensions, bad pixels any type of truth."""
    if name == "background_map" and getattr(given, "ndim", 3) == 2:
        return given[None]
    if name == "bad_pixels" and not lives_on_device(given):
        return numpy.asarray(given) != 0
    return given


def _real(dtype) -> numpy.dtype:
    try:
        real = numpy.dtype(dtype)
    except TypeError:
        real = None
    if real not in REAL_TYPES:
        raise InvalidArgument(f"dtype is {dtype!r}, float32 or float64 expected")
    return real
