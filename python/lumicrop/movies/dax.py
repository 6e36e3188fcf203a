"""Movies of storm-analysis and Hal: a file of bare pixels, described by an .inf file beside it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy

from ..input_error import InputError
from .plain_frames import PlainMovie

#: Rows and columns beyond what any camera has: a frame's size stays a number that a file can be compared with.
_LONGEST_SIDE = 1 << 20


class Dax(PlainMovie):
    """``movie.dax`` with ``movie.inf``: frames of rows of 16-bit pixels, without a header.

    How many frames there are follows from the file's size: the .inf is written when the recording begins.
    """

    suffixes = (".dax",)
    format = "dax"

    def __init__(self, path: Path) -> None:
        file = open(path, "rb", buffering=0)  # before the .inf: a missing movie is reported as that
        try:
            description = path.with_suffix(".inf")
            try:
                text = description.read_bytes().decode("utf-8", errors="replace")
            except FileNotFoundError:
                raise InputError(f"{path}: the description {description.name} is missing beside the movie") from None
            height, width, dtype = parse_inf(text, description)
            n_bytes = os.fstat(file.fileno()).st_size
            frame_bytes = height * width * dtype.itemsize
            if n_bytes % frame_bytes:
                raise InputError(
                    f"{path}: the file holds {n_bytes} bytes, which is no whole number of frames of {height} x {width} "
                    f"16-bit pixels, as {description.name} says"
                )
            super().__init__(path, file, (n_bytes // frame_bytes, height, width), dtype, 0, [])
        except BaseException:
            file.close()
            raise
        self.inputs.append(description)


def parse_inf(text: str, path: Path) -> tuple[int, int, numpy.dtype]:
    """Height and width [px] and stored pixel type, from the lines ``key = value`` of an .inf file.

    Raises
    ------
    InputError
        The text does not say how large a frame is, or says something impossible.
    """
    lines = (line.partition("=") for line in text.splitlines())
    values = {key.strip().lower(): value.strip() for key, equals, value in lines if equals}
    dimensions = values.get("frame dimensions")
    if dimensions is not None:
        width, height = _pair(dimensions, "frame dimensions", path)
    elif {"x_start", "x_end", "y_start", "y_end"} <= values.keys():
        binning = _pair(values.get("binning", "1 x 1"), "binning", path)
        width, height = (
            (_number(values, f"{axis}_end", path) - _number(values, f"{axis}_start", path) + 1) // step
            for axis, step in zip("xy", binning)
        )
    else:
        raise InputError(f"{path}: the line 'frame dimensions = WIDTH x HEIGHT' is missing")
    if not (1 <= width <= _LONGEST_SIDE and 1 <= height <= _LONGEST_SIDE):
        raise InputError(f"{path}: frames of {height} x {width} px are impossible: check 'frame dimensions'")
    kind = values.get("data type", "16 bit integers (binary, big endian)").lower()
    bits = re.search(r"(\d+)\s*-?\s*bit", kind)
    if "float" in kind or (bits and bits[1] != "16"):
        raise InputError(f"{path}: the data type is '{kind[:60]}', but a .dax holds 16 bit integers")
    return height, width, numpy.dtype("<u2" if "little endian" in kind else ">u2")


def _pair(text: str, key: str, path: Path) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]{1,9})\s*x\s*([0-9]{1,9})", text, re.IGNORECASE)
    if found is None or int(found[1]) < 1 or int(found[2]) < 1:
        raise InputError(f"{path}: '{key} = {text[:60]}' is not two numbers above 0 such as '256 x 256'")
    return int(found[1]), int(found[2])


def _number(values: dict[str, str], key: str, path: Path) -> int:
    if not re.fullmatch(r"-?[0-9]{1,9}", values[key]):
        raise InputError(f"{path}: '{key} = {values[key][:60]}' is not a whole number")
    return int(values[key])
