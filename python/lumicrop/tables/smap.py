"""SMAP's tables: ``_sml.mat`` files of MATLAB 7.3, which are HDF5 behind 512 bytes of MATLAB's."""

from __future__ import annotations

import math
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
    numbers,
    one_if_equal,
    opened,
    unless_unset,
)
from .hdf5_output import CopyWithDatasets
from .table import AddedColumn, Table, TableWriter

_LOC = "saveloc/loc"
_INFO = "saveloc/file/info"
_OLDER = b"MATLAB 5.0 MAT-file"  # versions 5 to 7.2, which are not HDF5


class SmapTable(Table):
    """``table_sml.mat``: one array for each quantity in ``saveloc.loc``, the camera in ``saveloc.file.info``.

    ``frame`` counts from 1. ``xpix`` and ``ypix`` are pixels of the movie's frames, the first pixel's centre being 1;
    `x` and `y` count from 0. Without them, ``xnm`` and ``ynm`` are used, which are the same plus the camera's region
    (``roi``), times the pixel size. Where SMAP mirrored the images of an EM camera (``EMmirror``), `x` is mirrored back
    to the movie's. ``znm`` is nanometres. ``PSFxpix`` and ``PSFypix`` are the widths; fits of a measured PSF leave 1 in
    every row, which is no width. ``phot`` and ``bg`` (per pixel) are photoelectrons.
    """

    format = "SMAP mat"
    suffixes = (".mat",)
    length_unit = "px"
    origin = "first_pixel"
    first_frame = 1
    qe = 1.0

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with open(path, "rb") as begun:
            if begun.read(len(_OLDER)) == _OLDER:
                raise InputError(
                    f"{path}: this MAT file is older than version 7.3: load it in MATLAB and save it with '-v7.3'"
                )
        with opened(path) as file:
            loc = group_of(file, _LOC, path)
            self.column_names = _field_names(loc)
            n = _rows(loc, path)
            column = {name: _column(loc, name, n, path) for name in _USED if name in loc}
            self.frame = self._frames_from(column["frame"])
            info = _info(file, column.get("filenumber"), path)
            said = {name: _values(info, name) for name in _SAID}
        self._place(column, said)
        self.z_nm = column.get("znm")
        self._widths(column, said)
        self.background, self.background_name = unless_unset(column.get("bg")), "bg"
        self.photons = column.get("phot")
        self.statements = _statements(said, path)

    @classmethod
    def recognises(cls, path: Path, head: bytes) -> bool:
        if path.suffix.lower() not in cls.suffixes:
            return False
        if head.startswith(_OLDER):  # other programs' MAT files are other tables
            return path.stem.lower().endswith("_sml")
        return hdf5_holds(path, head, lambda file: isinstance(file[_LOC], h5py.Group))

    def _place(self, column: dict[str, numpy.ndarray], said: dict[str, numpy.ndarray | None]) -> None:
        if "xpix" in column and "ypix" in column:
            self.x, self.y = column["xpix"] - 1, column["ypix"] - 1
        elif "xnm" in column and "ynm" in column:
            sizes = _pixel_size_nm(said)
            if sizes is None:
                raise InputError(f"{self.path}: {_LOC} has no xpix and ypix, and {_INFO} no pixel size for xnm and ynm")
            roi = said["roi"] if said["roi"] is not None and said["roi"].size == 4 else numpy.zeros(4)
            self.x = column["xnm"] / sizes[1] - roi[0] - 1
            self.y = column["ynm"] / sizes[0] - roi[1] - 1
        else:
            raise InputError(
                f"{self.path}: {_LOC} has neither xpix and ypix nor xnm and ynm; there are "
                f"{', '.join(self.column_names)}"
            )
        if _is_true(said["EMmirror"]):
            width = _number(said["Width"])
            if width is None:
                raise InputError(f"{self.path}: SMAP mirrored the images, but {_INFO} has no Width to mirror them back")
            self.x = (width - 1) - self.x

    def _widths(self, column: dict[str, numpy.ndarray], said: dict[str, numpy.ndarray | None]) -> None:
        names = [name for name in ("PSFxpix", "PSFypix") if name in column]
        widths = [column[name] for name in names]
        sizes = _pixel_size_nm(said)
        if not names and sizes is not None:
            names = [name for name in ("PSFxnm", "PSFynm") if name in column]
            widths = [column[name] / size for name, size in zip(names, sizes[::-1])]
        if not names or ("znm" in column and all((width == 1).all() for width in widths)):
            return
        self.sigma_x, self.sigma_y = one_if_equal(widths[0], widths[-1])
        self.width_names = ", ".join(names) if self.has_two_widths else names[0]

    def data(self) -> pandas.DataFrame:
        with opened(self.path) as file:
            loc = group_of(file, _LOC, self.path)
            columns = {}
            for name in self.column_names:
                dataset = loc.get(name)
                if isinstance(dataset, h5py.Dataset) and _count(dataset) == len(self) and dataset.dtype.kind in "iufb":
                    values = everything(dataset, self.path, f"{_LOC}/{name}")
                    columns[name] = values.reshape(-1) if len(self) else numpy.empty(0)
        return as_data_frame(columns)

    def writer(
        self, target: Path, added: Sequence[AddedColumn], record: Mapping[str, Any], files: OutputFiles
    ) -> TableWriter:
        self.refuse_second_run()

        def create(file: h5py.File) -> dict[str, h5py.Dataset]:
            loc = file[_LOC]
            if _count(loc["frame"]) != len(self):
                raise InputError(f"{self.path}: the table changed while it was read")
            datasets = {column.name: _create(loc, column, len(self)) for column in added}
            _append_fields(loc, list(datasets))
            return datasets

        return CopyWithDatasets(self.path, target, added, files, create, lambda _, values: values)


