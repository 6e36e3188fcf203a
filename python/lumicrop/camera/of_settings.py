"""Whether the gain that a run's settings hold fits the movie's noise."""

from __future__ import annotations

import math

from ..movies import Movie
from ..settings import Settings
from ..tables import Table
from .quick_check import CameraCheck, check_movie_camera


def check_camera_of(movie: Movie, table: Table, settings: Settings) -> CameraCheck:
    """Compare the gain of a run with the noise of its movie.

    Parameters
    ----------
    movie : Movie
        Some megabytes of it are read.
    table : Table
        Its description may state an EM gain, as the movie's may, where the settings have none: their gain is then
        divided by it.
    settings : Settings
        Its gain is what is judged, at its offset and read noise; of maps, at their medians.

    Returns
    -------
    CameraCheck
    """
    gain, offset = settings.gain.value, settings.offset.value
    if gain is None:
        gain = settings.gain_map.value.median
    if offset is None:
        offset = settings.offset_map.value.median
    em_gain = settings.em_gain.value
    if em_gain is None:
        stated = [each.value for each in (*movie.statements, *table.statements) if each.quantity == "em_gain"]
        em_gain = max(stated, default=1.0)
        gain *= em_gain
    return check_movie_camera(movie, gain=gain, camera_offset=offset, em_gain=em_gain, read_noise=_read_noise(settings))


def _read_noise(settings: Settings) -> float:
    """What is known of it [e-]; 0: nothing."""
    if settings.read_variance_map.value is not None:
        return math.sqrt(settings.read_variance_map.value.median)
    return settings.read_noise.value or 0.0
