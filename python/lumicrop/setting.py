"""A value with where it came from, and how it is found among those who may say it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy

from .input_error import InputError
from .request import Request
from .sources import Statement

#: Who says a value that nobody was asked for.
DEFAULT = "default"


@dataclass(frozen=True)
class Setting:
    """A value, where it came from, and whether it is only assumed. A value of None is not used in this run."""

    value: Any
    source: str
    assumed: bool = False


UNUSED = Setting(None, "not used")

_WORDS = {
    "pixel_nm": "the pixel size [nm]",
    "gain": "the gain [e-/ADU]",
    "em_gain": "the EM gain",
    "offset": "the camera offset [ADU]",
    "size": "the crop size [px]",
}


def option_of(name: str) -> str:
    """The command's option of a value: ``--pixel-nm`` for ``pixel_nm``."""
    return "--" + name.replace("_", "-")


def one_of(request: Request, name: str, allowed: Iterable[str], default: Setting) -> Setting:
    """The caller's word, if it is among those `allowed`, else the default."""
    given = getattr(request, name)
    if given is None:
        return default
    if given not in allowed:
        raise InputError(f"{option_of(name)} is {given!r}, expected one of {', '.join(allowed)}")
    return Setting(given, request.source_of(name))


def first_said(request: Request, quantity: str, stated: list[Statement], default: Setting | None) -> Setting | None:
    """The caller's value, else the one that all statements agree on, else the default."""
    given = getattr(request, quantity)
    if given is not None:
        return Setting(given, request.source_of(quantity))
    about = [statement for statement in stated if statement.quantity == quantity]
    if not about:
        return default
    if not all(numpy.allclose(statement.value, about[0].value, rtol=1e-6, atol=0) for statement in about):
        said = "; ".join(f"{number_text(statement.value)} ({statement.source})" for statement in about)
        raise InputError(f"the sources disagree on {_WORDS[quantity]}: {said}. Say which with {option_of(quantity)}")
    return Setting(about[0].value, "; ".join(dict.fromkeys(statement.source for statement in about)))


def number_text(value: float | tuple[float, float]) -> str:
    """A number, or a pair (y, x) as ``127 x 117``; one number where both are the same."""
    if isinstance(value, tuple):
        return f"{value[0]:g}" if value[0] == value[1] else f"{value[0]:g} x {value[1]:g}"
    return f"{value:g}"


def checked(name: str, setting: Setting, fits: Callable[[float], bool], expected: str) -> Setting:
    """The setting, if its numbers are finite and fit; else an error that names its option."""
    numbers = setting.value if isinstance(setting.value, tuple) else (setting.value,)
    if not all(math.isfinite(number) and fits(number) for number in numbers):
        where = "" if setting.source == "given" else f" ({setting.source})"
        raise InputError(f"{option_of(name)} is {number_text(setting.value)}{where}, expected {expected}")
    return setting


def positive(name: str, setting: Setting) -> Setting:
    return checked(name, setting, lambda value: value > 0, "a finite number above 0")


def finite(name: str, setting: Setting) -> Setting:
    return checked(name, setting, lambda value: True, "a finite number")
