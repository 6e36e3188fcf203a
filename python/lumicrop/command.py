"""The command ``lumicrop``: photons of a movie's detections, without a line of Python.

Exit status: 0 done; 1 a file, a value or the machine stands in the way (one line says what); 2 the command line is
wrong; 130 interrupted (Ctrl-C or SIGTERM).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import lumicrop

from . import command_options as option
from .input_error import InputError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Counts the photons of single molecules. Exit status: 0 done, 1 a file or a value is wrong, "
    "2 the command line is wrong, 130 interrupted.",
)


@app.command()
def integrate(
    movie: option.Movie,
    table: option.Table,
    out: option.Out = None,
    method: option.Method = None,
    model: option.Model = None,
    size: option.CropSize = None,
    pixel_nm: option.PixelNm = None,
    gain: option.Gain = None,
    offset: option.Offset = None,
    qe: option.Qe = None,
    sigma_nm: option.SigmaNm = None,
    spline: option.Spline = None,
    origin: option.Origin = None,
    padding: option.Padding = None,
    backend: option.Backend = "auto",
    threads: option.Threads = 0,
    device: option.Device = -1,
    memory_budget: option.MemoryBudget = 0,
    plot: option.Plot = None,
    no_plot: option.NoPlot = False,
    overwrite: option.Overwrite = False,
    quiet: option.Quiet = False,
    debug: option.Debug = False,
) -> None:
    """Count the photons of every detection of TABLE in MOVIE.

    Writes the table again with columns added: lumicrop_photons (photons), lumicrop_background (photons per pixel),
    lumicrop_psf_sum and lumicrop_denominator (filter only), lumicrop_flags. Every column of the input is kept. A
    detection without a position, or of a frame that the movie does not have, is kept with NaN.
    """
    with _one_line_errors(debug):
        from .integrate_command import run  # h5py, pandas and tifffile take a second to load
        from .settings import Request

        out = out or table.with_name(f"{table.stem}_lumicrop{table.suffix}")
        request = Request(method, model, size, pixel_nm, gain, offset, qe, sigma_nm, origin, padding, spline)
        picture = None if no_plot else plot or out.with_suffix(".png")
        where = {"backend": backend, "threads": threads, "device": device, "memory_budget": memory_budget}
        run(movie, table, out, request, where, picture, overwrite, _console(quiet))


@app.command()
def info(debug: option.Debug = False) -> None:
    """Show the version, and which backends are compiled in, found and usable, with the reason."""
    with _one_line_errors(debug):
        console = _console()
        console.print(f"lumicrop {lumicrop.__version__}, library {lumicrop.library_version()}")
        shown = Table("backend", "compiled in", "found", "usable", "details", "reason")
        for backend in lumicrop.backends():
            if backend.name == "cpu":
                details = f"{backend.threads} threads, {backend.instruction_set}"
            else:
                details = f"{backend.n_devices} device{'' if backend.n_devices == 1 else 's'}"
            answers = ["yes" if answer else "no" for answer in (backend.compiled_in, backend.found, backend.usable)]
            shown.add_row(backend.name, *answers, details, escape(backend.reason))
        console.print(shown)


@app.command()
def simulate(
    movie: option.SimulatedMovie,
    table: option.TruthTable = None,
    frames: option.Frames = 200,
    size: option.FrameSize = None,
    molecules: option.Molecules = 1000,
    photons: option.Photons = 2000.0,
    photons_spread: option.PhotonsSpread = 0.3,
    background: option.Background = 20.0,
    sigma_nm: option.TrueSigmaNm = 130.0,
    pixel_nm: option.TruePixelNm = 100.0,
    gain: option.TrueGain = 0.5,
    offset: option.TrueOffset = 100.0,
    qe: option.TrueQe = 1.0,
    read_noise: option.ReadNoise = 1.5,
    seed: option.Seed = 1,
    overwrite: option.Overwrite = False,
    quiet: option.Quiet = False,
    debug: option.Debug = False,
) -> None:
    """Write a movie of molecules with known photons, and a table of the truth."""
    with _one_line_errors(debug):
        from .console_output import progress_bar
        from .simulate import Scene
        from .simulated_files import write_simulation

        camera = (pixel_nm, gain, offset, qe, read_noise)
        scene = Scene(frames, size or (64, 64), molecules, photons, photons_spread, background, sigma_nm, *camera, seed)
        console = _console(quiet)
        with progress_bar(console, "frames", frames) as progress:
            truth = write_simulation(movie, scene, table=table, overwrite=overwrite, progress=progress)
        height, width = scene.size
        console.print(
            f"wrote {escape(str(movie))}: {frames} frames of {height} x {width} px, {molecules} molecules",
            f"wrote {escape(str(truth))}: the truth",
            sep="\n",
            soft_wrap=True,
        )
        if movie.suffix.lower() != ".raw":
            console.print(
                f"a TIFF does not state the camera: count with --gain {gain:g} --offset {offset:g} --qe {qe:g}"
            )


def _console(quiet: bool = False) -> Console:
    """The terminal; a file or a pipe gets lines as wide as a page, unless COLUMNS says otherwise."""
    console = Console(quiet=quiet, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = 120
    return console


@contextmanager
def _one_line_errors(debug: bool) -> Iterator[None]:
    """Turn what goes wrong into one line and an exit status; a request to end counts as Ctrl-C."""
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        yield
    except KeyboardInterrupt:
        if debug:
            raise
        errors.print("[red]lumicrop:[/red] interrupted, nothing was written")
        raise typer.Exit(130) from None
    except Exception as error:
        if debug:
            raise
        errors.print(f"[red]lumicrop:[/red] {escape(_sentence(error))}")
        raise typer.Exit(1) from None
    finally:
        signal.signal(signal.SIGTERM, previous)


def _sentence(error: Exception) -> str:
    if isinstance(error, (InputError, lumicrop.Error)):
        return " ".join(str(error).split())
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, MemoryError):
        return "the memory of this machine does not suffice"
    return f"a fault of lumicrop itself, please report it (--debug shows where): {type(error).__name__}: {error}"


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
