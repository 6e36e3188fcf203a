"""The directories of a TIFF file, one per page, read as they lie.

tifffile takes most pages for copies of the first, and a chain of pages that breaks off for one that ends. Here every
directory is looked at: is the chain whole, do all pages have one size and type, and where are their pixels?
"""

from __future__ import annotations

import os
import struct
from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy

from ..input_error import InputError

# Tags of TIFF 6.0 and of Adobe's supplements.
_SUBFILE, _OLD_SUBFILE, _WIDTH, _LENGTH, _BITS, _COMPRESSION, _SAMPLES = 254, 255, 256, 257, 258, 259, 277
_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES, _FORMAT = 273, 279, 324, 325, 339
_STRIP_ROWS, _TILE_WIDTH, _TILE_LENGTH = 278, 322, 323
_SIZE_AND_TYPE = (_LENGTH, _WIDTH, _SAMPLES, _BITS, _FORMAT)
#: With these, among them predictor, fill order and colours, pages are decoded alike.
_DECODING = (_COMPRESSION, _STRIP_ROWS, 317, _TILE_WIDTH, _TILE_LENGTH, 266, 262)
_DEFAULTS = {_SAMPLES: 1, _BITS: 1, _FORMAT: 1}
_NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_KINDS = {1: "uint", 2: "int", 3: "float"}
#: Marks of a smaller copy of another page, and of a mask for one.
_SMALLER, _MASK = 1, 4


@dataclass
class Directories:
    """What the directories of a file say.

    Attributes
    ----------
    numbers : numpy.ndarray
        Place of each image in the chain of pages; smaller copies and masks are left out.
    starts : numpy.ndarray
        Where the pixels of each image begin in the file if they lie in one piece, else -1.
    alike : bool
        Whether all images are decoded alike.
    """

    numbers: numpy.ndarray
    starts: numpy.ndarray
    alike: bool


def read_directories(path: Path, first: int, order: str, big: bool) -> Directories:
    """Walk along a file's chain of pages.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    first : int
        Where the first directory begins.
    order : {"<", ">"}
        Byte order.
    big : bool
        Whether it is a BigTIFF.

    Raises
    ------
    InputError
        The chain is not whole or runs in a circle, pages differ in size or type, or pixels lie beyond the file's end.
    """
    with open(path, "rb", buffering=0) as file:
        return _Chain(path, file.fileno(), order, big).walk(first)


