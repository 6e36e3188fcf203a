"""Photons of every detection of a movie: frames are read, counted and written a part at a time, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

import lumicrop

from .background_threads import ROWS_AT_ONCE, ReadAhead, WriteBehind
from .crop_window import crop_start, neighbours_within
from .detections import Detections, detections_of
from .input_error import InputError
from .movies import Movie
from .settings import Settings
from .tables import AddedColumn, Table, TableWriter
from .tables.table import FARTHEST_PX

#: Bytes of frames that are read at a time; up to five such parts are held. Twice as many, and the allocator would give
#: back each one to the system and ask for it anew, page by page: half the time of reading.
CHUNK_BYTES = 16 << 20

#: Why a detection has no photons; the first is for those that have. The numbers are those of the column.
REASONS = (
    "",
    "frame not in the movie",
    "no position",
    "position outside the frame",
    "fitted value is not a number",
    "pixel is not a number",
    "no PSF within the crop",
)
_NO_FRAME, _NO_POSITION, _OUTSIDE, _PARAMETER_NAN, _DATA_NAN, _NO_PSF = range(1, len(REASONS))


@dataclass
class MovieResult:
    """What was counted, one value per row of the table, in its order.

    Attributes
    ----------
    detections : Detections
        Positions, frames and widths as they were used.
    photons : numpy.ndarray
        Photons [photon], float64; NaN where `reason` says why.
    background : numpy.ndarray
        Background that was subtracted from each pixel [photon/px], float64.
    psf_sum, denominator : numpy.ndarray
        Sum of the PSF of unit amplitude over the crop, and sum of the squared normalised PSF, float64; NaN for ``sum``.
    neighbours : numpy.ndarray
        Other detections of the frame whose centre lies within this one's crop (closer than half its size along both
        axes), uint16.
    flags : numpy.ndarray
        Bits of `lumicrop.Flag`, uint32; here also ``BAD_INDEX``: the frame is not in the movie, ``PARAMETER_NAN``:
        no usable position, and ``CENTRE_OUTSIDE``: the position lies outside the frame.
    reason : numpy.ndarray
        Why there are no photons: an index into `REASONS`, uint8; 0 where there are.
    X0, Y0 : numpy.ndarray
        Column and row of each crop's first pixel [px], int64; 0 where there is no crop.
    integrated : numpy.ndarray
        True for detections that had a crop, bool.
    n_frames_read : int
        Frames that were read.
    seconds, seconds_computing : float
        Time [s] of everything, and of the library alone.
    """

    detections: Detections
    photons: numpy.ndarray
    background: numpy.ndarray
    psf_sum: numpy.ndarray
    denominator: numpy.ndarray
    neighbours: numpy.ndarray
    flags: numpy.ndarray
    reason: numpy.ndarray
    X0: numpy.ndarray
    Y0: numpy.ndarray
    integrated: numpy.ndarray
    n_frames_read: int = 0
    seconds: float = 0.0
    seconds_computing: float = 0.0

    def reasons(self) -> dict[str, int]:
        """How many detections have no photons, by reason; reasons that no detection has are left out."""
        counts = numpy.bincount(self.reason, minlength=len(REASONS))
        return {REASONS[index]: int(counts[index]) for index in range(1, len(REASONS)) if counts[index]}

    def refuse_reasons(self, table: Table, settings: Settings) -> None:
        """Raise for the first detection that has no photons (``--strict``).

        Raises
        ------
        InputError
            Names the row and the reason.
        """
        rows = numpy.flatnonzero(self.reason)
        if rows.size:
            row, index = int(rows[0]), int(self.reason[rows[0]])
            more = f"; so it is for {rows.size:,} rows of {len(table):,} in all" if rows.size > 1 else ""
            where = (
                f" (frame {self.detections.frame[row] + settings.first_frame.value})"
                if index == _NO_FRAME and table.has_frame[row]
                else ""
            )
            raise InputError(f"{table.path}: row {row + 1}: {REASONS[index]}{where}{more}; --strict refuses such rows")


def added_columns(settings: Settings) -> tuple[AddedColumn, ...]:
    """The columns that a table gets, in order."""
    real = numpy.dtype(numpy.float64)
    of_the_filter = (AddedColumn("lumicrop_psf_sum", "", real), AddedColumn("lumicrop_denominator", "", real))
    return (
        AddedColumn("lumicrop_photons", "photon", real),
        AddedColumn("lumicrop_background", "photon", real),
        *(of_the_filter if settings.method.value == "filter" else ()),
        AddedColumn("lumicrop_neighbours", "", numpy.dtype(numpy.uint16)),
        AddedColumn("lumicrop_flags", "", numpy.dtype(numpy.uint32)),
        AddedColumn("lumicrop_reason", "", numpy.dtype(numpy.uint8), REASONS),
    )


def added_values(result: MovieResult, columns: tuple[AddedColumn, ...], rows: slice) -> Mapping[str, numpy.ndarray]:
    """The values of the added columns for some rows."""
    return {column.name: getattr(result, column.name.removeprefix("lumicrop_"))[rows] for column in columns}


def count_movie(
    movie: Movie,
    table: Table,
    settings: Settings,
    *,
    context: lumicrop.Context | None = None,
    chunk_bytes: int = CHUNK_BYTES,
    strict: bool = False,
    progress: Callable[[int], None] | None = None,
    begin_writing: Callable[[], TableWriter] | None = None,
) -> MovieResult:
    """Count the photons of every detection of a table in its movie.

    Frames are read on one thread and rows are written on another, while this one computes.

    Parameters
    ----------
    movie : Movie
        From `lumicrop.open_movie`.
    table : Table
        From `lumicrop.read_table`. Its rows may stand in any order.
    settings : Settings
        From `lumicrop.settings.resolve`.
    context : lumicrop.Context, optional
        Backend and threads; default: a context of its own, on a GPU when one works.
    chunk_bytes : int, default 16 MiB
        Bytes of frames to read at a time; one frame, or one block of a movie that is stored in blocks, is read in any case.
    strict : bool, default False
        Refuse a table with a row that cannot have photons.
    progress : callable, optional
        Called with the number of detections done so far, after each part.
    begin_writing : callable, optional
        Makes the writer that is given `added_columns`, row after row, as they are done; called once the input is known
        to be good.

    Returns
    -------
    MovieResult

    Raises
    ------
    InputError
        The movie cannot be read, or the table is another movie's.
    lumicrop.Error
        The library refused or failed.
    OSError
        The output cannot be written.
    """
    begun = time.perf_counter()
    result = _place(movie, table, settings)
    if strict:
        result.refuse_reasons(table, settings)
    columns = added_columns(settings)
    with ExitStack() as stack:
        if context is None:
            context = stack.enter_context(lumicrop.Context())
        parts = _Parts(movie, result, chunk_bytes)
        if begin_writing is not None:
            writer = stack.enter_context(begin_writing())
            behind = stack.enter_context(
                WriteBehind(writer, lambda start, stop: added_values(result, columns, slice(start, stop)), len(table))
            )
        count = _Counting(settings, result, context, stack.enter_context(_one_thread(context)))
        ahead = stack.enter_context(ReadAhead(parts.read(), depth=2 if parts.are_small else 1))
        without_crop, finished = len(table) - parts.n_rows, 0
        for number, (rows, first, frames) in enumerate(ahead):
            done = parts.stops[number]
            count(rows, first, frames, in_a_hurry=ahead.is_ahead or done == parts.n_rows)
            if done - finished >= ROWS_AT_ONCE or done == parts.n_rows:
                count_neighbours(result, parts.rows[finished:done], settings.size.value)
                finished = done
                if begin_writing is not None and not strict:
                    behind.advance(parts.finished_rows(number))
            if progress is not None:
                progress(without_crop + done)
        if strict:
            result.refuse_reasons(table, settings)
    result.seconds = time.perf_counter() - begun
    return result


class _Parts:
    """The movie in parts that fit into memory, and which rows of the table each part holds.

    Attributes
    ----------
    rows : numpy.ndarray
        Rows of the table that have a crop, sorted by frame.
    n_rows : int
        How many they are.
    stops : list of int
        How many of `rows` are done after each part.
    are_small : bool
        False where one block of the movie is more than a part should hold.
    """

    def __init__(self, movie: Movie, result: MovieResult, chunk_bytes: int) -> None:
        self._movie = movie
        frame = result.detections.frame
        rows = numpy.flatnonzero(result.integrated)
        frames = frame[rows]
        if not (numpy.diff(frames) >= 0).all():
            order = numpy.argsort(frames, kind="stable")
            rows, frames = rows[order], frames[order]
        self.n_rows = len(rows)
        self.are_small = movie.block_frames * movie.frame_bytes <= chunk_bytes
        self._spans = list(_spans(frames, movie, chunk_bytes))
        self.rows = rows
        self.stops = [stop for _, stop, _, _ in self._spans]
        # The part with which a row is done; those without a crop are done from the beginning.
        part_of_row = numpy.full(len(frame), -1, numpy.int64)
        for number, (start, stop, _, _) in enumerate(self._spans):
            part_of_row[rows[start:stop]] = number
        self._last_part_before = numpy.maximum.accumulate(part_of_row)

    def read(self) -> Iterator[tuple[numpy.ndarray | slice, int, numpy.ndarray]]:
        """Rows of the table, the number of the first frame that holds them, and the frames."""
        for start, stop, first, last in self._spans:
            rows = self.rows[start:stop]
            whole = rows[-1] - rows[0] + 1 == len(rows) and (numpy.diff(rows) == 1).all()
            yield slice(int(rows[0]), int(rows[-1]) + 1) if whole else rows, first, self._movie.read(first, last)

    def finished_rows(self, number: int) -> int:
        """How many of the table's first rows are done once part `number` is."""
        return int(numpy.searchsorted(self._last_part_before, number, side="right"))


