"""Whether a table's positions, as a run's settings read them, lie on the movie's light."""

from __future__ import annotations

from ..detections import detections_of
from ..movies import Movie
from .check import PlacementCheck, check_placement
from ..settings import Settings
from ..tables import Table


def check_table(movie: Movie, table: Table, settings: Settings) -> PlacementCheck:
    """Measure where the light sits relative to a table's positions.

    Parameters
    ----------
    movie : Movie
    table : Table
    settings : Settings
        Its origin, first frame and exchange of x and y are what is judged.

    Returns
    -------
    PlacementCheck
    """
    detections = detections_of(table, settings)
    sigma = detections.sigma_x_px
    if table.has_two_widths and sigma is not None:
        sigma = (detections.sigma_x_px + detections.sigma_y_px) / 2
    return check_placement(
        movie, detections.frame, detections.x_px, detections.y_px, sigma_px=sigma, photons=table.photons,
        origin=table.first_pixel_at or settings.origin.value, first_frame=settings.first_frame.value,
    )  # fmt: skip
