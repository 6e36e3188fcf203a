"""The table of detections that smlmlp saves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy

from ..input_error import InputError
from .text_cells import Spelling
from .text_table import TextTable, names_in

_FITTED = ("x fit [nm]", "y fit [nm]")
_DETECTED = ("x detection [nm]", "y detection [nm]")
_ONE_WIDTH = "gaussian sigma fit [nm]"
_TWO_WIDTHS = ("gaussian sigma x fit [nm]", "gaussian sigma y fit [nm]")
_BACKGROUNDS = ("offset fit [photon.pix-2]", "offset [photon]")


class SmlmlpTable(TextTable):
    """``table_[detections].csv``: ``frame`` from 1; positions in nanometres from the first pixel's centre.

    Positions are ``x fit [nm]`` and ``y fit [nm]``, else ``x detection [nm]`` and ``y detection [nm]``. A table of
    several channels is refused: each channel has its movie, and its own table.
    """

    suffixes = (".csv",)
    format = "smlmlp csv"
    length_unit = "nm"
    origin = "first_pixel"
    first_frame = 1
    qe = None
    required = ("frame",)
    used = (
        *_FITTED, *_DETECTED, "z fit [nm]", _ONE_WIDTH, *_TWO_WIDTHS, "sigma angle [deg]", *_BACKGROUNDS,
        "intensity [photon]",
    )  # fmt: skip
    spelling = Spelling(nan="")  # as pandas writes it
    channel_column = "channel"

    @classmethod
    def recognises(cls, path: Path, head: bytes) -> bool:
        names = set(names_in(head))
        return set(_FITTED) <= names or set(_DETECTED) <= names

    def _take(self, columns: Mapping[str, numpy.ndarray]) -> None:
        if len(self.channels) > 1:
            numbers = ", ".join(f"{channel:g}" for channel in self.channels)
            raise InputError(f"{self.path}: the table has the channels {numbers}: give a table of one channel")
        x, y = _FITTED if set(_FITTED) <= set(columns) else _DETECTED
        self._require(x)
        self._require(y)
        self.frame = self._frames_from(columns["frame"])
        self.x, self.y, self.z_nm = columns[x], columns[y], columns.get("z fit [nm]")
        self.angle_deg, self.photons = columns.get("sigma angle [deg]"), columns.get("intensity [photon]")
        self.background_name = next((name for name in _BACKGROUNDS if name in columns), _BACKGROUNDS[0])
        self.background = columns.get(self.background_name)
        self._take_widths(columns)

    def _take_widths(self, columns: Mapping[str, numpy.ndarray]) -> None:
        """Two widths that are the same everywhere are one: the program fills in what was not fitted."""
        sigma_x, sigma_y = (columns.get(name) for name in _TWO_WIDTHS)
        two = sigma_x is not None and sigma_y is not None
        if two and not (_ONE_WIDTH in columns and numpy.array_equal(sigma_x, sigma_y, equal_nan=True)):
            self.sigma_x, self.sigma_y, self.width_names = sigma_x, sigma_y, ", ".join(_TWO_WIDTHS)
        elif _ONE_WIDTH in columns:
            self.sigma_x = self.sigma_y = columns[_ONE_WIDTH]
            self.width_names = _ONE_WIDTH
