"""What ``lumicrop integrate`` does, from two files to a table, a picture and a page."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

import lumicrop

from .camera import check_camera_of
from .console_output import (
    label,
    progress_bar,
    show_settings,
    show_summary,
    show_warnings,
    value_text,
)
from .ending_signals import hear_no_more
from .frame_maps import map_files
from .input_error import InputError
from .input_files import WatchedFiles, refuse_pipe
from .interrupted import Interrupted
from .movie_integration import MovieResult, added_columns, count_movie
from .movies import Movie, open_movie, split_name
from .output_files import OutputFiles
from .placement import PlacementCheck, check_table
from .request import Request
from .run_summary import input_warnings, summary_of
from .settings import Settings, resolve
from .settings_file import settings_text
from .standard_output import as_text, print_json
from .tables import Table, open_writer, output_paths, read_table


@dataclass(frozen=True)
class Outputs:
    """What a run writes.

    Attributes
    ----------
    table : pathlib.Path or None
        None: beside the input table, with ``_lumicrop`` added to its name.
    picture : pathlib.Path or None
        PNG. None: the table's name with ``.png``, unless `has_picture` is False.
    has_picture : bool
    page : pathlib.Path or None
        HTML; None: no page.
    overwrite : bool
        Replace files that exist.
    """

    table: Path | None = None
    picture: Path | None = None
    has_picture: bool = True
    page: Path | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class _Targets:
    """The files of one run, none of which is an input."""

    table: Path
    settings: Path
    picture: Path | None
    page: Path | None
    all: list[Path]


def run(
    movie_source: str,
    table_source: str,
    request: Request,
    outputs: Outputs,
    where: dict[str, Any],
    *,
    strict: bool = False,
    check_origin: bool = True,
    check_camera: bool = True,
    as_json: bool = False,
    settings_file: Path | None = None,
    console: Console,
) -> None:
    """Integrate a movie and write the table, its companions and the pictures: all of them or none.

    Parameters
    ----------
    movie_source, table_source : str
        Input movie and table; ``file::name`` names a dataset within.
    request : Request
        Settings that the caller gives.
    outputs : Outputs
        What to write.
    where : dict
        Arguments of the `lumicrop.Context` that computes.
    strict : bool, default False
        Refuse a table with a row that cannot have photons.
    check_origin : bool, default True
        Warn where the positions do not lie on the movie's light.
    check_camera : bool, default True
        Warn where the movie's noise contradicts the gain.
    as_json : bool, default False
        Show one JSON document at the end, and nothing else.
    settings_file : pathlib.Path, optional
        The file that `request` comes from, not to be overwritten but by the settings of the same output.
    console : rich.console.Console
        Where settings, progress and summary are shown.

    Raises
    ------
    InputError, lumicrop.Error, OSError, Interrupted
        One sentence says what is wrong, or how far it came; nothing was written.
    """
    shown = Console(quiet=True) if as_json else console
    stage = _Stage()
    with stage.told(), ExitStack() as opened:
        files_read = WatchedFiles()
        for source, what in ((movie_source, "movie"), (table_source, "table")):
            path, _ = split_name(source)
            refuse_pipe(path, what)
            files_read.watch([path])
        stage.begins(f"opening {Path(movie_source).name}")
        movie = opened.enter_context(open_movie(movie_source))
        stage.begins(f"reading {Path(table_source).name}")
        table = read_table(table_source, **request.reading)
        files_read.watch([*movie.inputs, table.path, *table.companions, *map_files(request.maps)])
        table.refuse_second_run()
        targets = _targets(movie, table, outputs, request, settings_file)
        settings = resolve(request, movie, table)
        text = settings_text(targets.settings.parent, movie_source, table_source, request, settings)
        show_settings(shown, settings)
        context = opened.enter_context(lumicrop.Context(**where))
        with OutputFiles(targets.all, outputs.overwrite) as files:
            stage.begins("comparing the positions with the movie")
            placement = check_table(movie, table, settings) if check_origin else None
            stage.begins("comparing the gain with the noise of the movie")
            camera = check_camera_of(movie, table, settings) if check_camera else None
            early = input_warnings(table, placement, camera)
            show_warnings(shown, early)
            files_read.refuse_changes()
            stage.begins("counting")
            with _progress(shown, movie, table) as progress:
                result = count_movie(
                    movie, table, settings, context=context, strict=strict, progress=progress,
                    begin_writing=lambda: open_writer(
                        table, targets.table, added_columns(settings), _record(movie, table, settings), files
                    ),
                )  # fmt: skip
            stage.begins(f"finishing, all {len(table):,} detections of {movie.path.name} done")
            summary = summary_of(movie, table, settings, result, context.info, placement, camera)
            with files.writing(targets.settings) as path:
                path.write_text(text, encoding="utf-8")
            _draw(movie, table, settings, result, context.info, placement, summary, text, targets, files)
            opened.close()
            files_read.refuse_changes()
            files.publish()
            _show_result(shown, settings, summary, early, targets)
            if as_json:
                print_json({**summary, "written": [str(target) for target in targets.all]})
            hear_no_more()


class _Stage:
    """What a run is busy with, for one that is interrupted."""

    def __init__(self) -> None:
        self._what = "beginning"

    def begins(self, what: str) -> None:
        self._what = what

    @contextmanager
    def told(self) -> Iterator[None]:
        """An interruption says how far it came, unless that is said already."""
        try:
            yield
        except Interrupted:
            raise
        except KeyboardInterrupt:
            raise Interrupted(f"interrupted while {self._what}; nothing was written") from None


def _show_result(
    console: Console, settings: Settings, summary: dict[str, Any], said: Sequence[str], targets: _Targets
) -> None:
    """The summary, the warnings that have not been `said` yet, and what was written."""
    show_summary(console, settings, summary)
    show_warnings(console, [warning for warning in summary["warnings"] if warning not in said])
    for target in targets.all:
        console.print(f"wrote {as_text(str(target))}", soft_wrap=True)


def _draw(
    movie: Movie, table: Table, settings: Settings, result: MovieResult, context: lumicrop.ContextInfo,
    placement: PlacementCheck | None, summary: dict[str, Any], text: str, targets: _Targets, files: OutputFiles,
) -> None:  # fmt: skip
    if targets.picture is None and targets.page is None:
        return
    from .report import Run, draw_report, write_page  # matplotlib takes a second to load

    if targets.picture is not None:
        with files.writing(targets.picture) as path:
            draw_report(movie, table, settings, result, path)
    if targets.page is not None:
        run = Run(movie, table, settings, result, context, placement, summary["warnings"], text, summary)
        with files.writing(targets.page) as path:
            write_page(run, path)


@contextmanager
def _progress(console: Console, movie: Movie, table: Table) -> Iterator[Any]:
    """A bar; and, where the run is interrupted, how far it came."""
    done = 0
    with progress_bar(console, "detections", len(table)) as show:

        def update(now: int) -> None:
            nonlocal done
            done = now
            show(now)

        try:
            yield update
        except KeyboardInterrupt:
            raise Interrupted(
                f"interrupted after {done:,} of {len(table):,} detections of {movie.path.name}; nothing was written"
            ) from None


def _targets(movie: Movie, table: Table, outputs: Outputs, request: Request, settings_file: Path | None) -> _Targets:
    """Every file that will be written, the table last; none may be one that is read."""
    out, written = output_paths(table, outputs.table)
    picture = (outputs.picture or out.with_suffix(".png")) if outputs.has_picture else None
    settings = out.with_name(f"{out.stem}.settings.yaml")
    pictures = [each for each in (picture, outputs.page) if each is not None]
    targets = [*pictures, settings, *written]
    read = {os.path.realpath(path) for path in (*movie.inputs, table.path, *table.companions)}
    if request.spline is not None:
        read.add(os.path.realpath(request.spline))
    read |= {os.path.realpath(path) for path in map_files(request.maps)}
    repeated = None if settings_file is None else os.path.realpath(settings_file)
    for target in targets:
        real = os.path.realpath(target)
        if real in read or (real == repeated and target != settings):
            raise InputError(f"{target}: this file is read: give the output another name")
    if len({os.path.realpath(target) for target in targets}) != len(targets):
        names = ", ".join(target.name for target in targets)
        raise InputError(f"{out}: the files to write need different names: {names}")
    return _Targets(out, settings, picture, outputs.page, targets)


def _record(movie: Movie, table: Table, settings: Settings) -> dict[str, Any]:
    """What a table that keeps a history is told; no key is one of Picasso's, whose values stay as they are."""
    record = {
        "Generated by": f"lumicrop {lumicrop.__version__} integrate",
        "lumicrop.movie": movie.path.name,
        "lumicrop.table": table.path.name,
    }
    for name, setting in settings.used():
        assumed = "assumed: " if setting.assumed else ""
        record[f"lumicrop.{label(name)}"] = f"{value_text(name, setting)} ({assumed}{setting.source})"
    return record
