"""What every table of detections can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import pandas

from ..input_error import InputError
from ..output_files import OutputFiles
from ..sources import Statement

#: A position further out than this many pixels is none (and would not fit the integers that crops are placed by).
FARTHEST_PX = 1e9
#: A frame number that no table means.
NO_FRAME = -(2**62)


@dataclass(frozen=True)
class AddedColumn:
    """A column that lumicrop adds to a table.

    Attributes
    ----------
    name : str
        Name without unit, such as ``"lumicrop_photons"``.
    unit : str
        Unit, such as ``"photon"``; ``""`` for pure numbers and words.
    dtype : numpy.dtype
        Type of its values.
    words : tuple of str
        For a column of words: its values are uint8 indices into these. Formats of text write the words, formats of
        numbers the index. Empty for a column of numbers.
    """

    name: str
    unit: str
    dtype: numpy.dtype
    words: tuple[str, ...] = ()


class TableWriter(ABC):
    """Writes a table again, with columns added, a part of its rows at a time.

    A context manager. It may be used on another thread than the one that made it, by one thread at a time.
    """

    @abstractmethod
    def write(self, values: Mapping[str, numpy.ndarray]) -> None:
        """Write the next rows of the table: the old columns, and these new ones.

        Parameters
        ----------
        values : mapping of str to numpy.ndarray
            The values of every added column, by its name, for the rows that follow those written so far. All have the
            same length, which may be 0.

        Raises
        ------
        InputError
            The table became shorter while it was read.
        OSError
            The output cannot be written.
        """

    @abstractmethod
    def close(self) -> None:
        """Finish the files, after the last row. Allowed more than once."""

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Table(ABC):
    """Detections of one movie, in the file's order and units.

    A reader sets these attributes; those that its file does not have stay None.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    frame : numpy.ndarray
        Frame of each detection counted from 0 by the format's `first_frame`, int64. Where the table has no usable
        number it is `NO_FRAME`.
    x, y : numpy.ndarray
        Position along the camera's columns and rows, float64, in `length_unit` from `origin`.
    z_nm : numpy.ndarray or None
        Axial position [nm].
    sigma_x, sigma_y : numpy.ndarray or None
        Widths of the PSF (standard deviations), in `length_unit`. The same array where the table has one width.
    angle_deg : numpy.ndarray or None
        Angle of the PSF's axes [degrees], as the model ``gauss`` means it.
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
    companions : list of pathlib.Path
        Other files that were read with it, such as a yaml.
    channels : tuple of float
        Numbers of the channels in the table, where it has a column of them.
    """

    #: What the format is called.
    format: str = ""
    #: ``"px"`` or ``"nm"``; of x, y and the widths.
    length_unit: str = ""
    #: ``"first_pixel"`` or ``"pixel_corner"``; None: not known, the caller has to say.
    origin: str | None = None
    #: Number that the format gives to the first frame; None: not known, the caller has to say.
    first_frame: int | None = 0
    #: What the caller says that position 0 of `origin` is called; it has been taken off x and y.
    first_pixel_at: float = 0.0
    #: Which of ``"origin"`` and ``"first_frame"`` the program does not document: they are shown as assumptions.
    assumed: frozenset[str] = frozenset()
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
        self.angle_deg: numpy.ndarray | None = None
        self.background: numpy.ndarray | None = None
        self.photons: numpy.ndarray | None = None
        self.statements: list[Statement] = []
        self.width_names = ""
        self.background_name = ""
        self.column_names: list[str] = []
        self.companions: list[Path] = []
        self.channels: tuple[float, ...] = ()

    @classmethod
    @abstractmethod
    def recognises(cls, path: Path, head: bytes) -> bool:
        """Whether a file is of this format.

        Parameters
        ----------
        path : pathlib.Path
            The file. Formats with a head of text need not open it.
        head : bytes
            Its first 64 KiB.
        """

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def output_suffix(self) -> str:
        """Ending of the files that `writer` makes: the input's own, unless the format is one that is only read."""
        return self.path.suffix

    @property
    def has_frame(self) -> numpy.ndarray:
        """True for detections with a usable frame number."""
        return self.frame != NO_FRAME

    @property
    def has_two_widths(self) -> bool:
        """True when widths along x and along y are told apart."""
        return self.sigma_x is not self.sigma_y

    def to_px(self, lengths: numpy.ndarray, pixel_nm: float | None) -> numpy.ndarray:
        """Lengths of this table in pixels of `pixel_nm`, which is not looked at when they are pixels already."""
        return lengths if self.length_unit == "px" else lengths / pixel_nm

    def to_nm(self, lengths: numpy.ndarray, pixel_nm: float | None) -> numpy.ndarray:
        """Lengths of this table in nanometres; `pixel_nm` is not looked at when they are nanometres already."""
        return lengths if self.length_unit == "nm" else lengths * pixel_nm

    def _frames_from(self, numbers: numpy.ndarray) -> numpy.ndarray:
        """Frames counted from 0, of the numbers in the file; `NO_FRAME` for NaN and for what no movie can hold."""
        numbers = numpy.asarray(numbers, numpy.float64)
        usable = numpy.isfinite(numbers) & (numpy.abs(numbers) < 2.0**53)
        whole = numpy.floor(numpy.where(usable, numbers, 0.0))
        broken = numpy.flatnonzero(usable & (whole != numbers))
        if broken.size:
            raise InputError(f"{self.path}: row {broken[0] + 1}: frame {numbers[broken[0]]:g} is not a whole number")
        return numpy.where(usable, whole.astype(numpy.int64) - self.first_frame, NO_FRAME)

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
    def data(self) -> pandas.DataFrame:
        """Every column of the file, with the file's names and units, one row per detection in the file's order."""

    def written_paths(self, target: Path) -> list[Path]:
        """Every file that `writer` makes for an output table `target`, the table itself last."""
        return [target]

    @abstractmethod
    def writer(
        self, target: Path, added: Sequence[AddedColumn], record: Mapping[str, Any], files: OutputFiles
    ) -> TableWriter:
        """Begin to write the table again, in its own format, with columns added at the end.

        Parameters
        ----------
        target : pathlib.Path
            The output table.
        added : sequence of AddedColumn
            The new columns.
        record : mapping
            What was done and with which settings, for formats that keep such a record.
        files : OutputFiles
            Gives the temporary path behind each of `written_paths`.

        Returns
        -------
        TableWriter
            To be given every row, in order.

        Raises
        ------
        InputError
            The table has such columns already.
        """
