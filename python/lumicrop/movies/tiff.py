"""TIFF movies: plain multi-page files, ImageJ stacks, OME-TIFF and Micro-Manager's stacks, through tifffile."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy
import tifffile

from ..input_error import InputError
from .foreign_errors import explained
from .frame_axes import frame_axis, movie_shape
from .movie import Movie
from .tiff_directories import Directories, read_directories
from .tiff_metadata import ome_file_names, pixel_size, promised_frames
from .tiff_pixels import DecodedPages, PlainPixels

#: Programs that describe the whole stack, in tifffile's words, and what they are called here.
_DESCRIBED = {
    "mmstack": "Micro-Manager stack",
    "ome": "OME-TIFF",
    "imagej": "ImageJ stack",
    "ndtiff": "NDTiff",
    "lsm": "LSM",
    "stk": "MetaMorph stack",
    "fluoview": "FluoView stack",
    "shaped": "stack by tifffile",
}


class Tiff(Movie):
    """The images of a TIFF file, one frame per page or plane.

    Pixels that are not compressed are read straight from the file (also ImageJ's beyond 4 GB, which describe one page
    only); others are decoded page by page. Where OME's or Micro-Manager's description names other files, the movie
    goes on in them.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    alone : bool
        Whether it is one of a series that the caller puts together: other files are left out then.
    """

    suffixes = (".tif", ".tiff", ".btf", ".tf8")
    format = "TIFF"

    def __init__(self, path: Path, alone: bool = False) -> None:
        logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what matters is said here, in one sentence
        open(path, "rb").close()  # what the system says about a file is said by it
        self._tiff: Any = None
        self._pixels: Any = None
        try:
            with explained(path, "this is not a TIFF file that can be read"):
                self._tiff = _opened(path, alone)
                if not self._tiff.pages:
                    raise InputError(f"{path}: the file holds no image: it is empty or cut short")
                series = _described(self._tiff, path)
                if series is None:
                    self._read_pages(path)
                else:
                    self._read_series(series, path)
            if isinstance(self._pixels, PlainPixels):
                self._tiff.close()
                self._tiff = None  # and with it what is known of every page
        except BaseException:
            self.close()
            raise

    def _begin(self, path: Path, shape: Any, axes: str, keyframe: Any, kind: str) -> None:
        """Check what the movie is, before its pixels are looked for."""
        if keyframe.dtype is None:
            raise InputError(f"{path}: the pixels have no type that is known")
        shape = movie_shape(shape, frame_axis(shape, tuple(axes), path))
        super().__init__(path, shape, keyframe.dtype, pixel_size(self._tiff, path))
        self.details = f"{kind}, {_compression_name(int(keyframe.compression))}"

    def _stored(self, tiff: Any) -> numpy.dtype:
        return self.dtype.newbyteorder(tiff.byteorder)

    def _read_pages(self, path: Path) -> None:
        """A file whose pages are its frames."""
        tiff = self._tiff
        found = _directories(tiff, path)
        if not len(found.numbers):
            raise InputError(f"{path}: the file holds smaller copies of images only")
        numbers, n_frames = found.numbers, len(found.numbers)
        tiff.pages.useframes = False
        keyframe = tiff.pages[int(numbers[0])]
        self._begin(path, (n_frames, *keyframe.shape), "I" + keyframe.axes, keyframe, "pages")
        promised = promised_frames(tiff)
        if n_frames < promised:
            raise InputError(f"{path}: the file is cut short: it says {promised} frames and holds {n_frames}")
        if keyframe.is_final and found.alike and found.starts.min() >= 0:
            nothing = numpy.zeros(n_frames, numpy.int32)
            self._pixels = PlainPixels([path], nothing, found.starts, self.shape[1:], [self._stored(tiff)])
            return
        if found.alike:
            tiff.pages.set_keyframe(int(numbers[0]))
            tiff.pages.useframes = True
        self._pixels = DecodedPages(
            path, lambda index: tiff.pages[int(numbers[index])], keyframe, self.shape[1:], self.dtype
        )

    def _read_series(self, series: Any, path: Path) -> None:
        """A file whose description says which page or plane is which frame."""
        self._begin(path, series.shape, series.axes, series.keyframe, _DESCRIBED[series.kind])
        start = None if series.is_multifile else series.dataoffset
        if start is not None:
            self._check_held(start)
            _directories(self._tiff, path)
            starts = start + numpy.arange(self.shape[0], dtype=numpy.int64) * self.frame_bytes
            nothing = numpy.zeros(self.shape[0], numpy.int32)
            self._pixels = PlainPixels([path], nothing, starts, self.shape[1:], [self._stored(self._tiff)])
            return
        pages = self._pages_of(series)
        files = list({id(page.parent): page.parent for page in pages}.values())
        paths = [path if file is self._tiff else Path(file.filehandle.path) for file in files]
        for file, its_path in zip(files, paths):
            self._check_file(file, its_path)
        self.inputs = [path, *(other for other in paths if other != path)]
        if len(files) > 1:
            self.details += f", {len(files)} files"
        if series.keyframe.is_final and all(len(page.dataoffsets) == 1 for page in pages):
            numbers = {id(file): number for number, file in enumerate(files)}
            self._pixels = PlainPixels(
                paths,
                numpy.array([numbers[id(page.parent)] for page in pages], numpy.int32),
                numpy.array([page.dataoffsets[0] for page in pages], numpy.int64),
                self.shape[1:],
                [self._stored(file) for file in files],
            )
        else:
            self._pixels = DecodedPages(path, pages.__getitem__, series.keyframe, self.shape[1:], self.dtype)

    def _pages_of(self, series: Any) -> list[Any]:
        """One page for every frame; the movie ends where Micro-Manager's recording was stopped."""
        pages = list(series)
        if series.kind == "mmstack":
            while pages and pages[-1] is None:
                pages.pop()
            self.shape = (len(pages), *self.shape[1:])
        missing = [index for index, page in enumerate(pages) if page is None or 0 in page.dataoffsets[:1]]
        if missing or len(pages) != self.shape[0]:
            for name in ome_file_names(self._tiff):
                if not self.path.with_name(name).exists():
                    raise InputError(f"{self.path}: the movie goes on in {name}, which is missing beside it")
            held = self.shape[0] - len(missing) if len(pages) == self.shape[0] else len(pages)
            raise InputError(f"{self.path}: the file is cut short: it says {self.shape[0]} frames and holds {held}")
        return pages

    def _check_file(self, tiff: Any, path: Path) -> None:
        if not _directories(tiff, path).alike:
            raise InputError(f"{path}: pages are compressed in different ways, which their description leaves out")
        page = tiff.pages.first
        if tuple(page.shape[-2:]) != self.shape[1:] or page.dtype != self.dtype:
            height, width = page.shape[-2:]
            raise InputError(
                f"{path}: frames are {height} x {width} px of {page.dtype}, but those of {self.path.name} are "
                f"{self.shape[1]} x {self.shape[2]} px of {self.dtype}: all frames of a movie have one size and type"
            )

    def _check_held(self, start: int) -> None:
        promised = max(self.shape[0], promised_frames(self._tiff))
        held = (self.path.stat().st_size - start) // self.frame_bytes
        if held < promised:
            raise InputError(f"{self.path}: the file is cut short: it says {promised} frames and holds {max(0, held)}")

    @property
    def plain_pixels(self) -> PlainPixels | None:
        """Where the pixels lie, if they are read as they lie."""
        return self._pixels if isinstance(self._pixels, PlainPixels) else None

    def read(self, first: int, last: int) -> numpy.ndarray:
        return self._pixels.read(first, last)

    def close(self) -> None:
        if self._pixels is not None:
            self._pixels.close()
        if self._tiff is not None:
            self._tiff.close()


