"""What ``lumicrop camera`` does: a camera's numbers from a movie's noise, and its maps from dark and flat frames."""

from __future__ import annotations

import io
import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy
from rich.console import Console

from .camera import (
    CalibrationMaps,
    PhotonTransfer,
    Stack,
    calibration_maps,
    noise_sums,
    photon_transfer,
    sample_runs,
    stack_of,
)
from .camera.pixel_noise import is_large_enough
from .camera_findings import describe_findings, show_findings
from .console_output import progress_bar
from .ending_signals import hear_no_more
from .input_error import InputError
from .input_files import WatchedFiles, refuse_pipe
from .movies import Movie, open_movie, split_name
from .output_files import OutputFiles
from .standard_output import as_text, print_json

#: Pixels of frame differences to look at: eight times what a run's quick look takes.
_PIXELS = 1 << 23


@dataclass(frozen=True)
class Asked:
    """What the caller gives.

    Attributes
    ----------
    movie, dark : str or None
        Sources of movies; ``file::name`` names a dataset within.
    flats : tuple of str
        One for each level of light.
    offset, read_noise, em_gain : float or None
        [ADU], [e-] and the mean multiplication, where known.
    """

    movie: str | None
    dark: str | None = None
    flats: tuple[str, ...] = ()
    offset: float | None = None
    read_noise: float | None = None
    em_gain: float | None = None


def run(
    asked: Asked, out: Path | None, *, has_picture: bool = True, overwrite: bool = False, as_json: bool = False, console: Console
) -> None:  # fmt: skip
    """Estimate and show a camera's numbers, and write a picture and the maps: all of them or none.

    Parameters
    ----------
    asked : Asked
    out : pathlib.Path or None
        Beginning of the names of the files to write. None: the movie's, or the dark frames', with ``_camera``.
    has_picture : bool, default True
        Write ``OUT.png``.
    overwrite : bool, default False
        Replace files that exist.
    as_json : bool, default False
        Show one JSON document, and nothing else.
    console : rich.console.Console

    Raises
    ------
    InputError, OSError
        One sentence says what is wrong; nothing was written.
    """
    shown = Console(quiet=True) if as_json else console
    with ExitStack() as opened:
        read = WatchedFiles()
        movie, dark_movie, *flat_movies = (
            None if source is None else _opened(source, what, opened, read)
            for source, what in (
                (asked.movie, "movie"),
                (asked.dark, "dark"),
                *((flat, "flat") for flat in asked.flats),
            )
        )
        em_gain, em_source = _em_gain(asked, movie)
        movies = [each for each in (movie, dark_movie, *flat_movies) if each is not None]
        names = _names(out, movies, asked, movie is not None, has_picture)
        with OutputFiles(list(names.values()), overwrite) as files:
            dark, flats = _stacks(shown, dark_movie, flat_movies)
            transfer = None if movie is None else _transfer(movie, dark, asked, em_gain)
            gain = transfer.gain if transfer is not None and transfer.way else None
            maps = None if dark is None else calibration_maps(dark, flats, gain=gain, em_gain=em_gain)
            written = _write(transfer, maps, names, files, movies[0].path.name)
            for name in set(names) - set(written):
                raise InputError(f"{names[name]}: {_WITHOUT[name]}")
            opened.close()
            read.refuse_changes()
            files.publish()
        described = describe_findings(asked.offset, asked.read_noise, movie, transfer, maps, em_gain)
        show_findings(shown, movie, transfer, described, em_gain, em_source)
        for target in names.values():
            shown.print(f"wrote {as_text(str(target))}", soft_wrap=True)
        if as_json:
            print_json({**described, "written": [str(target) for target in names.values()]})
        hear_no_more()


def _opened(source: str, what: str, opened: ExitStack, read: WatchedFiles) -> Movie:
    path, _ = split_name(source)
    refuse_pipe(path, what)
    read.watch([path])
    movie = opened.enter_context(open_movie(source))
    read.watch(movie.inputs)
    return movie


