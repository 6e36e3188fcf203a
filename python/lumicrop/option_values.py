"""How the values of options are written on a command line."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable

import typer

from .methods import BACKGROUNDS, DETAILS


def size(text: str) -> tuple[int, int]:
    """``9`` or ``9x11``: rows and columns."""
    rows, _, columns = text.lower().partition("x")
    try:
        return int(rows), int(columns or rows)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a size: write 9, or 9x11 for rows x columns") from None


def memory(text: str | int) -> int:
    """``0``, ``500M`` or ``1.5G``, in powers of 1024."""
    amount = re.fullmatch(r"(\d+|\d+\.\d+) ?([KMGT]?)(I?B)?", str(text).upper())
    if amount is None:
        raise typer.BadParameter(f"{text!r} is not an amount of memory: write 500M, 4G, or a number of bytes")
    return round(float(amount[1]) * 1024 ** " KMGT".index(amount[2] or " "))


def one_of(words: Iterable[str]) -> Callable[[str | None], str | None]:
    def check(word: str | None) -> str | None:
        if word is not None and word.lower() not in words:
            raise typer.BadParameter(f"{word!r} is not one of {', '.join(words)}")
        return word.lower() if word is not None else None

    return check


def pixel(text: str) -> float | tuple[float, float]:
    """``100``, or ``127x117``: rows, then columns."""
    first, sign, second = text.lower().partition("x")
    try:
        return (float(first), float(second)) if sign else float(first)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no pixel size: write 100, or 127x117 for height x width") from None


def columns(text: str) -> dict[str, str]:
    """``x=x_px,y=y_px,frame=t``; a name with a comma in it is put in double quotes."""
    try:
        pairs = [cell.partition("=") for cell in next(csv.reader([text], skipinitialspace=True, strict=True))]
    except (csv.Error, StopIteration):
        pairs = []
    columns = {
        quantity.strip(): name.strip() for quantity, sign, name in pairs if sign and quantity.strip() and name.strip()
    }
    if not pairs or len(columns) != len(pairs):
        raise typer.BadParameter(f"{text!r} is no list of columns: write x=NAME,y=NAME,frame=NAME")
    return columns


def background(text: str) -> float | str:
    """``20``, or one of `BACKGROUNDS`, with hyphens or underscores."""
    try:
        return float(text)
    except ValueError:
        word = text.lower().replace("-", "_")
    if word not in BACKGROUNDS:
        words = ", ".join(BACKGROUNDS).replace("_", "-")
        raise typer.BadParameter(f"{text!r} is neither a number of photons per pixel nor one of {words}")
    return word


def details(text: str) -> tuple[str, ...]:
    """``all``, or ``photons_sigma,chi2``."""
    words = tuple(word.strip().lower().replace("-", "_") for word in text.split(",") if word.strip())
    for word in words or (text,):
        if word not in ("all", *DETAILS):
            raise typer.BadParameter(f"{word!r} is none of the details: all, {', '.join(DETAILS)}")
    return words