class _Chain:
    def __init__(self, path: Path, file: int, order: str, big: bool) -> None:
        self._path = path
        self._file = file
        self._size = os.fstat(file).st_size
        self._order = order
        self._count = struct.Struct(order + ("Q" if big else "H"))
        self._entry = struct.Struct(order + ("HHQ8s" if big else "HHI4s"))
        self._next = struct.Struct(order + ("Q" if big else "I"))
        self._wanted = {_SUBFILE, _OLD_SUBFILE, _STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES, *_SIZE_AND_TYPE, *_DECODING}
        self._guess = self._count.size + 40 * self._entry.size  # most directories are shorter

    def walk(self, offset: int) -> Directories:
        numbers, starts = array("q"), array("q")
        seen: set[int] = set()
        size = decoding = None
        alike = True
        while offset:
            page = len(seen)
            if offset in seen:
                raise InputError(
                    f"{self._path}: the pages run in a circle: page {page - 1} leads back to an earlier one"
                )
            seen.add(offset)
            tags, offset = self._directory(page, offset)
            if self._value(tags, _SUBFILE, 0) & (_SMALLER | _MASK) or self._value(tags, _OLD_SUBFILE, 1) == 2:
                continue
            found = tuple(self._value(tags, tag, _DEFAULTS.get(tag, 0)) for tag in _SIZE_AND_TYPE)
            if size is None:
                size, first_page = found, page
                decoding = self._decoding(tags)
            elif found != size:
                raise InputError(
                    f"{self._path}: page {page} has {_described(found)}, but page {first_page} has {_described(size)}: "
                    "all frames of a movie have one size and type"
                )
            alike = alike and self._decoding(tags) == decoding
            numbers.append(page)
            starts.append(self._start(tags, page, found))
        return Directories(numpy.array(numbers, numpy.int64), numpy.array(starts, numpy.int64), alike)

    def _directory(self, page: int, offset: int) -> tuple[dict[int, tuple[int, int, bytes]], int]:
        """A directory's entries that matter, and where the next one begins."""
        data = os.pread(self._file, self._guess, offset)
        if len(data) >= self._count.size:
            end = self._count.size + self._count.unpack_from(data)[0] * self._entry.size
            needed = end + self._next.size
            if needed > len(data) and offset + needed <= self._size:
                data += os.pread(self._file, needed - len(data), offset + len(data))
            if needed <= len(data):
                entries = self._entry.iter_unpack(data[self._count.size : end])
                tags = {tag: (kind, count, value) for tag, kind, count, value in entries if tag in self._wanted}
                return tags, self._next.unpack_from(data, end)[0]
        raise InputError(
            f"{self._path}: the file is cut short: page {page} should be described at byte {offset}, but the file has "
            f"{self._size} bytes"
        )

    def _value(self, tags: dict[int, tuple[int, int, bytes]], tag: int, default: int) -> int:
        """A tag's number; of several, how many there are and nothing else, as they lie elsewhere."""
        if tag not in tags:
            return default
        kind, count, value = tags[tag]
        if count != 1 or kind not in _NUMBERS:
            return -count
        return struct.unpack_from(self._order + _NUMBERS[kind], value)[0]

    def _decoding(self, tags: dict[int, tuple[int, int, bytes]]) -> tuple[object, ...]:
        pieces = tags.get(_STRIPS, tags.get(_TILES, (0, 0, b"")))[1]
        return (pieces, *(self._value(tags, tag, 0) for tag in _DECODING))

    def _start(self, tags: dict[int, tuple[int, int, bytes]], page: int, size_and_type: tuple[int, ...]) -> int:
        """Where an image's pixels begin, -1 where they are not in one piece; the last of them must be in the file."""
        where, how_many = (_STRIPS, _STRIP_BYTES) if _STRIPS in tags else (_TILES, _TILE_BYTES)
        begin, length = self._last(tags, where), self._last(tags, how_many)
        pieces = tags.get(where, (0, 0, b""))[1]
        plain = pieces == 1 and where == _STRIPS and self._value(tags, _COMPRESSION, 1) == 1
        if plain:  # ImageJ's own number of bytes may be that of the whole stack, or no number that fits
            height, width, samples, bits, _ = size_and_type
            length = (height * width * samples * bits + 7) // 8
        if begin is not None and length is not None and begin + length > self._size:
            raise InputError(
                f"{self._path}: the file is cut short: pixels of page {page} should end at byte {begin + length}, but "
                f"the file has {self._size} bytes"
            )
        if not plain and pieces < self._pieces(tags, size_and_type):
            raise InputError(f"{self._path}: page {page} is damaged: it lacks a part of its strips or tiles")
        return begin if plain and begin is not None else -1

    def _pieces(self, tags: dict[int, tuple[int, int, bytes]], size_and_type: tuple[int, ...]) -> int:
        """How many strips or tiles an image has at least."""
        height, width = size_and_type[:2]
        if _STRIPS not in tags:
            across, down = self._value(tags, _TILE_WIDTH, 0), self._value(tags, _TILE_LENGTH, 0)
            return -(-width // across) * -(-height // down) if across > 0 and down > 0 else 0
        rows = self._value(tags, _STRIP_ROWS, 0)
        return -(-height // rows) if rows > 0 else 1

    def _last(self, tags: dict[int, tuple[int, int, bytes]], tag: int) -> int | None:
        """The last number of a tag, which may lie elsewhere in the file; None: there is none."""
        kind, count, value = tags.get(tag, (0, 0, b""))
        if kind not in _NUMBERS or count < 1:
            return None
        number = struct.Struct(self._order + _NUMBERS[kind])
        if count * number.size > len(value):
            offset = self._next.unpack(value)[0] + (count - 1) * number.size
            value = os.pread(self._file, number.size, offset) if offset < self._size else b""
            return number.unpack(value)[0] if len(value) == number.size else self._size + 1
        return number.unpack_from(value, (count - 1) * number.size)[0]


def _described(size_and_type: tuple[int, ...]) -> str:
    height, width, samples, bits, kind = size_and_type
    colours = f" and {abs(samples)} colours" if samples != 1 else ""
    return f"{height} x {width} px of {_KINDS.get(kind, 'unknown')}{abs(bits)}{colours}"
