"""How the background of a run is found, and who says so."""

from __future__ import annotations

from typing import Any

from .input_error import InputError
from .methods import BACKGROUNDS, METHODS
from .request import Request
from .setting import DEFAULT, Setting, finite
from .tables import Table


def background_setting(request: Request, table: Table, method: str) -> Setting:
    """Decide how the background is found.

    Parameters
    ----------
    request : Request
        Its `background` is a number [photon/px] for every detection, one of `BACKGROUNDS`, or not said; its
        `background_map` implies ``"map"``.
    table : Table
        May have backgrounds of its own.
    method : str
        One of `METHODS`.

    Returns
    -------
    Setting
        Value: a number, ``"table"`` (each detection's own), or another of `BACKGROUNDS`.

    Raises
    ------
    InputError
        The method has no such background, or what it needs is missing.
    """
    given, source = request.background, request.source_of("background")
    if given is None and request.background_map is not None:
        given, source = "map", request.source_of("background_map")
    if isinstance(given, str):
        given = given.lower().replace("-", "_")
    kind = _kind(given) if given is not None else METHODS[method].backgrounds[0]
    if kind not in METHODS[method].backgrounds:
        raise InputError(f"--background is {_shown(given)}, expected {_either(method)} for --method {method}")
    if (kind == "map") != (request.background_map is not None):
        raise InputError(
            "--background map needs the map: --background-map FILE"
            if kind == "map"
            else f"--background is {_shown(given)}, but --background-map is given, too: give one of them"
        )
    if kind != "column":
        return Setting(kind, DEFAULT if given is None else source)
    if given is not None and given != "column":
        return finite("background", Setting(float(given), source))
    if table.background is None:
        missing = f'no background (column "{table.background_name}")' if table.background_name else "no background"
        needs = "which the filter needs" if given is None else "which --background column takes"
        raise InputError(f"{table.path} has {missing}, {needs}: give --background, or count with --method sum")
    return Setting("table", f"{table.path.name}: {table.background_name}")


def background_kind(value: Any) -> str:
    """Which of `BACKGROUNDS` the value of a setting is."""
    return value if isinstance(value, str) and value != "table" else "column"


def _kind(given: Any) -> str:
    if not isinstance(given, str):
        return "column"
    if given not in BACKGROUNDS:
        raise InputError(f"--background is {given!r}, expected a number or one of {', '.join(BACKGROUNDS)}")
    return given


def _shown(given: Any) -> str:
    return given if isinstance(given, str) else f"{given:g}"


def _either(method: str) -> str:
    kinds = METHODS[method].backgrounds
    return ", ".join(kinds[:-1]) + " or " + kinds[-1] if len(kinds) > 1 else kinds[0]
