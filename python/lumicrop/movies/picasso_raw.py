"""Picasso's movies: a file of bare pixels, described by a yaml file beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy

from ..input_error import InputError
from ..yaml_documents import camera_statements, read_documents
from .movie import PIXEL_TYPES
from .plain_frames import PlainMovie


class PicassoRaw(PlainMovie):
    """``movie.raw`` with ``movie.yaml``: frames of rows of pixels, without a header."""

    suffixes = (".raw",)
    format = "Picasso raw"

    def __init__(self, path: Path) -> None:
        file = open(path, "rb", buffering=0)  # before the yaml: a missing movie is reported as that
        try:
            description = path.with_suffix(".yaml")
            try:
                documents = read_documents(description)
            except FileNotFoundError:
                raise InputError(
                    f"{path}: Picasso's description {description.name} is missing beside the movie"
                ) from None
            if not documents:
                raise InputError(f"{description}: the file is empty")
            shape, dtype = _layout(documents[0], description)
            super().__init__(path, file, shape, dtype, 0, camera_statements(documents, description))
            self._check_size(description)
        except BaseException:
            file.close()
            raise
        self.inputs.append(description)

    def _check_size(self, description: Path) -> None:
        found = os.fstat(self._file.fileno()).st_size
        stated = self.shape[0] * self.frame_bytes
        if found != stated:
            raise InputError(
                f"{self.path}: the file holds {found} bytes, but {self.shape[0]} frames of {self.shape[1]} x "
                f"{self.shape[2]} {self.dtype.name} pixels, as {description.name} says, take {stated}"
            )


def _layout(document: dict[str, Any], path: Path) -> tuple[tuple[int, int, int], numpy.dtype]:
    """Shape and stored pixel type, as the first document of the yaml says."""
    shape = tuple(_count(document, key, path) for key in ("Frames", "Height", "Width"))
    name = document.get("Data Type")
    if name not in PIXEL_TYPES:
        raise InputError(f"{path}: Data Type is {name!r}, expected one of {', '.join(PIXEL_TYPES)}")
    order = document.get("Byte Order", "<")
    if order not in ("<", ">"):
        raise InputError(f"{path}: Byte Order is {order!r}, expected '<' or '>'")
    return shape, numpy.dtype(name).newbyteorder(order)


def _count(document: dict[str, Any], key: str, path: Path) -> int:
    value = document.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        found = "is missing" if value is None else f"is {value!r}"
        raise InputError(f"{path}: {key} {found}, expected a whole number above 0")
    return value
