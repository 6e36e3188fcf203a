"""Tables of the ONI Nanoimager."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy

from ..sources import Statement
from .text_cells import Spelling
from .text_table import TextTable, names_in

_IN_PIXELS = ("X (pix)", "Y (pix)", "PSF Sigma X (pix)", "PSF Sigma Y (pix)")


class NanoimagerTable(TextTable):
    """``table.csv``: ``Frame`` from 0; ``X (nm)`` and ``Y (nm)``, ``Z (nm)``, ``Photons`` and ``Background``.

    Widths are there only when the program was told to write them, and then in pixels: such a table has to have
    positions in pixels too, which are then used in place of nanometres. Where coordinate 0 lies is not documented:
    the first pixel's corner is assumed.
    """

    suffixes = (".csv",)
    format = "ONI Nanoimager csv"
    length_unit = "nm"
    origin = "pixel_corner"
    first_frame = 0
    assumed = frozenset({"origin"})
    qe = None
    required = ("Frame", "X (nm)", "Y (nm)")
    used = ("Z (nm)", "Photons", "Background", *_IN_PIXELS)
    spelling = Spelling()
    channel_column = "Channel"
    unit_form = "{name} ({unit})"

    @classmethod
    def recognises(cls, path: Path, head: bytes) -> bool:
        return set(cls.required) <= set(names_in(head))

    def _take(self, columns: Mapping[str, numpy.ndarray]) -> None:
        self.frame = self._frames_from(columns["Frame"])
        self.x, self.y, self.z_nm = columns["X (nm)"], columns["Y (nm)"], columns.get("Z (nm)")
        self.photons = columns.get("Photons")
        self.background, self.background_name = columns.get("Background"), "Background"
        if set(_IN_PIXELS) <= set(columns):
            self.statements = self._pixel_size(columns["X (pix)"])
            self.length_unit = "px"
            self.x, self.y, self.sigma_x, self.sigma_y = (columns[name] for name in _IN_PIXELS)
            self.width_names = "PSF Sigma X (pix), PSF Sigma Y (pix)"

    def _pixel_size(self, x_px: numpy.ndarray) -> list[Statement]:
        """The one factor between nanometres and pixels, where there is one."""
        away = numpy.abs(x_px) > 1.0
        ratios = self.x[away] / x_px[away]
        if not ratios.size or not numpy.allclose(ratios, numpy.median(ratios), rtol=1e-4, atol=0.0):
            return []
        pixel_nm = round(float(numpy.median(ratios)), 3)
        return [Statement("pixel_nm", pixel_nm, f"{self.path.name}: X (nm) over X (pix)")] if pixel_nm > 0 else []
