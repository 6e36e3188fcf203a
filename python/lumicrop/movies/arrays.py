"""Movies in memory, or in whatever computes its blocks when they are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy

from .foreign_errors import explained
from .sliced import SlicedMovie

_IN_MEMORY = Path("<array>")


def is_array(source: object) -> bool:
    """Whether an object has a shape and a type and can be sliced."""
    return all(hasattr(source, name) for name in ("shape", "dtype", "__getitem__"))


class ArrayMovie(SlicedMovie):
    """A numpy, dask or zarr array, an HDF5 dataset, or anything like them: ``(frames, rows, columns)`` or one frame.

    Nothing is copied before it is read. Of a dask array one block along time is computed at a time, on the thread
    that reads. The array stays the caller's and is not closed.
    """

    format = "array"

    def __init__(self, array: Any) -> None:
        with explained(_IN_MEMORY, "this is not an array of pixels"):
            super().__init__(_IN_MEMORY, array, [])
        self.inputs = []
        kind = type(array)
        self.details = f"{kind.__module__.partition('.')[0]} {kind.__name__}"
        self._block_starts = None
        chunks = self._along_time(getattr(array, "chunks", None))
        if isinstance(chunks, tuple):  # dask: the length of every block
            self._block_starts = numpy.concatenate([[0], numpy.cumsum(chunks)])
            chunks = max(chunks)
        self.block_frames = max(1, int(chunks or 1))

    def read(self, first: int, last: int) -> numpy.ndarray:
        frames = numpy.empty((last - first, *self.shape[1:]), self.dtype)
        with explained(self.path, f"frames {first} to {last - 1} cannot be read"):
            for begin, end in self._pieces(first, last):
                piece = self._slice(begin, end)
                if hasattr(piece, "compute"):
                    piece = piece.compute(scheduler="synchronous")
                frames[begin - first : end - first] = numpy.asarray(piece).reshape(-1, *self.shape[1:])
        return frames

    def _pieces(self, first: int, last: int) -> list[tuple[int, int]]:
        """The frames that are asked for, cut where the array's blocks begin."""
        if self._block_starts is None:
            return [(first, last)]
        inside = self._block_starts[(self._block_starts > first) & (self._block_starts < last)]
        bounds = [first, *(int(bound) for bound in inside), last]
        return list(zip(bounds, bounds[1:]))
