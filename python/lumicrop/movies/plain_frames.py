"""Frames of bare pixels, one after the other in a file.

The frames are read, not memory-mapped: pages of a map stay in the process's memory until the system wants them back,
and a long movie would look as large as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy

from ..input_error import InputError
from ..sources import Statement
from .foreign_errors import explained
from .movie import Movie
from .recycled_memory import RecycledMemory

#: Bytes asked of a file at a time: streams that decompress make a copy of what they are asked for.
_STEP = 4 << 20


def fill(pixels: numpy.ndarray, file: BinaryIO, path: Path, first: int) -> None:
    """Fill an array without gaps from where a file stands; `first` is the number of its first frame."""
    wanted = memoryview(pixels.reshape(-1).view(numpy.uint8))
    while wanted:
        n_read = file.readinto(wanted[:_STEP])
        if not n_read:
            raise InputError(f"{path}: the file ends within frame {first}: it was cut short while it was read")
        wanted = wanted[n_read:]


def native(pixels: numpy.ndarray) -> numpy.ndarray:
    """The same numbers in native byte order, turned where they lie if possible. The array is given away."""
    if pixels.dtype.isnative:
        return pixels
    order = pixels.dtype.newbyteorder("=")
    return pixels.byteswap(inplace=True).view(order) if pixels.flags.writeable else pixels.astype(order)


class PlainMovie(Movie):
    """A movie whose pixels lie in a stream without gaps, frame after frame of rows, after `start` bytes.

    Parameters
    ----------
    path : pathlib.Path
        The file, for messages.
    file : binary file
        The stream; it is closed with the movie.
    shape : tuple of int
        ``(n_frames, height, width)`` [px].
    stored : numpy.dtype
        Type of a pixel as it is stored.
    start : int
        Bytes before the first pixel.
    statements : list of Statement
        What the file says of pixel size and camera.
    """

    def __init__(
        self,
        path: Path,
        file: BinaryIO,
        shape: tuple[int, int, int],
        stored: numpy.dtype,
        start: int,
        statements: list[Statement],
    ) -> None:
        super().__init__(path, shape, stored, statements)
        self.details = {">": "big endian", "<": "little endian"}.get(stored.str[0], "")
        self._file = file
        self._stored = stored
        self._start = start
        self._memory = RecycledMemory()

    def read(self, first: int, last: int) -> numpy.ndarray:
        with explained(self.path, f"frames {first} to {last - 1} cannot be read"):
            frames = self._memory.empty((last - first, *self.shape[1:]), self._stored)
            self._file.seek(self._start + first * self.frame_bytes)
            fill(frames, self._file, self.path, first)
            return native(frames)

    def close(self) -> None:
        self._memory.close()
        self._file.close()
