"""Options and arguments of the command, with their help."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from . import option_values as value
from .methods import BACKGROUNDS, DETAILS, METHODS


def _list_of(pairs: Iterable[tuple[str, str]]) -> str:
    """``name: what; name: what``."""
    return "; ".join(f"{name}: {what}" for name, what in pairs)


def _option(help: str, *names: str, **settings: object) -> object:
    return typer.Option(*names, help=help, **settings)


# Headings of the help, under which the options stand

_REPEAT, _COUNTING, _CAMERA, _READING, _PLACE, _OUTPUT = (
    {"rich_help_panel": heading}
    for heading in (
        "Repeating a run", "How it is counted", "The camera", "How the table is read", "Where it is computed", "What is written and shown"
    )
)  # fmt: skip

# What several commands have

_SIZE = {"parser": value.size, "metavar": "N or ROWSxCOLUMNS"}
Overwrite = Annotated[bool, _option("Replace output that exists.", "--overwrite", **_OUTPUT)]
Quiet = Annotated[bool, _option("Print nothing but errors.", "--quiet", "-q", **_OUTPUT)]
Debug = Annotated[bool, _option("Show where in the program an error arose.", "--debug", **_OUTPUT)]

# lumicrop integrate

_MOVIE = (
    "Movie: TIFF (also a folder or a pattern of files), .raw with Picasso's .yaml, .dax with its .inf, .npy, .npz, HDF5, zarr, "
    ".nd2. FILE::NAME names a dataset within."
)
_TABLE = (
    "Detections: of ThunderSTORM, Picasso, SMAP, rapidSTORM, DECODE, storm-analysis, Insight3, Elyra, Nanoimager, smlmlp; "
    "any other csv, tsv, parquet, npz or mat with --columns."
)
Movie = Annotated[str | None, typer.Argument(metavar="MOVIE", help=_MOVIE)]
Table = Annotated[str | None, typer.Argument(metavar="TABLE", help=_TABLE)]
InspectedMovie = Annotated[str, typer.Argument(metavar="MOVIE", help=_MOVIE)]
InspectedTable = Annotated[str | None, typer.Argument(metavar="[TABLE]", help=_TABLE)]
SettingsFile = Annotated[
    Path | None,
    _option(
        "Repeat the run of a settings file; what is given besides has precedence.",
        "--settings",
        metavar="FILE",
        **_REPEAT,
    ),
]
Columns = Annotated[
    dict | None,
    _option(
        "Which column is what, for tables of no known program: x=NAME,y=NAME,frame=NAME,... (also z, sigma or sigma_x and "
        "sigma_y, angle, background, photons).",
        parser=value.columns,
        metavar="x=NAME,y=NAME,...",
        **_READING,
    ),
]
Unit = Annotated[
    str | None,
    _option("With --columns: unit of positions and widths: px, nm.", callback=value.one_of(("px", "nm")), **_READING),
]
FirstPixelAt = Annotated[
    float | None,
    _option("With --columns: what the table calls position 0: 1 for programs that count pixels from 1.", **_READING),
]
Out = Annotated[
    Path | None,
    _option(
        "Output table, in the format of TABLE, or any as .csv or .parquet. Default: TABLE_lumicrop beside the table.",
        "--out",
        "-o",
        **_OUTPUT,
    ),
]
Method = Annotated[
    str | None,
    _option(
        _list_of((name, each.means) for name, each in METHODS.items()) + f". Default: {next(iter(METHODS))}.",
        callback=value.one_of(METHODS),
        **_COUNTING,
    ),
]
Model = Annotated[
    str | None,
    _option(
        "PSF of all methods but sum: isogauss, gauss, spline. Default: gauss when the table has two widths, else "
        "isogauss.",
        callback=value.one_of(("isogauss", "gauss", "spline")),
        **_COUNTING,
    ),
]
CropSize = Annotated[
    tuple | None,
    _option("Size of a crop in pixels. Default: the table's box size, else 2 ceil(3 sigma) + 1.", **_SIZE, **_COUNTING),
]
PixelNm = Annotated[
    object,
    _option(
        "Pixel size in nm; HEIGHTxWIDTH where they differ. Default: from metadata.",
        parser=value.pixel,
        metavar="NM or NMxNM",
        **_CAMERA,
    ),
]
Gain = Annotated[
    float | None,
    _option(
        "Electrons per count: with --em-gain before, without it behind the multiplication. Default: from metadata, "
        "else 1 (assumed).",
        **_CAMERA,
    ),
]
EmGain = Annotated[
    float | None,
    _option(
        "Mean multiplication of the electrons, by which the gain is divided. Default: where noise matters, from "
        "metadata, else 1 (assumed).",
        **_CAMERA,
    ),
]
ReadNoise = Annotated[
    float | None,
    _option("Read noise in electrons. Default: 0 (assumed, where noise matters).", "--read-noise", **_CAMERA),
]
Saturation = Annotated[
    float | None, _option("Counts from which a pixel is saturated, which is flagged. Default: none is.", **_CAMERA)
]
OffsetMap, GainMap, ReadVarianceMap, BadPixels = (
    Annotated[str | None, _option(f"{what}; .npy or TIFF of the frame's size.", name, metavar="FILE", **_CAMERA)]
    for name, what in (
        ("--offset-map", "Counts without light of each pixel, instead of --offset; NaN masks it"),
        ("--gain-map", "Electrons per count of each pixel, before multiplication, instead of --gain; NaN masks it"),
        ("--read-variance-map", "Variance of each pixel's read-out [e-^2], instead of --read-noise; NaN masks it"),
        ("--bad-pixels", "Pixels to leave out: true, or not 0"),
    )
)
Offset = Annotated[
    float | None, _option("Counts of a pixel without light. Default: from metadata, else 0 (assumed).", **_CAMERA)
]
Qe = Annotated[
    float | None, _option("Quantum efficiency. Default: 1, as tables of photoelectrons (Picasso's) mean it; else assumed.", **_CAMERA)
]
SigmaNm = Annotated[
    float | None, _option("Width of the PSF in nm, for every detection. Default: the table's widths.", **_COUNTING)
]
AperturePx = Annotated[
    float | None,
    _option("Radius of the aperture in pixels; of an ellipse, the semi-axis along its own x axis.", **_COUNTING),
]
ApertureYPx = Annotated[
    float | None, _option("Semi-axis of the aperture along its own y axis in pixels. Default: a circle.", **_COUNTING)
]
ApertureThetaDeg = Annotated[
    float | None, _option("Angle of the aperture in degrees, which turns as the PSF's does. Default: 0.", **_COUNTING)
]
AnnulusInnerPx, AnnulusOuterPx = (
    Annotated[float | None, _option(f"{which} radius of the ring of an annulus background in pixels.", name, **_COUNTING)]
    for name, which in (("--annulus-inner-px", "Inner"), ("--annulus-outer-px", "Outer"))
)
NeighbourRadiusPx = Annotated[
    float | None,
    _option(
        "How near other detections of the frame may be to a pixel of the ring, in pixels; 0: as they like. Default: "
        "the inner radius.",
        **_COUNTING,
    ),
]
ForBackground = Annotated[
    object,
    _option(
        "Background: a number of photons per pixel for every detection, or how it is found: "
        + _list_of((name.replace("_", "-"), means) for name, means in BACKGROUNDS.items())
        + ". Default: "
        + _list_of((name, each.backgrounds[0].replace("_", "-")) for name, each in METHODS.items())
        + ".",
        "--background",
        parser=value.background,
        metavar="PHOTONS or WORD",
        **_COUNTING,
    ),
]
BackgroundMap = Annotated[
    str | None,
    _option(
        "Map of the background in photons per pixel, .npy or TIFF: one frame, or one for each frame of the movie. "
        "Implies --background map.",
        metavar="FILE",
        **_COUNTING,
    ),
]
Details = Annotated[
    object,
    _option(
        f"Columns to write besides: {', '.join(DETAILS)}; all: those that the method tells. Default: photons_sigma for "
        + ", ".join(name for name, each in METHODS.items() if each.has_errors)
        + ", else none.",
        parser=value.details,
        metavar="NAME,NAME,...",
        **_OUTPUT,
    ),
]
Spline = Annotated[
    Path | None,
    _option("Measured PSF: .npz with knots tx, ty, tz in nm, and coefficients. Implies --model spline.", **_COUNTING),
]
Origin = Annotated[
    str | None,
    _option(
        "What coordinate 0 is: first_pixel (its centre), pixel_corner. Default: by the table's format.",
        callback=value.one_of(("first_pixel", "pixel_corner")),
        **_READING,
    ),
]
FirstFrame = Annotated[
    int | None, _option("Number of the movie's first frame in the table. Default: by its format.", **_READING)
]
SwapXY = Annotated[
    bool | None, _option("Take the table's x for y and its y for x.", "--swap-xy/--no-swap-xy", **_READING)
]
Strict = Annotated[bool, _option("Refuse a table with a row that cannot have photons.", "--strict", **_READING)]
CheckOrigin = Annotated[
    bool,
    _option(
        "Warn where the positions do not lie on the movie's light.", "--check-origin/--no-check-origin", **_READING
    ),
]
CheckCamera = Annotated[
    bool,
    _option("Warn where the movie's noise contradicts the gain.", "--check-camera/--no-check-camera", **_CAMERA),
]
Report = Annotated[
    Path | None, _option("Page to judge the run by: one HTML file.", "--report", metavar="PAGE.html", **_OUTPUT)
]
Json = Annotated[bool, _option("Show one JSON document instead of text, for machines.", "--json", **_OUTPUT)]
Padding = Annotated[
    str | None,
    _option(
        "Pixels of a crop that are no data: geometry (beyond the frame), zeros, none. Default: geometry.",
        callback=value.one_of(("geometry", "zeros", "none")),
        **_COUNTING,
    ),
]
Backend = Annotated[
    str,
    _option(
        "auto (a GPU when one works, else the CPU), cpu, cuda.",
        callback=value.one_of(("auto", "cpu", "cuda")),
        **_PLACE,
    ),
]
Threads = Annotated[int, _option("CPU threads; 0: automatic.", min=0, **_PLACE)]
Device = Annotated[int, _option("Number of the GPU; -1: automatic.", min=-1, **_PLACE)]
MemoryBudget = Annotated[
    int,
    _option(
        "Memory of the GPU to take, such as 4G or 500M; 0: half of what is free.",
        parser=value.memory,
        metavar="BYTES",
        **_PLACE,
    ),
]
Plot = Annotated[Path | None, _option("Picture of the result. Default: OUT with the ending .png.", **_OUTPUT)]
NoPlot = Annotated[bool, _option("Draw no picture.", "--no-plot", **_OUTPUT)]

# lumicrop camera

JudgedMovie = Annotated[str | None, typer.Argument(metavar="MOVIE", help=_MOVIE)]
Dark = Annotated[
    str | None, _option("Frames without light, some hundred: offset and read noise of every pixel.", metavar="MOVIE", **_CAMERA)
]
Flat = Annotated[
    list[str] | None,
    _option("Frames of even, steady light; once for each of several levels: gain of every pixel.", metavar="MOVIE", **_CAMERA),
]
KnownOffset = Annotated[
    float | None, _option("Counts of a pixel without light, where known.", "--offset", "--camera-offset", **_CAMERA)
]
KnownReadNoise = Annotated[float | None, _option("Read noise in electrons, where known.", "--read-noise", min=0, **_CAMERA)]
KnownEmGain = Annotated[
    float | None,
    _option("Mean multiplication of the electrons (EM gain). Default: from metadata, else 1: none.", "--em-gain", min=1, **_CAMERA),
]
CameraOut = Annotated[
    Path | None,
    _option("Beginning of the written files' names. Default: MOVIE_camera beside the movie.", "--out", "-o", **_OUTPUT),
]

# lumicrop simulate

SimulatedMovie = Annotated[
    Path, typer.Argument(metavar="MOVIE", help="Movie to write: .raw (with Picasso's .yaml), .tif.")
]
TruthTable = Annotated[
    Path | None,
    _option("Table of the truth: .hdf5 (Picasso), .csv (ThunderSTORM). Default: MOVIE_truth beside the movie."),
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
TrueReadNoise = Annotated[float, _option("Standard deviation of the read noise in electrons.")]
Seed = Annotated[int, _option("The same seed gives the same movie.")]
