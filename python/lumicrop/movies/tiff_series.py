"""Movies that are a series of TIFF files: a folder of them, or a pattern of names."""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy

from ..input_error import InputError
from .movie import Movie
from .tiff import Tiff
from .tiff_pixels import PlainPixels


def natural_order(name: str) -> tuple[Any, ...]:
    """A key that sorts names by the numbers in them: ``img_2`` before ``img_10``."""
    pieces = re.split("([0-9]+)", name)  # words and numbers take turns; of numbers, the longer one is larger
    numbers = (piece.lstrip("0") for piece in pieces[1::2])
    return list(zip_longest(pieces[::2], ((len(number), number) for number in numbers), fillvalue=(0, ""))), name


class TiffSeries(Movie):
    """TIFF files of one or many pages each, one after the other in the order of the numbers in their names.

    Where they are the files of one OME or Micro-Manager series, its description says the order.
    """

    format = "TIFF series"

    def __init__(self, path: Path) -> None:
        self._whole: Movie | None = None
        self._open: tuple[int, Tiff] | None = None
        self._pixels: PlainPixels | None = None
        paths = _files(path)
        try:
            self._whole = _one_movie(paths)
            if self._whole is not None:
                self._take(path, self._whole.shape, self._whole.dtype, self._whole.statements, paths)
                self.details = self._whole.details
                return
            counts, pixels = [], []
            for its_path in paths:
                with Tiff(its_path, alone=True) as movie:
                    if counts:
                        self._check_alike(movie, paths[0])
                    else:
                        self._take(path, movie.shape, movie.dtype, movie.statements, paths)
                        self.details = f"{movie.details}, {len(paths)} files"
                    counts.append(movie.shape[0])
                    pixels.append(movie.plain_pixels)
            self._ends = numpy.cumsum(counts)
            self.shape = (int(self._ends[-1]), *self.shape[1:])
            if all(found is not None for found in pixels):
                self._pixels = PlainPixels.joined(pixels)
        except BaseException:
            self.close()
            raise

    @classmethod
    def recognises(cls, path: Path) -> bool:
        return path.is_dir() or is_pattern(path)

    def _take(self, path: Path, shape: Any, dtype: Any, statements: Any, paths: list[Path]) -> None:
        super().__init__(path, shape, dtype, statements)
        self.inputs = paths

    def _check_alike(self, movie: Movie, first: Path) -> None:
        if movie.shape[1:] != self.shape[1:] or movie.dtype != self.dtype:
            raise InputError(
                f"{movie.path}: frames are {movie.shape[1]} x {movie.shape[2]} px of {movie.dtype}, but those of "
                f"{first.name} are {self.shape[1]} x {self.shape[2]} px of {self.dtype}: all frames of a movie have "
                "one size and type"
            )

    def read(self, first: int, last: int) -> numpy.ndarray:
        if self._whole is not None:
            return self._whole.read(first, last)
        if self._pixels is not None:
            return self._pixels.read(first, last)
        frames = numpy.empty((last - first, *self.shape[1:]), self.dtype)
        while first < last:
            number = int(numpy.searchsorted(self._ends, first, side="right"))
            movie = self._file(number)
            begin = int(self._ends[number]) - movie.shape[0]
            end = min(last, int(self._ends[number]))
            frames[first - last : end - last or None] = movie.read(first - begin, end - begin)
            first = end
        return frames

    def _file(self, number: int) -> Tiff:
        """A file of the series; only one is open at a time, as there may be thousands."""
        if self._open is None or self._open[0] != number:
            if self._open is not None:
                self._open[1].close()
                self._open = None
            movie = Tiff(self.inputs[number], alone=True)
            self._open = (number, movie)
            self._check_alike(movie, self.inputs[0])
            held = int(numpy.diff(self._ends, prepend=0)[number])
            if movie.shape[0] != held:
                raise InputError(f"{movie.path}: the file had {held} frames and has {movie.shape[0]} now")
        return self._open[1]

    def close(self) -> None:
        for opened in (self._whole, self._pixels, self._open[1] if self._open else None):
            if opened is not None:
                opened.close()


def is_pattern(path: Path) -> bool:
    """Whether a path is a pattern of names instead of a file."""
    return any(letter in str(path) for letter in "*?[") and not path.exists()


def _is_tiff(path: Path) -> bool:
    return Tiff.recognises(path) and not path.name.startswith(".") and path.is_file()


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = [inside for inside in path.iterdir() if _is_tiff(inside)]
        if not found:
            raise InputError(f"{path}: the folder holds no TIFF files")
    else:
        matching = [Path(name) for name in glob.glob(str(path), recursive=True)]
        if not matching:
            raise InputError(f"{path}: no file has such a name")
        found = [inside for inside in matching if _is_tiff(inside)]
        others = set(matching) - set(found)
        if others:
            raise InputError(f"{min(others)}: a pattern stands for TIFF files, but {path} includes this one")
    return sorted(found, key=lambda inside: natural_order(str(inside)))


def _one_movie(paths: Sequence[Path]) -> Movie | None:
    """The movie that the first file makes with all the others, as its description says; None: it does not."""
    try:
        movie = Tiff(paths[0])
    except InputError:
        if len(paths) == 1:
            raise
        return None  # it may name files that are not of this series
    if {path.resolve() for path in movie.inputs} == {path.resolve() for path in paths}:
        return movie
    movie.close()
    return None
