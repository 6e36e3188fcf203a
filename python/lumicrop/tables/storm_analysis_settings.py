"""The settings that storm-analysis keeps with its results."""

from __future__ import annotations

import math
from collections.abc import Callable
from xml.etree import ElementTree

from ..sources import Statement


def settings_statements(text: bytes, where: str) -> list[Statement]:
    """What the settings of an analysis with storm-analysis say of pixel size and camera.

    Parameters
    ----------
    text : bytes
        XML. Whatever cannot be read says nothing.
    where : str
        The file and the place in it.

    Returns
    -------
    list of Statement
        From ``pixel_size`` [nm], ``camera_gain`` [ADU/e-] and ``camera_offset`` [ADU].
    """
    try:
        settings = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, LookupError):
        return []
    statements = []
    for name, quantity, convert in _SETTINGS:
        for element in settings.iter(name):
            try:
                value = convert(float(element.text or "nan"))
            except (ValueError, ZeroDivisionError):
                continue
            if math.isfinite(value) and (value > 0 or quantity == "offset"):
                statements.append(Statement(quantity, value, f"{where}: {name}"))
    return statements


_SETTINGS: tuple[tuple[str, str, Callable[[float], float]], ...] = (
    ("pixel_size", "pixel_nm", lambda value: value),
    ("camera_gain", "gain", lambda value: 1 / value),
    ("camera_offset", "offset", lambda value: value),
)