_USED = (
    "frame", "xpix", "ypix", "xnm", "ynm", "znm", "PSFxpix", "PSFypix", "PSFxnm", "PSFynm", "phot", "bg", "filenumber",
)  # fmt: skip
_SAID = ("cam_pixelsize_um", "roi", "conversion", "emgain", "EMon", "offset", "EMmirror", "Width")


def _field_names(loc: h5py.Group) -> list[str]:
    """The fields in MATLAB's order."""
    fields = loc.attrs.get("MATLAB_fields")
    known = fields if _is_list_of_names(fields) else []
    names = [b"".join(letters).decode("ascii", "replace") for letters in known]
    return names + [name for name in loc if name not in names]


def _count(dataset: h5py.Dataset) -> int:
    """Values of a MATLAB array. An empty one is stored as its own size."""
    return 0 if "MATLAB_empty" in dataset.attrs or dataset.shape is None else dataset.size


def _rows(loc: h5py.Group, path: Path) -> int:
    return _count(dataset_of(loc, "frame", path))


def _column(loc: h5py.Group, name: str, n: int, path: Path) -> numpy.ndarray:
    dataset, called = dataset_of(loc, name, path), f"{_LOC}/{name}"
    if n and max(dataset.shape, default=1) != dataset.size:
        raise InputError(f"{path}: {called} has the shape {dataset.shape}, expected one row or one column")
    if _count(dataset) != n:
        raise InputError(f"{path}: {called} has {_count(dataset)} values, but {_LOC}/frame has {n}")
    return numbers(dataset, path, called).reshape(-1) if n else numpy.empty(0)


def _info(file: h5py.File, number: numpy.ndarray | None, path: Path) -> h5py.Group | None:
    """The camera of the one movie that the table is about. Tables of several movies have an array of them."""
    movies = numpy.unique(number) if number is not None and len(number) else numpy.ones(1)
    if len(movies) != 1:
        raise InputError(
            f"{path}: the table has localizations of {len(movies)} movies (filenumber): save those of each one apart"
        )
    info = file.get(_INFO)
    if isinstance(info, h5py.Dataset) and info.dtype == h5py.ref_dtype:
        references = info[()].reshape(-1)
        which = int(movies[0]) - 1 if numpy.isfinite(movies[0]) else -1
        info = file[references[which]] if 0 <= which < len(references) else None
    return info if isinstance(info, h5py.Group) else None


