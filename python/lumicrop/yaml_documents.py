"""Picasso's yaml files: one document for every step that made a movie or a table."""

from __future__ import annotations

import math
import os
import stat
from pathlib import Path
from typing import Any

import yaml

from .input_error import InputError
from .sources import Statement


#: A description that a program wrote is far below; a file beyond is something else, and would fill the memory [bytes].
_LARGEST = 16 << 20


def read_documents(path: Path) -> list[dict[str, Any]]:
    """The documents of a yaml file, each a mapping of keys to values.

    Raises
    ------
    InputError
        The text is not yaml, or a document is not a mapping.
    OSError
        The file cannot be read.
    """
    found = os.stat(path)
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)) or found.st_size > _LARGEST:
        raise InputError(f"{path}: this is no yaml file of a few lines")
    try:
        documents = [
            document for document in yaml.safe_load_all(path.read_text(encoding="utf-8")) if document is not None
        ]
    except UnicodeDecodeError:
        raise InputError(f"{path}: this is not a text file") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1})" if mark else ""
        raise InputError(f"{path}: this is not a valid yaml file{place}") from None
    except (ValueError, RecursionError):  # an impossible date, an integer of 5000 digits, 1000 brackets
        raise InputError(f"{path}: a value in this yaml file cannot be read") from None
    for document in documents:
        if not isinstance(document, dict):
            raise InputError(f"{path}: every document must be a list of 'key: value' lines")
    return documents


def camera_statements(documents: list[dict[str, Any]], path: Path) -> list[Statement]:
    """What Picasso's documents say of pixel size, camera and box.

    ``Pixelsize`` [nm], ``Baseline`` [ADU], ``Sensitivity`` [e-/ADU] over ``Gain`` (EM gain; 1 when absent) and
    ``Box Size`` [px], each also under ``Camera.``, as Picasso's simulation writes them. ``Qe`` is left out on purpose:
    Picasso's photons are not divided by it.
    """
    statements = []
    for number, document in enumerate(documents, start=1):
        where = path.name if len(documents) == 1 else f"{path.name}, document {number}"
        for prefix in ("", "Camera."):
            value = {key: _number(document, prefix + key, path) for key in _KEYS}
            if value["Pixelsize"] is not None:
                statements.append(Statement("pixel_nm", value["Pixelsize"], f"{where}: {prefix}Pixelsize"))
            if value["Baseline"] is not None:
                statements.append(Statement("offset", value["Baseline"], f"{where}: {prefix}Baseline"))
            if value["Sensitivity"] is not None:
                em_gain = 1.0 if value["Gain"] is None else value["Gain"]
                if em_gain <= 0:
                    raise InputError(f"{path}: {prefix}Gain is {em_gain:g}, but must be above 0")
                source = f"{where}: {prefix}Sensitivity / " + (
                    f"{prefix}Gain" if value["Gain"] is not None else "1 (no Gain)"
                )
                statements.append(Statement("gain", value["Sensitivity"] / em_gain, source))
                if em_gain > 1:
                    statements.append(Statement("em_gain", em_gain, f"{where}: {prefix}Gain"))
            if value["Box Size"] is not None:
                statements.append(Statement("size", value["Box Size"], f"{where}: {prefix}Box Size"))
    return statements


_KEYS = ("Pixelsize", "Baseline", "Sensitivity", "Gain", "Box Size")


def _number(document: dict[str, Any], key: str, path: Path) -> float | None:
    value = document.get(key)
    if value is None:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise InputError(f"{path}: {key} is {value!r}, but must be a number")
