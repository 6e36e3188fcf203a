"""Whether the gain that a run's settings hold fits the movie's noise."""

from __future__ import annotations

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
        Its description may state an EM gain, as the movie's may; the settings' gain is divided by it already.
    settings : Settings
        Its gain is what is judged, at its offset.

    Returns
    -------
    CameraCheck
    """
    stated = [each.value for each in (*movie.statements, *table.statements) if each.quantity == "em_gain"]
    em_gain = max(stated, default=1.0)
    return check_movie_camera(
        movie, gain=settings.gain.value * em_gain, camera_offset=settings.offset.value, em_gain=em_gain
    )