def _values(info: h5py.Group | None, name: str) -> numpy.ndarray | None:
    dataset = None if info is None else info.get(name)
    if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind not in "iuf" or not 0 < _count(dataset) <= 4:
        return None
    return numpy.asarray(dataset[()], numpy.float64).reshape(-1)


def _number(values: numpy.ndarray | None) -> float | None:
    return float(values[0]) if values is not None and values.size == 1 and math.isfinite(values[0]) else None


def _is_true(values: numpy.ndarray | None) -> bool:
    return _number(values) not in (None, 0.0)


def _pixel_size_nm(said: dict[str, numpy.ndarray | None]) -> tuple[float, float] | None:
    """Pixel size along y and x; SMAP's first number is that along x."""
    sizes = said["cam_pixelsize_um"]
    if sizes is None or not (numpy.isfinite(sizes).all() and (sizes > 0).all()):
        return None
    return round(float(sizes[-1]) * 1000, 9), round(float(sizes[0]) * 1000, 9)  # 0.1029 um are 102.9 nm


def _statements(said: dict[str, numpy.ndarray | None], path: Path) -> list[Statement]:
    where = f"{path.name}: {_INFO.replace('/', '.')}"
    statements = []
    sizes = _pixel_size_nm(said)
    if sizes is not None:
        statements.append(
            Statement("pixel_nm", sizes[0] if sizes[0] == sizes[1] else sizes, f"{where}.cam_pixelsize_um")
        )
    conversion, em_gain, offset = _number(said["conversion"]), _number(said["emgain"]), _number(said["offset"])
    if conversion is not None and said["EMon"] is not None:
        if not _is_true(said["EMon"]):
            statements.append(Statement("gain", conversion, f"{where}.conversion"))
        elif em_gain is not None and em_gain > 0:
            statements.append(Statement("gain", conversion / em_gain, f"{where}.conversion / emgain"))
            if em_gain > 1:
                statements.append(Statement("em_gain", em_gain, f"{where}.emgain"))
    if offset is not None:
        statements.append(Statement("offset", offset, f"{where}.offset"))
    return statements


def _create(loc: h5py.Group, column: AddedColumn, n: int) -> h5py.Dataset:
    """An array of n rows and one column, as MATLAB stores it: transposed, and with its class beside it."""
    dataset = loc.create_dataset(column.name, (1, n), column.dtype)
    classes = {"float64": "double", "float32": "single"}
    dataset.attrs["MATLAB_class"] = numpy.bytes_(classes.get(column.dtype.name, column.dtype.name))
    if "H5PATH" in loc["frame"].attrs:  # newer MATLABs write it; the same for every field
        dataset.attrs["H5PATH"] = loc["frame"].attrs["H5PATH"]
    return dataset


def _append_fields(loc: h5py.Group, names: list[str]) -> None:
    """MATLAB shows the fields that are named here, each as an array of letters."""
    old = loc.attrs.get("MATLAB_fields")
    if not _is_list_of_names(old):
        return
    fields = numpy.empty(len(old) + len(names), object)
    for number, name in enumerate([*old, *(numpy.frombuffer(name.encode(), "S1") for name in names)]):
        fields[number] = name
    loc.attrs.create("MATLAB_fields", fields, dtype=h5py.vlen_dtype("S1"))


def _is_list_of_names(fields: Any) -> bool:
    """Structures with very many fields have a reference to their names instead."""
    return isinstance(fields, numpy.ndarray) and all(isinstance(letters, numpy.ndarray) for letters in fields.flat)
