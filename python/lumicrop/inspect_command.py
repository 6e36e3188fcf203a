"""What ``lumicrop inspect`` does: say what files are and what would be assumed of them."""

from __future__ import annotations

from rich.console import Console

from .camera import check_camera_of
from .console_output import show_input, show_settings, show_warnings
from .input_error import InputError
from .input_files import refuse_pipe
from .movies import open_movie, split_name
from .placement import check_table
from .request import Request
from .run_summary import describe_camera, describe_input, describe_placement, describe_settings, input_warnings
from .settings import resolve
from .standard_output import as_text, print_json
from .tables import read_table


def run(
    movie_source: str,
    table_source: str | None,
    request: Request,
    *,
    check_origin: bool = True,
    check_camera: bool = True,
    as_json: bool = False,
    console: Console,
) -> None:
    """Show what a movie and a table are, and which settings `lumicrop integrate` would use.

    Where it would stop and ask, the question is shown instead, and this is no error.

    Parameters
    ----------
    movie_source : str
    table_source : str or None
    request : Request
        Settings that the caller gives.
    check_origin : bool, default True
        Warn where the positions do not lie on the movie's light.
    check_camera : bool, default True
        Warn where the movie's noise contradicts the gain.
    as_json : bool, default False
        Show one JSON document instead of text.
    console : rich.console.Console

    Raises
    ------
    InputError, OSError
        A file cannot be read.
    """
    shown = Console(quiet=True) if as_json else console
    for source, what in ((movie_source, "movie"), (table_source, "table")):
        if source is not None:
            refuse_pipe(split_name(source)[0], what)
    with open_movie(movie_source) as movie:
        table = None
        if table_source is not None:
            table = read_table(table_source, **request.reading)
        described = describe_input(movie, table)
        show_input(shown, movie, table)
        if table is not None:
            try:
                settings = resolve(request, movie, table)
            except InputError as question:
                described["question"] = str(question)
                shown.print(f"[yellow]integrate would stop and ask:[/yellow] {as_text(str(question))}", soft_wrap=True)
            else:
                described["settings"] = describe_settings(settings)
                shown.print("integrate would use")
                show_settings(shown, settings)
                placement = check_table(movie, table, settings) if check_origin else None
                described["placement"] = describe_placement(placement)
                camera = check_camera_of(movie, table, settings) if check_camera else None
                described["camera"] = describe_camera(camera)
                described["warnings"] = input_warnings(table, placement, camera)
                show_warnings(shown, described["warnings"])
                for what in placement.evidence.get("undecided", ()) if placement else ():
                    shown.print(f"not to be told from these files: {as_text(what)}", soft_wrap=True)
                if camera is not None and camera.undecided:
                    shown.print(f"not to be told from these files: gain: {as_text(camera.undecided)}", soft_wrap=True)
    if as_json:
        print_json(described)
