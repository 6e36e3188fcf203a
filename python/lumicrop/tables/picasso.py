"""Picasso's tables: an HDF5 file with one compound dataset, and a yaml file of how it came to be."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy
import pandas
import yaml

from ..input_error import InputError
from ..output_files import OutputFiles
from ..yaml_documents import camera_statements, read_documents
from .full_disk import room_for
from .hdf5_files import as_data_frame, everything, hdf5_holds, numbers, opened
from .hdf5_output import Hdf5Output, stored, stored_type
from .table import AddedColumn, Table, TableWriter

_DATASET = "locs"
_EMBEDDED = "metadata"


class PicassoTable(Table):
    """``table.hdf5`` (dataset ``locs``) with ``table.yaml``.

    ``frame`` counts from 0; ``x`` and ``y`` are pixels from the first pixel's centre, ``sx`` and ``sy`` widths in
    pixels; ``photons`` and ``bg`` (per pixel) are photoelectrons that Picasso calls photons: no quantum efficiency was
    divided out. ``z`` is nanometres. Where there is no yaml, what newer versions keep in the dataset ``metadata`` takes
    its place.
    """

    format = "Picasso hdf5"
    suffixes = (".hdf5", ".h5")
    length_unit = "px"
    origin = "first_pixel"
    first_frame = 0
    qe = 1.0

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._yaml = path.with_suffix(".yaml")
        with opened(path) as file:
            locs = _locs(file, path)
            self.column_names = names = list(locs.dtype.names)
            missing = [name for name in ("frame", "x", "y") if name not in names]
            if missing:
                raise InputError(f"{path}: column {missing[0]} is missing; the columns are {', '.join(names)}")

            def column(name: str) -> numpy.ndarray | None:
                return numbers(locs, path, f"column {name}", name) if name in names else None

            self.frame = self._frames_from(column("frame"))
            self.x, self.y, self.z_nm = column("x"), column("y"), column("z")
            self.background, self.photons = column("bg"), column("photons")
            self.background_name = "bg"
            if "sx" in names and "sy" in names:
                self.sigma_x, self.sigma_y = column("sx"), column("sy")
                self.width_names = "sx, sy"
            self._documents = [] if self._yaml.exists() else _embedded(file)
        if self._yaml.exists():
            self.companions = [self._yaml]
            self.statements = camera_statements(read_documents(self._yaml), self._yaml)
        else:
            self.statements = camera_statements(self._documents, path)

    @classmethod
    def recognises(cls, path: Path, head: bytes) -> bool:
        if path.suffix.lower() not in cls.suffixes:
            return False
        return hdf5_holds(path, head, lambda file: _DATASET in file, broken=True)

    def data(self) -> pandas.DataFrame:
        with opened(self.path) as file:
            rows = everything(_locs(file, self.path), self.path, _DATASET)
        return as_data_frame({name: rows[name] for name in rows.dtype.names})

    def written_paths(self, target: Path) -> list[Path]:
        return [target.with_suffix(".yaml"), target]

    def writer(
        self, target: Path, added: Sequence[AddedColumn], record: Mapping[str, Any], files: OutputFiles
    ) -> TableWriter:
        self.refuse_second_run()
        beside = target.with_suffix(".yaml")
        with room_for(beside):
            _write_yaml(self._documents, self._yaml, files.path(beside), added, record)
        return _Writer(self.path, target, added, files)


class _Writer(TableWriter):
    """The rows, a part at a time, with what is beside them copied first: the table need not fit into memory twice."""

    def __init__(self, source: Path, target: Path, added: Sequence[AddedColumn], files: OutputFiles) -> None:
        self._path = source
        self._added = added
        self._done = 0
        self._source = h5py.File(source, "r")
        try:
            self._output = Hdf5Output(files.path(target), target, new=True)
        except BaseException:
            self._source.close()
            raise
        try:
            with self._output.changes() as output:
                self._begin(output)
        except BaseException:
            self.close()
            raise

    def _begin(self, output: h5py.File) -> None:
        self._old = _locs(self._source, self._path)
        for name in self._source:
            if name != _DATASET:
                self._source.copy(name, output)
        for name, value in self._source.attrs.items():
            output.attrs[name] = value
        kept = [(name, self._old.dtype[name]) for name in self._old.dtype.names]
        self._dtype = numpy.dtype(kept + [(column.name, stored_type(column)) for column in self._added])
        self._new = output.create_dataset(_DATASET, self._old.shape, self._dtype)
        for name, value in self._old.attrs.items():
            self._new.attrs[name] = value

    def write(self, values: Mapping[str, numpy.ndarray]) -> None:
        n = len(next(iter(values.values()))) if values else 0
        if n == 0:
            return
        try:
            old = self._old[self._done : self._done + n]
        except (OSError, RuntimeError):
            rows = f"rows {self._done + 1} to {self._done + n}"
            raise InputError(f"{self._path}: {rows} cannot be read: the file is damaged") from None
        if len(old) != n:
            raise InputError(f"{self._path}: the table became shorter while it was read")
        new = numpy.empty(n, self._dtype)
        for name in old.dtype.names:
            new[name] = old[name]
        for column in self._added:
            new[column.name] = stored(column, values[column.name])
        with self._output.changes():
            self._new[self._done : self._done + n] = new
        self._done += n

    def close(self) -> None:
        self._old = self._new = None
        self._source.close()
        self._output.close()


def _locs(file: h5py.File, path: Path) -> h5py.Dataset:
    locs = file.get(_DATASET)
    if not isinstance(locs, h5py.Dataset) or locs.dtype.names is None or locs.ndim != 1:
        raise InputError(f"{path}: Picasso's dataset '{_DATASET}' (a table with named columns) is missing")
    return locs


def _embedded(file: h5py.File) -> list[dict[str, Any]]:
    """The documents that the file itself carries, as JSON; none where they cannot be read."""
    dataset = file.get(_EMBEDDED)
    try:
        documents = json.loads(dataset[()]) if isinstance(dataset, h5py.Dataset) and dataset.shape == () else []
    except (TypeError, ValueError, RecursionError):
        return []
    documents = documents if isinstance(documents, list) else [documents]
    return documents if all(isinstance(document, dict) for document in documents) else []


def _write_yaml(
    embedded: list[dict[str, Any]], source: Path, target: Path, added: Sequence[AddedColumn], record: Mapping[str, Any]
) -> None:
    """The documents as they stand, and one more. Picasso looks at a yaml first, so that it must have all of them."""
    if source.exists():
        text = source.read_text(encoding="utf-8")
    else:
        text = yaml.safe_dump_all(embedded, allow_unicode=True, sort_keys=False) if embedded else ""
    if text.strip():
        text = text.rstrip("\n") + "\n---\n"
    columns = {column.name: column.unit or "no unit" for column in added}
    document = yaml.safe_dump({**record, "lumicrop.columns": columns}, allow_unicode=True, sort_keys=False)
    target.write_text(text + document, encoding="utf-8")
