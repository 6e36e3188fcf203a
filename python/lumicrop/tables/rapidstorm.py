"""rapidSTORM's tables: a first line of XML that describes the columns, and rows of numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import numpy

from ..input_error import InputError
from .table import AddedColumn
from .text_cells import Spelling
from .text_table import TextTable

_BEGINNING = b"# <localizations"
_END = b"</localizations>"
_NM = {"nanometer": 1.0, "micrometer": 1e3, "millimeter": 1e6, "meter": 1e9}
_PHOTON = ("photon", "photons")
_X, _Y, _Z = "Position-0-0", "Position-1-0", "Position-2-0"
_FRAME, _AMPLITUDE, _BACKGROUND = "ImageNumber-0-0", "Amplitude-0-0", "LocalBackground-0-0"
_WIDTHS = ("PSFWidth-0-0", "PSFWidth-1-0")
_FWHM = 2.0 * math.sqrt(2.0 * math.log(2.0))
_REAL = "floating point with . for decimals and optional scientific e-notation"


class RapidstormTable(TextTable):
    """``table.txt``: ``ImageNumber-0-0`` from 0; ``Position-0-0`` and ``Position-1-0`` from the first pixel's centre.

    Lengths have the units that the first line states, nanometres or pixels. ``PSFWidth-0-0`` and ``PSFWidth-1-0`` are
    used when the line says what they are: full widths at half maximum or standard deviations. Amplitude and background
    are counts of the camera; they are used only where the line says photons.
    """

    suffixes = (".txt",)
    format = "rapidSTORM txt"
    length_unit = "nm"
    origin = "first_pixel"
    first_frame = 0
    qe = None
    required = (_X, _Y, _FRAME)
    used = (_Z, _AMPLITUDE, _BACKGROUND, *_WIDTHS)
    spelling = Spelling(delimiter=b" ", words=False)

    @classmethod
    def recognises(cls, path: Path, head: bytes) -> bool:
        return head.startswith(_BEGINNING)

    def _names(self, header: bytes) -> list[str]:
        if not header.startswith(_BEGINNING) or not header.rstrip().endswith(_END) or b"<!" in header:
            raise InputError(f"{self.path}: line 1 is not rapidSTORM's '# <localizations ...>...</localizations>'")
        try:
            fields = ElementTree.fromstring(header[1:].strip()).findall("field")
        except ElementTree.ParseError as error:
            raise InputError(f"{self.path}: line 1 is not whole XML ({error})") from None
        self._fields = {field.get("identifier", ""): field for field in fields}
        return [field.get("identifier", "") for field in fields]

    def _says(self, name: str, attribute: str) -> str:
        field = self._fields.get(name)
        return "" if field is None else field.get(attribute, "")

    def _length(self, columns: Mapping[str, numpy.ndarray], name: str) -> numpy.ndarray | None:
        """A column of lengths in `length_unit`; None where it is missing or has another kind of unit."""
        unit = self._says(name, "unit")
        if name not in columns or (unit in _NM) != (self.length_unit == "nm") or unit not in (*_NM, "pixel"):
            return None
        return columns[name] if _NM.get(unit, 1.0) == 1.0 else columns[name] * _NM[unit]

    def _take(self, columns: Mapping[str, numpy.ndarray]) -> None:
        self.length_unit = "px" if self._says(_X, "unit") == "pixel" else "nm"
        x, y = (self._length(columns, name) for name in (_X, _Y))
        if x is None or y is None:
            units = f'"{self._says(_X, "unit")}" and "{self._says(_Y, "unit")}"'
            raise InputError(f"{self.path}: line 1: positions are in {units}, expected nanometer or pixel")
        self.x, self.y = x, y
        self.frame = self._frames_from(columns[_FRAME])
        if self._says(_Z, "unit") in _NM and _Z in columns:
            self.z_nm = columns[_Z] * _NM[self._says(_Z, "unit")]
        if self._says(_AMPLITUDE, "unit") in _PHOTON:
            self.photons = columns[_AMPLITUDE]
        self.background_name = _BACKGROUND
        if self._says(_BACKGROUND, "unit") in _PHOTON:
            self.background = columns[_BACKGROUND]
        sigmas = [self._standard_deviation(columns, name) for name in _WIDTHS]
        if sigmas[0] is not None and sigmas[1] is not None:
            self.sigma_x, self.sigma_y = sigmas
            self.width_names = ", ".join(_WIDTHS)

    def _standard_deviation(self, columns: Mapping[str, numpy.ndarray], name: str) -> numpy.ndarray | None:
        width, meaning = self._length(columns, name), self._says(name, "semantic").lower()
        if width is None:
            return None
        if "fwhm" in meaning or "full width" in meaning:
            return width / _FWHM
        return width if "sigma" in meaning or "standard deviation" in meaning else None

    def _head_with(self, added: Sequence[AddedColumn]) -> bytes:
        end = self._head.rindex(_END)
        return self._head[:end] + "".join(map(_field, added)).encode() + self._head[end:]


def _field(column: AddedColumn) -> str:
    """The element that describes a new column."""
    meaning = column.name.replace("_", " ")
    if column.words:
        meaning += ": " + ", ".join(f"{index} {word or 'none'}" for index, word in enumerate(column.words))
    attributes = {
        "identifier": column.name,
        "syntax": _REAL if column.dtype.kind == "f" else "integer",
        "semantic": meaning,
        "unit": column.unit or "dimensionless",
    }
    return "<field " + " ".join(f"{key}={quoteattr(value)}" for key, value in attributes.items()) + " />"
