"""The groups of a storm-analysis file, one for each frame with molecules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy

from ..input_error import InputError
from .hdf5_files import listed

_FRAME = re.compile(rb"fr_(\d{1,15})")


class Frames:
    """The groups of an open file that have rows, by h5py's low-level calls: there may be tens of thousands.

    Attributes
    ----------
    names : list of bytes
        Names of the groups, in the order of the frames.
    numbers : numpy.ndarray
        Number of each frame, int64.
    rows : numpy.ndarray
        Rows of each frame, int64.
    column_names : list of str
        Every dataset that any of them has, in the order of appearance.
    """

    def __init__(self, file: h5py.File, path: Path) -> None:
        self._path = path
        numbers = {}
        for name in file.id:
            found = _FRAME.fullmatch(name)
            if found:
                numbers[name] = int(found[1])
        self.names, rows, self._groups = [], [], []
        seen: dict[bytes, None] = {}
        for name in sorted(numbers, key=numbers.__getitem__):
            try:
                group = h5py.h5g.open(file.id, name)
            except (KeyError, ValueError):
                raise InputError(f"{path}: {name.decode()} is not a group") from None
            columns = list(group)
            n = self._length(name, group, columns)
            if n == 0:
                continue
            self.names.append(name)
            rows.append(n)
            self._groups.append((group, set(columns)))
            seen.update(dict.fromkeys(columns))
        self.numbers = numpy.array([numbers[name] for name in self.names], numpy.int64)
        self.rows = numpy.array(rows, numpy.int64)
        self.column_names = [column.decode("utf-8", "replace") for column in seen]

    def _length(self, name: bytes, group: h5py.h5g.GroupID, columns: list[bytes]) -> int:
        """Rows of a frame. One without molecules has no datasets, or says so itself."""
        counted = _attribute(group, b"n_locs")
        if not columns and not counted or counted == 0:
            return 0
        missing = [column for column in (b"x", b"y") if column not in columns]
        if missing:
            there = listed([column.decode() for column in columns])
            raise InputError(
                f"{self._path}: the dataset {name.decode()}/{missing[0].decode()} is missing; there are {there}"
            )
        shape = self._dataset(name, group, b"x").shape
        if len(shape) != 1:
            raise InputError(f"{self._path}: {name.decode()}/x has the shape {shape}, expected one axis")
        return shape[0]

    def _dataset(self, name: bytes, group: h5py.h5g.GroupID, column: bytes) -> h5py.h5d.DatasetID:
        try:
            return h5py.h5d.open(group, column)
        except (KeyError, ValueError):
            raise InputError(f"{self._path}: {name.decode()}/{column.decode()} is not a dataset") from None

    def used_columns(self, wanted: Sequence[str]) -> dict[str, numpy.ndarray]:
        """Those of these columns that any frame has: one value of every row as float64, NaN where a frame has none."""
        columns = {column: numpy.full(self.rows.sum(), numpy.nan) for column in wanted if column in self.column_names}
        start = 0
        for name, n, (group, there) in zip(self.names, self.rows.tolist(), self._groups):
            for column, values in columns.items():
                if column.encode() not in there:
                    continue
                called = f"{name.decode()}/{column}"
                dataset = self._dataset(name, group, column.encode())
                if dataset.shape != (n,):
                    raise InputError(
                        f"{self._path}: {called} has the shape {dataset.shape}, but {name.decode()}/x has {n} rows"
                    )
                self._read(dataset, values[start : start + n], called)
            start += n
        return columns

    def all_columns(self) -> dict[str, numpy.ndarray]:
        """Every column with one value for each row, in the file's types; NaN, or no text, where a frame has none."""
        parts: dict[str, list[numpy.ndarray | None]] = {column: [] for column in self.column_names}
        for name, n, (group, there) in zip(self.names, self.rows.tolist(), self._groups):
            for column, found in parts.items():
                found.append(self._as_stored(name, n, group, column) if column.encode() in there else None)
        return {column: _joined(found, self.rows) for column, found in parts.items()}

    def _as_stored(self, name: bytes, n: int, group: h5py.h5g.GroupID, column: str) -> numpy.ndarray | None:
        dataset = self._dataset(name, group, column.encode())
        if dataset.shape != (n,):
            return None
        values = numpy.empty(n, dataset.dtype)
        self._read(dataset, values, f"{name.decode()}/{column}")
        return values

    def _read(self, dataset: h5py.h5d.DatasetID, values: numpy.ndarray, called: str) -> None:
        try:
            dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
        except (OSError, RuntimeError, ValueError, TypeError):
            if dataset.get_type().get_class() not in (h5py.h5t.INTEGER, h5py.h5t.FLOAT):
                raise InputError(f"{self._path}: {called} holds no numbers, but must") from None
            raise InputError(f"{self._path}: {called} cannot be read: the file is damaged") from None


def _joined(parts: list[numpy.ndarray | None], rows: numpy.ndarray) -> numpy.ndarray:
    """The parts of a column one after the other, with stand-ins for those that are missing."""
    texts = any(part is not None and part.dtype.kind not in "iufb" for part in parts)
    missing = numpy.array(b"", "S1") if texts else numpy.array(numpy.nan)
    filled = [numpy.full(n, missing) if part is None else part for n, part in zip(rows.tolist(), parts)]
    return numpy.concatenate(filled) if filled else numpy.empty(0)


def _attribute(group: h5py.h5g.GroupID, name: bytes) -> int | None:
    if not h5py.h5a.exists(group, name):
        return None
    value = numpy.zeros((), numpy.int64)
    attribute = h5py.h5a.open(group, name)
    if attribute.shape not in ((), (1,)) or attribute.get_type().get_class() != h5py.h5t.INTEGER:
        return None
    attribute.read(value if attribute.shape == () else value.reshape(1))
    return int(value)
