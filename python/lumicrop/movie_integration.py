"""Photons of every detection of a movie: frames are read, counted and written a part at a time, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field

import numpy

import lumicrop

from ._native import OUTPUTS
from .background_settings import background_kind
from .background_threads import ROWS_AT_ONCE, ReadAhead, WriteBehind
from .channel_of_settings import channel_settings, is_plain
from .crop_window import crop_start, neighbours_within
from .detections import Detections, detections_of
from .input_error import InputError
from .methods import ANNULI, DETAILS
from .movies import Movie, open_movie
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
    "too few pixels that are not masked",
    "no pixel left for the background",
)
(_NO_FRAME, _NO_POSITION, _OUTSIDE, _PARAMETER_NAN, _DATA_NAN, _NO_PSF, _MASKED, _NO_BACKGROUND) = range(
    1, len(REASONS)
)


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
    details : dict of str to numpy.ndarray
        What the settings ask for besides, by the names of `lumicrop.methods.DETAILS`; NaN (or 0) where there was no
        crop.
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
    details: dict[str, numpy.ndarray] = field(default_factory=dict)
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
        *(
            AddedColumn(f"lumicrop_{name}", DETAILS[name].unit, numpy.dtype(DETAILS[name].type))
            for name in settings.details.value or ()
        ),
        AddedColumn("lumicrop_neighbours", "", numpy.dtype(numpy.uint16)),
        AddedColumn("lumicrop_flags", "", numpy.dtype(numpy.uint32)),
        AddedColumn("lumicrop_reason", "", numpy.dtype(numpy.uint8), REASONS),
    )


def added_values(result: MovieResult, columns: tuple[AddedColumn, ...], rows: slice) -> Mapping[str, numpy.ndarray]:
    """The values of the added columns for some rows."""
    names = {column.name: column.name.removeprefix("lumicrop_") for column in columns}
    return {
        column: (result.details[name] if name in result.details else getattr(result, name))[rows]
        for column, name in names.items()
    }


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
        background = _background_of_each_frame(settings)
        parts = _Parts(movie, result, chunk_bytes, None if background is None else stack.enter_context(background))
        if begin_writing is not None:
            writer = stack.enter_context(begin_writing())
            behind = stack.enter_context(
                WriteBehind(writer, lambda start, stop: added_values(result, columns, slice(start, stop)), len(table))
            )
        count = _Counting(settings, result, context, stack.enter_context(_one_thread(context)))
        ahead = stack.enter_context(ReadAhead(parts.read(), depth=2 if parts.are_small else 1))
        without_crop, finished = len(table) - parts.n_rows, 0
        for number, (rows, first, frames, background) in enumerate(ahead):
            done = parts.stops[number]
            count(rows, first, frames, background, in_a_hurry=ahead.is_ahead or done == parts.n_rows)
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

    def __init__(self, movie: Movie, result: MovieResult, chunk_bytes: int, background: Movie | None = None) -> None:
        self._movie, self._background = movie, background
        frame = result.detections.frame
        rows = numpy.flatnonzero(result.integrated)
        frames = frame[rows]
        if not (numpy.diff(frames) >= 0).all():
            order = numpy.argsort(frames, kind="stable")
            rows, frames = rows[order], frames[order]
        self.n_rows = len(rows)
        frame_bytes = movie.frame_bytes + (0 if background is None else _real_bytes(background))
        self.are_small = movie.block_frames * frame_bytes <= chunk_bytes
        self._spans = list(_spans(frames, movie.block_frames, max(1, chunk_bytes // frame_bytes)))
        self.rows = rows
        self.stops = [stop for _, stop, _, _ in self._spans]
        # The part with which a row is done; those without a crop are done from the beginning.
        part_of_row = numpy.full(len(frame), -1, numpy.int64)
        for number, (start, stop, _, _) in enumerate(self._spans):
            part_of_row[rows[start:stop]] = number
        self._last_part_before = numpy.maximum.accumulate(part_of_row)

    def read(self) -> Iterator[tuple[numpy.ndarray | slice, int, numpy.ndarray, numpy.ndarray | None]]:
        """Rows of the table, the number of the first frame that holds them, the frames, and the background of each."""
        for start, stop, first, last in self._spans:
            rows = self.rows[start:stop]
            whole = rows[-1] - rows[0] + 1 == len(rows) and (numpy.diff(rows) == 1).all()
            background = None if self._background is None else self._background.read(first, last)
            where = slice(int(rows[0]), int(rows[-1]) + 1) if whole else rows
            yield where, first, self._movie.read(first, last), background

    def finished_rows(self, number: int) -> int:
        """How many of the table's first rows are done once part `number` is."""
        return int(numpy.searchsorted(self._last_part_before, number, side="right"))


