"""DECODE's tables: HDF5 files with one dataset for each quantity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy
import pandas

from ..input_error import InputError
from ..output_files import OutputFiles
from ..sources import Statement
from .hdf5_files import (
    as_data_frame,
    dataset_of,
    everything,
    group_of,
    hdf5_holds,
    is_stored,
    numbers,
    opened,
    unless_unset,
)
from .hdf5_output import CopyWithDatasets, stored_type
from .table import AddedColumn, Table, TableWriter


class DecodeTable(Table):
    """``emitters.h5``: datasets ``xyz``, ``phot``, ``bg``, ``frame_ix`` and others in ``data``, units in ``meta``.

    DECODE's first axis is the image's first axis: ``xyz[:, 0]`` counts the camera's rows and ``xyz[:, 1]`` its columns,
    so that `y` is the one and `x` the other. Pixels and frames count from 0, pixels from the first one's centre; ``z``
    is nanometres. ``bg`` is per pixel; it is left out where DECODE was not given one (NaN in every row). Photons were
    divided by the quantum efficiency of DECODE's parameters, which the file does not state.

    `data` has three columns for each dataset of triples, named as in DECODE's own csv: ``x``, ``y``, ``z`` of ``xyz``
    (``x`` is still its first axis), ``x_sig`` of ``xyz_sig`` and so on. Datasets without values are left out.
    """

    format = "DECODE h5"
    suffixes = (".h5", ".hdf5")
    length_unit = "px"
    origin = "first_pixel"
    first_frame = 0
    qe = None

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with opened(path) as file:
            data = group_of(file, "data", path)
            self.column_names = list(data)
            xyz = dataset_of(data, "xyz", path)
            if xyz.ndim != 2 or xyz.shape[1] not in (2, 3):
                raise InputError(f"{path}: data/xyz has the shape {xyz.shape}, expected rows of 3 coordinates")
            positions = numbers(xyz, path, "data/xyz")
            dataset_of(data, "frame_ix", path)
            frame = _column(data, "frame_ix", len(positions), path)
            self.frame = self._frames_from(frame)
            self.x, self.y = positions[:, 1].copy(), positions[:, 0].copy()
            self.z_nm = positions[:, 2].copy() if positions.shape[1] == 3 else None
            self.background = unless_unset(_column(data, "bg", len(positions), path))
            self.background_name = "data/bg"
            self.photons = _column(data, "phot", len(positions), path)
            meta = file.get("meta")
            said = dict(meta.attrs) if meta is not None else {}
        self.length_unit = _length_unit(said.get("xy_unit"), path)
        self.statements = _pixel_size(said.get("px_size"), path)

    @classmethod
    def recognises(cls, path: Path, head: bytes) -> bool:
        return path.suffix.lower() in cls.suffixes and hdf5_holds(path, head, lambda file: "xyz" in file["data"])

    def data(self) -> pandas.DataFrame:
        with opened(self.path) as file:
            data = group_of(file, "data", self.path)
            columns = {}
            for name in data:
                if not is_stored(data, name) or data[name].shape[:1] != (len(self),):
                    continue
                values = everything(data[name], self.path, f"data/{name}")
                if name.startswith("xyz") and values.ndim == 2:
                    columns |= {
                        axis + name[3:]: values[:, number] for number, axis in enumerate("xyz"[: values.shape[1]])
                    }
                else:
                    columns[name] = values
        return as_data_frame(columns)

    def writer(
        self, target: Path, added: Sequence[AddedColumn], record: Mapping[str, Any], files: OutputFiles
    ) -> TableWriter:
        self.refuse_second_run()

        def create(file: h5py.File) -> dict[str, h5py.Dataset]:
            data = file["data"]
            if len(data["xyz"]) != len(self):
                raise InputError(f"{self.path}: the table changed while it was read")
            datasets = {
                column.name: data.create_dataset(column.name, (len(self),), stored_type(column)) for column in added
            }
            for column in added:
                datasets[column.name].attrs["unit"] = column.unit
            return datasets

        return CopyWithDatasets(self.path, target, added, files, create)


def _column(data: h5py.Group, name: str, n: int, path: Path) -> numpy.ndarray | None:
    """One value a row; None where the file has no such values."""
    if not is_stored(data, name):
        return None
    if data[name].shape != (n,):
        raise InputError(f"{path}: data/{name} has the shape {data[name].shape}, but data/xyz has {n} rows")
    return numbers(data[name], path, f"data/{name}")


def _length_unit(said: Any, path: Path) -> str:
    unit = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    if not isinstance(unit, str) or unit not in ("px", "nm"):
        found = "is missing" if said is None else f"is {said!r}"
        raise InputError(f"{path}: the attribute xy_unit of meta {found}, expected px or nm")
    return unit


def _pixel_size(said: Any, path: Path) -> list[Statement]:
    if said is None or isinstance(said, h5py.Empty):
        return []
    sizes = numpy.asarray(said)
    fits = sizes.dtype.kind in "iuf" and sizes.size in (1, 2) and numpy.all(numpy.isfinite(sizes)) and (sizes > 0).all()
    if not fits:
        raise InputError(f"{path}: the attribute px_size of meta is {said!r}, expected two numbers above 0")
    rows, columns = float(sizes.flat[0]), float(sizes.flat[-1])
    return [Statement("pixel_nm", rows if rows == columns else (rows, columns), f"{path.name}: meta px_size")]
