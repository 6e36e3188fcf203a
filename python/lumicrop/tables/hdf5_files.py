"""Tables in HDF5 files: opened, recognised and read with errors that name the place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy
import pandas

from ..input_error import InputError

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
#: Where a file may begin after bytes of somebody else's; MATLAB writes 512 of them.
_STARTS = (0, 512, 1024, 2048, 4096)


def looks_like_hdf5(head: bytes) -> bool:
    """Whether a file with this beginning says of itself that it is HDF5."""
    return any(head[start : start + len(_SIGNATURE)] == _SIGNATURE for start in _STARTS)


def hdf5_holds(path: Path, head: bytes, fits: Callable[[h5py.File], bool], broken: bool = False) -> bool:
    """Whether a file is HDF5 and what is in it fits.

    Parameters
    ----------
    path : pathlib.Path
    head : bytes
        How the file begins.
    fits : callable
        Looks at the open file.
    broken : bool
        The answer for a file that begins as HDF5 and cannot be opened.
    """
    if not looks_like_hdf5(head):
        return False
    try:
        file = h5py.File(path, "r")
    except Exception:  # whatever is wrong with it: the question is only whether it can be read as this format
        return broken
    with file:
        try:
            return fits(file)
        except Exception:
            return False


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file open for reading.

    Raises
    ------
    InputError
        It is not HDF5, or a part that is asked for is damaged.
    OSError
        It cannot be opened.
    """
    open(path, "rb").close()  # a missing or unreadable file is reported as that
    try:
        file = h5py.File(path, "r")
    except (OSError, RuntimeError):
        raise InputError(f"{path}: this is not a whole HDF5 file") from None
    with file:
        try:
            yield file
        except (OSError, RuntimeError, KeyError) as error:
            said = str(error.args[0] if error.args else error).split("\n")[0]
            raise InputError(f"{path}: this HDF5 file is damaged ({said})") from None


def group_of(file: h5py.Group, name: str, path: Path) -> h5py.Group:
    """A group that must be there."""
    group = file.get(name)
    if not isinstance(group, h5py.Group):
        raise InputError(f"{path}: the group {name} is missing; there are {listed(file)}")
    return group


def listed(names: Mapping[str, object] | list[str]) -> str:
    """Names for a sentence, not more than a line of them."""
    names = sorted(names)
    return ", ".join(names[:40]) + (" and others" if len(names) > 40 else "") if names else "none"


def is_stored(group: h5py.Group, name: str) -> bool:
    """Whether a group has a dataset of this name that holds something (an empty dataspace is nothing)."""
    dataset = group.get(name)
    return isinstance(dataset, h5py.Dataset) and dataset.shape is not None


def dataset_of(group: h5py.Group, name: str, path: Path) -> h5py.Dataset:
    """A dataset that must be there and hold something."""
    if not is_stored(group, name):
        there = [other for other in group if isinstance(group.get(other), h5py.Dataset)]
        raise InputError(f"{path}: the dataset {place(group, name)} is missing; there are {listed(there)}")
    return group[name]


def place(group: h5py.Group, name: str) -> str:
    """A dataset's name from the file's root."""
    return f"{group.name.strip('/')}/{name}".lstrip("/")


def numbers(dataset: h5py.Dataset, path: Path, name: str, field: str | None = None) -> numpy.ndarray:
    """A dataset, or one field of a compound one, as float64 in its shape.

    Parameters
    ----------
    dataset : h5py.Dataset
    path : pathlib.Path
        The file, for errors.
    name : str
        What to call it in errors.
    field : str, optional
        Field of a compound dataset.

    Raises
    ------
    InputError
        It does not hold numbers, or cannot be read.
    """
    try:
        dtype = dataset.dtype if field is None else dataset.dtype[field]
    except (TypeError, ValueError):
        raise InputError(f"{path}: {name} holds a type that is not known, but must hold numbers") from None
    if dtype.kind not in "iuf" or dtype.shape:
        raise InputError(f"{path}: {name} holds {dtype}, but must hold numbers")
    return everything(dataset, path, name, field).astype(numpy.float64, copy=False)


def everything(dataset: h5py.Dataset, path: Path, name: str, field: str | None = None) -> numpy.ndarray:
    """All values of a dataset, or of one field of it, in its own type.

    Raises
    ------
    InputError
        It cannot be read, or does not fit into memory.
    """
    try:
        return dataset[()] if field is None else dataset.fields(field)[()]
    except (MemoryError, ValueError):
        raise InputError(f"{path}: {name} has the shape {dataset.shape}, which does not fit into memory") from None
    except (OSError, RuntimeError, KeyError):
        raise InputError(f"{path}: {name} cannot be read: the file is damaged") from None


def unless_unset(values: numpy.ndarray | None) -> numpy.ndarray | None:
    """None for a column that is NaN or 0 from end to end: programs write that where they did not fit the quantity."""
    if values is not None and len(values) and bool(numpy.all(numpy.isnan(values) | (values == 0))):
        return None
    return values


def one_if_equal(
    first: numpy.ndarray | None, second: numpy.ndarray | None
) -> tuple[numpy.ndarray | None, numpy.ndarray | None]:
    """Widths along x and y, as the same array where they do not differ in any row: a table with one width."""
    if first is None or second is None:
        return None, None
    return (first, first) if numpy.array_equal(first, second, equal_nan=True) else (first, second)


def as_data_frame(columns: Mapping[str, numpy.ndarray]) -> pandas.DataFrame:
    """Columns as pandas wants them: in the machine's byte order, text as text, one column for each value of a row."""
    frame = {}
    for name, values in columns.items():
        if values.ndim > 1:
            wide = values.reshape(len(values), -1)
            frame |= {f"{name}_{number}": _plain(wide[:, number]) for number in range(wide.shape[1])}
        else:
            frame[name] = _plain(values)
    return pandas.DataFrame(frame)


def _plain(values: numpy.ndarray) -> numpy.ndarray:
    if values.dtype.kind == "S":
        return numpy.char.decode(values, "utf-8", "replace")
    return values.astype(values.dtype.newbyteorder("="), copy=False)
