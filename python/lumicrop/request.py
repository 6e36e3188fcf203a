"""What the caller of a run says, before files are asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ._channel import MAPS
from .input_error import InputError


@dataclass(frozen=True)
class Request:
    """What the caller says; None: not said. The names are those of the command's options.

    Attributes
    ----------
    method : str or None
        One of `lumicrop.methods.METHODS`.
    model : {"isogauss", "gauss", "spline"} or None
    size : tuple of int or None
        Rows and columns of a crop [px].
    pixel_nm : float, tuple of float, or None
        Pixel size [nm]; a pair is (y, x).
    gain, offset, qe, sigma_nm : float or None
        Gain [e-/ADU], camera offset [ADU], quantum efficiency, PSF width [nm]. The gain is that before multiplication
        where `em_gain` is said, else that behind it.
    em_gain, read_noise, saturation : float or None
        Mean multiplication of electrons, read noise [e-], raw counts of a saturated pixel [ADU].
    aperture_px, aperture_y_px, aperture_theta_deg : float or None
        Semi-axes [px] along its own x and y axes, and angle [degrees], of ``method="aperture"``. Only the first: a radius.
    annulus_inner_px, annulus_outer_px, neighbour_radius_px : float or None
        Radii [px] of the ring of a background that is measured on one, and how near other detections may be to its pixels.
    offset_map, gain_map, read_variance_map, bad_pixels, background_map : str, pathlib.Path, array or None
        See `lumicrop.frame_maps.read_map`.
    background : float, str or None
        A background [photon/px] for every detection, or one of `lumicrop.methods.BACKGROUNDS`.
    origin : {"first_pixel", "pixel_corner"} or None
    first_frame : int or None
        Number that the table gives to the movie's first frame.
    swap_xy : bool or None
        The table's x and y are taken for each other.
    padding : {"geometry", "zeros", "none"} or None
    spline : str or pathlib.Path or None
        ``.npz`` with ``tx``, ``ty``, ``tz`` [nm] and ``coefficients``; implies ``model="spline"``.
    columns : mapping of str to str, or None
        For tables of no known program: which of their columns is what; see `lumicrop.tables.PlainTable`.
    unit : {"px", "nm"} or None
        For such tables: the unit of positions and widths.
    first_pixel_at : float or None
        For such tables: what position 0 (of `origin`) is called, in `unit`; 1 for
        programs that count from 1.
    details : tuple of str or None
        Some of `lumicrop.methods.DETAILS`, or ``"all"``.
    source : str
        How a value's origin is shown: ``"given"``, or the settings file that it stands in.
    sources : mapping of str to str
        The same for single values.
    """

    method: str | None = None
    model: str | None = None
    size: tuple[int, int] | None = None
    pixel_nm: float | tuple[float, float] | None = None
    gain: float | None = None
    em_gain: float | None = None
    offset: float | None = None
    read_noise: float | None = None
    qe: float | None = None
    saturation: float | None = None
    aperture_px: float | None = None
    aperture_y_px: float | None = None
    aperture_theta_deg: float | None = None
    annulus_inner_px: float | None = None
    annulus_outer_px: float | None = None
    neighbour_radius_px: float | None = None
    offset_map: Any = None
    gain_map: Any = None
    read_variance_map: Any = None
    bad_pixels: Any = None
    sigma_nm: float | None = None
    background: float | str | None = None
    background_map: Any = None
    origin: str | None = None
    first_frame: int | None = None
    swap_xy: bool | None = None
    padding: str | None = None
    spline: str | Path | None = None
    columns: Mapping[str, str] | None = None
    unit: str | None = None
    first_pixel_at: float | None = None
    details: tuple[str, ...] | None = None
    source: str = "given"
    sources: Mapping[str, str] = field(default_factory=dict)

    def source_of(self, name: str) -> str:
        """Who says the value `name`."""
        return self.sources.get(name, self.source)

    def said(self) -> dict[str, Any]:
        """The values that are said, by name."""
        return {name: getattr(self, name) for name in VALUES if getattr(self, name) is not None}

    @property
    def maps(self) -> dict[str, Any]:
        """The maps that are said, by name."""
        return {name: getattr(self, name) for name in MAPS if getattr(self, name) is not None}

    @property
    def reading(self) -> dict[str, Any]:
        """How the table is to be read, as arguments of `read_table`."""
        return {name: getattr(self, name) for name in ("columns", "unit", "origin", "first_frame", "first_pixel_at")}

    def over(self, other: Request) -> Request:
        """This request, and where it says nothing, what `other` says.

        Of a number and the map that takes its place only what is said here counts.

        Raises
        ------
        InputError
            Only this one says an EM gain, so that nobody knows which gain `other` means.
        """
        if self.em_gain is not None and other.em_gain is None and self.gain is None and other.gain is not None:
            raise InputError(
                f"--em-gain is given, but the gain is that of {other.source_of('gain')}, which says none: "
                "give --gain, too (before multiplication)"
            )
        replaced = {
            theirs
            for pair in _ONE_OF_TWO
            for ours, theirs in (pair, pair[::-1])
            if getattr(self, ours) is not None and getattr(self, theirs) is None and getattr(self, ours) != "map"
        }
        missing = {
            name: value for name, value in other.said().items() if getattr(self, name) is None and name not in replaced
        }
        return replace(self, **missing, sources={**self.sources, **{name: other.source_of(name) for name in missing}})


#: A number, and the map that takes its place.
_ONE_OF_TWO = (
    ("offset", "offset_map"),
    ("gain", "gain_map"),
    ("read_noise", "read_variance_map"),
    ("background", "background_map"),
)
#: Names of the values of a request.
VALUES = tuple(each.name for each in fields(Request) if each.name not in ("source", "sources"))
