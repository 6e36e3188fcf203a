"""What came of a run, in numbers and sentences: one source for the terminal, ``--json`` and the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy

import lumicrop

from .camera import CameraCheck
from .frame_maps import FrameMap
from .movie_integration import MovieResult
from .movies import Movie
from .placement import PlacementCheck
from .settings import Settings
from .tables import Table

#: Share of the detections with a neighbour in their crop beyond which a warning is given.
_CROWDED = 0.1
_PERCENTILES = (5, 50, 95)


def describe_input(movie: Movie, table: Table | None) -> dict[str, Any]:
    """What the files are, for machines."""
    n_frames, height, width = movie.shape
    described: dict[str, Any] = {
        "movie": {
            "path": str(movie.path),
            "format": movie.format,
            "details": movie.details,
            "frames": n_frames,
            "height": height,
            "width": width,
            "dtype": movie.dtype.name,
        }
    }
    if table is not None:
        described["table"] = {
            "path": str(table.path),
            "format": table.format,
            "rows": len(table),
            "columns": list(table.column_names),
            "unit": table.length_unit,
            "origin": table.origin,
            "first_frame": table.first_frame,
            "assumed": sorted(table.assumed),
        }
    return described


def describe_settings(settings: Settings) -> dict[str, dict[str, Any]]:
    """Every setting in use, for machines: its value, who says so, and whether it is assumed."""
    return {
        name: {
            "value": str(setting.value) if isinstance(setting.value, (Path, FrameMap)) else setting.value,
            "source": setting.source,
            "assumed": setting.assumed,
        }
        for name, setting in settings.used()
    }


def describe_placement(check: PlacementCheck | None) -> dict[str, Any] | None:
    """What the check of the positions measured, for machines."""
    if check is None:
        return None
    return {
        "detections": check.n_detections,
        "frames": check.n_frames,
        "shift_px": check.shift_px,
        "shift_error_px": check.shift_error_px,
        "frame_shift": check.frame_shift,
        "swapped": check.swapped,
        "warnings": list(check.warnings),
        "evidence": check.evidence,
    }


def describe_camera(check: CameraCheck | None) -> dict[str, Any] | None:
    """What the movie's noise says of the camera, for machines."""
    if check is None:
        return None
    return {
        "gain": check.gain,
        "gain_error": check.gain_error,
        "warnings": list(check.warnings),
        "undecided": check.undecided,
        "evidence": dict(check.evidence),
    }


def input_warnings(table: Table, placement: PlacementCheck | None, camera: CameraCheck | None = None) -> list[str]:
    """Sentences about what may make photons wrong, known before anything is counted."""
    warnings = [] if placement is None else list(placement.warnings)
    warnings += [] if camera is None else camera.warnings
    if len(table.channels) > 1:
        numbers = ", ".join(f"{channel:g}" for channel in table.channels)
        warnings.append(
            f"{table.path.name} has detections of the channels {numbers}: those that are not the movie's get photons of "
            "whatever lies at their place"
        )
    return warnings


def run_warnings(
    table: Table, result: MovieResult, placement: PlacementCheck | None, camera: CameraCheck | None = None
) -> list[str]:
    """Sentences about what may make the photons wrong."""
    warnings = input_warnings(table, placement, camera)
    n = int(result.integrated.sum())
    n_crowded = int((result.neighbours > 0).sum())
    if n and n_crowded > _CROWDED * n:
        warnings.append(
            f"{100 * n_crowded / n:.0f} % of the detections have a neighbour within their crop (column "
            "lumicrop_neighbours): their photons contain some of the neighbour's"
        )
    return warnings


def summary_of(
    movie: Movie,
    table: Table,
    settings: Settings,
    result: MovieResult,
    context: lumicrop.ContextInfo,
    placement: PlacementCheck | None,
    camera: CameraCheck | None = None,
) -> dict[str, Any]:
    """What came of a run.

    Parameters
    ----------
    movie, table, settings, result
        What was integrated, how, and what came of it.
    context : lumicrop.ContextInfo
        Where it was computed.
    placement : PlacementCheck or None
        What the check of the positions found; None where it was not made.
    camera : CameraCheck or None
        What the movie's noise says of the gain; likewise.

    Returns
    -------
    dict
        Numbers, strings, lists and dicts alone: it can be written as JSON.
    """
    counted = result.reason == 0
    n_integrated = int(result.integrated.sum())
    truncated = (result.flags & lumicrop.Flag.TRUNCATED) != 0
    return {
        "lumicrop": lumicrop.__version__,
        **describe_input(movie, table),
        "settings": describe_settings(settings),
        "detections": {
            "rows": len(table),
            "counted": int(counted.sum()),
            "without_photons": result.reasons(),
            "truncated": int(truncated.sum()),
            "with_neighbours": int((result.neighbours > 0).sum()),
        },
        "flags": flag_counts(result.flags),
        "photons": _percentiles(result.photons[counted]),
        "background": _percentiles(result.background[counted]),
        "details": detail_percentiles(result, counted),
        "photons_over_table": _percentiles(ratios_to_table(table, result)),
        "placement": describe_placement(placement),
        "camera": describe_camera(camera),
        "speed": {
            "frames_read": result.n_frames_read,
            "seconds": result.seconds,
            "seconds_computing": result.seconds_computing,
            "crops_per_second": _per_second(n_integrated, result.seconds),
            "crops_per_second_computing": _per_second(n_integrated, result.seconds_computing),
        },
        "backend": {
            "name": context.backend,
            "threads": context.threads,
            "instruction_set": context.instruction_set,
            "device": context.device,
            "reason": context.reason,
        },
        "warnings": run_warnings(table, result, placement, camera),
    }


def flag_counts(flags: numpy.ndarray) -> dict[str, int]:
    """How many detections have which flag; flags that none has are left out."""
    numbers = {flag.name: int(numpy.count_nonzero(flags & numpy.uint32(flag))) for flag in lumicrop.Flag}
    return {name: number for name, number in numbers.items() if number}


def detail_percentiles(result: MovieResult, counted: numpy.ndarray) -> dict[str, Mapping[str, float]]:
    """Percentiles of what was asked for besides, of the detections that were counted and have finite ones."""
    found = {}
    for name, values in result.details.items():
        values = values[counted]
        percentiles = _percentiles(values[numpy.isfinite(values)])
        if percentiles is not None:
            found[name] = percentiles
    return found


def ratios_to_table(table: Table, result: MovieResult) -> numpy.ndarray:
    """Photons over the table's own, where both are there."""
    if table.photons is None:
        return numpy.empty(0)
    both = numpy.isfinite(result.photons) & numpy.isfinite(table.photons) & (table.photons != 0)
    return result.photons[both] / table.photons[both]


def _percentiles(values: numpy.ndarray) -> Mapping[str, float] | None:
    if not values.size:
        return None
    return {f"p{percent}": float(value) for percent, value in zip(_PERCENTILES, numpy.percentile(values, _PERCENTILES))}


def _per_second(n: int, seconds: float) -> float | None:
    return n / seconds if seconds > 0 else None


def percentiles_text(percentiles: Mapping[str, float], form: str) -> str:
    """``0.976 / 0.990 / 1.003``."""
    return " / ".join(format(percentiles[f"p{percent}"], form) for percent in _PERCENTILES)


def assumed_names(settings: Settings) -> Sequence[str]:
    """The settings that nobody states."""
    return [name for name, setting in settings.used() if setting.assumed]
