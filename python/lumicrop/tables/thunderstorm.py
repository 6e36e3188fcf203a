"""ThunderSTORM's tables: comma-separated values under a header with units."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy

from .text_cells import Spelling
from .text_table import TextTable, names_in


class ThunderstormTable(TextTable):
    """``table.csv``: ``"frame"`` from 1; ``"x [nm]"`` and ``"y [nm]"`` from the first pixel's outer corner.

    ``"sigma [nm]"`` (2D) or ``"sigma1 [nm]"`` and ``"sigma2 [nm]"`` (3D, astigmatism; taken along x and y),
    ``"z [nm]"``, ``"offset [photon]"`` per pixel and ``"intensity [photon]"`` are used where they stand. Rows are
    copied to the output byte for byte.
    """

    suffixes = (".csv",)
    format = "ThunderSTORM csv"
    length_unit = "nm"
    origin = "pixel_corner"
    first_frame = 1
    qe = None
    widths_along_axes = False  # sigma1 and sigma2 follow the angle of the astigmatism's calibration
    required = ("frame", "x [nm]", "y [nm]")
    used = ("z [nm]", "sigma [nm]", "sigma1 [nm]", "sigma2 [nm]", "intensity [photon]", "offset [photon]")
    spelling = Spelling(nan="NaN", infinity="Infinity")  # Java's

    @classmethod
    def recognises(cls, path: Path, head: bytes) -> bool:
        return {"x [nm]", "y [nm]"} <= set(names_in(head))

    def _take(self, columns: Mapping[str, numpy.ndarray]) -> None:
        self.frame = self._frames_from(columns["frame"])
        self.x, self.y, self.z_nm = columns["x [nm]"], columns["y [nm]"], columns.get("z [nm]")
        self.background, self.background_name = columns.get("offset [photon]"), "offset [photon]"
        self.photons = columns.get("intensity [photon]")
        if "sigma [nm]" in columns:
            self.sigma_x = self.sigma_y = columns["sigma [nm]"]
            self.width_names = "sigma [nm]"
        elif "sigma1 [nm]" in columns and "sigma2 [nm]" in columns:
            self.sigma_x, self.sigma_y = columns["sigma1 [nm]"], columns["sigma2 [nm]"]
            self.width_names = "sigma1 [nm], sigma2 [nm]"
