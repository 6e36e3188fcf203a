"""Movies: frames of raw camera counts, read a few at a time.

A format is one class in a module of its own, listed in `READERS`.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

from ..input_error import InputError
from .arrays import ArrayMovie, is_array
from .dax import Dax
from .hdf5 import Hdf5
from .movie import PIXEL_TYPES, Movie
from .nd2_file import Nd2
from .numpy_files import Npy, Npz
from .picasso_raw import PicassoRaw
from .tiff import Tiff
from .tiff_series import TiffSeries, is_pattern
from .zarr_store import Zarr

__all__ = [
    "PIXEL_TYPES",
    "READERS",
    "ArrayMovie",
    "Dax",
    "Hdf5",
    "Movie",
    "Nd2",
    "Npy",
    "Npz",
    "PicassoRaw",
    "Tiff",
    "TiffSeries",
    "Zarr",
    "is_array",
    "open_movie",
    "split_name",
]

#: Every movie format that is one file or one store.
READERS: tuple[type[Movie], ...] = (PicassoRaw, Tiff, Dax, Npy, Npz, Hdf5, Zarr, Nd2)
#: Those whose files hold arrays with names.
_WITH_NAMES = (Npz, Hdf5, Zarr)


def open_movie(source: Any) -> Movie:
    """Open a movie, by the ending of its name.

    Parameters
    ----------
    source : str, pathlib.Path, array or Movie
        A file: ``.raw`` with Picasso's ``.yaml`` beside it, ``.tif`` or ``.tiff``, ``.dax`` with its ``.inf``,
        ``.npy``, ``.npz``, ``.h5`` and the like, ``.zarr``, ``.nd2``. ``file::name`` names one array of several. A
        folder of TIFF files, or a pattern such as ``img_*.tif``. Anything that has a shape and a type and can be
        sliced: a numpy, dask or zarr array ``(frames, rows, columns)``. A movie that is open already is returned as
        it is.

    Returns
    -------
    Movie
        To be closed after use: it is a context manager.

    Raises
    ------
    InputError
        The format is not known, or the file cannot be read as a movie.
    OSError
        The file cannot be opened.
    """
    if isinstance(source, Movie):
        return source
    if not isinstance(source, (str, os.PathLike)):
        if is_array(source):
            return ArrayMovie(source)
        raise InputError(f"a movie is the path of a file or an array, not {type(source).__name__}")
    if "\0" in os.fsdecode(source):
        raise InputError(f"{os.fsdecode(source)!r}: a file's name has no zero bytes")
    path, name = split_name(source)
    if name is not None:
        for named in _WITH_NAMES:
            if named.recognises(path):
                return named(path, name)
        endings = ", ".join(suffix for named in _WITH_NAMES for suffix in named.suffixes)
        raise InputError(f"{path}: only files that end in one of {endings} have a name after '::'")
    if path.is_dir() and not Zarr.recognises(path) or is_pattern(path):
        return TiffSeries(path)
    for reader in READERS:
        if reader.recognises(path):
            return reader(path)
    known = ", ".join(suffix for reader in READERS for suffix in reader.suffixes)
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    raise InputError(f"{path}: a movie's name ends in one of {known}, or it is a folder of TIFF files")


def split_name(source: str | os.PathLike[str]) -> tuple[Path, str | None]:
    """The file of ``file::name``, and the name of the array in it; None: no name is given."""
    text = os.fsdecode(source)
    file, separator, name = text.partition("::")
    if not separator or os.path.exists(text):
        return Path(text), None
    return Path(file), name
