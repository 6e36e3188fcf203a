"""storm-analysis' tables: HDF5 files with one group for each frame."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy
import pandas

from ..input_error import InputError
from ..output_files import OutputFiles
from ..sources import Statement
from .full_disk import room_for
from .hdf5_files import as_data_frame, hdf5_holds, one_if_equal, opened, unless_unset
from .hdf5_output import Hdf5Output, stored, stored_type
from .storm_analysis_frames import Frames
from .storm_analysis_settings import settings_statements
from .table import AddedColumn, Table, TableWriter

_METADATA = "metadata.xml"
_USED = ("x", "y", "z", "xsigma", "ysigma", "background", "sum")


class StormAnalysisTable(Table):
    """``locs.hdf5``: a group ``fr_N`` for each frame, with datasets ``x``, ``y`` and others.

    ``N`` counts from 0; ``x`` and ``y`` are pixels from the first pixel's centre along columns and rows, before drift
    correction; ``xsigma`` and ``ysigma`` are widths in pixels and ``z`` is micrometres. ``sum`` and ``background`` (per
    pixel) are photoelectrons; a background of 0 in every row is no background. Rows are those of all frames in the
    order of their numbers; a column that a frame does not have is NaN there. Tracks are kept and not looked at.

    `data` begins with a column ``frame``, the number in the group's name.
    """

    format = "storm-analysis hdf5"
    suffixes = (".hdf5", ".h5")
    length_unit = "px"
    origin = "first_pixel"
    first_frame = 0
    qe = 1.0

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with opened(path) as file:
            frames = Frames(file, path)
            self.column_names = frames.column_names
            column = frames.used_columns(_USED)
            self._group_names, self._group_rows = frames.names, frames.rows
            self.frame = numpy.repeat(frames.numbers, frames.rows)
            self.statements = _pixel_size(file, path)
            self.statements += settings_statements(_metadata(file), f"{path.name}: {_METADATA}")
        nothing = numpy.empty(0)
        self.x, self.y = column.get("x", nothing), column.get("y", nothing)
        self.z_nm = column["z"] * 1000 if "z" in column else None
        self.sigma_x, self.sigma_y = one_if_equal(column.get("xsigma"), column.get("ysigma"))
        self.width_names = "xsigma, ysigma" if self.has_two_widths else "xsigma"
        self.background, self.background_name = unless_unset(column.get("background")), "background"
        self.photons = column.get("sum")

    @classmethod
    def recognises(cls, path: Path, head: bytes) -> bool:
        return path.suffix.lower() in cls.suffixes and hdf5_holds(path, head, lambda file: "sa_type" in file.attrs)

    def data(self) -> pandas.DataFrame:
        with opened(self.path) as file:
            frames = Frames(file, self.path)
            return as_data_frame({"frame": numpy.repeat(frames.numbers, frames.rows)} | frames.all_columns())

    def writer(
        self, target: Path, added: Sequence[AddedColumn], record: Mapping[str, Any], files: OutputFiles
    ) -> TableWriter:
        self.refuse_second_run()
        return _Writer(self.path, target, self._group_names, self._group_rows, added, files)


def _pixel_size(file: h5py.File, path: Path) -> list[Statement]:
    size = file.attrs.get("pixel_size")
    if not isinstance(size, (numpy.floating, numpy.integer, float, int)) or not math.isfinite(size) or size <= 0:
        return []
    return [Statement("pixel_nm", float(size), f"{path.name}: pixel_size")]


def _metadata(file: h5py.File) -> bytes:
    """The settings of the analysis; each element of the dataset is the whole text."""
    dataset = file.get(_METADATA)
    if not isinstance(dataset, h5py.Dataset) or not dataset.size:
        return b""
    text = dataset[(0,) * dataset.ndim]
    return text if isinstance(text, bytes) else text.encode("utf-8", "replace") if isinstance(text, str) else b""


class _Writer(TableWriter):
    """A copy of the file; each frame gets its datasets when all of its rows are there."""

    def __init__(
        self,
        source: Path,
        target: Path,
        names: list[bytes],
        rows: numpy.ndarray,
        added: Sequence[AddedColumn],
        files: OutputFiles,
    ) -> None:
        with room_for(target):
            shutil.copyfile(source, files.path(target))
        self._frames = list(zip(names, rows.tolist()))
        self._next = 0
        self._added = added
        self._types = {column.name: h5py.h5t.py_create(stored_type(column)) for column in added}
        self._waiting = {column.name: numpy.empty(0, stored_type(column)) for column in added}
        self._output = Hdf5Output(files.path(target), target)
        try:
            with self._output.changes() as file:
                with_rows = [name for name, n in self._frames if _length_in(file, name) != n]
                if with_rows:
                    raise InputError(f"{source}: the table changed while it was read ({with_rows[0].decode()})")
        except BaseException:
            self._output.close()
            raise

    def write(self, values: Mapping[str, numpy.ndarray]) -> None:
        if not self._added:
            return
        for column in self._added:
            new = stored(column, values[column.name]).astype(stored_type(column), copy=False)
            self._waiting[column.name] = numpy.concatenate([self._waiting[column.name], new])
        there = len(self._waiting[self._added[0].name])
        used = 0
        with self._output.changes() as file:
            while self._next < len(self._frames) and used + self._frames[self._next][1] <= there:
                name, n = self._frames[self._next]
                self._write_frame(h5py.h5g.open(file.id, name), used, n)
                used += n
                self._next += 1
        self._waiting = {name: waiting[used:] for name, waiting in self._waiting.items()}

    def _write_frame(self, group: h5py.h5g.GroupID, start: int, n: int) -> None:
        space, scalar = h5py.h5s.create_simple((n,)), h5py.h5s.create(h5py.h5s.SCALAR)
        for column in self._added:
            dataset = h5py.h5d.create(group, column.name.encode(), self._types[column.name], space)
            dataset.write(
                h5py.h5s.ALL, h5py.h5s.ALL, numpy.ascontiguousarray(self._waiting[column.name][start : start + n])
            )
            unit = numpy.array(column.unit.encode())
            unit = unit.astype(f"S{max(unit.itemsize, 1)}")
            h5py.h5a.create(dataset, b"unit", h5py.h5t.py_create(unit.dtype), scalar).write(unit)

    def close(self) -> None:
        self._output.close()


def _length_in(file: h5py.File, name: bytes) -> int:
    try:
        return h5py.h5d.open(file.id, name + b"/x").shape[0]
    except (KeyError, ValueError):
        return 0
