"""Photons of every detection of a movie, its frames read a part at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

import lumicrop

from .input_error import InputError
from .movies import Movie
from .settings import Settings
from .tables import AddedColumn, Table
from .tables.table import FARTHEST_PX

#: Bytes of frames that are held at a time.
CHUNK_BYTES = 32 << 20


@dataclass
class MovieResult:
    """What was counted, one value per row of the table, in its order.

    Attributes
    ----------
    photons : numpy.ndarray
        Photons [photon], float64; NaN where a detection has no position or lies outside the movie.
    background : numpy.ndarray
        Background that was subtracted from each pixel [photon/px], float64.
    psf_sum, denominator : numpy.ndarray
        Sum of the PSF of unit amplitude over the crop, and sum of the squared normalised PSF, float64; NaN for ``sum``.
    flags : numpy.ndarray
        Bits of `lumicrop.Flag`, uint32; here also ``BAD_INDEX``: the frame is not in the movie, and
        ``PARAMETER_NAN``: no usable position.
    X0, Y0 : numpy.ndarray
        Column and row of each crop's first pixel [px], int64; 0 where there is no crop.
    integrated : numpy.ndarray
        True for detections that had a crop, bool.
    n_outside_movie, n_without_position : int
        Detections whose frame the movie does not have, and (of the others) without a usable position.
    n_frames_read : int
        Frames that were read.
    seconds, seconds_computing : float
        Time [s] of everything, and of the library alone.
    """

    photons: numpy.ndarray
    background: numpy.ndarray
    psf_sum: numpy.ndarray
    denominator: numpy.ndarray
    flags: numpy.ndarray
    X0: numpy.ndarray
    Y0: numpy.ndarray
    integrated: numpy.ndarray
    n_outside_movie: int = 0
    n_without_position: int = 0
    n_frames_read: int = 0
    seconds: float = 0.0
    seconds_computing: float = 0.0

    def columns(self) -> list[AddedColumn]:
        """The columns that a table gets."""
        columns = [
            AddedColumn("lumicrop_photons", "photon", self.photons),
            AddedColumn("lumicrop_background", "photon", self.background),
            AddedColumn("lumicrop_psf_sum", "", self.psf_sum),
            AddedColumn("lumicrop_denominator", "", self.denominator),
            AddedColumn("lumicrop_flags", "", self.flags),
        ]
        return [
            column
            for column in columns
            if column.unit or column.name == "lumicrop_flags" or not numpy.isnan(column.values).all()
        ]


def crop_start(position_px: numpy.ndarray, size: int) -> numpy.ndarray:
    """First pixel of a crop of `size` pixels about a position.

    Parameters
    ----------
    position_px : numpy.ndarray
        Position [px] from the first pixel's centre.
    size : int
        Pixels of the crop along this axis.

    Returns
    -------
    numpy.ndarray
        ``floor(x + 1/2) - (size - 1) / 2`` for odd sizes, ``floor(x) - size / 2 + 1`` for even ones, int64.
    """
    if size % 2:
        return numpy.floor(position_px + 0.5).astype(numpy.int64) - (size - 1) // 2
    return numpy.floor(position_px).astype(numpy.int64) - size // 2 + 1


def integrate_movie(
    movie: Movie,
    table: Table,
    settings: Settings,
    *,
    context: lumicrop.Context | None = None,
    chunk_bytes: int = CHUNK_BYTES,
    progress: Callable[[int], None] | None = None,
) -> MovieResult:
    """Count the photons of every detection of a table in its movie.

    Parameters
    ----------
    movie : Movie
        From `lumicrop.movies.open_movie`.
    table : Table
        From `lumicrop.tables.read_table`. Its rows may stand in any order.
    settings : Settings
        From `lumicrop.settings.resolve`.
    context : lumicrop.Context, optional
        Backend and threads; default: a context of its own, on a GPU when one works.
    chunk_bytes : int, default 32 MiB
        Bytes of frames to hold at a time; one frame is held in any case.
    progress : callable, optional
        Called with the number of detections done so far, after each chunk.

    Returns
    -------
    MovieResult

    Raises
    ------
    InputError
        The movie cannot be read, or the table is another movie's.
    lumicrop.Error
        The library refused or failed.
    """
    begun = time.perf_counter()
    context = context or lumicrop.Context()
    result = _place(movie, table, settings)
    columns = _fitted_columns(table, settings)
    channel = _channel_settings(settings)
    done = len(table) - int(result.integrated.sum())
    for rows, first, last in _chunks(movie, table, result.integrated, chunk_bytes):
        frames = movie.read(first, last)
        computing = time.perf_counter()
        counted = lumicrop.integrate(
            [lumicrop.Channel(frames, **channel)],
            frame=table.frame[rows] - first,
            X0=result.X0[rows],
            Y0=result.Y0[rows],
            origin=settings.origin.value,
            context=context,
            **{name: values[rows] for name, values in columns.items()},
        )
        result.seconds_computing += time.perf_counter() - computing
        result.photons[rows] = counted.photons
        result.background[rows] = counted.background * (settings.gain.value / settings.qe.value)
        result.psf_sum[rows] = counted.psf_sum
        result.denominator[rows] = counted.denominator
        result.flags[rows] = counted.flags
        result.n_frames_read += last - first
        done += len(rows)
        if progress is not None:
            progress(done)
    result.seconds = time.perf_counter() - begun
    return result


def _place(movie: Movie, table: Table, settings: Settings) -> MovieResult:
    """A result without photons yet: which detections have a crop, and where it begins."""
    n = len(table)
    if n == 0:
        raise InputError(f"{table.path}: the table has no rows")
    corner = 0.5 if settings.origin.value == "pixel_corner" else 0.0
    x = table.to_px(table.x, settings.pixel_nm.value) - corner
    y = table.to_px(table.y, settings.pixel_nm.value) - corner
    in_movie = (table.frame >= 0) & (table.frame < movie.shape[0])
    placed = (numpy.abs(x) < FARTHEST_PX) & (numpy.abs(y) < FARTHEST_PX)  # false for NaN
    if not in_movie.any():
        base = settings.first_frame.value
        raise InputError(
            f"{table.path}: no detection lies in {movie.path.name}: the movie's frames are {base} to "
            f"{movie.shape[0] - 1 + base}, the table's {table.frame.min() + base} to {table.frame.max() + base}"
        )
    height, width = settings.size.value
    nothing = numpy.full(n, numpy.nan)
    return MovieResult(
        photons=nothing,
        background=nothing.copy(),
        psf_sum=nothing.copy(),
        denominator=nothing.copy(),
        flags=numpy.select([~in_movie, ~placed], [lumicrop.Flag.BAD_INDEX, lumicrop.Flag.PARAMETER_NAN], 0).astype(
            numpy.uint32
        ),
        X0=crop_start(numpy.where(placed, x, 0.0), width),
        Y0=crop_start(numpy.where(placed, y, 0.0), height),
        integrated=in_movie & placed,
        n_outside_movie=int((~in_movie).sum()),
        n_without_position=int((in_movie & ~placed).sum()),
    )


def _chunks(
    movie: Movie, table: Table, integrated: numpy.ndarray, chunk_bytes: int
) -> Iterator[tuple[numpy.ndarray, int, int]]:
    """Rows of the table, and the frames ``first`` to ``last - 1`` that hold them, none more at either end."""
    rows = numpy.flatnonzero(integrated)
    rows = rows[numpy.argsort(table.frame[rows], kind="stable")]
    frames = table.frame[rows]
    frames_at_once = max(1, chunk_bytes // movie.frame_bytes)
    start = 0
    while start < len(rows):
        first = int(frames[start])
        stop = int(numpy.searchsorted(frames, first + frames_at_once))
        yield rows[start:stop], first, int(frames[stop - 1]) + 1
        start = stop


def _fitted_columns(table: Table, settings: Settings) -> dict[str, numpy.ndarray]:
    """The columns that the filter looks at, with the library's names, in nanometres and photons."""
    if settings.method.value == "sum":
        return {}
    pixel_nm = settings.pixel_nm.value
    # The table's photons may mean another quantum efficiency than this run's; the counts to subtract are the same.
    to_photons = 1.0 if table.qe is None else table.qe / settings.qe.value
    columns = {
        "x_fit": table.to_nm(table.x, pixel_nm),
        "y_fit": table.to_nm(table.y, pixel_nm),
        "os_fit": table.background * to_photons,
    }
    if settings.model.value == "spline":
        if table.z_nm is not None:
            columns["z_fit"] = table.z_nm
    elif settings.sigma.value == "table":
        sigma_x, sigma_y = table.to_nm(table.sigma_x, pixel_nm), table.to_nm(table.sigma_y, pixel_nm)
        if settings.model.value == "gauss":
            columns |= {"sigma_x_fit": sigma_x, "sigma_y_fit": sigma_y}
        else:
            columns["sigma_fit"] = numpy.sqrt(numpy.abs(sigma_x * sigma_y)) if table.has_two_widths else sigma_x
    return columns