def _spans(frames: numpy.ndarray, block: int, most: int) -> Iterator[tuple[int, int, int, int]]:
    """``start:stop`` of the sorted rows, and the frames ``first:last`` that hold them, none more at either end.

    Parts have at most `most` frames, but those of a movie that is stored in blocks end where a block ends, so that no
    block is decoded twice.
    """
    at_once = max(1, most // block) * block
    start = 0
    while start < len(frames):
        first = int(frames[start])
        end = (first // block) * block + at_once
        stop = int(numpy.searchsorted(frames, end))
        yield start, stop, first, int(frames[stop - 1]) + 1
        start = stop


def _background_of_each_frame(settings: Settings) -> Movie | None:
    """A map of many frames, opened again, to be read beside the movie."""
    given = settings.background_map.value
    return None if given is None or given.values is not None else open_movie(given.source)


def _real_bytes(background: Movie) -> int:
    """Bytes of one frame of a background as it is read, and as the library takes whole numbers besides."""
    n_pixels = background.shape[1] * background.shape[2]
    return background.frame_bytes + (0 if background.dtype.kind == "f" else 8 * n_pixels)


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
        self._details = settings.details.value or ()
        self._has_annulus = background_kind(settings.background.value) in ANNULI
        self._is_plain = not self._details and is_plain(settings)
        self._outputs = (*OUTPUTS, *self._details, *(() if self._is_plain else ("background_photons",)))

    def __call__(
        self,
        rows: numpy.ndarray | slice,
        first: int,
        frames: numpy.ndarray,
        background: numpy.ndarray | None,
        in_a_hurry: bool,
    ) -> None:
        result, detections, settings = self._result, self._result.detections, self._settings
        columns = {name: values[rows] for name, values in detections.columns.items()}
        channel = self._channel if background is None else self._channel | {"background_map": background}
        begun = time.perf_counter()
        counted = lumicrop.integrate(
            [lumicrop.Channel(frames, **channel)],
            frame=detections.frame[rows] - first,
            X0=result.X0[rows],
            Y0=result.Y0[rows],
            origin=settings.origin.value,
            outputs=self._outputs,
            context=self._context if in_a_hurry else self._one_thread,
            **columns,
        )
        result.seconds_computing += time.perf_counter() - begun
        result.photons[rows] = numpy.where(numpy.isfinite(counted.photons), counted.photons, numpy.nan)
        if self._is_plain:
            result.background[rows] = counted.background * (settings.gain.value / settings.qe.value)
        else:
            result.background[rows] = counted.background_photons
        for name in self._details:
            result.details[name][rows] = getattr(counted, name)
        result.psf_sum[rows] = counted.psf_sum
        result.denominator[rows] = counted.denominator
        result.flags[rows] = counted.flags
        result.reason[rows] = _reasons(counted.photons, counted.flags, columns, self._has_annulus)
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


def _reasons(
    photons: numpy.ndarray, flags: numpy.ndarray, fitted: Mapping[str, numpy.ndarray], has_annulus: bool
) -> numpy.ndarray:
    """Why the library gave no number; infinite photons, of an infinite pixel or background, count as none."""
    counted = numpy.isfinite(photons)
    if counted.all():
        return numpy.zeros(len(photons), numpy.uint8)
    all_finite = numpy.logical_and.reduce([numpy.isfinite(values) for values in fitted.values()] or [counted | True])
    in_data = (flags & lumicrop.Flag.DATA_NOT_FINITE) != 0
    masked = (flags & lumicrop.Flag.MASKED) != 0
    no_background = ((flags & lumicrop.Flag.NO_BORDER) != 0) & has_annulus  # without a border it is 0
    words = numpy.select(
        [counted, in_data, ~all_finite, no_background, masked],
        [0, _DATA_NAN, _PARAMETER_NAN, _NO_BACKGROUND, _MASKED],
        _NO_PSF,
    )
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
        details={
            name: numpy.zeros(n, numpy.uint32) if DETAILS[name].type == "uint32" else numpy.full(n, numpy.nan)
            for name in settings.details.value or ()
        },
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
