"""numpy's files: an array in an ``.npy``, several in an ``.npz`` archive."""

from __future__ import annotations

import math
import os
import warnings
import zipfile
from pathlib import Path
from typing import BinaryIO

import numpy

from ..input_error import InputError
from .foreign_errors import explained
from .frame_axes import could_be_movie, frame_axis, movie_shape
from .named_arrays import the_movie
from .plain_frames import PlainMovie


class Npy(PlainMovie):
    """One array, ``(frames, rows, columns)`` or a single frame, in C order."""

    suffixes = (".npy",)
    format = "npy"

    def __init__(self, path: Path) -> None:
        file = open(path, "rb", buffering=0)
        try:
            shape, dtype = _header(file, path)
            start = file.tell()
            super().__init__(path, file, movie_shape(shape, frame_axis(shape, (), path)), dtype, start, [])
            held, promised = os.fstat(file.fileno()).st_size - start, self.shape[0] * self.frame_bytes
            if held < promised:
                raise InputError(
                    f"{path}: the file is cut short: of {promised} bytes of pixels, {promised - held} are missing"
                )
        except BaseException:
            file.close()
            raise


class Npz(PlainMovie):
    """One array of an archive. Frames are decompressed in their order, a few at a time; going back begins again."""

    suffixes = (".npz",)
    format = "npz"

    def __init__(self, path: Path, name: str | None = None) -> None:
        open(path, "rb").close()  # what the system says about a file is said by it
        what = "this is not an .npz archive that can be read"
        with explained(path, what):
            self._archive = zipfile.ZipFile(path)
        try:
            with explained(path, what):
                chosen = the_movie(path, name, self._candidates())
                stream = self._archive.open(chosen + ".npy")
                shape, dtype = _header(stream, path)
                start = stream.tell()
                super().__init__(path, stream, movie_shape(shape, frame_axis(shape, (), path)), dtype, start, [])
                self._check_length(chosen + ".npy", start)
            self.details = f"array {chosen}"
        except BaseException:
            self.close()
            raise

    def _candidates(self) -> dict[str, bool]:
        """Every array's name, and whether it may be a movie."""
        names = [name[: -len(".npy")] for name in self._archive.namelist() if name.endswith(".npy")]
        found = {}
        for name in names:
            with self._archive.open(name + ".npy") as stream:
                try:
                    found[name] = could_be_movie(*_header(stream, Path(self._archive.filename or name)))
                except (InputError, zipfile.BadZipFile):
                    found[name] = False
        return found

    def _check_length(self, member: str, start: int) -> None:
        held, promised = self._archive.getinfo(member).file_size - start, self.shape[0] * self.frame_bytes
        if held < promised:
            raise InputError(f"{self.path}: the array {member} is cut short: it lacks {promised - held} bytes")

    def close(self) -> None:
        if hasattr(self, "_file"):
            super().close()
        self._archive.close()


def _header(file: BinaryIO, path: Path) -> tuple[tuple[int, ...], numpy.dtype]:
    """Shape and stored type of the array that begins where a file stands; the file stands at its pixels then."""
    with explained(path, "this is not an .npy file that can be read"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about headers that Python 2 wrote, which are read all the same
        version = numpy.lib.format.read_magic(file)
        read = {
            (1, 0): numpy.lib.format.read_array_header_1_0,
            (2, 0): numpy.lib.format.read_array_header_2_0,
        }.get(version)
        if read is None:
            raise InputError(f"{path}: version {version[0]}.{version[1]} of the format has no plain pixels")
        shape, fortran_order, dtype = read(file)
    if dtype.hasobject:
        raise InputError(f"{path}: the array holds Python objects, not pixels")
    if fortran_order and math.prod(shape) > 1:
        raise InputError(
            f"{path}: the array is stored in Fortran order, its frames interleaved: save numpy.ascontiguousarray(movie)"
        )
    return shape, dtype
