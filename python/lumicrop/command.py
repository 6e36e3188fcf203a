"""The command ``lumicrop``: photons of a movie's detections, without a line of Python.

Exit status: 0 done; 1 a file, a value or the machine stands in the way (one line says what); 2 the command line is
wrong; 130 interrupted (Ctrl-C or SIGTERM).
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.markup import escape
from rich.table import Table
from typer.core import TyperGroup

import lumicrop

from . import command_options as option
from .ending_signals import SIGNALS, ending_signals
from .input_error import InputError
from .output_files import give_up_all
from .standard_output import in_one_line, print_error, print_json, terminal

#: Whether the process is there for the command alone; else somebody calls it within a program of their own.
_is_program = False
_UsageError = typer.BadParameter.__base__  # of click, or of Typer's copy of it


class _Commands(TyperGroup):
    """The commands; a command line that is wrong is told to machines, too, where they look for the result."""

    def parse_args(self, context, arguments):
        context.meta["lumicrop.as_json"] = "--json" in arguments
        return super().parse_args(context, arguments)

    def invoke(self, context):
        try:
            return super().invoke(context)
        except _UsageError as error:
            if context.meta["lumicrop.as_json"]:
                print_json({"error": error.format_message()})
            raise


app = typer.Typer(
    cls=_Commands,
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
    movie: option.Movie = None,
    table: option.Table = None,
    out: option.Out = None,
    settings: option.SettingsFile = None,
    method: option.Method = None,
    model: option.Model = None,
    size: option.CropSize = None,
    pixel_nm: option.PixelNm = None,
    gain: option.Gain = None,
    em_gain: option.EmGain = None,
    offset: option.Offset = None,
    read_noise: option.ReadNoise = None,
    qe: option.Qe = None,
    saturation: option.Saturation = None,
    aperture_px: option.AperturePx = None,
    aperture_y_px: option.ApertureYPx = None,
    aperture_theta_deg: option.ApertureThetaDeg = None,
    annulus_inner_px: option.AnnulusInnerPx = None,
    annulus_outer_px: option.AnnulusOuterPx = None,
    neighbour_radius_px: option.NeighbourRadiusPx = None,
    offset_map: option.OffsetMap = None,
    gain_map: option.GainMap = None,
    read_variance_map: option.ReadVarianceMap = None,
    bad_pixels: option.BadPixels = None,
    sigma_nm: option.SigmaNm = None,
    background: option.ForBackground = None,
    background_map: option.BackgroundMap = None,
    spline: option.Spline = None,
    columns: option.Columns = None,
    unit: option.Unit = None,
    origin: option.Origin = None,
    first_pixel_at: option.FirstPixelAt = None,
    first_frame: option.FirstFrame = None,
    swap_xy: option.SwapXY = None,
    padding: option.Padding = None,
    details: option.Details = None,
    strict: option.Strict = False,
    check_origin: option.CheckOrigin = True,
    check_camera: option.CheckCamera = True,
    backend: option.Backend = "auto",
    threads: option.Threads = 0,
    device: option.Device = -1,
    memory_budget: option.MemoryBudget = 0,
    plot: option.Plot = None,
    no_plot: option.NoPlot = False,
    report: option.Report = None,
    overwrite: option.Overwrite = False,
    as_json: option.Json = False,
    quiet: option.Quiet = False,
    debug: option.Debug = False,
) -> None:
    """Count the photons of every detection of TABLE in MOVIE.

    Writes the table again with columns added: lumicrop_photons (photons), lumicrop_background (photons per pixel),
    lumicrop_psf_sum and lumicrop_denominator (filter only), lumicrop_photons_sigma (joint, optimal, mle) and other
    --details, lumicrop_neighbours, lumicrop_flags, lumicrop_reason. Every column of the input is kept. A detection
    that cannot be counted is kept with NaN and the reason. Beside it: a picture, and a file of settings by which the
    run can be repeated (--settings).
    """
    with _one_line_errors(debug, as_json):
        from .integrate_command import Outputs, run  # h5py, pandas and tifffile take a second to load
        from .request import Request
        from .settings_file import read_settings

        request = Request(
            method=method, model=model, size=size, pixel_nm=pixel_nm, gain=gain, em_gain=em_gain, offset=offset,
            read_noise=read_noise, qe=qe, saturation=saturation, aperture_px=aperture_px,
            aperture_y_px=aperture_y_px, aperture_theta_deg=aperture_theta_deg, annulus_inner_px=annulus_inner_px,
            annulus_outer_px=annulus_outer_px, neighbour_radius_px=neighbour_radius_px, offset_map=offset_map, gain_map=gain_map,
            read_variance_map=read_variance_map, bad_pixels=bad_pixels, sigma_nm=sigma_nm, background=background,
            background_map=background_map, origin=origin,
            first_frame=first_frame, swap_xy=swap_xy, padding=padding, spline=spline, columns=columns, unit=unit,
            first_pixel_at=first_pixel_at, details=details,
        )  # fmt: skip
        if settings is not None:
            saved = read_settings(settings)
            movie, table, request = movie or saved.movie, table or saved.table, request.over(saved.request)
        if movie is None or table is None:
            raise typer.BadParameter("MOVIE and TABLE are needed" + (f": {settings} names none" if settings else ""))
        outputs = Outputs(out, plot, not no_plot, report, overwrite)
        where = {"backend": backend, "threads": threads, "device": device, "memory_budget": memory_budget}
        console = terminal(quiet)
        checks = {"strict": strict, "check_origin": check_origin, "check_camera": check_camera}
        run(movie, table, request, outputs, where, **checks, as_json=as_json, settings_file=settings, console=console)


@app.command()
def inspect(
    movie: option.InspectedMovie,
    table: option.InspectedTable = None,
    method: option.Method = None,
    model: option.Model = None,
    size: option.CropSize = None,
    pixel_nm: option.PixelNm = None,
    gain: option.Gain = None,
    em_gain: option.EmGain = None,
    offset: option.Offset = None,
    read_noise: option.ReadNoise = None,
    qe: option.Qe = None,
    saturation: option.Saturation = None,
    aperture_px: option.AperturePx = None,
    aperture_y_px: option.ApertureYPx = None,
    aperture_theta_deg: option.ApertureThetaDeg = None,
    annulus_inner_px: option.AnnulusInnerPx = None,
    annulus_outer_px: option.AnnulusOuterPx = None,
    neighbour_radius_px: option.NeighbourRadiusPx = None,
    offset_map: option.OffsetMap = None,
    gain_map: option.GainMap = None,
    read_variance_map: option.ReadVarianceMap = None,
    bad_pixels: option.BadPixels = None,
    sigma_nm: option.SigmaNm = None,
    background: option.ForBackground = None,
    background_map: option.BackgroundMap = None,
    columns: option.Columns = None,
    unit: option.Unit = None,
    origin: option.Origin = None,
    first_pixel_at: option.FirstPixelAt = None,
    first_frame: option.FirstFrame = None,
    swap_xy: option.SwapXY = None,
    details: option.Details = None,
    check_origin: option.CheckOrigin = True,
    check_camera: option.CheckCamera = True,
    as_json: option.Json = False,
    debug: option.Debug = False,
) -> None:
    """Show what MOVIE and TABLE are, and what integrate would take from them and assume. Nothing is written."""
    with _one_line_errors(debug, as_json):
        from .inspect_command import run
        from .request import Request

        request = Request(
            method=method, model=model, size=size, pixel_nm=pixel_nm, gain=gain, em_gain=em_gain, offset=offset,
            read_noise=read_noise, qe=qe, saturation=saturation, aperture_px=aperture_px,
            aperture_y_px=aperture_y_px, aperture_theta_deg=aperture_theta_deg, annulus_inner_px=annulus_inner_px,
            annulus_outer_px=annulus_outer_px, neighbour_radius_px=neighbour_radius_px, offset_map=offset_map, gain_map=gain_map,
            read_variance_map=read_variance_map, bad_pixels=bad_pixels, sigma_nm=sigma_nm, background=background,
            background_map=background_map, origin=origin,
            first_frame=first_frame, swap_xy=swap_xy, columns=columns, unit=unit,
            first_pixel_at=first_pixel_at, details=details,
        )  # fmt: skip
        checks = {"check_origin": check_origin, "check_camera": check_camera}
        run(movie, table, request, **checks, as_json=as_json, console=terminal())


@app.command()
def camera(
    movie: option.JudgedMovie = None,
    dark: option.Dark = None,
    flat: option.Flat = None,
    offset: option.KnownOffset = None,
    read_noise: option.KnownReadNoise = None,
    em_gain: option.KnownEmGain = None,
    out: option.CameraOut = None,
    no_plot: option.NoPlot = False,
    overwrite: option.Overwrite = False,
    as_json: option.Json = False,
    quiet: option.Quiet = False,
    debug: option.Debug = False,
) -> None:
    """Estimate gain, offset and read noise from the noise of MOVIE, and make maps from dark and flat frames.

    A movie alone tells the gain where its light varies over field or time; offset and read noise only together. With
    --dark, or --offset and --read-noise, it tells the gain in even light, too. With --dark and --flat every pixel's offset,
    gain and read-out variance are written as .npy.
    """
    with _one_line_errors(debug, as_json):
        from .camera_command import Asked, run

        asked = Asked(movie, dark, tuple(flat or ()), offset, read_noise, em_gain)
        if movie is None and not (dark and flat):
            raise typer.BadParameter("MOVIE is needed, or --dark and --flat")
        if flat and dark is None:
            raise typer.BadParameter("--flat needs --dark: gains are slopes through the dark frames")
        if dark is not None and (offset is not None or read_noise is not None):
            raise typer.BadParameter("--dark tells offset and read noise: leave --offset and --read-noise out")
        run(asked, out, has_picture=not no_plot, overwrite=overwrite, as_json=as_json, console=terminal(quiet))


@app.command()
def info(debug: option.Debug = False) -> None:
    """Show the version, and which backends are compiled in, found and usable, with the reason."""
    with _one_line_errors(debug):
        console = terminal()
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
    read_noise: option.TrueReadNoise = 1.5,
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
        console = terminal(quiet)
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


@contextmanager
def _one_line_errors(debug: bool, as_json: bool = False) -> Iterator[None]:
    """Turn what goes wrong into one line and an exit status; a request to end counts as Ctrl-C."""

    def end_at_last() -> None:
        give_up_all()
        print_error("interrupted, although something did not answer; nothing was written", as_json)
        os._exit(130)

    with ending_signals(end_at_last, deaf_then=_is_program):
        try:
            yield
        except (typer.Exit, typer.BadParameter):
            raise
        except KeyboardInterrupt as interruption:
            if debug:
                raise
            print_error(in_one_line(str(interruption)) or "interrupted, nothing was written", as_json)
            raise typer.Exit(130) from None
        except Exception as error:
            if debug:
                raise
            print_error(in_one_line(_sentence(error)), as_json)
            raise typer.Exit(1) from None


def _sentence(error: Exception) -> str:
    if isinstance(error, (InputError, lumicrop.Error)):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        named = isinstance(error.filename, (str, bytes, os.PathLike)) and error.filename
        return f"{os.fsdecode(named)}: {error.strerror}" if named else error.strerror
    if isinstance(error, MemoryError):
        return "the memory of this machine does not suffice"
    return f"a fault of lumicrop itself, please report it (--debug shows where): {type(error).__name__}: {error}"


def _end_before_the_beginning(*_: object) -> None:
    """While the command line is being read nothing is open yet."""
    print_error("interrupted, nothing was written", as_json="--json" in sys.argv)
    os._exit(130)


def main() -> None:
    """Entry point of the console script."""
    global _is_program
    _is_program = True
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _end_before_the_beginning)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # what others say about fonts and old formats helps nobody here
        logging.getLogger().addHandler(logging.NullHandler())
    try:
        app()
    except SystemExit as end:
        if end.code == 130:
            os._exit(130)  # a thread that hangs in a file would be waited for
        raise


if __name__ == "__main__":
    main()
