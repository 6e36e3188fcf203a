"""What the command shows: files, settings with their sources, progress, and the summary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table as Grid

from .methods import DETAILS
from .movies import Movie
from .run_summary import assumed_names, percentiles_text
from .settings import Setting, Settings, number_text
from .standard_output import as_text
from .tables import Table

_LABELS = {
    "pixel_nm": ("pixel size", "nm"),
    "gain": ("gain", "e-/ADU"),
    "em_gain": ("EM gain", ""),
    "offset": ("camera offset", "ADU"),
    "read_noise": ("read noise", "e-"),
    "saturation": ("saturation", "ADU"),
    "aperture_px": ("aperture", "px"),
    "aperture_y_px": ("aperture along its y", "px"),
    "aperture_theta_deg": ("aperture's angle", "degrees"),
    "annulus_inner_px": ("annulus from", "px"),
    "annulus_outer_px": ("annulus to", "px"),
    "neighbour_radius_px": ("away from neighbours", "px"),
    "offset_map": ("map of offsets", ""),
    "gain_map": ("map of gains", ""),
    "read_variance_map": ("map of read-out variances", ""),
    "bad_pixels": ("bad pixels", ""),
    "background_map": ("map of the background", ""),
    "details": ("written besides", ""),
    "qe": ("quantum efficiency", ""),
    "sigma": ("PSF sigma", "nm"),
    "background": ("background", "photon/px"),
    "psf_angle_deg": ("PSF angle", "degrees"),
    "size": ("crop size", "px"),
    "first_frame": ("first frame", ""),
    "swap_xy": ("x and y exchanged", ""),
}


def label(name: str) -> str:
    """What a setting is called in front of people."""
    return _LABELS.get(name, (name, ""))[0]


def value_text(name: str, setting: Setting) -> str:
    """A setting's value with its unit."""
    value = setting.value
    if value == "table":
        return "of each detection"
    if value is True:
        return "yes"
    if name == "background" and isinstance(value, str):
        return value.replace("_", " ")
    if name == "details":
        return ", ".join(value)
    if name == "size":
        value = f"{value[0]} x {value[1]}"
    elif isinstance(value, (float, tuple)):
        value = number_text(value)
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
        source = f"[yellow]assumed:[/yellow] {as_text(setting.source)}" if setting.assumed else as_text(setting.source)
        grid.add_row(label(name), as_text(value_text(name, setting)), source)
    console.print(grid)


def show_input(console: Console, movie: Movie, table: Table | None) -> None:
    """What the files are."""
    grid = Grid(box=None, show_header=False, pad_edge=False)
    n_frames, height, width = movie.shape
    grid.add_row("movie", as_text(str(movie.path)))
    grid.add_row("", as_text(f"{movie.format}: {movie.details}" if movie.details else movie.format))
    grid.add_row("", f"{n_frames:,} frames of {height} x {width} px, {movie.dtype.name}")
    for statement in movie.statements:
        grid.add_row("", as_text(_statement(statement)))
    if table is not None:
        grid.add_row("table", as_text(str(table.path)))
        grid.add_row(
            "", f"{as_text(table.format)}: {len(table):,} rows, columns {as_text(', '.join(table.column_names))}"
        )
        grid.add_row("", as_text(_convention(table)))
        for statement in table.statements:
            grid.add_row("", as_text(_statement(statement)))
    console.print(grid)


def _statement(statement) -> str:
    name, unit = _LABELS.get(statement.quantity, (statement.quantity, ""))
    return f"says {name} {number_text(statement.value)} {unit}".rstrip() + f" ({statement.source})"


def _convention(table: Table) -> str:
    origin = {"first_pixel": "first pixel's centre", "pixel_corner": "first pixel's corner", None: "(nobody says)"}
    assumed = f" (assumed: {', '.join(sorted(table.assumed)).replace('_', ' ')})" if table.assumed else ""
    first = "(nobody says)" if table.first_frame is None else table.first_frame
    return f"positions in {table.length_unit} from the {origin[table.origin]}, frames from {first}{assumed}"


def show_warnings(console: Console, warnings: Sequence[str]) -> None:
    """One line a warning."""
    for warning in warnings:
        console.print(f"[yellow]warning:[/yellow] {as_text(warning)}", soft_wrap=True)


#: Flags that only some cameras and methods raise, as a person reads them after a number of detections.
_FLAGS = {
    "MASKED": "have a masked pixel in their crop",
    "SATURATED": "have a saturated pixel in their crop: their photons are too few",
    "NOT_CONVERGED": "have a fit that did not come to rest",
}


def _unit(detail: str) -> str:
    return DETAILS[detail].unit + (" per px" if detail == "background_sigma" else "")


def show_summary(console: Console, settings: Settings, summary: Mapping[str, Any]) -> None:
    """What came of the run."""
    grid = Grid(box=None, show_header=False, pad_edge=False)
    detections, speed, backend = summary["detections"], summary["speed"], summary["backend"]
    grid.add_row("detections", f"{detections['rows']:,}, of which {detections['counted']:,} counted")
    for reason, number in detections["without_photons"].items():
        grid.add_row("", f"[yellow]{number:,} not counted: {reason}[/yellow]")
    if detections["truncated"]:
        grid.add_row("", f"[yellow]{detections['truncated']:,} have a crop that reaches beyond the frame[/yellow]")
    if detections["with_neighbours"]:
        grid.add_row("", f"[yellow]{detections['with_neighbours']:,} have a neighbour within their crop[/yellow]")
    for flag, words in _FLAGS.items():
        if summary["flags"].get(flag):
            grid.add_row("", f"[yellow]{summary['flags'][flag]:,} {words}[/yellow]")
    grid.add_row("frames read", f"{speed['frames_read']:,}")
    if summary["photons"]:
        grid.add_row("photons, 5/50/95 %", percentiles_text(summary["photons"], ",.1f"))
        grid.add_row("background, 5/50/95 %", f"{percentiles_text(summary['background'], '.4g')} photon per px")
    for name, percentiles in summary["details"].items():
        words = f"{as_text(name.replace('_', ' '))}, 5/50/95 %"
        grid.add_row(words, f"{percentiles_text(percentiles, '.4g')} {_unit(name)}".rstrip())
    if summary["photons_over_table"]:
        grid.add_row("photons / the table's own, 5/50/95 %", percentiles_text(summary["photons_over_table"], ".4f"))
    if speed["crops_per_second_computing"]:
        counting, reading = (_rate(speed[name]) for name in ("crops_per_second_computing", "crops_per_second"))
        grid.add_row("speed", f"{counting} crops/s counting, {reading} crops/s in all ({speed['seconds']:.2f} s)")
    where = (
        f"{backend['threads']} threads, {backend['instruction_set']}"
        if backend["name"] == "cpu"
        else f"device {backend['device']}"
    )
    grid.add_row("backend", f"{backend['name']} ({where}): {as_text(backend['reason'])}")
    assumed = [label(name) for name in assumed_names(settings)]
    if assumed:
        grid.add_row("assumed", f"[yellow]{', '.join(assumed)}: see above, and give what you know[/yellow]")
    console.print(grid)


def _rate(per_second: float) -> str:
    for scale, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if per_second >= scale:
            return f"{per_second / scale:.3g}{letter}"
    return f"{per_second:.3g}"
