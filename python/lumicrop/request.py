"""What the caller of a run says, before files are asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Request:
    """What the caller says; None: not said. The names are those of the command's options.

    Attributes
    ----------
    method : {"filter", "sum"} or None
    model : {"isogauss", "gauss", "spline"} or None
    size : tuple of int or None
        Rows and columns of a crop [px].
    pixel_nm : float, tuple of float, or None
        Pixel size [nm]; a pair is (y, x).
    gain, offset, qe, sigma_nm, background : float or None
        Gain [e-/ADU], camera offset [ADU], quantum efficiency, PSF width [nm], background [photon/px].
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
    offset: float | None = None
    qe: float | None = None
    sigma_nm: float | None = None
    background: float | None = None
    origin: str | None = None
    first_frame: int | None = None
    swap_xy: bool | None = None
    padding: str | None = None
    spline: str | Path | None = None
    columns: Mapping[str, str] | None = None
    unit: str | None = None
    first_pixel_at: float | None = None
    source: str = "given"
    sources: Mapping[str, str] = field(default_factory=dict)

    def source_of(self, name: str) -> str:
        """Who says the value `name`."""
        return self.sources.get(name, self.source)

    def said(self) -> dict[str, Any]:
        """The values that are said, by name."""
        return {name: getattr(self, name) for name in VALUES if getattr(self, name) is not None}

    @property
    def reading(self) -> dict[str, Any]:
        """How the table is to be read, as arguments of `read_table`."""
        return {name: getattr(self, name) for name in ("columns", "unit", "origin", "first_frame", "first_pixel_at")}

    def over(self, other: Request) -> Request:
        """This request, and where it says nothing, what `other` says."""
        missing = {name: value for name, value in other.said().items() if getattr(self, name) is None}
        return replace(self, **missing, sources={**self.sources, **{name: other.source_of(name) for name in missing}})


#: Names of the values of a request.
VALUES = tuple(each.name for each in fields(Request) if each.name not in ("source", "sources"))
