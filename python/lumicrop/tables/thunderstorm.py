"""ThunderSTORM's tables: comma-separated values under a quoted header with units."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy
import pandas

from ..input_error import InputError
from ..output_files import OutputFiles
from .table import AddedColumn, Table

_ROWS_AT_ONCE = 1 << 16
_REQUIRED = ("frame", "x [nm]", "y [nm]")


class ThunderstormTable(Table):
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

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with open(path, "rb") as file:
            self.column_names = _header(file.readline(), path)
            missing = [name for name in _REQUIRED if name not in self.column_names]
            if missing:
                raise InputError(
                    f'{path}: column "{missing[0]}" is missing; the columns are {", ".join(self.column_names)}'
                )
            for _ in _rows(file, len(self.column_names), path):  # every row is whole, before any number is read
                pass
        columns = _numbers(path, self.column_names)
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

    def written_paths(self, target: Path) -> list[Path]:
        return [target]

    def write(self, target: Path, added: Sequence[AddedColumn], record: Mapping[str, Any], files: OutputFiles) -> None:
        self.refuse_second_run()
        names = self.column_names + [
            f"{column.name} [{column.unit}]" if column.unit else column.name for column in added
        ]
        with open(self.path, "rb") as source, open(files.path(target), "wb") as output:
            line_end = b"\r\n" if source.readline().endswith(b"\r\n") else b"\n"
            output.write(",".join(f'"{name}"' for name in names).encode(errors="surrogateescape") + line_end)
            rows = _rows(source, len(self.column_names), self.path)
            for start in range(0, len(self), _ROWS_AT_ONCE):
                stop = min(start + _ROWS_AT_ONCE, len(self))
                texts = [_texts(column.values[start:stop]) for column in added]
                old = list(islice(rows, stop - start))
                if len(old) != stop - start:
                    raise InputError(f"{self.path}: the table became shorter while it was read")
                for cells in zip(old, *texts):
                    output.write(b",".join(cells) + line_end)


def _header(line: bytes, path: Path) -> list[str]:
    """Column names. Some programs quote the whole header once more: then it is one cell with the header in it."""
    text = line.decode("utf-8", errors="surrogateescape").removeprefix("\ufeff").strip("\r\n")
    try:
        names = next(csv.reader([text]), [])
        if len(names) == 1 and "," in names[0]:
            names = next(csv.reader(names), [])
    except csv.Error:
        names = []
    names = [name.strip() for name in names]
    if len(set(names)) != len(names):
        raise InputError(f"{path}: two columns have the same name in the header")
    return names


def _rows(file: Iterator[bytes], n_columns: int, path: Path) -> Iterator[bytes]:
    """Rows without their line ends; empty lines are skipped."""
    for number, line in enumerate(file, start=2):
        row = line.rstrip(b"\r\n")
        if not row.strip():
            continue
        found = row.count(b",") + 1 if b'"' not in row else len(_cells(row))
        if found != n_columns:
            raise InputError(f"{path}: line {number} has {found} values, the header names {n_columns}")
        yield row


def _cells(row: bytes) -> list[str]:
    try:
        return next(csv.reader([row.decode("utf-8", errors="surrogateescape")]), [])
    except csv.Error:
        return []


def _numbers(path: Path, names: list[str]) -> dict[str, numpy.ndarray]:
    """The columns that photons are counted from, as float64."""
    used = [name for name in names if name in _USED]
    try:
        frame = pandas.read_csv(
            path, header=None, skiprows=1, names=names, usecols=used, dtype=numpy.float64,
            index_col=False, encoding_errors="surrogateescape", skipinitialspace=True,
        )  # fmt: skip
    except (ValueError, pandas.errors.ParserError) as error:
        raise InputError(_unreadable(path, names, used) or f"{path}: the table cannot be read ({error})") from None
    return {name: frame[name].to_numpy() for name in used}


_USED = {*_REQUIRED, "z [nm]", "sigma [nm]", "sigma1 [nm]", "sigma2 [nm]", "intensity [photon]", "offset [photon]"}


def _unreadable(path: Path, names: list[str], used: list[str]) -> str | None:
    """Where the first cell stands that should be a number and is not."""
    with open(path, "rb") as file:
        file.readline()
        for number, line in enumerate(file, start=2):
            for name, cell in zip(names, _cells(line.rstrip(b"\r\n"))):
                try:
                    float(cell or "nan")
                except ValueError:
                    if name in used:
                        return f'{path}: line {number}: {cell!r} in column "{name}" is not a number'
    return None


def _texts(values: numpy.ndarray) -> list[bytes]:
    """Numbers as ThunderSTORM writes them; ten digits, whole numbers without a point."""
    if values.dtype.kind in "iu":
        return [b"%d" % value for value in values.tolist()]
    return [b"%.10g" % value if math.isfinite(value) else _JAVA[str(value)] for value in values.tolist()]


_JAVA = {"nan": b"NaN", "inf": b"Infinity", "-inf": b"-Infinity"}
