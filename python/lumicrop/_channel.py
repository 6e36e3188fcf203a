"""A channel as the caller describes it, and as the library takes it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any

import numpy

from . import methods
from ._abi import InvalidArgument, check, defaults, ffi, lib
from ._arrays import COLUMN_TYPES, REAL_TYPES, WHOLE_TYPES, Call
from ._context import chosen

METHODS = {name: getattr(lib, f"LUMICROP_{name.upper()}") for name in methods.METHODS}
BACKGROUNDS = {name: getattr(lib, f"LUMICROP_BACKGROUND_{name.upper()}") for name in methods.BACKGROUNDS}
MODELS = {"isogauss": lib.LUMICROP_ISOGAUSS, "gauss": lib.LUMICROP_GAUSS, "spline": lib.LUMICROP_SPLINE}
PADDINGS = {"zeros": lib.LUMICROP_PADDING_ZEROS, "geometry": lib.LUMICROP_PADDING_GEOMETRY,
            "none": lib.LUMICROP_PADDING_NONE}

# Columns that a PSF model uses.
_OF_POSITION = {"X0", "Y0", "x_fit", "y_fit"}
_OF_MODEL = {"isogauss": _OF_POSITION | {"sigma_fit"}, "gauss": _OF_POSITION | {"sigma_x_fit", "sigma_y_fit", "sigma_angle"},
             "spline": _OF_POSITION | {"z_fit"}}

# Maps of a camera's pixels, and their dimensions.
MAPS = {"offset_map": 2, "gain_map": 2, "read_variance_map": 2, "bad_pixels": 2, "background_map": 3}


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
        arrays = call.structs([call.read(values, name, REAL_TYPES, ndim) for values, name, ndim in
                               ((tx, "tx", 1), (ty, "ty", 1), (tz, "tz", 1), (coefficients, "coefficients", 3))])
        made = ffi.new("lumicrop_spline**")
        check(lib.lumicrop_spline_create(arrays, arrays + 1, arrays + 2, arrays + 3, made))
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
    method : {"filter", "sum", "joint", "optimal", "mle", "aperture"}, default "filter"
        Projection on the fitted PSF; sum of the pixels above the background; photons and background by least squares, all
        pixels alike; by least squares weighted by the pixels' variance (Horne 1986, PASP 98:609; Naylor 1998, MNRAS 296:339); by the
        maximum of the Poisson likelihood (read noise: Huang et al. 2013, Nat. Methods 10:653); sum of the pixels above the
        background, each by the part of its area that lies within an ellipse around the fitted position.
    model : {"isogauss", "gauss", "spline"}, default "isogauss"
        PSF, of all methods but ``"sum"`` and ``"aperture"``: isotropic or rotated elliptic Gaussian integrated over the pixels (Smith et al. 2010,
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
    background : str, default None
        What is subtracted: ``"border_median"``, the median of the border pixels; ``"corrected_median"``, the same, corrected for the
        skewness of counted light, whose median lies below its mean; ``"column"``, `os_fit`; ``"map"``, `background_map`;
        ``"fitted"``, together with the photons; ``"annulus_median"``, ``"annulus_mean"`` or ``"annulus_clipped"``, of a ring around
        the fitted position. None: ``"border_median"`` for ``"sum"`` and ``"aperture"``, ``"column"`` for ``"filter"``,
        ``"fitted"`` for the others.
    em_gain : float, default 1
        Mean multiplication of electrons before the read-out, at least 1 (none). Above, it divides the electrons and doubles the
        variance of counting.
    read_noise : float, default 0
        Standard deviation of the read-out [e-], after multiplication.
    saturation : float, default infinity
        Raw counts from which a pixel counts as saturated, which is flagged.
    offset_map, gain_map, read_variance_map : array_like of float, shape (frame height, frame width), default None
        Of each pixel of the whole frame, instead of `camera_offset` [ADU], `gain` [e-/ADU] and `read_noise` (a variance, [e-^2]). A
        NaN masks its pixel. Crops find their part by `X0` and `Y0`.
    bad_pixels : array_like of bool, shape (frame height, frame width), default None
        True masks the pixel, which then takes no part in any sum or median.
    background_map : array_like of float, shape (1 or frames, frame height, frame width), default None
        Background of each pixel [photon/px], for ``background="map"``. One frame may be given in two dimensions.
    aperture_px : float, default None
        Radius [px] of ``"aperture"``; of an ellipse, the semi-axis along its own x axis.
    aperture_y_px : float, default None
        Semi-axis [px] along its own y axis. None: a circle.
    aperture_theta_deg : float, default 0
        Angle [degrees] of the ellipse, which turns as that of ``"gauss"``.
    annulus_inner_px, annulus_outer_px : float, default None
        Radii [px] of the ring: pixels whose centres lie no nearer than the first to the fitted position, and nearer than the second,
        at most 100 and half of the frame. They are those of the frame, or, of given crops, of the crop; the clipped mean leaves
        out what lies further than 3 standard deviations from the median, sought up to 5 times.
    neighbour_radius_px : float, default None
        Pixels of the ring nearer than this [px] to another detection of the same channel and `frame` are left out. None:
        `annulus_inner_px`; 0: none are, and given crops need no `frame`.
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
    background: str | None = None
    em_gain: float = 1.0
    read_noise: float = 0.0
    saturation: float | None = None
    offset_map: Any = None
    gain_map: Any = None
    read_variance_map: Any = None
    bad_pixels: Any = None
    background_map: Any = None
    aperture_px: float | None = None
    aperture_y_px: float | None = None
    aperture_theta_deg: float = 0.0
    annulus_inner_px: float | None = None
    annulus_outer_px: float | None = None
    neighbour_radius_px: float | None = None

    @property
    def gathered(self) -> bool:
        """Whether crops are cut out of frames."""
        return self.crop_shape is not None

    @property
    def placed(self) -> bool:
        """Whether each pixel of its crops has a place in a frame, so that `X0` and `Y0` are whole numbers."""
        return self.gathered or (self.padding or "").lower() == "geometry" or bool(self.maps)

    @property
    def maps(self) -> dict:
        """The maps that are given, by name."""
        return {name: given for name, given in zip(MAPS, _MAPS_OF(self)) if given is not None}


_CHANNELS = ffi.typeof("lumicrop_channel[]")
_CHOICES = {"method": METHODS, "model": MODELS, "background": BACKGROUNDS, "padding": PADDINGS}
_NUMBERS = ("gain", "qe", "camera_offset", "n_detections", "psf_sigma_nm", "psf_sigma_x_nm", "psf_sigma_y_nm", "psf_theta_deg",
            "em_gain", "read_noise", "saturation", "aperture_px", "aperture_y_px", "aperture_theta_deg", "annulus_inner_px",
            "annulus_outer_px", "neighbour_radius_px")
_SHAPES = ("crop_shape", "frame_shape")
_PAIRS = {"pixel_nm": ("pixel_y_nm", "pixel_x_nm"), "crop_shape": ("crop_height", "crop_width"),
          "frame_shape": ("frame_height", "frame_width")}
_FIELDS = {"aperture_px": "aperture_x_px"}  # of the struct, where they are called otherwise

# What is asked of a channel at every call, in as few steps as can be.
_SETTINGS_OF = attrgetter(*_CHOICES, *_NUMBERS, "pixel_nm")
_UNCHANGING = {float, int, bool, str, type(None), tuple, *(numpy.dtype(name).type for name in ("f4", "f8", "i4", "i8"))}
"""Types of settings that nobody can change where they are (of a tuple: if its elements are such, too)."""
_SHAPES_OF, _MAPS_OF = attrgetter(*_SHAPES), attrgetter(*MAPS)


def channel_structs(channels: list[Channel]):
    """The channels as an array of ``lumicrop_channel``, all but their images. It does not keep their splines alive."""
    structs = ffi.new(_CHANNELS, len(channels))
    for k, channel in enumerate(channels):
        if not isinstance(channel, Channel):
            raise InvalidArgument(f"channel {k + 1}: a lumicrop.Channel expected, found {type(channel).__name__}")
        settings = _SETTINGS_OF(channel)
        pixel_nm = settings[-1]
        kinds = map(type, (*settings, *pixel_nm) if type(pixel_nm) is tuple else settings)
        structs[k] = (_struct_once if _UNCHANGING.issuperset(kinds) else _struct)(k + 1, *settings)
        struct = structs[k]
        for name, shape in zip(_SHAPES, _SHAPES_OF(channel)):
            if shape is not None:
                _set_pair(struct, name, shape, k + 1)
        if channel.gathered:
            struct.source = lib.LUMICROP_GATHERED
        if channel.spline is not None:
            if not isinstance(channel.spline, Spline):
                raise InvalidArgument(f"channel {k + 1}: spline: a lumicrop.Spline expected, "
                                      f"found {type(channel.spline).__name__}")
            struct.spline = channel.spline.handle
    return structs


def used_columns(channels: list[Channel], columns: dict, wants_psf: bool = False) -> dict[str, dict]:
    """Which of `columns` (by name, None where not given) these channels use, with their element types: the others are not
    looked at. `wants_psf`: an output is asked for that needs the PSF, whatever the method.
    """
    used, types = {"ch"}, COLUMN_TYPES
    for channel in channels:
        placed = channel.placed
        if placed:
            types = _PLACED_TYPES
        used |= _used_by(channel.method, channel.model, channel.background, placed, channel.gathered,
                         channel.background_map is not None, wants_psf)
    if "sigma_x_fit" in used and (columns["sigma_x_fit"] is None or columns["sigma_y_fit"] is None):
        used.add("sigma_fit")
    return {name: types[name] for name, column in columns.items() if column is not None and name in used}


_PLACED_TYPES = COLUMN_TYPES | {"X0": WHOLE_TYPES, "Y0": WHOLE_TYPES}


@lru_cache(maxsize=256)
def _used_by(method: str, model: str, background: str | None, placed: bool, gathered: bool, of_map: bool,
             wants_psf: bool) -> frozenset:
    """Names of the columns that a channel of these settings uses, if they are given."""
    used, method = set(), method.lower()
    background = (background or methods.METHODS[method].backgrounds[0]).lower()
    if placed:
        used |= {"X0", "Y0"}
    if gathered or of_map or background in methods.ANNULI:
        used |= {"frame"}
    if background == "column":
        used |= {"os_fit"}
    if background in methods.ANNULI or method == "aperture":
        used |= _OF_POSITION
    if method not in ("sum", "aperture") or wants_psf:
        used |= _OF_MODEL[model.lower()]
    return frozenset(used)


def _struct(number: int, *settings):
    """A ``lumicrop_channel`` of these settings: those of `_SETTINGS_OF`, in its order."""
    kind, begins_as = defaults("channel")
    made, where = ffi.new(kind, begins_as), f"channel {number}: "
    *settings, pixel_nm = settings
    for (name, choices), value in zip(_CHOICES.items(), settings):
        if value is not None or name in ("method", "model"):
            setattr(made, name, chosen(value, choices, f"{where}{name}"))
    if pixel_nm is not None:
        _set_pair(made, "pixel_nm", (pixel_nm, pixel_nm) if _is_number(pixel_nm) else pixel_nm, number)
    for name, value in zip(_NUMBERS, settings[len(_CHOICES):]):
        if value is not None:  # else what the library began with
            _set_number(made, _FIELDS.get(name, name), value, f"{where}{name}")
    return made[0]


_struct_once = lru_cache(maxsize=256, typed=True)(_struct)  # what is refused is not kept


def _set_pair(struct, name: str, pair, number: int) -> None:
    where = f"channel {number}: {name}"
    try:
        y, x = pair
    except (TypeError, ValueError):
        raise InvalidArgument(f"{where} is {pair!r}, a pair (y, x) expected") from None
    for field, value in zip(_PAIRS[name], (y, x)):
        if value is not None:
            _set_number(struct, field, value, where)


def _set_number(struct, field: str, value, where: str) -> None:
    try:
        setattr(struct, field, value)
    except (TypeError, ValueError, OverflowError):
        raise InvalidArgument(f"{where} is {value!r}, a number expected") from None


def _is_number(value) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
