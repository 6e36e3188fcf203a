"""What every table of detections can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from ..input_error import InputError
from ..output_files import OutputFiles
from ..sources import Statement

#: A position further out than this many pixels is none (and would not fit the integers that crops are placed by).
FARTHEST_PX = 1e9


@dataclass(frozen=True)
class AddedColumn:
    """A column that lumicrop adds to a table.

    Attributes
    ----------
    name : str
        Name without unit, such as ``"lumicrop_photons"``.
    unit : str
        Unit for formats whose names carry one; ``""`` for pure numbers.
    values : numpy.ndarray
        One value per row, in the table's order.
    """

    name: str
    unit: str
    values: numpy.ndarray


class Table(ABC):
    """Detections of one movie, in the file's order and units.

    A reader sets these attributes; those that its file does not have stay None.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    frame : numpy.ndarray
        Frame of each detection counted from 0, int64; -1 where the table has no usable number.
    x, y : numpy.ndarray
        Position in the whole frame, float64, in `length_unit` from `origin`.
    z_nm : numpy.ndarray or None
        Axial position [nm].
    sigma_x, sigma_y : numpy.ndarray or None
        Widths of the PSF (standard deviations), in `length_unit`. The same array where the table has one width.
    background : numpy.ndarray or None
        Fitted background [photon/px].
    photons : numpy.ndarray or None
        The table's own photons [photon], for comparison.
    statements : list of Statement
        What the table's metadata says of pixel size and camera.
    width_names, background_name : str
        What the file calls these columns.
    column_names : list of str
        Every column of the file.
    """

    #: Endings of file names, lower case, with the dot.
    suffixes: tuple[str, ...] = ()
    #: What the format is called.
    format: str = ""
    #: ``"px"`` or ``"nm"``.
    length_unit: str = ""
    #: ``"first_pixel"`` or ``"pixel_corner"``.
    origin: str = ""
    #: Number that the format gives to the first frame.
    first_frame: int = 0
    #: Quantum efficiency that the format's own photons and background were divided by; None: not known.
    qe: float | None = None
    #: True when two widths lie along the camera's x and y; False when they have an angle that the table does not state.
    widths_along_axes: bool = True

    def __init__(self, path: Path) -> None:
        self.path = path
        self.frame = numpy.empty(0, numpy.int64)
        self.x = self.y = numpy.empty(0)
        self.z_nm: numpy.ndarray | None = None
        self.sigma_x: numpy.ndarray | None = None
        self.sigma_y: numpy.ndarray | None = None
        self.background: numpy.ndarray | None = None
        self.photons: numpy.ndarray | None = None
        self.statements: list[Statement] = []
        self.width_names = ""
        self.background_name = ""
        self.column_names: list[str] = []

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def has_two_widths(self) -> bool:
        """True when widths along x and along y are told apart."""
        return self.sigma_x is not self.sigma_y

    def to_px(self, lengths: numpy.ndarray, pixel_nm: float) -> numpy.ndarray:
        """Lengths of this table in pixels; `pixel_nm` is not looked at when they are pixels already."""
        return lengths if self.length_unit == "px" else lengths / pixel_nm

    def to_nm(self, lengths: numpy.ndarray, pixel_nm: float) -> numpy.ndarray:
        """Lengths of this table in nanometres; `pixel_nm` is not looked at when they are nanometres already."""
        return lengths if self.length_unit == "nm" else lengths * pixel_nm

    def _frames_from(self, numbers: numpy.ndarray) -> numpy.ndarray:
        """Frames counted from 0, of the numbers in the file; -1 for NaN and for what no movie can hold."""
        numbers = numpy.asarray(numbers, numpy.float64)
        usable = numpy.isfinite(numbers) & (numpy.abs(numbers) < 2.0**53)
        whole = numpy.floor(numpy.where(usable, numbers, 0.0))
        broken = numpy.flatnonzero(usable & (whole != numbers))
        if broken.size:
            raise InputError(f"{self.path}: row {broken[0] + 1}: frame {numbers[broken[0]]:g} is not a whole number")
        return numpy.where(usable, whole.astype(numpy.int64) - self.first_frame, -1)

    def refuse_second_run(self) -> None:
        """Columns are added, never replaced: a table that went through lumicrop before is refused.

        Raises
        ------
        InputError
            A column has a name that lumicrop gives.
        """
        for name in self.column_names:
            if name.startswith("lumicrop_"):
                raise InputError(
                    f"{self.path}: the table already has a column {name}: take the one from before lumicrop"
                )

    @abstractmethod
    def written_paths(self, target: Path) -> list[Path]:
        """Every file that `write` makes for an output table `target`, the table itself last."""

    @abstractmethod
    def write(self, target: Path, added: Sequence[AddedColumn], record: Mapping[str, Any], files: OutputFiles) -> None:
        """Write the table with columns added at the end.

        Parameters
        ----------
        target : pathlib.Path
            The output table.
        added : sequence of AddedColumn
            New columns, in the table's order.
        record : mapping
            What was done and with which settings, for formats that keep such a record.
        files : OutputFiles
            Gives the temporary path behind each of `written_paths`.

        Raises
        ------
        InputError
            The table has such columns already.
        """
