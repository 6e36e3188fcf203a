"""Movies: frames of raw camera counts, read a few at a time.

A format is one class in a module of its own, listed in `READERS`.
"""

from __future__ import annotations

from pathlib import Path

from ..input_error import InputError
from .movie import PIXEL_TYPES, Movie
from .picasso_raw import PicassoRaw
from .tiff import Tiff

__all__ = ["PIXEL_TYPES", "READERS", "Movie", "PicassoRaw", "Tiff", "open_movie"]

#: Every movie format, in the order in which they are tried.
READERS: tuple[type[Movie], ...] = (PicassoRaw, Tiff)


def open_movie(path: str | Path) -> Movie:
    """Open a movie by its file name's ending.

    Parameters
    ----------
    path : str or pathlib.Path
        ``.raw`` with Picasso's ``.yaml`` beside it, ``.tif`` or ``.tiff``.

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
    path = Path(path)
    for reader in READERS:
        if path.suffix.lower() in reader.suffixes:
            return reader(path)
    known = ", ".join(suffix for reader in READERS for suffix in reader.suffixes)
    raise InputError(f"{path}: a movie's name ends in one of {known}")
