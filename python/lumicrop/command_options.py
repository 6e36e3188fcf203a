"""Options and arguments of the command, with their help."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer


def _size(text: str) -> tuple[int, int]:
    """``9`` or ``9x11``: rows and columns."""
    rows, _, columns = text.lower().partition("x")
    try:
        return int(rows), int(columns or rows)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a size: write 9, or 9x11 for rows x columns") from None


def _bytes(text: str | int) -> int:
    """``0``, ``500M`` or ``1.5G``, in powers of 1024."""
    amount = re.fullmatch(r"(\d+|\d+\.\d+) ?([KMGT]?)(I?B)?", str(text).upper())
    if amount is None:
        raise typer.BadParameter(f"{text!r} is not an amount of memory: write 500M, 4G, or a number of bytes")
    return round(float(amount[1]) * 1024 ** " KMGT".index(amount[2] or " "))


def _one_of(*words: str) -> Callable[[str | None], str | None]:
    def check(word: str | None) -> str | None:
        if word is not None and word.lower() not in words:
            raise typer.BadParameter(f"{word!r} is not one of {', '.join(words)}")
        return word.lower() if word is not None else None

    return check


def _option(help: str, *names: str, **settings: object) -> object:
    return typer.Option(*names, help=help, **settings)


# What both commands have

_SIZE = {"parser": _size, "metavar": "N or ROWSxCOLUMNS"}
Overwrite = Annotated[bool, _option("Replace output that exists.", "--overwrite")]
Quiet = Annotated[bool, _option("Print nothing but errors.", "--quiet", "-q")]
Debug = Annotated[bool, _option("Show where in the program an error arose.", "--debug")]

# lumicrop integrate

Movie = Annotated[
    Path, typer.Argument(metavar="MOVIE", help="Movie: .raw with Picasso's .yaml beside it, .tif, .tiff.")
]
Table = Annotated[Path, typer.Argument(metavar="TABLE", help="Detections: Picasso .hdf5, ThunderSTORM .csv.")]
Out = Annotated[
    Path | None,
    _option("Output table, in the format of TABLE. Default: <table>_lumicrop beside the table.", "--out", "-o"),
]
Method = Annotated[
    str | None,
    _option(
        "filter: projection on the fitted PSF; sum: pixels above the median of the crop's border. Default: filter.",
        callback=_one_of("filter", "sum"),
    ),
]
Model = Annotated[
    str | None,
    _option(
        "PSF of the filter: isogauss, gauss, spline. Default: gauss when the table has two widths, else isogauss.",
        callback=_one_of("isogauss", "gauss", "spline"),
    ),
]
CropSize = Annotated[
    tuple | None, _option("Size of a crop in pixels. Default: the table's box size, else 2 ceil(3 sigma) + 1.", **_SIZE)
]
PixelNm = Annotated[float | None, _option("Pixel size in nm. Default: from metadata.")]
Gain = Annotated[float | None, _option("Electrons per count. Default: from metadata, else 1 (assumed).")]
Offset = Annotated[float | None, _option("Counts of a pixel without light. Default: from metadata, else 0 (assumed).")]
Qe = Annotated[float | None, _option("Quantum efficiency. Default: 1, as Picasso's tables mean it; else assumed.")]
SigmaNm = Annotated[float | None, _option("Width of the PSF in nm, for every detection. Default: the table's widths.")]
Spline = Annotated[
    Path | None,
    _option("Measured PSF: .npz with knots tx, ty, tz in nm, and coefficients. Implies --model spline."),
]
Origin = Annotated[
    str | None,
    _option(
        "What coordinate 0 is: first_pixel (its centre), pixel_corner. Default: by the table's format.",
        callback=_one_of("first_pixel", "pixel_corner"),
    ),
]
Padding = Annotated[
    str | None,
    _option(
        "Pixels of a crop that are no data: geometry (beyond the frame), zeros, none. Default: geometry.",
        callback=_one_of("geometry", "zeros", "none"),
    ),
]
Backend = Annotated[
    str, _option("auto (a GPU when one works, else the CPU), cpu, cuda.", callback=_one_of("auto", "cpu", "cuda"))
]
Threads = Annotated[int, _option("CPU threads; 0: automatic.", min=0)]
Device = Annotated[int, _option("Number of the GPU; -1: automatic.", min=-1)]
MemoryBudget = Annotated[
    int,
    _option(
        "Memory of the GPU to take, such as 4G or 500M; 0: half of what is free.", parser=_bytes, metavar="BYTES"
    ),
]
Plot = Annotated[Path | None, _option("Picture of the result. Default: OUT with the ending .png.")]
NoPlot = Annotated[bool, _option("Draw no picture.", "--no-plot")]

# lumicrop simulate

SimulatedMovie = Annotated[
    Path, typer.Argument(metavar="MOVIE", help="Movie to write: .raw (with Picasso's .yaml), .tif.")
]
TruthTable = Annotated[
    Path | None,
    _option("Table of the truth: .hdf5 (Picasso), .csv (ThunderSTORM). Default: <movie>_truth beside the movie."),
]
Frames = Annotated[int, _option("Frames of the movie.")]
FrameSize = Annotated[tuple | None, _option("Size of a frame in pixels. Default: 64.", **_SIZE)]
Molecules = Annotated[int, _option("Detections in the whole movie.")]
Photons = Annotated[float, _option("Mean photons of a detection.")]
PhotonsSpread = Annotated[float, _option("Standard deviation of the photons over their mean.")]
Background = Annotated[float, _option("Background in photons per pixel.")]
TrueSigmaNm = Annotated[float, _option("Width of the PSF in nm.")]
TruePixelNm = Annotated[float, _option("Pixel size in nm.")]
TrueGain = Annotated[float, _option("Electrons per count.")]
TrueOffset = Annotated[float, _option("Counts of a pixel without light.")]
TrueQe = Annotated[float, _option("Quantum efficiency.")]
ReadNoise = Annotated[float, _option("Standard deviation of the read noise in electrons.")]
Seed = Annotated[int, _option("The same seed gives the same movie.")]
