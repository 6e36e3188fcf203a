"""Tables of any columns: what they mean is said by the caller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy
import pandas

from ..input_error import InputError
from ..output_files import OutputFiles
from .column_mapping import ColumnMapping
from .parquet import ParquetFile, ParquetWriter
from .plain_arrays import read_array
from .plain_text import plain_layout
from .plain_writer import plain_writer
from .table import AddedColumn, Table, TableWriter
from .text_writer import TextWriter

_TEXTS = (".csv", ".tsv", ".txt")
_ARRAYS = (".npz", ".mat", ".h5", ".hdf5")


class _MappedTable(Table):
    """A table whose columns mean what a `ColumnMapping` says."""

    qe = None

    def _take(self, mapping: ColumnMapping, columns: Mapping[str, numpy.ndarray], n_rows: int) -> None:
        named = {meaning: columns[name] for meaning, name in mapping.columns.items()}
        self.length_unit, self.origin, self.first_frame = mapping.unit, mapping.origin, mapping.first_frame
        self.first_pixel_at = mapping.first_pixel_at
        self.frame = self._frames_from(named["frame"]) if "frame" in named else numpy.zeros(n_rows, numpy.int64)
        self.x, self.y = (named[axis] - mapping.first_pixel_at for axis in ("x", "y"))
        self.z_nm, self.angle_deg = named.get("z"), named.get("angle")
        self.photons, self.background = named.get("photons"), named.get("background")
        self.background_name = mapping.columns.get("background", "background")
        if "sigma" in named:
            self.sigma_x = self.sigma_y = named["sigma"]
        elif "sigma_x" in named:
            self.sigma_x, self.sigma_y = named["sigma_x"], named["sigma_y"]
        widths = [mapping.columns[name] for name in ("sigma", "sigma_x", "sigma_y") if name in mapping.columns]
        self.width_names = ", ".join(widths)


class PlainTable(_MappedTable):
    """Comma-, tab-, semicolon- or space-separated text, parquet, or an array in ``.npz``, ``.mat`` or ``.h5``.

    Parameters
    ----------
    path : str or pathlib.Path
        The file; for a file of several arrays ``file.mat::NAME``. Columns without names are named by their number
        from 1.
    columns, unit, origin, first_frame, first_pixel_at
        As for `ColumnMapping`.

    Raises
    ------
    InputError
        Something has to be said and is not, or the file cannot be read.
    """

    suffixes = (*_TEXTS, ".parquet", *_ARRAYS)

    def __init__(
        self,
        path: str | Path,
        columns: Mapping[str, str] | None = None,
        unit: str | None = None,
        origin: str | None = None,
        first_frame: int | None = None,
        first_pixel_at: float = 0.0,
    ) -> None:
        path, self._array = split_array_name(path)
        super().__init__(path)
        suffix = path.suffix.lower()
        self.format = f"plain {suffix.removeprefix('.') or 'text'}"
        self._source = self._open(suffix)
        self.column_names = list(self._source.names)
        mapping = ColumnMapping(columns, unit, origin, first_frame, first_pixel_at).checked(path, self.column_names)
        numbers = self._source.numbers(list(dict.fromkeys(mapping.columns.values())))
        self._take(mapping, numbers, self._source.n_rows)

    @property
    def output_suffix(self) -> str:
        return ".csv" if self.path.suffix.lower() in _ARRAYS else self.path.suffix  # arrays have no names to add to

    def _open(self, suffix: str) -> Any:
        if suffix == ".parquet":
            return ParquetFile(self.path)
        if suffix in _ARRAYS:
            return _Frame(read_array(self.path, self._array), self.path)
        self._layout = plain_layout(self.path)
        return self._layout.file(self.path)

    @classmethod
    def recognises(cls, path: Path, head: bytes) -> bool:
        return path.suffix.lower() in cls.suffixes

    def data(self) -> pandas.DataFrame:
        return self._source.data()

    def written_paths(self, target: Path) -> list[Path]:
        return [target if self.output_suffix == self.path.suffix else target.with_suffix(self.output_suffix)]

    def writer(
        self, target: Path, added: Sequence[AddedColumn], record: Mapping[str, Any], files: OutputFiles
    ) -> TableWriter:
        self.refuse_second_run()
        target = self.written_paths(target)[-1]
        if isinstance(self._source, ParquetFile):
            source = self._source
            batches = source.batches()
            return ParquetWriter(
                files.path(target), target, source.schema, batches, added, record, self.path, source.compression
            )
        if isinstance(self._source, _Frame):
            return plain_writer(self, target, added, record, files)
        head = self._layout.head_with(added)
        return TextWriter(self._source, files.path(target), target, head, added, self._layout.spelling)


class DataFrameTable(_MappedTable):
    """A pandas frame as a table. It has no file: `data` returns the frame, and `writer` refuses.

    Parameters
    ----------
    dataframe : pandas.DataFrame
        Its rows; the index does not matter.
    columns, unit, origin, first_frame, first_pixel_at
        As for `ColumnMapping`.
    """

    format = "DataFrame"

    def __init__(
        self,
        dataframe: pandas.DataFrame,
        columns: Mapping[str, str] | None = None,
        unit: str | None = None,
        origin: str | None = None,
        first_frame: int | None = None,
        first_pixel_at: float = 0.0,
    ) -> None:
        super().__init__(Path("<DataFrame>"))
        self._frame = dataframe
        source = _Frame(dataframe, self.path)
        self.column_names = list(source.names)
        mapping = ColumnMapping(columns, unit, origin, first_frame, first_pixel_at).checked(self.path, source.names)
        self._take(mapping, source.numbers(list(dict.fromkeys(mapping.columns.values()))), source.n_rows)

    @classmethod
    def recognises(cls, path: Path, head: bytes) -> bool:
        return False

    def data(self) -> pandas.DataFrame:
        return self._frame

    def writer(
        self, target: Path, added: Sequence[AddedColumn], record: Mapping[str, Any], files: OutputFiles
    ) -> TableWriter:
        raise InputError(f"{target}: a DataFrame has no format of its own: write a .csv or .parquet")


class _Frame:
    """The columns of a frame in memory."""

    def __init__(self, frame: pandas.DataFrame, path: Path) -> None:
        self._frame, self._path = frame, path
        self.names, self.n_rows = list(map(str, frame.columns)), len(frame)
        if len(set(self.names)) != len(self.names):
            raise InputError(f"{path}: two columns have the same name")

    def numbers(self, used: Sequence[str]) -> dict[str, numpy.ndarray]:
        return {name: self._numbers(name) for name in used}

    def _numbers(self, name: str) -> numpy.ndarray:
        column = self._frame.iloc[:, self.names.index(name)]
        numbers = pandas.to_numeric(column, errors="coerce")
        wrong = numpy.flatnonzero(numbers.isna().to_numpy() & column.notna().to_numpy())
        if wrong.size:
            cell = column.iloc[wrong[0]]
            raise InputError(f'{self._path}: row {wrong[0] + 1}: {cell!r} in column "{name}" is not a number')
        return numbers.to_numpy(numpy.float64, na_value=numpy.nan)

    def data(self) -> pandas.DataFrame:
        return self._frame


def split_array_name(path: str | Path) -> tuple[Path, str | None]:
    """A file and the array in it: ``file.mat::MT`` names one; a file that is called so is just a file."""
    whole = Path(path)
    file, colons, name = str(path).rpartition("::")
    if not colons or not file or whole.exists():
        return whole, None
    return Path(file), name
