"""Tables of the Zeiss Elyra: tabs, and below the rows a footer of what the microscope was set to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy

from ..sources import Statement
from .text_cells import Spelling
from .text_table import TextTable, names_in

_FOOTER_LIMIT = 1 << 16
_VOXEL = re.compile(rb"(?m)^VoxelSize([XY]) *: *([0-9.]+) *(?:\xc2)?\xb5m")


class ElyraTable(TextTable):
    """``table.txt``: ``First Frame`` from 1; ``Position X [nm]`` and ``Position Y [nm]``.

    ``PSF half width [nm]`` is a standard deviation. The file shows it: its ``Precision [nm]`` is Thompson's formula
    with this column as the standard deviation, the voxel size of the footer as the pixel, the background's variance,
    and the factor sqrt(2) of an EM camera, to the digit that is printed; a half width at half maximum misses by
    a factor that differs from row to row. What ``PSF width [nm]`` of other versions means is not known: it is not used.

    Rows that were grouped over several frames (``Number Frames`` above 1) keep the first one; their photons are those
    of all frames and are not compared. The table has no background level, only a variance. Where coordinate 0 lies is
    not documented: the first pixel's corner is assumed.
    """

    suffixes = (".txt",)
    format = "Zeiss Elyra txt"
    length_unit = "nm"
    origin = "pixel_corner"
    first_frame = 1
    assumed = frozenset({"origin"})
    qe = None
    required = ("First Frame", "Position X [nm]", "Position Y [nm]")
    used = ("Position Z [nm]", "Number Photons", "Number Frames", "PSF half width [nm]")
    spelling = Spelling(delimiter=b"\t", nan="NaN")
    channel_column = "Channel"
    footer = re.compile(rb"\n(?:\0|VoxelSize)")

    @classmethod
    def recognises(cls, path: Path, head: bytes) -> bool:
        return {"First Frame", "Position X [nm]"} <= set(names_in(head, b"\t"))

    def _take(self, columns: Mapping[str, numpy.ndarray]) -> None:
        self.frame = self._frames_from(columns["First Frame"])
        self.x, self.y = columns["Position X [nm]"], columns["Position Y [nm]"]
        self.z_nm = columns.get("Position Z [nm]")
        self.photons = columns.get("Number Photons")
        if self.photons is not None and "Number Frames" in columns:
            self.photons = numpy.where(columns["Number Frames"] > 1, numpy.nan, self.photons)
        if "PSF half width [nm]" in columns:
            self.sigma_x = self.sigma_y = columns["PSF half width [nm]"]
            self.width_names = "PSF half width [nm]"
        self.statements = self._pixel_size()

    def _pixel_size(self) -> list[Statement]:
        """The footer's voxel sizes, where they are micrometres and agree."""
        with open(self.path, "rb") as file:
            file.seek(self._file.stop)
            sizes = dict(_VOXEL.findall(file.read(_FOOTER_LIMIT)))
        if set(sizes) != {b"X", b"Y"} or sizes[b"X"] != sizes[b"Y"] or sizes[b"X"].count(b".") > 1:
            return []
        pixel_nm = 1000.0 * float(sizes[b"X"].strip(b".") or b"0")
        return [Statement("pixel_nm", pixel_nm, f"{self.path.name}: VoxelSizeX")] if pixel_nm > 0 else []