def _compression_name(number: int) -> str:
    """What tifffile calls it."""
    try:
        name = tifffile.COMPRESSION(number).name.lower().replace("_", " ")
    except ValueError:
        return f"compression {number}"
    return "not compressed" if name == "none" else name


def _opened(path: Path, alone: bool) -> tifffile.TiffFile:
    if not alone:
        return tifffile.TiffFile(path)
    tiff = tifffile.TiffFile(path, is_mmstack=False, is_ndtiff=False)
    if len(ome_file_names(tiff)) > 1:
        tiff.close()
        tiff = tifffile.TiffFile(path, is_mmstack=False, is_ndtiff=False, is_ome=False)
    return tiff


def _described(tiff: tifffile.TiffFile, path: Path) -> Any:
    """The one image series that a program's description makes of the pages; None: every page is a frame."""
    if not any(getattr(tiff, f"is_{kind}", False) for kind in _DESCRIBED):
        return None
    series = tiff.series
    kind = series[0].kind if series else ""
    if kind not in _DESCRIBED:
        return None
    if len(series) > 1:
        if kind == "ome":
            raise InputError(
                f"{path}: the file holds {len(series)} images, such as positions, but a movie is one: save it alone"
            )
        if kind == "shaped":  # written one after the other
            return None
    return series[0]


def _directories(tiff: tifffile.TiffFile, path: Path) -> Directories:
    return read_directories(path, tiff.pages.first.offset, tiff.byteorder, tiff.is_bigtiff)
