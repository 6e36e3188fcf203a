"""A channel as the caller describes it, and as the library takes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._abi import InvalidArgument, check, ffi, lib
from ._arrays import IMAGE_TYPES, REAL_TYPES, Call, readable
from ._context import Context, chosen

METHODS = {"filter": lib.LUMICROP_FILTER, "sum": lib.LUMICROP_SUM}
MODELS = {"isogauss": lib.LUMICROP_ISOGAUSS, "gauss": lib.LUMICROP_GAUSS, "spline": lib.LUMICROP_SPLINE}
PADDINGS = {"zeros": lib.LUMICROP_PADDING_ZEROS, "geometry": lib.LUMICROP_PADDING_GEOMETRY,
            "none": lib.LUMICROP_PADDING_NONE}

class Spline:
    """A cubic tensor-product B-spline PSF S(x, y, z), checked and copied once; it may be shared by threads.

    Parameters
    ----------
    tx, ty, tz : array_like of float
        Knots [nm], 1-D, finite, non-decreasing, at least 8, not necessarily uniform. S is 0 outside
        ``[t[3], t[len(t) - 4]]`` of any axis.
    coefficients : array_like of float, shape (len(tz) - 4, len(ty) - 4, len(tx) - 4)
        Indexed ``[iz, iy, ix]``, finite.

    Raises
    ------
    InvalidArgument
        If the arrays are not such, or their shapes disagree.

    Notes
    -----
    The PSF of a detection is ``S(x - mux, y - muy, -z_fit)`` at the pixel centres (x, y) in nm.
    """

    def __init__(self, tx, ty, tz, coefficients):
        call = Call()
        arrays = [call.array(readable(values, name, REAL_TYPES, ndim)) for values, name, ndim in
                  ((tx, "tx", 1), (ty, "ty", 1), (tz, "tz", 1), (coefficients, "coefficients", 3))]
        made = ffi.new("lumicrop_spline**")
        check(lib.lumicrop_spline_create(*arrays, made))
        self.handle = ffi.gc(made[0], lib.lumicrop_spline_destroy)


@dataclass
class Channel:
    """One camera, colour or plane: its images, how its photons are counted, its camera and its PSF.

    Lengths are in nm, pairs are (y, x). A physical quantity whose default is None must be given where it is used.

    Parameters
    ----------
    images : array_like or array in device memory, shape (n, height, width)
        Raw counts [ADU]: the crops, in the order of the channel's detections; with `crop_shape`, the frames of a movie.
        uint8, uint16, int16, uint32, int32, float32 and float64 are read as they lie, whatever their strides;
        other types are converted, but in device memory refused.
    method : {"filter", "sum"}, default "filter"
        Projection on the fitted PSF, or sum of the pixels above the median of the border pixels.
    model : {"isogauss", "gauss", "spline"}, default "isogauss"
        PSF of the filter: isotropic or rotated elliptic Gaussian integrated over the pixels (Smith et al. 2010,
        Nat. Methods 7:373), or cubic B-spline.
    pixel_nm : float or (float, float), default None
        Pixel size [nm], square or (y, x). Used by the filter.
    gain : float, default None
        Electrons per count [e-/ADU]: multiplies.
    qe : float, default None
        Quantum efficiency: divides.
    camera_offset : float, default 0
        Counts of a pixel without light [ADU], subtracted first.
    padding : {None, "zeros", "geometry", "none"}, default None
        Pixels that are not data: zeros that connect to the crop's border, pixels outside the frame, or none.
        None: ``"zeros"`` for given crops, ``"geometry"`` for gathered ones.
    crop_shape : (int, int), default None
        None: `images` are crops. Else `images` are frames, and crops of this height and width are gathered from them.
    frame_shape : (int, int), default None
        Given crops under ``"geometry"``: height and width of the frame that they were cut from.
    n_detections : int, default None
        Detections of this channel. None: the number of crops; of gathered crops, counted from `ch`, or all. Labels in
        device memory cannot be counted.
    psf_sigma_nm : float, default None
        Sigma [nm] of ``"isogauss"`` without `sigma_fit`.
    psf_sigma_x_nm, psf_sigma_y_nm : float, default None
        Sigmas [nm] of ``"gauss"`` without `sigma_x_fit` (`sigma_y_fit`) and `sigma_fit`.
    psf_theta_deg : float, default 0
        Angle [degrees] of ``"gauss"`` without `sigma_angle`.
    spline : Spline, default None
        PSF of ``"spline"``.
    """

    images: Any
    method: str = "filter"
    model: str = "isogauss"
    pixel_nm: float | tuple[float, float] | None = None
    gain: float | None = None
    qe: float | None = None
    camera_offset: float = 0.0
    padding: str | None = None
    crop_shape: tuple[int, int] | None = None
    frame_shape: tuple[int, int] | None = None
    n_detections: int | None = None
    psf_sigma_nm: float | None = None
    psf_sigma_x_nm: float | None = None
    psf_sigma_y_nm: float | None = None
    psf_theta_deg: float = 0.0
    spline: Spline | None = None

    @property
    def gathered(self) -> bool:
        """Whether crops are cut out of frames."""
        return self.crop_shape is not None

    @property
    def placed(self) -> bool:
        """Whether each pixel of its crops has a place in a frame, so that `X0` and `Y0` are whole numbers."""
        return self.gathered or (self.padding or "").lower() == "geometry"


def channel_structs(channels: list[Channel], call: Call, context: Context):
    """The channels as an array of ``lumicrop_channel``, and their images as arrays that the library can read."""
    structs = call.keep(ffi.new("lumicrop_channel[]", len(channels)))
    images = []
    for number, (channel, struct) in enumerate(zip(channels, structs), start=1):
        where = f"channel {number}: "
        if not isinstance(channel, Channel):
            raise InvalidArgument(f"{where}a lumicrop.Channel expected, found {type(channel).__name__}")
        check(lib.lumicrop_channel_init(ffi.addressof(struct), ffi.sizeof(struct)))
        images.append(readable(channel.images, f"{where}images", IMAGE_TYPES, 3, context))
        struct.images = call.array(images[-1])
        _fill(struct, channel, where, call)
    return structs, images


def used_columns(channels: list[Channel], columns: dict) -> set[str]:
    """Which of `columns` (by name, None where not given) these channels use: the others are not looked at."""
    used = {"ch"}
    for channel in channels:
        if channel.placed:
            used |= {"X0", "Y0"}
        if channel.gathered:
            used |= {"frame"}
        if channel.method.lower() != "filter":
            continue
        used |= {"X0", "Y0", "x_fit", "y_fit", "os_fit"}
        model = channel.model.lower()
        if model == "spline":
            used |= {"z_fit"}
        if model == "gauss":
            used |= {"sigma_x_fit", "sigma_y_fit", "sigma_angle"}
        if model == "isogauss" or (model == "gauss" and (columns["sigma_x_fit"] is None or columns["sigma_y_fit"] is None)):
            used |= {"sigma_fit"}
    return {name for name in used if columns[name] is not None}


def _fill(struct, channel: Channel, where: str, call: Call) -> None:
    struct.method = chosen(channel.method, METHODS, f"{where}method")
    struct.model = chosen(channel.model, MODELS, f"{where}model")
    if channel.padding is not None:
        struct.padding = chosen(channel.padding, PADDINGS, f"{where}padding")
    if channel.gathered:
        struct.source = lib.LUMICROP_GATHERED

    pixel = channel.pixel_nm
    pixel_nm = (pixel, pixel) if pixel is None or _is_number(pixel) else pixel
    for name, value, fields in (
            ("pixel_nm", pixel_nm, ("pixel_y_nm", "pixel_x_nm")),
            ("crop_shape", channel.crop_shape, ("crop_height", "crop_width")),
            ("frame_shape", channel.frame_shape, ("frame_height", "frame_width"))):
        if value is None:
            continue
        try:
            y, x = value
        except (TypeError, ValueError):
            raise InvalidArgument(f"{where}{name} is {value!r}, a pair (y, x) expected") from None
        _set(struct, fields[0], y, where + name)
        _set(struct, fields[1], x, where + name)
    for name in ("gain", "qe", "camera_offset", "n_detections", "psf_sigma_nm", "psf_sigma_x_nm", "psf_sigma_y_nm",
                 "psf_theta_deg"):
        _set(struct, name, getattr(channel, name), where + name)

    if channel.spline is not None:
        if not isinstance(channel.spline, Spline):
            raise InvalidArgument(f"{where}spline: a lumicrop.Spline expected, found {type(channel.spline).__name__}")
        struct.spline = call.keep(channel.spline).handle


def _set(struct, field: str, value, name: str) -> None:
    """Set a number; None leaves what the library began with."""
    if value is None:
        return
    try:
        setattr(struct, field, value)
    except (TypeError, ValueError, OverflowError):
        raise InvalidArgument(f"{name} is {value!r}, a number expected") from None


def _is_number(value) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