def _channel_settings(settings: Settings) -> dict[str, Any]:
    channel = {
        "method": settings.method.value,
        "crop_shape": settings.size.value,
        "pixel_nm": numpy.nan if settings.pixel_nm.value is None else settings.pixel_nm.value,
        "gain": settings.gain.value,
        "qe": settings.qe.value,
        "camera_offset": settings.offset.value,
        "padding": settings.padding.value,
    }
    if settings.model.value is not None:
        channel["model"] = settings.model.value
    if settings.model.value == "spline":
        channel["spline"] = read_spline(settings.spline.value)
    elif settings.sigma.value not in (None, "table"):
        names = ("psf_sigma_nm",) if settings.model.value == "isogauss" else ("psf_sigma_x_nm", "psf_sigma_y_nm")
        channel |= dict.fromkeys(names, settings.sigma.value)
    if settings.model.value == "gauss":
        channel["psf_theta_deg"] = settings.psf_angle_deg.value
    return channel


def read_spline(path: Path) -> Any:
    """A measured PSF for ``model="spline"``.

    Parameters
    ----------
    path : pathlib.Path
        ``.npz`` with knots ``tx``, ``ty``, ``tz`` [nm] and ``coefficients``, shape
        ``(len(tz) - 4, len(ty) - 4, len(tx) - 4)``.

    Returns
    -------
    lumicrop.Spline

    Raises
    ------
    InputError
        The file is not such an archive.
    """
    try:
        with numpy.load(path, allow_pickle=False) as archive:
            return lumicrop.Spline(*(archive[name] for name in ("tx", "ty", "tz", "coefficients")))
    except KeyError as error:
        raise InputError(f"{path}: the array {error} is missing; expected tx, ty, tz and coefficients") from None
    except (ValueError, EOFError, AttributeError, TypeError) as error:
        if isinstance(error, lumicrop.Error):
            raise
        raise InputError(f"{path}: this is not an .npz archive of arrays") from None
