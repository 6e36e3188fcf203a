"""The settings of a run as a yaml file, by which it can be repeated: ``lumicrop integrate --settings FILE``.

A flat list of ``name: value`` lines with the names of the command's options. Files are named relative to the folder of
the settings file, so that a folder can be moved as a whole.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import lumicrop

from ._channel import MAPS
from .input_error import InputError
from .request import VALUES, Request
from .setting import DEFAULT
from .settings import Settings
from .yaml_documents import read_documents

_DATASET = "::"
#: Values that name a file.
_FILES = ("spline", *MAPS)
_RARE_LINE_ENDS = "\x85\u2028\u2029"
#: A larger file is something else, such as a movie.
_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class SavedRun:
    """What a settings file says: the files, if it names them, and everything else as a request."""

    movie: str | None
    table: str | None
    request: Request


def settings_text(folder: Path, movie: str, table: str, request: Request, settings: Settings) -> str:
    """The yaml text of a run.

    Parameters
    ----------
    folder : pathlib.Path
        The folder of the settings file.
    movie, table : str
        As given to the command.
    request : Request
        Tells how a table of no known program is read.
    settings : Settings
        What was used; every value is written, also those that were found in metadata or assumed.

    Returns
    -------
    str
    """
    lines: dict[str, Any] = {"movie": _relative(movie, folder), "table": _relative(table, folder)}
    for name in ("columns", "unit", "first_pixel_at"):
        if getattr(request, name) is not None:
            value = getattr(request, name)
            lines[name] = dict(value) if name == "columns" else value
    for name in VALUES:
        setting = settings.sigma if name == "sigma_nm" else getattr(settings, name, None)
        if name == "background" and setting.value == "table" and request.background == "column":
            lines[name] = "column"
        if setting is None or setting.value is None or setting.value == "table":
            continue
        if name in ("background", "details") and setting.source == DEFAULT:
            continue  # the method's own, which another method has not
        value = setting.value
        if isinstance(value, tuple):
            value = value[0] if name == "pixel_nm" and value[0] == value[1] else list(value)
        lines[name] = _relative(str(value), folder) if name in _FILES else value
    said = yaml.safe_dump(lines, sort_keys=False, allow_unicode=True)
    if any(line_end in said for line_end in _RARE_LINE_ENDS):
        said = yaml.safe_dump(lines, sort_keys=False)  # as numbers: these would be read again as spaces
    return f"# lumicrop {lumicrop.__version__}: repeat this run by  lumicrop integrate --settings THIS_FILE\n{said}"


def read_settings(path: Path) -> SavedRun:
    """Read a settings file.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    SavedRun

    Raises
    ------
    InputError
        The file is not such a list, or a line says what cannot be.
    OSError
        The file cannot be read.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise InputError(f"{path}: this is no file of settings: it is larger than {_MOST_BYTES >> 20} MiB")
    documents = read_documents(path)
    if len(documents) != 1:
        raise InputError(f"{path}: this is no file of settings: it must hold one list of 'name: value' lines")
    values = dict(documents[0])
    files = [values.pop(name, None) for name in ("movie", "table")]
    for name, value in zip(("movie", "table"), files):
        if value is not None and not isinstance(value, str):
            raise InputError(f"{path}: {name} is {value!r}, expected the name of a file")
    for name in values:
        if name not in _KINDS:
            raise InputError(f"{path}: there is no setting {name!r}; there are {', '.join(_KINDS)}")
    said = {name: _value(path, name, value) for name, value in values.items() if value is not None}
    for name in said.keys() & set(_FILES):
        said[name] = path.parent / said[name] if name == "spline" else _beside(said[name], path.parent)
    movie, table = (None if name is None else _beside(name, path.parent) for name in files)
    return SavedRun(movie, table, Request(**said, source=path.name))


def _relative(name: str | Path, folder: Path) -> str:
    path, mark, dataset = str(name).partition(_DATASET)
    try:  # by real folders: the system does not go back from a link the way that it came
        folder = os.path.realpath(folder)
        path = os.path.relpath(
            os.path.join(os.path.realpath(os.path.dirname(path) or "."), os.path.basename(path)), folder
        )
    except ValueError:  # another drive
        path = os.path.abspath(path)
    return path + mark + dataset


def _beside(name: str, folder: Path) -> str:
    path, mark, dataset = name.partition(_DATASET)
    return str(folder / path) + mark + dataset


def _value(path: Path, name: str, value: Any) -> Any:
    fits, expected = _KINDS[name]
    if not fits(value):
        raise InputError(f"{path}: {name} is {value!r}, expected {expected}")
    if name == "details":
        return (value,) if isinstance(value, str) else tuple(value)
    if isinstance(value, list):
        return tuple(value) if name == "size" else tuple(float(number) for number in value)
    if name == "size":
        return value, value
    return float(value) if name in _NUMBERS and not isinstance(value, str) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _pair_of(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and len(value) == 2 and all(map(fits, value))


def _is_mapping_of_words(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str) for pair in value.items() for each in pair)


def _is_words(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(each, str) for each in value))


_NUMBERS = (
    "pixel_nm", "gain", "em_gain", "offset", "read_noise", "qe", "saturation", "aperture_px", "aperture_y_px",
    "aperture_theta_deg", "annulus_inner_px", "annulus_outer_px", "neighbour_radius_px", "sigma_nm", "background",
    "first_pixel_at",
)  # fmt: skip
_WORD = (lambda value: isinstance(value, str)), "a word"
_FILE = (lambda value: isinstance(value, str)), "the name of a file"
_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("method", "model", "origin", "padding", "unit"), _WORD),
    **dict.fromkeys(_NUMBERS, (_is_number, "a number")),
    "pixel_nm": (lambda value: _is_number(value) or _pair_of(_is_number)(value), "a number, or [y, x]"),
    "size": (lambda value: _is_whole(value) or _pair_of(_is_whole)(value), "a whole number, or [rows, columns]"),
    "first_frame": (_is_whole, "a whole number"),
    "swap_xy": (lambda value: isinstance(value, bool), "true or false"),
    "background": (lambda value: _is_number(value) or isinstance(value, str), "a number or a word"),
    "details": (_is_words, "a list of words"),
    **dict.fromkeys(_FILES, _FILE),
    "columns": (_is_mapping_of_words, "a list of 'quantity: column name' lines"),
}
