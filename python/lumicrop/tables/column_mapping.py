"""Which column of a table of any kind is what, as the caller says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..input_error import InputError
from .text_header import readable

#: What a column can be.
MEANINGS = ("x", "y", "frame", "sigma", "sigma_x", "sigma_y", "background", "photons", "z", "angle")
_UNITS = ("px", "nm")
_ORIGINS = ("first_pixel", "pixel_corner")


@dataclass(frozen=True)
class ColumnMapping:
    """What the caller says of a table that does not say it itself; None: not said.

    Attributes
    ----------
    columns : mapping of str to str or None
        The column's name for each of `MEANINGS` that the table has. ``x`` and ``y`` have to be there. Without
        ``frame`` every row is of the first frame. ``sigma`` is one width, ``sigma_x`` and ``sigma_y`` are two, along
        the camera's columns and rows. ``background`` is per pixel, ``z`` in nanometres, ``angle`` in degrees.
    unit : {"px", "nm"} or None
        Of x, y and the widths.
    origin : {"first_pixel", "pixel_corner"} or None
        Where coordinate 0 lies.
    first_frame : int or None
        Number of the first frame; not needed without frames.
    first_pixel_at : float
        Coordinate [px] of the first pixel's centre, for programs that count pixels from 1. Other than 0 it needs
        pixels, and the origin ``first_pixel``.
    """

    columns: Mapping[str, str] | None = None
    unit: str | None = None
    origin: str | None = None
    first_frame: int | None = None
    first_pixel_at: float = 0.0

    def checked(self, path: Path, names: list[str]) -> ColumnMapping:
        """The same with nothing left open, when all that is needed is said and the columns are there.

        Parameters
        ----------
        path : pathlib.Path
            The table, for messages.
        names : list of str
            Its columns.

        Raises
        ------
        InputError
            Something is not said, not possible, or not in the table.
        """
        columns = dict(self.columns or {})
        found = f"the columns are {', '.join(map(readable, names))}"
        if not {"x", "y"} <= set(columns):
            missing = "x and y" if not set(columns) & {"x", "y"} else next(n for n in ("x", "y") if n not in columns)
            raise InputError(
                f"{path}: which columns are {missing}? Give --columns x=NAME,y=NAME,frame=NAME and others; {found}"
            )
        for meaning, name in columns.items():
            if meaning not in MEANINGS:
                raise InputError(f"--columns: {meaning!r} is no meaning of a column, expected {', '.join(MEANINGS)}")
            if name not in names:
                raise InputError(f"{path}: column {readable(name)!r} ({meaning}) is missing; {found}")
        if ("sigma_x" in columns) != ("sigma_y" in columns) or {"sigma", "sigma_x"} <= set(columns):
            raise InputError("--columns: give sigma for one width, or both sigma_x and sigma_y")
        if self.unit is None:
            raise InputError(
                f"{path}: the unit of x, y and the widths is not known: give --unit px or --unit nm; {found}"
            )
        if self.unit not in _UNITS:
            raise InputError(f"--unit is {self.unit!r}, expected px or nm")
        if "frame" in columns and self.first_frame is None:
            raise InputError(f"{path}: the number of the first frame is not known: give --first-frame 0 or 1; {found}")
        self._check_origin(path, found)
        return replace(self, columns=columns, first_frame=self.first_frame or 0)

    def _check_origin(self, path: Path, found: str) -> None:
        if self.origin is None:
            raise InputError(
                f"{path}: where coordinate 0 lies is not known: give --origin first_pixel (its centre) or "
                f"--origin pixel_corner (its outer corner); {found}"
            )
        if self.origin not in _ORIGINS:
            raise InputError(f"--origin is {self.origin!r}, expected one of {', '.join(_ORIGINS)}")
        if self.first_pixel_at != 0 and (self.unit != "px" or self.origin != "first_pixel"):
            raise InputError(
                "--first-pixel-at is where the first pixel's centre is: it needs --unit px and --origin first_pixel"
            )
