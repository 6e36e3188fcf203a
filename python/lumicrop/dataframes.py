"""A movie and a table in, a data frame out: what the command does, for notebooks and programs."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Mapping, Sequence
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
    em_gain: float | None = None,
    offset: float | None = None,
    read_noise: float | None = None,
    qe: float | None = None,
    saturation: float | None = None,
    aperture_px: float | None = None,
    aperture_y_px: float | None = None,
    aperture_theta_deg: float | None = None,
    annulus_inner_px: float | None = None,
    annulus_outer_px: float | None = None,
    neighbour_radius_px: float | None = None,
    offset_map: Any = None,
    gain_map: Any = None,
    read_variance_map: Any = None,
    bad_pixels: Any = None,
    sigma_nm: float | None = None,
    background: float | str | None = None,
    background_map: Any = None,
    spline: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    unit: str | None = None,
    origin: str | None = None,
    first_pixel_at: float | None = None,
    first_frame: int | None = None,
    swap_xy: bool = False,
    padding: str | None = None,
    details: str | Sequence[str] | None = None,
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
    method : {"filter", "sum", "joint", "optimal", "mle"}, default "filter"
        Projection on the fitted PSF; sum of the pixels above the background; photons and background by least squares,
        by least squares weighted by the pixels' noise, or by the maximum of the likelihood: see `Channel`.
    model : {"isogauss", "gauss", "spline"}, optional
        PSF of all methods but ``"sum"``; default: ``"gauss"`` where the table has two widths, else ``"isogauss"``.
    size : int or tuple of int, optional
        Rows and columns of a crop [px]; default: 2 ceil(3 sigma) + 1, at least 5.
    pixel_nm : float or tuple of float, optional
        Pixel size [nm]; a pair is (y, x).
    gain : float, optional
        [e-/ADU], with `em_gain` before multiplication, without it behind; default: the metadata's, else 1.
    em_gain : float, optional
        Mean multiplication of electrons, at least 1, by which `gain` is divided; default, where noise matters: the
        metadata's, else 1.
    offset : float, optional
        Camera offset [ADU]; default: the metadata's, else 0.
    read_noise : float, optional
        Standard deviation of the read-out [e-], after multiplication; default: 0.
    qe : float, optional
        Quantum efficiency; default: 1.
    saturation : float, optional
        Raw counts [ADU] from which a pixel is saturated, which is flagged; default: none is.
    aperture_px, aperture_y_px, aperture_theta_deg : float, optional
        Of ``method="aperture"``: its radius [px], or semi-axes [px] along its own x and y axes and their angle [degrees].
    annulus_inner_px, annulus_outer_px, neighbour_radius_px : float, optional
        Of a background on an annulus: radii [px] of the ring, and how near other detections may be to its pixels; see `Channel`.
    offset_map, gain_map, read_variance_map : str, pathlib.Path or array_like of float, shape (height, width), optional
        Of each pixel [ADU], [e-/ADU] before multiplication, [e-^2], instead of `offset`, `gain` and `read_noise`: an
        ``.npy`` or TIFF file, or an array. NaN masks its pixel.
    bad_pixels : str, pathlib.Path or array_like of bool or int, shape (height, width), optional
        Not 0 masks the pixel.
    sigma_nm : float, optional
        Width of the PSF [nm] for every detection; default: the table's widths.
    background : float or str, optional
        A background [photon/px] for every detection, or how it is found, see `Channel`; default: ``"column"`` (the
        table's) for ``"filter"``, ``"border_median"`` for ``"sum"``, else ``"fitted"``.
    background_map : str, pathlib.Path or array, shape (height, width) or (n_frames, height, width), optional
        Background of each pixel [photon/px]; implies ``background="map"``. One of each frame is read a part at a time.
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
    details : str or sequence of str, optional
        Columns to add besides, see `Result`: ``"photons_sigma"``, ``"background_sigma"``, ``"chi2"``,
        ``"log_likelihood_ratio"``, ``"enclosed"``, ``"photons_total"``, ``"background_pixels"``, ``"iterations"``; or
        ``"all"`` that the method tells. Default: ``"photons_sigma"`` for ``"joint"``, ``"optimal"`` and ``"mle"``,
        which always have it; else none.
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
        [photon/px], ``lumicrop_psf_sum`` and ``lumicrop_denominator`` (filter), ``lumicrop_`` and the name of each of
        `details`, ``lumicrop_neighbours``, ``lumicrop_flags`` and ``lumicrop_reason`` (why there are no photons;
        empty where there are). Attribute ``attrs["lumicrop"]``: the settings that were used, as ``{name: {"value",
        "source", "assumed"}}``.

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
        method=method, model=model, size=size, pixel_nm=pixel_nm, gain=gain, em_gain=em_gain, offset=offset,
        read_noise=read_noise, qe=qe, saturation=saturation, aperture_px=aperture_px,
        aperture_y_px=aperture_y_px, aperture_theta_deg=aperture_theta_deg, annulus_inner_px=annulus_inner_px,
        annulus_outer_px=annulus_outer_px, neighbour_radius_px=neighbour_radius_px, offset_map=offset_map, gain_map=gain_map,
        read_variance_map=read_variance_map, bad_pixels=bad_pixels,
        sigma_nm=sigma_nm, background=background, background_map=background_map, origin=origin, first_frame=first_frame,
        swap_xy=swap_xy or None, padding=padding, spline=spline,
        details=(details,) if isinstance(details, str) else None if details is None else tuple(details),
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
