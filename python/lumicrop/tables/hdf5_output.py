"""HDF5 files that are written, and a full disk that is reported as one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy

from ..output_files import OutputFiles
from .full_disk import room_for
from .table import AddedColumn, TableWriter


class _RawFile:
    """What h5py writes through: the first error is kept, and what comes after it goes nowhere.

    HDF5 cannot close a file whose last bytes cannot be written; it tries again at the end of the process and crashes.
    Here it is told that all is well, and `Hdf5Output` asks for `error`.
    """

    def __init__(self, path: Path, mode: str) -> None:
        self._file = open(path, mode, buffering=0)
        self.error: OSError | None = None
        for name in ("seek", "tell", "read", "readinto", "fileno"):
            setattr(self, name, getattr(self._file, name))

    def write(self, data: bytes | memoryview) -> int:
        left = memoryview(data).cast("B")
        size = len(left)
        try:
            while self.error is None and left:
                left = left[self._file.write(left) :]
        except OSError as error:
            self.error = error
        return size

    def truncate(self, size: int) -> int:
        try:
            if self.error is None:
                self._file.truncate(size)
        except OSError as error:
            self.error = error
        return size

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        self._file.close()


class Hdf5Output:
    """An HDF5 file that is being written.

    Parameters
    ----------
    path : pathlib.Path
        The file to write, which exists.
    target : pathlib.Path
        The name that it gets when it is done, for errors.
    new : bool
        Begin an empty file, rather than change the one that is there.
    """

    def __init__(self, path: Path, target: Path, new: bool = False) -> None:
        self._target = target
        self._told = False
        self._raw = _RawFile(path, "w+b" if new else "r+b")
        try:
            self.file = h5py.File(self._raw, "w" if new else "r+")
        except BaseException:
            self._raw.close()
            raise

    @contextmanager
    def changes(self) -> Iterator[h5py.File]:
        """The file, to be written to.

        Raises
        ------
        OSError
            Something could not be written, now or before.
        """
        try:
            yield self.file
        except Exception:
            self._tell()  # whatever HDF5 says when it misses what it wrote
            raise
        self._tell()

    def _tell(self) -> None:
        error = self._raw.error
        if error is not None:
            self._told = True
            raise OSError(error.errno, os.strerror(error.errno or 0), str(self._target))

    def close(self) -> None:
        """Write what is left and close the file.

        Raises
        ------
        OSError
            Something could not be written, and nobody was told yet.
        """
        if not self.file:
            return
        try:
            self.file.close()
        except Exception:
            if self._raw.error is None:
                raise
        finally:
            self._raw.close()
        if not self._told:
            self._tell()


def stored_type(column: AddedColumn) -> numpy.dtype:
    """Type of a column in a file that can hold short texts: words become bytes of one length."""
    return numpy.array([word.encode() for word in column.words], "S").dtype if column.words else column.dtype


def stored(column: AddedColumn, values: numpy.ndarray) -> numpy.ndarray:
    """The values of a column as `stored_type`."""
    if column.words:
        return numpy.array([word.encode() for word in column.words], stored_type(column))[values]
    return values


class CopyWithDatasets(TableWriter):
    """A copy of an HDF5 file in which every added column is one more dataset, rows along its last axis.

    Parameters
    ----------
    source, target : pathlib.Path
        The table and its output.
    added : sequence of AddedColumn
        The new columns.
    files : OutputFiles
        Knows the path to write.
    create : callable
        Given the open copy, it makes the dataset of each column and returns them by name.
    convert : callable
        Turns a column's values into what is stored; default: `stored`.
    """

    def __init__(
        self,
        source: Path,
        target: Path,
        added: Sequence[AddedColumn],
        files: OutputFiles,
        create: Callable[[h5py.File], dict[str, h5py.Dataset]],
        convert: Callable[[AddedColumn, numpy.ndarray], numpy.ndarray] = stored,
    ) -> None:
        with room_for(target):
            shutil.copyfile(source, files.path(target))
        self._added = added
        self._convert = convert
        self._done = 0
        self._output = Hdf5Output(files.path(target), target)
        try:
            with self._output.changes() as file:
                self._datasets = create(file)
        except BaseException:
            self._output.close()
            raise

    def write(self, values: Mapping[str, numpy.ndarray]) -> None:
        rows = len(next(iter(values.values()))) if values else 0
        if rows == 0:
            return
        with self._output.changes():
            for column in self._added:
                converted = self._convert(column, values[column.name])
                self._datasets[column.name][..., self._done : self._done + rows] = converted
        self._done += rows

    def close(self) -> None:
        self._datasets = {}
        self._output.close()
