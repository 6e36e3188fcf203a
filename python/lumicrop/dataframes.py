"""A movie and a table in, a data frame out: what the command does, for notebooks and programs."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy
import pandas

from ._context import Context
from .camera import check_camera_of
from .input_error import InputError
from .input_files import refuse_pipe
from .movie_integration import CHUNK_BYTES, added_columns, added_values, count_movie
from .movies import Movie, open_movie, split_name
from .placement import check_table
from .request import Request
from .settings import resolve
from .tables import Table, read_table


class PlacementWarning(UserWarning):
    """A table's positions do not lie on the movie's light."""


class CameraWarning(UserWarning):
    """A movie's noise contradicts the gain that its photons are counted with."""


def integrate_movie(
    movie: Any,
    table: str | Path | pandas.DataFrame | Table,
    *,
    method: str | None = None,
    model: str | None = None,
    size: int | tuple[int, int] | None = None,
    pixel_nm: float | tuple[float, float] | None = None,
    gain: float | None = None,
    offset: float | None = None,
    qe: float | None = None,
    sigma_nm: float | None = None,
    background: float | None = None,
    spline: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    unit: str | None = None,
    origin: str | None = None,
    first_pixel_at: float | None = None,
    first_frame: int | None = None,
    swap_xy: bool = False,
    padding: str | None = None,
    strict: bool = False,
    check_origin: bool = True,
    check_camera: bool = True,
    context: Context | None = None,
    chunk_bytes: int = CHUNK_BYTES,
    progress: Callable[[int], None] | None = None,
) -> pandas.DataFrame:
    """Count the photons of every detection of a table in its movie.

    What is not given is taken from the files' metadata; what neither states is assumed as ``lumicrop inspect`` shows, or
    asked for by an error. Frames are read a part at a time, while others are counted: a movie may be larger than memory.

    Parameters
    ----------
    movie : str, pathlib.Path, Movie, or array
        Whatever `open_movie` reads; or an array of shape (n_frames, height, width) or (height, width): NumPy's, Dask's,
        whose blocks are read one at a time, or zarr's.
    table : str, pathlib.Path, pandas.DataFrame or Table
        Whatever `read_table` reads. A data frame needs `columns`, `unit`, `origin` and `first_frame`.
    method : {"filter", "sum"}, default "filter"
        Projection on the fitted PSF, or the sum over the border's median.
    model : {"isogauss", "gauss", "spline"}, optional
        PSF of the filter; default: ``"gauss"`` where the table has two widths, else ``"isogauss"``.
    size : int or tuple of int, optional
        Rows and columns of a crop [px]; default: 2 ceil(3 sigma) + 1, at least 5.
    pixel_nm : float or tuple of float, optional
        Pixel size [nm]; a pair is (y, x).
    gain : float, optional
        [e-/ADU]; default: the metadata's, else 1.
    offset : float, optional
        Camera offset [ADU]; default: the metadata's, else 0.
    qe : float, optional
        Quantum efficiency; default: 1.
    sigma_nm : float, optional
        Width of the PSF [nm] for every detection; default: the table's widths.
    background : float, optional
        Background [photon/px] for every detection of the filter; default: the table's column.
    spline : str or pathlib.Path, optional
        Measured PSF: ``.npz`` with ``tx``, ``ty``, ``tz`` [nm] and ``coefficients``; implies ``model="spline"``.
    columns, unit, first_pixel_at
        How a table of no known program is read, see `read_table`.
    origin : {"first_pixel", "pixel_corner"}, optional
        What position 0 is; default: the table's format.
    first_frame : int, optional
        Number of the movie's first frame in the table; default: the table's format.
    swap_xy : bool, default False
        Take the table's x for y and its y for x.
    padding : {"geometry", "zeros", "none"}, default "geometry"
        Pixels of a crop that are no data.
    strict : bool, default False
        Refuse a table with a row that cannot have photons.
    check_origin : bool, default True
        Warn (`PlacementWarning`) where the positions do not lie on the movie's light.
    check_camera : bool, default True
        Warn (`CameraWarning`) where the movie's noise contradicts the gain.
    context : Context, optional
        Backend and threads; default: one of its own, on a GPU when one works.
    chunk_bytes : int, default 16 MiB
        Bytes of frames to read at a time.
    progress : callable, optional
        Called with the number of detections done so far.

    Returns
    -------
    pandas.DataFrame
        Every column of the table, in its order of rows, and ``lumicrop_photons`` [photon], ``lumicrop_background``
        [photon/px], ``lumicrop_psf_sum`` and ``lumicrop_denominator`` (filter), ``lumicrop_neighbours``,
        ``lumicrop_flags`` and ``lumicrop_reason`` (why there are no photons; empty where there are). Attribute
        ``attrs["lumicrop"]``: the settings that were used, as ``{name: {"value", "source", "assumed"}}``.

    Raises
    ------
    InputError
        A file cannot be read, sources disagree, or a value is needed that nobody states: one sentence says what to do.
    OSError
        A file cannot be opened.
    Error
        The library refused or failed.

    Examples
    --------
    >>> photons = lumicrop.integrate_movie("movie.tif", "locs.csv", pixel_nm=100, gain=0.48, offset=131)
    >>> photons["lumicrop_photons"].median()
    """
    from .run_summary import describe_settings

    if size is not None:
        size = _pair("size", size, operator.index)
    if pixel_nm is not None:
        pixel_nm = _pair("pixel_nm", pixel_nm, float)
    request = Request(
        method=method, model=model, size=size, pixel_nm=pixel_nm, gain=gain, offset=offset, qe=qe, sigma_nm=sigma_nm,
        background=background, origin=origin, first_frame=first_frame, swap_xy=swap_xy or None, padding=padding, spline=spline,
    )  # fmt: skip
    for source, what in ((movie, "movie"), (table, "table")):
        if isinstance(source, (str, Path)):
            refuse_pipe(split_name(source)[0], what)
    opened = open_movie(movie)
    try:
        table = read_table(
            table, columns, unit=unit, origin=origin, first_frame=first_frame, first_pixel_at=first_pixel_at
        )
        table.refuse_second_run()
        settings = resolve(request, opened, table)
        if check_origin:
            for warning in check_table(opened, table, settings).warnings:
                warnings.warn(warning, PlacementWarning, stacklevel=2)
        if check_camera:
            for warning in check_camera_of(opened, table, settings).warnings:
                warnings.warn(warning, CameraWarning, stacklevel=2)
        result = count_movie(
            opened, table, settings, context=context, chunk_bytes=chunk_bytes, strict=strict, progress=progress
        )
    finally:
        if not isinstance(movie, Movie):
            opened.close()
    data = table.data()
    added = added_columns(settings)
    values = added_values(result, added, slice(None))
    new = {
        column.name: pandas.Categorical.from_codes(values[column.name], list(column.words)) if column.words else values[column.name]
        for column in added
    }  # fmt: skip
    data = pandas.concat([data, pandas.DataFrame(new, index=data.index)], axis=1)
    data.attrs["lumicrop"] = describe_settings(settings)
    return data


def _pair(name: str, value: Any, number: Callable[[Any], Any]) -> tuple[Any, Any]:
    """(y, x), of one number or two."""
    try:
        y, x = (value, value) if numpy.ndim(value) == 0 else value
        return number(y), number(x)
    except (TypeError, ValueError):
        raise InputError(f"{name} is {value!r}, expected a number or a pair (y, x)") from None
