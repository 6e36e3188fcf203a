"""A run as its page tells it, and what follows from it for every figure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy

import lumicrop

from ..movie_integration import MovieResult
from ..movies import Movie
from ..settings import Settings
from ..tables import Table

if TYPE_CHECKING:
    from ..placement import PlacementCheck


@dataclass(frozen=True)
class Run:
    """Everything that a page shows. Its arrays are looked at, never changed.

    Attributes
    ----------
    movie : Movie
        Still open: a few frames are read for the crops.
    table : Table
    settings : Settings
    result : MovieResult
    context : lumicrop.ContextInfo
        Where it was computed.
    placement : PlacementCheck or None
        What the check of positions against the movie found; None: it was not made.
    warnings : sequence of str
        Sentences that are shown first.
    settings_text : str
        How to repeat the run: the command, or the settings as yaml.
    summary : mapping of str to Any
        Further numbers, shown at the end by name. Times and speeds are left out: the same run gives the same page.
    """

    movie: Movie
    table: Table
    settings: Settings
    result: MovieResult
    context: lumicrop.ContextInfo
    placement: PlacementCheck | None = None
    warnings: Sequence[str] = ()
    settings_text: str = ""
    summary: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def counted(self) -> numpy.ndarray:
        """Which detections have photons, bool."""
        return numpy.isfinite(self.result.photons)

    @cached_property
    def photons(self) -> numpy.ndarray:
        """Photons of those that were counted [photon]."""
        return self.result.photons[self.counted]

    @cached_property
    def background(self) -> numpy.ndarray:
        """Background wherever there is one [photon/px]."""
        return self.result.background[numpy.isfinite(self.result.background)]

    @cached_property
    def frame(self) -> numpy.ndarray:
        """Frames of those that were counted, numbered as the table does."""
        return self.result.detections.frame[self.counted] + self.first_frame

    @property
    def first_frame(self) -> int:
        """Number of the movie's first frame in the table."""
        return self.settings.first_frame.value

    def sigma_px(self, row: int) -> tuple[float, float, float] | None:
        """Widths of a detection's PSF along x and y [px] and its angle [degrees], as the run used them.

        Where the run uses none, the table's. None where nobody knows, and for a measured PSF.
        """
        model, detections = self.settings.model.value, self.result.detections
        if model == "spline" or detections.sigma_x_px is None:
            return None
        sigma_x, sigma_y = (
            abs(float(sigma[row] if numpy.ndim(sigma) else sigma))
            for sigma in (detections.sigma_x_px, detections.sigma_y_px)
        )
        if model == "isogauss" and self.settings.sigma.value == "table":
            sigma_x = sigma_y = math.sqrt(sigma_x * sigma_y)
        angle = self.settings.psf_angle_deg.value or 0.0
        if angle == "table":
            angle = detections.columns["sigma_angle"][row]
        return sigma_x, sigma_y, float(angle)
