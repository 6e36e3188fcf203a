"""Pixels of TIFF files: read as they lie where they are plain, else decoded page by page."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

import numpy

from .foreign_errors import explained
from .plain_frames import fill, native
from .recycled_memory import RecycledMemory

_DECODERS = min(8, os.cpu_count() or 1)


class PlainPixels:
    """Frames whose bytes lie in one or several files, each in one piece.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        The files.
    numbers : numpy.ndarray
        Which of `paths` each frame is in.
    starts : numpy.ndarray
        Where each frame begins [byte].
    shape : tuple of int
        ``(height, width)`` [px].
    stored : sequence of numpy.dtype
        Type of a pixel as each file stores it.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        numbers: numpy.ndarray,
        starts: numpy.ndarray,
        shape: tuple[int, int],
        stored: Sequence[numpy.dtype],
    ) -> None:
        self._paths = paths
        self._numbers = numbers
        self._starts = starts
        self._shape = shape
        self._stored = stored
        self._open: tuple[int, BinaryIO] | None = None
        self._memory = RecycledMemory()

    @classmethod
    def joined(cls, parts: Sequence[PlainPixels]) -> PlainPixels:
        """Movies of one frame size, one after the other."""
        firsts = numpy.cumsum([0, *(len(part._paths) for part in parts[:-1])])
        return cls(
            [path for part in parts for path in part._paths],
            numpy.concatenate([part._numbers + first for part, first in zip(parts, firsts)]),
            numpy.concatenate([part._starts for part in parts]),
            parts[0]._shape,
            [stored for part in parts for stored in part._stored],
        )

    def read(self, first: int, last: int) -> numpy.ndarray:
        """Frames ``first`` to ``last - 1``, those without gaps between them at once."""
        stored = self._stored[0]
        frames = self._memory.empty((last - first, *self._shape), stored)
        frame_bytes = stored.itemsize * self._shape[0] * self._shape[1]
        begins, files = self._starts[first:last], self._numbers[first:last]
        breaks = numpy.flatnonzero((numpy.diff(begins) != frame_bytes) | (numpy.diff(files) != 0)) + 1
        for begin, end in zip([0, *breaks.tolist()], [*breaks.tolist(), last - first]):
            number = int(files[begin])
            with explained(self._paths[number], f"frames {first + begin} to {first + end - 1} cannot be read"):
                file = self._file(number)
                file.seek(int(begins[begin]))
                fill(frames[begin:end], file, self._paths[number], first + begin)
                if self._stored[number] != stored:
                    frames[begin:end].byteswap(inplace=True)
        return native(frames)

    def _file(self, number: int) -> BinaryIO:
        """The file, opened; only one is open at a time, as there may be thousands."""
        if self._open is None or self._open[0] != number:
            self._close_file()
            self._open = (number, open(self._paths[number], "rb", buffering=0))
        return self._open[1]

    def close(self) -> None:
        """Close the file. Allowed more than once."""
        self._memory.close()
        self._close_file()

    def _close_file(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None


class DecodedPages:
    """Frames that tifffile decodes, several of them at the same time.

    Parameters
    ----------
    path : pathlib.Path
        The file, for messages.
    page : callable
        The page of frame number i; None: it is missing.
    keyframe : tifffile.TiffPage
        The page that tells how all are decoded.
    shape : tuple of int
        ``(height, width)`` [px].
    dtype : numpy.dtype
        Type of a pixel, in native byte order.
    """

    def __init__(
        self, path: Path, page: Callable[[int], Any], keyframe: Any, shape: tuple[int, int], dtype: numpy.dtype
    ) -> None:
        self._path = path
        self._page = page
        self._keyframe = keyframe
        self._shape = shape
        self._dtype = dtype
        self._workers: ThreadPoolExecutor | None = None

    def read(self, first: int, last: int) -> numpy.ndarray:
        """Frames ``first`` to ``last - 1``."""
        with explained(self._path, f"frames {first} to {last - 1} cannot be read"):
            frames = numpy.empty((last - first, *self._shape), self._dtype)
            pages = [(index, self._page(index)) for index in range(first, last)]
        for file, group in groupby(pages, lambda item: item[1].parent.filehandle):
            closed = file.closed  # of a series of files only the first stays open
            if closed:
                file.open()
            try:
                file.set_lock(True)
                list(self._map(lambda item: self._decode(*item, frames[item[0] - first]), list(group)))
            finally:
                if closed:
                    file.close()
        return frames

    def _map(self, decode: Callable[[Any], None], items: list[Any]) -> Any:
        if len(items) == 1 or self._keyframe.is_contiguous:
            return map(decode, items)
        if self._workers is None:
            self._workers = ThreadPoolExecutor(_DECODERS, "lumicrop-tiff")
        return self._workers.map(decode, items)

    def _decode(self, index: int, page: Any, frame: numpy.ndarray) -> None:
        with explained(self._path, f"frame {index} cannot be read"):
            frame[...] = page.asarray(maxworkers=1).reshape(frame.shape)

    def close(self) -> None:
        """End the threads. Allowed more than once."""
        if self._workers is not None:
            self._workers.shutdown()
            self._workers = None
