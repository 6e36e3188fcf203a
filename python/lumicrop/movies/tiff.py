"""TIFF movies: plain multi-page files, ImageJ stacks and OME-TIFF, through tifffile."""

from __future__ import annotations

import logging
from pathlib import Path
from xml.etree import ElementTree

import numpy
import tifffile

from ..input_error import InputError
from ..sources import Statement
from .movie import Movie

_NM_PER_UNIT = {"nm": 1.0, "nanometer": 1.0, "nanometre": 1.0}
_NM_PER_UNIT |= dict.fromkeys(("um", "µm", "μm", "micron", "microns", "micrometer", "micrometre", r"\u00b5m"), 1e3)


class Tiff(Movie):
    """The first image series of a TIFF file, one frame per page or plane.

    Uncompressed stacks are read straight from the file (also ImageJ's beyond 4 GB, which describe one page only);
    others page by page.
    """

    suffixes = (".tif", ".tiff")
    format = "TIFF"

    def __init__(self, path: Path) -> None:
        logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what matters is said here, in one sentence
        self._plain = open(path, "rb")
        try:
            try:
                self._tiff = tifffile.TiffFile(path)
                self._series = self._tiff.series[0]
                shape, dtype = self._series.shape, self._series.dtype
            except (tifffile.TiffFileError, IndexError, ValueError, KeyError, TypeError, AttributeError) as error:
                raise InputError(f"{path}: this is not a TIFF file that can be read ({error})") from None
            if dtype is None:
                raise InputError(f"{path}: the pixels have no type that is known")
            super().__init__(path, _frames_shape(shape, self._series.axes, path), dtype, _pixel_size(self._tiff, path))
            self._start = self._contiguous_start()
        except BaseException:
            self.close()
            raise

    def _contiguous_start(self) -> int | None:
        """Where the pixels begin if they lie in the file in one piece, else None."""
        start = self._series.dataoffset
        if start is None:
            return None
        promised = self.shape[0]
        if self._tiff.is_imagej:  # tifffile takes a stack that is not whole for its first page alone
            promised = max(promised, int((self._tiff.imagej_metadata or {}).get("images", 1)))
        held = (self.path.stat().st_size - start) // self.frame_bytes
        if held < promised:
            raise InputError(f"{self.path}: the file is cut short: it says {promised} frames and holds {max(0, held)}")
        return start

    def read(self, first: int, last: int) -> numpy.ndarray:
        if self._start is not None:
            self._plain.seek(self._start + first * self.frame_bytes)
            stored = self.dtype.newbyteorder(self._tiff.byteorder)
            count = (last - first) * self.shape[1] * self.shape[2]
            pixels = numpy.fromfile(self._plain, stored, count)
            if pixels.size == count:
                return pixels.reshape(-1, *self.shape[1:]).astype(self.dtype, copy=False)
            raise InputError(f"{self.path}: the file ends before frame {last - 1}: it was cut short while it was read")
        frames = numpy.empty((last - first, *self.shape[1:]), self.dtype)
        for index in range(first, last):
            frames[index - first] = self._page(index)
        return frames

    def _page(self, index: int) -> numpy.ndarray:
        try:
            page = self._series[index]
            if page is None:
                raise ValueError("the page is missing")
            return page.asarray().reshape(self.shape[1:])
        except (tifffile.TiffFileError, ValueError, IndexError, KeyError, RuntimeError, TypeError) as error:
            raise InputError(f"{self.path}: frame {index} cannot be read ({error})") from None

    def close(self) -> None:
        self._plain.close()
        if hasattr(self, "_tiff"):
            self._tiff.close()


def _frames_shape(shape: tuple[int, ...], axes: str, path: Path) -> tuple[int, int, int]:
    """``(n_frames, height, width)`` of a series: one axis may count frames, axes of length 1 do not matter."""
    if axes[-2:] == "YX":
        leading = [length for length in shape[:-2] if length != 1]
        if len(leading) <= 1:
            return (leading[0] if leading else 1, *shape[-2:])
    sizes = " x ".join(f"{length} {axis}" for length, axis in zip(shape, axes))
    raise InputError(
        f"{path}: the images are {sizes}, but a movie has frames of rows (Y) and columns (X): save one colour alone"
    )


def _pixel_size(tiff: tifffile.TiffFile, path: Path) -> list[Statement]:
    """Pixel size that ImageJ or OME wrote; resolutions for printers (inch, cm) say nothing about a microscope."""
    try:
        if tiff.is_ome:
            return _ome_pixel_size(tiff.ome_metadata, path)
        if tiff.is_imagej:
            unit = str((tiff.imagej_metadata or {}).get("unit", "")).strip().lower()
            tags = tiff.pages[0].tags
            if unit in _NM_PER_UNIT and "XResolution" in tags:
                pixels, units = tags["XResolution"].value
                if pixels > 0 and units > 0:
                    value = round(_NM_PER_UNIT[unit] * units / pixels, 6)  # stored as a ratio of 32-bit numbers
                    return [Statement("pixel_nm", value, f"{path.name}: ImageJ's scale")]
    except (ElementTree.ParseError, ValueError, TypeError):
        pass  # a description that cannot be read says nothing
    return []


def _ome_pixel_size(description: str, path: Path) -> list[Statement]:
    for element in ElementTree.fromstring(description).iter():
        if element.tag.rpartition("}")[2] == "Pixels":
            size, unit = element.get("PhysicalSizeX"), element.get("PhysicalSizeXUnit", "µm")
            if size is not None and unit.lower() in _NM_PER_UNIT and float(size) > 0:
                value = round(_NM_PER_UNIT[unit.lower()] * float(size), 6)
                return [Statement("pixel_nm", value, f"{path.name}: OME PhysicalSizeX")]
            break
    return []
