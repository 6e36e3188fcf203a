"""What ``lumicrop integrate`` shows: settings with their sources, progress, and the summary."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table as Grid

import lumicrop

from .movie_integration import MovieResult
from .settings import Setting, Settings
from .tables import Table

_LABELS = {
    "pixel_nm": ("pixel size", "nm"),
    "gain": ("gain", "e-/ADU"),
    "offset": ("camera offset", "ADU"),
    "qe": ("quantum efficiency", ""),
    "sigma": ("PSF sigma", "nm"),
    "psf_angle_deg": ("PSF angle", "degrees"),
    "size": ("crop size", "px"),
    "first_frame": ("first frame", ""),
}


def label(name: str) -> str:
    """What a setting is called in front of people."""
    return _LABELS.get(name, (name, ""))[0]


def value_text(name: str, setting: Setting) -> str:
    """A setting's value with its unit."""
    value = setting.value
    if value == "table":
        return "of each detection"
    if isinstance(value, tuple):
        value = f"{value[0]} x {value[1]}"
    elif isinstance(value, float):
        value = f"{value:g}"
    return f"{value} {_LABELS.get(name, (name, ''))[1]}".rstrip()


@contextmanager
def progress_bar(console: Console, what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, nothing elsewhere. Gives the function to call with the number done so far."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    hidden = console.quiet or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        task = progress.add_task(what, total=total, rate="")

        def update(done: int) -> None:
            speed = progress.tasks[0].speed
            progress.update(task, completed=done, rate=f"{_rate(speed)} {what}/s" if speed else "")

        yield update


def show_settings(console: Console, settings: Settings) -> None:
    """Every value in use, and who says so."""
    grid = Grid("setting", "value", "from", box=box.SIMPLE_HEAD, pad_edge=False)
    for name, setting in settings.used():
        source = f"[yellow]assumed:[/yellow] {escape(setting.source)}" if setting.assumed else escape(setting.source)
        grid.add_row(label(name), escape(value_text(name, setting)), source)
    console.print(grid)


def show_summary(
    console: Console, table: Table, settings: Settings, result: MovieResult, context: lumicrop.ContextInfo
) -> None:
    """What came of the run."""
    grid = Grid(box=None, show_header=False, pad_edge=False)
    counted = numpy.isfinite(result.photons)
    grid.add_row("detections", f"{len(table):,}, of which {int(counted.sum()):,} counted")
    for number, why in _remarks(result, counted):
        if number:
            grid.add_row("", f"[yellow]{number:,} {why}[/yellow]")
    grid.add_row("frames read", f"{result.n_frames_read:,}")
    if counted.any():
        grid.add_row("photons, median", f"{numpy.median(result.photons[counted]):,.1f}")
        grid.add_row("background, 5/50/95 %", f"{_spread(result.background[counted], '.4g')} photon per px")
    ratios = _ratios(table, result)
    if ratios.size:
        grid.add_row("photons / the table's own, 5/50/95 %", _spread(ratios, ".4f"))
    n_integrated = int(result.integrated.sum())
    if result.seconds_computing > 0:
        counting, reading = _rate(n_integrated / result.seconds_computing), _rate(n_integrated / result.seconds)
        grid.add_row("speed", f"{counting} crops/s counting, {reading} crops/s with reading ({result.seconds:.2f} s)")
    where = (
        f"{context.threads} threads, {context.instruction_set}"
        if context.backend == "cpu"
        else f"device {context.device}"
    )
    grid.add_row("backend", f"{context.backend} ({where}): {escape(context.reason)}")
    assumed = [label(name) for name, setting in settings.used() if setting.assumed]
    if assumed:
        grid.add_row("assumed", f"[yellow]{', '.join(assumed)}: see above, and give what you know[/yellow]")
    console.print(grid)


def _remarks(result: MovieResult, counted: numpy.ndarray) -> list[tuple[int, str]]:
    truncated = (result.flags & lumicrop.Flag.TRUNCATED) != 0
    return [
        (result.n_outside_movie, "lie in frames that the movie does not have"),
        (result.n_without_position, "have no usable position"),
        (
            int((result.integrated & ~counted).sum()),
            "have a pixel or a fitted value that is not a number, or no PSF within the crop",
        ),
        (int(truncated.sum()), "have a crop that reaches beyond the frame"),
    ]


def _ratios(table: Table, result: MovieResult) -> numpy.ndarray:
    """Photons over the table's own, where both are there."""
    if table.photons is None:
        return numpy.empty(0)
    both = numpy.isfinite(result.photons) & numpy.isfinite(table.photons) & (table.photons != 0)
    return result.photons[both] / table.photons[both]


def _spread(values: numpy.ndarray, form: str) -> str:
    return " / ".join(format(value, form) for value in numpy.percentile(values, (5, 50, 95)))


def _rate(per_second: float) -> str:
    for scale, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if per_second >= scale:
            return f"{per_second / scale:.3g}{letter}"
    return f"{per_second:.3g}"
