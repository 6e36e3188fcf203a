"""The settings of one run: every value with where it came from.

Order of trust: what the caller says; what the table's or the movie's metadata says, provided that all of it agrees;
what the format's convention is; and last an assumption, which is marked as one. Defaults and assumptions:

=============  ======================================================================================
gain           1 e-/ADU: photons are then counts
offset         0 ADU
qe             1
size           2 ceil(3 sigma) + 1 pixels, at least 5, sigma being the median width of the PSF
psf angle      0 degrees, for ThunderSTORM's sigma1 and sigma2 (model ``gauss``)
origin, frames of programs that do not document them: what `lumicrop.tables` says
method, model  ``filter``; ``gauss`` when the table tells widths along x and y apart, else ``isogauss``
padding        ``geometry``: pixels beyond the frame are left out
=============  ======================================================================================

Pixel size, a PSF width for the filter, and what positions and frames of unknown programs count from are never assumed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy

from .input_error import InputError
from .movies import Movie
from .request import Request
from .sources import Statement
from .tables import Table

METHODS = ("sum", "filter")
MODELS = ("isogauss", "gauss", "spline")
ORIGINS = ("first_pixel", "pixel_corner")
PADDINGS = ("geometry", "zeros", "none")
#: Largest crop that is derived from the PSF; a larger one must be asked for.
_LARGEST_DERIVED_SIZE = 63


@dataclass(frozen=True)
class Setting:
    """A value, where it came from, and whether it is only assumed. A value of None is not used in this run."""

    value: Any
    source: str
    assumed: bool = False


@dataclass(frozen=True)
class Settings:
    """What a run uses. `model` and `sigma` stay None for ``method="sum"``.

    Attributes
    ----------
    pixel_nm : Setting
        Value: pixel size [nm], a pair (y, x).
    sigma : Setting
        Value: a width [nm] for every detection, or ``"table"``: each detection's own.
    background : Setting
        Value: a background [photon/px] for every detection, or ``"table"``: each detection's own.
    psf_angle_deg : Setting
        Value: an angle [degrees] for every detection, or ``"table"``: each detection's own.
    """

    method: Setting
    model: Setting
    size: Setting
    pixel_nm: Setting
    gain: Setting
    offset: Setting
    qe: Setting
    sigma: Setting
    psf_angle_deg: Setting
    background: Setting
    origin: Setting
    first_frame: Setting
    swap_xy: Setting
    padding: Setting
    spline: Setting

    def used(self) -> list[tuple[str, Setting]]:
        """Name and setting of everything that this run uses, in the order in which it is shown."""
        pairs = [(field.name, getattr(self, field.name)) for field in fields(self)]
        return [(name, setting) for name, setting in pairs if setting.value is not None]


_UNUSED = Setting(None, "not used")


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
    method = _one_of(request, "method", METHODS, Setting("filter", "default"))
    filtered = method.value == "filter"
    pixel_nm = _pixel_size(request, stated, needed=filtered or table.length_unit == "nm")
    model = _model(request, table, pixel_nm.value) if filtered else _UNUSED
    sigma = _sigma(request, table, model.value) if model.value in ("isogauss", "gauss") else _UNUSED
    return Settings(
        method=method,
        model=model,
        size=_size(request, stated, table, pixel_nm),
        pixel_nm=pixel_nm,
        gain=_positive("gain", _first(request, "gain", stated, Setting(1.0, "nobody says: photons are counts", True))),
        offset=_finite("offset", _first(request, "offset", stated, Setting(0.0, "nobody says", True))),
        qe=_positive("qe", _quantum_efficiency(request, table)),
        sigma=sigma,
        psf_angle_deg=_angle(sigma, table) if model.value == "gauss" else _UNUSED,
        background=_background(request, table) if filtered else _UNUSED,
        origin=_origin(request, table),
        first_frame=_first_frame(request, table),
        swap_xy=Setting(True, request.source_of("swap_xy")) if request.swap_xy else _UNUSED,
        padding=_one_of(request, "padding", PADDINGS, Setting("geometry", "default")),
        spline=Setting(Path(request.spline), request.source_of("spline")) if model.value == "spline" else _UNUSED,
    )


def _one_of(request: Request, name: str, allowed: tuple[str, ...], default: Setting) -> Setting:
    given = getattr(request, name)
    if given is None:
        return default
    if given not in allowed:
        raise InputError(f"--{name} is {given!r}, expected one of {', '.join(allowed)}")
    return Setting(given, request.source_of(name))


def _first(request: Request, quantity: str, stated: list[Statement], default: Setting | None) -> Setting | None:
    """The caller's value, else the one that all statements agree on, else the default."""
    given = getattr(request, quantity)
    if given is not None:
        return Setting(given, request.source_of(quantity))
    about = [statement for statement in stated if statement.quantity == quantity]
    if not about:
        return default
    if not all(numpy.allclose(statement.value, about[0].value, rtol=1e-6, atol=0) for statement in about):
        option = "--" + quantity.replace("_", "-")
        said = "; ".join(f"{number_text(statement.value)} ({statement.source})" for statement in about)
        raise InputError(f"the sources disagree on {_WORDS[quantity]}: {said}. Say which with {option}")
    return Setting(about[0].value, "; ".join(dict.fromkeys(statement.source for statement in about)))


