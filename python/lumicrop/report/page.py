"""The page that a run is judged by: one file that needs no other and asks no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2
import numpy

import lumicrop

from .. import movie_integration
from ..camera_settings import CAMERA
from ..console_output import label, value_text
from .crops import contact_sheet
from .numbers import Comparison, amount, compare, plain, share, spread
from .plots import against_the_tables_own, background_map, photons_histogram, photons_over_frames
from .run import Run

_FLAGS = {
    "TRUNCATED": "the crop reaches beyond the frame: only the pixels within it were used",
    "MASKED": "a pixel is masked, as bad or by a map: the photons are those of the whole crop where the PSF is known",
    "SATURATED": "a pixel has reached the saturation and is counted as it is: the photons are too few",
    "DATA_NOT_FINITE": "a pixel is NaN or infinite",
    "PARAMETER_NAN": "a fitted value, such as the position or the width, is missing",
    "CENTRE_OUTSIDE": "the position lies outside the frame or the crop",
    "OUTSIDE_DOMAIN": "the crop reaches beyond the measured PSF, which counts as 0 there",
    "NO_BORDER": "no pixel is left to tell the background: of the border, it counts as 0; of an annulus, there are no photons",
    "ZERO_DENOMINATOR": "no part of the PSF falls on the crop: there is nothing to weight pixels by",
    "BAD_INDEX": "the movie does not have the frame",
    "NOT_CONVERGED": "the most likely photons were not found to a ten-thousandth of their error: the fit does not suit the crop",
}
_ORIGINS = {
    "first_pixel": "0 is the centre of the first pixel",
    "pixel_corner": "0 is the outer corner of the first pixel",
}
#: Parts of a summary that have a place of their own in the page.
_SHOWN = ("settings", "warnings", "placement")
#: Numbers of a summary that differ from one run to the next.
_FLEETING = ("second", "speed", "elapsed")


def write_page(run: Run, path: Path) -> None:
    """Write the page of a run: HTML, complete in itself, the same bytes for the same run.

    Parameters
    ----------
    run : Run
        What to show.
    path : pathlib.Path
        The file to write.
    """
    # ".j2" says nothing of HTML, so escaping is not left to a guess by name
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("lumicrop", "report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    html = templates.get_template("page.html.j2").render(_content(run))
    # A file's name may hold bytes that are no text: shown by their numbers.
    Path(path).write_bytes(html.encode("utf-8", errors="backslashreplace"))


def _content(run: Run) -> dict[str, Any]:
    """What the template shows."""
    comparison = compare(run)
    settings = run.settings.used()
    method = run.settings.method.value + (f" with {run.settings.model.value}" if run.settings.model.value else "")
    height, width = run.settings.size.value
    return {
        "title": f"{run.table.path.name} in {run.movie.path.name}",
        "table_name": run.table.path.name,
        "movie_name": run.movie.path.name,
        "version": lumicrop.__version__,
        "how": f"{method}, crops of {width} x {height} px",
        "background": _background(run),
        "camera": _camera(run),
        "headline": list(_headline(run, comparison)),
        "warnings": list(run.warnings),
        "assumed": [label(name) for name, setting in settings if setting.assumed],
        "movie": list(_movie(run)),
        "table": list(_table(run)),
        "settings": [
            {
                "name": label(name),
                "value": value_text(name, setting),
                "source": setting.source,
                "assumed": setting.assumed,
            }
            for name, setting in settings
        ],
        "rows": list(_rows(run)),
        "flags": list(_flags(run)),
        "neighbours": list(_neighbours(run)),
        "figures": [photons_histogram(run, comparison), photons_over_frames(run)],
        "groups": contact_sheet(run),
        "more_figures": [background_map(run), against_the_tables_own(run, comparison)],
        "placement": None if run.placement is None else list(_placement(run.placement)),
        "evidence": [] if run.placement is None else list(_flat(run.placement.evidence)),
        "placement_warnings": [] if run.placement is None else list(run.placement.warnings),
        "settings_text": run.settings_text,
        "summary": [
            (name, text)
            for name, text in _flat({key: run.summary[key] for key in run.summary if key not in _SHOWN})
            if not any(word in name for word in _FLEETING)
        ],
        "backend": _backend(run.context),
    }


def _background(run: Run) -> str:
    setting = run.settings.background
    return "" if setting.value is None else f"Background: {value_text('background', setting)}. "


def _camera(run: Run) -> str:
    """What the camera was taken for, in one line."""
    said = [
        f"{label(name)} {value_text(name, setting)}" + (" (assumed)" if setting.assumed else "")
        for name, setting in run.settings.used()
        if name in CAMERA
    ]
    return ", ".join(said)


def _headline(run: Run, comparison: Comparison | None) -> Iterator[tuple[str, str, str]]:
    """Name, number and what goes with it."""
    n, n_counted = len(run.table), int(run.counted.sum())
    yield "detections", f"{n:,}", f"in {run.movie.shape[0]:,} frames"
    yield "counted", f"{n_counted:,}", f"{share(n_counted, n)} of the detections"
    for name, values in (("photons, median", run.photons), ("background per px, median", run.background)):
        five, median, ninety_five = (amount(value) for value in spread(values))
        yield name, median, f"5 to 95 %: {five} to {ninety_five}" if five != ninety_five else "hardly any spread"
    sigma = run.result.details.get("photons_sigma")
    if sigma is not None:
        sigma = sigma[run.counted]
        five, median, ninety_five = (amount(value) for value in spread(sigma[numpy.isfinite(sigma)]))
        yield "standard error of photons, median", median, f"5 to 95 %: {five} to {ninety_five}"
    if comparison is not None:
        yield "photons over the table's", f"{comparison.ratio:.3f}", f"median ratio; scatter {comparison.scatter:.2g}"


def _movie(run: Run) -> Iterator[tuple[str, str]]:
    movie = run.movie
    n_frames, height, width = movie.shape
    yield "file", str(movie.path)
    yield "format", f"{movie.format}: {movie.details}" if movie.details else movie.format
    yield "shape", f"{n_frames:,} frames of {width:,} x {height:,} px"
    yield "pixels", movie.dtype.name
    others = [path.name for path in movie.inputs if path != movie.path]
    if others:
        yield "read with it", _names(others)
    yield "frames read", f"{run.result.n_frames_read:,}"


def _table(run: Run) -> Iterator[tuple[str, str]]:
    table = run.table
    yield "file", str(table.path)
    yield "format", table.format
    yield "rows", f"{len(table):,}"
    yield "first frame", f"{run.first_frame} in the table is the movie's first"
    yield "lengths", f"in {table.length_unit}"
    origin = run.settings.origin.value
    yield "origin", _ORIGINS.get(origin, str(origin))
    if table.companions:
        yield "read with it", _names([path.name for path in table.companions])


def _names(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _rows(run: Run) -> Iterator[tuple[str, int, str]]:
    """What became of the rows: words, number, share."""
    n = len(run.table)
    reasons = numpy.bincount(run.result.reason, minlength=1) if n else numpy.zeros(1, int)
    n_counted = int(run.counted.sum())
    yield "counted", n_counted, share(n_counted, n)
    for reason, number in enumerate(reasons[1:].tolist(), 1):
        if number:
            words = movie_integration.REASONS
            yield words[reason] if reason < len(words) else f"reason {reason}", number, share(number, n)
    unexplained = int(numpy.count_nonzero(~run.counted & (run.result.reason == 0)))
    if unexplained:
        yield "not counted: see the flags", unexplained, share(unexplained, n)


def _flags(run: Run) -> Iterator[tuple[int, str, str, int, str]]:
    """Bit, name, meaning, number, share, of the flags that occur."""
    flags, n = run.result.flags, len(run.table)
    every = int(numpy.bitwise_or.reduce(flags)) if n else 0
    names = {int(flag): flag.name for flag in lumicrop.Flag}
    for bit in (1 << place for place in range(32)):
        if every & bit:
            number = int(numpy.count_nonzero(flags & numpy.uint32(bit)))
            name = names.get(bit, "")
            yield bit, name, _FLAGS.get(name, "unknown to this version"), number, share(number, n)


def _neighbours(run: Run) -> Iterator[tuple[str, int, str]]:
    """How many detections have how many neighbours."""
    neighbours = run.result.neighbours[run.result.integrated]
    numbers = numpy.bincount(numpy.minimum(neighbours, 3), minlength=4)
    for words, number in zip(("none", "1", "2", "3 or more"), numbers.tolist()):
        if number:
            yield words, number, share(number, neighbours.size)


def _placement(check: Any) -> Iterator[tuple[str, str]]:
    """What the check of positions against the movie found."""
    yield "detections looked at", f"{plain(check.n_detections)} in {plain(check.n_frames)} frames"
    yield "shift along x, y [px]", _with_error(check.shift_px, check.shift_error_px)
    yield "frames later", plain(check.frame_shift)
    yield "x and y exchanged", plain(check.swapped)


def _with_error(value: Any, error: Any) -> str:
    if value is None:
        return "not known"
    values = numpy.atleast_1d(numpy.asarray(value, float))
    errors = numpy.broadcast_to(numpy.asarray(numpy.nan if error is None else error, float), values.shape)
    said = [
        f"{one:+.3f}".replace("-", "−") + (f" ± {uncertain:.3f}" if numpy.isfinite(uncertain) else "")
        for one, uncertain in zip(values, errors)
    ]
    return ", ".join(said)


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Every value of nested mappings, by its names joined with dots."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        elif isinstance(value, (list, tuple)) and value and isinstance(value[0], Mapping):
            yield from (
                (f"{before}{name} {number}".replace("_", " "), plain(part)) for number, part in enumerate(value, 1)
            )
        else:
            yield f"{before}{name}".replace("_", " "), plain(value)


def _backend(context: lumicrop.ContextInfo) -> str:
    if context.backend == "cpu":
        return f"cpu ({context.threads} threads, {context.instruction_set}): {context.reason}"
    return f"{context.backend} (device {context.device}): {context.reason}"