def _spans(frames: numpy.ndarray, movie: Movie, chunk_bytes: int) -> Iterator[tuple[int, int, int, int]]:
    """``start:stop`` of the sorted rows, and the frames ``first:last`` that hold them, none more at either end.

    Parts of a movie that is stored in blocks end where a block ends, so that no block is decoded twice.
    """
    block = movie.block_frames
    at_once = max(1, chunk_bytes // movie.frame_bytes // block) * block
    start = 0
    while start < len(frames):
        first = int(frames[start])
        end = (first // block) * block + at_once
        stop = int(numpy.searchsorted(frames, end))
        yield start, stop, first, int(frames[stop - 1]) + 1
        start = stop


def _one_thread(context: lumicrop.Context) -> AbstractContextManager[lumicrop.Context]:
    """The same backend on one thread, for as long as reading is what takes time.

    OpenMP's other threads wait for their next work by keeping their processors busy, which the reader needs. The
    number of threads changes no bit of a result.
    """
    if context.info.backend != "cpu" or context.info.threads == 1:
        return nullcontext(context)
    return lumicrop.Context(backend="cpu", threads=1, instruction_set=context.info.instruction_set)


class _Counting:
    """Counts the rows of one part after the other."""

    def __init__(
        self, settings: Settings, result: MovieResult, context: lumicrop.Context, one_thread: lumicrop.Context
    ) -> None:
        self._settings, self._result, self._context, self._one_thread = settings, result, context, one_thread
        self._channel = channel_settings(settings)
        self._to_photons = settings.gain.value / settings.qe.value

    def __call__(self, rows: numpy.ndarray | slice, first: int, frames: numpy.ndarray, in_a_hurry: bool) -> None:
        result, detections, settings = self._result, self._result.detections, self._settings
        columns = {name: values[rows] for name, values in detections.columns.items()}
        begun = time.perf_counter()
        counted = lumicrop.integrate(
            [lumicrop.Channel(frames, **self._channel)],
            frame=detections.frame[rows] - first,
            X0=result.X0[rows],
            Y0=result.Y0[rows],
            origin=settings.origin.value,
            context=self._context if in_a_hurry else self._one_thread,
            **columns,
        )
        result.seconds_computing += time.perf_counter() - begun
        result.photons[rows] = numpy.where(numpy.isfinite(counted.photons), counted.photons, numpy.nan)
        result.background[rows] = counted.background * self._to_photons
        result.psf_sum[rows] = counted.psf_sum
        result.denominator[rows] = counted.denominator
        result.flags[rows] = counted.flags
        result.reason[rows] = _reasons(counted.photons, counted.flags, columns)
        result.n_frames_read += len(frames)


def count_neighbours(result: MovieResult, rows: numpy.ndarray, size: tuple[int, int]) -> None:
    """The neighbours of some rows: all of their frames' that have a crop of `size` pixels.

    Many frames are taken together: what this does once a call would keep the reader from Python's lock if it were done for
    every part.
    """
    detections = result.detections
    result.neighbours[rows] = neighbours_within(
        detections.frame[rows], detections.x_px[rows], detections.y_px[rows], size
    )


def _reasons(photons: numpy.ndarray, flags: numpy.ndarray, fitted: Mapping[str, numpy.ndarray]) -> numpy.ndarray:
    """Why the library gave no number; infinite photons, of an infinite pixel or background, count as none."""
    counted = numpy.isfinite(photons)
    if counted.all():
        return numpy.zeros(len(photons), numpy.uint8)
    all_finite = numpy.logical_and.reduce([numpy.isfinite(values) for values in fitted.values()] or [counted | True])
    in_data = (flags & lumicrop.Flag.DATA_NOT_FINITE) != 0
    words = numpy.select([counted, in_data, ~all_finite], [0, _DATA_NAN, _PARAMETER_NAN], _NO_PSF)
    return words.astype(numpy.uint8)


def _place(movie: Movie, table: Table, settings: Settings) -> MovieResult:
    """A result without photons yet: which detections have a crop, and where it begins."""
    n = len(table)
    if n == 0:
        raise InputError(f"{table.path}: the table has no rows")
    detections = detections_of(table, settings)
    n_frames, height, width = movie.shape
    x, y = detections.x_px, detections.y_px
    in_movie = (detections.frame >= 0) & (detections.frame < n_frames)
    placed = (numpy.abs(x) < FARTHEST_PX) & (numpy.abs(y) < FARTHEST_PX)  # false for NaN
    within = placed & (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    _refuse_another_movie(movie, table, settings, detections, in_movie, placed, within)
    rows, columns = settings.size.value
    flag = lumicrop.Flag
    nothing = numpy.full(n, numpy.nan)
    cases = [~in_movie, ~placed, ~within]
    return MovieResult(
        detections=detections,
        photons=nothing,
        background=nothing.copy(),
        psf_sum=nothing.copy(),
        denominator=nothing.copy(),
        neighbours=numpy.zeros(n, numpy.uint16),
        flags=numpy.select(cases, [flag.BAD_INDEX, flag.PARAMETER_NAN, flag.CENTRE_OUTSIDE], 0).astype(numpy.uint32),
        reason=numpy.select(cases, [_NO_FRAME, _NO_POSITION, _OUTSIDE], 0).astype(numpy.uint8),
        X0=crop_start(numpy.where(within, x, 0.0), columns),
        Y0=crop_start(numpy.where(within, y, 0.0), rows),
        integrated=in_movie & within,
    )


def _refuse_another_movie(movie: Movie, table: Table, settings: Settings, detections: Detections,
                          in_movie: numpy.ndarray, placed: numpy.ndarray, within: numpy.ndarray) -> None:  # fmt: skip
    """A table of which nothing lies in the movie belongs to another one, or is read wrongly."""
    if not in_movie.any():
        base = settings.first_frame.value
        frames = detections.frame[table.has_frame]
        found = f"the table's {frames.min() + base} to {frames.max() + base}" if frames.size else "the table has none"
        raise InputError(
            f"{table.path}: no detection lies in {movie.path.name}: the movie's frames are {base} to "
            f"{movie.shape[0] - 1 + base}, {found}"
        )
    if placed.any() and not within.any():
        x, y = detections.x_px[placed], detections.y_px[placed]
        raise InputError(
            f"{table.path}: no detection lies in {movie.path.name}: the movie is {movie.shape[2]} x {movie.shape[1]} px "
            f"wide and high, the table's positions are {x.min():.6g} to {x.max():.6g} and {y.min():.6g} to {y.max():.6g} px"
        )


def channel_settings(settings: Settings) -> dict[str, Any]:
    """The settings as arguments of `lumicrop.Channel`."""
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
    if settings.psf_angle_deg.value not in (None, "table"):
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
