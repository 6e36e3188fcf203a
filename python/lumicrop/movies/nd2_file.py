"""Nikon's ND2 files, by the package nd2, which is an optional part of the installation."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, BinaryIO

import numpy

from ..input_error import InputError
from ..sources import Statement
from .foreign_errors import explained
from .movie import Movie
from .pixel_sizes import pixel_statements


class Nd2(Movie):
    """Frames of one colour at one place: a time series, or a stack along z. A recording that was stopped early ends
    where it was stopped."""

    suffixes = (".nd2",)
    format = "ND2"

    def __init__(self, path: Path) -> None:
        self._plain = open(path, "rb")
        self._nd2: Any = None
        try:
            try:
                from nd2 import ND2File
            except ImportError:
                raise InputError(
                    f"{path}: reading Nikon's files takes one more package: pip install lumicrop[nd2]"
                ) from None
            what = "this is not an ND2 file that can be read whole"
            with explained(path, what), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about parts of the file that are not looked at
                self._nd2 = ND2File(_Unmapped(self._plain))
                shape = _frames_shape(self._nd2, path)
                super().__init__(path, shape, self._nd2.dtype, _pixel_size(self._nd2, path))
                self.details = str(self._nd2.attributes.compressionType or "not compressed")
        except BaseException:
            self.close()
            raise

    def read(self, first: int, last: int) -> numpy.ndarray:
        frames = numpy.empty((last - first, *self.shape[1:]), self.dtype)
        for index in range(first, last):
            with explained(self.path, f"frame {index} cannot be read"):
                frames[index - first] = self._nd2.read_frame(index).reshape(self.shape[1:])
        return frames

    def close(self) -> None:
        if self._nd2 is not None:
            self._nd2.close()
        self._plain.close()


class _Unmapped:
    """An open file that does not look like one: nd2 reads it then, instead of mapping it into memory, where the pages
    of a long movie would stay."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


_WORDS = {"C": "colours", "S": "colours", "P": "positions", "Z": "planes", "T": "times"}


def _frames_shape(nd2: Any, path: Path) -> tuple[int, int, int]:
    sizes = dict(nd2.sizes)
    height, width = sizes.pop("Y"), sizes.pop("X", 1)
    long = {axis: length for axis, length in sizes.items() if length != 1}
    extra = {axis: length for axis, length in long.items() if axis not in "TZ"}
    if extra or len(long) > 1:
        counts = " and ".join(f"{length} {_WORDS.get(axis, axis)}" for axis, length in (extra or long).items())
        raise InputError(f"{path}: the file holds {counts}, but a movie is of one: save one alone")
    recorded = nd2.attributes.sequenceCount
    planned = next(iter(long.values()), recorded)
    return min(planned, recorded), height, width


def _pixel_size(nd2: Any, path: Path) -> list[Statement]:
    """Pixel size of the first channel, if the microscope was calibrated: else nd2 says 1 µm."""
    try:
        channels = nd2.metadata.channels
        if not channels or not all(channels[0].volume.axesCalibrated[:2]):
            return []
        voxel = nd2.voxel_size()
    except Exception:
        return []  # a description that cannot be read says nothing
    return pixel_statements(voxel.y * 1e3, voxel.x * 1e3, f"{path.name}: voxel size")
