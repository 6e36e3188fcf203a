"""The one movie among the arrays of a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..input_error import InputError

_MOST_NAMED = 12


def the_movie(path: Path, name: str | None, found: Mapping[str, bool]) -> str:
    """The name of the array that is the movie.

    Parameters
    ----------
    path : pathlib.Path
        The file, for the message.
    name : str or None
        What the caller asks for; None: the only array that may be a movie.
    found : mapping of str to bool
        Every array's name, and whether it may be a movie.

    Raises
    ------
    InputError
        There is no such array, no movie, or more than one.
    """
    movies = [candidate for candidate, fits in found.items() if fits]
    if name is not None:
        if name in found:
            return name
        raise InputError(f"{path}: there is no array {name}; there {_listed(movies or list(found))}")
    if len(movies) == 1:
        return movies[0]
    if not movies:
        raise InputError(f"{path}: the file holds no movie, which is numbers in frames, rows and columns")
    raise InputError(f"{path}: there {_listed(movies)}: say which by {path.name}::{movies[0]}")


def _listed(names: list[str]) -> str:
    if not names:
        return "are none"
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ("is " if len(names) == 1 else "are ") + ", ".join(names[:_MOST_NAMED]) + more
