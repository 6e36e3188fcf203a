"""Maps: a value for every pixel of the frame, in files or arrays, checked against the movie that they are for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy

from ._channel import MAPS
from .input_error import InputError
from .input_files import refuse_pipe
from .movies import Movie, open_movie, split_name
from .setting import option_of

#: What may stand in a pixel besides NaN, which masks it.
_FITS = {
    "offset_map": (lambda values: numpy.isfinite(values), "a finite number of counts"),
    "gain_map": (lambda values: (values > 0) & numpy.isfinite(values), "a finite number above 0"),
    "read_variance_map": (lambda values: (values >= 0) & numpy.isfinite(values), "a finite number of 0 or more"),
    "background_map": (lambda values: numpy.isfinite(values), "a finite number of photons"),
}


class FrameMap:
    """A map that fits its movie.

    Attributes
    ----------
    name : str
        Which of the maps of `lumicrop.Channel` it is.
    path : pathlib.Path or None
        The file; None: an array of the caller's.
    source : str, pathlib.Path or array
        As it was given.
    values : numpy.ndarray or None
        (height, width): float32 or float64, or bool for bad pixels. None for a background of each frame, read with
        the movie.
    shape : tuple of int
        (n_frames, height, width).
    """

    def __init__(self, name: str, source: Any, shape: tuple[int, int, int], values: numpy.ndarray | None) -> None:
        self.name, self.source, self.shape, self.values = name, source, shape, values
        self.path = split_name(source)[0] if isinstance(source, (str, os.PathLike)) else None

    def __str__(self) -> str:
        return f"array of {_size(self.shape)}" if self.path is None else str(self.source)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FrameMap) and self.path is not None and str(self) == str(other)

    def __hash__(self) -> int:
        return hash((self.name, str(self)))

    @property
    def median(self) -> float:
        """Median of the pixels that are not masked."""
        return float(numpy.nanmedian(self.values))


def read_map(name: str, source: Any, movie: Movie) -> FrameMap:
    """Read a map and check it.

    Parameters
    ----------
    name : str
        One of the maps of `lumicrop.Channel`: ``"offset_map"`` [ADU], ``"gain_map"`` [e-/ADU],
        ``"read_variance_map"`` [e-^2], ``"bad_pixels"``, ``"background_map"`` [photon/px].
    source : str, pathlib.Path or array
        ``.npy``, TIFF or whatever else `open_movie` reads; or an array. (height, width) of the movie's frames; a
        background may be (n_frames, height, width), too. Numbers of any type, NaN where a pixel is masked; bad pixels
        are truth values or whole numbers, not 0 where a pixel is bad.
    movie : Movie
        What it is for.

    Returns
    -------
    FrameMap

    Raises
    ------
    InputError
        It cannot be read, or shape, type or a value is another than expected; option and file are named.
    """
    where = option_of(name) + (f" {source}" if isinstance(source, (str, os.PathLike)) else "")
    try:
        shape, values = _read(name, source, movie, where)
    except OSError as error:
        raise InputError(f"{where}: {error.strerror or error}") from None
    return FrameMap(name, source, shape, None if values is None else _checked(name, values, where))


def _read(name: str, source: Any, movie: Movie, where: str) -> tuple[tuple[int, int, int], numpy.ndarray | None]:
    """Shape, and the pixels of a map of one frame."""
    array = _array(source, where)
    if array is not None and not (array.ndim == 3 and len(array) > 1):
        _refuse_type(name, array.dtype, where)
        if array.ndim not in (2, 3):
            raise InputError(f"{where}: an array of shape {array.shape} found, {_expected(name, movie)}")
        shape = (1, *array.shape[-2:])
        _refuse_shape(name, shape, movie, where)
        return shape, numpy.array(array[0] if array.ndim == 3 else array)
    try:
        opened = open_movie(source)
    except InputError as error:
        raise InputError(f"{where}: {_without_its_path(error, source)}") from None
    try:
        _refuse_type(name, opened.dtype, where)
        _refuse_shape(name, opened.shape, movie, where)
        if opened.shape[0] > 1:
            return opened.shape, None
        return opened.shape, numpy.array(opened.read(0, 1)[0])
    finally:
        opened.close()


def _array(source: Any, where: str) -> numpy.ndarray | None:
    """An array, or what an ``.npy`` file holds, in whatever order and type; None for what is opened as movies are."""
    if not isinstance(source, (str, os.PathLike)):
        return None if len(getattr(source, "shape", ())) == 3 else numpy.asarray(source)
    path, name = split_name(source)
    refuse_pipe(path, f"map ({where})")
    if name is not None or path.suffix.lower() != ".npy":
        return None
    try:
        return numpy.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, SyntaxError):
        raise InputError(f"{where}: this is not an .npy file of numbers, or it is cut short") from None


def _without_its_path(error: InputError, source: Any) -> str:
    return str(error).removeprefix(f"{source}: ")


def _expected(name: str, movie: Movie) -> str:
    n_frames, height, width = movie.shape
    frames = f"1 or {n_frames} frames of " if MAPS[name] == 3 else ""
    return f"{frames}{height} x {width} px expected, as the movie has"


def _size(shape: tuple[int, int, int]) -> str:
    return (f"{shape[0]} frames of " if shape[0] > 1 else "") + f"{shape[1]} x {shape[2]} px"


def _refuse_shape(name: str, shape: tuple[int, int, int], movie: Movie, where: str) -> None:
    n_frames = {1, movie.shape[0]} if MAPS[name] == 3 else {1}
    if shape[0] not in n_frames or shape[1:] != movie.shape[1:]:
        raise InputError(f"{where}: {_size(shape)} found, {_expected(name, movie)}")


def _refuse_type(name: str, dtype: numpy.dtype, where: str) -> None:
    if name == "bad_pixels":
        if dtype.kind not in "bui":
            raise InputError(f"{where}: {dtype} found, bool or whole numbers expected: not 0 where a pixel is bad")
    elif dtype.kind not in "uif":
        raise InputError(f"{where}: {dtype} found, numbers expected, or NaN where a pixel is masked")


def _checked(name: str, values: numpy.ndarray, where: str) -> numpy.ndarray:
    """The pixels, as the library takes them."""
    if name == "bad_pixels":
        bad = values != 0
        if bad.all():
            raise InputError(f"{where}: every pixel is bad, at least one that is not expected")
        return bad
    if values.dtype.kind == "f":
        values = values.astype(numpy.float32 if values.dtype.itemsize <= 4 else numpy.float64)
    else:
        values = values.astype(numpy.float64)
    fits, expected = _FITS[name]
    masked = numpy.isnan(values)
    wrong = numpy.argwhere(~(fits(values) | masked))
    if len(wrong):
        row, column = wrong[0]
        more = f" (and {len(wrong) - 1:,} more)" if len(wrong) > 1 else ""
        raise InputError(
            f"{where}: {values[row, column]:g} in row {row}, column {column}{more}, {expected} "
            "expected, or NaN to mask the pixel"
        )
    if masked.all():
        raise InputError(f"{where}: every pixel is NaN, and so masked")
    return values


def map_files(maps: dict[str, Any]) -> list[Path]:
    """The files among the sources of some maps."""
    return [split_name(source)[0] for source in maps.values() if isinstance(source, (str, os.PathLike))]
