"""Insight3's tables: binary lists of molecules."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy
import pandas
import pyarrow
import pyarrow.csv

from ..input_error import InputError
from ..output_files import OutputFiles
from .full_disk import room_for
from .hdf5_files import one_if_equal, unless_unset
from .storm_analysis_settings import settings_statements
from .table import AddedColumn, Table, TableWriter

_VERSION = b"M425"
_HEADER_BYTES = 16
_ROW = numpy.dtype(
    [(name, "<f4") for name in ("x", "y", "xc", "yc", "h", "a", "w", "phi", "ax", "bg", "i")]
    + [(name, "<i4") for name in ("c", "fi", "fr", "tl", "lk")]
    + [(name, "<f4") for name in ("z", "zc")]
)
_USED = ("fr", "x", "y", "z", "a", "bg", "w", "ax")
_COPIED = ("fr", "x", "y")
_ROWS_AT_ONCE = 1 << 16


class Insight3Table(Table):
    """``molecules.bin``, version M425: 16 bytes of header, 72 bytes for each molecule, and what may follow.

    ``fr`` counts from 1. ``x`` and ``y`` are pixels, the first pixel's centre being 1, before drift correction (``xc``
    and ``yc`` are after it, which the movie is not); `x` and `y` count from 0. ``z`` is nanometres.

    The file does not say what ``a`` (area), ``bg`` and ``w`` (nm) are measured with. Where the settings of
    storm-analysis follow the molecules, ``a`` and ``bg`` are photoelectrons (per pixel), and the widths are
    ``w / sqrt(ax) / 2`` and ``w * sqrt(ax) / 2`` over its pixel size; otherwise these columns are not used.

    A row has no room for more columns: the output is the file as it is, and a csv beside it with the new ones.
    """

    format = "Insight3 bin"
    suffixes = (".bin",)
    length_unit = "px"
    origin = "first_pixel"
    first_frame = 1
    qe = None

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._n, end = _length(path)
        rows = _columns(path, self._n)
        self.column_names = list(_ROW.names)
        self.frame = self._frames_from(rows["fr"])
        self.x, self.y, self.z_nm = rows["x"], rows["y"], rows["z"]
        self.x -= 1
        self.y -= 1
        self.background_name = "bg"
        settings = _settings(path, end)
        self.statements = settings_statements(settings, f"{path.name}: settings")
        if settings:
            self.qe = 1.0
            self.photons = rows["a"]
            self.background = unless_unset(rows["bg"])
        sizes = [statement.value for statement in self.statements if statement.quantity == "pixel_nm"]
        if sizes:
            self._widths(rows, sizes[0])

    @classmethod
    def recognises(cls, path: Path, head: bytes) -> bool:
        return path.suffix.lower() in cls.suffixes and re.match(rb"M\d{3}", head) is not None

    def _widths(self, rows: Mapping[str, numpy.ndarray], pixel_nm: float) -> None:
        width, aspect = rows["w"], rows["ax"]
        root = numpy.sqrt(numpy.where(aspect > 0, aspect, numpy.nan))
        self.sigma_x, self.sigma_y = one_if_equal(width / root / (2 * pixel_nm), width * root / (2 * pixel_nm))
        self.width_names = "w, ax"

    def data(self) -> pandas.DataFrame:
        rows = numpy.concatenate([numpy.empty(0, _ROW), *_parts(self.path, self._n)])
        return pandas.DataFrame({name: rows[name].astype(rows.dtype[name].newbyteorder("=")) for name in _ROW.names})

    def written_paths(self, target: Path) -> list[Path]:
        return [target.with_suffix(".csv"), target]

    def writer(
        self, target: Path, added: Sequence[AddedColumn], record: Mapping[str, Any], files: OutputFiles
    ) -> TableWriter:
        with room_for(target):
            shutil.copyfile(self.path, files.path(target))
        beside = target.with_suffix(".csv")
        return _CsvWriter(files.path(beside), beside, self.path, added)


def _length(path: Path) -> tuple[int, int]:
    """Number of molecules, and where they end in the file."""
    with open(path, "rb") as file:
        header = file.read(_HEADER_BYTES)
        size = file.seek(0, 2)
    if len(header) < _HEADER_BYTES:
        raise InputError(f"{path}: the file ends within its header of {_HEADER_BYTES} bytes")
    if header[:4] != _VERSION:
        raise InputError(f"{path}: the file begins with {header[:4]!r}, but only Insight3's version M425 is read")
    n = int.from_bytes(header[12:], "little", signed=True)
    if n < 0:
        raise InputError(f"{path}: the header says that there are {n} molecules")
    end = _HEADER_BYTES + n * _ROW.itemsize
    if size < end:
        held = (size - _HEADER_BYTES) // _ROW.itemsize
        raise InputError(f"{path}: the header says that there are {n} molecules, but the file holds {held}")
    return n, end


def _read(file: BinaryIO, path: Path, n: int) -> numpy.ndarray:
    """The next `n` rows. No memory map: of a file that is cut short meanwhile, that would kill the process."""
    data = file.read(n * _ROW.itemsize)
    if len(data) != n * _ROW.itemsize:
        raise InputError(f"{path}: the table became shorter while it was read")
    return numpy.frombuffer(data, _ROW)


def _parts(path: Path, n: int) -> Iterator[numpy.ndarray]:
    """All rows, some at a time."""
    with open(path, "rb") as file:
        file.seek(_HEADER_BYTES)
        for start in range(0, n, _ROWS_AT_ONCE):
            yield _read(file, path, min(_ROWS_AT_ONCE, n - start))


def _columns(path: Path, n: int) -> dict[str, numpy.ndarray]:
    """The columns that are used, float64."""
    columns = {name: numpy.empty(n) for name in _USED}
    for number, rows in enumerate(_parts(path, n)):
        start = number * _ROWS_AT_ONCE
        for name, values in columns.items():
            values[start : start + len(rows)] = rows[name]
    return columns


def _settings(path: Path, end: int) -> bytes:
    """The XML that storm-analysis may write behind the molecules and a 0 of four bytes."""
    with open(path, "rb") as file:
        file.seek(end + 4)
        begin = file.read(5)
        return begin + file.read() if begin == b"<?xml" else b""


class _CsvWriter(TableWriter):
    """Frame and position of each molecule, as they stand in the file, and the new columns."""

    def __init__(self, path: Path, target: Path, source: Path, added: Sequence[AddedColumn]) -> None:
        self._target = target
        self._path = source
        self._added = added
        self._source = open(source, "rb")
        self._source.seek(_HEADER_BYTES)
        self._file = open(path, "wb", buffering=0)
        names = ["frame", "x [px]", "y [px]"]
        names += [f"{column.name} [{column.unit}]" if column.unit else column.name for column in added]
        try:
            self._write(",".join(f'"{name}"' for name in names).encode() + b"\n")
        except BaseException:
            self.close()
            raise

    def write(self, values: Mapping[str, numpy.ndarray]) -> None:
        n = len(next(iter(values.values()))) if values else 0
        if n == 0:
            return
        old = _read(self._source, self._path, n)
        columns = [pyarrow.array(numpy.ascontiguousarray(old[name])) for name in _COPIED]
        for column in self._added:
            new = numpy.ascontiguousarray(values[column.name])
            columns.append(pyarrow.array(numpy.array(column.words)[new] if column.words else new))
        names = [str(number) for number in range(len(columns))]
        text = pyarrow.BufferOutputStream()
        pyarrow.csv.write_csv(
            pyarrow.Table.from_arrays(columns, names), text, pyarrow.csv.WriteOptions(include_header=False)
        )
        self._write(text.getvalue())

    def _write(self, data: bytes | pyarrow.Buffer) -> None:
        left = memoryview(data)
        with room_for(self._target):
            while left:
                left = left[self._file.write(left) :]

    def close(self) -> None:
        self._source.close()
        self._file.close()
