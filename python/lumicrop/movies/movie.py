"""What every movie can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import numpy

from ..input_error import InputError
from ..sources import Statement

#: Pixel types that photons are counted from.
PIXEL_TYPES = ("uint8", "uint16", "int16", "uint32", "int32", "float32", "float64")


class Movie(ABC):
    """Frames of raw counts that are read a few at a time.

    Attributes
    ----------
    path : pathlib.Path
        The file, for messages; of an array in memory a made-up name in angle brackets.
    inputs : list of pathlib.Path
        Every file or folder that is read. Output never replaces one of them.
    details : str
        What the file is, in a few words, for people: such as ``"ImageJ stack, deflate, 1 frame per page"``.
    block_frames : int
        Frames that the file keeps together (a chunk along time): reading whole blocks decodes each only once.
    shape : tuple of int
        ``(n_frames, height, width)`` [px].
    dtype : numpy.dtype
        Type of a pixel, in native byte order; one of `PIXEL_TYPES`.
    statements : list of Statement
        What the file says of pixel size and camera.
    """

    #: Endings of file names, lower case, with the dot.
    suffixes: tuple[str, ...] = ()
    #: What the format is called.
    format: str = ""

    def __init__(
        self, path: Path, shape: tuple[int, int, int], dtype: numpy.dtype, statements: list[Statement]
    ) -> None:
        self.path = path
        self.inputs = [path]
        self.details = ""
        self.block_frames = 1
        self.shape = tuple(int(length) for length in shape)
        self.dtype = numpy.dtype(dtype).newbyteorder("=")
        self.statements = statements
        if self.dtype.name not in PIXEL_TYPES:
            raise InputError(
                f"{path}: pixels are {self.dtype.name}, but photons are counted from {', '.join(PIXEL_TYPES)}"
            )
        if min(self.shape) < 1:
            raise InputError(
                f"{path}: the movie is empty: {self.shape[0]} frames of {self.shape[1]} x {self.shape[2]} px"
            )

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame in memory."""
        return self.shape[1] * self.shape[2] * self.dtype.itemsize

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Whether a path is read by this class; by its ending, unless a reader knows better."""
        return path.suffix.lower() in cls.suffixes

    @abstractmethod
    def read(self, first: int, last: int) -> numpy.ndarray:
        """Frames ``first`` to ``last - 1``, counted from 0, as an array ``(last - first, height, width)`` of `dtype`.

        Called by one thread at a time, not always the one that opened the movie. The array is the caller's.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the file. Allowed more than once."""

    def __enter__(self) -> Movie:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
