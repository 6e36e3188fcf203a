"""Plain arrays of numbers: in numpy's .npz, MATLAB's .mat and the .h5 that pandas writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import numpy
import pandas

from ..input_error import InputError
from ..movies.foreign_errors import explained


def read_array(path: Path, name: str | None) -> pandas.DataFrame:
    """One table of a file of arrays.

    Parameters
    ----------
    path : pathlib.Path
        ``.npz``, ``.mat`` (MATLAB 5 to 7.2) or ``.h5`` (pandas' fixed format, or plain arrays of two dimensions).
    name : str or None
        Which array; None: the only one of two dimensions. An ``.npz`` whose arrays are all named by whole numbers and
        are equally wide is one table, with the number in a first column ``frame``.

    Returns
    -------
    pandas.DataFrame
        Columns without a name are named by their number from 1.

    Raises
    ------
    InputError
        The file cannot be read, or it is not clear which array is meant.
    """
    open(path, "rb").close()  # a missing or unreadable file is reported as that
    suffix = path.suffix.lower()
    with explained(path, f"this is not a {suffix} file of arrays that can be read"):
        tables = {".npz": _npz, ".mat": _mat}.get(suffix, _hdf5)(path, name)
    return _one_of(tables, name, path)()


#: Tables of a file by name, each read when it is asked for.
_Tables = Mapping[str, Callable[[], pandas.DataFrame]]


def _one_of(tables: _Tables, name: str | None, path: Path) -> Callable[[], pandas.DataFrame]:
    known = ", ".join(tables) or "none"
    if name is not None:
        if name not in tables:
            raise InputError(f"{path}: there is no array {name!r} of two dimensions; there are {known}")
        return tables[name]
    if len(tables) != 1:
        example = f", such as {path.name}::{next(iter(tables))}" if tables else ""
        raise InputError(f"{path}: name one array of two dimensions{example}; there are {known}")
    return next(iter(tables.values()))


def _frame(values: numpy.ndarray, names: list[str] | None = None) -> pandas.DataFrame:
    return pandas.DataFrame(values, columns=names or [str(index + 1) for index in range(values.shape[1])])


def _is_table(values: object) -> bool:
    return isinstance(values, numpy.ndarray) and values.ndim == 2 and values.dtype.kind in "iuf"


def _npz(path: Path, name: str | None) -> _Tables:
    with open(path, "rb") as file, numpy.load(file, allow_pickle=False) as archive:
        arrays = {key: archive[key] for key in archive.files if name is None or key == name}
    tables = {key: values for key, values in arrays.items() if _is_table(values)}
    if name is None and tables.keys() == arrays.keys() and _are_frames(tables):
        frames = sorted(tables, key=int)
        numbers = numpy.repeat([int(key) for key in frames], [len(tables[key]) for key in frames])
        table = _frame(numpy.concatenate([tables[key] for key in frames]))
        table.insert(0, "frame", numbers)
        return {"": lambda: table}
    return {key: lambda values=values: _frame(values) for key, values in tables.items()}


def _are_frames(tables: Mapping[str, numpy.ndarray]) -> bool:
    if not tables or not all(key.isascii() and key.isdecimal() and len(key) < 10 for key in tables):
        return False
    return len({values.shape[1] for values in tables.values()}) == 1


def _mat(path: Path, name: str | None) -> _Tables:
    import scipy.io  # takes long to load, for the rarest of formats

    arrays = scipy.io.loadmat(path, variable_names=name)
    return {key: lambda values=values: _frame(values) for key, values in arrays.items() if _is_table(values)}


def _hdf5(path: Path, name: str | None) -> _Tables:
    tables = {}
    with h5py.File(path, "r") as file:

        def look(key: str, item: h5py.Group | h5py.Dataset) -> None:
            parent_is_table = item.parent.name.strip("/") in tables
            if isinstance(item, h5py.Group) and {"axis0", "block0_items", "block0_values"} <= set(item):
                tables[key] = _pandas_table(item) if name in (None, key) else None
            elif isinstance(item, h5py.Dataset) and not parent_is_table and item.ndim == 2 and item.dtype.kind in "iuf":
                tables[key] = _frame(item[...]) if name in (None, key) else None

        file.visititems(look)
    return {key: lambda table=table: table for key, table in tables.items()}


def _pandas_table(group: h5py.Group) -> pandas.DataFrame:
    """A frame in pandas' fixed format: columns of one type lie in one block."""
    blocks = []
    while {f"block{len(blocks)}_items", f"block{len(blocks)}_values"} <= set(group):
        values, names = group[f"block{len(blocks)}_values"], _texts(group[f"block{len(blocks)}_items"])
        if values.ndim == 2 and values.dtype.kind in "iuf":
            blocks.append(pandas.DataFrame(values[...], columns=names))
        else:  # text and other objects, which no photons are counted from
            blocks.append(pandas.DataFrame(index=range(len(group["axis1"]))))
    table = pandas.concat(blocks, axis=1)
    return table[[name for name in _texts(group["axis0"]) if name in table.columns]]


def _texts(names: h5py.Dataset) -> list[str]:
    return [name.decode(errors="replace") if isinstance(name, bytes) else str(name) for name in names[...].tolist()]