def _em_gain(asked: Asked, movie: Movie | None) -> tuple[float, str]:
    """EM gain, and who says so."""
    if asked.em_gain is not None:
        return asked.em_gain, "given"
    for statement in movie.statements if movie is not None else ():
        if statement.quantity == "em_gain":
            return float(statement.value), statement.source
    return 1.0, "nobody says"


#: Why a file that was announced has nothing in it.
_WITHOUT = {"read_variance": "no gain is determined to tell electrons with: give --flat, or a movie whose light varies"}


def _names(out: Path | None, movies: list[Movie], asked: Asked, has_movie: bool, has_picture: bool) -> dict[str, Path]:
    """The files to write, none of which is read."""
    first = movies[0].path
    prefix = out if out is not None else first.with_name(f"{first.stem}_camera")
    names = {}
    if has_picture:
        names["picture"] = prefix.with_name(prefix.name + ".png")
    if asked.dark is not None:
        names |= {kind: prefix.with_name(f"{prefix.name}_{kind}.npy") for kind in ("offset", "read_variance")}
        if asked.flats:
            names["gain"] = prefix.with_name(f"{prefix.name}_gain.npy")
    inputs = {os.path.realpath(path) for movie in movies for path in movie.inputs}
    for target in names.values():
        if os.path.realpath(target) in inputs:
            raise InputError(f"{target}: this file is read: give the output another name")
    return names


def _stacks(console: Console, dark_movie: Movie | None, flat_movies: list[Movie]) -> tuple[Stack | None, list[Stack]]:
    if dark_movie is None:
        return None, []
    total = 2 * sum(movie.shape[0] for movie in (dark_movie, *flat_movies))
    done = 0
    with progress_bar(console, "frames", total) as progress:
        dark = stack_of(dark_movie, progress=progress)
        flats = []
        for movie in flat_movies:
            done += 2 * (dark_movie if not flats else flat_movies[len(flats) - 1]).shape[0]
            flats.append(stack_of(movie, dark, progress=lambda n, done=done: progress(done + n)))
    return dark, flats


def _transfer(movie: Movie, dark: Stack | None, asked: Asked, em_gain: float) -> PhotonTransfer:
    if movie.shape[0] < 2 or not is_large_enough(movie.shape[1:]):
        n_frames, height, width = movie.shape
        raise InputError(
            f"{movie.path}: {n_frames} frame{'' if n_frames == 1 else 's'} of {height} x {width} px: noise needs neighbouring "
            "frames of at least 16 px each way"
        )
    sums = noise_sums(sample_runs(movie, _PIXELS))
    if not sums.n_places:
        raise InputError(f"{movie.path}: all pixels that were looked at are saturated or no numbers")
    if dark is None:
        known = {"camera_offset": asked.offset, "read_noise": asked.read_noise}
    else:
        known = {"camera_offset": float(dark.mean.mean()), "read_variance_adu": float(dark.variance.mean())}
    return photon_transfer(sums, em_gain=em_gain, **known)


def _write(
    transfer: PhotonTransfer | None,
    maps: CalibrationMaps | None,
    names: dict[str, Path],
    files: OutputFiles,
    title: str,
) -> set[str]:
    """Write what there is; gives its names."""
    written = set()
    for kind in ("offset", "gain", "read_variance"):
        values = None if maps is None else getattr(maps, kind)
        if kind in names and values is not None:
            content = io.BytesIO()  # NumPy would not say that a disk is full
            numpy.save(content, values, allow_pickle=False)
            with files.writing(names[kind]) as path:
                path.write_bytes(content.getbuffer())
            written.add(kind)
    if "picture" in names:
        from .camera.transfer_plot import draw_transfer  # matplotlib takes a second to load

        with files.writing(names["picture"]) as path:
            draw_transfer(transfer, maps, f"The camera of {title}", path)
        written.add("picture")
    return written
