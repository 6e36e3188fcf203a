"""Movies that are arrays: whatever has a shape and a type and can be sliced."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy

from ..sources import Statement
from .foreign_errors import explained
from .frame_axes import frame_axis, movie_shape
from .movie import Movie
from .plain_frames import native


class SlicedMovie(Movie):
    """A movie that is read by slicing an array along the axis that counts its frames.

    Parameters
    ----------
    path : pathlib.Path
        The file, for messages.
    array : array-like
        Has ``shape`` and ``dtype``; a slice of it is an array.
    statements : list of Statement
        What the file says of pixel size and camera.
    axes : sequence of str
        Name of every axis, ``"Y"`` and ``"X"`` being rows and columns; empty: they have no names.
    """

    def __init__(self, path: Path, array: Any, statements: list[Statement], axes: Sequence[str] = ()) -> None:
        shape = tuple(int(length) for length in array.shape)
        self._array = array
        self._axis = frame_axis(shape, axes, path)
        self._n_axes = len(shape)
        super().__init__(path, movie_shape(shape, self._axis), numpy.dtype(array.dtype), statements)

    def _along_time(self, chunks: Sequence[Any] | None) -> Any:
        """What a tuple with one entry per axis says of the axis that counts frames."""
        return None if chunks is None or self._axis is None else chunks[self._axis]

    def _index(self, first: int, last: int) -> tuple[Any, ...]:
        rows_and_columns = (slice(None), slice(None))
        leading = [slice(first, last) if axis == self._axis else 0 for axis in range(self._n_axes - 2)]
        return (*leading, *rows_and_columns)

    def _slice(self, first: int, last: int) -> Any:
        """Frames as the array gives them, of this movie's shape."""
        return self._array[self._index(first, last)]

    def read(self, first: int, last: int) -> numpy.ndarray:
        with explained(self.path, f"frames {first} to {last - 1} cannot be read"):
            frames = numpy.asarray(self._slice(first, last)).reshape(last - first, *self.shape[1:])
            return numpy.ascontiguousarray(native(frames), dtype=self.dtype)

    def close(self) -> None:
        """Nothing to close."""