_WORDS = {
    "pixel_nm": "the pixel size [nm]",
    "gain": "the gain [e-/ADU]",
    "offset": "the camera offset [ADU]",
    "size": "the crop size [px]",
}


def number_text(value: float | tuple[float, float]) -> str:
    """A number, or a pair (y, x) as ``127 x 117``; one number where both are the same."""
    if isinstance(value, tuple):
        return f"{value[0]:g}" if value[0] == value[1] else f"{value[0]:g} x {value[1]:g}"
    return f"{value:g}"


def _checked(name: str, setting: Setting, fits: Callable[[float], bool], expected: str) -> Setting:
    numbers = setting.value if isinstance(setting.value, tuple) else (setting.value,)
    if not all(math.isfinite(number) and fits(number) for number in numbers):
        where = "" if setting.source == "given" else f" ({setting.source})"
        raise InputError(f"--{name.replace('_', '-')} is {number_text(setting.value)}{where}, expected {expected}")
    return setting


def _positive(name: str, setting: Setting) -> Setting:
    return _checked(name, setting, lambda value: value > 0, "a finite number above 0")


def _finite(name: str, setting: Setting) -> Setting:
    return _checked(name, setting, lambda value: True, "a finite number")


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
    return _one_of(request, "model", MODELS, default)


def _is_oblong(table: Table, pixel_nm: tuple[float, float]) -> bool:
    """Whether one width in pixels is two in nanometres."""
    return table.length_unit == "px" and pixel_nm[0] != pixel_nm[1]


def _pixel_size(request: Request, stated: list[Statement], needed: bool) -> Setting:
    if not needed and request.pixel_nm is None:
        return _UNUSED
    setting = _first(request, "pixel_nm", stated, None)
    if setting is None:
        raise InputError("neither the movie nor the table states the pixel size: give --pixel-nm")
    pair = setting.value if isinstance(setting.value, tuple) else (setting.value, setting.value)
    return _positive("pixel_nm", Setting(pair, setting.source))


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
    return _one_of(request, "origin", ORIGINS, by_format)


def _first_frame(request: Request, table: Table) -> Setting:
    if request.first_frame is not None:
        return Setting(request.first_frame, request.source_of("first_frame"))
    return Setting(table.first_frame, f"{table.format} tables", "first_frame" in table.assumed)


def _sigma(request: Request, table: Table, model: str) -> Setting:
    if request.sigma_nm is not None:
        return _positive("sigma_nm", Setting(request.sigma_nm, request.source_of("sigma_nm")))
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


def _background(request: Request, table: Table) -> Setting:
    if request.background is not None:
        return _finite("background", Setting(request.background, request.source_of("background")))
    if table.background is None:
        missing = f'no background (column "{table.background_name}")' if table.background_name else "no background"
        raise InputError(
            f"{table.path} has {missing}, which the filter needs: give --background, or count with --method sum"
        )
    return Setting("table", f"{table.path.name}: {table.background_name}")


def _size(request: Request, stated: list[Statement], table: Table, pixel_nm: Setting) -> Setting:
    """Rows and columns of a crop."""
    if request.size is not None:
        if min(request.size) < 1:
            raise InputError(f"--size is {request.size[0]}x{request.size[1]}, expected at least 1 pixel each way")
        return Setting(tuple(request.size), request.source_of("size"))
    setting = _first(request, "size", stated, None)
    if setting is not None:
        if setting.value < 1 or setting.value != int(setting.value):
            raise InputError(f"{setting.source} is {setting.value:g}, expected a whole number above 0: give --size")
        return Setting((int(setting.value),) * 2, setting.source)
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
