"""What a run takes from a table: where its detections are, and the columns that the library looks at."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy

from .background_settings import background_kind
from .settings import Settings, has_position
from .tables import Table
from .tables.table import NO_FRAME


@dataclass(frozen=True)
class Detections:
    """A table's detections as a run's settings read them, one value per row.

    Attributes
    ----------
    frame : numpy.ndarray
        Frame counted from 0, int64; negative where the table has no usable number.
    x_px, y_px : numpy.ndarray
        Position along columns and rows from the first pixel's centre [px], float64.
    sigma_x_px, sigma_y_px : numpy.ndarray, float or None
        Widths of the PSF along columns and rows [px]; a number where all are the same; None where nobody states them.
    columns : dict of str to numpy.ndarray
        The columns that the library looks at, with its names, in nanometres, degrees and photons.
    """

    frame: numpy.ndarray
    x_px: numpy.ndarray
    y_px: numpy.ndarray
    sigma_x_px: numpy.ndarray | float | None
    sigma_y_px: numpy.ndarray | float | None
    columns: dict[str, numpy.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frame)


def detections_of(table: Table, settings: Settings) -> Detections:
    """Read a table's columns as the settings of a run say.

    Parameters
    ----------
    table : Table
    settings : Settings

    Returns
    -------
    Detections
    """
    pixel_y, pixel_x = settings.pixel_nm.value or (None, None)
    x, y, sigma_x, sigma_y = table.x, table.y, table.sigma_x, table.sigma_y
    if settings.swap_xy.value:
        x, y, sigma_x, sigma_y = y, x, sigma_y, sigma_x
    corner = 0.5 if settings.origin.value == "pixel_corner" else 0.0
    sigma_x_px, sigma_y_px = _widths_px(table, settings, sigma_x, sigma_y)
    return Detections(
        _frames(table, settings.first_frame.value),
        table.to_px(x, pixel_x) - corner,
        table.to_px(y, pixel_y) - corner,
        sigma_x_px,
        sigma_y_px,
        _background(table, settings)
        | _positions(table, settings, x, y)
        | ({} if settings.model.value is None else _widths(table, settings, sigma_x, sigma_y)),
    )


def _frames(table: Table, first_frame: int) -> numpy.ndarray:
    """Frames from 0, where the caller says another number of the first frame than the format."""
    moved = table.first_frame - first_frame
    return table.frame if moved == 0 else numpy.where(table.has_frame, table.frame + moved, NO_FRAME)


def _widths_px(table: Table, settings: Settings, sigma_x, sigma_y):
    pixel = settings.pixel_nm.value
    if settings.sigma.value not in (None, "table"):
        return settings.sigma.value / pixel[1], settings.sigma.value / pixel[0]
    if sigma_x is None or (table.length_unit == "nm" and pixel is None):
        return None, None
    pixel_y, pixel_x = pixel or (None, None)
    return table.to_px(sigma_x, pixel_x), table.to_px(sigma_y, pixel_y)


def _background(table: Table, settings: Settings) -> dict[str, numpy.ndarray]:
    """The column of backgrounds, where the run takes them from one."""
    given = settings.background.value
    if background_kind(given) != "column":
        return {}
    if given != "table":
        return {"os_fit": numpy.full(len(table), float(given))}
    # The table's photons may mean another quantum efficiency than this run's; the counts to subtract are the same.
    return {"os_fit": table.background * (1.0 if table.qe is None else table.qe / settings.qe.value)}


def _positions(table: Table, settings: Settings, x, y) -> dict[str, numpy.ndarray]:
    """The fitted positions, where the run looks at them."""
    if not has_position(settings):
        return {}
    pixel_y, pixel_x = settings.pixel_nm.value or (1.0, 1.0)
    return {"x_fit": table.to_nm(x, pixel_x), "y_fit": table.to_nm(y, pixel_y)}


def _widths(table: Table, settings: Settings, sigma_x, sigma_y) -> dict[str, numpy.ndarray]:
    """The columns that tell the PSF, with the library's names."""
    pixel_y, pixel_x = settings.pixel_nm.value
    columns: dict[str, numpy.ndarray] = {}
    if settings.model.value == "spline":
        if table.z_nm is not None:
            columns["z_fit"] = table.z_nm
    elif settings.sigma.value == "table":
        is_round = sigma_x is sigma_y and (table.length_unit == "nm" or pixel_x == pixel_y)
        sigma_x, sigma_y = table.to_nm(sigma_x, pixel_x), table.to_nm(sigma_y, pixel_y)
        if settings.model.value == "gauss":
            columns |= {"sigma_x_fit": sigma_x, "sigma_y_fit": sigma_y}
        else:
            columns["sigma_fit"] = sigma_x if is_round else numpy.sqrt(numpy.abs(sigma_x * sigma_y))
    if settings.psf_angle_deg.value == "table":
        # x and y exchanged are a mirror image.
        columns["sigma_angle"] = -table.angle_deg if settings.swap_xy.value else table.angle_deg
    return columns
