"""Picasso's tables: an HDF5 file with one compound dataset, and a yaml file of how it came to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy
import yaml

from ..input_error import InputError
from ..output_files import OutputFiles
from ..yaml_documents import camera_statements, read_documents
from .table import AddedColumn, Table

_DATASET = "locs"
_ROWS_AT_ONCE = 1 << 18


class PicassoTable(Table):
    """``table.hdf5`` (dataset ``locs``) with ``table.yaml``.

    ``frame`` counts from 0; ``x`` and ``y`` are pixels from the first pixel's centre, ``sx`` and ``sy`` widths in
    pixels; ``photons`` and ``bg`` (per pixel) are photoelectrons that Picasso calls photons: no quantum efficiency was
    divided out. ``z`` is nanometres.
    """

    suffixes = (".hdf5", ".h5")
    format = "Picasso hdf5"
    length_unit = "px"
    origin = "first_pixel"
    first_frame = 0
    qe = 1.0

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with _open(path) as file:
            locs = _locs(file, path)
            self.column_names = names = list(locs.dtype.names)
            missing = [name for name in ("frame", "x", "y") if name not in names]
            if missing:
                raise InputError(f"{path}: column {missing[0]} is missing; the columns are {', '.join(names)}")

            def column(name: str) -> numpy.ndarray | None:
                return _numbers(locs, name, path) if name in names else None

            self.frame = self._frames_from(column("frame"))
            self.x, self.y, self.z_nm = column("x"), column("y"), column("z")
            self.background, self.photons = column("bg"), column("photons")
            self.background_name = "bg"
            if "sx" in names and "sy" in names:
                self.sigma_x, self.sigma_y = column("sx"), column("sy")
                self.width_names = "sx, sy"
        self._yaml = path.with_suffix(".yaml")
        if self._yaml.exists():
            self.statements = camera_statements(read_documents(self._yaml), self._yaml)

    def written_paths(self, target: Path) -> list[Path]:
        return [target.with_suffix(".yaml"), target]

    def write(self, target: Path, added: Sequence[AddedColumn], record: Mapping[str, Any], files: OutputFiles) -> None:
        self.refuse_second_run()
        with _open(self.path) as source, h5py.File(files.path(target), "w") as output:
            locs = _locs(source, self.path)
            for name in source:
                if name != _DATASET:
                    source.copy(name, output)
            for name, value in source.attrs.items():
                output.attrs[name] = value
            _write_locs(locs, output, added)
        _write_yaml(self._yaml, files.path(target.with_suffix(".yaml")), added, record)


def _open(path: Path) -> h5py.File:
    open(path, "rb").close()  # a missing or unreadable file is reported as that
    try:
        return h5py.File(path, "r")
    except OSError:
        raise InputError(f"{path}: this is not a whole HDF5 file") from None


def _locs(file: h5py.File, path: Path) -> h5py.Dataset:
    locs = file.get(_DATASET)
    if not isinstance(locs, h5py.Dataset) or locs.dtype.names is None or locs.ndim != 1:
        raise InputError(f"{path}: Picasso's dataset '{_DATASET}' (a table with named columns) is missing")
    return locs


def _numbers(locs: h5py.Dataset, name: str, path: Path) -> numpy.ndarray:
    if locs.dtype[name].kind not in "iuf" or locs.dtype[name].shape:
        raise InputError(f"{path}: column {name} holds {locs.dtype[name]}, but must hold numbers")
    return locs.fields(name)[...].astype(numpy.float64)


def _write_locs(locs: h5py.Dataset, output: h5py.File, added: Sequence[AddedColumn]) -> None:
    """Copy the rows a part at a time: the table need not fit into memory twice."""
    kept = [(name, locs.dtype[name]) for name in locs.dtype.names]
    dtype = numpy.dtype(kept + [(column.name, column.values.dtype) for column in added])
    written = output.create_dataset(_DATASET, locs.shape, dtype)
    for name, value in locs.attrs.items():
        written.attrs[name] = value
    for start in range(0, len(locs), _ROWS_AT_ONCE):
        stop = min(start + _ROWS_AT_ONCE, len(locs))
        old, new = locs[start:stop], numpy.empty(stop - start, dtype)
        for name, _ in kept:
            new[name] = old[name]
        for column in added:
            new[column.name] = column.values[start:stop]
        written[start:stop] = new


def _write_yaml(source: Path, target: Path, added: Sequence[AddedColumn], record: Mapping[str, Any]) -> None:
    """The documents as they stand, and one more."""
    text = source.read_text(encoding="utf-8") if source.exists() else ""
    if text.strip():
        text = text.rstrip("\n") + "\n---\n"
    columns = {column.name: column.unit or "no unit" for column in added}
    document = yaml.safe_dump({**record, "lumicrop.columns": columns}, allow_unicode=True, sort_keys=False)
    target.write_text(text + document, encoding="utf-8")
