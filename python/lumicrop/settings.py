"""The settings of one run: every value with where it came from.

Order of trust: what the caller says; what the table's or the movie's metadata says, provided that all of it agrees;
what the format's convention is; and last an assumption, which is marked as one. Defaults and assumptions:

=============  ======================================================================================
gain           1 e-/ADU: photons are then counts
offset         0 ADU
qe             1
em_gain        1: none; asked where noise matters
read_noise     0 e-; likewise
size           2 ceil(3 sigma) + 1 pixels, at least 5, sigma being the median width of the PSF
psf angle      0 degrees, for ThunderSTORM's sigma1 and sigma2 (model ``gauss``)
origin, frames of programs that do not document them: what `lumicrop.tables` says
background     by the method, see `lumicrop.methods`
method, model  ``filter``; ``gauss`` when the table tells widths along x and y apart, else ``isogauss``
padding        ``geometry``: pixels beyond the frame are left out
=============  ======================================================================================

Pixel size, a PSF width for the filter, and what positions and frames of unknown programs count from are never assumed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path

import numpy

from .background_settings import background_kind, background_setting
from .camera_settings import camera_settings
from .input_error import InputError
from .methods import ANNULI, DETAILS, METHODS, all_details, has_detail
from .movies import Movie
from .radius_settings import annulus_settings, aperture_settings
from .request import Request
from .setting import DEFAULT, UNUSED, Setting, first_said, number_text, one_of, positive
from .sources import Statement
from .tables import Table

__all__ = ["Setting", "Settings", "number_text", "resolve"]

MODELS = ("isogauss", "gauss", "spline")
ORIGINS = ("first_pixel", "pixel_corner")
PADDINGS = ("geometry", "zeros", "none")
#: Largest crop that is derived from the PSF; a larger one must be asked for.
_LARGEST_DERIVED_SIZE = 63


@dataclass(frozen=True)
class Settings:
    """What a run uses. `model` and `sigma` stay None where no PSF is looked at.

    Attributes
    ----------
    pixel_nm : Setting
        Value: pixel size [nm], a pair (y, x).
    sigma : Setting
        Value: a width [nm] for every detection, or ``"table"``: each detection's own.
    background : Setting
        Value: a background [photon/px] for every detection; ``"table"``: each detection's own; or another of
        `lumicrop.methods.BACKGROUNDS`.
    gain : Setting
        Value: [e-/ADU], before multiplication where `em_gain` is used. None with a map of gains.
    em_gain : Setting
        Value: mean multiplication of electrons. None where it changes nothing but a scale that `gain` has already.
    read_noise : Setting
        Value: [e-]. None where noise is not looked at, and with a map of variances.
    saturation : Setting
        Value: raw counts [ADU].
    aperture_px, aperture_y_px, aperture_theta_deg : Setting
        Values: semi-axes [px] and angle [degrees] of the aperture. All but the first None: a circle.
    annulus_inner_px, annulus_outer_px, neighbour_radius_px : Setting
        Values: radii [px] of a background's ring, and how near other detections may be to its pixels. The last None: as the first.
    offset_map, gain_map, read_variance_map, bad_pixels, background_map : Setting
        Value: a `lumicrop.frame_maps.FrameMap`.
    details : Setting
        Value: names of `lumicrop.methods.DETAILS` that are written besides.
    psf_angle_deg : Setting
        Value: an angle [degrees] for every detection, or ``"table"``: each detection's own.
    """

    method: Setting
    model: Setting
    size: Setting
    pixel_nm: Setting
    gain: Setting
    em_gain: Setting
    offset: Setting
    read_noise: Setting
    qe: Setting
    saturation: Setting
    aperture_px: Setting
    aperture_y_px: Setting
    aperture_theta_deg: Setting
    annulus_inner_px: Setting
    annulus_outer_px: Setting
    neighbour_radius_px: Setting
    offset_map: Setting
    gain_map: Setting
    read_variance_map: Setting
    bad_pixels: Setting
    sigma: Setting
    psf_angle_deg: Setting
    background: Setting
    background_map: Setting
    origin: Setting
    first_frame: Setting
    swap_xy: Setting
    padding: Setting
    spline: Setting
    details: Setting

    def used(self) -> list[tuple[str, Setting]]:
        """Name and setting of everything that this run uses, in the order in which it is shown."""
        pairs = [(field.name, getattr(self, field.name)) for field in fields(self)]
        return [(name, setting) for name, setting in pairs if setting.value is not None]


def resolve(request: Request, movie: Movie, table: Table) -> Settings:
    """Decide every setting of a run.

    Parameters
    ----------
    request : Request
        What the caller says.
    movie : Movie
    table : Table

    Returns
    -------
    Settings

    Raises
    ------
    InputError
        Two sources disagree, a value is impossible, or one is needed that nobody states.
    """
    stated = [*movie.statements, *table.statements]
    method = one_of(request, "method", METHODS, Setting(next(iter(METHODS)), DEFAULT))
    details = _details(request, method.value)
    of_psf = METHODS[method.value].has_psf or any(DETAILS[name].of_psf for name in details.value or ())
    pixel_nm = _pixel_size(request, stated, needed=of_psf or table.length_unit == "nm")
    model = _model(request, table, pixel_nm.value) if of_psf else UNUSED
    sigma = _sigma(request, table, model.value) if model.value in ("isogauss", "gauss") else UNUSED
    background = background_setting(request, table, method.value)
    aperture = aperture_settings(request, method.value)
    annulus = annulus_settings(request, background.value)
    noise_matters = (
        METHODS[method.value].has_errors
        or background_kind(background.value) == "corrected_median"
        or any(DETAILS[name].of_noise for name in details.value or ())
    )
    return Settings(
        method=method,
        model=model,
        size=_size(request, stated, table, pixel_nm, aperture),
        pixel_nm=pixel_nm,
        qe=positive("qe", _quantum_efficiency(request, table)),
        sigma=sigma,
        psf_angle_deg=_angle(sigma, table) if model.value == "gauss" else UNUSED,
        background=background,
        origin=_origin(request, table),
        first_frame=_first_frame(request, table),
        swap_xy=Setting(True, request.source_of("swap_xy")) if request.swap_xy else UNUSED,
        padding=one_of(request, "padding", PADDINGS, Setting("geometry", DEFAULT)),
        spline=Setting(Path(request.spline), request.source_of("spline")) if model.value == "spline" else UNUSED,
        details=details,
        **aperture,
        **annulus,
        **camera_settings(request, movie, stated, noise_matters=noise_matters),
    )


def has_position(settings: Settings) -> bool:
    """Whether a run looks at the fitted positions, and not only at where the crops lie."""
    return (
        settings.model.value is not None
        or METHODS[settings.method.value].has_aperture
        or background_kind(settings.background.value) in ANNULI
    )


def _details(request: Request, method: str) -> Setting:
    """What is written beside the photons: what is asked for, and the errors of methods that are there for them."""
    always = ("photons_sigma",) if METHODS[method].has_errors else ()
    asked = request.details
    if not asked:
        return Setting(always, DEFAULT) if always else UNUSED
    if "all" in asked:
        asked = (*all_details(method), *(name for name in asked if name != "all"))
    for name in asked:
        if name not in DETAILS:
            raise InputError(f"--details: {name!r} is none, expected all, or some of {', '.join(DETAILS)}")
        if not has_detail(method, name):
            why = "does not iterate" if DETAILS[name].of_iterations else "has no model to compare the crop with"
            raise InputError(f"--details: {name} is asked for, but --method {method} {why}")
    return Setting(tuple(name for name in DETAILS if name in always or name in asked), request.source_of("details"))


def _model(request: Request, table: Table, pixel_nm: tuple[float, float]) -> Setting:
    if request.spline is not None:
        if request.model not in (None, "spline"):
            raise InputError(f"--spline needs --model spline, not {request.model}")
        return Setting("spline", request.source_of("spline"))
    if request.model == "spline":
        raise InputError("--model spline needs the measured PSF: --spline FILE.npz with tx, ty, tz and coefficients")
    if request.sigma_nm is None and table.sigma_x is not None and table.has_two_widths:
        default = Setting("gauss", f"{table.path.name} has {table.width_names}")
    elif request.sigma_nm is None and table.sigma_x is not None and _is_oblong(table, pixel_nm):
        default = Setting("gauss", f"{table.path.name} has widths in pixels, which are not square")
    else:
        default = Setting("isogauss", "default")
    return one_of(request, "model", MODELS, default)


def _is_oblong(table: Table, pixel_nm: tuple[float, float]) -> bool:
    """Whether one width in pixels is two in nanometres."""
    return table.length_unit == "px" and pixel_nm[0] != pixel_nm[1]


def _pixel_size(request: Request, stated: list[Statement], needed: bool) -> Setting:
    if not needed and request.pixel_nm is None:
        return UNUSED
    setting = first_said(request, "pixel_nm", stated, None)
    if setting is None:
        raise InputError("neither the movie nor the table states the pixel size: give --pixel-nm")
    pair = setting.value if isinstance(setting.value, tuple) else (setting.value, setting.value)
    return positive("pixel_nm", Setting(pair, setting.source))


def _quantum_efficiency(request: Request, table: Table) -> Setting:
    if request.qe is not None:
        return Setting(request.qe, request.source_of("qe"))
    if table.qe is not None:
        return Setting(table.qe, f"{table.format} tables: their photons are photoelectrons")
    return Setting(1.0, "nobody says", True)


def _origin(request: Request, table: Table) -> Setting:
    if request.origin is None and table.origin is None:
        raise InputError(
            f"{table.path}: nobody states what position 0 is: give --origin first_pixel (the first pixel's centre) or "
            "pixel_corner (its outer corner)"
        )
    by_format = Setting(table.origin, f"{table.format} tables", "origin" in table.assumed)
    return one_of(request, "origin", ORIGINS, by_format)


def _first_frame(request: Request, table: Table) -> Setting:
    if request.first_frame is not None:
        return Setting(request.first_frame, request.source_of("first_frame"))
    return Setting(table.first_frame, f"{table.format} tables", "first_frame" in table.assumed)


def _sigma(request: Request, table: Table, model: str) -> Setting:
    if request.sigma_nm is not None:
        return positive("sigma_nm", Setting(request.sigma_nm, request.source_of("sigma_nm")))
    if table.sigma_x is None:
        raise InputError(f"{table.path} has no PSF width: give --sigma-nm, or count with --method sum")
    names = table.width_names
    if model == "isogauss" and table.has_two_widths:
        names = f"geometric mean of {names}"
    return Setting("table", f"{table.path.name}: {names}")


def _angle(sigma: Setting, table: Table) -> Setting:
    if sigma.value != "table":
        return Setting(0.0, "one width for both axes")
    if table.angle_deg is not None:
        return Setting("table", f"{table.path.name}: the PSF's angle")
    if table.widths_along_axes or not table.has_two_widths:
        return Setting(0.0, f"{table.format} tables: widths along x and y")
    return Setting(0.0, "the table does not tell the widths' directions", assumed=True)


def _size(
    request: Request, stated: list[Statement], table: Table, pixel_nm: Setting, aperture: dict[str, Setting]
) -> Setting:
    """Rows and columns of a crop."""
    if request.size is not None:
        if min(request.size) < 1:
            raise InputError(f"--size is {request.size[0]}x{request.size[1]}, expected at least 1 pixel each way")
        return Setting(tuple(request.size), request.source_of("size"))
    setting = first_said(request, "size", stated, None)
    if setting is not None:
        if setting.value < 1 or setting.value != int(setting.value):
            raise InputError(f"{setting.source} is {setting.value:g}, expected a whole number above 0: give --size")
        return Setting((int(setting.value),) * 2, setting.source)
    radius = max((aperture[name].value or 0.0 for name in ("aperture_px", "aperture_y_px")), default=0.0)
    if radius > 0:  # and half a pixel for where its centre lies, and a border for the background
        side = 2 * math.ceil(min(radius, 1e6) + 1.5) + 1
        if side > _LARGEST_DERIVED_SIZE:
            raise InputError(f"an aperture of {radius:g} px would need crops of {side} px: check it, or give --size")
        return Setting((side, side), f"2 ceil(radius + 1.5) + 1, radius = {radius:g} px", assumed=True)
    sigma_px = _typical_sigma_px(request, table, pixel_nm.value)
    if sigma_px is None:
        raise InputError("nobody states a crop size, and no PSF width is known to derive it from: give --size")
    size = max(5, 2 * math.ceil(3 * min(sigma_px, 1e6)) + 1)
    if size > _LARGEST_DERIVED_SIZE:
        raise InputError(
            f"the PSF's sigma of {sigma_px:.3g} px would need crops of {size} px: check the widths, or give --size"
        )
    return Setting((size, size), f"2 ceil(3 sigma) + 1, sigma = {sigma_px:.2f} px", assumed=True)


def _typical_sigma_px(request: Request, table: Table, pixel_nm: tuple[float, float] | None) -> float | None:
    """The PSF's usual width [px]: the given one, else the median of the wider of each detection's two.

    None where neither is known, or nanometres without a pixel size.
    """
    if request.sigma_nm is not None:
        return request.sigma_nm / min(pixel_nm) if pixel_nm else None
    if table.sigma_x is None or (table.length_unit == "nm" and pixel_nm is None):
        return None
    along_y, along_x = pixel_nm or (None, None)
    if request.swap_xy:
        along_y, along_x = along_x, along_y
    widths = numpy.maximum(
        numpy.abs(table.to_px(table.sigma_x, along_x)), numpy.abs(table.to_px(table.sigma_y, along_y))
    )
    finite = widths[numpy.isfinite(widths)]
    return float(numpy.median(finite)) if finite.size else None
